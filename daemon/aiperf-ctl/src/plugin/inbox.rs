//! What waits for a plugin while a run goes on: events of phases, and rows, of which the oldest are dropped when it is too slow.

use aiperfd_plugin::message::PhaseEvent;
use control::LiveRequest;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What waits.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<(&'static str, PhaseEvent)>,
    rows: VecDeque<LiveRequest>,
    /// Rows that came here, or were dropped on their way.
    seen: u64,
    dropped: u64,
    is_closed: bool,
}

/// What a plugin is given next.
pub(super) enum Next {
    /// An event of a phase: the method, and its parameters without a handle.
    Event(&'static str, PhaseEvent),
    /// Rows, and how many were dropped so far.
    Rows(Vec<LiveRequest>, u64),
    /// Nothing more comes; rows that were dropped.
    Closed(u64),
}

impl Inbox {
    /// Adds an event.
    pub(super) fn event(&self, method: &'static str, event: PhaseEvent) {
        self.lock().events.push_back((method, event));
        self.changed.notify_one();
    }

    /// Adds a row.
    pub(crate) fn row(&self, row: LiveRequest) {
        let mut waiting = self.lock();
        if waiting.is_closed {
            // It was counted when that was.
            return;
        }
        waiting.seen += 1;
        if waiting.rows.len() >= ROWS_MAX {
            waiting.rows.pop_front();
            waiting.dropped += 1;
        }
        waiting.rows.push_back(row);
        // One that waits for a batch is not woken by each of its rows.
        if waiting.rows.len() == 1 || waiting.rows.len() == BATCH {
            self.changed.notify_one();
        }
    }

    /// Counts rows that were dropped before they came here.
    pub(crate) fn missed(&self, count: u64) {
        let mut waiting = self.lock();
        waiting.seen += count;
        waiting.dropped += count;
    }

    /// Nothing more comes: of so many rows that there are, those that have not come are dropped.
    pub(super) fn close(&self, rows: u64) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        waiting.dropped += rows.saturating_sub(waiting.seen);
        self.changed.notify_one();
    }

    /// Drops the rows that wait, and counts them.
    pub(super) fn give_up(&self) {
        let mut waiting = self.lock();
        waiting.dropped += waiting.rows.len() as u64;
        waiting.rows.clear();
    }

    /// Waits for what is next.
    pub(super) fn next(&self) -> Next {
        let mut waiting = self.lock();
        loop {
            if let Some((method, event)) = waiting.events.pop_front() {
                return Next::Event(method, event);
            }
            if !waiting.rows.is_empty() {
                if waiting.rows.len() < BATCH && !waiting.is_closed {
                    let wait = self.changed.wait_timeout(waiting, GATHER);
                    waiting = wait.unwrap_or_else(PoisonError::into_inner).0;
                    if !waiting.events.is_empty() {
                        continue;
                    }
                }
                let count = waiting.rows.len().min(BATCH);
                let rows = waiting.rows.drain(..count).collect();
                return Next::Rows(rows, waiting.dropped);
            }
            if waiting.is_closed {
                return Next::Closed(waiting.dropped);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows that wait at most.
pub(super) const ROWS_MAX: usize = 65_536;
/// Rows of a call.
const BATCH: usize = 1000;
/// How long rows are gathered for a call.
const GATHER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use aiperfd_plugin::message::{Phase, Stats};

    fn row(worker: u32) -> LiveRequest {
        serde_json::from_value(serde_json::json!({
            "phase": "profiling", "worker": worker, "error": null, "http_status": 200, "values": {}, "dropped": 0,
        }))
        .unwrap()
    }

    #[test]
    fn the_oldest_rows_are_dropped_and_counted() {
        let inbox = Inbox::default();
        (0..65_541).for_each(|worker| inbox.row(row(worker)));
        let phase = Phase { name: "profiling".to_owned(), is_warmup: false, number: 1 };
        inbox.event("phase_hook.start", PhaseEvent { handle: 0, phase, stats: Stats::default() });
        inbox.missed(2);
        // One more was recorded, and came too late.
        inbox.close(65_544);
        inbox.row(row(0));
        assert!(matches!(inbox.next(), Next::Event("phase_hook.start", _)), "events come first");
        let Next::Rows(rows, dropped) = inbox.next() else { panic!("rows") };
        assert_eq!((rows.len(), rows[0].worker, dropped), (BATCH, 5, 8));
        inbox.give_up();
        let expected = (ROWS_MAX - BATCH + 8) as u64;
        assert!(matches!(inbox.next(), Next::Closed(dropped) if dropped == expected));
    }
}
