//! A run that the daemon holds, of either kind: whose it is, its state, and what clients ask of it while it goes on.
//!
//! ```text
//! Run ── id, owner, state ── Kind ── Load    sends requests: its keys, and the addresses of its servers
//!                                └── Watch   sends nothing: the cgroup that a command may join, its health
//! ```

use crate::cgroup::Cgroup;
use crate::collect::client_ring::Counters;
use crate::gpus::Newest;
use crate::limits::{self, Limits, Taken};
use crate::live::EndedRequests;
use crate::loadgen::Step;
use crate::pipeline::View;
use crate::progress::{ProgressSource, Sent, StartedPhase, Worker, courses, live_stats};
use crate::rolling::Kept;
use crate::run_dirs::RunDir;
use crate::threads::lock;
use common::clock::{DurationNs, MonoNs};
use common::ring::Counter;
use control::{Create, Fault, Problem, Progress, State, Status, Steer, Stop, WatchedServer};
use record::Steered;
use spec::Plan;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use zeroize::Zeroize;

/// A run that this daemon holds.
pub struct Run {
    /// Its id.
    pub id: String,
    /// The client that created it.
    pub owner: Owner,
    /// Its directory.
    pub directory: RunDir,
    /// What it does.
    pub kind: Kind,
    /// Its requests as they end, for subscribers.
    pub live: Arc<EndedRequests>,
    /// How many clients follow its progress.
    pub followers: AtomicUsize,
    plan: Mutex<Plan>,
    status: Mutex<Status>,
    /// The user's stop request.
    stop_request: Mutex<Option<Stop>>,
    /// How the load of its phases is changed.
    steering: Mutex<Steering>,
    /// The source of its progress while it is active.
    progress_source: Mutex<ProgressSource>,
    /// When a client last sent a request for it while it waited; when it ended.
    touched: Mutex<MonoNs>,
    /// What it holds of its user's share while it waits.
    waiting: Mutex<Vec<Taken>>,
}

/// The client that created a run.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its user number.
    pub uid: u32,
    /// Its process; a command that joins must be in its cgroup.
    pub pid: Option<u32>,
    /// Its name in `run.json`.
    pub name: String,
}

/// What a run does, with what only a run that does it has.
pub enum Kind {
    /// It sends requests.
    Load(Reach),
    /// It watches other clients' requests.
    Watch(Observation),
}

/// How the servers of a run that sends are reached.
pub struct Reach {
    /// Header values that are not stored; wiped when the load generator has them.
    pub(crate) secret_headers: Mutex<BTreeMap<String, String>>,
    /// Base URLs with their addresses.
    pub(crate) addresses: Vec<(String, String)>,
}

/// A run that watches, as others see it.
#[derive(Default)]
pub struct Observation {
    /// Where parts go as they are full, of a watch that has no end.
    pub kept: Option<Kept>,
    /// How it is doing.
    pub health: Mutex<WatchedServer>,
    /// The cgroup that a command may join, while one may.
    pub(crate) joinable: Mutex<Option<Arc<Cgroup>>>,
}

/// How the load of phases is changed.
#[derive(Debug, Default)]
struct Steering {
    /// What is to be done.
    wanted: Option<Steer>,
    /// What was done, with what phases started with.
    done: Vec<Steered>,
}

impl Kind {
    /// Splits a client's request into the plan and what the daemon alone keeps.
    pub fn of(create: Create) -> (Plan, Self) {
        let Create { plan, secret_headers, addresses } = create;
        let reach = Reach { secret_headers: Mutex::new(secret_headers), addresses };
        let kind = if plan.watch.is_some() { Self::Watch(Observation::default()) } else { Self::Load(reach) };
        (plan, kind)
    }
}

