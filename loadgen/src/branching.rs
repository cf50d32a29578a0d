//! Sessions that start others: their branches, what waits for what, and when a whole tree is over.
//!
//! Each answer of a session in a tree is settled with at least one message, so that the worker knows that nothing is
//! owed: its next turn, the first turns of its children, or that there is nothing to be sent.

use crate::bounds::Bound;
use crate::composer::{Answer, Composition, Next, ParsedAnswer, Prepared, Response};
use crate::prompt::{Branch, BranchKind, Context, Conversation, Planned, When};
use common::clock::MonoNs;
use common::id::{Lineage, RequestId};
use endpoint::Turn;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

/// The histories that forked sessions started with, by session, for counting their input tokens.
#[derive(Clone, Debug, Default)]
pub struct Inherited(Arc<Mutex<FxHashMap<u64, Vec<Turn>>>>);

/// The trees of one worker.
#[derive(Default)]
pub(crate) struct Branching {
    sessions: FxHashMap<u64, Session>,
    /// Open sessions of each tree, by its root.
    open: FxHashMap<u64, u32>,
    children: u64,
}

/// A session of a tree.
struct Session {
    entry: u32,
    turn: u32,
    context: Context,
    history: Vec<Turn>,
    later: VecDeque<Planned>,
    branches: Vec<Branch>,
    lineage: Lineage,
    /// The session that waits for it, and before which turn.
    waited_for: Option<(u64, usize)>,
    /// Children that are not over, by the turn that waits for them.
    joins: Vec<usize>,
    /// Whether it waits for children.
    waits: bool,
}

impl Inherited {
    fn put(&self, session: u64, history: Vec<Turn>) {
        if let Ok(mut known) = self.0.lock() {
            known.insert(session, history);
        }
    }

    /// Whether a session started with a history.
    #[must_use]
    pub fn has(&self, session: u64) -> bool {
        self.0.lock().is_ok_and(|known| known.contains_key(&session))
    }

    /// The history that a session started with.
    #[must_use]
    pub fn take(&self, session: u64) -> Option<Vec<Turn>> {
        self.0.lock().ok()?.remove(&session)
    }
}

impl Branching {
    /// Adds a session that starts others: its first turn is ready.
    pub(crate) fn start(&mut self, session: u64, entry: u32, first: Turn, rest: Conversation) {
        self.open.insert(session, 1);
        self.take_up(session, entry, vec![first], rest, (Lineage::root(session), None));
    }

    fn take_up(
        &mut self,
        session: u64,
        entry: u32,
        history: Vec<Turn>,
        rest: Conversation,
        (lineage, waited_for): (Lineage, Option<(u64, usize)>),
    ) {
        let Conversation { turns, context, branches, .. } = rest;
        let opened = Session {
            entry,
            turn: 0,
            context,
            history,
            later: turns.into(),
            branches,
            lineage,
            waited_for,
            joins: Vec::new(),
            waits: false,
        };
        self.sessions.insert(session, opened);
    }

    /// Forgets a session whose phase is over.
    pub(crate) fn forget(&mut self, session: u64) {
        if let Some(gone) = self.sessions.remove(&session) {
            self.open.remove(&gone.lineage.root);
        }
    }

    /// What follows an answer, in the order in which it is to be sent.
    pub(crate) fn follow(
        &mut self,
        answer: &Answer,
        composition: &Composition,
        made: &mut u64,
    ) -> io::Result<Vec<Prepared>> {
        let mut work = Work { composition, made, now: answer.due, prepared: Vec::new(), ends: false };
        if let Some(session) = self.sessions.get_mut(&answer.session) {
            match &answer.response {
                Some(response) if session.add_answer(response, composition) => {
                    self.branch(answer.session, &mut work)?
                }
                Some(_) => {
                    composition.exceeded.count(Bound::Sessions, 1);
                    session.later.clear();
                }
                None => session.later.clear(),
            }
            self.go_on(answer.session, &mut work)?;
        }
        if work.prepared.is_empty() || work.ends {
            work.prepared.push(Prepared::nothing(answer.session, work.ends));
        }
        if let Some(first) = work.prepared.first_mut() {
            first.settles = true;
        }
        Ok(work.prepared)
    }

