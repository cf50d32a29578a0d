//! HOT: frames HTTP/1.1 responses (RFC 9112): heads, lengths, chunks, trailers, and the end of each response.
//! Budget: the row "one-token streaming requests" of docs/BUDGET.md.

use crate::bounds::RESPONSE_BYTES_MAX;
use crate::wire::Sink;
use crate::wire::sse::Cutter;

/// One connection's responses, one after the other.
#[derive(Debug)]
pub struct Responses {
    state: State,
    /// Bytes of a head or chunk line that is not whole yet.
    carry: Vec<u8>,
    cutter: Cutter,
    /// The offset of the next byte.
    offset: u64,
    event_stream: bool,
    keep_alive: bool,
    /// Whether any byte of the response that is awaited has come.
    begun: bool,
    /// Where the response that is awaited begins.
    response_begin: u64,
    /// Interim heads and trailer bytes of it: what no server needs many of.
    interim: u32,
    trailers: usize,
    /// Whether the response that is awaited has no body whatever its head says: it answers `HEAD`.
    bodiless: bool,
}

/// What came of the bytes fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The response is not whole yet.
    More,
    /// The response is whole.
    Complete {
        /// Whether the connection may carry another request.
        keep_alive: bool,
    },
}

/// Why bytes are no HTTP/1.1 response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The status line or a header line is malformed.
    #[error("the response's head is malformed")]
    Head,
    /// The head is larger than [`HEAD_BYTES_MAX`] or has more than [`HEADERS_MAX`] lines.
    #[error("the response's head is too large")]
    HeadTooLarge,
    /// A chunk's size line or end is malformed.
    #[error("a chunk of the response is malformed")]
    Chunk,
    /// An event is too large.
    #[error("an event of the response is too large")]
    EventTooLarge,
    /// Bytes came that belong to no request.
    #[error("the server sent bytes after its response")]
    Surplus,
    /// Bytes of a head or of chunk framing are missing.
    #[error("a part of the response that frames it is missing")]
    Hole,
    /// The response is longer than [`RESPONSE_BYTES_MAX`].
    #[error("the response does not end")]
    TooLong,
    /// The server switches protocols, which nobody asked for.
    #[error("the server wants to switch protocols")]
    Upgrade,
}

/// How a connection's end fits the response that was awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The end of the connection is the end of the response.
    Complete,
    /// The response was not whole.
    Truncated,
    /// Not one byte of the response had come.
    NotBegun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length { left: u64 },
    ChunkSize,
    Chunk { left: u64 },
    ChunkEnd,
    Trailers,
    UntilClose,
    Complete,
}

