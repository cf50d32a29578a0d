//! Makes requests ready before they are due, on a thread of its own: head, body, ids, in one piece of memory each.
//!
//! ```text
//! conversation ──body──▶ head, ids ──▶ ready ──▶ worker ──▶ kernel
//!     ▲                     ▲                      │
//!     │                     └──────── spent ◀──────┤    the memory comes back, so the hot core allocates nothing
//!     └── next turn ◀── answer's meaning ◀─────────┘    only of sessions that have more to say
//! ```

use crate::branching::{Branching, Inherited};
use crate::job::{Inquiry, Told, Wanted};
use crate::prompt::{Context, Conversation, Conversations, Order, Planned, When, mark};
use crate::shape::Users;
use common::clock::{DurationNs, MonoNs};
use common::id::RequestId;
use common::plan::{self, CacheBust};
use endpoint::{Endpoint, Reply, Turn, sse};
use rtrb::{Consumer, Producer, RingBuffer};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A request that only has to be sent.
#[derive(Debug)]
pub struct Prepared {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Its number in the run.
    pub request: RequestId,
    /// The session that it belongs to.
    pub session: u64,
    /// Which conversation it is from.
    pub entry: u32,
    /// The turn within the session, from 0.
    pub turn: u32,
    /// Which of the targets it goes to.
    pub target: u16,
    /// When it is due, if it is not the first turn.
    pub due: MonoNs,
    /// What is to be done with it.
    pub kind: Kind,
    /// Whether it is what an answer was waited for.
    pub settles: bool,
    /// What follows it in its session.
    pub next: Next,
}

/// What follows a request in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Over,
    /// Another turn, so long after this one has ended.
    After(DurationNs),
    /// Another turn, at this offset from the phase's begin.
    At(DurationNs),
    /// Of a job: what these bytes ask for.
    Ask(Wanted),
    /// What the composer says: sessions begin each other.
    Tree,
}

/// What is to be done with what was prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is sent.
    Request,
    /// It is sent as part of a request that was sent before: a job.
    Inquiry,
    /// Nothing.
    Nothing {
        /// Whether a session has ended.
        ends: bool,
    },
}

/// What became of a request whose session has more to say.
#[derive(Debug)]
pub struct Answer {
    /// The session.
    pub session: u64,
    /// When its next turn is due.
    pub due: MonoNs,
    /// What the server said; `None` ends the session.
    pub said: Option<Said>,
    /// Of a job that may not be over, what the server said of it; then the session goes on whatever was said.
    pub job: Option<Told>,
    /// Whether its session is one of a tree; `due` is then when it ended, and the composer says what follows.
    pub is_branch: bool,
}

/// A response as it came.
#[derive(Debug, Default)]
pub struct Said {
    /// The body; of a stream its events, each followed by a blank line.
    pub bytes: Vec<u8>,
    /// Whether it is a stream.
    pub is_stream: bool,
}

/// The worker's ends of the queues.
#[derive(Debug)]
pub struct PreparedQueue {
    /// First turns to send, in order.
    pub ready: Consumer<Prepared>,
    /// Later turns to send, each when it is due.
    pub turns: Consumer<Prepared>,
    /// What the composer makes later turns of.
    pub answers: Producer<Answer>,
    spent: Producer<Vec<u8>>,
}

/// The composer's ends of the queues.
#[derive(Debug)]
pub struct Feed {
    ready: Producer<Prepared>,
    turns: Producer<Prepared>,
    answers: Consumer<Answer>,
    spent: Consumer<Vec<u8>>,
}

/// What a request to one target begins with, with places for the ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    bytes: Vec<u8>,
    request_id_at: usize,
    session_id_at: usize,
}

