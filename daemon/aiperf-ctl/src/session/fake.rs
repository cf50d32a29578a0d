//! A session for tests: its runs end at once, as scripted, and no server takes part.

use super::{Outcome, Session};
use crate::FAILED;
use crate::interrupt::Interrupted;
use crate::plan::Profile;
use crate::report::Reported;
use crate::resolve::Resolved;
use anyhow::{Result, bail};
use common::client_event::Outcome as Ended;
use common::clock::{Anchor, MonoNs};
use common::id::RequestId;
use record::{Request, Run, Verdict};
use rustix::process::Signal;
use spec::Plan;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A session with a script.
#[derive(Default)]
pub(crate) struct FakeSession {
    script: RefCell<VecDeque<Step>>,
    signal: Cell<Option<Interrupted>>,
    /// The profile of each run.
    pub(crate) runs: RefCell<Vec<Profile>>,
    /// Each wait between runs.
    pub(crate) pauses: RefCell<Vec<Duration>>,
}

/// What happens next; the script names each run, and only those waits that do not go by undisturbed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A run completes requests with these latencies, in milliseconds.
    Completes(&'static [u64]),
    /// The same, and the run has this exit status.
    CompletesWith(u8, &'static [u64]),
    /// No request of a run gets a response.
    GetsNoResponse,
    /// A run has no report, for this reason.
    Fails(&'static str),
    /// A signal stops a run; its requests until then have these latencies, in milliseconds.
    IsStopped(&'static [u64]),
    /// A signal ends a run before its first request.
    DoesNotStart,
    /// A signal ends a wait between runs.
    PauseEnds,
}

impl FakeSession {
    /// A session in which this happens.
    pub(crate) fn of(script: &[Step]) -> Self {
        Self { script: RefCell::new(script.iter().copied().collect()), ..Self::default() }
    }

    /// Whether everything of the script has happened.
    pub(crate) fn is_over(&self) -> bool {
        self.script.borrow().is_empty()
    }

    fn interrupt(&self) -> Interrupted {
        let interrupted = Interrupted { signal: Signal::TERM };
        self.signal.set(Some(interrupted));
        interrupted
    }
}

impl Session for FakeSession {
    fn run(&self, resolved: &Resolved) -> Result<Outcome> {
        self.runs.borrow_mut().push(resolved.profile.clone());
        let next = self.script.borrow_mut().pop_front();
        let (status, requests) = match next.expect("the script has this run") {
            Step::Completes(latencies) => (0, completed(latencies)),
            Step::CompletesWith(status, latencies) => (status, completed(latencies)),
            Step::GetsNoResponse => (FAILED, vec![failed()]),
            Step::Fails(why) => bail!(why),
            Step::IsStopped(latencies) => (self.interrupt().status(), completed(latencies)),
            Step::DoesNotStart => return Err(self.interrupt().into()),
            Step::PauseEnds => panic!("a run instead of a wait"),
        };
        Ok(Outcome { reported: Reported::of_requests(run(), requests)?, status, certain: None })
    }

    fn server(&self, _resolved: &Resolved) -> Option<String> {
        None
    }

    fn next_is(&self, _place: crate::display::Place) {}

    fn pause(&self, time: Duration) -> Result<(), Interrupted> {
        self.pauses.borrow_mut().push(time);
        let mut script = self.script.borrow_mut();
        if let Some(Step::PauseEnds) = script.front() {
            script.pop_front();
            return Err(self.interrupt());
        }
        self.interrupted().map_or(Ok(()), Err)
    }

    fn interrupted(&self) -> Option<Interrupted> {
        self.signal.get()
    }
}

/// A run that completed requests with these latencies, in milliseconds.
pub(crate) fn reported(latencies: &[u64]) -> Result<Reported> {
    Reported::of_requests(run(), completed(latencies))
}

fn completed(latencies: &[u64]) -> Vec<Request> {
    let request = |(place, millis): (u64, &u64)| {
        let (begin, end) = (MonoNs(1_000_000_000 * (place + 1)), 1_000_000 * millis);
        let end = MonoNs(begin.0 + end);
        Request {
            due_ns: begin,
            submitted_ns: Some(begin),
            head_reaped_ns: Some(end),
            first_event_reaped_ns: Some(end),
            first_token_reaped_ns: Some(end),
            last_token_reaped_ns: Some(end),
            ended_ns: end,
            http_status: Some(200),
            events: 1,
            content_events: 1,
            ..Request::blank(RequestId(place))
        }
    };
    (0..).zip(latencies).map(request).collect()
}

fn failed() -> Request {
    Request {
        due_ns: MonoNs(1_000_000_000),
        submitted_ns: Some(MonoNs(1_000_000_000)),
        ended_ns: MonoNs(2_000_000_000),
        outcome: Ended::HttpStatus,
        http_status: Some(503),
        error_type: Some("http_status".to_owned()),
        error_message: Some("the server is overloaded".to_owned()),
        ..Request::blank(RequestId(0))
    }
}

/// The description of a run.
pub(crate) fn run() -> Run {
    Run {
        schema_version: record::SCHEMA_VERSION.to_owned(),
        version: "0.1.0".to_owned(),
        commit: None,
        kernel_object: None,
        run_id: "bc99d7e4a1bf".to_owned(),
        source: "profile".to_owned(),
        plan: Plan::unknown(),
        host: record::Host::default(),
        doctor: Vec::new(),
        timestamps: "user".to_owned(),
        timestamps_reason: None,
        clock_begin: Anchor::default(),
        clock_end: Anchor::default(),
        phases: Vec::new(),
        was_cancelled: false,
        is_complete: true,
        incomplete_reason: None,
        loss: record::Loss::default(),
        counters: BTreeMap::new(),
        figures: BTreeMap::new(),
        gpu: Vec::new(),
        streamed: Vec::new(),
        steered: Vec::new(),
        adaptive_scale: Vec::new(),
        plugins: Vec::new(),
        client: None,
        verdict: Verdict::from_reasons(Vec::new()),
    }
}
