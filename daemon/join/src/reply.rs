//! One reply joined: the client's account of a request, each byte of which gets the kernel's time.

use crate::stream::{Arrival, Stream};
use common::client_event::Outcome;
use common::clock::MonoNs;
use common::id::SocketCookie;
use common::kernel_event::connection::{ACCEPTED, CLOSED, OPENED, RETRANSMITTED, Step};
use common::kernel_event::read::Read;
use common::kernel_event::segment::{SENT, Stamp};
use common::reply_event::{
    EVENT_STREAM, Event, EventKind, ONE_BODY, Passed, RequestEnded, StretchStamped, known,
};
use record::{Request, Token};
use std::collections::HashMap;

/// Joins the records of one run. Feed kernel records first: a request is joined with what is there.
#[derive(Clone, Debug)]
pub struct Joiner {
    connections: HashMap<SocketCookie, Connection>,
    phases: Vec<String>,
    without_stamps: Option<Unmatched>,
    /// Whether requests have no stamps of user space.
    is_watching: bool,
    /// Whether the sockets are those of the server, which receives requests and sends responses.
    is_server: bool,
}

/// Why bytes that the client saw have no kernel stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unmatched {
    /// The run has no kernel stamps (timestamp source `user`).
    NoStamps,
    /// The kernel reported no connection with this cookie.
    ConnectionUnknown,
    /// The connection is known, the segment that completed the bytes was not stamped.
    SegmentMissing,
}

/// One request with its events.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// The request's row; strings of the error are for the caller to fill.
    pub request: Request,
    /// Its events' rows.
    pub tokens: Vec<Token>,
}

#[derive(Clone, Debug, Default)]
struct Connection {
    sent: Stream,
    received: Stream,
    /// Segments sent again since the last request was joined, if the kernel reports them.
    retransmits: Option<u32>,
    /// What the server's process took out of the socket, where that is watched.
    read: Option<Stream>,
    /// Whether no request of it will come.
    is_ignored: bool,
}

impl Joiner {
    /// A joiner for the requests of these phases. `without_stamps` is why no kernel stamp will ever arrive, if so.
    #[must_use]
    pub fn new(phases: &[&str], without_stamps: Option<Unmatched>) -> Self {
        let phases = phases.iter().map(|&phase| phase.to_owned()).collect();
        Self { connections: HashMap::new(), phases, without_stamps, is_watching: false, is_server: false }
    }

    /// A joiner for requests of other clients, of which only the kernel has stamps. `is_server` is whether the stamps are of
    /// the server's sockets.
    #[must_use]
    pub fn watching(phases: &[&str], is_server: bool) -> Self {
        Self { is_watching: true, is_server, ..Self::new(phases, None) }
    }

    /// Adds a step in a connection's life.
    pub fn step(&mut self, step: &Step) {
        match step.stage {
            OPENED | ACCEPTED => {
                let (sent, received) = (step.sent_sequence, step.received_sequence);
                let (sent, received) = if self.is_server { (received, sent) } else { (sent, received) };
                let connection = Connection {
                    sent: Stream::from_sequence(sent),
                    received: Stream::from_sequence(received),
                    retransmits: Some(0),
                    // Reads are counted from the first byte, so only of a connection that is known from there.
                    read: self.is_server.then(Stream::default),
                    is_ignored: false,
                };
                self.connections.insert(step.cookie, connection);
            }
            RETRANSMITTED => {
                if let Some(connection) = self.connections.get_mut(&step.cookie) {
                    *connection.retransmits.get_or_insert(0) += 1;
                }
            }
            // The client still has to be joined with the stamps; `forget` ends it.
            CLOSED => {}
            _ => {}
        }
    }

    /// Adds a stamped segment.
    pub fn segment(&mut self, stamp: &Stamp) {
        let connection = self.connections.entry(stamp.cookie).or_default();
        if connection.is_ignored {
            return;
        }
        let is_request = (stamp.direction == SENT) != self.is_server;
        let stream = if is_request { &mut connection.sent } else { &mut connection.received };
        stream.segment(stamp.sequence, stamp.payload_length, stamp.time, stamp.smoothed_rtt_us);
    }

    /// Adds a read of a socket of the server.
    pub fn read(&mut self, read: &Read) {
        let Some(connection) = self.connections.get_mut(&read.cookie) else { return };
        if let Some(taken) = &mut connection.read {
            let begin = taken.frontier();
            taken.stretch(begin, begin + u64::from(read.length), read.time, 0);
        }
    }

