//! What requests are made of.

use super::head::Head;
use super::{Kind, Next, Prepared};
use crate::branching::Inherited;
use crate::job::Inquiry;
use crate::prompt::{Conversation, Conversations, Order, Planned, When, mark};
use crate::shape::Users;
use common::clock::{DurationNs, MonoNs};
use common::id::RequestId;
use common::plan::{self, CacheBust};
use endpoint::{Endpoint, Turn};
use std::io;
use std::sync::{Arc, OnceLock};

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
    pub(super) kept: Vec<OnceLock<Arc<[u8]>>>,
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

    pub(super) fn next(self, planned: Option<&Planned>) -> Next {
        match planned.map(|planned| planned.when) {
            None => Next::Over,
            Some(When::Unsaid) => Next::After(DurationNs(0)),
            Some(When::After { delay_ms }) => Next::After(self.delay(delay_ms)),
            Some(When::At { timestamp_ms }) => Next::At(self.offset(timestamp_ms)),
        }
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
    pub(super) fn conversation(&self, place: usize, session: u64) -> io::Result<Conversation> {
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
    pub(super) fn mark(&self, turn: &mut Turn, session: u64) -> io::Result<()> {
        let Some(place) = self.cache_bust else { return Ok(()) };
        let name = RequestId(session).session_header(self.run_number);
        mark(turn, place, &String::from_utf8_lossy(&name)).map_err(io::Error::other)
    }

    pub(crate) fn body(&self, turns: &[Turn]) -> io::Result<Arc<[u8]>> {
        self.endpoint.encode(turns, &self.plan).map(Arc::from).map_err(io::Error::other)
    }
}

/// Conversations whose first bodies are kept.
const BODIES_MAX: usize = 1 << 14;
