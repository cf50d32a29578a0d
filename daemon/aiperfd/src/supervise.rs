//! Checks that every thread and process of a run is alive: one that dies, hangs or makes no progress ends the run, with a
//! reason.
//!
//! ```text
//! collector   it looks at the rings        pipeline   it makes progress, and reads what the response parser sends
//! load generator   is no stopped process, ends when it is ordered to      disk   has room left
//! ```

use crate::collect::client_ring::Counters;
use crate::limits::Limits;
use crate::pipeline::{Pipeline, Writers};
use crate::run::RunResources;
use crate::store::{Store, is_full};
use crate::threads::{self, spawn_with_priority};
use anyhow::Result;
use common::clock::{DurationNs, MonoNs};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Why a run ended before its plan was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What kind of end it is.
    pub cause: Cause,
    /// The reason, for the user.
    pub why: String,
}

/// What kind of end a run that was not done has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Requested by the user, by the client's end or the daemon's end, or the plan requires it.
    Requested,
    /// A thread or process of the run died.
    Died,
    /// A thread or process of the run made no progress.
    Stalled,
    /// The daemon died under it.
    DaemonDied,
    /// The disk is full.
    DiskFull,
    /// The disk refused for another reason.
    DiskFailed,
}

impl Stopped {
    /// It was requested.
    pub fn requested(why: impl Into<String>) -> Self {
        Self { cause: Cause::Requested, why: why.into() }
    }

    /// A thread or process of the run died.
    pub fn died(why: impl Into<String>) -> Self {
        Self { cause: Cause::Died, why: why.into() }
    }

    /// A thread or process of the run made no progress.
    pub fn stalled(why: impl Into<String>) -> Self {
        Self { cause: Cause::Stalled, why: why.into() }
    }

    /// What a thread failed with.
    pub fn failed(what: &str, error: &anyhow::Error) -> Self {
        // What the kernel refused has a number; what one thread finds wrong with another has none.
        let is_disk = error.chain().any(|cause| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.raw_os_error().is_some())
        });
        let cause = match (is_full(error), is_disk) {
            (true, _) => Cause::DiskFull,
            (false, true) => Cause::DiskFailed,
            (false, false) => Cause::Died,
        };
        Self { cause, why: format!("{what}: {error:#}") }
    }
}

/// What was seen of a run's threads and processes at the last look.
#[derive(Debug)]
pub struct Supervisor {
    looks: Since<u64>,
    parser: Parser,
    disk: MonoNs,
    /// When the load generator is ended by force.
    deadline: Option<MonoNs>,
}

/// A value, and since when it has been the same.
#[derive(Debug)]
struct Since<T> {
    value: T,
    since: MonoNs,
}

impl<T: PartialEq> Since<T> {
    /// Updates the value; returns how long it has been this one.
    fn same(&mut self, value: T, now: MonoNs) -> DurationNs {
        if self.value != value {
            (self.value, self.since) = (value, now);
        }
        now - self.since
    }
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

/// The pipeline's thread, how far it is, and what it ended with.
pub(crate) struct PipelineThread {
    thread: Option<JoinHandle<Result<Writers>>>,
    received: Arc<AtomicU64>,
    result: Option<Result<Writers>>,
}

impl PipelineThread {
    /// Starts it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(name: &str, priority: i32, pipeline: Pipeline) -> Result<Self> {
        let received = Arc::clone(&pipeline.received);
        let thread = spawn_with_priority(name, priority, move || pipeline.run())?;
        Ok(Self { thread: Some(thread), received, result: None })
    }

    /// Messages of the response parser so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Whether it has ended with a failure. That it has succeeded, because the response parser is done, is for the load
    /// generator to report.
    pub(crate) fn ended_early(&mut self) -> bool {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(thread) = self.thread.take()
        {
            self.result = Some(threads::join(thread).flatten());
        }
        matches!(self.result, Some(Err(_)))
    }

    /// What it failed with.
    pub(crate) fn failure(&self) -> Option<&anyhow::Error> {
        self.result.as_ref()?.as_ref().err()
    }

    /// Waits for its end as long as it makes progress; returns the writers.
    ///
    /// # Errors
    /// Its error, or that it hangs: it is left behind then.
    pub(crate) fn wait(&mut self, now: impl Fn() -> MonoNs) -> Result<Writers> {
        let mut last = Since { value: self.received(), since: now() };
        loop {
            self.ended_early();
            if let Some(result) = self.result.take() {
                return result;
            }
            anyhow::ensure!(self.thread.is_some(), "the pipeline was waited for before");
            if last.same(self.received(), now()) > PARSER_STANDSTILL {
                anyhow::bail!("the pipeline hangs");
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Whether a process was stopped by a signal or a debugger (man 5 proc_pid_stat, field 3).
pub(crate) fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, after)| after.starts_with(['T', 't']))
}

/// A thread or process that does nothing for so long hangs.
pub(crate) const STANDSTILL: DurationNs = DurationNs::from_millis(10_000);
/// A response that takes longer to parse is treated as a hang.
pub(crate) const PARSER_STANDSTILL: DurationNs = DurationNs::from_millis(60_000);
const DISK_INTERVAL: DurationNs = DurationNs::from_millis(100);
/// At this multiple of the room that stays free, records that are in complete parts are freed.
const EARLIER: u64 = 4;
/// Of a small disk a twentieth is left for the end of runs.
const SHARE_FREE: u64 = 20;
const LOOK: std::time::Duration = std::time::Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_threads_error_decides_the_kind_of_end() {
        let check = |error: anyhow::Error, cause: Cause| {
            let stopped = Stopped::failed("x", &error.context("failed to spool records"));
            assert_eq!(stopped.cause, cause, "{}", stopped.why);
        };
        check(Error::from(ErrorKind::StorageFull).into(), Cause::DiskFull);
        check(Error::from_raw_os_error(READ_ONLY).into(), Cause::DiskFailed);
        check(Error::other("the load generator corrupted its ring").into(), Cause::Died);
        check(anyhow::anyhow!("a record of unknown kind"), Cause::Died);
    }

    /// `EROFS` (include/uapi/asm-generic/errno-base.h).
    const READ_ONLY: i32 = 30;

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

    #[test]
    fn only_what_stays_the_same_stands_still() {
        let at = |ms: i64| MonoNs(0) + DurationNs::from_millis(ms);
        let mut since = Since { value: 1, since: at(0) };
        assert_eq!(since.same(1, at(5)), DurationNs::from_millis(5), "the same");
        assert_eq!(since.same(2, at(6)), DurationNs::from_millis(0), "another");
        assert_eq!(since.same(2, at(9)), DurationNs::from_millis(3), "since then");
    }
}
