//! A request that is ready, and what follows it.

use crate::job::Wanted;
use common::clock::{DurationNs, MonoNs};
use common::id::{Lineage, RequestId};

/// A request that is ready.
#[derive(Debug)]
pub struct Prepared {
    /// Head and body; of a request that a warm-up sends otherwise, both of the measurement's and then both of the warm-up's.
    pub bytes: Vec<u8>,
    /// Its number in the run.
    pub request: RequestId,
    /// The session that it belongs to.
    pub session: u64,
    /// That session's place in its tree.
    pub lineage: Lineage,
    /// Which conversation it is from.
    pub entry: u32,
    /// The turn within the session, from 0.
    pub turn: u32,
    /// The index of its target.
    pub target: u16,
    /// When it is due, if it is not the first turn.
    pub due: MonoNs,
    /// Where the warm-up's bytes start, if there are any.
    pub warmup_at: u32,
    /// What is to be done with it.
    pub kind: Kind,
    /// Whether it is what an answer was waited for.
    pub settles: bool,
    /// How many times sessions had been counted anew when it was made.
    pub numbering: u32,
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
    /// Another turn, at this offset from the phase's start.
    At(DurationNs),
    /// Of a job: what these bytes request.
    Poll(Wanted),
    /// The composer decides: sessions of a tree start each other.
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

impl Prepared {
    /// Keeps what is sent in a phase, which is a warm-up or is not.
    #[cold]
    #[inline(never)]
    pub fn settle_on(&mut self, is_warmup: bool) {
        let at = std::mem::take(&mut self.warmup_at) as usize;
        if is_warmup {
            self.bytes.drain(..at.min(self.bytes.len()));
        } else {
            self.bytes.truncate(at);
        }
    }

    /// No request.
    pub(crate) const fn nothing(session: u64, ends: bool) -> Self {
        Self {
            bytes: Vec::new(),
            request: RequestId(0),
            session,
            lineage: Lineage::root(session),
            entry: 0,
            turn: 0,
            target: 0,
            due: MonoNs(0),
            warmup_at: 0,
            kind: Kind::Nothing { ends },
            settles: false,
            numbering: 0,
            next: Next::Over,
        }
    }
}
