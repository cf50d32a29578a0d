//! Frames HTTP/1.1 requests (RFC 9112): heads, lengths and chunks of what a client sends, and what is no HTTP/1.1.

use super::stream::Content;
use memchr::memchr;

/// One connection's requests, one after the other.
#[derive(Debug, Default)]
pub struct Requests {
    state: State,
    /// Bytes of a head or chunk line that is not whole yet.
    carry: Vec<u8>,
    /// The offset of the next byte.
    offset: u64,
    question: Question,
}

/// The content of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The offset of its first byte.
    pub begin: u64,
    /// Its method.
    pub method: String,
    /// The path of its target, without the query.
    pub path: String,
    /// Its `X-Request-ID`, if it has one.
    pub client_request_id: String,
    /// Its body, as far as it was captured and is kept.
    pub body: Vec<u8>,
    /// Whether that is all of the body.
    pub is_whole: bool,
}

/// What was found in the bytes fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The request is not whole yet.
    More,
    /// Its head is whole: [`Requests::question`] knows its method and path.
    Head,
    /// All of it is there.
    Complete,
}

/// Why bytes are no HTTP/1.1 request that can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotFollowed {
    /// The connection is encrypted.
    #[error("tls")]
    Tls,
    /// The connection carries HTTP/2.
    #[error("http2")]
    Http2,
    /// The connection carries another protocol.
    #[error("not_http")]
    NotHttp,
    /// Bytes of a head or of chunk framing were not captured.
    #[error("framing_not_captured")]
    Hole,
    /// The request switches protocols.
    #[error("upgrade")]
    Upgrade,
    /// More requests than any client pipelines wait for their responses.
    #[error("unanswered")]
    Unanswered,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Length {
        left: u64,
    },
    ChunkSize,
    Chunk {
        left: u64,
    },
    ChunkEnd,
    Trailers,
}

impl Requests {
    /// Awaits a request whose first byte has this offset.
    pub fn seek(&mut self, offset: u64) {
        self.state = State::Head;
        self.carry.clear();
        self.offset = offset;
    }

    /// The offset of the next byte.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The offset of the request whose head is being read, or of the next one.
    #[must_use]
    pub fn begin(&self) -> u64 {
        let reads_head = self.state == State::Head && !self.carry.is_empty();
        if reads_head { self.question.begin } else { self.offset }
    }

    /// The request whose head or end was found last.
    pub const fn question(&mut self) -> &mut Question {
        &mut self.question
    }

