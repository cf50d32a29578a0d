//! Steers phases that change their own load: windows of requests in, values of the load out, and files of what was decided.
//!
//! ```text
//! daemon ── requests as they end ──▶ collected.rs ── windows ──▶ experiment::adaptive_scale ── value ──▶ daemon
//!                                                                            └── events, windows ──▶ files.rs
//! ```

mod collected;
mod files;

pub(crate) use files::{EVENTS, MANIFEST, SUMMARY};

use super::{Checked, Following, Observer, Setup};
use crate::follow::Run;
use crate::interrupt;
use crate::terminal::{print_note, print_warning};
use anyhow::Result;
use collected::{Collected, Taken, seconds};
use common::clock::{Anchor, RealNs};
use control::{LiveRequest, Status, Steer};
use experiment::adaptive_scale::{Controller, Event, Judged, Kind, Rules, Step};
use experiment::search::{Limit, Op};
use files::{Entry, Window};
use record::Scaled;
use spec::{AdaptiveScale, Load, Phase, ScaleLimit, ScaleStep};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The phases that are steered.
struct Steering<'a> {
    phases: Arc<Mutex<Phases>>,
    run_id: String,
    directory: &'a Path,
    /// How they ended, once their files are written.
    ended: Vec<Scaled>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let phases = scalings(&setup.profile.plan.load);
    Ok((!phases.is_empty()).then(|| {
        Box::new(Steering {
            phases: Arc::new(Mutex::new(Phases { phases, anchor: clock::anchor() })),
            run_id: String::new(),
            directory: &setup.profile.artifact_dir,
            ended: Vec::new(),
        }) as Box<dyn Observer>
    }))
}

/// The phases of a load that change it.
fn scalings(load: &Load) -> Vec<Scaling> {
    let mut measured = 0;
    let phases = (0..).zip(&load.phases).filter_map(|(place, phase)| {
        let profiling = (!phase.is_warmup).then_some(measured);
        measured += u32::from(!phase.is_warmup);
        Some(Scaling::of(place, profiling, phase, phase.adaptive_scale.as_ref()?))
    });
    phases.collect()
}

impl Observer for Steering<'_> {
    fn follow<'a>(&'a mut self, run: &'a Run) -> Following<'a> {
        Box::pin(async {
            self.run_id = run.run_id().to_owned();
            let client = run.daemon.client.clone();
            let (lines, steer) =
                (format!("{}/requests?steering", run.path()), format!("{}/steer", run.path()));
            let mut lines = client.lines(&lines).await?;
            let phases = Arc::clone(&self.phases);
            // The daemon takes its own anchor now too: a step of the real clock changes neither.
            locked(&phases).anchor = clock::anchor();
            Ok(Some(tokio::spawn(async move {
                loop {
                    while let Some(change) = due(&phases) {
                        let changed: Result<Status> = client.post(&steer, &change).await;
                        note_changed(&phases, change, changed);
                    }
                    tokio::select! {
                        line = lines.next::<LiveRequest>() => match line {
                            Ok(Some(request)) => add(&phases, &request),
                            Ok(None) => break,
                            Err(error) => {
                                locked(&phases).fail(&error);
                                break;
                            }
                        },
                        () = tokio::time::sleep(wait(&phases)) => {}
                    }
                }
            })))
        })
    }

    /// Writes the files of every phase.
    fn finish(&mut self) {
        let mut phases = locked(&self.phases);
        let reason = if interrupt::received().is_some() { "phase_cancelled" } else { "phase_stopped" };
        let now = phases.now();
        phases.phases.iter_mut().for_each(|phase| phase.end(reason, now));
        if let Err(error) = files::write(self.directory, &self.run_id, &phases.phases) {
            print_warning(&format!("the files of adaptive_scale were not written: {error:#}"));
        }
        let ended = phases.phases.iter().map(Scaling::ended).collect();
        drop(phases);
        self.ended = ended;
    }

    fn scaled(&mut self) -> Vec<Scaled> {
        std::mem::take(&mut self.ended)
    }
}

fn locked(phases: &Mutex<Phases>) -> MutexGuard<'_, Phases> {
    phases.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The change of the load that follows from a window that is over.
fn due(phases: &Mutex<Phases>) -> Option<Steer> {
    let mut phases = locked(phases);
    let now = phases.now();
    phases.phases.iter_mut().find_map(|phase| phase.look(now))
}

