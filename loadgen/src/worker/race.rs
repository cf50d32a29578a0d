//! HOT: keep-alive races: a server closes a kept connection at the moment at which the next request is on its way. Budget:
//! docs/BUDGET.md, "sending on time".
//!
//! ```text
//! response ─▶ idle ─▶ request ──────▶ ╮
//!                     ◀────── FIN ─── ╯   no byte of a response: the request is sent once more, on a new connection
//! ```
//!
//! A request that opened its connection is not sent again, nor one that was: then the server is at fault. Its stamps are
//! those of the connection that responded, but for when it was due; each is counted (`keep_alive_races`).

use super::connection::{Connection, State};
use super::event_loop::Worker;

impl Connection {
    /// Whether the bytes of its request must be kept, because they may have to be sent again.
    #[inline]
    pub(super) fn may_race(&self) -> bool {
        self.uses > 1
            && self.state == State::Busy
            && self.active.as_ref().is_some_and(|active| !active.is_retried && !active.is_job_started())
    }

    /// Whether its end has lost a request that must be sent again.
    fn has_raced(&self) -> bool {
        self.may_race() && !self.responses.has_started()
    }
}

impl Worker {
    /// A connection has ended: sends the request that was lost with it again. Returns whether there was one.
    #[cold]
    #[inline(never)]
    pub(super) fn sent_again(&mut self, place: u32) -> bool {
        let connection = self.pool.at_mut(place);
        if !connection.has_raced() {
            return false;
        }
        if let Some(active) = connection.active.as_mut() {
            active.is_retried = true;
            active.reads = 0;
        }
        // While the kernel still reads the bytes, they are waited for.
        let active = if self.ring.is_sending(place) { None } else { connection.active.take() };
        self.close(place, clock::mono());
        if let Some(active) = active {
            self.open(active);
        }
        true
    }

    /// The bytes of a request are back whose connection has ended: another one sends it. Returns whether there was one.
    #[cold]
    #[inline(never)]
    pub(super) fn move_on(&mut self, place: u32) -> bool {
        let active = self.pool.at_mut(place).active.take();
        self.settle(place);
        active.map(|active| self.open(active)).is_some()
    }
}
