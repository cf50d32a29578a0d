//! Makes requests ready before they are due, on a thread of its own: head, body, ids, in one buffer each.
//!
//! ```text
//! conversation ──body──▶ head, ids ──▶ ready ──▶ worker ──▶ kernel
//!     ▲                     ▲                      │
//!     │                     └──────── spent ◀──────┤    the buffer returns, so the hot core allocates nothing
//!     └── next turn ◀── answer's text ◀────────────┘    only of sessions with further turns
//! ```

mod answer;
mod composition;
mod head;
mod prepared;
mod queue;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use answer::ParsedAnswer;
pub use answer::{Answer, Response};
use composition::Body;
pub use composition::{Bodies, Composition, Timeline};
pub use head::{Head, REQUEST_ID, has_header};
pub use prepared::{Kind, Next, Prepared};
pub use queue::{Feed, PreparedQueue, queue};

use crate::bounds::{Bound, READY_BYTES_MAX};
use crate::branching::Branching;
use crate::job::{Polled, Wanted};
use crate::prompt::Context;
use common::clock::MonoNs;
use common::id::{Lineage, RequestId};
use rustc_hash::FxHashMap;
use session::{Session, woven};
use std::collections::VecDeque;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One composer at work.
struct Composer {
    composition: Composition,
    sessions: FxHashMap<u64, Session>,
    /// First turns made so far, how many of them before sessions were counted anew, and requests.
    started: u64,
    started_before: u64,
    made: u64,
    /// How many times sessions have been counted anew.
    numbering: u32,
    /// Later turns for which the queue had no room.
    waiting: VecDeque<Prepared>,
    /// Bytes of answers in the histories of all sessions.
    answer_bytes: usize,
    /// Bytes of the request that was made last.
    latest: usize,
    /// Sessions that start others.
    branching: Branching,
}

impl Composer {
    /// The next session's first turn, in `bytes`.
    fn first_turn(&mut self, bytes: Vec<u8>) -> io::Result<Prepared> {
        let composition = &mut self.composition;
        let session = composition.worker + self.started * composition.workers;
        let number = composition.worker + (self.started - self.started_before) * composition.workers;
        self.started += 1;
        let place = composition.order.place(if composition.replays { number } else { session });
        let entry = u32::try_from(place).unwrap_or(u32::MAX);
        let kept = composition.bodies.kept.get(place);
        let (body, next) = match kept.and_then(OnceLock::get) {
            // Only of conversations that are over after it.
            Some(body) => (body.clone(), Next::Over),
            None => {
                let mut conversation = composition.conversation(place, number)?;
                let mut turns = std::mem::take(&mut conversation.turns).into_iter();
                let mut first = turns.next().ok_or_else(|| io::Error::other("a conversation has no turn"))?;
                composition.mark(&mut first.turn, session)?;
                let later = turns.collect::<VecDeque<_>>();
                let body = composition.body(std::slice::from_ref(&first.turn))?;
                let next = composition.timeline.next(later.front());
                let branches = std::mem::take(&mut conversation.branches);
                if !branches.is_empty() {
                    conversation.turns = later.into();
                    conversation.branches = branches;
                    self.branching.start(session, entry, first.turn, conversation);
                    let mut prepared = self.request(session, entry, &body, bytes);
                    (prepared.next, prepared.numbering) = (Next::Tree, self.numbering);
                    return Ok(prepared);
                }
                if next == Next::Over {
                    kept.map(|kept| kept.set(body.clone()));
                } else {
                    let mut started = Session {
                        entry,
                        turn: 0,
                        context: conversation.context,
                        history: Vec::new(),
                        later,
                        answers: Vec::new(),
                        answer_bytes: 0,
                    };
                    started.remember(first);
                    self.sessions.insert(session, started);
                }
                (body, next)
            }
        };
        let mut prepared = self.request(session, entry, &body, bytes);
        (prepared.next, prepared.numbering) = (next, self.numbering);
        Ok(prepared)
    }

    /// Counts sessions anew if the worker requires it: those that were made ahead are not sent.
    fn count_anew(&mut self) {
        let numbering = self.composition.numbering.load(Ordering::Acquire);
        if numbering != self.numbering {
            self.numbering = numbering;
            self.started_before = self.started;
        }
    }

