//! What was written when: kept compactly while the server runs, returned as JSON lines afterwards.
//!
//! One line a request, one line of summary at the end. All stamps are `CLOCK_MONOTONIC`, all offsets count the
//! bytes of the connection's response stream from its first byte on.
//!
//! ```text
//! {"request_id":"7","connection":1,"peer_port":40110,"read_ns":..,"response_begin":0,
//!  "events":[["head",before_ns,after_ns,end],["role",..],["token",..],["done",..]]}
//! {"summary":{"requests":1,"events":4,"connections":1,"dropped_log_lines":0,"dropped_events":0,"bytes":980}}
//! ```
//!
//! With slots, a line has when the request was due to be served as well: `start_ns`, `first_token_due_ns` and
//! `end_due_ns`. They do not depend on how late the server was. With a prefix cache, it has `cached_tokens`.
//!
//! A list grows by whole segments and never moves what it holds, so that no write ever waits for a copy.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use crate::clock::MonoNs;
use crate::scheduler::Served;

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The status line and the headers.
    Head,
    /// The chunk that names the role.
    Role,
    /// A token.
    Token,
    /// The usage chunk.
    Usage,
    /// `[DONE]`.
    Done,
    /// The body of a reply that is no stream.
    Body,
    /// An error body, an error event, or bytes that are meant to be wrong.
    Error,
}

/// One event that was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// Right before the write that carried the event's last byte.
    pub(crate) before: MonoNs,
    /// Right after that write.
    pub(crate) after: MonoNs,
    /// Where the response stream stood after the event's last byte.
    pub(crate) end: u64,
    /// What it is.
    pub(crate) kind: Kind,
}

/// One request that was read.
#[derive(Debug)]
pub(crate) struct Request {
    /// The value of `X-Request-ID`, or else `None`, and the number is logged.
    pub(crate) request_id: Option<Box<str>>,
    /// The how-manieth request it is, from 1.
    pub(crate) number: u64,
    /// The number of its connection, from 1.
    pub(crate) connection: u64,
    /// The client's port.
    pub(crate) peer_port: u16,
    /// When the read returned that completed the request.
    pub(crate) read: MonoNs,
    /// Where the response stream stood before the response's first byte.
    pub(crate) response_begin: u64,
    /// Its body, if that is kept.
    pub(crate) body: Option<Box<str>>,
    /// How many tokens of its prompt were cached, where there is a cache.
    pub(crate) cached_tokens: Option<u64>,
    /// When it was due to be served, where requests wait for slots and it got one.
    pub(crate) served: Option<Served>,
}

/// What the server counted that the log cannot know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Connections accepted.
    pub(crate) connections: u64,
    /// Bytes written.
    pub(crate) bytes: u64,
}

/// The requests that are over and their events.
#[derive(Debug)]
pub(crate) struct Log {
    requests: Segments<(Request, usize)>,
    events: Segments<Event>,
    limit: usize,
    dropped_lines: u64,
    dropped_events: u64,
}

/// The file that the log is saved to: lines are only ever added, and the summary is always the last.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    lines_end: u64,
    requests_saved: usize,
    events_saved: usize,
}

impl Log {
    /// A log that keeps at most `limit` events.
    pub(crate) fn new(limit: usize) -> Self {
        let mut log = Self {
            requests: Segments::default(),
            events: Segments::default(),
            limit,
            dropped_lines: 0,
            dropped_events: 0,
        };
        log.requests.grow();
        log.events.grow();
        log
    }

    /// Adds a request that is over; one whose events no longer fit is counted as dropped.
    pub(crate) fn add(&mut self, request: Request, events: &[Event]) {
        // A request without events uses memory as well, so it counts like one with a single event.
        if self.events.len().max(self.requests.len()) + events.len().max(1) > self.limit {
            self.dropped_lines += 1;
            self.dropped_events += u64::try_from(events.len()).expect("a count fits in 64 bits");
            return;
        }
        for event in events {
            self.events.push(*event);
        }
        self.requests.push((request, events.len()));
    }

    /// How many requests are over, kept or dropped.
    pub(crate) fn requests(&self) -> u64 {
        u64::try_from(self.requests.len()).expect("a count fits in 64 bits") + self.dropped_lines
    }

    /// How many events they had, kept or dropped.
    pub(crate) fn events(&self) -> u64 {
        u64::try_from(self.events.len()).expect("a count fits in 64 bits") + self.dropped_events
    }

