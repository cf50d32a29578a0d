//! The head of a request on the wire.

/// The head of requests to one target, with places for the ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    bytes: Vec<u8>,
    request_id_at: Option<usize>,
    session_id_at: Option<usize>,
}

impl Head {
    /// The head of a `POST`. `fixed_headers` are whole lines without their line ends; no header among them is added again,
    /// `Host` and the ids not excepted.
    #[must_use]
    pub fn post(path: &str, host: &str, fixed_headers: &[String], session_header: &str) -> Self {
        let mut head = format!("POST {path} HTTP/1.1\r\n");
        if !has_header(fixed_headers, "Host") {
            head.push_str("Host: ");
            head.push_str(host);
            head.push_str("\r\n");
        }
        for header in fixed_headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        let mut id_at = |name: &str| {
            if has_header(fixed_headers, name) {
                return None;
            }
            head.push_str(name);
            head.push_str(": ");
            let at = head.len();
            head.push_str(&" ".repeat(ID_LENGTH));
            head.push_str("\r\n");
            Some(at)
        };
        let (request_id_at, session_id_at) = (id_at(REQUEST_ID), id_at(session_header));
        head.push_str("Content-Length: ");
        Self { bytes: head.into_bytes(), request_id_at, session_id_at }
    }

    /// Writes the request with its ids behind what is in `bytes`.
    pub(super) fn write(&self, bytes: &mut Vec<u8>, ids: [&[u8; ID_LENGTH]; 2], body: &[u8]) {
        let begin = bytes.len();
        bytes.reserve(self.bytes.len() + CONTENT_LENGTH_MAX + body.len());
        bytes.extend_from_slice(&self.bytes);
        for (at, id) in [self.request_id_at, self.session_id_at].into_iter().zip(ids) {
            if let Some(at) = at {
                bytes[begin + at..begin + at + ID_LENGTH].copy_from_slice(id);
            }
        }
        bytes.extend_from_slice(body.len().to_string().as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(body);
    }
}

/// Whether one of these header lines has this name.
#[must_use]
pub fn has_header(lines: &[String], name: &str) -> bool {
    lines.iter().any(|line| line.split(':').next().is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// The header of a request's id.
pub const REQUEST_ID: &str = "X-Request-ID";
/// Characters of an id on the wire.
const ID_LENGTH: usize = 36;
/// The digits of a length, and what ends the head.
const CONTENT_LENGTH_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(headers: &[&str]) -> String {
        let headers = headers.iter().map(|header| (*header).to_owned()).collect::<Vec<_>>();
        let head = Head::post("/v1/x", "server:80", &headers, "X-Correlation-ID");
        let mut bytes = Vec::new();
        head.write(&mut bytes, [&[b'r'; ID_LENGTH], &[b's'; ID_LENGTH]], b"body");
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_header_is_sent_twice() {
        let (request, session) = ("r".repeat(ID_LENGTH), "s".repeat(ID_LENGTH));
        let expected = format!(
            "POST /v1/x HTTP/1.1\r\nHost: server:80\r\nAccept: a\r\nX-Request-ID: {request}\r\n\
             X-Correlation-ID: {session}\r\nContent-Length: 4\r\n\r\nbody"
        );
        assert_eq!(written(&["Accept: a"]), expected, "what we add");
        let expected = "POST /v1/x HTTP/1.1\r\nhost: other\r\nx-request-id: mine\r\nX-CORRELATION-ID: also\r\n\
                        Content-Length: 4\r\n\r\nbody";
        assert_eq!(
            written(&["host: other", "x-request-id: mine", "X-CORRELATION-ID: also"]),
            expected,
            "a user's take the place of ours"
        );
    }
}
