//! HOT: TLS over bytes that the caller transports: records in, plaintext out, and where each record ends on the wire.
//! Budget: docs/BUDGET.md, "TLS".
//!
//! A byte of plaintext is there when the record that holds it is whole, so what was cut from a record ends, for the
//! join with the kernel's stamps, where the record ends.

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// One connection's TLS.
pub struct Tls {
    session: ClientConnection,
    /// The record that has started and is not whole.
    partial: Vec<u8>,
    plaintext: Vec<u8>,
    /// Bytes of whole records received.
    received: u64,
}

impl Tls {
    /// A connection whose handshake is still to be done.
    ///
    /// # Errors
    /// When the configuration is not usable.
    pub fn new(config: &Arc<ClientConfig>, name: &ServerName<'static>) -> Result<Self, rustls::Error> {
        let mut session = ClientConnection::new(Arc::clone(config), name.clone())?;
        session.set_buffer_limit(None);
        Ok(Self { session, partial: Vec::new(), plaintext: Vec::new(), received: 0 })
    }

    /// Whether requests may be sent.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.session.is_handshaking()
    }

    /// Bytes of whole records received, on the wire.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// All bytes received, on the wire.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.received + self.partial.len() as u64
    }

    /// Memory that it holds of records that are not whole.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.partial.capacity() + self.plaintext.capacity()
    }

    /// Bytes of TLS itself that must be sent.
    #[must_use]
    pub fn outgoing(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append(&mut bytes);
        bytes
    }

    /// Appends the records of a request, after what is left of the handshake, and returns the length of that.
    pub fn seal(&mut self, request: &[u8], records: &mut Vec<u8>) -> u64 {
        let begin = records.len();
        records.reserve(request.len() + RECORD_ROOM);
        self.append(records);
        let handshake = records.len() - begin;
        // The session buffers without a limit.
        if self.session.writer().write_all(request).is_ok() {
            self.append(records);
        }
        handshake as u64
    }

    /// A vector accepts everything, so that nothing can fail.
    fn append(&mut self, bytes: &mut Vec<u8>) {
        while self.session.wants_write() && self.session.write_tls(bytes).is_ok() {}
    }

    /// Consumes bytes up to the end of the next record; returns whether one was whole. Its plaintext is [`Tls::plaintext`]
    /// then.
    ///
    /// # Errors
    /// The peer's mistake: its certificate, its records.
    pub fn take_record(&mut self, bytes: &mut &[u8]) -> Result<bool, rustls::Error> {
        let wanted = loop {
            let wanted = match self.partial.get(3..HEADER) {
                Some(&[high, low]) => HEADER + usize::from(u16::from_be_bytes([high, low])),
                _ => HEADER,
            };
            let missing = (wanted - self.partial.len()).min(bytes.len());
            let (taken, rest) = bytes.split_at(missing);
            self.partial.extend_from_slice(taken);
            *bytes = rest;
            if self.partial.len() < wanted {
                return Ok(false);
            }
            if wanted > HEADER || self.partial.get(3..HEADER) == Some(&[0, 0]) {
                break wanted;
            }
        };
        let mut record = self.partial.as_slice();
        while !record.is_empty() {
            let broken = |error: io::Error| rustls::Error::General(error.to_string());
            self.session.read_tls(&mut record).map_err(broken)?;
            let state = self.session.process_new_packets()?;
            let begin = self.plaintext.len();
            self.plaintext.resize(begin + state.plaintext_bytes_to_read(), 0);
            self.session.reader().read_exact(&mut self.plaintext[begin..]).map_err(broken)?;
        }
        self.received += wanted as u64;
        self.partial.clear();
        Ok(true)
    }

    /// Takes the plaintext of the records since the last call.
    pub fn plaintext(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plaintext)
    }

    /// Returns the buffer of plaintext.
    pub fn give_back(&mut self, mut plaintext: Vec<u8>) {
        plaintext.clear();
        self.plaintext = plaintext;
    }
}