impl Responses {
    /// For a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::Complete,
            carry: Vec::with_capacity(1024),
            cutter: Cutter::default(),
            offset: 0,
            event_stream: false,
            keep_alive: true,
            begun: false,
            response_begin: 0,
            interim: 0,
            trailers: 0,
            bodiless: false,
        }
    }

    /// Makes it that of a new connection, its buffers kept.
    pub fn reconnect(&mut self) {
        self.empty_carry();
        self.cutter.reset();
        self.offset = 0;
        self.state = State::Complete;
    }

    /// A request was sent: its response is awaited.
    pub fn expect(&mut self) {
        self.state = State::Head;
        self.empty_carry();
        self.response_begin = self.offset;
        (self.interim, self.trailers) = (0, 0);
        self.begun = false;
        self.bodiless = false;
    }

    /// A request of the method `HEAD` was sent: the head of its response is awaited, and no body.
    #[cold]
    pub fn expect_head_only(&mut self) {
        self.expect();
        self.bodiless = true;
    }

    /// Goes on at another offset of the connection, with a response that is awaited from there.
    #[cold]
    pub fn seek(&mut self, offset: u64) {
        self.offset = offset;
        self.expect();
    }

    /// Memory that it holds of what is not whole.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.carry.capacity() + self.cutter.held()
    }

    fn empty_carry(&mut self) {
        self.carry.clear();
        if self.carry.capacity() > KEPT_BYTES {
            self.carry.shrink_to(KEPT_BYTES);
        }
    }

    /// The offset of the next byte of the connection.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the bytes of one read.
    ///
    /// # Errors
    /// When they are no HTTP/1.1 response; the connection is then of no more use.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<Progress, Malformed> {
        if self.state == State::Complete && !bytes.is_empty() {
            return Err(Malformed::Surplus);
        }
        let (taken, progress) = self.feed_one(bytes, sink)?;
        if taken < bytes.len() {
            return Err(Malformed::Surplus);
        }
        Ok(progress)
    }

    /// Takes bytes up to the end of the response that is awaited; gives how many.
    ///
    /// # Errors
    /// As those of [`Responses::feed`], but for bytes after the response.
    pub fn feed_one(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(usize, Progress), Malformed> {
        let mut rest = bytes;
        self.begun |= !bytes.is_empty();
        if self.offset - self.response_begin > RESPONSE_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        while !rest.is_empty() && self.state != State::Complete {
            let taken = match self.state {
                State::Head => self.head(rest, sink)?,
                State::Length { left } => self.length(rest, left, sink)?,
                State::ChunkSize => self.chunk_size(rest)?,
                State::Chunk { left } => self.chunk(rest, left, sink)?,
                State::ChunkEnd => self.chunk_end(rest)?,
                State::Trailers => self.trailers(rest)?,
                State::UntilClose => {
                    self.content(rest, sink)?;
                    rest.len()
                }
                State::Complete => 0,
            };
            self.offset += widen(taken);
            rest = &rest[taken..];
            if self.state == State::Complete {
                self.end_content(sink);
            }
        }
        Ok((bytes.len() - rest.len(), self.progress()))
    }

    /// Passes over bytes of the body that nobody has; tells whether an event may have lost its beginning or end.
    ///
    /// # Errors
    /// When framing may be among them.
    #[cold]
    pub fn pass_over(&mut self, count: u64, sink: &mut impl Sink) -> Result<(bool, Progress), Malformed> {
        let mut cuts_event = self.event_stream;
        self.state = match self.state {
            State::Length { left } if count == left => State::Complete,
            State::Length { left } if count < left => State::Length { left: left - count },
            State::Chunk { left } if count == left => {
                // Servers end chunks where they end events.
                cuts_event = false;
                State::ChunkEnd
            }
            State::Chunk { left } if count < left => State::Chunk { left: left - count },
            State::UntilClose => State::UntilClose,
            _ => return Err(Malformed::Hole),
        };
        self.offset += count;
        self.cutter.reset();
        if self.state == State::Complete {
            self.end_content(sink);
        }
        Ok((cuts_event, self.progress()))
    }

    #[inline]
    fn progress(&self) -> Progress {
        if self.state == State::Complete {
            return Progress::Complete { keep_alive: self.keep_alive };
        }
        Progress::More
    }

    /// The connection ended.
    pub fn finish(&mut self, sink: &mut impl Sink) -> AtEnd {
        let state = std::mem::replace(&mut self.state, State::Complete);
        if state == State::UntilClose {
            self.end_content(sink);
            return AtEnd::Complete;
        }
        self.cutter.reset();
        if self.begun { AtEnd::Truncated } else { AtEnd::NotBegun }
    }

    fn head(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize, Malformed> {
        if self.carry.is_empty()
            && let Some(length) = self.try_head(bytes, self.offset, sink)?
        {
            return Ok(length);
        }
        self.head_in_pieces(bytes, sink)
    }

    /// A head that came in several reads; a new line at least must come before it is tried again.
    #[cold]
    #[inline(never)]
    fn head_in_pieces(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize, Malformed> {
        let before = self.carry.len();
        self.carry.extend_from_slice(bytes);
        if memchr::memchr(b'\n', bytes).is_some() {
            let carry = std::mem::take(&mut self.carry);
            let head_offset = self.offset - widen(before);
            let found = self.try_head(&carry, head_offset, sink)?;
            self.carry = carry;
            if let Some(length) = found {
                self.carry.clear();
                return Ok(length - before);
            }
        }
        if self.carry.len() > HEAD_BYTES_MAX {
            return Err(Malformed::HeadTooLarge);
        }
        Ok(bytes.len())
    }

    /// Parses a head if it is whole, and chooses how its body is framed (RFC 9112 §6.3).
    fn try_head(
        &mut self,
        bytes: &[u8],
        offset: u64,
        sink: &mut impl Sink,
    ) -> Result<Option<usize>, Malformed> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::HeadTooLarge),
            Err(_) => return Err(Malformed::Head),
        };
        if length > HEAD_BYTES_MAX {
            return Err(Malformed::HeadTooLarge);
        }
        let status = response.code.unwrap_or(0);
        if status == 101 {
            return Err(Malformed::Upgrade);
        }
        if (100..200).contains(&status) {
            self.interim += 1;
            return if self.interim > INTERIM_MAX { Err(Malformed::HeadTooLarge) } else { Ok(Some(length)) };
        }
        let framing = Framing::of(&response)?;
        self.keep_alive = framing.keep_alive;
        self.event_stream = framing.event_stream;
        self.state = match (status, framing.chunked, framing.length) {
            (204 | 304, ..) | (_, false, Some(0)) => State::Complete,
            _ if self.bodiless => State::Complete,
            (_, true, _) => State::ChunkSize,
            (_, false, Some(left)) => State::Length { left },
            (_, false, None) => {
                self.keep_alive = false;
                State::UntilClose
            }
        };
        self.cutter.reset();
        sink.head(status, &bytes[..length], offset + widen(length));
        Ok(Some(length))
    }

    fn length(&mut self, bytes: &[u8], left: u64, sink: &mut impl Sink) -> Result<usize, Malformed> {
        let taken = widen(bytes.len()).min(left);
        let count = narrow(taken);
        self.content(&bytes[..count], sink)?;
        self.state = if taken == left { State::Complete } else { State::Length { left: left - taken } };
        Ok(count)
    }

    fn chunk_size(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let Some(line_end) = memchr::memchr(b'\n', bytes) else {
            self.carry.extend_from_slice(bytes);
            if self.carry.len() > CHUNK_LINE_MAX {
                return Err(Malformed::Chunk);
            }
            return Ok(bytes.len());
        };
        let left = if self.carry.is_empty() {
            chunk_size(&bytes[..line_end])?
        } else {
            self.carry.extend_from_slice(&bytes[..line_end]);
            let size = chunk_size(&self.carry);
            self.carry.clear();
            size?
        };
        self.state = if left == 0 { State::Trailers } else { State::Chunk { left } };
        Ok(line_end + 1)
    }

    fn chunk(&mut self, bytes: &[u8], left: u64, sink: &mut impl Sink) -> Result<usize, Malformed> {
        let taken = widen(bytes.len()).min(left);
        let count = narrow(taken);
        self.content(&bytes[..count], sink)?;
        if taken < left {
            self.state = State::Chunk { left: left - taken };
            return Ok(count);
        }
        // Nearly always the chunk's own line end is in the same read.
        if bytes.get(count..count + 2) == Some(b"\r\n") {
            self.state = State::ChunkSize;
            return Ok(count + 2);
        }
        self.state = State::ChunkEnd;
        Ok(count)
    }

    fn chunk_end(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match bytes[0] {
            b'\r' if self.carry.is_empty() => {
                self.carry.push(b'\r');
                Ok(1)
            }
            b'\n' => {
                self.carry.clear();
                self.state = State::ChunkSize;
                Ok(1)
            }
            _ => Err(Malformed::Chunk),
        }
    }

    /// Lines up to an empty one; what they say does not matter to a benchmark.
    fn trailers(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let Some(line_end) = memchr::memchr(b'\n', bytes) else {
            self.carry.extend_from_slice(bytes);
            if self.carry.len() > HEAD_BYTES_MAX {
                return Err(Malformed::HeadTooLarge);
            }
            return Ok(bytes.len());
        };
        self.carry.extend_from_slice(&bytes[..line_end]);
        let empty = matches!(self.carry.as_slice(), b"" | b"\r");
        self.trailers += self.carry.len() + 1;
        self.carry.clear();
        if empty {
            self.state = State::Complete;
        } else if self.trailers > HEAD_BYTES_MAX {
            return Err(Malformed::HeadTooLarge);
        }
        Ok(line_end + 1)
    }

    #[inline]
    fn content(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), Malformed> {
        if self.event_stream {
            let cut = self.cutter.feed(bytes, self.offset, |event, end| sink.event(event, end));
            return cut.map_err(|_too_large| Malformed::EventTooLarge);
        }
        sink.body(bytes, self.offset + widen(bytes.len()));
        Ok(())
    }

    fn end_content(&mut self, sink: &mut impl Sink) {
        if self.event_stream {
            self.cutter.finish(self.offset, |event, end| sink.event(event, end));
        }
    }
}