    /// Memory that it holds of a request.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.carry.capacity() + self.question.body.capacity()
    }

    /// Consumes content up to the next step; returns how many bytes were consumed and the step.
    ///
    /// # Errors
    /// When it is no HTTP/1.1 that can be followed.
    pub fn feed(&mut self, content: Content<'_>) -> Result<(u64, Progress), NotFollowed> {
        let (taken, progress) = match content {
            Content::Hole(count) => self.pass_over(count)?,
            Content::Bytes(bytes) => {
                let (taken, progress) = self.take(bytes)?;
                (widen(taken), progress)
            }
        };
        self.offset += taken;
        Ok((taken, progress))
    }

    fn pass_over(&mut self, count: u64) -> Result<(u64, Progress), NotFollowed> {
        self.question.is_whole = false;
        match self.state {
            State::Length { left } if count <= left => Ok((count, self.length_left(left - count))),
            State::Chunk { left } if count <= left => {
                self.chunk_left(left - count);
                Ok((count, Progress::More))
            }
            _ => Err(NotFollowed::Hole),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(usize, Progress), NotFollowed> {
        match self.state {
            State::Head => self.head(bytes),
            State::Length { left } => {
                let count = bytes.len().min(narrow(left));
                self.keep(&bytes[..count]);
                Ok((count, self.length_left(left - widen(count))))
            }
            State::Chunk { left } => {
                let count = bytes.len().min(narrow(left));
                self.keep(&bytes[..count]);
                self.chunk_left(left - widen(count));
                Ok((count, Progress::More))
            }
            State::ChunkSize | State::ChunkEnd | State::Trailers => self.line(bytes),
        }
    }

    fn length_left(&mut self, left: u64) -> Progress {
        if left == 0 {
            self.state = State::Head;
            return Progress::Complete;
        }
        self.state = State::Length { left };
        Progress::More
    }

    const fn chunk_left(&mut self, left: u64) {
        self.state = if left == 0 { State::ChunkEnd } else { State::Chunk { left } };
    }

    fn head(&mut self, bytes: &[u8]) -> Result<(usize, Progress), NotFollowed> {
        if self.carry.is_empty() {
            // Empty lines before a request are skipped (RFC 9112 §2.2).
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if blank > 0 {
                return Ok((blank, Progress::More));
            }
            self.question.begin = self.offset;
        }
        let before = self.carry.len();
        self.carry.extend_from_slice(bytes);
        recognize(&self.carry)?;
        let carry = std::mem::take(&mut self.carry);
        let parsed = self.parse(&carry);
        if let Some((length, progress)) = parsed? {
            return Ok((length - before, progress));
        }
        self.carry = carry;
        if self.carry.len() > HEAD_BYTES_MAX {
            return Err(NotFollowed::NotHttp);
        }
        Ok((bytes.len(), Progress::More))
    }

    fn parse(&mut self, bytes: &[u8]) -> Result<Option<(usize, Progress)>, NotFollowed> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NotFollowed::NotHttp),
        };
        let (mut body, mut is_chunked) = (0, false);
        let mut client_request_id = String::new();
        for header in request.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(header.value).ok();
                body = text.and_then(|text| text.trim().parse().ok()).ok_or(NotFollowed::NotHttp)?;
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                is_chunked = header.value.to_ascii_lowercase().ends_with(b"chunked");
            } else if header.name.eq_ignore_ascii_case("x-request-id") {
                let text = std::str::from_utf8(header.value).unwrap_or_default();
                text.get(..text.len().min(REQUEST_ID_MAX))
                    .unwrap_or_default()
                    .clone_into(&mut client_request_id);
            } else if header.name.eq_ignore_ascii_case("upgrade") {
                return Err(NotFollowed::Upgrade);
            }
        }
        let target = request.path.unwrap_or_default();
        let begin = self.question.begin;
        let mut body_kept = std::mem::take(&mut self.question.body);
        body_kept.clear();
        body_kept.shrink_to(KEPT_BYTES);
        self.question = Question {
            begin,
            method: request.method.unwrap_or_default().to_owned(),
            path: target.split(['?', '#']).next().unwrap_or_default().to_owned(),
            client_request_id,
            body: body_kept,
            is_whole: true,
        };
        self.state = match (is_chunked, body) {
            (true, _) => State::ChunkSize,
            // Its end is found by the next call, which consumes nothing.
            (false, left) => State::Length { left },
        };
        Ok(Some((length, Progress::Head)))
    }

    /// A line of chunk framing.
    fn line(&mut self, bytes: &[u8]) -> Result<(usize, Progress), NotFollowed> {
        let Some(end) = memchr(b'\n', bytes) else {
            self.carry.extend_from_slice(bytes);
            let too_long = self.carry.len() > HEAD_BYTES_MAX;
            return if too_long { Err(NotFollowed::NotHttp) } else { Ok((bytes.len(), Progress::More)) };
        };
        self.carry.extend_from_slice(&bytes[..end]);
        let line = std::mem::take(&mut self.carry);
        let line = line.trim_ascii();
        let mut progress = Progress::More;
        self.state = match self.state {
            State::ChunkEnd if line.is_empty() => State::ChunkSize,
            State::ChunkSize => {
                let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                let text = std::str::from_utf8(digits).unwrap_or_default();
                match u64::from_str_radix(text, 16).map_err(|_no_number| NotFollowed::NotHttp)? {
                    0 => State::Trailers,
                    left => State::Chunk { left },
                }
            }
            State::Trailers if line.is_empty() => {
                progress = Progress::Complete;
                State::Head
            }
            State::Trailers => State::Trailers,
            _ => return Err(NotFollowed::NotHttp),
        };
        Ok((end + 1, progress))
    }

    fn keep(&mut self, bytes: &[u8]) {
        let body = &mut self.question.body;
        if body.len() + bytes.len() > BODY_BYTES_MAX {
            self.question.is_whole = false;
        } else if self.question.is_whole {
            body.extend_from_slice(bytes);
        }
    }
}

/// Whether a segment may be the first of a request: how a connection that was open before is picked up.
#[must_use]
pub(super) fn is_request(bytes: &[u8]) -> bool {
    METHODS
        .iter()
        .any(|method| bytes.starts_with(method.as_bytes()) && bytes.get(method.len()) == Some(&b' '))
        && bytes.len() > LEAST
        && memchr(b'\n', bytes).is_some_and(|end| bytes[..end].trim_ascii().ends_with(b" HTTP/1.1"))
}

/// Recognizes by its first bytes what is no HTTP/1.1.
fn recognize(bytes: &[u8]) -> Result<(), NotFollowed> {
    match bytes {
        // A handshake record of TLS 1.0 to 1.3 (RFC 8446 §5.1).
        [0x16, 0x03, ..] => Err(NotFollowed::Tls),
        // The preface of HTTP/2 (RFC 9113 §3.4).
        [b'P', b'R', b'I', b' ', b'*', ..] => Err(NotFollowed::Http2),
        [first, ..] if *first == 0x16 || first.is_ascii_uppercase() => Ok(()),
        _ => Err(NotFollowed::NotHttp),
    }
}

