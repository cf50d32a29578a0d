//! Whom to trust, and a first handshake that tells a user what is wrong before a run begins.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How connections are encrypted: trusting the certificates of `authorities` (PEM) instead of the system's, or, with
/// `insecure`, anybody. All connections share it, and with it their sessions.
///
/// # Errors
/// When the certificates can't be read, in words for the user.
pub fn config(authorities: Option<&[u8]>, insecure: bool) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = if insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth()
    } else {
        builder.with_root_certificates(roots(authorities)?).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(authorities: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = authorities else {
        // A system without certificates trusts nobody; the handshake says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("it is no PEM file: {error}"))?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(roots) }
}

/// Shakes hands once, and hangs up.
///
/// # Errors
/// What went wrong: the peer's certificate, its protocol, or that it speaks no TLS.
pub fn try_out(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
    address: &SocketAddr,
) -> io::Result<()> {
    let begun = crate::clock::mono();
    let mut socket = TcpStream::connect_timeout(address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut session = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(in_words)?;
        // One byte now and then is no answer.
        if (crate::clock::mono() - begun).as_seconds() > 2.0 * PATIENCE.as_secs_f64() {
            return Err(in_words(io::ErrorKind::TimedOut.into()));
        }
    }
    session.send_close_notify();
    // What it says to a goodbye is of no interest.
    session.complete_io(&mut socket).ok();
    Ok(())
}

/// A socket's timeout reads as "temporarily unavailable"; a user wants to know that nothing answered.
fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            let seconds = PATIENCE.as_secs();
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "the server did not answer the TLS handshake within {seconds} s; does it speak TLS on this port?"
                ),
            )
        }
        _ => error,
    }
}

/// Trusts whatever certificate it is shown, for `--insecure`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
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

/// How long a server may take to shake hands before a run.
const PATIENCE: Duration = Duration::from_secs(10);