impl Run {
    /// A run in the state of its status; nothing of it has started.
    pub fn new(
        directory: RunDir,
        (plan, kind): (Plan, Kind),
        status: Status,
        owner: Owner,
        live: Arc<EndedRequests>,
        waiting: Vec<Taken>,
    ) -> Self {
        Self {
            id: status.run_id.clone(),
            owner,
            directory,
            kind,
            live,
            followers: AtomicUsize::new(0),
            plan: Mutex::new(plan),
            status: Mutex::new(status),
            stop_request: Mutex::default(),
            steering: Mutex::default(),
            progress_source: Mutex::default(),
            touched: Mutex::new(clock::mono()),
            waiting: Mutex::new(waiting),
        }
    }

    /// Its status at this moment.
    pub fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    /// Its state at this moment.
    pub fn state(&self) -> State {
        lock(&self.status).state
    }

    /// What a client that follows it is shown.
    pub fn progress(&self) -> Progress {
        let status = self.status();
        let progress_source = lock(&self.progress_source).clone();
        if let Some(last) = progress_source.last {
            return last;
        }
        let sums = progress_source.sums();
        let sum = |counter: Counter| sums.iter().map(|sums| sums[counter.index()]).sum::<u64>();
        let (requests_recorded, recorded, shared) = {
            let view = lock(&progress_source.view);
            (view.recorded, view.tally.phases.clone(), Arc::clone(&view.live))
        };
        let (planned, phase, phases) = {
            let plan = lock(&self.plan);
            let phase = progress_source.phase(&plan, sum(Counter::Completed) + sum(Counter::Failed));
            let phases = courses(&progress_source.phases, Sent::of(&sums), &plan, &recorded);
            (planned(&plan), phase, phases)
        };
        let first_failure = recorded.into_values().rev().find_map(|phase| phase.requests.first_failure);
        let (live, output_tokens) = live_stats(&shared);
        Progress {
            state: status.state,
            elapsed_seconds: progress_source
                .start
                .map_or(0.0, |start| (clock::mono() - start).as_seconds().max(0.0)),
            requests_planned: planned.requests,
            seconds_planned: planned.seconds,
            requests_sent: sum(Counter::Sent),
            requests_completed: sum(Counter::Completed),
            requests_failed: sum(Counter::Failed),
            first_failure,
            requests_in_flight: sum(Counter::InFlight),
            requests_recorded,
            requests_late: sum(Counter::Late),
            output_tokens,
            live,
            phase: phase.filter(|_| !status.state.is_final()),
            phases,
            workers: progress_source.workers(&sums),
            gpus: lock(&progress_source.gpus).values().cloned().collect(),
            steered: lock(&self.steering).done.last().cloned(),
            notice: progress_source.notice,
            problem: status.problem,
        }
    }

    /// Requests that the run be stopped.
    pub fn request_stop(&self, what: Stop) {
        *lock(&self.stop_request) = Some(what);
    }

    /// Requests that the load of a phase be changed, which the plan bounds: nothing is allocated for more.
    ///
    /// # Errors
    /// When the plan does not allow it, or the run sends nothing at this moment.
    pub fn steer(&self, steer: Steer) -> Result<(), Problem> {
        let refuse = |why: String| Err(Problem::new(Fault::Plan, why));
        if self.state() != State::Running {
            return refuse(format!(
                "run {} sends nothing at this moment, so no phase can be changed",
                self.id
            ));
        }
        let plan = lock(&self.plan);
        let phase = usize::try_from(steer.phase).ok().and_then(|place| plan.load.phases.get(place));
        let Some(scale) = phase.and_then(|phase| phase.adaptive_scale.as_ref()) else {
            return refuse(format!("`phase`: phase {} of the plan does not change its load", steer.phase));
        };
        if let Some(value) = steer.value.filter(|value| !scale.allows(*value)) {
            let (min, max) = (scale.min, scale.max);
            return refuse(format!("`value`: {value} is not allowed by the plan, which has {min} to {max}"));
        }
        let mut steering = lock(&self.steering);
        if steering.done.len() >= STEERED_MAX {
            return refuse(format!("the load was changed {STEERED_MAX} times, which is the limit of a run"));
        }
        steering.wanted = Some(steer);
        Ok(())
    }

    /// Takes the change of a phase that was requested last.
    pub(crate) fn take_steer(&self) -> Option<Steer> {
        lock(&self.steering).wanted.take()
    }

