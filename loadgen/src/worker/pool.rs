//! HOT: the pool of connections: which place has one, which of them wait for a request, and which are being closed. Budget:
//! docs/BUDGET.md, "one-token streaming requests".
//!
//! ```text
//! free ──open──▶ connecting ─▶ busy ◀──take── idle (any session) or owned (one session)
//!   ▲                            └──release──▶ ─┘
//!   └──── settle ◀── closing ◀──────close───────┘      stranded: requests for which there was no place
//! ```

use super::connection::{Active, Connection, State};
use super::{Destination, narrow, widen};
use crate::wire::tls::Tls;
use common::clock::MonoNs;
use common::id::{ConnectionId, SocketCookie};
use rustc_hash::FxHashMap;
use spec::ConnectionReuse;
use std::collections::VecDeque;

/// A worker's connections, by their places in the ring.
pub(super) struct Pool {
    /// The worker's number, which is part of its connections' ids.
    worker: u32,
    targets: Vec<Destination>,
    reuse: ConnectionReuse,
    connections: Vec<Connection>,
    /// Places of connections that wait for a request, the one used last on top: its path is the warmest.
    idle: Vec<u32>,
    /// Connections that wait for their session's next turn.
    owned: FxHashMap<u64, u32>,
    /// Places without a connection.
    free: Vec<u32>,
    /// Connections that are closed and will be free places soon.
    closing: u32,
    /// Requests for which no connection was available yet: one is being closed.
    stranded: VecDeque<Active>,
    /// Buffers of sealed requests that were sent, to be used again.
    spare: Vec<Vec<u8>>,
}

impl Pool {
    /// So many places without a connection.
    pub(super) fn new(worker: u32, places: u32, targets: Vec<Destination>, reuse: ConnectionReuse) -> Self {
        Self {
            worker,
            targets,
            reuse,
            connections: (0..places).map(|_| Connection::absent()).collect(),
            idle: Vec::with_capacity(widen(places)),
            owned: FxHashMap::default(),
            free: (0..places).rev().collect(),
            closing: 0,
            stranded: VecDeque::new(),
            spare: Vec::with_capacity(widen(places)),
        }
    }

    /// How many places there are.
    pub(super) const fn places(&self) -> u32 {
        narrow(self.connections.len())
    }

    /// The connection at a place.
    #[inline]
    pub(super) fn at(&self, place: u32) -> &Connection {
        &self.connections[widen(place)]
    }

    /// The connection at a place.
    #[inline]
    pub(super) fn at_mut(&mut self, place: u32) -> &mut Connection {
        &mut self.connections[widen(place)]
    }

    /// The request that a place carries.
    #[inline]
    pub(super) fn active(&self, place: u32) -> Option<&Active> {
        self.at(place).active.as_ref()
    }

    /// Whether a place carries the request of this number.
    #[inline]
    pub(super) fn carries(&self, place: u32, request: u64) -> bool {
        self.active(place).is_some_and(|active| active.prepared.request.0 == request)
    }

    /// Where the requests of a target go.
    pub(super) fn target(&self, target: u16) -> &Destination {
        &self.targets[usize::from(target)]
    }

