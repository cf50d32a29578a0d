//! Follows one connection: pairs requests with responses, and records both.

use super::counts::{COMPRESSED, Counts, EVENTS_CUT, MALFORMED, OTHER_REQUESTS, PICKED_UP, UNASKED};
use super::question;
use super::requests::{self, NotFollowed, Requests, is_request};
use super::stream::{Content, Stretch};
use crate::response_parser::{Names, RequestTable};
use crate::wire::Sink;
use crate::wire::coding::Coding;
use crate::wire::http::{AtEnd, Malformed, Progress, Responses};
use common::client_event::{Ended, Kind, Outcome, RecordHeader, Sent};
use common::clock::MonoNs;
use common::id::{ConnectionId, Lineage, RequestId};
use std::collections::VecDeque;
use std::io::{self, Write};
use zerocopy::IntoBytes;

/// What all connections share.
pub(super) struct Shared<W> {
    pub(super) table: RequestTable<W>,
    pub(super) counts: Counts,
    pub(super) next_request: u64,
    /// Whether the content of requests and responses is kept.
    pub(super) keeps_payload: bool,
}

/// One connection.
pub(super) struct Follower {
    connection: ConnectionId,
    requests: Requests,
    responses: Responses,
    /// Requests whose responses are not whole, the oldest first.
    exchanges: VecDeque<Exchange>,
    state: FollowState,
    has_carried: bool,
}

/// How a connection is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FollowState {
    /// Each byte has its place in a request or a response.
    Followed,
    /// It was open before, or was lost: the next request is waited for.
    Waiting,
    /// It never will be followed.
    Ignored,
}

/// A request and its response.
#[derive(Debug)]
struct Exchange {
    request: RequestId,
    begin: u64,
    due: MonoNs,
    is_recorded: bool,
    is_head_only: bool,
    /// Whether its end was recorded.
    is_sent: bool,
    response_begin: u64,
    status: u16,
    stretches: u32,
    /// Whether the next event has lost its start.
    cuts_event: bool,
}

impl Follower {
    /// A connection that is followed from its first byte.
    pub(super) fn from_begin(connection: ConnectionId) -> Self {
        Self {
            connection,
            requests: Requests::default(),
            responses: Responses::new(),
            exchanges: VecDeque::new(),
            state: FollowState::Followed,
            has_carried: false,
        }
    }

    /// A connection that was open before.
    pub(super) fn from_middle(connection: ConnectionId) -> Self {
        Self { state: FollowState::Waiting, has_carried: true, ..Self::from_begin(connection) }
    }

    /// A connection of the other side.
    pub(super) fn ignored(connection: ConnectionId) -> Self {
        Self { state: FollowState::Ignored, ..Self::from_begin(connection) }
    }

    pub(super) const fn state(&self) -> FollowState {
        self.state
    }

    /// Memory that it holds of what is not whole.
    pub(super) fn held(&self) -> usize {
        self.requests.held() + self.responses.held() + self.exchanges.capacity() * size_of::<Exchange>()
    }

    /// Follows it no more: it holds too much.
    pub(super) fn ignore(&mut self, time: MonoNs, shared: &mut Shared<impl Write>) -> io::Result<()> {
        self.state = FollowState::Ignored;
        let ended = self.end_all(Outcome::Malformed, time, shared);
        (self.requests, self.responses) = (Requests::default(), Responses::new());
        self.exchanges = VecDeque::new();
        ended
    }

    /// The offsets in the request and response streams before which stamps are not needed any more, if these are the next
    /// offsets of both streams. `None` while a request is open that will be reported.
    pub(super) fn passed(&self, request_offset: u64, response_offset: u64) -> Option<(u64, u64)> {
        match self.state {
            FollowState::Followed if self.exchanges.iter().any(|exchange| exchange.is_recorded) => None,
            FollowState::Followed => Some((self.requests.begin(), response_offset)),
            FollowState::Waiting | FollowState::Ignored => Some((request_offset, response_offset)),
        }
    }

