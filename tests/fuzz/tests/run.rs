//! A whole run against a server that does anything: bytes split anywhere, resets, garbage, early ends. The worker's records
//! become messages in which every request ends once and nothing precedes its cause.

use bolero::{TypeGenerator, check};
use common::client_event::{Ended, Kind, Opened, Outcome, RecordHeader, Sent};
use common::clock::MonoNs;
use common::id::{ConnectionId, SocketCookie};
use common::reply_event::{Event, Kind as Message, MESSAGE_BYTES_MAX, MessageHeader, RequestEnded};
use fuzz::{cases, time};
use loadgen::bounds::Exceeded;
use loadgen::branching::Inherited;
use loadgen::prompt::Conversation;
use loadgen::response_parser::{RequestFacts, RequestTable};
use loadgen::wire::Sink;
use loadgen::wire::http::{AtEnd, Progress, Responses};
use spec::Plan;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokenizer::Tokenizer;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// What a server does next on one of its connections.
#[derive(Debug, TypeGenerator)]
enum Act {
    Bytes {
        connection: u8,
        bytes: Vec<u8>,
    },
    /// A piece of an answer that makes sense.
    Piece {
        connection: u8,
        begin: u16,
        length: u8,
    },
    Whole {
        connection: u8,
        which: u8,
    },
    Close {
        connection: u8,
        is_reset: bool,
    },
    /// The client times out.
    TimeOut {
        connection: u8,
    },
}

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
    30\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"a b\"}}]}\n\n\r\n4\r\n: x\n\r\n1\r\n\n\r\n\
    17\r\ndata: {\"error\":\"no\"}\n\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
const ANSWERS: &[&[u8]] = &[
    STREAM,
    b"HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"a b\"}}]}",
    b"HTTP/1.1 401 No\r\ncontent-length: 10\r\n\r\nsk-0123456",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n",
    b"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"x\"}}]}}]}\n\n",
];

/// The worker's side of a run, without sockets: each connection carries one request after another.
struct Worker {
    table: RequestTable<Vec<u8>>,
    time: u64,
    next_request: u64,
    connections: BTreeMap<u8, Connection>,
    outcomes: BTreeMap<u64, Outcome>,
    data_events: u64,
    comments: u64,
}

struct Connection {
    request: u64,
    responses: Responses,
    status: u16,
    has_event: bool,
    comments: u32,
}

impl Worker {
    fn new(room: u64, exceeded: Arc<Exceeded>, raw: bool) -> Self {
        let endpoint = endpoint::by_name("chat").expect("chat is an endpoint");
        let facts = RequestFacts::new(Arc::new(Vec::<Conversation>::new()), Inherited::default());
        let tokenizer = Some(Tokenizer::builtin());
        let table = RequestTable::new(Vec::new(), endpoint, tokenizer, facts, &Plan::unknown());
        let mut table = table.within(room, exceeded);
        if raw {
            table.keep_raw();
        }
        Self {
            table,
            time: 1,
            next_request: 0,
            connections: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            data_events: 0,
            comments: 0,
        }
    }

    fn record(
        &mut self,
        (kind, id, detail, end): (Kind, u64, u16, u64),
        body: &(impl IntoBytes + Immutable),
        bytes: &[u8],
    ) {
        self.time += 1;
        let mut header = RecordHeader::new(kind, id, MonoNs(self.time), end, 0);
        header.detail = detail;
        self.table
            .record(0, &header, &[body.as_bytes(), bytes].concat())
            .expect("a vector accepts everything");
    }

    /// The connection, which is opened and carries a request.
    fn busy(&mut self, number: u8) -> &mut Connection {
        if !self.connections.contains_key(&number) {
            let request = self.next_request;
            self.next_request += 1;
            let cookie = SocketCookie(request + 1);
            let connection = ConnectionId(u32::try_from(request).unwrap_or(0));
            let opened = Opened { cookie, ..Opened::default() };
            self.record((Kind::Opened, request, 0, 0), &opened, &[]);
            let sent = Sent { due: MonoNs(self.time), connection, ..Sent::default() };
            self.record((Kind::Sent, request, 0, 9), &sent, &[]);
            let mut responses = Responses::new();
            responses.expect();
            let connection = Connection { request, responses, status: 0, has_event: false, comments: 0 };
            self.connections.insert(number, connection);
        }
        self.connections.get_mut(&number).expect("it was put there")
    }