    /// Notes what the load of a phase is since this moment.
    pub(crate) fn note_steered(&self, phase: u32, value: Option<f64>, at_ns: MonoNs) {
        let plan = lock(&self.plan);
        let Some(phase) = usize::try_from(phase).ok().and_then(|place| plan.load.phases.get(place)) else {
            return;
        };
        lock(&self.steering).done.push(Steered { phase: phase.name.clone(), value, at_ns });
    }

    /// Notes what a phase has passed.
    pub(crate) fn note_step(&self, phase: u32, step: Step) {
        match step {
            Step::Started(at) => self.note_started(phase, at),
            Step::SentAll(at) => self.change_phase(phase, |started, _| started.sent_all = Some(at)),
            Step::Ended(at, timed_out) => {
                self.change_phase(phase, |started, counts| started.ended = Some((at, counts, timed_out)));
            }
        }
    }

    /// Changes what is noted of a phase that has started, with what the workers' counters are.
    fn change_phase(&self, phase: u32, change: impl FnOnce(&mut StartedPhase, Sent)) {
        let mut source = lock(&self.progress_source);
        let counts = Sent::of(&source.sums());
        if let Some(started) = source.phases.iter_mut().find(|started| started.phase == phase) {
            change(started, counts);
        }
    }

    /// Notes that a phase has started, with its load if that changes.
    fn note_started(&self, phase: u32, at_ns: MonoNs) {
        {
            let mut source = lock(&self.progress_source);
            let before = Sent::of(&source.sums());
            // Each starts once.
            if source.phases.iter().all(|started| started.phase != phase) {
                source.phases.push(StartedPhase { phase, at: at_ns, before, sent_all: None, ended: None });
            }
        }
        let least = {
            let plan = lock(&self.plan);
            let phase = usize::try_from(phase).ok().and_then(|place| plan.load.phases.get(place));
            phase.and_then(|phase| phase.adaptive_scale.as_ref()).map(|scale| scale.min)
        };
        if least.is_some() {
            self.note_steered(phase, least, at_ns);
        }
    }

    /// What the load of phases was set to, in order.
    pub(crate) fn steered(&self) -> Vec<Steered> {
        lock(&self.steering).done.clone()
    }

    /// Starts it, if it waits for that: from then on it uses nothing of its user's share of waiting runs.
    ///
    /// # Errors
    /// When it was started before.
    pub fn leave_waiting(&self) -> Result<(), Problem> {
        {
            let mut status = lock(&self.status);
            if status.state != State::Created {
                return Err(self.started_before());
            }
            status.state = State::Preparing;
        }
        // Its plan is there until it ends.
        lock(&self.waiting).remove(WAITS);
        Ok(())
    }

    /// Whether it waits for its inputs, which a client sends at this moment.
    ///
    /// # Errors
    /// When it was started before: nothing is uploaded into such a run.
    pub fn touch(&self) -> Result<(), Problem> {
        if self.state() != State::Created {
            return Err(self.started_before());
        }
        *lock(&self.touched) = clock::mono();
        Ok(())
    }

    fn started_before(&self) -> Problem {
        Problem::new(Fault::Plan, format!("run {} was started before", self.id))
    }

    /// How long no client has sent a request for it, or since when it has ended.
    pub(crate) fn idle(&self, now: MonoNs) -> DurationNs {
        now - *lock(&self.touched)
    }

    /// Its state. From now on one that waited to be started never will be.
    pub(crate) fn close(&self) -> State {
        let mut status = lock(&self.status);
        let state = status.state;
        if state == State::Created {
            status.state = State::Failed;
        }
        state
    }

    pub(crate) fn plan(&self) -> Plan {
        lock(&self.plan).clone()
    }

    pub(crate) fn enter(&self, state: State) {
        lock(&self.status).state = state;
    }

