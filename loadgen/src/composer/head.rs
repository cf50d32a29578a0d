//! What a request begins with on the wire.

/// What a request to one target begins with, with places for the ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    bytes: Vec<u8>,
    request_id_at: usize,
    session_id_at: usize,
}

impl Head {
    /// The head of a `POST`. `fixed_headers` are whole lines without their line ends.
    #[must_use]
    pub fn post(path: &str, host: &str, fixed_headers: &[String], session_header: &str) -> Self {
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n");
        for header in fixed_headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("X-Request-ID: ");
        let request_id_at = head.len();
        head.push_str(&" ".repeat(ID_LENGTH));
        head.push_str("\r\n");
        head.push_str(session_header);
        head.push_str(": ");
        let session_id_at = head.len();
        head.push_str(&" ".repeat(ID_LENGTH));
        head.push_str("\r\nContent-Length: ");
        Self { bytes: head.into_bytes(), request_id_at, session_id_at }
    }

    /// Writes the request with its ids behind what is in `bytes`.
    pub(super) fn write(&self, bytes: &mut Vec<u8>, ids: [&[u8; ID_LENGTH]; 2], body: &[u8]) {
        let begin = bytes.len();
        bytes.reserve(self.bytes.len() + CONTENT_LENGTH_MAX + body.len());
        bytes.extend_from_slice(&self.bytes);
        for (at, id) in [self.request_id_at, self.session_id_at].into_iter().zip(ids) {
            bytes[begin + at..begin + at + ID_LENGTH].copy_from_slice(id);
        }
        bytes.extend_from_slice(body.len().to_string().as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(body);
    }
}

/// Characters of an id on the wire.
const ID_LENGTH: usize = 36;
/// The digits of a length, and what ends the head.
const CONTENT_LENGTH_MAX: usize = 24;
