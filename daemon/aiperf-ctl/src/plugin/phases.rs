//! Which events of phases a run's progress shows, each once and in order.

use super::set::Started;
use aiperfd_plugin::message::{Phase, PhaseEvent, Stats};
use common::clock::MonoNs;
use control::{PhaseCourse, Progress};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Passes events on to plugins.
#[derive(Default)]
pub(crate) struct PhaseEvents(RefCell<Seen>);

impl PhaseEvents {
    /// Passes on the events that a run's progress shows and that were not passed on before.
    pub(crate) fn pass_on(&self, progress: &Progress, to: &Started) {
        let anchor = clock::anchor();
        let date = |at| anchor.real(at).0;
        let events = self.0.borrow_mut().events(&progress.phases, progress.state.is_final(), date);
        for (method, event) in events {
            to.live.iter().for_each(|live| live.inbox.event(method, event.clone()));
        }
    }
}

/// What was passed on of each phase.
#[derive(Default)]
struct Seen(BTreeMap<u32, Passed>);

#[derive(Clone, Copy, Default)]
struct Passed {
    started: bool,
    sent_all: bool,
    ended: bool,
}

impl Seen {
    /// The events that are new, with the method that each calls. Of a phase that has ended the end is passed on once all its requests
    /// are recorded, so that it has the kernel's stamps; `is_final` waits for them no longer. `date` is the real time of a moment of
    /// the monotonic clock, in nanoseconds.
    fn events(
        &mut self,
        phases: &[PhaseCourse],
        is_final: bool,
        date: impl Fn(MonoNs) -> u64,
    ) -> Vec<(&'static str, PhaseEvent)> {
        let mut events = Vec::new();
        for course in phases {
            let passed = self.0.entry(course.number).or_default();
            let event = || PhaseEvent { handle: 0, phase: phase(course), stats: stats(course, &date) };
            if !std::mem::replace(&mut passed.started, true) {
                events.push(("phase_hook.start", event()));
            }
            if course.sent_all_ns.is_some() && !std::mem::replace(&mut passed.sent_all, true) {
                events.push(("phase_hook.sending_complete", event()));
            }
            let has_ended = course.ended_ns.is_some() && (course.is_recorded || is_final);
            if has_ended && !std::mem::replace(&mut passed.ended, true) {
                if course.timed_out {
                    events.push(("phase_hook.timeout", event()));
                }
                events.push(("phase_hook.complete", event()));
            }
            if course.ended_ns.is_some() && !passed.ended {
                // The next one's events come after this one's.
                break;
            }
        }
        events
    }
}

fn phase(course: &PhaseCourse) -> Phase {
    Phase { name: course.name.clone(), is_warmup: course.is_warmup, number: course.number }
}

fn stats(course: &PhaseCourse, date: &impl Fn(MonoNs) -> u64) -> Stats {
    Stats {
        sent: course.sent,
        sent_sessions: course.sessions,
        completed: course.completed,
        cancelled: course.cancelled,
        failed: course.failed.saturating_sub(course.cancelled),
        in_flight: course.in_flight,
        start_ns: date(course.started_ns),
        end_ns: course.ended_ns.map(date),
        start_monotonic_ns: course.started_ns.0,
        end_monotonic_ns: course.ended_ns.map(|at| at.0),
        sending_complete_ns: course.sent_all_ns.map(date),
        // A phase that goes on has no last byte yet.
        kernel_first_sent_ns: course.kernel_sent_first_ns.map(date),
        kernel_last_received_ns: course.ended_ns.and(course.kernel_received_last_ns).map(date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_passed_on_once_and_in_order() {
        let mut seen = Seen::default();
        let mut look = |course: &PhaseCourse, is_final: bool| {
            let events = seen.events(std::slice::from_ref(course), is_final, |at| at.0 + 1000);
            events
                .into_iter()
                .map(|(method, _)| method.trim_start_matches("phase_hook."))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut course = PhaseCourse { number: 1, started_ns: MonoNs(5), ..PhaseCourse::default() };
        assert_eq!(look(&course, false), "start");
        assert_eq!(look(&course, false), "");
        course.sent_all_ns = Some(MonoNs(6));
        assert_eq!(look(&course, false), "sending_complete");
        course.ended_ns = Some(MonoNs(7));
        assert_eq!(look(&course, false), "", "its requests are not all recorded");
        course.is_recorded = true;
        assert_eq!(look(&course, false), "complete");
        assert_eq!(look(&course, true), "", "once");
        course.number = 2;
        (course.is_recorded, course.timed_out) = (false, true);
        assert_eq!(
            look(&course, true),
            "start sending_complete timeout complete",
            "what was missed comes at the end"
        );
    }

    #[test]
    fn a_phase_ends_before_the_next_one_starts() {
        let mut seen = Seen::default();
        let mut course = PhaseCourse { number: 1, ended_ns: Some(MonoNs(7)), ..PhaseCourse::default() };
        let next = PhaseCourse { number: 2, ..PhaseCourse::default() };
        let mut look = |first: &PhaseCourse| {
            let events = seen.events(&[first.clone(), next.clone()], false, |at| at.0);
            events.into_iter().map(|(method, event)| (method, event.phase.number)).collect::<Vec<_>>()
        };
        assert_eq!(look(&course), [("phase_hook.start", 1)], "its requests are not all recorded");
        course.is_recorded = true;
        assert_eq!(look(&course), [("phase_hook.complete", 1), ("phase_hook.start", 2)]);
    }

    #[test]
    fn times_are_dates() {
        let course = PhaseCourse {
            started_ns: MonoNs(5),
            ended_ns: Some(MonoNs(9)),
            failed: 3,
            cancelled: 2,
            kernel_received_last_ns: Some(MonoNs(8)),
            ..PhaseCourse::default()
        };
        let stats = stats(&course, &|at: MonoNs| at.0 + 1000);
        assert_eq!((stats.start_ns, stats.end_ns, stats.start_monotonic_ns), (1005, Some(1009), 5));
        assert_eq!((stats.kernel_last_received_ns, stats.failed, stats.cancelled), (Some(1008), 1, 2));
    }
}
