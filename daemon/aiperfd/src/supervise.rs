//! Checks that every thread and process of a run is alive: one that dies, hangs or makes no progress ends the run, with a
//! reason.
//!
//! ```text
//! collector   it looks at the rings        pipeline   it makes progress, and reads what the response parser sends
//! load generator   is no stopped process, ends when it is ordered to      disk   has room left
//! ```

use crate::collect::client_ring::Counters;
use crate::limits::Limits;
use crate::run::RunResources;
use crate::standstill::{PARSER_STANDSTILL, STANDSTILL, Since};
use crate::stopped::{Cause, Stopped};
use crate::store::Store;
use common::clock::{DurationNs, MonoNs};
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// What was seen of a run's threads and processes at the last look.
#[derive(Debug)]
pub struct Supervisor {
    looks: Since<u64>,
    parser: Parser,
    disk: MonoNs,
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

    /// Checks everything; returns what is wrong.
    pub(crate) fn look(
        &mut self,
        resources: &mut RunResources<'_>,
        store: &Store,
        limits: &Limits,
        now: MonoNs,
    ) -> Option<Stopped> {
        if resources.collector.as_ref().is_some_and(JoinHandle::is_finished) {
            let error = resources.stop_collecting().err()?;
            return Some(Stopped::failed("the collector of records ended", &error));
        }
        if resources.pipeline.ended_early() {
            let error = resources.pipeline.failure()?;
            return Some(Stopped::failed("the pipeline ended", error));
        }
        self.stands_still(resources, now).or_else(|| self.disk(resources, store, limits, now))
    }

    fn stands_still(&mut self, resources: &RunResources<'_>, now: MonoNs) -> Option<Stopped> {
        let looks = resources.looks.load(Ordering::Relaxed);
        if resources.collector.is_some() && self.looks.same(looks, now) > STANDSTILL {
            return Some(Stopped::stalled("the collector of records hangs: the disk does not respond"));
        }
        if resources.watch.stopped_for(now) > STANDSTILL {
            return Some(Stopped::stalled("the load generator was stopped by a signal and not continued"));
        }
        let workers = resources.counters.iter().map(Counters::parsed);
        let all = workers.fold(resources.collected.parsed(), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        if self.parser.stands_still(all, now) {
            return Some(Stopped::stalled("the response parser hangs"));
        }
        None
    }

    fn disk(
        &mut self,
        resources: &RunResources<'_>,
        store: &Store,
        limits: &Limits,
        now: MonoNs,
    ) -> Option<Stopped> {
        if now - self.disk < DISK_INTERVAL {
            return None;
        }
        self.disk = now;
        let (free, all) = store.disk();
        if free < kept_free(limits, all) * EARLIER {
            resources.keeping.press();
        }
        let why = disk_is_full(store, limits)?;
        Some(Stopped { cause: Cause::DiskFull, why })
    }
}

/// Why the disk of the state directory counts as full, if it does: what is left is for the end of runs.
pub fn disk_is_full(store: &Store, limits: &Limits) -> Option<String> {
    let (free, all) = store.disk();
    let kept = kept_free(limits, all);
    (free < kept).then(|| {
        format!(
            "{} MiB are free on the disk of the daemon's state directory, and {} stay free (`disk_free_mib` in [limits] of the \
             daemon's configuration)",
            free >> 20,
            kept >> 20
        )
    })
}

/// Bytes that stay free on a disk of so many.
fn kept_free(limits: &Limits, all: u64) -> u64 {
    (u64::from(limits.disk_free_mib) << 20).min(all / SHARE_FREE)
}

const DISK_INTERVAL: DurationNs = DurationNs::from_millis(100);
/// At this multiple of the room that stays free, records that are in complete parts are freed.
const EARLIER: u64 = 4;
/// Of a small disk a twentieth is left for the end of runs.
const SHARE_FREE: u64 = 20;

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