    /// Changes its status.
    pub(crate) fn set_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut lock(&self.status));
    }

    pub(crate) fn stop_request(&self) -> Option<Stop> {
        *lock(&self.stop_request)
    }

    /// Whether it goes on: a client follows it, or it belongs to the daemon.
    pub(crate) fn is_followed(&self) -> bool {
        self.kept().is_some() || self.followers.load(Ordering::Relaxed) > 0
    }

    /// Where parts go as they are full, of a watch that has no end.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        match &self.kind {
            Kind::Load(_) => None,
            Kind::Watch(observation) => observation.kept.as_ref(),
        }
    }

    /// Why it is to give up while it prepares, if it is: a stop request, its client is gone, or it takes too long.
    pub(crate) fn gives_up(&self, since: MonoNs, limits: &Limits) -> Option<Problem> {
        let taken = clock::mono() - since;
        let seconds = limits.prepare_seconds;
        if self.stop_request().is_some() {
            return Some(Problem::new(Fault::Load, "stopped before the first request"));
        }
        if !self.is_followed() && taken > CLIENT_PATIENCE {
            return Some(Problem::new(Fault::Load, "the client went away before the first request"));
        }
        let is_late = taken > DurationNs::from_seconds(f64::from(seconds));
        is_late.then(|| {
            limits::met("prepare_seconds", format!("{seconds} s"), "the inputs take too long to prepare")
        })
    }

    /// From now on its progress is read from these.
    pub(crate) fn set_progress_source(
        &self,
        counters: &[Counters],
        view: &Arc<Mutex<View>>,
        gpus: Newest,
        start: MonoNs,
        notices: &[String],
    ) {
        let notice = if notices.is_empty() { None } else { Some(notices.join("; ")) };
        let (counters, view) = (counters.to_vec(), Arc::clone(view));
        *lock(&self.progress_source) =
            ProgressSource { counters, view, gpus, start: Some(start), notice, ..ProgressSource::default() };
    }

    /// Notes the core of each worker, and how busy it is.
    pub(crate) fn note_workers(&self, workers: Vec<Worker>) {
        lock(&self.progress_source).workers = workers;
    }

    /// It has ended and is remembered for a while: what it used is freed, and its plan is in its directory.
    pub(crate) fn retire(&self) {
        let last = self.progress();
        *lock(&self.progress_source) = ProgressSource { last: Some(last), ..ProgressSource::default() };
        *lock(&self.touched) = clock::mono();
        *lock(&self.plan) = Plan::unknown();
        lock(&self.waiting).clear();
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        wipe(&mut lock(&self.secret_headers));
    }
}

/// Overwrites keys that are not needed any more.
pub(crate) fn wipe(secrets: &mut BTreeMap<String, String>) {
    secrets.values_mut().for_each(Zeroize::zeroize);
}

/// The size of the plan's load, as far as the plan sets it.
struct Planned {
    requests: Option<u64>,
    seconds: Option<f64>,
}

fn planned(plan: &Plan) -> Planned {
    let phases = &plan.load.phases;
    Planned {
        requests: phases.iter().map(|phase| phase.request_count).sum(),
        seconds: phases.iter().map(|phase| phase.duration_seconds).sum(),
    }
}

