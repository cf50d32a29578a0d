//! HOT: later turns of sessions: what the composer has made of them, and the answers that it makes them of. Budget:
//! docs/BUDGET.md, "sending on time".

use crate::composer::{Answer, Kind, Next, Prepared, PreparedQueue};
use crate::schedule::Schedule;
use common::clock::MonoNs;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::Thread;

/// Later turns of the worker's sessions.
pub(super) struct Turns {
    /// Turns that are made, by when they are due and then by their number.
    due: BinaryHeap<Reverse<(MonoNs, u64, usize)>>,
    made: Vec<Option<Prepared>>,
    spare: Vec<usize>,
    /// Answers that the composer has not taken yet.
    backlog: VecDeque<Answer>,
    /// Turns that the composer has yet to make.
    awaited: u32,
    composer: Thread,
    /// Has the composer count sessions anew.
    numbering: Arc<AtomicU32>,
    /// Polls of jobs, by when each is due and then by the request's number.
    inquiries: BinaryHeap<Reverse<(MonoNs, u64, usize)>>,
    /// Trees of sessions that have ended, and whose place is not free yet.
    ended: u32,
}

impl Turns {
    pub(super) fn new(composer: Thread, numbering: Arc<AtomicU32>) -> Self {
        Self {
            due: BinaryHeap::new(),
            made: Vec::new(),
            spare: Vec::new(),
            backlog: VecDeque::new(),
            awaited: 0,
            composer,
            numbering,
            inquiries: BinaryHeap::new(),
            ended: 0,
        }
    }

    /// Receives the turns that the composer has made.
    #[inline]
    pub(super) fn receive(&mut self, queue: &mut PreparedQueue) {
        if self.awaited == 0 && self.backlog.is_empty() {
            return;
        }
        while let Ok(prepared) = queue.turns.pop() {
            self.awaited = self.awaited.saturating_sub(u32::from(prepared.settles));
            let place = self.spare.pop().unwrap_or_else(|| {
                self.made.push(None);
                self.made.len() - 1
            });
            let due = match prepared.kind {
                Kind::Request => &mut self.due,
                Kind::Inquiry => &mut self.inquiries,
                Kind::Nothing { ends } => {
                    self.ended += u32::from(ends);
                    self.spare.push(place);
                    continue;
                }
            };
            due.push(Reverse((prepared.due, prepared.request.0, place)));
            self.made[place] = Some(prepared);
        }
        while let Some(answer) = self.backlog.pop_front() {
            if let Err(rtrb::PushError::Full(answer)) = queue.answers.push(answer) {
                self.backlog.push_front(answer);
                break;
            }
            self.composer.unpark();
        }
    }

    /// The trees of sessions that have ended since the last call.
    #[inline]
    pub(super) const fn take_ended(&mut self) -> u32 {
        std::mem::replace(&mut self.ended, 0)
    }

    /// When the next turn that is made is due.
    #[inline]
    pub(super) fn next_due(&self) -> Option<MonoNs> {
        self.due.peek().map(|next| next.0.0)
    }

    /// Has the composer count sessions anew; returns how many times it has then done so.
    pub(super) fn count_anew(&self) -> u32 {
        self.numbering.fetch_add(1, Ordering::Release) + 1
    }

    /// Has the composer look at what it has to do.
    pub(super) fn wake(&self) {
        self.composer.unpark();
    }

    /// Whether the composer has turns to make.
    pub(super) const fn are_awaited(&self) -> bool {
        self.awaited > 0
    }

    pub(super) fn pop(&mut self) -> Option<Prepared> {
        let Reverse((_, _, place)) = self.due.pop()?;
        self.spare.push(place);
        self.made[place].take()
    }

    /// When the next poll of a job is due.
    #[inline]
    pub(super) fn next_inquiry(&self) -> Option<MonoNs> {
        self.inquiries.peek().map(|next| next.0.0)
    }

    pub(super) fn pop_inquiry(&mut self) -> Option<Prepared> {
        let Reverse((_, _, place)) = self.inquiries.pop()?;
        self.spare.push(place);
        self.made[place].take()
    }

    /// Has the composer make the next turn of a session, or forget it.
    pub(super) fn send(&mut self, queue: &mut PreparedQueue, answer: Answer) {
        self.awaited += u32::from(answer.response.is_some() || answer.job.is_some() || answer.is_branch);
        if self.backlog.is_empty() {
            if let Err(rtrb::PushError::Full(answer)) = queue.answers.push(answer) {
                self.backlog.push_back(answer);
            }
        } else {
            self.backlog.push_back(answer);
        }
        self.composer.unpark();
    }

    /// Ends every session that waits: its phase is over. Returns the number of turns that should have been sent.
    pub(super) fn forget(&mut self, queue: &mut PreparedQueue, schedule: &Schedule) -> u64 {
        let mut unsent = 0;
        while self.awaited > 0 && !queue.turns.is_abandoned() {
            self.receive(queue);
            std::thread::yield_now();
        }
        while let Some(prepared) = self.pop() {
            unsent += u64::from(schedule.owes(prepared.due));
            if prepared.next != Next::Over {
                self.send(queue, Answer::over(prepared.session));
            }
        }
        unsent
    }
}
