//! HOT: frames HTTP/1.1 responses (RFC 9112): heads, lengths, chunks, trailers, and the end of each response.
//! Budget: the row "one-token streaming requests" of docs/BUDGET.md.

use crate::bounds::RESPONSE_BYTES_MAX;
use crate::wire::Sink;
use crate::wire::coding::is_event_stream_type;
pub use crate::wire::coding::{Coding, is_stream_start};
use crate::wire::sse::{Cutter, EVENT_BYTES_MAX};

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
    coding: Coding,
    /// While it is not known whether the body is a stream of events that no header declares: what is there of it.
    is_undecided: bool,
    lead: [u8; LEAD],
    lead_length: u8,
    keep_alive: bool,
    /// Whether any byte of the awaited response has arrived.
    has_started: bool,
    /// Where the awaited response starts.
    response_begin: u64,
    /// Interim heads and trailer bytes of it: what no server needs many of.
    interim: u32,
    trailers: usize,
    /// Whether the awaited response has no body whatever its head states: it responds to `HEAD`.
    bodiless: bool,
}

/// What was found in the bytes fed.
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
    #[error("what arrived is no HTTP/1.1 response")]
    Head,
    /// The head is larger than [`HEAD_BYTES_MAX`] or has more than [`HEADERS_MAX`] lines.
    #[error("the response's head is larger than {} KiB or has more than {HEADERS_MAX} lines", HEAD_BYTES_MAX >> 10)]
    HeadTooLarge,
    /// A chunk's size line or end is malformed.
    #[error("a chunk of the response is malformed")]
    Chunk,
    /// An event is larger than [`EVENT_BYTES_MAX`].
    #[error("an event of the response is larger than {} MiB", EVENT_BYTES_MAX >> 20)]
    EventTooLarge,
    /// Bytes arrived that belong to no request.
    #[error("the server sent bytes after its response")]
    Surplus,
    /// The server requires TLS, and the request was sent without.
    #[error("the server responded with TLS: use a URL that starts with https://")]
    Tls,
    /// The server sent HTTP/2.
    #[error("the server responded with HTTP/2; only HTTP/1.1 is supported")]
    Http2,
    /// Too much of all responses that are open was not whole.
    #[error("too much of the responses that are open at once is not whole")]
    NoRoom,
    /// Bytes of a head or of chunk framing are missing.
    #[error("a part of the response that frames it is missing")]
    Hole,
    /// The response is longer than [`RESPONSE_BYTES_MAX`].
    #[error("the response is longer than {} GiB", RESPONSE_BYTES_MAX >> 30)]
    TooLong,
    /// The server switches protocols, which no request requested.
    #[error("the server requires another protocol")]
    Upgrade,
}

impl Malformed {
    /// Every case, by its number less one.
    const ALL: &[Self] = &[
        Self::Head,
        Self::HeadTooLarge,
        Self::Chunk,
        Self::EventTooLarge,
        Self::Surplus,
        Self::Tls,
        Self::Http2,
        Self::NoRoom,
        Self::Hole,
        Self::TooLong,
        Self::Upgrade,
    ];

    /// The number of the case in a record.
    #[cold]
    #[must_use]
    pub fn number(self) -> u32 {
        Self::ALL.iter().zip(1..).find(|(case, _)| **case == self).map_or(0, |(_, number)| number)
    }

    /// The case with a number; an unknown number means that what arrived is no response.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        let place = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
        Self::ALL.get(place).copied().unwrap_or(Self::Head)
    }
}

