//! All connections that are watched: kernel records in, messages of the request table out.

use super::counts::{CONNECTIONS, Counts};
use super::follower::{FollowState, Follower, Shared};
use super::stream::{Segment, Stream};
use crate::bounds::{self, Bound, Exceeded};
use crate::branching::Inherited;
use crate::response_parser::{RequestFacts, RequestTable};
use common::client_event::{Kind as Record, Opened, Outcome, RecordHeader};
use common::clock::MonoNs;
use common::id::{ConnectionId, SocketCookie};
use common::kernel_event::Kind;
use common::kernel_event::capture::Capture;
use common::kernel_event::connection::{ACCEPTED, CLOSED, OPENED, Step};
use common::kernel_event::read::Read;
use common::kernel_event::segment::SENT;
use common::reply_event::Passed;
use endpoint::chat::Chat;
use rustc_hash::FxHashMap;
use spec::{Plan, Side};
use std::io::{self, Write};
use std::sync::Arc;
use tokenizer::Tokenizer;
use zerocopy::{FromBytes, IntoBytes};

/// Everything that is watched.
pub struct Watch<W> {
    side: Side,
    connections: FxHashMap<SocketCookie, Connection>,
    next_connection: u32,
    shared: Shared<W>,
    latest: MonoNs,
    /// Records since the read offset was last reported to the daemon.
    unreported: u32,
    /// Memory that all connections hold of what is not whole, and how much they may.
    held: usize,
    held_max: usize,
}

struct Connection {
    /// Memory that it holds of what is not whole, as counted among that of all.
    held: usize,
    id: ConnectionId,
    requests: Stream,
    responses: Stream,
    follower: Follower,
    /// Segments since the daemon was last sent what it may drop.
    unreported: u32,
    /// Whether the daemon knows that no request of it will be reported.
    was_ignored: bool,
}

/// A record that no kernel program writes.
fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's spool holds a malformed record")
}

impl<W: Write> Watch<W> {
    /// Watches from one side and writes messages to `replies`.
    pub fn new(replies: W, side: Side, tokenizer: Option<Tokenizer>, plan: &Plan) -> Self {
        let nothing =
            RequestFacts::new(Arc::new(Vec::<crate::prompt::Conversation>::new()), Inherited::default());
        let mut table = RequestTable::new(replies, &Chat, tokenizer, nothing, plan);
        let keeps_payload = plan.watch.as_ref().is_some_and(|watch| watch.payload);
        if keeps_payload {
            table.keep_raw();
        }
        let shared = Shared { table, counts: Counts::default(), next_request: 0, keeps_payload };
        let connections = FxHashMap::default();
        Self {
            side,
            connections,
            next_connection: 0,
            shared,
            latest: MonoNs(0),
            unreported: 0,
            held: 0,
            held_max: HELD_MAX,
        }
    }

    /// Counts what has no room.
    #[must_use]
    pub fn counting(mut self, exceeded: Arc<Exceeded>) -> Self {
        let room = bounds::open_bytes(OPEN_MAX);
        self.shared.table = self.shared.table.within(room, exceeded);
        self
    }

    /// Processes the first record of some bytes; returns its length, or `None` if it is not whole.
    ///
    /// # Errors
    /// When it is no record, or a message can't be written.
    pub fn record(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let Ok((kind, _)) = u32::read_from_prefix(bytes) else { return Ok(None) };
        match Kind::from_number(kind).ok_or_else(broken)? {
            Kind::Segment => Err(broken()),
            // The time when the server read is for the join: it is not part of a request's content.
            Kind::Read => Ok((bytes.len() >= size_of::<Read>()).then_some(size_of::<Read>())),
            Kind::Connection => {
                let Ok((step, _)) = Step::read_from_prefix(bytes) else { return Ok(None) };
                self.step(&step)?;
                Ok(Some(size_of::<Step>()))
            }
            Kind::Capture => {
                let Ok((capture, rest)) = Capture::read_from_prefix(bytes) else { return Ok(None) };
                if bytes.len() < capture.length() {
                    return Ok(None);
                }
                let payload = rest.get(..capture.captured_length as usize).ok_or_else(broken)?;
                self.segment(&capture, payload)?;
                Ok(Some(capture.length()))
            }
        }
    }