    /// The next status request for a job; one with no bytes means that it is over.
    fn inquiry(&self, answer: &Answer, response: &Polled) -> Prepared {
        let composition = &self.composition;
        let ids = [
            response.request.header(composition.run_number),
            RequestId(answer.session).session_header(composition.run_number),
        ];
        let inquiry = composition.inquiries.get(usize::from(response.target));
        let next = inquiry.and_then(|inquiry| {
            inquiry.next(response, composition.endpoint, &composition.plan, [&ids[0], &ids[1]])
        });
        let (bytes, next, due) = match next {
            Some((bytes, wanted @ Wanted::Status)) => (bytes, Next::Poll(wanted), answer.due),
            Some((bytes, wanted)) => (bytes, Next::Poll(wanted), MonoNs(0)),
            None => (Vec::new(), Next::Over, MonoNs(0)),
        };
        Prepared {
            bytes,
            request: response.request,
            session: answer.session,
            lineage: Lineage::root(answer.session),
            entry: 0,
            turn: 0,
            target: response.target,
            due,
            warmup_at: 0,
            kind: Kind::Inquiry,
            settles: true,
            numbering: 0,
            next,
        }
    }

    /// The turn after the answered one, if the session goes on.
    fn next_turn(&mut self, answer: &Answer, bytes: Vec<u8>) -> io::Result<Option<Prepared>> {
        let Some(response) = &answer.response else {
            self.forget(answer.session);
            self.branching.forget(answer.session);
            return Ok(None);
        };
        let composition = &self.composition;
        let Some(session) = self.sessions.get_mut(&answer.session) else { return Ok(None) };
        let Some(mut planned) = session.later.pop_front() else { return Ok(None) };
        if matches!(session.context, Context::Alone | Context::Woven) {
            composition.mark(&mut planned.turn, answer.session)?;
        }
        if matches!(session.context, Context::Live | Context::Woven) {
            match response.meaning(composition.endpoint) {
                ParsedAnswer::Answer(turn)
                    if self.answer_bytes + turn_bytes(&turn) <= composition.answer_bytes_max =>
                {
                    session.answer_bytes += turn_bytes(&turn);
                    self.answer_bytes += turn_bytes(&turn);
                    session.add_answer(*turn);
                }
                ParsedAnswer::Nothing => {}
                ParsedAnswer::Answer(_) | ParsedAnswer::TooMuch => {
                    return Ok(Some(self.give_up(answer.session)));
                }
            }
            if session.context == Context::Woven {
                session.history.clear();
            }
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
            self.answer_bytes -= session.answer_bytes;
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

    /// Ends a session whose answers are too long to go on with.
    #[cold]
    fn give_up(&mut self, session: u64) -> Prepared {
        self.composition.exceeded.count(Bound::Sessions, 1);
        self.forget(session);
        Prepared { settles: true, ..Prepared::nothing(session, true) }
    }

    fn forget(&mut self, session: u64) {
        if let Some(gone) = self.sessions.remove(&session) {
            self.answer_bytes -= gone.answer_bytes;
        }
    }

    fn request(&mut self, session: u64, entry: u32, body: &Body, bytes: Vec<u8>) -> Prepared {
        let composition = &self.composition;
        let request = RequestId(composition.worker + self.made * composition.workers);
        self.made += 1;
        composition.request(request, (session, Lineage::root(session)), entry, body, bytes)
    }

    /// Whether the requests that are ready are large enough: of large ones there are few.
    fn has_enough(&self, queue: &Feed) -> bool {
        let ready = queue.ready.buffer().capacity() - queue.ready.slots();
        let workers = usize::try_from(self.composition.workers).unwrap_or(1).max(1);
        ready >= READY_LEAST && ready.saturating_mul(self.latest) > READY_BYTES_MAX / workers
    }

    /// Makes the requests that have room in the queues; returns whether there were any.
    fn work(&mut self, queue: &mut Feed) -> io::Result<bool> {
        let mut has_worked = false;
        self.count_anew();
        while let Ok(answer) = queue.answers.pop() {
            has_worked = true;
            if let Some(response) = &answer.job {
                let inquiry = self.inquiry(&answer, response);
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
            if queue.ready.is_full() || self.has_enough(queue) {
                return Ok(has_worked);
            }
            let bytes = queue.spent.pop().unwrap_or_default();
            let prepared = self.first_turn(bytes)?;
            self.latest = prepared.bytes.len();
            has_worked |= queue.ready.push(prepared).is_ok();
        }
        Ok(true)
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
        started: 0,
        started_before: 0,
        made: 0,
        numbering: 0,
        waiting: VecDeque::new(),
        answer_bytes: 0,
        latest: 0,
        branching: Branching::default(),
    };
    while !queue.ready.is_abandoned() && !over.load(Ordering::Relaxed) {
        if !composer.work(&mut queue)? {
            std::thread::park_timeout(REFILL);
        }
    }
    Ok(())
}

/// Bytes of a turn's text.
fn turn_bytes(turn: &endpoint::Turn) -> usize {
    turn.contents().map(str::len).sum()
}

/// Requests that are ready, however large.
const READY_LEAST: usize = 32;
/// How long the composer sleeps when the queue is full and no answer arrives.
const REFILL: Duration = Duration::from_millis(1);
/// First turns that are made before answers are looked for.
const BATCH: usize = 64;
