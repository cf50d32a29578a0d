//! HOT: what the worker saw, as records in shared memory. Budget: docs/BUDGET.md, "CPU per event".

use crate::composer::Response;
use crate::ring::shared::Producer;
use crate::wire::coding::Coding;
use crate::wire::{Sink, content};
use common::client_event::{Ended, Kind, Moved, Opened, Outcome, RecordHeader, Sent, Stamped};
use common::clock::MonoNs;
use common::id::{ConnectionId, RequestId};
use common::ring::Counter;

/// Writes records of one worker.
#[derive(Debug)]
pub struct Reporter {
    producer: Producer,
}

impl Reporter {
    /// A reporter that writes to this ring.
    #[must_use]
    pub const fn new(producer: Producer) -> Self {
        Self { producer }
    }

    /// A connection was opened.
    pub fn opened(&mut self, connection: ConnectionId, connected: MonoNs, body: &Opened) {
        self.record(Kind::Opened, u64::from(connection.0), connected, 0, body, &[]);
        self.producer.count(Counter::Connections, 1);
    }

    /// A connection was closed.
    pub fn closed(&mut self, connection: ConnectionId, now: MonoNs) {
        self.record(Kind::Closed, u64::from(connection.0), now, 0, &(), &[]);
    }

    /// A request was handed to the kernel; `end` is the offset after its last byte.
    pub fn sent(&mut self, request: RequestId, submitted: MonoNs, end: u64, body: &Sent) {
        self.record(Kind::Sent, request.0, submitted, end, body, &[]);
        self.producer.count(Counter::Sent, 1);
        self.producer.count(Counter::SentBytes, end - body.begin);
    }

    /// A request that was handed to the kernel before is handed to it again, on another connection: it is counted once.
    #[cold]
    pub fn sent_again(&mut self, request: RequestId, submitted: MonoNs, end: u64, body: &Sent) {
        self.record(Kind::Sent, request.0, submitted, end, body, &[]);
        self.producer.count(Counter::KeepAliveRaces, 1);
        self.producer.count(Counter::SentBytes, end - body.begin);
    }

    /// A request could not be sent: it is recorded with no time and no bytes, and not counted as sent.
    pub fn not_sent(&mut self, request: RequestId, body: &Sent) {
        self.record(Kind::Sent, request.0, MonoNs(0), body.begin, body, &[]);
    }

    /// The response to a request arrives on another connection.
    pub fn moved(&mut self, request: RequestId, now: MonoNs, body: &Moved) {
        self.record(Kind::Moved, request.0, now, 0, body, &[]);
    }

    /// A request ended; `end` is the offset after the last byte received of it.
    pub fn ended(&mut self, request: RequestId, now: MonoNs, outcome: Outcome, end: u64, body: &Ended) {
        let mut header = RecordHeader::new(Kind::Ended, request.0, now, end, length_of(body));
        header.detail = outcome.number();
        self.producer.append(&header, body, &[]);
        let counter = if outcome == Outcome::Ok { Counter::Completed } else { Counter::Failed };
        self.producer.count(counter, 1);
    }

    /// The socket's own stamp for a stretch of a connection's bytes.
    pub fn stamped(&mut self, connection: ConnectionId, direction: u32, begin: u64, end: u64, time: MonoNs) {
        let body = Stamped { direction, reserved: 0, begin };
        self.record(Kind::Stamped, u64::from(connection.0), time, end, &body, &[]);
    }

    /// The worker has no more records.
    pub fn finished(&mut self, now: MonoNs) {
        self.record(Kind::Finished, 0, now, 0, &(), &[]);
        self.producer.set(Counter::Ended, 1);
        self.producer.publish();
    }

    /// A sink for the bytes of one read, reaped at `reaped`.
    #[inline]
    pub const fn sink(&mut self, request: RequestId, reaped: MonoNs) -> ReadSink<'_> {
        ReadSink {
            reporter: self,
            request,
            reaped,
            status: 0,
            response: None,
            awaits_content: false,
            comments: 0,
            end: None,
        }
    }

    /// The ring, for its counters.
    #[must_use]
    pub const fn counters(&self) -> &Producer {
        &self.producer
    }

    #[inline]
    fn record(
        &mut self,
        kind: Kind,
        id: u64,
        time: MonoNs,
        end: u64,
        body: &(impl zerocopy::IntoBytes + zerocopy::Immutable),
        bytes: &[u8],
    ) {
        let rest = length_of(body) + narrow(bytes.len());
        self.producer.append(&RecordHeader::new(kind, id, time, end, rest), body, bytes);
    }
}

/// Reports what one read completed.
#[derive(Debug)]
pub struct ReadSink<'a> {
    reporter: &'a mut Reporter,
    request: RequestId,
    reaped: MonoNs,
    /// The HTTP status, if the read completed a head; else 0.
    pub status: u16,
    /// Where the response is kept, if its session has further turns.
    pub response: Option<&'a mut Response>,
    /// Whether no content has arrived yet and the worker waits for it.
    pub awaits_content: bool,
    /// Comments of one line, which have no record.
    pub comments: u32,
    /// Where on the wire ends what is cut, if its bytes were encrypted.
    pub end: Option<u64>,
}

impl Sink for ReadSink<'_> {
    fn head(&mut self, status: u16, bytes: &[u8], end: u64) {
        self.status = status;
        let end = self.end.unwrap_or(end);
        let mut header = RecordHeader::new(Kind::Head, self.request.0, self.reaped, end, narrow(bytes.len()));
        header.detail = status;
        self.reporter.producer.append(&header, &(), bytes);
    }

    #[cold]
    fn coded(&mut self, coding: Coding, is_event_stream: bool) {
        if let Some(response) = &mut self.response {
            response.coding = coding;
            response.is_stream = is_event_stream;
        }
    }

    #[inline]
    fn event(&mut self, bytes: &[u8], end: u64) {
        self.reporter.producer.count(Counter::Events, 1);
        if is_comment(bytes) {
            self.comments = self.comments.saturating_add(1);
            return;
        }
        let end = self.end.unwrap_or(end);
        let header = RecordHeader::new(Kind::Event, self.request.0, self.reaped, end, narrow(bytes.len()));
        self.reporter.producer.append(&header, &(), bytes);
        if let Some(response) = &mut self.response {
            response.is_stream = true;
            response.add(bytes);
            response.add(b"\n\n");
        }
        if self.awaits_content && content::is_in(bytes) {
            self.awaits_content = false;
        }
    }

    fn body(&mut self, bytes: &[u8], end: u64) {
        let is_sealed = self.end.is_some();
        let end = self.end.unwrap_or(end);
        let mut header = RecordHeader::new(Kind::Body, self.request.0, self.reaped, end, narrow(bytes.len()));
        header.detail = u16::from(is_sealed);
        self.reporter.producer.append(&header, &(), bytes);
        if let Some(response) = &mut self.response {
            response.add(bytes);
        }
        // The content of a compressed body is not known.
        self.awaits_content = false;
    }
}

/// Whether an event is one line that only keeps the connection open.
#[inline]
fn is_comment(event: &[u8]) -> bool {
    event.first() == Some(&b':') && memchr::memchr2(b'\n', b'\r', event).is_none()
}

fn length_of<T>(_body: &T) -> u32 {
    narrow(size_of::<T>())
}

/// Events and heads are limited to 4 MiB where they are cut.
#[expect(clippy::cast_possible_truncation, reason = "limited where it is cut")]
const fn narrow(length: usize) -> u32 {
    length as u32
}
