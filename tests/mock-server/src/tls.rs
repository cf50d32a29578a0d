//! TLS between a connection and its socket: input is decrypted, output is encrypted, and where each record ends is known.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection};

/// One connection's TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    session: ServerConnection,
    is_counted: bool,
}

/// Where plaintext ends, and where its records do: offsets in one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// In the plaintext.
    pub(crate) plain: usize,
    /// In what is written.
    pub(crate) sealed: usize,
}

/// What clients requested in their handshakes.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    /// Handshakes of strangers.
    pub(crate) full: u64,
    /// Handshakes that went on with an earlier session.
    pub(crate) resumed: u64,
    /// Handshakes that agreed on `http/1.1`.
    pub(crate) http11: u64,
    /// How often each server name was requested.
    pub(crate) names: BTreeMap<String, u64>,
}

/// A configuration with this certificate and key, both PEM.
pub(crate) fn config(certificate: &Path, key: &Path) -> io::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Tls {
    /// A connection that has yet to shake hands.
    pub(crate) fn new(config: &Arc<ServerConfig>) -> io::Result<Self> {
        let mut session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        session.set_buffer_limit(None);
        Ok(Self { session, is_counted: false })
    }

    /// Decrypts bytes off the wire; appends their content to `plain`.
    pub(crate) fn open(
        &mut self,
        mut bytes: &[u8],
        plain: &mut Vec<u8>,
        handshakes: &mut Handshakes,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            self.session.read_tls(&mut bytes)?;
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            let begin = plain.len();
            plain.resize(begin + state.plaintext_bytes_to_read(), 0);
            self.session.reader().read_exact(&mut plain[begin..])?;
        }
        if !self.session.is_handshaking() && !self.is_counted {
            self.is_counted = true;
            handshakes.count(&self.session);
        }
        Ok(())
    }

    /// TLS's own bytes to be written.
    pub(crate) fn outgoing(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(out)?;
        }
        Ok(())
    }

    /// Encrypts plaintext into records; returns where each ends.
    pub(crate) fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<Vec<End>> {
        self.outgoing(out)?;
        let mut ends = Vec::new();
        let mut end = 0;
        for piece in plain.chunks(RECORD_MAX) {
            self.session.writer().write_all(piece)?;
            self.outgoing(out)?;
            end += piece.len();
            ends.push(End { plain: end, sealed: out.len() });
        }
        Ok(ends)
    }
}

impl Handshakes {
    fn count(&mut self, session: &ServerConnection) {
        match session.handshake_kind() {
            Some(HandshakeKind::Resumed) => self.resumed += 1,
            _ => self.full += 1,
        }
        self.http11 += u64::from(session.alpn_protocol() == Some(b"http/1.1"));
        if let Some(name) = session.server_name() {
            *self.names.entry(name.to_owned()).or_default() += 1;
        }
    }
}

/// The most plaintext that one record holds (RFC 8446 §5.1).
const RECORD_MAX: usize = 1 << 14;