const fn widen(count: usize) -> u64 {
    count as u64
}

fn narrow(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

const METHODS: &[&str] = &["POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
/// Bytes of the shortest request line.
const LEAST: usize = 14;
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 64;
/// Bytes that are kept of a request's id.
const REQUEST_ID_MAX: usize = 128;
/// Memory that is kept of a body for the next one.
const KEPT_BYTES: usize = 32 << 10;
/// Bytes that are kept of a body.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn journal(contents: &[Content<'_>]) -> String {
        let mut requests = Requests::default();
        let mut text = String::new();
        for content in contents {
            let mut content = *content;
            loop {
                match requests.feed(content) {
                    Ok((taken, progress)) => {
                        let begin = requests.question().begin;
                        let Question { method, path, body, is_whole, .. } = requests.question();
                        match progress {
                            Progress::More if taken == 0 => break,
                            Progress::More => {}
                            Progress::Head => write!(text, "{begin} {method} {path}; ").unwrap(),
                            Progress::Complete => {
                                let body = String::from_utf8_lossy(body).into_owned();
                                let whole = if *is_whole { "whole" } else { "holed" };
                                write!(text, "{body} {whole} @{}; ", requests.offset()).unwrap();
                            }
                        }
                        content = match content {
                            Content::Bytes(bytes) => Content::Bytes(&bytes[narrow(taken)..]),
                            Content::Hole(count) => Content::Hole(count - taken),
                        };
                        if matches!(content, Content::Bytes([]) | Content::Hole(0))
                            && progress != Progress::Head
                        {
                            break;
                        }
                    }
                    Err(why) => {
                        write!(text, "{why}").unwrap();
                        return text;
                    }
                }
            }
        }
        text
    }

    fn check(stream: &str, expected: &str) {
        assert_eq!(journal(&[Content::Bytes(stream.as_bytes())]), expected, "{stream:?}");
    }

    #[test]
    fn lengths_and_chunks() {
        check("GET /x?y HTTP/1.1\r\n\r\n", "0 GET /x;  whole @21; ");
        check(
            "POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nhiPOST /b HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
            "0 POST /a; hi whole @41; 41 POST /b;  whole @80; ",
        );
        check(
            "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n1\r\n!\r\n0\r\nt: u\r\n\r\n",
            "0 POST /a; hi! whole @74; ",
        );
    }

    #[test]
    fn what_is_not_followed_has_a_name() {
        check("\u{16}\u{3}\u{1}", "tls");
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2");
        check("*1\r\n$4\r\nPING\r\n", "not_http");
        check("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "upgrade");
        check("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "0 POST /; not_http");
    }

    #[test]
    fn holes_in_bodies_are_passed_over() {
        let head = b"POST /a HTTP/1.1\r\ncontent-length: 9\r\n\r\nhi";
        let next = b"!GET / HTTP/1.1\r\n\r\n";
        assert_eq!(
            journal(&[Content::Bytes(head), Content::Hole(6), Content::Bytes(next)]),
            "0 POST /a; hi holed @48; 48 GET /;  whole @66; ",
            "a body with a hole"
        );
        assert_eq!(
            journal(&[Content::Bytes(head), Content::Hole(8)]),
            "0 POST /a; framing_not_captured",
            "too much"
        );
        assert_eq!(journal(&[Content::Hole(1)]), "framing_not_captured", "in a head");
    }

    #[test]
    fn requests_are_recognized_by_their_first_line() {
        assert!(is_request(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"), "a request");
        for other in ["POST", "data: x\n", "POSTING / HTTP/1.1\r\n", "GET / HTTP/2\r\n      "] {
            assert!(!is_request(other.as_bytes()), "{other:?}");
        }
    }

    proptest! {
        /// However a stream is split, the same requests are found.
        #[test]
        fn splits_do_not_matter(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let stream = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
                           GET /b HTTP/1.1\r\n\r\nPOST /c HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello";
            let mut places = cuts.iter().map(|cut| cut.index(stream.len())).collect::<Vec<_>>();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let pieces = places.windows(2).filter(|pair| pair[0] < pair[1]);
            let pieces = pieces.map(|pair| Content::Bytes(&stream[pair[0]..pair[1]])).collect::<Vec<_>>();
            prop_assert_eq!(journal(&pieces), journal(&[Content::Bytes(stream)]));
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            journal(&[Content::Bytes(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"), Content::Bytes(&bytes)]);
            journal(&[Content::Bytes(&bytes)]);
        }
    }
}