    /// Forgets the kernel's stamps of bytes that belong to no request that will be reported.
    pub fn pass(&mut self, passed: &Passed) {
        let Some(connection) = self.connections.get_mut(&passed.cookie) else { return };
        if passed.is_ignored != 0 {
            *connection = Connection { is_ignored: true, ..Connection::default() };
            return;
        }
        connection.sent.forget_before(passed.sent);
        connection.received.forget_before(passed.received);
        if let Some(read) = &mut connection.read {
            // What was received may not have been read yet: reads go on being counted.
            read.forget_before(passed.sent.min(read.frontier()));
        }
    }

    /// Adds a stamped stretch, from a timestamp source with offsets and without sequence numbers.
    pub fn stretch(&mut self, stamp: &StretchStamped) {
        let connection = self.connections.entry(stamp.cookie).or_default();
        let stream = if stamp.direction == SENT { &mut connection.sent } else { &mut connection.received };
        stream.stretch(stamp.begin, stamp.end, stamp.time, 0);
    }

    /// Forgets a connection that the client has closed: no request of it will come.
    pub fn forget(&mut self, cookie: SocketCookie) {
        self.connections.remove(&cookie);
    }

    /// Stamps kept for requests that have not come yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.connections
            .values()
            .map(|connection| connection.sent.pending() + connection.received.pending())
            .sum()
    }

    /// Joins a request that ended with the stamps of its bytes.
    pub fn request(&mut self, ended: &RequestEnded, events: &[Event]) -> Joined {
        let connection = self.connections.get_mut(&ended.cookie);
        let why = match (&connection, self.without_stamps) {
            (_, Some(why)) => why,
            (None, None) => Unmatched::ConnectionUnknown,
            (Some(_), None) => Unmatched::SegmentMissing,
        };
        let mut nothing = Connection::default();
        let connection = connection.unwrap_or(&mut nothing);
        let phase = self.phases.get(usize::try_from(ended.phase).unwrap_or(usize::MAX));
        let mut request = client_row(ended, phase.map_or("", String::as_str));
        let was_sent = self.is_watching || ended.submitted.stamped().is_some();
        if was_sent && ended.sent_end > ended.sent_begin {
            sent(&mut request, connection, ended, why);
            let read = connection.read.as_mut().filter(|read| read.frontier() >= ended.sent_end);
            request.server_read_ns = time(read.and_then(|read| read.arrival(ended.sent_end)));
        }
        // The result of a job may arrive on another connection than the one it was started on.
        let mut nothing = Connection::default();
        let connection = match ended.answer_cookie {
            SocketCookie(0) => connection,
            other => self.connections.get_mut(&other).unwrap_or(&mut nothing),
        };
        if ended.head_end > 0 {
            request.head_kernel_received_ns = time(connection.received.arrival(ended.head_end));
            if request.head_kernel_received_ns.is_none() {
                request.unmatched = Some(why.name().to_owned());
            }
        }
        let first_segment = connection.received.arrival(ended.response_begin + 1).map(|step| step.segment);
        let tokens = received(&mut request, &mut connection.received, events, why);
        if ended.response_end > ended.response_begin {
            let last = connection.received.arrival(ended.response_end);
            request.kernel_received_last_ns = time(last);
            let first = tokens.first().and_then(|token| token.segment).into_iter().chain(first_segment).min();
            request.received_segments = last.zip(first).and_then(|(last, first)| count(last.segment, first));
        }
        request.retransmits = connection.retransmits.as_mut().map(std::mem::take);
        Joined { request, tokens }
    }
}

impl Unmatched {
    /// The reason's name in `tokens.parquet` and `run.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoStamps => "no_kernel_stamps",
            Self::ConnectionUnknown => "connection_unknown",
            Self::SegmentMissing => "segment_missing",
        }
    }
}

/// Fills in when the request's own bytes left.
fn sent(request: &mut Request, connection: &mut Connection, ended: &RequestEnded, why: Unmatched) {
    let first = connection.sent.arrival(ended.sent_begin + 1);
    let last = connection.sent.arrival(ended.sent_end);
    request.kernel_sent_first_ns = time(first);
    request.kernel_sent_last_ns = time(last);
    request.sent_segments = last.zip(first).and_then(|(last, first)| count(last.segment, first.segment));
    request.smoothed_rtt_us = last.map(|step| step.smoothed_rtt_us).filter(|&rtt| rtt > 0);
    if last.is_none() {
        request.unmatched = Some(why.name().to_owned());
    }
}