/// What a composer needs to make every request of one worker.
#[derive(Clone)]
pub struct Composition {
    /// What sessions say.
    pub conversations: Arc<dyn Conversations>,
    /// Which conversation each session has.
    pub order: Order,
    /// What bodies look like.
    pub endpoint: &'static dyn Endpoint,
    /// What the plan says of them.
    pub plan: Arc<plan::Endpoint>,
    /// Bodies of first turns, each made once.
    pub bodies: Arc<Bodies>,
    /// Where each session's marker goes, if it has one.
    pub cache_bust: Option<CacheBust>,
    /// A head for each target.
    pub heads: Vec<Head>,
    /// What forked sessions had heard when they began.
    pub inherited: Inherited,
    /// How each target is asked after jobs.
    pub inquiries: Vec<Inquiry>,
    /// Milliseconds of the input's time at which the phase begins, and by what its times are divided.
    pub timeline: Timeline,
    /// The users of the plan, if it has users: the first ones have less to say.
    pub users: Option<Users>,
    /// The number from which ids on the wire are made.
    pub run_number: u64,
    /// The worker's number.
    pub worker: u64,
    /// How many workers there are: the worker's sessions are every `workers`-th.
    pub workers: u64,
}

/// How the input's times become offsets from the phase's begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeline {
    /// Milliseconds that are the phase's begin.
    pub zero_ms: f64,
    /// By what times and delays are divided.
    pub speedup: f64,
}

/// Bodies of first turns, kept where there are few enough.
#[derive(Debug)]
pub struct Bodies {
    kept: Vec<OnceLock<Arc<[u8]>>>,
}

/// One composer at work.
struct Composer {
    composition: Composition,
    sessions: FxHashMap<u64, Session>,
    /// First turns made so far, and requests.
    begun: u64,
    made: u64,
    /// Later turns for which the queue had no room.
    waiting: VecDeque<Prepared>,
    /// Sessions that begin others.
    branching: Branching,
}

/// A session that has more to say.
struct Session {
    entry: u32,
    turn: u32,
    context: Context,
    history: Vec<Turn>,
    later: VecDeque<Planned>,
    /// Of [`Context::Woven`]: the answers, and after how many messages each stands.
    answers: Vec<(usize, Turn)>,
}

impl PreparedQueue {
    /// Gives back the memory of a request that was sent.
    #[inline]
    pub fn give_back(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > 0 {
            // The queue has room for every request there can be; should it not, the memory is simply freed.
            self.spent.push(bytes).ok();
        }
    }
}

/// All queues, for `depth` requests ready and at most `in_flight` being sent.
#[must_use]
pub fn queue(depth: usize, in_flight: usize) -> (Feed, PreparedQueue) {
    let (ready_in, ready_out) = RingBuffer::new(depth);
    let (turns_in, turns_out) = RingBuffer::new(depth);
    let (answers_in, answers_out) = RingBuffer::new(depth);
    let (spent_in, spent_out) = RingBuffer::new(depth + in_flight + 1);
    let feed = Feed { ready: ready_in, turns: turns_in, answers: answers_out, spent: spent_out };
    (feed, PreparedQueue { ready: ready_out, turns: turns_out, answers: answers_in, spent: spent_in })
}

impl Head {
    /// The head of a `POST`. `fixed_headers` are whole lines without their line ends.
    #[must_use]
    pub fn post(path: &str, host: &str, fixed_headers: &[String], session_header: &str) -> Self {
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n");
        for header in fixed_headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("X-Request-ID: ");
        let request_id_at = head.len();
        head.push_str(&" ".repeat(ID_LENGTH));
        head.push_str("\r\n");
        head.push_str(session_header);
        head.push_str(": ");
        let session_id_at = head.len();
        head.push_str(&" ".repeat(ID_LENGTH));
        head.push_str("\r\nContent-Length: ");
        Self { bytes: head.into_bytes(), request_id_at, session_id_at }
    }

    /// Writes the request with its ids into `bytes`.
    fn fill(&self, bytes: &mut Vec<u8>, ids: [&[u8; ID_LENGTH]; 2], body: &[u8]) {
        bytes.clear();
        bytes.reserve(self.bytes.len() + CONTENT_LENGTH_MAX + body.len());
        bytes.extend_from_slice(&self.bytes);
        for (at, id) in [self.request_id_at, self.session_id_at].into_iter().zip(ids) {
            bytes[at..at + ID_LENGTH].copy_from_slice(id);
        }
        bytes.extend_from_slice(body.len().to_string().as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(body);
    }
}

impl Bodies {
    /// Room for the bodies of so many conversations, if that is little enough to be kept.
    #[must_use]
    pub fn new(conversations: usize) -> Self {
        let kept = if conversations <= BODIES_MAX { conversations } else { 0 };
        Self { kept: (0..kept).map(|_| OnceLock::new()).collect() }
    }
}

impl Timeline {
    fn offset(self, timestamp_ms: f64) -> DurationNs {
        self.delay((timestamp_ms - self.zero_ms).max(0.0))
    }

