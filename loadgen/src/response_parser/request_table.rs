//! Records of all workers in, messages out.
//!
//! Memory of requests that ended is used again; while a request is open it holds its text and 32 bytes an event, within
//! the bounds of [`crate::bounds`].

use super::facts::{Facts, RequestFacts};
use super::outcome;
use super::record::{body, broken};
use super::request::{Keep, Names, Request};
use super::room::Room;
use crate::bounds::{self, Bound, Exceeded};
use crate::secrets::Secrets;
use common::client_event::{self as client, Ended, Moved, Opened, Outcome, RecordHeader, Sent, Stamped};
use common::clock::MonoNs;
use common::id::{ConnectionId, RequestId, SocketCookie};
use common::reply_event::{ConnectionOpened, InFlight, Kind, MessageHeader, Passed, StretchStamped, UNKNOWN};
use endpoint::Endpoint;
use rustc_hash::FxHashMap;
use spec::Plan;
use std::io::{self, Write};
use std::sync::Arc;
use tokenizer::Tokenizer;
use zerocopy::{Immutable, IntoBytes};

/// Everything that is open, and where messages go.
pub struct RequestTable<W> {
    replies: W,
    endpoint: &'static dyn Endpoint,
    tokenizer: Option<Tokenizer>,
    facts: RequestFacts,
    timeout_seconds: f64,
    use_server_token_count: bool,
    per_chunk_usage: bool,
    keeps_raw: bool,
    secrets: Secrets,
    room: Room,
    exceeded: Arc<Exceeded>,
    /// Open requests: places in `requests`.
    open: FxHashMap<u64, usize>,
    requests: Vec<Request>,
    free: Vec<usize>,
    connections: FxHashMap<u32, Connection>,
    finished: usize,
    /// Whether a stream had an end marker: then streams without one were cut off.
    ends_streams: bool,
    /// The time of the latest record.
    latest: MonoNs,
    /// Whether requests without a record of their start are left out, and counted.
    requires_starts: bool,
}

/// A connection whose close has not been reported.
#[derive(Clone, Copy, Debug, Default)]
struct Connection {
    cookie: SocketCookie,
    connect_begun: MonoNs,
    connected: MonoNs,
    open_requests: u32,
    is_closed: bool,
}

impl<W: Write> RequestTable<W> {
    /// An empty request table that writes messages to `replies`.
    pub fn new(
        replies: W,
        endpoint: &'static dyn Endpoint,
        tokenizer: Option<Tokenizer>,
        facts: RequestFacts,
        plan: &Plan,
    ) -> Self {
        Self {
            replies,
            endpoint,
            tokenizer,
            facts,
            timeout_seconds: plan.endpoint.request_timeout_seconds,
            use_server_token_count: plan.endpoint.use_server_token_count,
            per_chunk_usage: plan.endpoint.dialect.per_chunk_usage,
            keeps_raw: false,
            secrets: Secrets::default(),
            room: Room::of(bounds::open_bytes(0)),
            exceeded: Arc::default(),
            open: FxHashMap::default(),
            requests: Vec::new(),
            free: Vec::new(),
            connections: FxHashMap::default(),
            finished: 0,
            ends_streams: false,
            latest: MonoNs(0),
            requires_starts: false,
        }
    }

    /// Leaves out requests whose start is not among the records, and counts them.
    pub const fn require_starts(&mut self) {
        self.requires_starts = true;
    }

    /// Passes the bytes of responses on.
    pub const fn keep_raw(&mut self) {
        self.keeps_raw = true;
    }

    /// Replaces these in everything that is kept of a response.
    #[must_use]
    pub fn without_secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// Holds no more than `bytes` of all open responses, and counts what has no room.
    #[must_use]
    pub fn within(self, bytes: u64, exceeded: Arc<Exceeded>) -> Self {
        Self { room: Room::of(bytes), exceeded, ..self }
    }

    /// Bytes that are held of all open responses.
    #[must_use]
    pub const fn held(&self) -> u64 {
        self.room.taken() as u64
    }

    /// The messages so far.
    pub fn into_replies(self) -> W {
        self.replies
    }

    /// What was left out so far.
    #[must_use]
    pub fn exceeded(&self) -> &Exceeded {
        &self.exceeded
    }