impl Default for Responses {
    fn default() -> Self {
        Self::new()
    }
}

/// What a head says of its body.
struct Framing {
    chunked: bool,
    length: Option<u64>,
    keep_alive: bool,
    event_stream: bool,
}

impl Framing {
    fn of(response: &httparse::Response<'_, '_>) -> Result<Self, Malformed> {
        let mut framing = Self {
            chunked: false,
            length: None,
            keep_alive: response.version != Some(0),
            event_stream: false,
        };
        for header in response.headers.iter() {
            let name = header.name;
            if name.eq_ignore_ascii_case("content-length") {
                let length = decimal(header.value).ok_or(Malformed::Head)?;
                if framing.length.is_some_and(|other| other != length) {
                    return Err(Malformed::Head);
                }
                framing.length = Some(length);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                framing.chunked = ends_with_token(header.value, b"chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                if has_token(header.value, b"close") {
                    framing.keep_alive = false;
                } else if has_token(header.value, b"keep-alive") {
                    framing.keep_alive = true;
                }
            } else if name.eq_ignore_ascii_case("content-type") {
                framing.event_stream = starts_with_token(header.value, b"text/event-stream");
            }
        }
        Ok(framing)
    }
}

fn decimal(value: &[u8]) -> Option<u64> {
    let text = value.trim_ascii();
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, digit| {
        Some(sum * 10 + u64::from(digit.checked_sub(b'0').filter(|d| *d < 10)?))
    })
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    tokens(value).any(|one| one.eq_ignore_ascii_case(token))
}