    /// Whether there may be a connection for another request.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.stranded.is_empty() && !(self.idle.is_empty() && self.free.is_empty() && self.owned.is_empty())
    }

    /// Takes a connection that may carry a request: its session's own one, or one to its target that is idle.
    #[inline]
    pub(super) fn take(&mut self, active: &Active) -> Option<u32> {
        if self.reuse == ConnectionReuse::StickyUserSessions
            && let Some(place) = self.owned.remove(&active.prepared.session)
        {
            return Some(place);
        }
        let target = active.prepared.target;
        let fits = self.idle.iter().rposition(|place| self.at(*place).target == target);
        fits.map(|found| self.idle.swap_remove(found))
    }

    /// The request of a place is over. Returns whether its connection is of no more use: then it must be closed.
    #[inline]
    #[must_use]
    pub(super) fn release(&mut self, place: u32, active: &Active) -> bool {
        let connection = self.at_mut(place);
        if connection.state != State::Busy {
            return false;
        }
        connection.state = State::Idle;
        if self.reuse == ConnectionReuse::Pooled {
            self.idle.push(place);
            return false;
        }
        !self.keeps(place, active)
    }

    /// Keeps an idle connection that not every session may use for its own, if that goes on.
    #[cold]
    #[inline(never)]
    fn keeps(&mut self, place: u32, active: &Active) -> bool {
        let keeps = self.reuse == ConnectionReuse::StickyUserSessions && active.goes_on();
        if keeps {
            self.owned.insert(active.prepared.session, place);
        }
        keeps
    }

    /// Takes a place without a connection.
    pub(super) fn take_free(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// A place that was taken gets no connection.
    #[cold]
    pub(super) fn give_back(&mut self, place: u32) {
        self.free.push(place);
    }

    /// A place that was taken gets a connection, which is to be made for this request. Returns the connection.
    pub(super) fn open(
        &mut self,
        place: u32,
        active: Active,
        cookie: SocketCookie,
        tls: Option<Box<Tls>>,
        now: MonoNs,
    ) -> &mut Connection {
        let worker = self.worker;
        let connection = self.at_mut(place);
        connection.opened += 1;
        connection.id = ConnectionId((worker << 24) | (place & 0xffff) | ((connection.opened & 0xff) << 16));
        connection.cookie = cookie;
        connection.target = active.prepared.target;
        connection.sent_offset = 0;
        connection.uses = 0;
        connection.tls = tls;
        connection.responses.reconnect();
        connection.connect_begun = now;
        connection.state = State::Connecting;
        connection.active = Some(active);
        connection
    }

    /// A request waits for a place.
    #[cold]
    pub(super) fn strand(&mut self, active: Active) {
        self.stranded.push_back(active);
    }

    /// Whether requests wait for places.
    #[inline]
    pub(super) fn has_stranded(&self) -> bool {
        !self.stranded.is_empty()
    }

    /// The next request that waits for a place.
    #[cold]
    pub(super) fn pop_stranded(&mut self) -> Option<Active> {
        self.stranded.pop_front()
    }

    /// Whether there is a place without a connection.
    pub(super) const fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// The connection that is to be closed to make room for another one, unless one is being closed.
    #[cold]
    #[inline(never)]
    pub(super) fn evict(&mut self) -> Option<u32> {
        if self.closing > 0 {
            return None;
        }
        let owned = self.owned.iter().next().map(|(session, place)| (*session, *place));
        self.idle.first().copied().or_else(|| {
            let (session, place) = owned?;
            self.owned.remove(&session);
            Some(place)
        })
    }

    /// A connection is to be closed: nothing uses it any more. Returns whether it was still there.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub(super) fn close(&mut self, place: u32) -> bool {
        let state = self.at(place).state;
        if matches!(state, State::Absent | State::Closing) {
            return false;
        }
        if state == State::Idle
            && let Some(found) = self.idle.iter().position(|idle| *idle == place)
        {
            self.idle.swap_remove(found);
        }
        if self.reuse == ConnectionReuse::StickyUserSessions {
            self.owned.retain(|_, owned| *owned != place);
        }
        self.closing += 1;
        let connection = self.at_mut(place);
        connection.state = State::Closing;
        // What was not whole never will be: others may have its room at once.
        connection.responses.release();
        true
    }

    /// Frees the place of a closed connection on which nothing is in flight.
    #[inline]
    pub(super) fn settle(&mut self, place: u32, in_flight: u32) {
        let connection = self.at_mut(place);
        if connection.state == State::Closing && in_flight == 0 {
            connection.state = State::Absent;
            self.closing -= 1;
            self.free.push(place);
        }
    }

    /// The records of what is to be sent, and how many bytes of the handshake precede them; `None` if the connection is not
    /// encrypted.
    #[inline]
    pub(super) fn seal(&mut self, place: u32, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
        let tls = self.connections[widen(place)].tls.as_mut()?;
        let mut records = self.spare.pop().unwrap_or_default();
        let handshake = tls.seal(bytes, &mut records);
        Some((records, handshake))
    }

    /// Records were sent: their buffer is used again.
    #[inline]
    pub(super) fn give_back_records(&mut self, mut records: Vec<u8>) {
        let is_wanted = 0 < records.capacity() && records.capacity() <= SPARE_BYTES_MAX;
        if is_wanted && self.spare.len() < self.connections.len() {
            records.clear();
            self.spare.push(records);
        }
    }
}