/// Stamps the events and finds the milestones among them.
fn received(request: &mut Request, stream: &mut Stream, events: &[Event], why: Unmatched) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(events.len());
    for (index, event) in (0_u32..).zip(events) {
        let arrival = stream.arrival(event.end);
        let kind = EventKind::from_number(event.kind).unwrap_or(EventKind::Empty);
        if arrival.is_none() {
            request.unmatched_events += 1;
        }
        milestones(request, kind, event.reaped.stamped(), time(arrival));
        tokens.push(Token {
            request_id: request.request_id,
            index,
            kind,
            kernel_received_ns: time(arrival),
            reaped_ns: event.reaped,
            end_offset: event.end,
            bytes: event.bytes,
            segment: arrival.map(|step| step.segment),
            events_in_segment: None,
            tokens: known(event.tokens),
            unmatched: if arrival.is_none() { Some(why.name().to_owned()) } else { None },
        });
    }
    request.event_segments = share_segments(&mut tokens).filter(|_| request.unmatched_events == 0);
    tokens
}

/// Sets for each event the number of events that share the segment which completed it; counts those segments.
fn share_segments(tokens: &mut [Token]) -> Option<u32> {
    let mut segments = 0;
    for group in tokens.chunk_by_mut(|a, b| a.segment == b.segment) {
        segments += 1;
        let sharing = u32::try_from(group.len()).ok();
        for token in group {
            token.events_in_segment = token.segment.and(sharing);
        }
    }
    Some(segments).filter(|segments| *segments > 0)
}

fn milestones(request: &mut Request, kind: EventKind, reaped: Option<MonoNs>, kernel: Option<MonoNs>) {
    if request.events == 0 {
        request.first_event_reaped_ns = reaped;
        request.first_event_kernel_ns = kernel;
    }
    request.events += 1;
    if !kind.is_content() {
        return;
    }
    match request.content_events {
        0 => (request.first_token_reaped_ns, request.first_token_kernel_ns) = (reaped, kernel),
        1 => (request.second_token_reaped_ns, request.second_token_kernel_ns) = (reaped, kernel),
        _ => {}
    }
    request.content_events += 1;
    (request.last_token_reaped_ns, request.last_token_kernel_ns) = (reaped, kernel);
    if kind.is_answer()
        && request.first_answer_reaped_ns.is_none()
        && request.first_answer_kernel_ns.is_none()
    {
        (request.first_answer_reaped_ns, request.first_answer_kernel_ns) = (reaped, kernel);
    }
}

/// The row as far as the client alone knows it.
fn client_row(ended: &RequestEnded, phase: &str) -> Request {
    let (usage, drafts, lineage) = (&ended.usage, &ended.drafts, &ended.lineage);
    let is_child = lineage.depth > 0;
    Request {
        session: ended.session,
        parent_session: is_child.then_some(lineage.parent),
        root_session: is_child.then_some(lineage.root),
        parent_turn: is_child.then_some(lineage.after),
        depth: is_child.then_some(u32::from(lineage.depth)),
        is_fork: is_child.then_some(lineage.is_fork != 0),
        join_turn: Some(lineage.join_at).filter(|turn| *turn > 0),
        session_turns: is_child.then_some(lineage.turns),
        turn: ended.turn,
        phase: phase.to_owned(),
        entry: ended.entry,
        worker: ended.worker,
        connection: ended.connection,
        socket_cookie: ended.cookie,
        connection_reused: ended.reused != 0,
        due_ns: ended.due,
        connect_begun_ns: ended.connect_begun.stamped(),
        connected_ns: ended.connected.stamped(),
        submitted_ns: ended.submitted.stamped(),
        head_reaped_ns: ended.head_reaped.stamped(),
        ended_ns: ended.ended,
        sent_bytes: ended.sent_end.saturating_sub(ended.sent_begin),
        received_bytes: ended.response_end.saturating_sub(ended.response_begin),
        reads: ended.reads,
        http_status: Some(ended.status).filter(|&status| status != 0),
        event_stream: match ended.body {
            EVENT_STREAM => Some(true),
            ONE_BODY => Some(false),
            _ => None,
        },
        outcome: u16::try_from(ended.outcome)
            .ok()
            .and_then(Outcome::from_number)
            .unwrap_or(Outcome::Malformed),
        input_tokens: known(ended.input_tokens),
        output_tokens: known(ended.output_tokens),
        reasoning_tokens: known(ended.reasoning_tokens),
        requested_output_tokens: known(ended.requested_tokens),
        images: Some(ended.images).filter(|images| *images > 0),
        audio_seconds: ended.audio_seconds.get(),
        usage_prompt_audio_seconds: usage.prompt_audio_seconds.get(),
        video_inference_seconds: ended.video_seconds.get(),
        video_peak_megabytes: ended.video_megabytes.get(),
        spec_decode_steps: known(drafts.steps),
        spec_decode_accepted_tokens: known(drafts.accepted),
        spec_decode_draft_tokens: known(drafts.drafted),
        spec_decode_acceptance_length: drafts.acceptance_length.get(),
        spec_decode_acceptance_rate: drafts.acceptance_rate.get(),
        first_chunk_tokens: Some(ended.first_chunk_tokens).filter(|tokens| *tokens > 0),
        usage_prompt_tokens: known(usage.prompt),
        usage_completion_tokens: known(usage.completion),
        usage_total_tokens: known(usage.total),
        usage_reasoning_tokens: known(usage.reasoning),
        usage_prompt_cache_read_tokens: known(usage.cache_read),
        usage_prompt_cache_write_tokens: known(usage.cache_write),
        usage_prompt_cache_miss_tokens: known(usage.cache_miss),
        usage_prompt_audio_tokens: known(usage.prompt_audio),
        usage_tool_use_prompt_tokens: known(usage.tool_prompt),
        usage_completion_audio_tokens: known(usage.completion_audio),
        usage_accepted_prediction_tokens: known(usage.accepted_prediction),
        usage_rejected_prediction_tokens: known(usage.rejected_prediction),
        ..Request::blank(ended.request)
    }
}