    /// Processes what the client sent; `response_offset` is the next offset of the response stream.
    pub(super) fn client_sent(
        &mut self,
        stretch: &Stretch<'_>,
        response_offset: u64,
        shared: &mut Shared<impl Write>,
    ) -> io::Result<()> {
        if self.state == FollowState::Waiting {
            let Content::Bytes(bytes) = stretch.content else { return Ok(()) };
            if !stretch.begins_segment || !is_request(bytes) {
                return Ok(());
            }
            self.state = FollowState::Followed;
            self.requests.seek(stretch.begin);
            self.responses.seek(response_offset);
            shared.counts.add(PICKED_UP, 1);
        }
        let mut content = stretch.content;
        while self.state == FollowState::Followed {
            let (taken, progress) = match self.requests.feed(content) {
                Ok(step) => step,
                Err(why) => return self.lose(why, stretch.time, shared),
            };
            match progress {
                requests::Progress::More => {}
                requests::Progress::Head if self.exchanges.len() >= EXCHANGES_MAX => {
                    return self.lose(NotFollowed::Unanswered, stretch.time, shared);
                }
                requests::Progress::Head => self.start_exchange(stretch.time, response_offset, shared)?,
                requests::Progress::Complete => self.sent(shared)?,
            }
            content = match content {
                Content::Bytes(bytes) => Content::Bytes(
                    bytes.get(usize::try_from(taken).unwrap_or(usize::MAX)..).unwrap_or_default(),
                ),
                Content::Hole(count) => Content::Hole(count.saturating_sub(taken)),
            };
            // A request may end with its head: its end is found without another byte.
            let is_over = matches!(content, Content::Bytes([]) | Content::Hole(0));
            if is_over && progress != requests::Progress::Head {
                break;
            }
        }
        Ok(())
    }

    /// Processes what the server sent.
    pub(super) fn server_sent(
        &mut self,
        stretch: &Stretch<'_>,
        shared: &mut Shared<impl Write>,
    ) -> io::Result<()> {
        let mut content = stretch.content;
        let mut has_part = true;
        while self.state == FollowState::Followed && has_part {
            let Some(exchange) = self.exchanges.front_mut() else {
                shared.counts.add(UNASKED, 1);
                return self.wait_for_request(stretch.time, shared);
            };
            exchange.stretches += 1;
            let mut cut =
                Cut { table: &mut shared.table, counts: &mut shared.counts, exchange, result: Ok(()) };
            let fed = match content {
                Content::Bytes(bytes) => self.responses.feed_one(bytes, &mut cut).map(|(taken, progress)| {
                    content = Content::Bytes(bytes.get(taken..).unwrap_or_default());
                    progress
                }),
                Content::Hole(count) => {
                    self.responses.pass_over(count, &mut cut).map(|(cuts_event, progress)| {
                        content = Content::Bytes(&[]);
                        cut.exchange.cuts_event |= cuts_event;
                        if self.responses.is_coded() && cut.exchange.is_recorded {
                            // Nothing after a hole can be decoded.
                            cut.not_decoded();
                        }
                        progress
                    })
                }
            };
            cut.result?;
            has_part = !matches!(content, Content::Bytes([]));
            match fed {
                Ok(Progress::More) => {}
                Ok(Progress::Complete { .. }) => self.complete(stretch.time, shared)?,
                Err(Malformed::Upgrade) => return self.lose(NotFollowed::Upgrade, stretch.time, shared),
                Err(Malformed::Hole) => return self.lose(NotFollowed::Hole, stretch.time, shared),
                Err(_) => {
                    shared.counts.add(MALFORMED, 1);
                    return self.wait_for_request(stretch.time, shared);
                }
            }
        }
        Ok(())
    }

