//! A bounded queue between a run and its exporter: when it is full, the oldest items are dropped.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    news: Condvar,
    size: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    dropped: u64,
    is_closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue with this capacity.
    pub(crate) fn new(size: usize) -> Self {
        let state = State { waiting: VecDeque::new(), dropped: 0, is_closed: false };
        Self { state: Mutex::new(state), news: Condvar::new(), size: size.max(1) }
    }

    /// Adds an item without ever blocking; returns the number of drops so far if it should be logged.
    pub(crate) fn push(&self, one: T) -> Option<u64> {
        let mut state = self.state.lock().ok()?;
        let is_full = state.waiting.len() >= self.size;
        if is_full {
            state.waiting.pop_front();
            state.dropped += 1;
        }
        state.waiting.push_back(one);
        self.news.notify_one();
        (is_full && LOGGED_AT.contains(&state.dropped)).then_some(state.dropped)
    }

    /// Marks the end of the items.
    pub(crate) fn close(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.is_closed = true;
        }
        self.news.notify_all();
    }

    /// Removes the oldest item, waiting for one; `None` when the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.state.lock().ok()?;
        loop {
            if let Some(one) = state.waiting.pop_front() {
                return Some(one);
            }
            if state.is_closed {
                return None;
            }
            state = self.news.wait_timeout(state, PATIENCE).ok()?.0;
        }
    }

    /// Waits for this many items, at most this long; returns whether more may be added.
    pub(crate) fn wait_for(&self, enough: usize, patience: Duration) -> bool {
        let Ok(state) = self.state.lock() else { return false };
        let is_early = |state: &mut State<T>| state.waiting.len() < enough.min(self.size) && !state.is_closed;
        self.news.wait_timeout_while(state, patience, is_early).is_ok_and(|(state, _)| !state.is_closed)
    }

    /// Removes up to this many items, the oldest first.
    pub(crate) fn take(&self, most: usize) -> Vec<T> {
        let Ok(mut state) = self.state.lock() else { return Vec::new() };
        let count = state.waiting.len().min(most);
        state.waiting.drain(..count).collect()
    }

    /// Drops all queued items.
    pub(crate) fn give_up(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.dropped += state.waiting.len() as u64;
            state.waiting.clear();
        }
    }

    /// The number of dropped items.
    pub(crate) fn dropped(&self) -> u64 {
        self.state.lock().map_or(0, |state| state.dropped)
    }
}

/// Numbers of drops that are logged.
const LOGGED_AT: [u64; 3] = [1, 100, 1000];
/// A missed wake-up delays an item by no more than this.
const PATIENCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_dropped() {
        let queue = Queue::new(2);
        let logged = (0..1003).filter_map(|one| queue.push(one)).collect::<Vec<u64>>();
        assert_eq!(logged, [1, 100, 1000], "few drops are logged");
        queue.close();
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(1001), Some(1002), None],
            "the newest are kept"
        );
        assert_eq!(queue.dropped(), 1001, "each is counted");
    }

    #[test]
    fn many_are_taken_at_once() {
        let queue = Queue::new(3);
        assert!(queue.wait_for(2, Duration::ZERO), "the wait times out");
        for one in 0..3 {
            assert_eq!(queue.push(one), None, "the queue is not full");
        }
        assert!(queue.wait_for(512, Duration::MAX), "a full queue is enough");
        assert_eq!(queue.take(2), [0, 1], "the oldest first");
        queue.close();
        assert!(!queue.wait_for(2, Duration::MAX), "the queue is closed");
        queue.give_up();
        assert_eq!((queue.take(9), queue.dropped()), (Vec::new(), 1), "abandoned items are counted");
    }
}
