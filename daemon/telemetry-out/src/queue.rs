//! A bounded queue between a run and whoever sends its results: what does not fit pushes out the oldest.

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
    /// An empty queue that holds this many.
    pub(crate) fn new(size: usize) -> Self {
        let state = State { waiting: VecDeque::new(), dropped: 0, is_closed: false };
        Self { state: Mutex::new(state), news: Condvar::new(), size: size.max(1) }
    }

    /// Adds one, without ever waiting for room; tells how many were dropped so far if that is to be said.
    pub(crate) fn push(&self, one: T) -> Option<u64> {
        let mut state = self.state.lock().ok()?;
        let is_full = state.waiting.len() >= self.size;
        if is_full {
            state.waiting.pop_front();
            state.dropped += 1;
        }
        state.waiting.push_back(one);
        self.news.notify_one();
        (is_full && SAID_AT.contains(&state.dropped)).then_some(state.dropped)
    }

    /// No more will come.
    pub(crate) fn close(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.is_closed = true;
        }
        self.news.notify_all();
    }

    /// The oldest, once there is one; `None` when the queue is closed and empty.
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

    /// Waits until there are so many, or for this long; tells whether more may come.
    pub(crate) fn wait_for(&self, enough: usize, patience: Duration) -> bool {
        let Ok(state) = self.state.lock() else { return false };
        let is_early = |state: &mut State<T>| state.waiting.len() < enough.min(self.size) && !state.is_closed;
        self.news.wait_timeout_while(state, patience, is_early).is_ok_and(|(state, _)| !state.is_closed)
    }

    /// What waits, the oldest first, but no more than this.
    pub(crate) fn take(&self, most: usize) -> Vec<T> {
        let Ok(mut state) = self.state.lock() else { return Vec::new() };
        let count = state.waiting.len().min(most);
        state.waiting.drain(..count).collect()
    }

    /// Drops what waits.
    pub(crate) fn give_up(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.dropped += state.waiting.len() as u64;
            state.waiting.clear();
        }
    }

    /// How many were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.state.lock().map_or(0, |state| state.dropped)
    }
}

/// Drops are said when there were so many.
const SAID_AT: [u64; 3] = [1, 100, 1000];
/// A notice that is missed costs no more than that.
const PATIENCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes() {
        let queue = Queue::new(2);
        let said = (0..1003).filter_map(|one| queue.push(one)).collect::<Vec<u64>>();
        assert_eq!(said, [1, 100, 1000], "drops are said sparingly");
        queue.close();
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(1001), Some(1002), None],
            "the newest stay"
        );
        assert_eq!(queue.dropped(), 1001, "each is counted");
    }

    #[test]
    fn many_are_taken_at_once() {
        let queue = Queue::new(3);
        assert!(queue.wait_for(2, Duration::ZERO), "nobody waits for ever");
        for one in 0..3 {
            assert_eq!(queue.push(one), None, "there is room");
        }
        assert!(queue.wait_for(512, Duration::MAX), "a full queue is enough");
        assert_eq!(queue.take(2), [0, 1], "the oldest first");
        queue.close();
        assert!(!queue.wait_for(2, Duration::MAX), "no more will come");
        queue.give_up();
        assert_eq!((queue.take(9), queue.dropped()), (Vec::new(), 1), "what is given up is counted");
    }
}