    /// What tokens are counted with.
    pub const fn tokenizer(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    /// How many workers have finished.
    #[must_use]
    pub const fn finished(&self) -> usize {
        self.finished
    }

    /// Processes one record of a worker: its header and what follows it.
    ///
    /// # Errors
    /// When the record is malformed or a message can't be written.
    #[inline]
    pub fn record(&mut self, worker: u32, header: &RecordHeader, bytes: &[u8]) -> io::Result<()> {
        let kind = client::Kind::from_number(header.kind).ok_or_else(broken)?;
        self.latest = self.latest.max(header.time);
        match kind {
            client::Kind::Event => {
                let place = self.place(worker, header.request());
                let endpoint = self.endpoint_of(place);
                let keep = keep(self.tokenizer.as_ref(), self.keeps_raw, &self.secrets);
                self.requests[place].event(header, bytes, endpoint, keep, &mut self.room);
            }
            client::Kind::Body => {
                let place = self.place(worker, header.request());
                let endpoint = self.endpoint_of(place);
                let keep = keep(self.tokenizer.as_ref(), self.keeps_raw, &self.secrets);
                self.requests[place].piece(header, bytes, endpoint, keep, &mut self.room);
            }
            client::Kind::Head => {
                let place = self.place(worker, header.request());
                self.requests[place].head(header, bytes);
            }
            client::Kind::Sent => self.sent(worker, header, &body(bytes)?)?,
            client::Kind::Moved => self.moved(worker, header, &body(bytes)?)?,
            client::Kind::Ended => self.ended(worker, header, body(bytes)?)?,
            client::Kind::Opened => self.opened(header, &body(bytes)?)?,
            client::Kind::Closed => self.closed(header)?,
            client::Kind::Stamped => self.stamped(header, body(bytes)?)?,
            client::Kind::Finished => self.finished += 1,
            client::Kind::Padding => {}
        }
        Ok(())
    }

    /// Sets the facts of a request that none of the conversations has: another client sent it.
    pub fn set_facts(&mut self, request: RequestId, endpoint: &'static dyn Endpoint, facts: Facts) {
        let place = self.place(0, request);
        self.requests[place].known = Some((endpoint, facts));
    }

    /// Sets the names that an open request's sender gave it.
    pub fn named(&mut self, request: RequestId, names: Names) {
        let place = self.place(0, request);
        self.requests[place].names = names;
    }

    /// Reports that the kernel's stamps of some bytes are not needed any more.
    ///
    /// # Errors
    /// When the message can't be written.
    pub fn passed(&mut self, passed: &Passed) -> io::Result<()> {
        self.message(Kind::Passed, passed)
    }

    /// Reports how many requests are open.
    ///
    /// # Errors
    /// When the message can't be written.
    pub fn in_flight(&mut self) -> io::Result<()> {
        self.message(Kind::InFlight, &InFlight { open: self.open.len() as u64 })
    }

    /// Forgets an open request: nothing is reported of it.
    ///
    /// # Errors
    /// When a message can't be written.
    pub fn forget(&mut self, request: RequestId) -> io::Result<()> {
        let Some(place) = self.open.remove(&request.0) else { return Ok(()) };
        self.free.push(place);
        let request = &mut self.requests[place];
        let (connection, was_sent) = (request.report.connection, request.report.sent_end > 0);
        let moved_to = request.moved_to;
        request.clear(&mut self.room);
        moved_to.map_or(Ok(()), |connection| self.release(connection))?;
        if was_sent { self.release(connection) } else { Ok(()) }
    }

    /// The endpoint that parses a request's response.
    #[inline]
    fn endpoint_of(&self, place: usize) -> &'static dyn Endpoint {
        self.requests[place].known.as_ref().map_or(self.endpoint, |(endpoint, _)| *endpoint)
    }