fn time(arrival: Option<Arrival>) -> Option<MonoNs> {
    arrival.and_then(|step| step.time.stamped())
}

/// Segments from `first` to `last`, both counted.
fn count(last: u64, first: u64) -> Option<u32> {
    u32::try_from(last.checked_sub(first)? + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::id::RequestId;
    use common::kernel_event::Kind;
    use common::kernel_event::segment::RECEIVED;

    const COOKIE: SocketCookie = SocketCookie(7);

    fn opened() -> Step {
        Step {
            kind: Kind::Connection.number(),
            stage: OPENED,
            cookie: COOKIE,
            time: MonoNs(1),
            sent_sequence: 500,
            received_sequence: 9000,
            smoothed_rtt_us: 0,
            retransmits: 0,
            local_port: 1,
            remote_port: 2,
        }
    }

    fn segment(direction: u32, sequence: u32, payload_length: u32, time: u64) -> Stamp {
        Stamp {
            kind: Kind::Segment.number(),
            direction,
            cookie: COOKIE,
            time: MonoNs(time),
            sequence,
            payload_length,
            smoothed_rtt_us: 40,
            retransmits: 0,
        }
    }

    fn event(end: u64, kind: EventKind, reaped: u64) -> Event {
        Event { reaped: MonoNs(reaped), end, kind: kind.number(), tokens: 1, bytes: 10, reserved: 0 }
    }

    fn ended() -> RequestEnded {
        RequestEnded {
            request: RequestId(3),
            cookie: COOKIE,
            due: MonoNs(90),
            submitted: MonoNs(95),
            sent_begin: 0,
            sent_end: 200,
            head_end: 100,
            head_reaped: MonoNs(250),
            response_end: 400,
            ended: MonoNs(400),
            status: 200,
            ..RequestEnded::default()
        }
    }

    /// One request with a role event, reasoning and two answers in three segments; joined and summed up as text.
    fn check(joiner: &mut Joiner, expected: &str) {
        let events = [
            event(150, EventKind::Role, 251),
            event(200, EventKind::Reasoning, 252),
            event(300, EventKind::Content, 320),
            event(400, EventKind::Content, 390),
        ];
        let Joined { request, tokens } = joiner.request(&ended(), &events);
        let times = tokens
            .iter()
            .map(|token| {
                let kernel =
                    token.kernel_received_ns.map_or_else(|| "-".to_owned(), |time| time.0.to_string());
                let sharing =
                    token.events_in_segment.map_or_else(|| "-".to_owned(), |count| count.to_string());
                format!("{kernel}/{sharing}")
            })
            .collect::<Vec<_>>();
        let summary = format!(
            "sent {:?} head {:?} first {:?} answer {:?} last {:?} events {} unmatched {} {:?}",
            request.kernel_sent_last_ns.map(|time| time.0),
            request.head_kernel_received_ns.map(|time| time.0),
            request.first_token_kernel_ns.map(|time| time.0),
            request.first_answer_kernel_ns.map(|time| time.0),
            request.last_token_kernel_ns.map(|time| time.0),
            times.join(" "),
            request.unmatched_events,
            request.unmatched,
        );
        assert_eq!(summary, expected, "the joined request");
    }

    #[test]
    fn events_get_the_time_of_the_segment_that_completed_them() {
        let mut joiner = Joiner::new(&["profiling"], None);
        joiner.step(&opened());
        joiner.segment(&segment(SENT, 500, 200, 100));
        joiner.segment(&segment(RECEIVED, 9000, 200, 200));
        joiner.segment(&segment(RECEIVED, 9200, 150, 300));
        joiner.segment(&segment(RECEIVED, 9350, 50, 380));
        check(
            &mut joiner,
            "sent Some(100) head Some(200) first Some(200) answer Some(300) last Some(380) events 200/2 200/2 300/1 \
             380/1 unmatched 0 None",
        );
        assert_eq!(joiner.pending(), 2, "the last step of each direction stays until the next request");
    }

    #[test]
    fn an_answer_on_another_connection_has_its_stamps_there() {
        let mut joiner = Joiner::new(&["profiling"], None);
        let elsewhere = SocketCookie(8);
        joiner.step(&opened());
        joiner.segment(&segment(SENT, 500, 200, 100));
        joiner.segment(&segment(RECEIVED, 9000, 400, 120));
        joiner.step(&Step { cookie: elsewhere, ..opened() });
        joiner.segment(&Stamp { cookie: elsewhere, ..segment(RECEIVED, 9000, 400, 380) });
        let moved = RequestEnded { answer_cookie: elsewhere, ..ended() };
        let Joined { request, tokens } = joiner.request(&moved, &[event(400, EventKind::Content, 390)]);
        assert_eq!(request.kernel_sent_last_ns, Some(MonoNs(100)), "on the connection of the request");
        assert_eq!(request.kernel_received_last_ns, Some(MonoNs(380)), "where it was answered");
        assert_eq!(tokens[0].kernel_received_ns, Some(MonoNs(380)), "and so each event");
        let unknown = RequestEnded { answer_cookie: SocketCookie(9), ..ended() };
        let Joined { request, .. } = joiner.request(&unknown, &[event(400, EventKind::Content, 390)]);
        assert_eq!(request.unmatched_events, 1, "of an unknown connection");
    }

    #[test]
    fn a_lost_stamp_is_reported() {
        let mut joiner = Joiner::new(&["profiling"], None);
        joiner.step(&opened());
        joiner.segment(&segment(SENT, 500, 200, 100));
        joiner.segment(&segment(RECEIVED, 9000, 200, 200));
        joiner.segment(&segment(RECEIVED, 9300, 100, 380));
        check(
            &mut joiner,
            "sent Some(100) head Some(200) first Some(200) answer None last Some(380) events 200/2 200/2 -/- 380/1 \
             unmatched 1 None",
        );
    }

    #[test]
    fn when_the_server_read_the_request() {
        let mut joiner = Joiner::watching(&["profiling"], true);
        joiner.step(&Step { stage: ACCEPTED, sent_sequence: 9000, received_sequence: 500, ..opened() });
        joiner.segment(&segment(RECEIVED, 500, 200, 100));
        for (length, time) in [(150, 110), (50, 130)] {
            let kind = Kind::Read.number();
            joiner.read(&Read { kind, length, cookie: COOKIE, time: MonoNs(time) });
        }
        let request = joiner.request(&ended(), &[]).request;
        assert_eq!(request.kernel_sent_last_ns, Some(MonoNs(100)), "its last byte arrived");
        assert_eq!(request.server_read_ns, Some(MonoNs(130)), "its last byte was read");
        let later = RequestEnded { sent_begin: 200, sent_end: 300, ..ended() };
        assert_eq!(joiner.request(&later, &[]).request.server_read_ns, None, "not read yet");
    }

    #[test]
    fn what_no_request_needs_is_not_kept() {
        let mut joiner = Joiner::watching(&["profiling"], false);
        joiner.step(&opened());
        for number in 0..10 {
            joiner.segment(&segment(SENT, 500 + 10 * number, 10, 100 + u64::from(number)));
        }
        assert_eq!(joiner.pending(), 10, "nothing was looked up yet");
        let passed = Passed { cookie: COOKIE, sent: 95, ..Passed::default() };
        joiner.pass(&passed);
        assert_eq!(joiner.pending(), 1, "what has passed is forgotten");
        joiner.pass(&Passed { is_ignored: 1, ..passed });
        joiner.segment(&segment(SENT, 600, 10, 200));
        assert_eq!(joiner.pending(), 0, "nothing is kept of a connection without requests");
    }

    #[test]
    fn a_connection_that_the_kernel_did_not_report() {
        check(
            &mut Joiner::new(&["profiling"], None),
            "sent None head None first None answer None last None events -/- -/- -/- -/- unmatched 4 \
             Some(\"connection_unknown\")",
        );
    }
}