    /// The connection is gone.
    pub(super) fn closed(&mut self, time: MonoNs, shared: &mut Shared<impl Write>) -> io::Result<()> {
        if self.state == FollowState::Followed
            && let Some(exchange) = self.exchanges.front_mut()
        {
            let mut cut =
                Cut { table: &mut shared.table, counts: &mut shared.counts, exchange, result: Ok(()) };
            let end = self.responses.finish(&mut cut);
            cut.result?;
            let outcome = match end {
                AtEnd::Complete => of_status(exchange.status),
                AtEnd::Truncated => Outcome::Truncated,
                AtEnd::NotStarted => Outcome::ClosedEarly,
            };
            self.end_first(outcome, time, shared)?;
        }
        self.end_all(Outcome::ClosedEarly, time, shared)
    }

    /// Nothing more will be captured: ends the open requests as they are.
    pub(super) fn end_all(
        &mut self,
        outcome: Outcome,
        time: MonoNs,
        shared: &mut Shared<impl Write>,
    ) -> io::Result<()> {
        while !self.exchanges.is_empty() {
            self.end_first(outcome, time, shared)?;
        }
        Ok(())
    }

    fn start_exchange(
        &mut self,
        time: MonoNs,
        response_offset: u64,
        shared: &mut Shared<impl Write>,
    ) -> io::Result<()> {
        let question = self.requests.question();
        let endpoint = question::endpoint(question);
        let exchange = Exchange {
            request: RequestId(shared.next_request),
            begin: question.begin,
            due: time,
            is_recorded: endpoint.is_some(),
            is_head_only: question.method == "HEAD",
            is_sent: false,
            response_begin: response_offset,
            status: 0,
            stretches: 0,
            cuts_event: false,
        };
        if let Some(endpoint) = endpoint {
            shared.next_request += 1;
            shared.table.set_facts(exchange.request, endpoint, Default::default());
            let client_request_id = question.client_request_id.clone();
            shared.table.named(exchange.request, Names { client_request_id, ..Names::default() });
            shared.table.in_flight()?;
        } else {
            shared.counts.add(OTHER_REQUESTS, 1);
        }
        self.exchanges.push_back(exchange);
        if self.exchanges.len() == 1 {
            self.expect();
        }
        Ok(())
    }

    /// The last request is whole.
    fn sent(&mut self, shared: &mut Shared<impl Write>) -> io::Result<()> {
        let end = self.requests.offset();
        let Some(exchange) = self.exchanges.back_mut() else { return Ok(()) };
        if exchange.is_sent || !exchange.is_recorded {
            return Ok(());
        }
        let question = self.requests.question();
        let Some(endpoint) = question::endpoint(question) else { return Ok(()) };
        let (facts, model) = question::facts(question, shared.table.tokenizer());
        let model = model.filter(|model| model.len() <= MODEL_NAME_MAX).unwrap_or_default();
        shared.counts.model(&model);
        shared.table.set_facts(exchange.request, endpoint, facts);
        let client_request_id = std::mem::take(&mut question.client_request_id);
        let payload = if shared.keeps_payload { question.body.clone() } else { Vec::new() };
        shared.table.named(exchange.request, Names { model, client_request_id, payload });
        record_sent(exchange, end, self.connection, &mut self.has_carried, &mut shared.table)
    }

    fn expect(&mut self) {
        match self.exchanges.front() {
            Some(exchange) if exchange.is_head_only => self.responses.expect_head_only(),
            Some(_) => self.responses.expect(),
            None => {}
        }
    }

    fn complete(&mut self, time: MonoNs, shared: &mut Shared<impl Write>) -> io::Result<()> {
        let status = self.exchanges.front().map_or(0, |exchange| exchange.status);
        self.end_first(of_status(status), time, shared)?;
        if let Some(next) = self.exchanges.front_mut() {
            next.response_begin = self.responses.offset();
            self.expect();
        }
        Ok(())
    }

    /// The oldest request has ended.
    fn end_first(
        &mut self,
        outcome: Outcome,
        time: MonoNs,
        shared: &mut Shared<impl Write>,
    ) -> io::Result<()> {
        let Some(mut exchange) = self.exchanges.pop_front() else { return Ok(()) };
        if !exchange.is_recorded {
            return Ok(());
        }
        if !exchange.is_sent {
            let end = self.requests.offset();
            record_sent(&mut exchange, end, self.connection, &mut self.has_carried, &mut shared.table)?;
        }
        let end = self.responses.offset().max(exchange.response_begin);
        let mut header = RecordHeader::new(Kind::Ended, exchange.request.0, time, end, 0);
        header.detail = outcome.number();
        let ended = Ended { reads: exchange.stretches, ..Ended::default() };
        shared.table.record(0, &header, ended.as_bytes())?;
        shared.table.in_flight()
    }

