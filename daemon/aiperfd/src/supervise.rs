//! Checks that every thread and process of a run is alive: one that dies, hangs or makes no progress ends the run, with a
//! reason.
//!
//! ```text
//! collector   it looks at the rings        pipeline   it makes progress, and reads what the response parser sends
//! load generator   is no stopped process, ends when it is ordered to      disk   has room left
//! ```

use crate::daemon::Daemon;
use crate::disk;
use crate::equipment::{Equipment, OfOneKind};
use crate::limits::Limits;
use crate::run::{CLIENT_PATIENCE, Run};
use crate::run_dirs::RunDirs;
use crate::standstill::{PARSER_STANDSTILL, STANDSTILL, Since};
use crate::stopped::{Cause, Stopped};
use common::clock::{DurationNs, MonoNs};
use control::Stop;

/// What was seen of a run's threads and processes at the last look.
#[derive(Debug)]
pub struct Supervisor {
    looks: Since<u64>,
    parser: Parser,
    disk: MonoNs,
    /// When the client was last there.
    followed: MonoNs,
    /// When the load generator is ended by force.
    deadline: Option<MonoNs>,
}

/// How far the response parser has read, and whether there is more to read.
#[derive(Debug)]
struct Parser(Since<(bool, u64)>);

impl Parser {
    /// Updates how far it has read and how far it may; returns whether it has had something to read for long and reads nothing.
    fn stands_still(&mut self, (consumed, visible): (u64, u64), now: MonoNs) -> bool {
        let is_behind = consumed < visible;
        self.0.same((is_behind, consumed), now) > PARSER_STANDSTILL && is_behind
    }
}

impl Supervisor {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(now: MonoNs) -> Self {
        Self {
            looks: Since { value: 0, since: now },
            parser: Parser(Since { value: (false, 0), since: now }),
            disk: now,
            followed: now,
            deadline: None,
        }
    }

    /// Sets the deadline after which a load generator that was ordered to end is killed.
    pub fn end_by(&mut self, deadline: MonoNs) {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    /// Whether the load generator has had its time to end.
    #[must_use]
    pub fn is_overdue(&self, now: MonoNs) -> bool {
        self.deadline.is_some_and(|deadline| now > deadline)
    }

    /// Checks everything. What is wrong stops the run, and is why it was stopped even if somebody had requested that before.
    pub(crate) fn stop_if_broken<O: OfOneKind>(
        &mut self,
        daemon: &Daemon,
        run: &Run,
        equipment: &mut Equipment<'_, O>,
        now: MonoNs,
        stopped: &mut Option<Stopped>,
    ) {
        if let Some(problem) = self.look(equipment, &daemon.run_dirs, &daemon.limits, now)
            && stopped.as_ref().is_none_or(|known| known.cause == Cause::Requested)
        {
            *stopped = Some(problem);
            run.request_stop(Stop::Now);
        }
    }

    /// Stops a run whose client is gone.
    pub(crate) fn stop_if_abandoned(&mut self, run: &Run, now: MonoNs, stopped: &mut Option<Stopped>) {
        if run.is_followed() {
            self.followed = now;
        } else if now - self.followed > CLIENT_PATIENCE && stopped.is_none() {
            *stopped = Some(Stopped::requested("the client went away"));
            run.request_stop(Stop::Now);
        }
    }

    /// Checks everything; returns what is wrong.
    fn look<O: OfOneKind>(
        &mut self,
        equipment: &mut Equipment<'_, O>,
        run_dirs: &RunDirs,
        limits: &Limits,
        now: MonoNs,
    ) -> Option<Stopped> {
        if equipment.collecting.ended_early() {
            let error = equipment.collecting.stop().err()?;
            return Some(Stopped::failed("the collector of records ended", &error));
        }
        if equipment.pipeline.ended_early() {
            let error = equipment.pipeline.failure()?;
            return Some(Stopped::failed("the pipeline ended", error));
        }
        self.stands_still(equipment, now).or_else(|| self.disk(equipment, run_dirs, limits, now))
    }

    fn stands_still<O: OfOneKind>(&mut self, equipment: &Equipment<'_, O>, now: MonoNs) -> Option<Stopped> {
        let collecting = &equipment.collecting;
        if collecting.goes_on() && self.looks.same(collecting.looks(), now) > STANDSTILL {
            return Some(Stopped::stalled("the collector of records hangs: the disk does not respond"));
        }
        if equipment.usage.stopped_for(now) > STANDSTILL {
            return Some(Stopped::stalled("the load generator was stopped by a signal and not continued"));
        }
        if self.parser.stands_still(equipment.own.parsed(), now) {
            return Some(Stopped::stalled("the response parser hangs"));
        }
        None
    }

    fn disk<O>(
        &mut self,
        equipment: &Equipment<'_, O>,
        run_dirs: &RunDirs,
        limits: &Limits,
        now: MonoNs,
    ) -> Option<Stopped> {
        if now - self.disk < DISK_INTERVAL {
            return None;
        }
        self.disk = now;
        if disk::runs_short(run_dirs, limits) {
            equipment.keeping.press();
        }
        let why = disk::is_full(run_dirs, limits)?;
        Some(Stopped { cause: Cause::DiskFull, why })
    }
}

const DISK_INTERVAL: DurationNs = DurationNs::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that thinks for minutes leaves the parser nothing to read.
    #[test]
    fn a_parser_that_has_nothing_to_read_does_not_stand_still() {
        let at = |seconds: i64| MonoNs(0) + DurationNs::from_millis(seconds * 1000);
        let mut parser = Parser(Since { value: (false, 0), since: at(0) });
        assert!(!parser.stands_still((7, 7), at(1)), "it has read everything");
        assert!(!parser.stands_still((7, 9), at(300)), "records come after minutes without any");
        assert!(!parser.stands_still((7, 9), at(359)), "it may take a while");
        assert!(!parser.stands_still((8, 30), at(360)), "it reads");
        assert!(!parser.stands_still((8, 40), at(419)), "new data is no reading");
        assert!(parser.stands_still((8, 50), at(421)), "a minute without reading");
    }
}