    pub(crate) fn delay(self, delay_ms: f64) -> DurationNs {
        DurationNs::from_seconds(delay_ms.max(0.0) / 1000.0 / self.speedup)
    }

    fn next(self, planned: Option<&Planned>) -> Next {
        match planned.map(|planned| planned.when) {
            None => Next::Over,
            Some(When::Unsaid) => Next::After(DurationNs(0)),
            Some(When::After { delay_ms }) => Next::After(self.delay(delay_ms)),
            Some(When::At { timestamp_ms }) => Next::At(self.offset(timestamp_ms)),
        }
    }
}

impl Composer {
    /// The next session's first turn, in `bytes`.
    fn first_turn(&mut self, bytes: Vec<u8>) -> io::Result<Prepared> {
        let composition = &mut self.composition;
        let session = composition.worker + self.begun * composition.workers;
        self.begun += 1;
        let place = composition.order.place(session);
        let entry = u32::try_from(place).unwrap_or(u32::MAX);
        let kept = composition.bodies.kept.get(place);
        let (body, next) = match kept.and_then(OnceLock::get) {
            // Only of conversations that are over after it.
            Some(body) => (Arc::clone(body), Next::Over),
            None => {
                let mut conversation = composition.conversation(place, session)?;
                let mut turns = std::mem::take(&mut conversation.turns).into_iter();
                let mut first =
                    turns.next().ok_or_else(|| io::Error::other("a conversation says nothing"))?;
                composition.mark(&mut first.turn, session)?;
                let later = turns.collect::<VecDeque<_>>();
                let body = composition.body(std::slice::from_ref(&first.turn))?;
                let next = composition.timeline.next(later.front());
                let branches = std::mem::take(&mut conversation.branches);
                if !branches.is_empty() {
                    conversation.turns = later.into();
                    conversation.branches = branches;
                    self.branching.begin(session, entry, first.turn, conversation);
                    let mut prepared = self.request(session, entry, &body, bytes);
                    prepared.next = Next::Tree;
                    return Ok(prepared);
                }
                if next == Next::Over {
                    kept.map(|kept| kept.set(Arc::clone(&body)));
                } else {
                    let mut begun = Session {
                        entry,
                        turn: 0,
                        context: conversation.context,
                        history: Vec::new(),
                        later,
                        answers: Vec::new(),
                    };
                    begun.remember(first);
                    self.sessions.insert(session, begun);
                }
                (body, next)
            }
        };
        let mut prepared = self.request(session, entry, &body, bytes);
        prepared.next = next;
        Ok(prepared)
    }

    /// What is asked of a job next; nothing to be sent tells that it is over.
    fn inquiry(&self, answer: &Answer, told: &Told) -> Prepared {
        let composition = &self.composition;
        let ids = [
            told.request.header(composition.run_number),
            RequestId(answer.session).session_header(composition.run_number),
        ];
        let inquiry = composition.inquiries.get(usize::from(told.target));
        let next = inquiry.and_then(|inquiry| {
            inquiry.next(told, composition.endpoint, &composition.plan, [&ids[0], &ids[1]])
        });
        let (bytes, next, due) = match next {
            Some((bytes, wanted @ Wanted::Status)) => (bytes, Next::Ask(wanted), answer.due),
            Some((bytes, wanted)) => (bytes, Next::Ask(wanted), MonoNs(0)),
            None => (Vec::new(), Next::Over, MonoNs(0)),
        };
        Prepared {
            bytes,
            request: told.request,
            session: answer.session,
            entry: 0,
            turn: 0,
            target: told.target,
            due,
            kind: Kind::Inquiry,
            settles: true,
            next,
        }
    }