    /// Sends on what has been written.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.replies.flush()
    }

    /// Writes the last message. Requests whose end no worker recorded are reported as cancelled first.
    ///
    /// # Errors
    /// When a message can't be written.
    pub fn finish(&mut self) -> io::Result<()> {
        for id in self.left() {
            let mut header = RecordHeader { id, ..RecordHeader::default() };
            header.detail = Outcome::Cancelled.number();
            self.ended(0, &header, Ended::default())?;
        }
        self.message(Kind::Finished, &())?;
        self.replies.flush()
    }

    /// Ends what is open where the records of a daemon that died end.
    ///
    /// # Errors
    /// When a message can't be written.
    pub fn interrupt(&mut self) -> io::Result<()> {
        for id in self.left() {
            let Some(request) = self.open.get(&id).and_then(|place| self.requests.get(*place)) else {
                continue;
            };
            let end = request.latest_end();
            let mut header = RecordHeader { id, time: self.latest, end, ..RecordHeader::default() };
            header.detail = Outcome::Interrupted.number();
            self.ended(request.report.worker, &header, Ended::default())?;
        }
        Ok(())
    }

    fn left(&self) -> Vec<u64> {
        let mut left = self.open.keys().copied().collect::<Vec<_>>();
        left.sort_unstable();
        left
    }

    /// The request's index in `requests`; a new one gets an index.
    #[inline]
    fn place(&mut self, worker: u32, request: RequestId) -> usize {
        match self.open.get(&request.0) {
            Some(place) => *place,
            None => self.start(worker, request),
        }
    }

    fn start(&mut self, worker: u32, request: RequestId) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.requests.push(Request::default());
            self.requests.len() - 1
        });
        self.room.use_kept(std::mem::take(&mut self.requests[place].kept));
        let report = &mut self.requests[place].report;
        report.request = request;
        report.worker = worker;
        self.open.insert(request.0, place);
        place
    }

    /// A request was sent; if it was before, on a connection that ended at that moment, this time counts.
    fn sent(&mut self, worker: u32, header: &RecordHeader, sent: &Sent) -> io::Result<()> {
        let place = self.place(worker, header.request());
        let request = &mut self.requests[place];
        let before = request.has_start.then_some(request.report.connection);
        (request.report.connect_begun, request.report.connected) = (MonoNs(0), MonoNs(0));
        request.sent(header, sent);
        let connection = self.connections.entry(sent.connection.0).or_default();
        connection.open_requests += 1;
        request.report.cookie = connection.cookie;
        if sent.reused == 0 {
            request.report.connect_begun = connection.connect_begun;
            request.report.connected = connection.connected;
        }
        before.map_or(Ok(()), |connection| self.release(connection))
    }

    fn ended(&mut self, worker: u32, header: &RecordHeader, ended: Ended) -> io::Result<()> {
        let place = self.place(worker, header.request());
        if self.requires_starts && !self.requests[place].has_start {
            self.exceeded.count(Bound::Beginnings, 1);
            return self.forget(header.request());
        }
        self.open.remove(&header.id);
        self.free.push(place);
        let endpoint = self.endpoint_of(place);
        let keep = keep(self.tokenizer.as_ref(), self.keeps_raw, &self.secrets);
        let request = &mut self.requests[place];
        let reported = Outcome::from_number(header.detail).ok_or_else(broken)?;
        if request.body_is_whole(endpoint, keep, &mut self.room) {
            self.exceeded.count(Bound::Decoders, 1);
        }
        let reported = finished(reported, request, endpoint, &mut self.ends_streams, &self.exceeded);
        let verdict = outcome::judge(reported, request, ended.errno, self.timeout_seconds, &self.secrets);
        if request.count_tokens(self.tokenizer.as_ref()) {
            self.exceeded.count(Bound::Texts, 1);
        }
        let report = &mut request.report;
        report.ended = header.time;
        report.response_end = header.end;
        report.reads = ended.reads;
        report.bare_events = report.bare_events.saturating_add(ended.comments);
        report.outcome = u32::from(verdict.outcome.number());
        let answer = (verdict.outcome == Outcome::Ok).then(|| request.answered());
        let report = &request.report;
        let facts = match &request.known {
            Some((_, facts)) => facts.clone(),
            None => {
                self.facts.facts(report.session, (report.entry, report.turn), answer, self.tokenizer.as_ref())
            }
        };
        let report = &mut request.report;
        report.input_tokens = facts.input_tokens.unwrap_or(UNKNOWN);
        report.requested_tokens = facts.requested_tokens.unwrap_or(UNKNOWN);
        (report.audio_seconds, report.images) = (facts.audio_seconds, facts.images);
        if !self.per_chunk_usage {
            report.first_chunk_tokens = 0;
        } else if report.first_chunk_tokens > 0 && report.first_chunk_tokens >= report.usage.completion {
            self.exceeded.count(Bound::FirstChunks, 1);
        }
        if self.use_server_token_count {
            request.take_server_counts();
        }
        write_request(&mut self.replies, request, &verdict, facts.conversation.as_deref(), keep)?;
        count_left_out(&self.exceeded, request);
        let (connection, moved_to) = (request.report.connection, request.moved_to);
        request.clear(&mut self.room);
        moved_to.map_or(Ok(()), |connection| self.release(connection))?;
        self.release(connection)
    }

    /// The response arrives on another connection; both are kept until the request is reported.
    fn moved(&mut self, worker: u32, header: &RecordHeader, moved: &Moved) -> io::Result<()> {
        let place = self.place(worker, header.request());
        let connection = self.connections.entry(moved.connection.0).or_default();
        connection.open_requests += 1;
        let request = &mut self.requests[place];
        request.report.answer_cookie = connection.cookie;
        request.report.response_begin = moved.response_begin;
        let before = request.moved_to.replace(moved.connection);
        before.map_or(Ok(()), |connection| self.release(connection))
    }

    fn opened(&mut self, header: &RecordHeader, opened: &Opened) -> io::Result<()> {
        let connection = connection_of(header)?;
        let known = self.connections.entry(connection.0).or_default();
        known.cookie = opened.cookie;
        known.connect_begun = opened.connect_begun;
        known.connected = header.time;
        self.message(Kind::Opened, &ConnectionOpened { connection, reserved: 0, cookie: opened.cookie })
    }

    fn closed(&mut self, header: &RecordHeader) -> io::Result<()> {
        let connection = connection_of(header)?;
        self.connections.entry(connection.0).or_default().is_closed = true;
        self.report_if_closed(connection)
    }

    /// A request of the connection has been reported.
    fn release(&mut self, connection: ConnectionId) -> io::Result<()> {
        if let Some(known) = self.connections.get_mut(&connection.0) {
            known.open_requests = known.open_requests.saturating_sub(1);
        }
        self.report_if_closed(connection)
    }

    fn report_if_closed(&mut self, connection: ConnectionId) -> io::Result<()> {
        let known = self.connections.get(&connection.0).copied().unwrap_or_default();
        if !known.is_closed || known.open_requests > 0 {
            return Ok(());
        }
        self.connections.remove(&connection.0);
        self.message(Kind::Closed, &ConnectionOpened { connection, reserved: 0, cookie: known.cookie })
    }

    fn stamped(&mut self, header: &RecordHeader, stamped: Stamped) -> io::Result<()> {
        let connection = connection_of(header)?;
        let cookie = self.connections.get(&connection.0).copied().unwrap_or_default().cookie;
        let Stamped { direction, begin, .. } = stamped;
        let stretch =
            StretchStamped { cookie, direction, reserved: 0, begin, end: header.end, time: header.time };
        self.message(Kind::Stamped, &stretch)
    }

    fn message(&mut self, kind: Kind, body: &(impl IntoBytes + Immutable)) -> io::Result<()> {
        write_head(&mut self.replies, kind, size_of_val(body))?;
        self.replies.write_all(body.as_bytes())
    }
}

