//! Trusted certificates, and a first handshake that reports to the user what is wrong before a run starts.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How connections are encrypted: trusting the certificates of `authorities` (PEM) instead of the system's, or, with
/// `insecure`, accepting any certificate. All connections share it, and with it their sessions.
///
/// # Errors
/// When the certificates can't be read, as text for the user.
pub fn config(authorities: Option<&[u8]>, insecure: bool) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = if insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth()
    } else {
        let roots = Arc::new(roots(authorities)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|_no_root| NO_AUTHORITIES.to_owned())?;
        let pinned = authorities.map(certificates).transpose()?.unwrap_or_default();
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinning { verifier, pinned }))
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(authorities: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = authorities else {
        // A system without certificates trusts no server; the handshake's error states it.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(roots) }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>();
    certificates.map_err(|error| format!("it is no PEM file: {error}"))
}

/// Performs one handshake, and closes the connection.
///
/// # Errors
/// What went wrong: the peer's certificate, its protocol, or that it does not support TLS.
pub fn try_out(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
    address: &SocketAddr,
) -> io::Result<()> {
    let started = clock::mono();
    let mut socket = TcpStream::connect_timeout(address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut session = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(|error| in_words(&error))?;
        // One byte now and then is no answer.
        if (clock::mono() - started).as_seconds() > 2.0 * PATIENCE.as_secs_f64() {
            return Err(in_words(&io::ErrorKind::TimedOut.into()));
        }
    }
    session.send_close_notify();
    // A response to the close is of no interest.
    session.complete_io(&mut socket).ok();
    Ok(())
}

/// What went wrong, with its cause and its cure: a socket's timeout reads as "temporarily unavailable".
fn in_words(error: &io::Error) -> io::Error {
    let tls = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let message = match (error.kind(), tls) {
        (io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut, _) => {
            format!("the server did not answer the TLS handshake within {} s; {NO_TLS}", PATIENCE.as_secs())
        }
        (io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset, _) => {
            format!("the server closed the connection in the TLS handshake; {NO_TLS}")
        }
        (_, Some(rustls::Error::InvalidMessage(_))) => format!("the server did not answer with TLS; {NO_TLS}"),
        (_, Some(rustls::Error::NoApplicationProtocol))
        | (_, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol))) => {
            "the server does not offer HTTP/1.1 (ALPN), the only protocol supported: servers of HTTP/2 alone can't be \
             measured"
                .to_owned()
        }
        (_, Some(error @ rustls::Error::InvalidCertificate(_))) => {
            let what =
                if is_authority(error) { "its certificate is self-signed".to_owned() } else { error.to_string() };
            format!(
                "{what}; --ca-certificate FILE trusts an authority of your own, or that very certificate, --insecure accepts \
                 any certificate"
            )
        }
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), message)
}

/// Verifies as web clients do, and trusts a certificate that the user named itself, whether it is an authority or not: curl
/// and OpenSSL do, for a server's self-signed certificate.
#[derive(Debug)]
struct Pinning {
    verifier: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Pinning {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // Its time was looked at before that; what is left is its name.
            Err(error) if is_authority(&error) && self.pinned.iter().any(|pinned| pinned == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Whether a certificate was refused because it is an authority's, and for nothing else.
fn is_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Trusts whatever certificate it is shown, for `--insecure`.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What to look at when a server does not support TLS.
const NO_TLS: &str = "if this port has no TLS, use a URL that starts with http://";
/// Without authorities no server is trusted.
const NO_AUTHORITIES: &str =
    "this host has no certificate authorities: install them (ca-certificates), or name a file";
/// How long a server may take to shake hands before a run.
const PATIENCE: Duration = Duration::from_secs(10);