    /// The turn after the one that was answered, if the session goes on.
    fn next_turn(&mut self, answer: &Answer, bytes: Vec<u8>) -> io::Result<Option<Prepared>> {
        let Some(said) = &answer.said else {
            self.sessions.remove(&answer.session);
            self.branching.forget(answer.session);
            return Ok(None);
        };
        let composition = &self.composition;
        let Some(session) = self.sessions.get_mut(&answer.session) else { return Ok(None) };
        let Some(planned) = session.later.pop_front() else { return Ok(None) };
        match session.context {
            Context::Live => session.history.push(said.meaning(composition.endpoint)),
            Context::Woven => {
                let messages = session.history.last().and_then(|turn| turn.messages.as_ref());
                let after = messages.map_or(0, Vec::len);
                session.answers.push((after, said.meaning(composition.endpoint)));
                session.history.clear();
            }
            Context::Recorded | Context::Alone => {}
        }
        session.turn += 1;
        let (entry, turn) = (session.entry, session.turn);
        let mut turns = std::mem::take(&mut session.history);
        let answer_of_input = planned.answer;
        turns.push(planned.turn);
        let body = match session.context {
            Context::Woven => composition.body(&[woven(&turns[0], &session.answers)])?,
            _ => composition.body(&turns)?,
        };
        let next = composition.timeline.next(session.later.front());
        if next == Next::Over {
            self.sessions.remove(&answer.session);
        } else if session.context != Context::Alone {
            turns.extend(answer_of_input.filter(|_| session.context == Context::Recorded));
            session.history = turns;
        }
        let mut prepared = self.request(answer.session, entry, &body, bytes);
        prepared.turn = turn;
        prepared.due = answer.due;
        prepared.next = next;
        Ok(Some(prepared))
    }

    fn request(&mut self, session: u64, entry: u32, body: &[u8], bytes: Vec<u8>) -> Prepared {
        let composition = &self.composition;
        let request = RequestId(composition.worker + self.made * composition.workers);
        self.made += 1;
        composition.request(request, (session, session), entry, body, bytes)
    }

    /// Makes what is wanted; returns whether anything was.
    fn work(&mut self, queue: &mut Feed) -> io::Result<bool> {
        let mut has_worked = false;
        while let Ok(answer) = queue.answers.pop() {
            has_worked = true;
            if let Some(told) = &answer.job {
                let inquiry = self.inquiry(&answer, told);
                self.waiting.push_back(inquiry);
                continue;
            }
            if answer.is_branch {
                let next = self.branching.follow(&answer, &self.composition, &mut self.made)?;
                self.waiting.extend(next);
                continue;
            }
            let bytes = queue.spent.pop().unwrap_or_default();
            let next = self.next_turn(&answer, bytes)?;
            self.waiting.extend(next);
        }
        while !queue.turns.is_full() {
            let Some(prepared) = self.waiting.pop_front() else { break };
            has_worked |= queue.turns.push(prepared).is_ok();
        }
        for _ in 0..BATCH {
            if queue.ready.is_full() {
                return Ok(has_worked);
            }
            let bytes = queue.spent.pop().unwrap_or_default();
            let prepared = self.first_turn(bytes)?;
            has_worked |= queue.ready.push(prepared).is_ok();
        }
        Ok(true)
    }
}

impl Composition {
    /// A request of a session; those of a tree go where its root goes.
    pub(crate) fn request(
        &self,
        request: RequestId,
        (session, root): (u64, u64),
        entry: u32,
        body: &[u8],
        mut bytes: Vec<u8>,
    ) -> Prepared {
        let target = usize::try_from(root % self.heads.len() as u64).unwrap_or(0);
        let ids = [&request.header(self.run_number), &RequestId(session).session_header(self.run_number)];
        self.heads[target].fill(&mut bytes, ids, body);
        Prepared {
            bytes,
            request,
            session,
            entry,
            turn: 0,
            target: u16::try_from(target).unwrap_or(u16::MAX),
            due: MonoNs(0),
            kind: Kind::Request,
            settles: true,
            next: Next::Over,
        }
    }