/// How a response that arrived whole ended: a stream without a finish reason or another end marker was cut off, if this
/// server's streams have one. Until one had, it is only counted.
#[inline]
fn finished(
    outcome: Outcome,
    request: &mut Request,
    endpoint: &dyn Endpoint,
    ends_streams: &mut bool,
    exceeded: &Exceeded,
) -> Outcome {
    if outcome != Outcome::Ok || !request.is_answering_stream() || !endpoint.metadata().ends_streams {
        return outcome;
    }
    if request.has_end {
        *ends_streams = true;
        return outcome;
    }
    if *ends_streams {
        request.is_cut_off = true;
        return Outcome::Truncated;
    }
    exceeded.count(Bound::Unfinished, 1);
    outcome
}

/// What is kept of a response.
#[inline]
const fn keep<'a>(tokenizer: Option<&Tokenizer>, raw: bool, secrets: &'a Secrets) -> Keep<'a> {
    Keep { texts: tokenizer.is_some(), raw, secrets }
}

/// Counts what was left out of a request that has ended.
#[inline]
fn count_left_out(exceeded: &Exceeded, request: &Request) {
    if request.exceeds() {
        exceeded.count(Bound::Requests, 1);
        exceeded.count(Bound::Events, u64::from(request.report.events_left_out));
        exceeded.count(Bound::ResponseBytes, request.report.bytes_left_out);
    }
}

fn connection_of(header: &RecordHeader) -> io::Result<ConnectionId> {
    u32::try_from(header.id).map(ConnectionId).map_err(|_too_large| broken())
}

fn write_head(to: &mut impl Write, kind: Kind, rest: usize) -> io::Result<()> {
    let length = u32::try_from(size_of::<MessageHeader>() + rest).map_err(io::Error::other)?;
    to.write_all(MessageHeader { length, kind: kind.number() }.as_bytes())
}