/// How long a run continues although no client follows it.
pub(crate) const CLIENT_PATIENCE: DurationNs = DurationNs::from_millis(3000);
/// How often the load of a run may be changed: for hours, with the shortest windows.
const STEERED_MAX: usize = 10_000;
/// The index of a waiting run's share among what it holds; see `Runs::waiting`.
const WAITS: usize = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Held;
    use crate::run_dirs::RunDirs;

    fn waiting(held: &Held, state: &std::path::Path) -> Run {
        let directory = RunDirs::open(state).unwrap().create("0123456789ab").unwrap();
        let status = Status {
            run_id: "0123456789ab".to_owned(),
            state: State::Created,
            created_ns: MonoNs(0),
            created_unix_seconds: 0,
            target: String::new(),
            model: String::new(),
            standing: None,
            problem: None,
            owner: 1000,
        };
        let create = Create { plan: Plan::unknown(), secret_headers: BTreeMap::new(), addresses: Vec::new() };
        let owner = Owner { uid: 1000, pid: None, name: "uid 1000 pid 0".to_owned() };
        let share = held.take(1000, 1, 1, 1).unwrap();
        Run::new(directory, Kind::of(create), status, owner, Arc::default(), vec![share])
    }

    #[test]
    fn a_run_is_started_once() {
        let (held, state) = (Held::default(), tempfile::tempdir().unwrap());
        let run = waiting(&held, state.path());
        assert!(matches!(run.kind, Kind::Load(_)) && run.touch().is_ok(), "it waits for its inputs");
        assert!(held.take(1000, 1, 1, 1).is_err(), "and holds its share of waiting runs");
        run.leave_waiting().unwrap();
        assert!(held.take(1000, 1, 1, 1).is_ok(), "which is free when it starts");
        assert!(run.leave_waiting().is_err() && run.touch().is_err(), "it was started before");
        assert_eq!(run.close(), State::Preparing, "and is not removed while it goes on");
    }

    #[test]
    fn a_run_that_was_closed_never_starts() {
        let (held, state) = (Held::default(), tempfile::tempdir().unwrap());
        let run = waiting(&held, state.path());
        assert_eq!(run.close(), State::Created, "it waited");
        assert!(run.leave_waiting().is_err(), "the one who removes it was first");
    }

    #[test]
    fn a_phase_is_steered_within_its_plan() {
        let (held, state) = (Held::default(), tempfile::tempdir().unwrap());
        let run = waiting(&held, state.path());
        let scale = serde_json::json!({
            "control": "concurrency", "min": 2.0, "max": 9.0, "window_seconds": 1.0, "completed_min": 1,
            "sustain_seconds": 1.0, "step": {"fixed_percent_step": {"percent": 25.0}}, "limits": [], "clock": "kernel",
        });
        let phase = spec::Phase::closed(9, 1);
        let scaled = spec::Phase {
            name: "scaled".to_owned(),
            adaptive_scale: Some(serde_json::from_value(scale).unwrap()),
            ..phase.clone()
        };
        lock(&run.plan).load.phases = vec![phase, scaled];
        let refused = |phase, value| run.steer(Steer { phase, value }).unwrap_err().message;
        assert!(refused(1, Some(3.0)).contains("sends nothing at this moment"));
        run.enter(State::Running);
        for (phase, value, why) in [
            (0, 3.0, "does not change its load"),
            (2, 3.0, "does not change its load"),
            (1, 1.0, "is not allowed by the plan, which has 2 to 9"),
            (1, 10.0, "is not allowed"),
            (1, 2.5, "is not allowed"),
        ] {
            let found = refused(phase, Some(value));
            assert!(found.contains(why), "{phase} {value}: {found}");
        }
        assert_eq!(run.take_steer(), None, "nothing was allowed");
        run.steer(Steer { phase: 1, value: Some(9.0) }).unwrap();
        assert_eq!(run.take_steer(), Some(Steer { phase: 1, value: Some(9.0) }));
        assert_eq!(run.take_steer(), None, "once");
        run.note_started(0, MonoNs(1));
        run.note_started(1, MonoNs(2));
        run.note_steered(1, None, MonoNs(3));
        let steered = |value, at| Steered { phase: "scaled".to_owned(), value, at_ns: MonoNs(at) };
        assert_eq!(run.steered(), [steered(Some(2.0), 2), steered(None, 3)], "what it was, in order");
    }

    #[test]
    fn what_a_run_was_stays_to_be_seen() {
        let (held, state) = (Held::default(), tempfile::tempdir().unwrap());
        let run = waiting(&held, state.path());
        run.set_progress_source(&[], &Arc::default(), Newest::default(), MonoNs(1), &["a notice".to_owned()]);
        run.enter(State::Finished);
        run.retire();
        let progress = run.progress();
        assert_eq!(
            (progress.state, progress.notice.as_deref()),
            (State::Finished, Some("a notice")),
            "the last"
        );
        assert!(held.take(1000, 1, 1, 1).is_ok(), "it holds nothing");
    }
}