    /// What a session says: with users, the first ones have been there for a while.
    fn conversation(&self, place: usize, session: u64) -> io::Result<Conversation> {
        let mut conversation = self.conversations.conversation(place).map_err(io::Error::other)?;
        if let (Some(users), Ok(number)) = (&self.users, u32::try_from(session))
            && number < users.count
        {
            let turns = u32::try_from(conversation.turns.len()).unwrap_or(u32::MAX);
            conversation.turns.truncate(users.first_turns(number, turns) as usize);
        }
        Ok(conversation)
    }

    /// Gives a session its marker, if there are markers.
    fn mark(&self, turn: &mut Turn, session: u64) -> io::Result<()> {
        let Some(place) = self.cache_bust else { return Ok(()) };
        let name = RequestId(session).session_header(self.run_number);
        mark(turn, place, &String::from_utf8_lossy(&name)).map_err(io::Error::other)
    }

    pub(crate) fn body(&self, turns: &[Turn]) -> io::Result<Arc<[u8]>> {
        self.endpoint.encode(turns, &self.plan).map(Arc::from).map_err(io::Error::other)
    }
}

impl Session {
    /// Keeps a turn that later ones are sent with.
    fn remember(&mut self, planned: Planned) {
        match self.context {
            Context::Alone => {}
            Context::Live | Context::Woven => self.history.push(planned.turn),
            Context::Recorded => {
                self.history.push(planned.turn);
                self.history.extend(planned.answer);
            }
        }
    }
}

/// A turn's messages with the answers between them.
fn woven(turn: &Turn, answers: &[(usize, Turn)]) -> Turn {
    let mut turn = turn.clone();
    for (after, answer) in answers.iter().rev() {
        let message = serde_json::json!({"role": answer.role, "content": answer.joined()});
        if let Some(messages) = &mut turn.messages {
            messages.insert((*after).min(messages.len()), message);
        }
    }
    turn
}

impl Prepared {
    /// Nothing to be sent.
    pub(crate) const fn nothing(session: u64, ends: bool) -> Self {
        Self {
            bytes: Vec::new(),
            request: RequestId(0),
            session,
            entry: 0,
            turn: 0,
            target: 0,
            due: MonoNs(0),
            kind: Kind::Nothing { ends },
            settles: false,
            next: Next::Over,
        }
    }
}

impl Said {
    /// The answer as a turn of the conversation; of one that only reasoned, the reasoning.
    pub(crate) fn meaning(&self, endpoint: &dyn Endpoint) -> Turn {
        let mut content = String::new();
        let mut reasoning = String::new();
        let mut take = |reply: Reply<'_>| {
            content.push_str(&reply.content);
            reasoning.push_str(&reply.reasoning);
        };
        if self.is_stream {
            let finder = memchr::memmem::Finder::new(b"\n\n");
            let mut rest = self.bytes.as_slice();
            while let Some(end) = finder.find(rest) {
                let fields = sse::fields(&rest[..end]);
                if !fields.data.is_empty() {
                    take(endpoint.event(&fields.data));
                }
                rest = &rest[end + 2..];
            }
        } else {
            take(endpoint.whole(&self.bytes));
        }
        let text = if content.is_empty() { reasoning } else { content };
        let mut turn = Turn::user(text, String::new());
        "assistant".clone_into(&mut turn.role);
        turn
    }
}

/// Keeps the queues full until the worker has gone or `over` is set.
///
/// # Errors
/// When a conversation can't be read any more.
pub fn run(composition: Composition, mut queue: Feed, over: &AtomicBool) -> io::Result<()> {
    let mut composer = Composer {
        composition,
        sessions: FxHashMap::default(),
        begun: 0,
        made: 0,
        waiting: VecDeque::new(),
        branching: Branching::default(),
    };
    while !queue.ready.is_abandoned() && !over.load(Ordering::Relaxed) {
        if !composer.work(&mut queue)? {
            std::thread::park_timeout(REFILL);
        }
    }
    Ok(())
}