    /// What arrives can't be followed.
    fn lose(&mut self, why: NotFollowed, time: MonoNs, shared: &mut Shared<impl Write>) -> io::Result<()> {
        shared.counts.not_followed(why);
        if why != NotFollowed::Hole {
            self.state = FollowState::Ignored;
            return self.end_all(Outcome::Malformed, time, shared);
        }
        self.wait_for_request(time, shared)
    }

    fn wait_for_request(&mut self, time: MonoNs, shared: &mut Shared<impl Write>) -> io::Result<()> {
        self.state = FollowState::Waiting;
        self.end_all(Outcome::Malformed, time, shared)
    }
}

fn record_sent(
    exchange: &mut Exchange,
    end: u64,
    connection: ConnectionId,
    has_carried: &mut bool,
    table: &mut RequestTable<impl Write>,
) -> io::Result<()> {
    exchange.is_sent = true;
    let reused = u32::from(std::mem::replace(has_carried, true));
    let (due, begin, response_begin) = (exchange.due, exchange.begin, exchange.response_begin);
    let session = exchange.request.0;
    let lineage = Lineage::root(session);
    let sent = Sent { due, begin, response_begin, session, lineage, connection, reused, ..Sent::default() };
    table.record(0, &RecordHeader::new(Kind::Sent, exchange.request.0, UNSEEN, end, 0), sent.as_bytes())
}

/// How a whole response ends its request, by its status.
const fn of_status(status: u16) -> Outcome {
    match status / 100 {
        2 => Outcome::Ok,
        3 => Outcome::Redirect,
        _ => Outcome::HttpStatus,
    }
}

/// Passes what was cut from a response on to the request table.
struct Cut<'a, W> {
    table: &'a mut RequestTable<W>,
    counts: &'a mut Counts,
    exchange: &'a mut Exchange,
    result: io::Result<()>,
}

impl<W: Write> Cut<'_, W> {
    fn record(&mut self, kind: Kind, detail: u16, bytes: &[u8], end: u64) {
        if self.exchange.is_recorded && self.result.is_ok() {
            let mut header = RecordHeader::new(kind, self.exchange.request.0, UNSEEN, end, 0);
            header.detail = detail;
            self.result = self.table.record(0, &header, bytes);
        }
    }
}

impl<W: Write> Cut<'_, W> {
    /// The response can't be decoded: its request is not recorded.
    fn not_decoded(&mut self) {
        self.counts.add(COMPRESSED, 1);
        self.exchange.is_recorded = false;
        self.result = self.table.forget(self.exchange.request).and_then(|()| self.table.in_flight());
    }
}

impl<W: Write> Sink for Cut<'_, W> {
    fn head(&mut self, status: u16, bytes: &[u8], end: u64) {
        self.exchange.status = status;
        if self.exchange.is_recorded && Coding::of_head(bytes).0 == Coding::Other {
            return self.not_decoded();
        }
        self.record(Kind::Head, status, bytes, end);
    }

    fn event(&mut self, bytes: &[u8], end: u64) {
        if std::mem::take(&mut self.exchange.cuts_event) {
            self.counts.add(EVENTS_CUT, 1);
            return;
        }
        self.record(Kind::Event, 0, bytes, end);
    }

    fn body(&mut self, bytes: &[u8], end: u64) {
        self.record(Kind::Body, 0, bytes, end);
    }
}

/// Requests of one connection that may wait for their responses.
const EXCHANGES_MAX: usize = 1024;
/// Bytes of the longest model name that is kept.
const MODEL_NAME_MAX: usize = 256;
/// No process of ours read it: only the kernel saw it pass.
const UNSEEN: MonoNs = MonoNs(0);
