//! The queues between a composer and its worker.

use super::{Answer, Prepared};
use rtrb::{Consumer, Producer, RingBuffer};

/// The worker's ends of the queues.
#[derive(Debug)]
pub struct PreparedQueue {
    /// First turns to send, in order.
    pub ready: Consumer<Prepared>,
    /// Later turns to send, each when it is due.
    pub turns: Consumer<Prepared>,
    /// What the composer makes later turns of.
    pub answers: Producer<Answer>,
    spent: Producer<Vec<u8>>,
}

/// The composer's ends of the queues.
#[derive(Debug)]
pub struct Feed {
    pub(super) ready: Producer<Prepared>,
    pub(super) turns: Producer<Prepared>,
    pub(super) answers: Consumer<Answer>,
    pub(super) spent: Consumer<Vec<u8>>,
}

impl PreparedQueue {
    /// Returns the buffer of a request that was sent.
    #[inline]
    pub fn give_back(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > 0 {
            // The queue has room for every request there can be; should it not, the memory is simply freed.
            self.spent.push(bytes).ok();
        }
    }
}

#[cfg(test)]
impl Feed {
    /// What a test fills and empties in place of a composer: first turns, and the buffers that come back.
    pub(crate) const fn ends(&mut self) -> (&mut Producer<Prepared>, &mut Consumer<Vec<u8>>) {
        (&mut self.ready, &mut self.spent)
    }
}

/// All queues, for `depth` requests ready and at most `in_flight` being sent.
#[must_use]
pub fn queue(depth: usize, in_flight: usize) -> (Feed, PreparedQueue) {
    let (ready_in, ready_out) = RingBuffer::new(depth);
    let (turns_in, turns_out) = RingBuffer::new(depth);
    let (answers_in, answers_out) = RingBuffer::new(depth);
    let (spent_in, spent_out) = RingBuffer::new(depth + in_flight + 1);
    let feed = Feed { ready: ready_in, turns: turns_in, answers: answers_out, spent: spent_out };
    (feed, PreparedQueue { ready: ready_out, turns: turns_out, answers: answers_in, spent: spent_in })
}