    /// How many requests are not in the log because it was full.
    pub(crate) fn dropped_lines(&self) -> u64 {
        self.dropped_lines
    }

    /// The whole log as text.
    pub(crate) fn to_text(&self, totals: Totals) -> Vec<u8> {
        let mut text = Vec::new();
        self.write_lines(0, 0, &mut text).expect("a vector accepts all that is written");
        text.extend_from_slice(self.summary(totals).as_bytes());
        text
    }

    fn summary(&self, totals: Totals) -> String {
        format!(
            "{{\"summary\":{{\"requests\":{},\"events\":{},\"connections\":{},\"dropped_log_lines\":{},\
             \"dropped_events\":{},\"bytes\":{}}}}}\n",
            self.requests(),
            self.events(),
            totals.connections,
            self.dropped_lines,
            self.dropped_events,
            totals.bytes
        )
    }

    fn write_lines(&self, requests_from: usize, events_from: usize, out: &mut impl Write) -> io::Result<()> {
        let mut events = self.events.iter_from(events_from);
        let mut line = Vec::new();
        for (request, count) in self.requests.iter_from(requests_from) {
            line.clear();
            request.push_fields(&mut line);
            for index in 0..*count {
                let event = events.next().expect("the log holds each request's events");
                line.extend_from_slice(if index == 0 { b"[" } else { b",[" });
                event.push_fields(&mut line);
                line.push(b']');
            }
            line.extend_from_slice(b"]}\n");
            out.write_all(&line)?;
        }
        Ok(())
    }
}

impl LogFile {
    /// Creates the file, empty.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, lines_end: 0, requests_saved: 0, events_saved: 0 })
    }

    /// Whether requests ended since the last save.
    pub(crate) fn is_behind(&self, log: &Log) -> bool {
        self.requests_saved < log.requests.len()
    }

    /// Writes the lines that are new, and the summary after them.
    pub(crate) fn save(&mut self, log: &Log, totals: Totals) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.lines_end))?;
        self.file.set_len(self.lines_end)?;
        let mut out = io::BufWriter::with_capacity(1 << 20, &self.file);
        log.write_lines(self.requests_saved, self.events_saved, &mut out)?;
        out.flush()?;
        drop(out);
        self.lines_end = self.file.stream_position()?;
        self.requests_saved = log.requests.len();
        self.events_saved = log.events.len();
        self.file.write_all(log.summary(totals).as_bytes())
    }
}

/// Appends a number in decimal digits.
pub(crate) fn push_decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut begin = digits.len();
    loop {
        begin -= 1;
        digits[begin] = b'0' + u8::try_from(rest % 10).expect("a digit fits in a byte");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[begin..]);
}

impl Request {
    fn push_fields(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"request_id\":");
        match &self.request_id {
            Some(id) => serde_json::to_writer(&mut *out, id).expect("a string is always JSON"),
            None => {
                out.push(b'"');
                push_decimal(self.number, out);
                out.push(b'"');
            }
        }
        for (name, value) in [
            (",\"connection\":", self.connection),
            (",\"peer_port\":", self.peer_port.into()),
            (",\"read_ns\":", self.read.0),
            (",\"response_begin\":", self.response_begin),
        ] {
            out.extend_from_slice(name.as_bytes());
            push_decimal(value, out);
        }
        if let Some(body) = &self.body {
            out.extend_from_slice(b",\"body\":");
            serde_json::to_writer(&mut *out, body).expect("a string is always JSON");
        }
        if let Some(cached) = self.cached_tokens {
            out.extend_from_slice(b",\"cached_tokens\":");
            push_decimal(cached, out);
        }
        if let Some(served) = &self.served {
            for (name, due) in [
                (",\"start_ns\":", served.start),
                (",\"first_token_due_ns\":", served.first),
                (",\"end_due_ns\":", served.end),
            ] {
                out.extend_from_slice(name.as_bytes());
                push_decimal(due.0, out);
            }
        }
        out.extend_from_slice(b",\"events\":[");
    }
}

impl Event {
    fn push_fields(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(self.kind.name().as_bytes());
        out.push(b'"');
        for value in [self.before.0, self.after.0, self.end] {
            out.push(b',');
            push_decimal(value, out);
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Role => "role",
            Self::Token => "token",
            Self::Usage => "usage",
            Self::Done => "done",
            Self::Body => "body",
            Self::Error => "error",
        }
    }
}

