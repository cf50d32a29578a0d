//! What requests are made of.

use super::head::Head;
use super::{Kind, Next, Prepared};
use crate::bounds::Exceeded;
use crate::branching::Inherited;
use crate::job::Inquiry;
use crate::prompt::{Conversation, Conversations, Markers, Order, Planned, When};
use crate::shape::Users;
use common::clock::{DurationNs, MonoNs};
use common::id::{Lineage, RequestId};
use endpoint::{Endpoint, Turn};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// What a composer needs to make every request of one worker.
#[derive(Clone)]
pub struct Composition {
    /// The content of sessions.
    pub conversations: Arc<dyn Conversations>,
    /// Which conversation each session has.
    pub order: Order,
    /// What bodies look like.
    pub endpoint: &'static dyn Endpoint,
    /// The plan of the endpoint.
    pub plan: Arc<spec::Endpoint>,
    /// Bodies of first turns, each made once.
    pub bodies: Arc<Bodies>,
    /// The markers of prompts, if there are any.
    pub markers: Option<Markers>,
    /// How many workers may still send requests of a warm-up that have a marker; none if no worker ever does.
    pub warming: Option<Arc<AtomicU32>>,
    /// A head for each target.
    pub heads: Vec<Head>,
    /// The history that forked sessions started with.
    pub inherited: Inherited,
    /// How each target is asked for the status of jobs.
    pub inquiries: Vec<Inquiry>,
    /// Milliseconds of the input's time at which the phase starts, and by what its times are divided.
    pub timeline: Timeline,
    /// The users of the plan, if it has users: the first ones have fewer turns left.
    pub users: Option<Users>,
    /// Whether each session has a row of its own in a trace's order: then a phase starts with the first row.
    pub replays: bool,
    /// How many times the worker has had its sessions counted anew.
    pub numbering: Arc<AtomicU32>,
    /// The number from which ids on the wire are made.
    pub run_number: u64,
    /// The worker's number.
    pub worker: u64,
    /// How many workers there are: the worker's sessions are every `workers`-th.
    pub workers: u64,
    /// Bytes of answers in the histories of all sessions.
    pub answer_bytes_max: usize,
    /// What was left out.
    pub exceeded: Arc<Exceeded>,
}

/// How the input's times become offsets from the phase's start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeline {
    /// Milliseconds at the phase's start.
    pub zero_ms: f64,
    /// By what times and delays are divided.
    pub speedup: f64,
}

/// Bodies of first turns, kept where there are few enough.
#[derive(Debug)]
pub struct Bodies {
    pub(super) kept: Vec<OnceLock<Body>>,
}

/// The content of a request.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    measured: Arc<[u8]>,
    /// In a warm-up, if that is something else.
    warmup: Option<Arc<[u8]>>,
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
            Some(When::Unscheduled) => Next::After(DurationNs(0)),
            Some(When::After { delay_ms }) => Next::After(self.delay(delay_ms)),
            Some(When::At { timestamp_ms }) => Next::At(self.offset(timestamp_ms)),
        }
    }
}

impl Composition {
    /// A request of a session; those of a tree are sent to the target of its root.
    pub(crate) fn request(
        &self,
        request: RequestId,
        (session, lineage): (u64, Lineage),
        entry: u32,
        body: &Body,
        mut bytes: Vec<u8>,
    ) -> Prepared {
        let target = usize::try_from(lineage.root % self.heads.len() as u64).unwrap_or(0);
        let ids = [&request.header(self.run_number), &RequestId(session).session_header(self.run_number)];
        bytes.clear();
        self.heads[target].write(&mut bytes, ids, &body.measured);
        let mut warmup_at = 0;
        if let Some(warmup) = body.warmup.as_ref().filter(|_| self.is_warming()) {
            warmup_at = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            self.heads[target].write(&mut bytes, ids, warmup);
        }
        Prepared {
            bytes,
            request,
            session,
            lineage,
            entry,
            turn: 0,
            target: u16::try_from(target).unwrap_or(u16::MAX),
            due: MonoNs(0),
            warmup_at,
            kind: Kind::Request,
            settles: true,
            numbering: 0,
            next: Next::Over,
        }
    }

    /// The content of a session, by its number within its phase: with users, the first ones are in the middle of theirs.
    pub(super) fn conversation(&self, place: usize, number: u64) -> io::Result<Conversation> {
        let mut conversation = self.conversations.conversation(place).map_err(io::Error::other)?;
        if let (Some(users), Ok(number)) = (&self.users, u32::try_from(number))
            && number < users.count
        {
            let turns = u32::try_from(conversation.turns.len()).unwrap_or(u32::MAX);
            conversation.turns.truncate(users.first_turns(number, turns) as usize);
        }
        Ok(conversation)
    }

    /// Whether any worker may be in a warm-up that has a marker.
    fn is_warming(&self) -> bool {
        self.warming.as_ref().is_some_and(|warming| warming.load(Ordering::Relaxed) > 0)
    }

    /// Adds the session's marker, if there are markers, to a turn without history.
    pub(crate) fn mark(&self, turn: &mut Turn, session: u64) -> io::Result<()> {
        self.markers.map_or(Ok(()), |markers| markers.mark_session(turn, session)).map_err(io::Error::other)
    }

    /// The body for these turns. While any worker may be in a warm-up that has a marker, it is not known in which phase the
    /// request will be sent, and bodies for both are made.
    pub(crate) fn body(&self, turns: &[Turn]) -> io::Result<Body> {
        let encoded = |turns: &[Turn]| {
            endpoint::encoded(self.endpoint, turns, &self.plan)
                .map(Arc::<[u8]>::from)
                .map_err(io::Error::other)
        };
        let warmup = match self.markers.filter(|_| self.is_warming()) {
            Some(markers) => {
                let mut marked = turns.to_vec();
                if let Some(first) = marked.first_mut() {
                    markers.mark_warmup(first).map_err(io::Error::other)?;
                }
                Some(encoded(&marked)?)
            }
            None => None,
        };
        Ok(Body { measured: encoded(turns)?, warmup })
    }
}

/// Conversations whose first bodies are kept.
const BODIES_MAX: usize = 1 << 14;