    /// The counts so far.
    pub const fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Sends on what has been written.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.shared.table.flush()
    }

    /// Nothing more will arrive: ends what is open, and writes the last message.
    ///
    /// # Errors
    /// When a message can't be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let mut left = self.connections.drain().map(|(_, connection)| connection).collect::<Vec<_>>();
        left.sort_unstable_by_key(|connection| connection.id);
        for mut connection in left {
            connection.drain(&mut self.shared)?;
            connection.follower.end_all(Outcome::Cancelled, self.latest, &mut self.shared)?;
        }
        self.shared.table.finish()
    }

    /// The messages, of a watch that is over.
    #[cfg(test)]
    fn into_replies(self) -> W {
        self.shared.table.into_replies()
    }

    fn step(&mut self, step: &Step) -> io::Result<()> {
        self.latest = self.latest.max(step.time);
        let ours = match self.side {
            Side::Client => OPENED,
            Side::Server => ACCEPTED,
        };
        match step.stage {
            OPENED | ACCEPTED if self.connections.len() >= CONNECTIONS_MAX => {
                self.shared.table.exceeded().count(Bound::Watched, 1);
                Ok(())
            }
            OPENED | ACCEPTED => {
                let (sent, received) = (step.sent_sequence, step.received_sequence);
                let (requests, responses) =
                    if self.side == Side::Client { (sent, received) } else { (received, sent) };
                let follower = if step.stage == ours { Follower::from_begin } else { Follower::ignored };
                let connection = self.connect(step.cookie, follower)?;
                connection.requests = Stream::from_sequence(requests);
                connection.responses = Stream::from_sequence(responses);
                self.let_go(step.cookie)
            }
            CLOSED => self.closed(step),
            _ => Ok(()),
        }
    }

    fn closed(&mut self, step: &Step) -> io::Result<()> {
        let Some(mut connection) = self.connections.remove(&step.cookie) else { return Ok(()) };
        self.held -= connection.held;
        connection.drain(&mut self.shared)?;
        connection.follower.closed(step.time, &mut self.shared)?;
        let passed = Passed { cookie: step.cookie, time: self.latest, is_ignored: 1, ..Passed::default() };
        self.shared.table.passed(&passed)?;
        let header = RecordHeader::new(Record::Closed, u64::from(connection.id.0), step.time, 0, 0);
        self.shared.table.record(0, &header, &[])
    }

    fn segment(&mut self, capture: &Capture, bytes: &[u8]) -> io::Result<()> {
        let stamp = &capture.stamp;
        self.latest = self.latest.max(stamp.time);
        if !self.connections.contains_key(&stamp.cookie) {
            if self.connections.len() >= CONNECTIONS_MAX {
                // It was counted when it was opened, or was open before.
                return Ok(());
            }
            self.connect(stamp.cookie, Follower::from_middle)?;
        }
        let Some(connection) = self.connections.get_mut(&stamp.cookie) else { return Ok(()) };
        if connection.follower.state() == FollowState::Ignored {
            return self.let_go(stamp.cookie);
        }
        let segment =
            Segment { sequence: stamp.sequence, length: stamp.payload_length, bytes, time: stamp.time };
        let (follower, shared) = (&mut connection.follower, &mut self.shared);
        let mut result = Ok(());
        if (stamp.direction == SENT) == (self.side == Side::Client) {
            let response_offset = connection.responses.next();
            connection.requests.segment(&segment, |stretch| {
                result = std::mem::replace(&mut result, Ok(()))
                    .and_then(|()| follower.client_sent(&stretch, response_offset, shared));
            });
        } else {
            connection.responses.segment(&segment, |stretch| {
                result = std::mem::replace(&mut result, Ok(()))
                    .and_then(|()| follower.server_sent(&stretch, shared));
            });
        }
        result?;
        self.account(stamp.cookie)?;
        self.let_go(stamp.cookie)
    }

    /// Keeps what all connections hold within its bound: the one that exceeded it is not followed any more.
    fn account(&mut self, cookie: SocketCookie) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(&cookie) else { return Ok(()) };
        let held = connection.requests.held() + connection.responses.held() + connection.follower.held();
        self.held = self.held - connection.held + held;
        connection.held = held;
        if self.held <= self.held_max {
            return Ok(());
        }
        self.held -= std::mem::take(&mut connection.held);
        (connection.requests, connection.responses) = (Stream::default(), Stream::default());
        self.shared.table.exceeded().count(Bound::Watched, 1);
        connection.follower.ignore(self.latest, &mut self.shared)
    }

    /// Reports to the daemon at intervals what it may drop: stamps of bytes that belong to no request that will be reported,
    /// and how far the kernel's records were read.
    fn let_go(&mut self, cookie: SocketCookie) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(&cookie) else { return Ok(()) };
        connection.unreported += 1;
        self.unreported += 1;
        let is_ignored = connection.follower.state() == FollowState::Ignored;
        let is_due = connection.unreported >= LET_GO_SEGMENTS || is_ignored != connection.was_ignored;
        let passed = connection.follower.passed(connection.requests.next(), connection.responses.next());
        let time = self.latest;
        let passed = match passed.filter(|_| is_due) {
            Some((sent, received)) => {
                (connection.unreported, connection.was_ignored) = (0, is_ignored);
                Passed { cookie, sent, received, time, is_ignored: u32::from(is_ignored), reserved: 0 }
            }
            None if self.unreported >= PROGRESS_RECORDS => Passed { time, ..Passed::default() },
            None => return Ok(()),
        };
        self.unreported = 0;
        self.shared.table.passed(&passed)
    }

    fn connect(
        &mut self,
        cookie: SocketCookie,
        follower: fn(ConnectionId) -> Follower,
    ) -> io::Result<&mut Connection> {
        let id = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        self.shared.counts.add(CONNECTIONS, 1);
        let opened = Opened { cookie, ..Opened::default() };
        let header = RecordHeader::new(Record::Opened, u64::from(id.0), MonoNs(0), 0, 0);
        self.shared.table.record(0, &header, opened.as_bytes())?;
        let (requests, responses) = (Stream::default(), Stream::default());
        let connection = Connection {
            held: 0,
            id,
            requests,
            responses,
            follower: follower(id),
            unreported: 0,
            was_ignored: false,
        };
        Ok(self.connections.entry(cookie).insert_entry(connection).into_mut())
    }
}