fn ends_with_token(value: &[u8], token: &[u8]) -> bool {
    tokens(value).last().is_some_and(|one| one.eq_ignore_ascii_case(token))
}

fn starts_with_token(value: &[u8], token: &[u8]) -> bool {
    value.trim_ascii().get(..token.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(token))
}

/// The size in a chunk's first line; extensions after a semicolon are passed over (RFC 9112 §7.1.1).
fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let after = line[digits..].trim_ascii();
    if digits == 0 || digits > 15 || !(after.is_empty() || after[0] == b';') {
        return Err(Malformed::Chunk);
    }
    Ok(line[..digits].iter().fold(0, |size, digit| size << 4 | u64::from(hex(*digit))))
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

const fn widen(count: usize) -> u64 {
    count as u64
}

/// A count that is no larger than a slice that it was taken from.
#[expect(clippy::cast_possible_truncation, reason = "at most the length of a slice")]
const fn narrow(count: u64) -> usize {
    count as usize
}

/// The largest head that is taken.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// The most header lines that are taken.
pub const HEADERS_MAX: usize = 64;
const CHUNK_LINE_MAX: usize = 4 << 10;
/// The most interim heads of one response.
const INTERIM_MAX: u32 = 64;
/// Memory that is kept of a head for the next one.
const KEPT_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    /// Writes down what it is given.
    #[derive(Default)]
    struct Journal(String);

    impl Sink for Journal {
        fn head(&mut self, status: u16, bytes: &[u8], end: u64) {
            write!(self.0, "head {status} {}B @{end}; ", bytes.len()).unwrap();
        }

        fn event(&mut self, bytes: &[u8], end: u64) {
            write!(self.0, "event {} @{end}; ", String::from_utf8_lossy(bytes).escape_debug()).unwrap();
        }

        fn body(&mut self, bytes: &[u8], end: u64) {
            write!(self.0, "body {} @{end}; ", String::from_utf8_lossy(bytes).escape_debug()).unwrap();
        }
    }

    fn journal(pieces: &[&[u8]]) -> String {
        let mut responses = Responses::new();
        let mut sink = Journal::default();
        responses.expect();
        for piece in pieces {
            match responses.feed(piece, &mut sink) {
                Ok(Progress::More) => {}
                Ok(Progress::Complete { keep_alive }) => write!(sink.0, "complete {keep_alive}; ").unwrap(),
                Err(malformed) => {
                    write!(sink.0, "{malformed:?}").unwrap();
                    return sink.0;
                }
            }
        }
        if responses.state != State::Complete {
            let end = responses.finish(&mut sink);
            write!(sink.0, "{end:?}").unwrap();
        }
        sink.0
    }

    fn check(stream: &str, expected: &str) {
        assert_eq!(journal(&[stream.as_bytes()]), expected, "{stream:?}");
    }

    #[test]
    fn length_chunks_and_close() {
        check(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
            "head 200 38B @38; body hi @40; complete true; ",
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n\
             9\r\ndata: a\n\n\r\n9;x=y\r\ndata: b\n\n\r\n0\r\nx: y\r\n\r\n",
            "head 200 80B @80; event data: a @92; event data: b @110; complete true; ",
        );
        check("HTTP/1.0 200 OK\r\n\r\nhello", "head 200 19B @19; body hello @24; Complete");
        check(
            "HTTP/1.1 500 no\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx",
            "head 500 57B @57; body x @58; complete false; ",
        );
        check("HTTP/1.1 204 OK\r\n\r\n", "head 204 19B @19; complete true; ");
    }

    #[test]
    fn interim_heads_are_passed_over() {
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "head 200 38B @94; complete true; ",
        );
    }

    #[test]
    fn what_is_refused() {
        check("SSH-2.0-x\r\n\r\n", "Head");
        check("HTTP/1.1 101 Up\r\n\r\n", "Upgrade");
        check("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy", "Head");
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "head 200 47B @47; Chunk");
        check("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxy", "head 200 38B @38; body x @39; Surplus");
        check(&format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(HEAD_BYTES_MAX)), "HeadTooLarge");
        check(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1)), "HeadTooLarge");
    }

    #[test]
    fn early_ends() {
        check("", "NotBegun");
        check("HTTP/1.1 2", "Truncated");
        check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "head 200 38B @38; body hi @40; Truncated");
    }

    proptest! {
        /// A stream split at any bytes gives the same events at the same offsets.
        #[test]
        fn splits_do_not_matter(sizes in prop::collection::vec(1_usize..40, 1..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut stream = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream; x\r\n\r\n".to_owned();
            let events = "data: one\n\ndata: two\r\n\r\n: three\n\n".repeat(4);
            let mut rest = events.as_str();
            for size in sizes {
                let (now, later) = rest.split_at(size.min(rest.len() - 1));
                write!(stream, "{:x}\r\n{now}\r\n", now.len()).unwrap();
                rest = later;
            }
            write!(stream, "{:X}\r\n{rest}\r\n0\r\n\r\n", rest.len()).unwrap();
            let bytes = stream.as_bytes();
            let mut places = cuts.iter().map(|cut| cut.index(bytes.len())).collect::<Vec<_>>();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect::<Vec<_>>();
            let bare = |journal: String| -> String { journal.split('@').map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect() };
            prop_assert_eq!(bare(journal(&[bytes])), bare(journal(&pieces)));
        }

        /// Whatever a server sends, nothing panics.
        #[test]
        fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>()) {
            let (one, other) = bytes.split_at(cut.index(bytes.len() + 1));
            journal(&[one, other]);
        }
    }
}