/// How long nothing has to be assessed.
fn wait(phases: &Mutex<Phases>) -> Duration {
    let phases = locked(phases);
    let now = phases.now();
    let next = phases.phases.iter().filter_map(Scaling::next_look).min();
    next.map_or(LONGEST_WAIT, |next| Duration::from_nanos(next.0.saturating_sub(now.0))).min(LONGEST_WAIT)
}

fn add(phases: &Mutex<Phases>, request: &LiveRequest) {
    locked(phases).phases.iter_mut().for_each(|phase| phase.add(request));
}

/// Notes that the load is changed since this moment, or that it could not be.
fn note_changed(phases: &Mutex<Phases>, change: Steer, changed: Result<Status>) {
    let mut phases = locked(phases);
    let now = phases.now();
    let Some(phase) = phases.phases.iter_mut().find(|phase| phase.place == change.phase) else { return };
    match changed {
        Ok(_) => phase.changed = followed(now),
        Err(error) => phase.fail(&error, now),
    }
}

/// The phases that are steered, and their clock.
struct Phases {
    phases: Vec<Scaling>,
    /// A moment on both clocks: stages of requests are dates, and a step of the real clock is none of a window.
    anchor: Anchor,
}

impl Phases {
    /// The moment, by the date that the run began with.
    fn now(&self) -> RealNs {
        self.anchor.real(clock::mono())
    }

    /// No phase can be steered any longer.
    fn fail(&mut self, error: &anyhow::Error) {
        let now = self.now();
        self.phases.iter_mut().for_each(|phase| phase.fail(error, now));
    }
}

/// A phase that changes its own load.
struct Scaling {
    /// Its place in the plan, and among the measured phases.
    place: u32,
    profiling: Option<u32>,
    phase: Phase,
    scale: AdaptiveScale,
    controller: Controller,
    collected: Collected,
    /// When its first request was due, once one has ended.
    began: Option<RealNs>,
    /// When the window under way began.
    window: RealNs,
    /// When the load was last changed.
    changed: RealNs,
    /// Since when a value is held.
    sustained: RealNs,
    journal: Vec<Entry>,
    windows: Vec<Window>,
}

impl Scaling {
    fn of(place: u32, profiling: Option<u32>, phase: &Phase, scale: &AdaptiveScale) -> Self {
        Self {
            place,
            profiling,
            controller: Controller::new(rules(scale)),
            collected: Collected::of(phase, scale.clock),
            phase: phase.clone(),
            scale: scale.clone(),
            began: None,
            window: RealNs(0),
            changed: RealNs(0),
            sustained: RealNs(0),
            journal: Vec::new(),
            windows: Vec::new(),
        }
    }

    fn add(&mut self, request: &LiveRequest) {
        self.collected.note_dropped(request.dropped);
        if request.phase != self.phase.name || self.controller.completed().is_some() {
            return;
        }
        if self.began.is_none() {
            let Some(due) = request.stages.get("due") else { return };
            (self.began, self.window, self.changed) = (Some(due), due, due);
            self.collected.start();
            self.note(due, None);
        }
        self.collected.add(request);
    }

    /// When the window under way can be assessed; none if there is none.
    fn next_look(&self) -> Option<RealNs> {
        let began = self.began.filter(|_| self.controller.completed().is_none())?;
        let end = self.window_end();
        let last = began.0.saturating_add(nanos(self.phase.duration_seconds.unwrap_or(f64::MAX)));
        (end.0 <= last).then(|| RealNs(end.0.saturating_add(LAG_NS)))
    }

    fn window_end(&self) -> RealNs {
        RealNs(self.window.0.saturating_add(nanos(self.scale.window_seconds)))
    }

    /// Whether its time is over.
    fn is_over(&self, now: RealNs) -> bool {
        let seconds_planned = self.phase.duration_seconds.unwrap_or(f64::MAX);
        self.began.is_some_and(|began| seconds(began, now) >= seconds_planned)
    }

    /// Assesses the window under way, if it is over; returns what is to be changed.
    fn look(&mut self, now: RealNs) -> Option<Steer> {
        let began = self.began?;
        self.next_look().filter(|look| *look <= now)?;
        let planned = self.window_end();
        // Of a client that could not look for so long there is one window.
        let is_behind = seconds(planned, now) >= self.scale.window_seconds;
        let end = if is_behind { now } else { planned };
        let taken = self.collected.take([self.window, end], self.sustained, self.changed);
        self.window = end;
        let (before, held) = (self.controller.target(), self.controller.sustained_since());
        let (iteration, value) = (self.windows.len(), self.controller.current());
        let judged = self.controller.assess(&taken.window, seconds(began, end));
        self.windows.push(Window::of(iteration, value, &taken, judged));
        if held.is_none() && self.controller.sustained_since().is_some() {
            self.sustained = followed(now);
        }
        self.note(now, Some((&taken, judged)));
        let target = self.controller.target();
        (target != before).then_some(Steer { phase: self.place, value: target })
    }

