//! What a frame shows: a copy of what is going on, and what only repeated looks at it can tell.

use super::workers::{self, Status};
use crate::display::now::Now;

/// What a frame shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// What is going on.
    pub(super) now: Now,
    /// The status of each hot core.
    pub(super) workers: Vec<Status>,
    /// Signals that requested the command to end.
    pub(super) signals: u32,
    /// What the last key did, for a few seconds.
    pub(super) notice: Option<String>,
}

/// Looks again and again. Its times are seconds since any moment.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// The time of the newest progress, on the run's clock, and when it was first seen.
    newest: Option<(f64, f64)>,
    /// Failed requests of each hot core, and when they last became more.
    failed: Vec<(u64, Option<f64>)>,
    notice: Option<(String, f64)>,
}

impl Watcher {
    /// What is seen at a time, after so many signals.
    pub(super) fn see(&mut self, now: Now, signals: u32, time: f64) -> Seen {
        self.notice.take_if(|(_, since)| time - *since > NOTICE_SECONDS);
        let notice = self.notice.as_ref().map(|(text, _)| text.clone());
        let workers = self.workers(&now, time);
        Seen { now, workers, signals, notice }
    }

    fn workers(&mut self, now: &Now, time: f64) -> Vec<Status> {
        let Some(progress) = &now.progress else { return Vec::new() };
        if self.newest.is_none_or(|(newest, _)| (newest - progress.elapsed_seconds).abs() > 0.0) {
            self.newest = Some((progress.elapsed_seconds, time));
        }
        let silence = self.newest.map_or(0.0, |(_, since)| time - since);
        self.failed.resize(progress.workers.len(), (0, None));
        let statuses = progress.workers.iter().zip(&mut self.failed).map(|(worker, (failed, when))| {
            if worker.failed > *failed {
                *when = Some(time);
            }
            *failed = worker.failed;
            workers::status(worker, progress.state, silence, when.map(|when| time - when))
        });
        statuses.collect()
    }

    /// Shows what a key did.
    pub(super) fn notice(&mut self, text: String, time: f64) {
        self.notice = Some((text, time));
    }
}

const NOTICE_SECONDS: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::dashboard::tests::running;
    use control::WorkerProgress;

    #[test]
    fn the_status_of_a_worker_follows_what_changes() {
        let mut watcher = Watcher::default();
        let mut now = running();
        let mut check = |failed: u64, elapsed: f64, time: f64, expected: Status| {
            if let Some(progress) = &mut now.progress {
                progress.workers = vec![WorkerProgress { failed, in_flight: 1, ..WorkerProgress::default() }];
                progress.elapsed_seconds = elapsed;
            }
            assert_eq!(watcher.see(now.clone(), 0, time).workers, [expected], "at {time}");
        };
        check(0, 1.0, 1.0, Status::Healthy);
        check(1, 2.0, 2.0, Status::Error);
        check(1, 4.0, 4.0, Status::Error);
        check(1, 6.0, 6.0, Status::Healthy);
        check(1, 6.0, 15.0, Status::Healthy);
        check(1, 6.0, 16.5, Status::Stale);
        check(1, 17.0, 17.0, Status::Healthy);
    }

    #[test]
    fn a_notice_is_shown_for_a_few_seconds() {
        let mut watcher = Watcher::default();
        watcher.notice("saved".to_owned(), 10.0);
        assert_eq!(watcher.see(Now::default(), 0, 12.0).notice.as_deref(), Some("saved"));
        assert_eq!(watcher.see(Now::default(), 0, 16.0).notice, None);
    }
}