    fn receive(&mut self, number: u8, bytes: &[u8]) {
        self.busy(number);
        let Some(mut connection) = self.connections.remove(&number) else { return };
        let mut cut = Cut {
            worker: self,
            connection: &mut connection.request,
            status: 0,
            has_event: connection.has_event,
            comments: 0,
        };
        let progress = connection.responses.feed(bytes, &mut cut);
        let (status, has_event, comments) = (cut.status, cut.has_event, cut.comments);
        connection.has_event = has_event;
        connection.comments += comments;
        self.comments += u64::from(comments);
        if status != 0 {
            connection.status = status;
        }
        match progress {
            Ok(Progress::More) => {
                self.connections.insert(number, connection);
            }
            Ok(Progress::Complete { .. }) => self.end(&connection, of_status(connection.status)),
            Err(_) => self.end(&connection, Outcome::Malformed),
        }
    }

    fn close(&mut self, number: u8, is_reset: bool) {
        let Some(mut connection) = self.connections.remove(&number) else { return };
        let mut cut = Cut {
            worker: self,
            connection: &mut connection.request,
            status: 0,
            has_event: connection.has_event,
            comments: 0,
        };
        let end = connection.responses.finish(&mut cut);
        let comments = cut.comments;
        connection.comments += comments;
        self.comments += u64::from(comments);
        let outcome = match end {
            _ if is_reset => Outcome::Reset,
            AtEnd::Complete => of_status(connection.status),
            AtEnd::Truncated => Outcome::Truncated,
            AtEnd::NotStarted => Outcome::ClosedEarly,
        };
        self.end(&connection, outcome);
    }

    fn end(&mut self, connection: &Connection, outcome: Outcome) {
        let ended = Ended { comments: connection.comments, ..Ended::default() };
        let end = connection.responses.offset();
        self.record((Kind::Ended, connection.request, outcome.number(), end), &ended, &[]);
        self.record((Kind::Closed, connection.request, 0, 0), &(), &[]);
        let before = self.outcomes.insert(connection.request, outcome);
        assert_eq!(before, None, "the worker ends a request once");
    }
}

/// Records what a read completed, as the worker does.
struct Cut<'a> {
    worker: &'a mut Worker,
    connection: &'a mut u64,
    status: u16,
    has_event: bool,
    comments: u32,
}

impl Sink for Cut<'_> {
    fn head(&mut self, status: u16, bytes: &[u8], end: u64) {
        self.status = status;
        self.worker.record((Kind::Head, *self.connection, status, end), &(), bytes);
    }

    fn event(&mut self, bytes: &[u8], end: u64) {
        if self.has_event && bytes.starts_with(b":") && !bytes.contains(&b'\n') && !bytes.contains(&b'\r') {
            self.comments += 1;
            return;
        }
        self.has_event = true;
        self.worker.data_events += 1;
        self.worker.record((Kind::Event, *self.connection, 0, end), &(), bytes);
    }

    fn body(&mut self, bytes: &[u8], end: u64) {
        self.worker.record((Kind::Body, *self.connection, 0, end), &(), bytes);
    }
}

const fn of_status(status: u16) -> Outcome {
    match status / 100 {
        2 => Outcome::Ok,
        3 => Outcome::Redirect,
        _ => Outcome::HttpStatus,
    }
}

fn act(worker: &mut Worker, act: &Act) {
    match act {
        Act::Bytes { connection, bytes } => worker.receive(connection % 4, bytes),
        Act::Piece { connection, begin, length } => {
            let begin = usize::from(*begin) % STREAM.len();
            let end = (begin + usize::from(*length)).min(STREAM.len());
            worker.receive(connection % 4, &STREAM[begin..end]);
        }
        Act::Whole { connection, which } => {
            worker.receive(connection % 4, ANSWERS[usize::from(*which) % ANSWERS.len()]);
        }
        Act::Close { connection, is_reset } => worker.close(connection % 4, *is_reset),
        Act::TimeOut { connection } => {
            if let Some(connection) = worker.connections.remove(&(connection % 4)) {
                worker.end(&connection, Outcome::Timeout);
            }
        }
    }
}

/// The requests among the messages, and that the messages are whole and end.
fn requests(mut messages: &[u8]) -> Vec<(RequestEnded, Vec<Event>)> {
    let mut requests = Vec::new();
    let mut is_finished = false;
    while let Ok((header, _)) = MessageHeader::read_from_prefix(messages) {
        assert!(!is_finished, "nothing follows the end");
        assert!(header.length <= MESSAGE_BYTES_MAX, "{} bytes are too long", header.length);
        let (message, rest) = messages.split_at(header.length as usize);
        messages = rest;
        match Message::from_number(header.kind).expect("a known kind") {
            Message::Request => requests.push(request(&message[size_of::<MessageHeader>()..])),
            Message::Finished => is_finished = true,
            _ => {}
        }
    }
    assert!(is_finished && messages.is_empty(), "the messages end");
    requests
}