    /// It can be steered no longer, unless its time is over anyway.
    fn fail(&mut self, error: &anyhow::Error, now: RealNs) {
        let is_stopped = interrupt::received().is_some() || self.is_over(now);
        if self.began.is_none() || self.controller.completed().is_some() || is_stopped {
            return;
        }
        print_warning(&format!(
            "the load of phase `{}` can be changed no longer: {error:#}",
            self.phase.name
        ));
        self.end(&format!("phase_failed: {error:#}"), now);
    }

    /// It is over, if it is not yet.
    fn end(&mut self, reason: &str, now: RealNs) {
        self.controller.end(reason);
        self.note(now, None);
    }

    /// Takes what happened into the journal, and shows it.
    fn note(&mut self, at: RealNs, of: Option<(&Taken, Judged)>) {
        let window = of.map(|(taken, judged)| Window::of(0, 0.0, taken, judged));
        for event in self.controller.take_events() {
            if self.began.is_some()
                && let Some(line) = self.line(&event)
            {
                print_note(&line);
            }
            let window = window.clone().filter(|_| event.is_of_window);
            self.journal.push(Entry { at, event, window });
        }
    }

    /// What a user is shown of an event, if it changes anything.
    fn line(&self, event: &Event) -> Option<String> {
        let limits = &self.controller.rules().limits;
        let values = limits.iter().zip(&event.values);
        let values = values.map(|(limit, value)| format!("{} {} {value:.3}", limit.metric_tag, limit.stat));
        let values = values.collect::<Vec<_>>().join(", ");
        let values = if values.is_empty() { values } else { format!(" ({values})") };
        let (name, control, reason) = (&self.phase.name, self.scale.control.name(), &event.reason);
        let Event { before, after, .. } = event;
        let what = match event.kind {
            Kind::Window if event.passed.is_none() => format!("{control} {after}: {reason}"),
            Kind::Window | Kind::BoundaryDiscovered => return None,
            Kind::Decision if before.total_cmp(after).is_eq() => format!("{control} {after}: {reason}"),
            Kind::Decision => format!("{control} {before} to {after}: {reason}{values}"),
            Kind::PhaseStarted => format!("{control} {after}: {reason}"),
            Kind::SustainStarted => format!("{control} {before} to {after}: a limit is missed, {reason}"),
            Kind::Completed | Kind::Incomplete | Kind::Failed => {
                format!("ends with {control} {after}: {reason}")
            }
        };
        Some(format!("adaptive_scale `{name}`: {what}"))
    }

    /// How it ended.
    fn ended(&self) -> Scaled {
        let reason = self.controller.completed().unwrap_or("phase_stopped");
        let [sustained, last_passing, first_failing] = self.controller.found();
        let (sustain_windows, sustain_passed) = self.controller.sustain_windows();
        let kernel = self.windows.iter().filter(|window| window.is_by_kernel());
        Scaled {
            phase: self.phase.name.clone(),
            control: self.scale.control.name().to_owned(),
            status: experiment::adaptive_scale::status(reason).to_owned(),
            reason: reason.to_owned(),
            // A step down while it is held changes what is held.
            sustained: sustained.map(|_| self.controller.current()),
            sustain_windows,
            sustain_passed,
            last_passing,
            first_failing,
            windows: u32::try_from(self.windows.len()).unwrap_or(u32::MAX),
            void_windows: self.controller.void_windows(),
            kernel_windows: u32::try_from(kernel.count()).unwrap_or(u32::MAX),
        }
    }
}

/// What the controller may do.
fn rules(scale: &AdaptiveScale) -> Rules {
    let limit = |limit: &ScaleLimit| Limit {
        metric_tag: limit.metric_tag.clone(),
        stat: limit.stat.clone(),
        op: match limit.op.as_str() {
            "le" => Op::Le,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            _ => Op::Lt,
        },
        threshold: limit.threshold,
    };
    Rules {
        minimum: scale.min,
        maximum: scale.max,
        is_whole: scale.control.is_whole(),
        completed_min: usize::try_from(scale.completed_min).unwrap_or(usize::MAX),
        sustain_seconds: scale.sustain_seconds,
        step: match scale.step {
            ScaleStep::SlaMargin { base, multiplier_max } => Step::Margin { base, multiplier_max },
            ScaleStep::FixedPercentStep { percent } => Step::Percent(percent),
        },
        limits: scale.limits.iter().map(limit).collect(),
    }
}