/// How a connection's end fits the response that was awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The end of the connection is the end of the response.
    Complete,
    /// The response was not whole.
    Truncated,
    /// Not one byte of the response had arrived.
    NotStarted,
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
            coding: Coding::Identity,
            is_undecided: false,
            lead: [0; LEAD],
            lead_length: 0,
            keep_alive: true,
            has_started: false,
            response_begin: 0,
            interim: 0,
            trailers: 0,
            bodiless: false,
        }
    }

    /// Forgets what is not whole, and frees its memory.
    pub fn release(&mut self) {
        self.empty_carry();
        self.cutter.reset();
    }

    /// Makes it that of a new connection, its buffers kept.
    pub fn reconnect(&mut self) {
        self.release();
        self.offset = 0;
        self.state = State::Complete;
    }

    /// A request was sent: its response is awaited.
    pub fn expect(&mut self) {
        self.state = State::Head;
        self.empty_carry();
        self.response_begin = self.offset;
        (self.interim, self.trailers) = (0, 0);
        self.has_started = false;
        self.bodiless = false;
    }

    /// A request of the method `HEAD` was sent: the head of its response is awaited, and no body.
    #[cold]
    pub fn expect_head_only(&mut self) {
        self.expect();
        self.bodiless = true;
    }

    /// Continues at another offset of the connection, with a response that is awaited from there.
    #[cold]
    pub fn seek(&mut self, offset: u64) {
        self.offset = offset;
        self.expect();
    }

    /// Whether the body of the response is compressed.
    #[must_use]
    pub fn is_coded(&self) -> bool {
        self.coding != Coding::Identity
    }

    /// Whether any byte of the awaited response has arrived.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.has_started
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

    /// Parses the bytes of one read.
    ///
    /// # Errors
    /// When they are no HTTP/1.1 response; the connection is then of no more use.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<Progress, Malformed> {
        if self.state == State::Complete && !bytes.is_empty() {
            return Err(Malformed::Surplus);
        }
        let (taken, progress) = self.feed_one(bytes, sink)?;
        if taken < bytes.len() {
            // The response was whole: what follows it costs the connection, and not the request.
            return Ok(Progress::Complete { keep_alive: false });
        }
        Ok(progress)
    }

    /// Parses bytes up to the end of the awaited response; returns how many.
    ///
    /// # Errors
    /// As those of [`Responses::feed`], but for bytes after the response.
    pub fn feed_one(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(usize, Progress), Malformed> {
        let mut rest = bytes;
        self.has_started |= !bytes.is_empty();
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

    /// Skips bytes of the body that were not captured; returns whether an event may have lost its start or end.
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
        self.is_undecided = false;
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
        if self.has_started { AtEnd::Truncated } else { AtEnd::NotStarted }
    }

    fn head(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize, Malformed> {
        if self.carry.is_empty()
            && let Some(length) = self.try_head(bytes, self.offset, sink)?
        {
            return Ok(length);
        }
        self.head_in_pieces(bytes, sink)
    }

    /// A head that arrived in several reads; a new line at least must arrive before it is parsed again.
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
            Err(_) => return Err(other_protocol(bytes)),
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
        self.coding = framing.coding;
        self.event_stream = framing.event_stream && framing.coding == Coding::Identity;
        self.is_undecided = !framing.event_stream && framing.coding == Coding::Identity && status / 100 == 2;
        self.lead_length = 0;
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
        if self.coding != Coding::Identity {
            sink.coded(self.coding, framing.event_stream);
        }
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

    /// Lines up to an empty one; their content does not matter to a benchmark.
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
        if self.is_undecided {
            return self.start_content(bytes, sink);
        }
        sink.body(bytes, self.offset + widen(bytes.len()));
        Ok(())
    }

    /// The first bytes of a body that no header declares a stream of events: they show whether it is one.
    #[cold]
    #[inline(never)]
    fn start_content(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), Malformed> {
        let begin = usize::from(self.lead_length);
        let taken = bytes.len().min(LEAD - begin);
        self.lead[begin..begin + taken].copy_from_slice(&bytes[..taken]);
        let known = is_stream_start(&self.lead[..begin + taken]);
        if known.is_none() && begin + bytes.len() < LEAD {
            self.lead_length += u8::try_from(taken).unwrap_or(0);
            return Ok(());
        }
        self.is_undecided = false;
        self.event_stream = known == Some(true);
        self.lead_length = 0;
        let lead = &self.lead[..begin];
        if self.event_stream {
            // No event ends in it.
            let cut = self.cutter.feed(lead, self.offset, |event, end| sink.event(event, end));
            cut.map_err(|_too_large| Malformed::EventTooLarge)?;
        } else if begin > 0 {
            sink.body(lead, self.offset);
        }
        self.content(bytes, sink)
    }

    fn end_content(&mut self, sink: &mut impl Sink) {
        if self.lead_length > 0 {
            // It was too short to be a stream.
            let length = usize::from(std::mem::take(&mut self.lead_length));
            sink.body(&self.lead[..length], self.offset);
        }
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

/// What a head states of its body.
struct Framing {
    chunked: bool,
    length: Option<u64>,
    keep_alive: bool,
    event_stream: bool,
    coding: Coding,
}

impl Framing {
    fn of(response: &httparse::Response<'_, '_>) -> Result<Self, Malformed> {
        let mut framing = Self {
            chunked: false,
            length: None,
            keep_alive: response.version != Some(0),
            event_stream: false,
            coding: Coding::Identity,
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
                framing.event_stream = is_event_stream_type(header.value);
            } else if name.eq_ignore_ascii_case("content-encoding") {
                let coding = Coding::named(header.value);
                let is_one = framing.coding == Coding::Identity || coding == Coding::Identity;
                framing.coding = match (is_one, coding) {
                    (true, Coding::Identity) => framing.coding,
                    (true, coding) => coding,
                    (false, _) => Coding::Other,
                };
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

/// The error for bytes that are no HTTP/1.1 response.
#[cold]
fn other_protocol(bytes: &[u8]) -> Malformed {
    match bytes {
        // An alert or a handshake of TLS (RFC 8446 §5.1).
        [0x15 | 0x16, 0x03, ..] => Malformed::Tls,
        // SETTINGS or GOAWAY of the whole connection (RFC 9113 §4.1): the first or the last frame of a server.
        [0, _, _, 4 | 7, _, 0, 0, 0, 0, ..] => Malformed::Http2,
        _ => Malformed::Head,
    }
}

/// The size in a chunk's first line; extensions after a semicolon are skipped (RFC 9112 §7.1.1).
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

/// The largest head that is accepted.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// The most header lines that are accepted.
pub const HEADERS_MAX: usize = 128;
const CHUNK_LINE_MAX: usize = 4 << 10;
/// The most interim heads of one response.
const INTERIM_MAX: u32 = 64;
/// Memory that is kept of a head for the next one.
const KEPT_BYTES: usize = 4 << 10;
/// Bytes by which a stream of events is recognized that no header declares.
const LEAD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    /// Records the calls of a sink.
    #[derive(Default)]
    struct Journal(String);

    impl Sink for Journal {
        fn head(&mut self, status: u16, bytes: &[u8], end: u64) {
            write!(self.0, "head {status} {}B @{end}; ", bytes.len()).unwrap();
        }

        fn event(&mut self, bytes: &[u8], end: u64) {
            write!(self.0, "event {} @{end}; ", String::from_utf8_lossy(bytes).escape_debug()).unwrap();
        }

        fn coded(&mut self, coding: Coding, is_event_stream: bool) {
            write!(self.0, "{coding:?} {is_event_stream}; ").unwrap();
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
        check(
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxy",
            "head 200 38B @38; body x @39; complete false; ",
        );
        check(&format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(HEAD_BYTES_MAX)), "HeadTooLarge");
        check(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1)), "HeadTooLarge");
    }

    #[test]
    fn other_protocols_are_named() {
        check("\u{15}\u{3}\u{1}\0\u{2}\u{2}F", "Tls");
        check("\0\0\u{12}\u{4}\0\0\0\0\0\0\u{3}", "Http2");
        for case in Malformed::ALL {
            assert_eq!(Malformed::from_number(case.number()), *case, "{case}");
        }
        assert_eq!(Malformed::from_number(0), Malformed::Head, "of an older record");
    }

    /// A body of these pieces, one a chunk, under a head with these lines.
    fn body(lines: &str, pieces: &[&str]) -> String {
        let mut stream = format!("HTTP/1.1 200 OK\r\n{lines}transfer-encoding: chunked\r\n\r\n");
        for piece in pieces {
            write!(stream, "{:x}\r\n{piece}\r\n", piece.len()).unwrap();
        }
        let whole = journal(&[format!("{stream}0\r\n\r\n").as_bytes()]);
        let whole = whole.split_once("; ").unwrap().1.replace("complete true; ", "");
        whole.split("; ").map(|part| part.split(" @").next().unwrap()).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn streams_that_nothing_calls_so_are_cut() {
        for lines in ["", "content-type: application/json\r\n", "content-type: text/plain\r\n"] {
            assert_eq!(
                body(lines, &["data: a\n\ndata: b\n\n"]),
                "event data: a; event data: b; ",
                "{lines:?}"
            );
        }
        assert_eq!(body("", &["d", "ata: a\n", "\n"]), "event data: a; ", "in pieces");
        assert_eq!(
            body("", &["\u{feff}", "\r\n: x\n\ndata: a\n\n"]),
            "event : x; event data: a; ",
            "behind a mark"
        );
        assert_eq!(body("", &["{\"a\":", "1}"]), "body {\\\"a\\\":; body 1}; ", "JSON is none");
        assert_eq!(body("", &["da", "y"]), "body da; body y; ", "nor is what only starts so");
        assert_eq!(body("", &["ev"]), "body ev; ", "nor what ends there");
        assert_eq!(
            body("", &["\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nx"]).matches('x').count(),
            1,
            "nor blank lines"
        );
    }

    #[test]
    fn coded_bodies_arrive_in_pieces() {
        let lines = "content-type: text/event-stream\r\ncontent-encoding: gzip\r\n";
        assert_eq!(body(lines, &["data: a\n\n"]), "Gzip true; body data: a\\n\\n; ", "not cut");
        let lines = "content-encoding: br\r\nContent-Encoding: gzip\r\n";
        assert_eq!(body(lines, &["x"]), "Other false; body x; ", "two codings");
        assert_eq!(body("content-encoding: identity\r\n", &["x"]), "body x; ", "none");
    }

    #[test]
    fn early_ends() {
        check("", "NotStarted");
        check("HTTP/1.1 2", "Truncated");
        check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "head 200 38B @38; body hi @40; Truncated");
    }

    proptest! {
        /// A stream split at any bytes has the same events at the same offsets.
        #[test]
        fn splits_do_not_matter(sizes in prop::collection::vec(1_usize..40, 1..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut stream = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream; x\r\n\r\n".to_owned();
            let events = "data: one\n\ndata: two\r\n\r\n: three\n\n".repeat(4);
            let mut rest = events.as_str();
            for size in sizes {
                // No chunk is empty: that one ends the body.
                if rest.len() < 2 {
                    break;
                }
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