/// Longer buffers of sealed requests are not kept: a request of that length costs more than its memory.
const SPARE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composer::{Next, Prepared};
    use crate::ring::socket::Address;

    fn pool(places: u32, reuse: ConnectionReuse) -> Pool {
        let address = Address::Internet(([127, 0, 0, 1], 1).into());
        let target = Destination { address, tls: None };
        Pool::new(0, places, vec![target.clone(), target], reuse)
    }

    fn request(session: u64, target: u16, next: Next) -> Active {
        let prepared = Prepared { target, next, ..Prepared::nothing(session, false) };
        Active::new(prepared, MonoNs(0), 0)
    }

    /// Opens a connection for a request, which is answered.
    fn answered(pool: &mut Pool, active: Active) -> (u32, bool) {
        let place = pool.take(&active).or_else(|| pool.take_free()).unwrap();
        if pool.at(place).state == State::Absent {
            pool.open(place, active, SocketCookie(1), None, MonoNs(0));
        } else {
            pool.at_mut(place).active = Some(active);
        }
        pool.at_mut(place).state = State::Busy;
        let active = pool.at_mut(place).active.take().unwrap();
        (place, pool.release(place, &active))
    }

    #[test]
    fn a_pooled_connection_serves_any_session_of_its_target() {
        let mut pool = pool(2, ConnectionReuse::Pooled);
        let first = answered(&mut pool, request(1, 0, Next::Over));
        assert_eq!(first, (0, false), "kept");
        assert_eq!(answered(&mut pool, request(2, 0, Next::Over)), first, "another session's");
        assert_eq!(
            answered(&mut pool, request(3, 1, Next::Over)),
            (1, false),
            "another target needs its own"
        );
        assert!(pool.has_room() && !pool.has_free(), "both are idle");
        assert_eq!(pool.evict(), Some(0), "the one that was idle first makes room");
        assert!(pool.close(0) && !pool.close(0), "closed once");
        assert_eq!(pool.evict(), None, "one is being closed");
        pool.settle(0, 1);
        assert!(!pool.has_free(), "its receive has not ended");
        pool.settle(0, 0);
        assert_eq!(pool.take_free(), Some(0), "it has");
    }

    #[test]
    fn a_sticky_connection_serves_its_session_until_that_is_over() {
        let mut pool = pool(2, ConnectionReuse::StickyUserSessions);
        let goes_on = Next::After(common::clock::DurationNs(1));
        assert_eq!(answered(&mut pool, request(1, 0, goes_on)), (0, false), "kept for its session");
        assert_eq!(answered(&mut pool, request(2, 0, goes_on)), (1, false), "not for another");
        assert_eq!(answered(&mut pool, request(1, 0, Next::Over)), (0, true), "its last turn");
        assert_eq!(pool.evict(), Some(1), "an owned one, for none is idle");
    }

    #[test]
    fn a_connection_for_one_request_is_closed() {
        let mut pool = pool(1, ConnectionReuse::Never);
        assert_eq!(answered(&mut pool, request(1, 0, Next::Over)), (0, true), "of no more use");
        pool.strand(request(2, 0, Next::Over));
        assert!(pool.has_stranded() && !pool.has_room(), "others wait behind it");
    }
}