/// A list that grows by whole segments.
#[derive(Debug)]
struct Segments<T> {
    segments: Vec<Vec<T>>,
}

impl<T> Segments<T> {
    fn len(&self) -> usize {
        match self.segments.split_last() {
            Some((last, full)) => full.len() * SEGMENT + last.len(),
            None => 0,
        }
    }

    fn push(&mut self, item: T) {
        match self.segments.last_mut() {
            Some(last) if last.len() < SEGMENT => last.push(item),
            _ => {
                self.grow();
                self.push(item);
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.segments.push(Vec::with_capacity(SEGMENT));
    }

    fn iter_from(&self, index: usize) -> impl Iterator<Item = &T> {
        self.segments.iter().skip(index / SEGMENT).flatten().skip(index % SEGMENT)
    }
}

impl<T> Default for Segments<T> {
    fn default() -> Self {
        Self { segments: Vec::new() }
    }
}

/// Items in a segment: 512 KiB of events.
const SEGMENT: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u64, request_id: Option<&str>) -> Request {
        Request {
            request_id: request_id.map(Box::from),
            number,
            connection: 2,
            peer_port: 3,
            read: MonoNs(4),
            response_begin: 5,
            body: None,
            cached_tokens: None,
            served: None,
        }
    }

    fn event(kind: Kind, end: u64) -> Event {
        Event { before: MonoNs(10), after: MonoNs(20), end, kind }
    }

    /// Logs the requests, each with its events, and compares the text.
    #[track_caller]
    fn check(limit: usize, requests: Vec<(Request, Vec<Event>)>, expected: &str) {
        let mut log = Log::new(limit);
        for (request, events) in requests {
            log.add(request, &events);
        }
        let text = log.to_text(Totals { connections: 1, bytes: 99 });
        assert_eq!(String::from_utf8(text).expect("the log is text"), expected, "log with limit {limit}");
    }

    #[test]
    fn a_request_is_a_line_and_the_summary_is_the_last() {
        check(
            10,
            vec![
                (request(1, Some("a\"b")), vec![event(Kind::Head, 7), event(Kind::Token, 8)]),
                (request(2, None), vec![]),
            ],
            concat!(
                r#"{"request_id":"a\"b","connection":2,"peer_port":3,"read_ns":4,"response_begin":5,"#,
                r#""events":[["head",10,20,7],["token",10,20,8]]}"#,
                "\n",
                r#"{"request_id":"2","connection":2,"peer_port":3,"read_ns":4,"response_begin":5,"events":[]}"#,
                "\n",
                r#"{"summary":{"requests":2,"events":2,"connections":1,"dropped_log_lines":0,"#,
                r#""dropped_events":0,"bytes":99}}"#,
                "\n",
            ),
        );
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        check(
            1,
            vec![
                (request(1, None), vec![event(Kind::Token, 7), event(Kind::Done, 8)]),
                (request(2, None), vec![event(Kind::Body, 9)]),
                (request(3, None), vec![]),
            ],
            concat!(
                r#"{"request_id":"2","connection":2,"peer_port":3,"read_ns":4,"response_begin":5,"#,
                r#""events":[["body",10,20,9]]}"#,
                "\n",
                r#"{"summary":{"requests":3,"events":3,"connections":1,"dropped_log_lines":2,"#,
                r#""dropped_events":2,"bytes":99}}"#,
                "\n",
            ),
        );
    }

    #[test]
    fn a_saved_file_equals_the_text_after_every_save() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log.jsonl");
        let mut file = LogFile::create(&path).expect("a new file");
        let mut log = Log::new(1 << 20);
        let totals = Totals::default();
        for number in 1..=3 {
            let events = vec![event(Kind::Token, number); SEGMENT - 1];
            log.add(request(number, None), &events);
            assert!(file.is_behind(&log), "a request is not saved yet");
            file.save(&log, totals).expect("the log fits into the file");
            assert!(!file.is_behind(&log), "every request is saved");
            let saved = std::fs::read(&path).expect("the file is there");
            assert!(saved == log.to_text(totals), "save {number} differs from the text");
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 9, 10, 4096, u64::MAX] {
            let mut text = Vec::new();
            push_decimal(number, &mut text);
            assert_eq!(String::from_utf8(text).expect("digits"), number.to_string(), "the number {number}");
        }
    }
}