/// Characters of an id on the wire.
const ID_LENGTH: usize = 36;
/// The digits of a length, and what ends the head.
const CONTENT_LENGTH_MAX: usize = 24;
/// How long the composer sleeps when the queue is full and nobody answers.
const REFILL: Duration = Duration::from_millis(1);
/// First turns that are made before answers are looked for.
const BATCH: usize = 64;
/// Conversations whose first bodies are kept.
const BODIES_MAX: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{Branch, BranchKind};
    use common::plan::Sampling;

    fn plan() -> plan::Endpoint {
        plan::Endpoint {
            kind: "chat".to_owned(),
            urls: Vec::new(),
            path: None,
            models: vec!["m".to_owned()],
            model_choice: plan::ModelChoice::default(),
            streaming: true,
            request_timeout_seconds: 1.0,
            use_legacy_max_tokens: false,
            use_server_token_count: false,
            trust: plan::Trust::System,
            session_header: "X-Correlation-ID".to_owned(),
            header_names: Vec::new(),
            extra_inputs: serde_json::Map::new(),
            dialect: plan::Dialect::default(),
        }
    }

    fn composer(conversations: Vec<Conversation>, worker: u64, workers: u64) -> Composer {
        let head = Head::post(
            "/v1/chat/completions",
            "localhost:8000",
            &["Accept: text/event-stream".to_owned()],
            "X-Correlation-ID",
        );
        let composition = Composition {
            order: Order::sampled(conversations.len(), Sampling::Sequential, 0),
            bodies: Arc::new(Bodies::new(conversations.len())),
            conversations: Arc::new(conversations),
            cache_bust: None,
            endpoint: endpoint::by_name("chat").unwrap(),
            plan: Arc::new(plan()),
            heads: vec![head],
            inquiries: Vec::new(),
            inherited: Inherited::default(),
            timeline: Timeline { zero_ms: 0.0, speedup: 1.0 },
            users: None,
            run_number: 9,
            worker,
            workers,
        };
        Composer {
            composition,
            sessions: FxHashMap::default(),
            begun: 0,
            made: 0,
            waiting: VecDeque::new(),
            branching: Branching::default(),
        }
    }

    fn saying(turns: &[(&str, When, Option<&str>)], context: Context) -> Conversation {
        let turn = |text: &str| Turn::user(text.to_owned(), "m".to_owned());
        let planned = |(text, when, answer): &(&str, When, Option<&str>)| {
            let answer = answer.map(|answer| Turn { role: "assistant".to_owned(), ..turn(answer) });
            Planned { turn: turn(text), when: *when, answer }
        };
        Conversation {
            session: "s".to_owned(),
            turns: turns.iter().map(planned).collect(),
            context,
            branches: Vec::new(),
        }
    }

    /// The roles and texts of a request.
    fn messages(prepared: &Prepared) -> String {
        let text = std::str::from_utf8(&prepared.bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "the length of {body}");
        let body = serde_json::from_str::<serde_json::Value>(body).unwrap();
        let messages = body["messages"].as_array().unwrap().iter();
        let said = messages.map(|message| {
            format!("{}:{}", message["role"].as_str().unwrap(), message["content"].as_str().unwrap())
        });
        said.collect::<Vec<_>>().join(" ")
    }

    fn answered(session: u64, text: &str) -> Answer {
        let event = |part: &str| {
            format!(
                "data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"delta\":{{\"content\":\"{part}\"}}}}]}}\n\n"
            )
        };
        let (one, other) = text.split_at(1);
        let bytes = format!("{}{}data: [DONE]\n\n", event(one), event(other)).into_bytes();
        Answer {
            session,
            due: MonoNs(77),
            said: Some(Said { bytes, is_stream: true }),
            job: None,
            is_branch: false,
        }
    }

    #[test]
    fn a_request_is_whole_and_carries_its_ids() {
        let mut composer = composer(vec![saying(&[("hi", When::Unsaid, None)], Context::Live)], 1, 2);
        for _ in 0..3 {
            composer.first_turn(Vec::new()).unwrap();
        }
        let prepared = composer.first_turn(Vec::new()).unwrap();
        assert_eq!(prepared.request, RequestId(7), "every second request is this worker's");
        let id = String::from_utf8(RequestId(7).header(9).to_vec()).unwrap();
        let session = String::from_utf8(RequestId(7).session_header(9).to_vec()).unwrap();
        let text = String::from_utf8(prepared.bytes).unwrap();
        let expected = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:8000\r\nAccept: text/event-stream\r\n\
             X-Request-ID: {id}\r\nX-Correlation-ID: {session}\r\nContent-Length: "
        );
        assert!(text.starts_with(&expected), "the request on the wire: {text}");
    }

    #[test]
    fn answers_are_threaded_in() {
        let delay = When::After { delay_ms: 5.0 };
        let turns =
            [("one", When::Unsaid, Some("recorded")), ("two", delay, None), ("three", When::Unsaid, None)];
        let check = |context: Context, expected: [&str; 3]| {
            let mut composer = composer(vec![saying(&turns, context)], 0, 1);
            let first = composer.first_turn(Vec::new()).unwrap();
            assert_eq!(first.next, Next::After(DurationNs::from_millis(5)), "the second turn waits");
            let second = composer.next_turn(&answered(0, "live"), Vec::new()).unwrap().unwrap();
            assert_eq!((second.turn, second.due), (1, MonoNs(77)), "when the worker wants it");
            let third = composer.next_turn(&answered(0, "again"), Vec::new()).unwrap().unwrap();
            assert_eq!(third.next, Next::Over, "the last turn");
            assert_eq!([&first, &second, &third].map(messages), expected, "{context:?}");
            assert!(composer.sessions.is_empty(), "nothing is kept of a session that is over");
        };
        check(
            Context::Live,
            [
                "user:one",
                "user:one assistant:live user:two",
                "user:one assistant:live user:two assistant:again user:three",
            ],
        );
        check(
            Context::Recorded,
            [
                "user:one",
                "user:one assistant:recorded user:two",
                "user:one assistant:recorded user:two user:three",
            ],
        );
        check(Context::Alone, ["user:one", "user:two", "user:three"]);
    }

    /// A session of a tree: each message with its own words, as its row has it.
    fn row(session: &str, turns: &[&str], branches: Vec<Branch>) -> Conversation {
        let planned = |text: &&str| {
            let messages = vec![serde_json::json!({"role": "user", "content": text})];
            let turn = Turn { messages: Some(messages), model: "m".to_owned(), ..Turn::default() };
            Planned { turn, when: When::Unsaid, answer: None }
        };
        let turns = turns.iter().map(planned).collect();
        Conversation { session: session.to_owned(), turns, context: Context::Live, branches }
    }

    /// The answers of one to many follow a list: the messages of what is sent then, or that nothing is.
    fn follow(composer: &mut Composer, session: u64, answer: Option<&str>) -> Vec<String> {
        let said = answer.and_then(|text| answered(session, text).said);
        let answer = Answer { session, due: MonoNs(5), said, job: None, is_branch: true };
        let Composer { branching, composition, made, .. } = composer;
        let next = branching.follow(&answer, composition, made).unwrap();
        assert_eq!(next.iter().filter(|prepared| prepared.settles).count(), 1, "one settles the answer");
        let told = |prepared: &Prepared| match prepared.kind {
            Kind::Nothing { ends } => format!("nothing {ends}"),
            _ => format!("{:x}: {}", prepared.session, messages(prepared)),
        };
        next.iter().map(told).collect()
    }

    #[test]
    fn sessions_begin_others_and_wait_for_them() {
        let branches = vec![
            Branch { after: 0, child: 1, kind: BranchKind::Fork },
            Branch { after: 0, child: 2, kind: BranchKind::Spawn { join_at: 2 } },
        ];
        let rows = vec![
            row("root", &["one", "two", "three"], branches),
            row("fork", &["other"], Vec::new()),
            row("spawn", &["fresh", "more"], Vec::new()),
        ];
        let mut composer = composer(rows, 0, 1);
        let first = composer.first_turn(Vec::new()).unwrap();
        assert_eq!((first.next, messages(&first)), (Next::Tree, "user:one".to_owned()), "the root");
        let (fork, spawn) = (1 << 40, (1 << 40) + 1);
        assert_eq!(
            follow(&mut composer, 0, Some("aye")),
            [
                "10000000000: user:one assistant:aye user:other",
                "10000000001: user:fresh",
                "0: user:one assistant:aye user:two"
            ],
            "a fork heard everything, a spawn nothing"
        );
        assert_eq!(follow(&mut composer, 0, Some("bee")), ["nothing false"], "the root waits for the spawn");
        assert_eq!(follow(&mut composer, fork, None), ["nothing false"], "the fork failed, and is over");
        assert_eq!(
            follow(&mut composer, spawn, Some("yes")),
            ["10000000001: user:fresh assistant:yes user:more"],
            "the spawn goes on"
        );
        assert_eq!(
            follow(&mut composer, spawn, Some("end")),
            ["0: user:one assistant:aye user:two assistant:bee user:three"],
            "its end lets the root go on"
        );
        assert_eq!(follow(&mut composer, 0, Some("off")), ["nothing true"], "and the tree is over");
        assert_eq!(follow(&mut composer, 0, Some("off")), ["nothing false"], "nobody is left");
    }

    #[test]
    fn answers_are_woven_into_messages() {
        let mut row = row("s", &["one", "one two"], Vec::new());
        row.context = Context::Woven;
        row.turns[1].turn.messages = Some(vec![
            serde_json::json!({"role": "user", "content": "one"}),
            serde_json::json!({"role": "user", "content": "two"}),
        ]);
        let mut composer = composer(vec![row], 0, 1);
        composer.first_turn(Vec::new()).unwrap();
        let second = composer.next_turn(&answered(0, "live"), Vec::new()).unwrap().unwrap();
        assert_eq!(messages(&second), "user:one assistant:live user:two", "where the first turn ended");
    }

    #[test]
    fn a_session_that_broke_off_is_forgotten() {
        let turns = [("one", When::Unsaid, None), ("two", When::Unsaid, None)];
        let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
        composer.first_turn(Vec::new()).unwrap();
        let over = Answer { session: 0, due: MonoNs(0), said: None, job: None, is_branch: false };
        assert!(composer.next_turn(&over, Vec::new()).unwrap().is_none(), "nothing follows");
        assert!(composer.sessions.is_empty(), "nothing is kept");
    }

    #[test]
    fn the_first_users_have_less_to_say() {
        let turns = [("one", When::Unsaid, None), ("two", When::Unsaid, None), ("three", When::Unsaid, None)];
        let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
        composer.composition.users = Some(Users { count: 2, gap: DurationNs(0) });
        let left = (0..3).map(|_| {
            let prepared = composer.first_turn(Vec::new()).unwrap();
            composer.sessions.get(&prepared.session).map_or(0, |session| session.later.len())
        });
        assert_eq!(left.collect::<Vec<_>>(), [1, 2, 2], "turns that follow");
    }

    #[test]
    fn sessions_have_markers_of_their_own() {
        let mut composer = composer(vec![saying(&[("hi", When::Unsaid, None)], Context::Live)], 0, 1);
        composer.composition.cache_bust = Some(CacheBust::FirstTurnPrefix);
        composer.composition.bodies = Arc::new(Bodies::new(0));
        let said = [0, 1].map(|_| messages(&composer.first_turn(Vec::new()).unwrap()));
        assert_ne!(said[0], said[1], "the same conversation twice");
        assert!(said.iter().all(|said| said.starts_with("user:[") && said.ends_with("] hi")), "{said:?}");
    }

    #[test]
    fn memory_comes_back() {
        let composition =
            composer(vec![saying(&[("hi", When::Unsaid, None)], Context::Live)], 0, 1).composition;
        let (feed, mut worker) = queue(4, 1);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let composing = scope.spawn(|| run(composition, feed, &over));
            for number in 0..100 {
                let prepared = loop {
                    match worker.ready.pop() {
                        Ok(prepared) => break prepared,
                        Err(_) => std::thread::yield_now(),
                    }
                };
                assert_eq!(prepared.request, RequestId(number), "in order");
                worker.give_back(prepared.bytes);
            }
            over.store(true, Ordering::Relaxed);
            composing.join().unwrap().unwrap();
        });
    }
}