/// Bytes of a record's header (RFC 8446 §5.1): type, version, length.
const HEADER: usize = 5;
/// What records add to a request of ordinary length.
const RECORD_ROOM: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls;
    use rustls::pki_types::CertificateDer;
    use rustls::{ServerConfig, ServerConnection};

    /// A server with a certificate of its own making, and a client that trusts it.
    fn pair() -> (Tls, ServerConnection) {
        let made = rcgen::generate_simple_self_signed(vec!["server.test".to_owned()]).unwrap();
        let server = server(made.cert.der().clone(), made.signing_key.serialize_der());
        (client(&made.cert.pem(), "server.test"), server)
    }

    fn client(trusted: &str, name: &str) -> Tls {
        let config = tls::config(Some(trusted.as_bytes()), false).unwrap();
        Tls::new(&config, &ServerName::try_from(name.to_owned()).unwrap()).unwrap()
    }

    fn server(certificate: CertificateDer<'static>, key: Vec<u8>) -> ServerConnection {
        let key = rustls::pki_types::PrivateKeyDer::try_from(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        ServerConnection::new(Arc::new(server)).unwrap()
    }

    /// Moves bytes to the server, and its response back in pieces of `step` bytes; returns the client's plaintext.
    fn exchange(
        client: &mut Tls,
        server: &mut ServerConnection,
        mut sent: Vec<u8>,
        step: usize,
    ) -> Vec<(Vec<u8>, u64)> {
        let mut got = Vec::new();
        for _ in 0..10 {
            sent.extend(client.outgoing());
            let mut rest = sent.as_slice();
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets().unwrap();
            }
            sent.clear();
            let mut answer = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut answer).unwrap();
            }
            for mut piece in answer.chunks(step) {
                while client.take_record(&mut piece).unwrap() {
                    got.push((client.plaintext(), client.received()));
                }
            }
            if answer.is_empty() && sent.is_empty() && client.is_ready() {
                break;
            }
        }
        got.retain(|(plaintext, _)| !plaintext.is_empty());
        got
    }

    fn check(step: usize) {
        let (mut client, mut server) = pair();
        exchange(&mut client, &mut server, Vec::new(), step);
        assert!(client.is_ready(), "hands are shaken, {step} bytes at a time");
        let before = client.received();
        let mut sent = Vec::new();
        let handshake = client.seal(b"question", &mut sent);
        assert_eq!(handshake, 0, "the handshake was over");
        server.writer().write_all(b"one").unwrap();
        server.writer().write_all(b"two").unwrap();
        let got = exchange(&mut client, &mut server, sent, step);
        let mut question = [0; 8];
        server.reader().read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question", "what the client sealed");
        let texts = got.iter().map(|(text, _)| text.as_slice()).collect::<Vec<_>>();
        assert_eq!(texts, [b"one".as_slice(), b"two"], "a record each");
        // Header, content type and tag are 5 + 1 + 16 bytes (TLS 1.3 with an AEAD of 16 bytes).
        assert!(got[0].1 > before && got[1].1 == got[0].1 + 3 + 22, "where each ends on the wire: {got:?}");
        assert_eq!(client.offset(), client.received(), "nothing is left over");
    }

    #[test]
    fn records_are_decrypted_however_they_arrive() {
        for step in [1, 7, 100, 100_000] {
            check(step);
        }
    }

    /// What the client makes of the server's first flight.
    fn greeted(client: &mut Tls, server: &mut ServerConnection) -> Option<rustls::Error> {
        server.read_tls(&mut client.outgoing().as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        let mut rest = answer.as_slice();
        (0..10).find_map(|_| client.take_record(&mut rest).err())
    }

    /// A self-signed certificate that is also an authority's is what many servers have: named by the user, it is trusted.
    #[test]
    fn an_authority_that_is_the_server_itself_is_trusted_where_it_is_named() {
        let authority = |name: &str| {
            let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = rcgen::KeyPair::generate().unwrap();
            (params.self_signed(&key).unwrap(), key.serialize_der())
        };
        let (certificate, key) = authority("server.test");
        let start = || server(certificate.der().clone(), key.clone());
        let named = greeted(&mut client(&certificate.pem(), "server.test"), &mut start());
        assert_eq!(named, None, "it is the user's own");
        let (other, _) = authority("server.test");
        let stranger = greeted(&mut client(&other.pem(), "server.test"), &mut start());
        assert!(
            matches!(stranger, Some(rustls::Error::InvalidCertificate(_))),
            "another of that name: {stranger:?}"
        );
        let elsewhere = greeted(&mut client(&certificate.pem(), "other.test"), &mut start());
        assert!(
            matches!(elsewhere, Some(rustls::Error::InvalidCertificate(_))),
            "another name: {elsewhere:?}"
        );
    }

    #[test]
    fn a_stranger_is_refused() {
        let (_, mut server) = pair();
        let config = tls::config(None, false).unwrap();
        let mut client = Tls::new(&config, &ServerName::try_from("server.test").unwrap()).unwrap();
        let refused = greeted(&mut client, &mut server);
        assert!(matches!(refused, Some(rustls::Error::InvalidCertificate(_))), "{refused:?}");
    }
}