fn request(body: &[u8]) -> (RequestEnded, Vec<Event>) {
    let (ended, mut rest) = RequestEnded::read_from_prefix(body).expect("a request");
    let mut events = Vec::new();
    for _ in 0..ended.events {
        let (event, later) = Event::read_from_prefix(rest).expect("as many events as are reported");
        events.push(event);
        rest = later;
    }
    let lengths = [
        ended.error_type_length,
        ended.error_message_length,
        ended.model_length,
        ended.client_request_id_length,
        ended.histogram_length,
        ended.payload_length,
        ended.raw_length,
    ];
    assert_eq!(rest.len(), lengths.iter().map(|length| *length as usize).sum::<usize>(), "as long as stated");
    let raw = events.iter().map(|event| event.bytes as usize).sum::<usize>();
    if ended.raw_length > 0 {
        assert_eq!(raw, (ended.raw_length - ended.raw_head_length) as usize, "raw bytes are the events'");
    }
    (ended, events)
}

#[test]
fn every_request_ends_once_and_nothing_precedes_its_cause() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(u16, bool, bool, Vec<Act>)>()
        .for_each(|(room, raw, is_interrupted, acts)| {
            let room = if room % 3 == 0 { u64::from(*room) } else { 1 << 30 };
            let exceeded = Arc::<Exceeded>::default();
            let mut worker = Worker::new(room, Arc::clone(&exceeded), *raw);
            for one in acts {
                act(&mut worker, one);
                assert!(worker.table.held() <= room, "no more is held than there is room for");
            }
            let open = worker.connections.len();
            if *is_interrupted {
                worker.table.interrupt().expect("a vector accepts everything");
            } else {
                while let Some(number) = worker.connections.keys().next().copied() {
                    worker.close(number, false);
                }
            }
            worker.table.finish().expect("a vector accepts everything");
            assert_eq!(worker.table.held(), 0, "all room is returned");
            check(worker, if *is_interrupted { open } else { 0 }, &exceeded);
        });
}

fn check(worker: Worker, interrupted: usize, exceeded: &Exceeded) {
    let Worker { table, outcomes, next_request, data_events, comments, .. } = worker;
    let requests = requests(&table.into_replies());
    let mut ids = requests.iter().map(|(ended, _)| ended.request.0).collect::<Vec<_>>();
    ids.sort_unstable();
    assert_eq!(ids, (0..next_request).collect::<Vec<_>>(), "every request ends once");
    let open = requests.iter().filter(|(ended, _)| ended.outcome == u32::from(Outcome::Interrupted.number()));
    assert_eq!(open.count(), interrupted, "those that were open");
    let mut left_out = 0;
    let mut seen = 0;
    let mut bare = 0;
    for (ended, events) in &requests {
        assert!(ended.submitted <= ended.ended, "it ends after it was sent");
        assert!(
            ended.head_reaped == MonoNs(0) || ended.submitted <= ended.head_reaped,
            "its head is after that"
        );
        let times = events.iter().map(|event| event.reaped).collect::<Vec<_>>();
        assert!(
            times.is_sorted() && times.iter().all(|time| (ended.submitted..=ended.ended).contains(time)),
            "{times:?}"
        );
        let ends = events.iter().map(|event| event.end).collect::<Vec<_>>();
        assert!(ends.is_sorted() && ends.iter().all(|end| *end <= ended.response_end), "{ends:?} {ended:?}");
        if let Some(outcome) = outcomes.get(&ended.request.0).filter(|outcome| **outcome != Outcome::Ok) {
            assert_eq!(ended.outcome, u32::from(outcome.number()), "the worker's outcome of a failure holds");
        }
        left_out += u64::from(ended.events_left_out);
        bare += u64::from(ended.bare_events);
        let bodies = events.iter().filter(|event| event.kind == 10).count();
        seen += (events.len() - bodies) as u64;
    }
    assert!(bare >= comments || interrupted > 0, "{bare} without data, {comments} of them comments");
    assert!(
        seen + left_out + bare >= data_events,
        "{seen} and {left_out} and {bare} of {data_events} events"
    );
    let counted = exceeded.named().get("events_over_limit").copied().unwrap_or(0);
    assert_eq!(counted, left_out, "what is left out is counted");
}

/// Seconds of the target.
const SECONDS: u64 = 5;