/// The message of a request: the fixed part, its events, its error's text, its bytes if they are kept.
fn write_request(
    to: &mut impl Write,
    request: &mut Request,
    verdict: &outcome::Verdict,
    conversation: Option<&str>,
    keep: Keep<'_>,
) -> io::Result<()> {
    let histogram = request.drafts_histogram();
    let histogram = histogram.as_bytes();
    if keep.raw {
        request.limit_raw();
    }
    let (head, raw) = if keep.raw { (&*request.head, &*request.body) } else { (&b""[..], &b""[..]) };
    let head = &*keep.secrets.redacted(head);
    let events = request.events.as_bytes();
    let (error_type, error_message) = (verdict.error_type.as_bytes(), verdict.error_message.as_bytes());
    let Names { model, client_request_id, payload } = &request.names;
    let (model, named) = (model.as_bytes(), client_request_id.as_bytes());
    let conversation = conversation.unwrap_or_default().as_bytes();
    let report = &mut request.report;
    report.payload_length = length(payload.len())?;
    report.model_length = length(model.len())?;
    report.client_request_id_length = length(named.len())?;
    report.histogram_length = length(histogram.len())?;
    report.conversation_length = length(conversation.len())?;
    report.events = length(events.len() / size_of::<common::reply_event::Event>())?;
    report.error_type_length = length(error_type.len())?;
    report.error_message_length = length(error_message.len())?;
    report.raw_length = length(head.len() + raw.len())?;
    report.raw_head_length = length(head.len())?;
    let report = report.as_bytes();
    let parts = [
        report,
        events,
        error_type,
        error_message,
        model,
        named,
        histogram,
        conversation,
        payload,
        head,
        raw,
    ];
    write_head(to, Kind::Request, parts.iter().map(|part| part.len()).sum())?;
    parts.into_iter().try_for_each(|part| to.write_all(part))
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Records, check, messages, request_ended, table, understand};
    use super::*;
    use common::reply_event::Drafts;

    const HI: &str = r#"data: {"object":"chat.completion.chunk","choices":[{"delta":{"content":"hello"}}]}"#;
    const WORLD: &str =
        r#"data: {"object":"chat.completion.chunk","choices":[{"delta":{"content":" world again"}}]}"#;
    const ROLE: &str =
        r#"data: {"object":"chat.completion.chunk","choices":[{"delta":{"role":"assistant","content":""}}]}"#;
    const HM: &str =
        r#"data: {"object":"chat.completion.chunk","choices":[{"delta":{"reasoning":"let me see"}}]}"#;
    const USAGE: &str = r#"data: {"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":12,"completion_tokens_details":{"reasoning_tokens":4}}}"#;

    #[test]
    fn a_stream_is_reported_with_every_field() {
        let mut records = Records::default();
        records.opened(1).sent(7, 1).head(7, 200).event(7, ROLE).event(7, HM).event(7, HI).event(7, ": ping");
        records.event(7, WORLD).event(7, USAGE).event(7, "data: [DONE]").ended(7, "ok").closed(1).finished();
        let messages = understand(&records, "chat", Some(Tokenizer::builtin()));
        let expected = [
            "opened 1 cookie 1001",
            "request 7: ok, 200; events role(0) reasoning(3) content(1) content(2) usage(0) done(0); \
             output 3, reasoning 3, input 21, requested 31; usage 8 12",
            "closed 1 cookie 1001",
            "finished",
        ];
        check(&messages, &expected);
        let request = request_ended(&messages, 0);
        let expected = common::reply_event::RequestEnded {
            request: RequestId(7),
            session: 70,
            lineage: common::id::Lineage::root(4).child(5, 6),
            conversation_length: 1,
            cookie: SocketCookie(1001),
            due: MonoNs(3),
            connect_begun: MonoNs(100),
            connected: MonoNs(1),
            submitted: MonoNs(2),
            head_reaped: MonoNs(3),
            ended: MonoNs(11),
            sent_begin: 500,
            sent_end: 600,
            response_begin: 700,
            head_end: 1003,
            response_end: 1011,
            connection: ConnectionId(1),
            worker: 3,
            entry: 1,
            turn: 5,
            reads: 9,
            bare_events: 1,
            ..request
        };
        assert_eq!(request, expected, "stamps, offsets and names");
    }

    /// A keep-alive race: the connection that responds counts, and both are reported closed.
    #[test]
    fn a_request_that_was_sent_again_is_that_of_its_second_connection() {
        let mut records = Records::default();
        records
            .opened(1)
            .sent(7, 1)
            .closed(1)
            .opened(2)
            .sent(7, 2)
            .head(7, 200)
            .event(7, HI)
            .ended(7, "ok")
            .closed(2);
        let messages = understand(records.finished(), "chat", None);
        let expected = [
            "opened 1 cookie 1001",
            "opened 2 cookie 1002",
            "closed 1 cookie 1001",
            "request 7: ok, 200; events content(?); output ?, reasoning ?, input 21, requested 31",
            "closed 2 cookie 1002",
            "finished",
        ];
        check(&messages, &expected);
        assert_eq!(request_ended(&messages, 0).connection, ConnectionId(2), "the second one");
    }

    fn choice(index: u32, text: &str) -> String {
        format!(r#"data: {{"choices":[{{"index":{index},"delta":{{"content":"{text}"}}}}]}}"#)
    }

    /// However their pieces are interleaved, answers have the tokens that each has alone.
    #[test]
    fn tokens_of_several_answers_are_counted_within_each() {
        let mut records = Records::default();
        records.sent(7, 1).head(7, 200).event(7, &choice(0, "hel")).event(7, &choice(1, "one"));
        records.event(7, &choice(0, "lo")).event(7, &choice(1, " two")).event(7, &choice(200, "many"));
        records.event(7, &choice(0, " world")).event(7, "data: [DONE]").ended(7, "ok").finished();
        let expected = "request 7: ok, 200; events content(0) content(1) content(1) content(1) content(1) content(1) \
                        done(0); output 5, reasoning 0, input 21, requested 31";
        check(&understand(&records, "chat", Some(Tokenizer::builtin())), &[expected, "finished"]);
    }

    /// The count of the first chunk with content is taken, and no later one, which is of several.
    #[test]
    fn only_the_first_chunk_reports_its_tokens() {
        let chunk = |text: &str, usage: &str| {
            format!(r#"data: {{"choices":[{{"delta":{{"content":"{text}"}}}}]{usage}}}"#)
        };
        let first = |usages: [&str; 3]| {
            let mut records = Records::default();
            records.sent(7, 1).head(7, 200);
            for usage in usages {
                records.event(7, &chunk("x", usage));
            }
            records.ended(7, "ok");
            let mut table = table("chat chunks", None);
            records.feed(&mut table);
            let unusable = table.exceeded().named().get("per_chunk_usage_unusable").copied();
            (request_ended(&messages(&table.into_replies()), 0).first_chunk_tokens, unusable)
        };
        let of = |count: u32| format!(r#","usage":{{"completion_tokens":{count}}}"#);
        assert_eq!(first([&of(5), &of(6), &of(7)]), (5, None), "the first one's");
        assert_eq!(first(["", &of(6), &of(7)]), (0, None), "of two chunks");
        assert_eq!(first([&of(0), &of(5), &of(7)]), (0, None), "none for a chunk that has some");
        assert_eq!(first([&of(7), &of(7), &of(7)]), (7, Some(1)), "all of them at once is counted");
    }

    const CODED: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n";

    /// A compressed stream has the same events, each with the end of the compressed bytes from which its last byte was decoded.
    #[test]
    fn coded_streams_are_understood() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut ends = Vec::new();
        for event in [HI, WORLD, "data: [DONE]"] {
            write!(encoder, "{event}\n\n").unwrap();
            encoder.flush().unwrap();
            ends.push(encoder.get_ref().len());
        }
        let bytes = encoder.finish().unwrap();
        for step in [1, 7, 1000] {
            for is_sealed in [false, true] {
                let mut records = Records::default();
                records.sent(7, 1).head_with(7, 200, CODED);
                let mut end = 2000;
                for piece in bytes.chunks(step) {
                    end += piece.len() as u64;
                    records.piece(7, piece, end, is_sealed);
                }
                records.ended(7, "ok").finished();
                let messages = understand(&records, "chat", Some(Tokenizer::builtin()));
                let expected = "request 7: ok, 200; events content(1) content(2) done(0); \
                                output 3, reasoning 0, input 21, requested 31";
                check(&messages, &[expected, "finished"]);
                let found = messages[0].events.iter().map(|event| event.end);
                for (found, flushed) in found.zip(&ends) {
                    // An event is there before the flush's own bytes are.
                    let latest = 2000 + *flushed as u64;
                    let piece = (latest - 2000).div_ceil(step as u64) * step as u64 + 2000;
                    let most = if is_sealed { piece.min(end) } else { latest };
                    assert!(
                        found <= most && found + 8 + step as u64 > latest,
                        "{found} of {latest}, {step} at a time"
                    );
                }
            }
        }
        let mut records = Records::default();
        records.sent(7, 1).head_with(7, 200, CODED).piece(7, &bytes[..30], 2030, false).ended(7, "ok");
        let messages = understand(&records, "chat", None);
        assert!(messages[0].line().starts_with("request 7: stream_error"), "{}", messages[0].line());
        let other = CODED.replace("gzip", "compress");
        let mut records = Records::default();
        records.sent(7, 1).head_with(7, 200, &other).piece(7, b"\x1f\x9d", 2002, false).ended(7, "ok");
        let messages = understand(&records, "chat", None);
        assert!(messages[0].line().contains("content-encoding `compress`"), "{}", messages[0].line());
        let mut records = Records::default();
        let refusal = CODED.replace("text/event-stream", "application/json").replace("200 OK", "429 no");
        records.sent(7, 1).head_with(7, 429, &refusal).piece(7, &bytes, 2002, false).ended(7, "http_status");
        let messages = understand(&records, "chat", None);
        assert!(messages[0].line().contains("hello"), "a refusal's text: {}", messages[0].line());
    }

    /// If a server's streams have end markers, one without was cut off.
    #[test]
    fn streams_without_an_end_were_cut_off() {
        let run = |streams: &[&[&str]]| {
            let mut records = Records::default();
            for (number, events) in (7..).zip(streams) {
                records.sent(number, 1).head(number, 200);
                for event in *events {
                    records.event(number, event);
                }
                records.ended(number, "ok");
            }
            let mut table = table("chat", None);
            records.feed(&mut table);
            let counted = table.exceeded().named().get("streams_without_finish_reason").copied();
            let outcomes = messages(&table.into_replies());
            let outcomes = outcomes
                .iter()
                .map(|message| message.line().split([':', ',']).nth(1).unwrap().trim().to_owned());
            (outcomes.collect::<Vec<_>>(), counted)
        };
        let finish = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        assert_eq!(
            run(&[&[HI], &[HI]]),
            (vec!["ok".to_owned(), "ok".to_owned()], Some(2)),
            "none of them has one"
        );
        let cut = vec!["ok".to_owned(), "response_truncated".to_owned()];
        assert_eq!(run(&[&[HI, finish], &[HI]]), (cut.clone(), None), "the first has a finish reason");
        assert_eq!(run(&[&[HI, "data: [DONE]"], &[HI]]), (cut, None), "or an end");
    }

    #[test]
    fn reported_measurements_are_kept() {
        let metrics = r#"{"speculative_decoding":{"acceptance_histogram":[1,0,3],"num_spec_steps":4,"num_accepted_draft_tokens":6,"num_draft_tokens":8,"mean_acceptance_length":2.5,"draft_acceptance_rate":0.75}}"#;
        let last = format!(
            r#"data: {{"choices":[],"usage":{{"prompt_tokens":8,"prompt_audio_seconds":1.25}},"metrics":{metrics}}}"#
        );
        let mut records = Records::default();
        records.sent(7, 1).head(7, 200).event(7, HI).event(7, &last).ended(7, "ok");
        records.sent(8, 1).head(8, 200).event(8, &last).event(8, &last).ended(8, "ok");
        let messages = understand(&records, "chat", None);
        let (once, twice) = (request_ended(&messages, 0), request_ended(&messages, 1));
        assert_eq!(
            (once.drafts.steps, once.drafts.acceptance_rate.get()),
            (4, Some(0.75)),
            "what was drafted"
        );
        assert_eq!(once.histogram_length, 5, "1,0,3");
        assert_eq!(once.usage.prompt_audio_seconds.get(), Some(1.25), "as the server counted");
        assert_eq!(once.audio_seconds.get(), Some(1.5), "what it was sent");
        assert_eq!((twice.drafts, twice.histogram_length), (Drafts::default(), 0), "of two answers");
    }

    #[test]
    fn without_a_tokenizer_only_the_server_counts() {
        let mut records = Records::default();
        records.sent(7, 1).head(7, 200).event(7, HI).event(7, USAGE).ended(7, "ok");
        let expected = "request 7: ok, 200; events content(?) usage(?); \
                        output ?, reasoning ?, input 21, requested 31; usage 8 12";
        check(&understand(&records, "chat", None), &[expected, "finished"]);
        let expected = "request 7: ok, 200; events content(?) usage(?); \
                        output 8, reasoning 4, input 8, requested 31; usage 8 12";
        check(&understand(&records, "chat server", None), &[expected, "finished"]);
    }

    #[test]
    fn a_body_in_pieces_is_one_event() {
        let mut records = Records::default();
        let whole = r#"{"object":"chat.completion","choices":[{"message":{"content":"hello world"}}]}"#;
        let (one, other) = whole.split_at(30);
        records.sent(7, 1).head(7, 200).body(7, one).body(7, other).ended(7, "ok");
        let messages = understand(&records, "chat", Some(Tokenizer::builtin()));
        let expected = "request 7: ok, 200; events body(2); output 2, reasoning 0, input 21, requested 31";
        check(&messages, &[expected, "finished"]);
        assert_eq!(messages[0].events[0].end, 1004, "the event ends where the last piece does");
        assert_eq!(messages[0].events[0].bytes as usize, whole.len(), "and has all bytes");
    }

    #[test]
    fn failures() {
        let failed = |fill: fn(&mut Records), expected: &str| {
            let mut records = Records::default();
            fill(records.sent(7, 1));
            let tail = "output 0, reasoning 0, input 21, requested 31";
            let messages = understand(&records, "chat", Some(Tokenizer::builtin()));
            check(&messages, &[&format!("request 7: {expected}; {tail}"), "finished"]);
        };
        failed(
            |records| {
                records.head(7, 503).body(7, "busy").ended(7, "http_status");
            },
            "http_status, 503, Some Reason: busy; events error(0)",
        );
        failed(
            |records| {
                records.head(7, 200).event(7, ROLE).event(7, "data: [DONE]").ended(7, "ok");
            },
            "invalid_response, 200, InvalidInferenceResultError: none of the response's 2 events holds content that \
             the endpoint knows; events role(0) done(0)",
        );
        failed(
            |records| {
                records.head(7, 200).event(7, "event: error\n: overloaded").ended(7, "ok");
            },
            "stream_error, 200, SSEResponseError: Error occurred in SSE response: overloaded; events error(0)",
        );
        failed(
            |records| {
                records.head(7, 200).event(7, r#"data: {"error":{"type":"E","message":"m"}}"#).ended(7, "ok");
            },
            "stream_error, 200, E: m; events error(0)",
        );
        failed(
            |records| {
                records.ended(7, "timeout");
            },
            "timeout, 0, timeout: no complete response within 6 s; events",
        );
    }

    #[test]
    fn unfinished_requests_are_cancelled_and_connections_close_last() {
        let mut records = Records::default();
        records
            .opened(1)
            .opened(2)
            .sent(8, 1)
            .sent(7, 2)
            .closed(1)
            .closed(2)
            .stamped(2)
            .ended(8, "connection_reset");
        let messages = understand(&records, "chat", None);
        let tail = "output ?, reasoning ?, input 21, requested 31";
        check(
            &messages,
            &[
                "opened 1 cookie 1001",
                "opened 2 cookie 1002",
                "stamped cookie 1002 2 40..1007 at 7",
                &format!(
                    "request 8: connection_reset, 0, connection_reset: the connection was reset before the response \
                     started; does it serve HTTP/1.1 without TLS on this port? (https:// for TLS; HTTP/2 alone is not \
                     supported); events; {tail}"
                ),
                "closed 1 cookie 1001",
                &format!(
                    "request 7: cancelled, 0, RequestCancellationError: the run ended while the request was in flight; \
                     events; {tail}"
                ),
                "closed 2 cookie 1002",
                "finished",
            ],
        );
    }

    #[test]
    fn memory_is_used_again_and_nothing_leaks_into_the_next_request() {
        let mut table = table("chat", Some(Tokenizer::builtin()));
        let mut records = Records::default();
        for id in 0..50 {
            records.sent(id, 1).head(id, 200).event(id, HI).event(id, USAGE).ended(id, "ok");
        }
        records.sent(50, 1).ended(50, "timeout");
        records.feed(&mut table);
        assert_eq!(table.requests.len(), 1, "one request is open at a time");
        let messages = messages(&table.into_replies());
        let last = request_ended(&messages, 50);
        assert_eq!(
            (last.events, last.usage),
            (0, common::reply_event::Usage::default()),
            "nothing of the others"
        );
        assert_eq!((last.status, last.head_end, last.raw_length), (0, 0, 0), "nothing of the others");
    }

    #[test]
    fn raw_bytes_are_passed_on() {
        let mut table = table("chat", None);
        table.keep_raw();
        let mut records = Records::default();
        records.sent(7, 1).head(7, 200).event(7, HI).event(7, "data: [DONE]").ended(7, "ok");
        records.sent(8, 1).head(8, 500).body(8, &"x".repeat(5000)).ended(8, "http_status");
        records.feed(&mut table);
        let messages = messages(&table.into_replies());
        let [first, second] = messages.as_slice() else { panic!("two requests, not {}", messages.len()) };
        let head = "HTTP/1.1 200 Some Reason\r\n\r\n";
        assert_eq!(first.raw, format!("{head}{HI}data: [DONE]"), "the head, then each event");
        let lengths = first.events.iter().map(|event| event.bytes as usize).collect::<Vec<_>>();
        assert_eq!(lengths, [HI.len(), 12], "events are found in the raw bytes by their lengths");
        assert_eq!(second.raw.len(), head.len() + 5000, "a refusal is kept whole");
        assert_eq!(second.error.1.len(), 1024, "its message is not");
    }
}