/// When every worker follows a change that is requested now.
const fn followed(now: RealNs) -> RealNs {
    RealNs(now.0.saturating_add(FOLLOW_NS))
}

/// Seconds of a plan, which are positive.
fn nanos(seconds: f64) -> u64 {
    let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A window is assessed so long after its end, so that the requests that ended in it have arrived: 100 ms.
const LAG_NS: u64 = 100_000_000;
/// How long it takes at most until a change is followed: the daemon looks every 50 ms, a worker every 20 ms.
const FOLLOW_NS: u64 = 70_000_000;
/// While nothing is to be assessed, whether there is.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::profile_of;
    use serde_json::json;

    fn scaling(keys: &str) -> Scaling {
        let limit = r#""sla":{"request_latency":{"p95":{"lt":100}}}"#;
        let usual =
            r#""name":"profiling","concurrency":64,"adaptive_scale":true,"adaptive_sustain_duration":2"#;
        let json = format!(r#"[{{{usual},{limit},"adaptive_assessment_period":1,{keys}}}]"#);
        let (_, profile) = profile_of(&format!("--model m --phases {json}")).unwrap();
        scalings(&profile.plan.load).pop().unwrap()
    }

    fn at(millis: u64) -> RealNs {
        RealNs(1_000_000_000 + millis * 1_000_000)
    }

    /// A request of the phase that ended then.
    fn request(ended: u64, latency: f64, dropped: u64) -> LiveRequest {
        let request = json!({
            "phase": "profiling", "worker": 0, "error": null, "http_status": 200, "dropped": dropped,
            "values": {"request_latency": latency},
            "stages": {"due": at(ended - 20), "submitted": at(ended - 20), "ended": at(ended)},
        });
        serde_json::from_value(request).unwrap()
    }

    #[test]
    fn windows_are_assessed_when_they_are_over() {
        let mut phase = scaling(r#""duration":60"#);
        assert_eq!(phase.look(at(5000)), None, "nothing has begun");
        phase.add(&request(20, 55.0, 0));
        assert_eq!(phase.next_look(), Some(at(1100)), "a second, and the time that requests take to arrive");
        assert_eq!(phase.look(at(1099)), None, "not yet");
        assert_eq!(phase.look(at(1100)), Some(Steer { phase: 0, value: Some(11.0) }), "a step up");
        phase.add(&request(1500, 150.0, 0));
        assert_eq!(phase.look(at(2100)), Some(Steer { phase: 0, value: Some(1.0) }), "back, and held");
        phase.add(&request(2110, 150.0, 0));
        phase.add(&request(2500, 50.0, 0));
        assert_eq!(phase.look(at(3100)), None, "what was sent before does not count");
        phase.add(&request(3500, 50.0, 0));
        assert_eq!(phase.look(at(4100)), Some(Steer { phase: 0, value: None }), "held for long enough");
        let Scaled { reason, sustained, sustain_windows, sustain_passed, windows, .. } = phase.ended();
        assert_eq!((reason.as_str(), sustained), ("sustain_duration_completed", Some(1.0)));
        assert_eq!(
            (windows, sustain_windows, sustain_passed),
            (4, 2, 2),
            "two to find it, two in which it was held"
        );
    }

    #[test]
    fn a_window_of_which_requests_were_dropped_decides_nothing() {
        let mut phase = scaling(r#""duration":60"#);
        phase.add(&request(20, 10.0, 3));
        phase.add(&request(600, 10.0, 4));
        assert_eq!(phase.look(at(1100)), None, "one was dropped since the phase began");
        phase.add(&request(1600, 10.0, 4));
        assert!(phase.look(at(2100)).is_some(), "then none");
        assert_eq!(phase.ended().void_windows, 1);
    }

    #[test]
    fn no_window_goes_beyond_the_phase_or_is_assessed_twice() {
        let mut phase = scaling(r#""duration":2.5"#);
        phase.add(&request(20, 10.0, 0));
        phase.add(&request(1900, 10.0, 0));
        assert!(phase.look(at(2400)).is_some(), "a client that was late has one window for all");
        assert_eq!(
            (phase.next_look(), phase.windows.len()),
            (None, 1),
            "the next one would end after the phase"
        );
        phase.end("phase_stopped", at(2600));
        phase.end("phase_cancelled", at(2700));
        let Scaled { reason, status, .. } = phase.ended();
        assert_eq!((reason.as_str(), status.as_str()), ("phase_stopped", "completed"), "the first reason");
    }
}