impl Connection {
    /// Delivers what waited for segments that never arrived.
    fn drain(&mut self, shared: &mut Shared<impl Write>) -> io::Result<()> {
        let Self { requests, responses, follower, .. } = self;
        let mut result = Ok(());
        let response_offset = responses.next();
        requests.end(|stretch| {
            result = std::mem::replace(&mut result, Ok(()))
                .and_then(|()| follower.client_sent(&stretch, response_offset, shared));
        });
        responses.end(|stretch| {
            result =
                std::mem::replace(&mut result, Ok(())).and_then(|()| follower.server_sent(&stretch, shared));
        });
        result
    }
}

/// Connections that are followed at once.
const CONNECTIONS_MAX: usize = 1 << 16;
/// Connections for whose responses there is room at once.
pub(crate) const OPEN_MAX: u64 = 4096;
/// Memory that all connections may hold of what is not whole.
const HELD_MAX: usize = 1 << 30;
/// Segments of a connection after which the daemon is sent what it may drop.
const LET_GO_SEGMENTS: u32 = 64;
/// Records after which the read offset is reported to the daemon, whatever they are.
const PROGRESS_RECORDS: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use common::kernel_event::segment::{RECEIVED, Stamp};
    use common::reply_event::{Event, EventKind, Kind as Message, MessageHeader, RequestEnded};
    use proptest::prelude::*;
    use std::fmt::Write;

    const COOKIE: SocketCookie = SocketCookie(7);
    const BASE: [u32; 2] = [u32::MAX - 20, 900];

    /// Records of a kernel that watches one connection.
    #[derive(Default)]
    struct Records {
        bytes: Vec<u8>,
        time: u64,
        /// Bytes that went each way.
        gone: [u32; 2],
    }

    impl Records {
        fn step(&mut self, stage: u32) -> &mut Self {
            self.time += 1;
            let step = Step {
                kind: Kind::Connection.number(),
                stage,
                cookie: COOKIE,
                time: MonoNs(self.time),
                sent_sequence: BASE[SENT as usize],
                received_sequence: BASE[RECEIVED as usize],
                smoothed_rtt_us: 0,
                retransmits: 0,
                local_port: 1,
                remote_port: 2,
            };
            self.bytes.extend_from_slice(step.as_bytes());
            self
        }

        fn segment(&mut self, direction: u32, payload: &str) -> &mut Self {
            self.captured(direction, payload, payload.len())
        }

        /// A segment of which only the first bytes were captured.
        fn captured(&mut self, direction: u32, payload: &str, count: usize) -> &mut Self {
            self.raw(direction, payload.as_bytes(), count)
        }

        fn raw(&mut self, direction: u32, payload: &[u8], count: usize) -> &mut Self {
            self.time += 1;
            let place = direction as usize;
            let length = u32::try_from(payload.len()).unwrap();
            let stamp = Stamp {
                kind: Kind::Capture.number(),
                direction,
                cookie: COOKIE,
                time: MonoNs(self.time),
                sequence: BASE[place].wrapping_add(self.gone[place]),
                payload_length: length,
                smoothed_rtt_us: 0,
                retransmits: 0,
            };
            self.gone[place] += length;
            let captured_length = u32::try_from(count).unwrap();
            let capture = Capture { stamp, captured_length, local_port: 1, remote_port: 2 };
            self.bytes.extend_from_slice(capture.as_bytes());
            self.bytes.extend_from_slice(&payload[..count]);
            self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
            self
        }
    }

    /// The messages as text, and the counts.
    fn watched(bytes: &[u8], side: Side) -> String {
        let tokenizer = Some(Tokenizer::builtin());
        let mut watch = Watch::new(Vec::new(), side, tokenizer, &Plan::unknown());
        let mut rest = bytes;
        while let Some(length) = watch.record(rest).unwrap() {
            rest = &rest[length..];
        }
        assert!(rest.is_empty(), "every record is taken");
        watch.finish().unwrap();
        let counts = watch.counts().named().clone();
        let text = messages(&watch.into_replies());
        let met =
            counts.iter().map(|(name, count)| format!(" {}={count}", name.trim_start_matches("watched_")));
        format!("{text}|{}", met.collect::<String>())
    }

    fn messages(mut bytes: &[u8]) -> String {
        let mut text = String::new();
        while let Ok((header, _)) = MessageHeader::read_from_prefix(bytes) {
            let (message, rest) = bytes.split_at(header.length as usize);
            bytes = rest;
            if Message::from_number(header.kind) != Some(Message::Request) {
                continue;
            }
            let (report, mut events) = RequestEnded::read_from_prefix(&message[8..]).unwrap();
            let outcome = Outcome::from_number(u16::try_from(report.outcome).unwrap()).unwrap();
            let (due, ended) = (report.due.0, report.ended.0);
            write!(
                text,
                "{}..{} due {due} ended {ended} {}:",
                report.sent_begin,
                report.sent_end,
                outcome.name()
            )
            .unwrap();
            for _ in 0..report.events {
                let (event, later) = Event::read_from_prefix(events).unwrap();
                events = later;
                let kind = EventKind::from_number(event.kind).unwrap();
                write!(text, " {}@{}", kind.name(), event.end - report.response_begin).unwrap();
            }
            text.push_str("; ");
        }
        text
    }

    fn question() -> String {
        let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
        format!("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    const DONE: &str = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

    fn token() -> String {
        let data = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
        format!("{:x}\r\n{data}\r\n", data.len())
    }

    #[test]
    fn a_stream_from_both_sides() {
        let mut client = Records::default();
        client.step(OPENED).segment(SENT, &question()).segment(RECEIVED, HEAD).segment(RECEIVED, &token());
        client.segment(RECEIVED, &token()).segment(RECEIVED, DONE).step(CLOSED);
        let expected = "0..129 due 2 ended 6 ok: content@131 content@184 done@203; | connections=1";
        assert_eq!(watched(&client.bytes, Side::Client), expected, "at the client");
        let mut server = Records::default();
        server.step(ACCEPTED).segment(RECEIVED, &question()).segment(SENT, HEAD).segment(SENT, &token());
        server.segment(SENT, &token()).segment(SENT, DONE).step(CLOSED);
        assert_eq!(watched(&server.bytes, Side::Server), expected, "at the server");
        assert_eq!(
            watched(&server.bytes, Side::Client),
            "| connections=1",
            "the accepting side is no client"
        );
    }

    #[test]
    fn connections_that_were_open_are_picked_up() {
        let mut records = Records::default();
        records.segment(RECEIVED, &token()).segment(RECEIVED, DONE).segment(SENT, &question());
        records.segment(RECEIVED, HEAD).segment(RECEIVED, &token()).segment(RECEIVED, DONE);
        let expected =
            "0..129 due 3 ended 6 ok: content@131 done@150; | connections=1 connections_picked_up=1";
        assert_eq!(watched(&records.bytes, Side::Client), expected, "from the next request on");
    }

    #[test]
    fn what_is_not_understood_is_counted() {
        let check = |requests: &str, response: &str, expected: &str| {
            let mut records = Records::default();
            records.step(OPENED).segment(SENT, requests).segment(RECEIVED, response).step(CLOSED);
            assert_eq!(watched(&records.bytes, Side::Client), expected, "{requests:?}");
        };
        check("\u{16}\u{3}\u{1}", "x", "| connections=1 not_followed_tls=1");
        check("PRI * HTTP/2.0\r\n\r\n", "x", "| connections=1 not_followed_http2=1");
        let coded = "HTTP/1.1 200 OK\r\ncontent-encoding: compress\r\ncontent-length: 1\r\n\r\nx";
        check(&question(), coded, "| connections=1 not_followed_compressed_response=1");
        let other = "GET /metrics HTTP/1.1\r\n\r\n";
        check(
            other,
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
            "| connections=1 requests_of_other_paths=1",
        );
        let head = "HEAD / HTTP/1.1\r\n\r\n".to_owned() + &question();
        let both = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nHTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n";
        check(&head, both, "19..148 due 2 ended 3 http_status:; | connections=1 requests_of_other_paths=1");
    }

    /// A compressed response is parsed as any other, unless a part of it was not captured.
    #[test]
    fn coded_responses_are_decoded() {
        let data = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n";
        // One block of stored bytes (RFC 1951 §3.2.4).
        let length = u8::try_from(data.len()).unwrap();
        let coded = [&[1, length, 0, !length, 0xff], data.as_slice()].concat();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: deflate\r\nconnection: close\r\n\r\n";
        let mut records = Records::default();
        records.step(OPENED).segment(SENT, &question()).segment(RECEIVED, head);
        records.raw(RECEIVED, &coded, coded.len()).step(CLOSED);
        let text = watched(&records.bytes, Side::Client);
        assert!(text.contains(" ok: content@") && text.ends_with("| connections=1"), "{text}");
        let mut records = Records::default();
        records.step(OPENED).segment(SENT, &question()).segment(RECEIVED, head);
        records.captured(RECEIVED, "some bytes", 4).step(CLOSED);
        let text = watched(&records.bytes, Side::Client);
        assert_eq!(text, "| connections=1 not_followed_compressed_response=1", "a hole");
    }

    /// What the daemon may drop: requests before, responses before, whether all of the connection.
    fn let_go(records: &Records) -> Vec<(u64, u64, bool)> {
        let mut watch = Watch::new(Vec::new(), Side::Client, None, &Plan::unknown());
        let mut rest = &*records.bytes;
        while let Some(length) = watch.record(rest).unwrap() {
            rest = &rest[length..];
        }
        let replies = watch.into_replies();
        let mut report = Vec::new();
        let mut bytes = &*replies;
        while let Ok((header, body)) = MessageHeader::read_from_prefix(bytes) {
            if Message::from_number(header.kind) == Some(Message::Passed) {
                let (passed, _) = Passed::read_from_prefix(body).unwrap();
                assert_eq!(passed.cookie, COOKIE, "the connection");
                report.push((passed.sent, passed.received, passed.is_ignored != 0));
            }
            bytes = &bytes[header.length as usize..];
        }
        report
    }

    #[test]
    fn traffic_without_a_model_is_let_go() {
        let mut other = Records::default();
        other.step(OPENED);
        let (get, ok) = ("GET /x HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
        for _ in 0..LET_GO_SEGMENTS {
            other.segment(SENT, get).segment(RECEIVED, ok);
        }
        let report = let_go(&other);
        assert!(!report.is_empty() && report.iter().all(|(_, _, all)| !all), "now and then: {report:?}");
        let mut asking = Records::default();
        asking.step(OPENED).segment(SENT, &question()).segment(RECEIVED, HEAD);
        for _ in 0..2 * LET_GO_SEGMENTS {
            asking.segment(RECEIVED, &token());
        }
        assert_eq!(let_go(&asking), [], "a request is open that will be reported");
        let mut encrypted = Records::default();
        encrypted.step(OPENED).segment(SENT, "\u{16}\u{3}\u{1}");
        assert_eq!(
            let_go(&encrypted).last().map(|(.., all)| *all),
            Some(true),
            "nothing of it will be reported"
        );
        let mut partial = Records::default();
        partial.step(OPENED);
        for _ in 0..LET_GO_SEGMENTS {
            partial.segment(SENT, get).segment(RECEIVED, ok);
        }
        // The head of a request for a model has arrived in part.
        let gone = partial.gone[SENT as usize];
        for byte in question().chars().take(70) {
            partial.segment(SENT, &byte.to_string());
        }
        let kept = let_go(&partial).iter().all(|(sent, ..)| *sent <= u64::from(gone));
        assert!(kept, "the time of its start is kept: {:?}", let_go(&partial));
    }

    #[test]
    fn a_connection_that_holds_too_much_is_not_followed() {
        let head = "POST /v1/completions HTTP/1.1\r\ncontent-length: 9000000\r\n\r\n";
        let check = |held_max, expected: Option<u64>| {
            let mut records = Records::default();
            records.step(OPENED).segment(SENT, head);
            for _ in 0..64 {
                records.segment(SENT, &"x".repeat(60_000));
            }
            let exceeded = Arc::<Exceeded>::default();
            let mut watch = Watch::new(Vec::new(), Side::Client, None, &Plan::unknown());
            watch = watch.counting(Arc::clone(&exceeded));
            watch.held_max = held_max;
            let mut rest = &*records.bytes;
            while let Some(length) = watch.record(rest).unwrap() {
                rest = &rest[length..];
                assert!(watch.held <= held_max, "{} bytes are held", watch.held);
            }
            watch.finish().unwrap();
            assert_eq!(
                exceeded.named().get("watched_connections_over_limit").copied(),
                expected,
                "{held_max}"
            );
            messages(&watch.into_replies())
        };
        assert!(check(100_000, Some(1)).contains("malformed_response"), "what was open ends");
        assert!(check(1 << 30, None).contains("cancelled"), "as at any end");
    }

    #[test]
    fn an_event_that_was_not_captured_whole_is_counted() {
        let mut records = Records::default();
        let (one, two) = (token(), format!("{}{}", token(), token()));
        records.step(OPENED).segment(SENT, &question()).segment(RECEIVED, HEAD).segment(RECEIVED, &one);
        records.captured(RECEIVED, &two, 20).segment(RECEIVED, DONE).step(CLOSED);
        let text = watched(&records.bytes, Side::Client);
        assert!(text.contains("not_followed_framing_not_captured=1"), "{text}");
        let mut records = Records::default();
        records.step(OPENED).segment(SENT, &question()).segment(RECEIVED, HEAD);
        records
            .captured(RECEIVED, &token()[..40], 20)
            .segment(RECEIVED, &token()[40..])
            .segment(RECEIVED, &one);
        records.segment(RECEIVED, DONE).step(CLOSED);
        let expected =
            "0..129 due 2 ended 7 ok: content@184 done@203; | connections=1 not_followed_events_cut=1";
        assert_eq!(watched(&records.bytes, Side::Client), expected, "the next one is whole");
    }

    proptest! {
        /// However segments are cut, the same events are found at the same offsets.
        #[test]
        fn splits_do_not_matter(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let stream = format!("{HEAD}{}{}{DONE}", token(), token());
            let mut places = cuts.iter().map(|cut| cut.index(stream.len())).collect::<Vec<_>>();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            places.dedup();
            let mut records = Records::default();
            records.step(OPENED).segment(SENT, &question());
            for pair in places.windows(2) {
                records.segment(RECEIVED, &stream[pair[0]..pair[1]]);
            }
            let text = watched(&records.bytes, Side::Client);
            prop_assert!(text.ends_with("ok: content@131 content@184 done@203; | connections=1"), "{}", text);
        }

        /// Whatever is captured, nothing panics.
        #[test]
        fn garbage_never_panics(pieces in prop::collection::vec((any::<bool>(), "\\PC{0,40}|HTTP/1.1 200 OK\r\n\r\n|POST /v1/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n|3\r\nabc\r\n|0\r\n\r\n", 0_usize..60), 0..12)) {
            let mut records = Records::default();
            records.step(OPENED);
            for (sent, bytes, captured) in pieces {
                let captured = (0..=captured.min(bytes.len())).rev().find(|end| bytes.is_char_boundary(*end)).unwrap();
                records.captured(if sent { SENT } else { RECEIVED }, &bytes, captured);
            }
            watched(&records.bytes, Side::Client);
        }
    }
}