    /// Starts the children of the answered turn.
    fn branch(&mut self, parent: u64, work: &mut Work<'_>) -> io::Result<()> {
        let Some(session) = self.sessions.get_mut(&parent) else { return Ok(()) };
        let (turn, context) = (session.turn as usize, session.context);
        let started_by = session.lineage.child(parent, session.turn);
        let branches = session.branches.iter().filter(|branch| branch.after == turn).copied();
        let branches = branches.collect::<Vec<_>>();
        let joins = branches.iter().filter_map(|branch| match branch.kind {
            BranchKind::Spawn { join_at } => Some(join_at),
            BranchKind::Fork => None,
        });
        session.joins.extend(joins);
        let parent_history = session.history.clone();
        for branch in branches {
            let child = CHILDREN | (work.composition.worker + self.children * work.composition.workers);
            self.children += 1;
            let conversation = work.composition.conversations.conversation(branch.child);
            let mut rest = conversation.map_err(io::Error::other)?;
            let is_fork = branch.kind == BranchKind::Fork;
            let turns = u32::try_from(rest.turns.len()).unwrap_or(u32::MAX);
            let Planned { mut turn, when, .. } = rest.turns.remove(0);
            let join_at = match branch.kind {
                BranchKind::Fork => 0,
                BranchKind::Spawn { join_at } => u32::try_from(join_at).unwrap_or(u32::MAX),
            };
            let lineage = Lineage { turns, is_fork: u16::from(is_fork), join_at, ..started_by };
            let (mut history, waited_for) = match branch.kind {
                BranchKind::Fork => (parent_history.clone(), None),
                BranchKind::Spawn { join_at } => (Vec::new(), Some((parent, join_at))),
            };
            if is_fork {
                work.composition.inherited.put(child, parent_history.clone());
                // A child continues in its parent's context mode, unless its row has another.
                rest.context = if rest.context == Context::Live { context } else { rest.context };
            }
            if history.is_empty() {
                work.composition.mark(&mut turn, child)?;
            }
            history.push(turn);
            let entry = u32::try_from(branch.child).unwrap_or(u32::MAX);
            work.prepare(child, lineage, (entry, 0), when, &history)?;
            *self.open.entry(lineage.root).or_default() += 1;
            self.take_up(child, entry, history, rest, (lineage, waited_for));
        }
        Ok(())
    }

    /// Sends a session's next turn, unless it waits for children; one without further turns is over.
    fn go_on(&mut self, session: u64, work: &mut Work<'_>) -> io::Result<()> {
        let Some(known) = self.sessions.get_mut(&session) else { return Ok(()) };
        let next = known.turn as usize + 1;
        let is_last = known.later.is_empty();
        known.waits = known.joins.iter().any(|join| *join <= next || is_last);
        if known.waits {
            return Ok(());
        }
        let Some(Planned { mut turn, when, .. }) = known.later.pop_front() else {
            return self.over(session, work);
        };
        known.turn += 1;
        if known.context == Context::Alone {
            known.history.clear();
            work.composition.mark(&mut turn, session)?;
        }
        known.history.push(turn);
        work.prepare(session, known.lineage, (known.entry, known.turn), when, &known.history)
    }

    /// A session is over: its parent may go on, or its tree is over too.
    fn over(&mut self, session: u64, work: &mut Work<'_>) -> io::Result<()> {
        let Some(gone) = self.sessions.remove(&session) else { return Ok(()) };
        let left = self.open.get_mut(&gone.lineage.root).map_or(0, |open| {
            *open = open.saturating_sub(1);
            *open
        });
        if left == 0 {
            self.open.remove(&gone.lineage.root);
            work.ends = true;
        }
        let Some((parent, join_at)) = gone.waited_for else { return Ok(()) };
        let Some(waiting) = self.sessions.get_mut(&parent) else { return Ok(()) };
        if let Some(place) = waiting.joins.iter().position(|join| *join == join_at) {
            waiting.joins.swap_remove(place);
        }
        if waiting.waits { self.go_on(parent, work) } else { Ok(()) }
    }
}

impl Session {
    /// Adds an answer to the history, if the session has one; returns whether the session can go on.
    fn add_answer(&mut self, response: &Response, composition: &Composition) -> bool {
        if self.context != Context::Live {
            return true;
        }
        match response.meaning(composition.endpoint) {
            ParsedAnswer::Answer(turn) => self.history.push(*turn),
            ParsedAnswer::Nothing => {}
            ParsedAnswer::TooMuch => return false,
        }
        true
    }
}

/// What is being made of one answer.
struct Work<'a> {
    composition: &'a Composition,
    made: &'a mut u64,
    now: MonoNs,
    prepared: Vec<Prepared>,
    ends: bool,
}

impl Work<'_> {
    fn prepare(
        &mut self,
        session: u64,
        lineage: Lineage,
        (entry, turn): (u32, u32),
        when: When,
        turns: &[Turn],
    ) -> io::Result<()> {
        let delay = match when {
            When::After { delay_ms } => self.composition.timeline.delay(delay_ms),
            When::At { .. } | When::Unscheduled => common::clock::DurationNs(0),
        };
        let body = self.composition.body(turns)?;
        let request = RequestId(self.composition.worker + *self.made * self.composition.workers);
        *self.made += 1;
        let prepared = self.composition.request(request, (session, lineage), entry, &body, Vec::new());
        self.prepared.push(Prepared {
            turn,
            due: self.now + delay,
            settles: false,
            next: Next::Tree,
            ..prepared
        });
        Ok(())
    }
}

/// Numbers from here on are of sessions that others start; no run has so many others.
const CHILDREN: u64 = 1 << 40;
