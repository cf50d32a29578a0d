//! HOT: how much memory responses hold, over all connections, and whether that is too much. Budget: docs/BUDGET.md, "memory".

use super::connection::{Active, Connection};
use crate::bounds::{self, Bound, Exceeded};
use std::sync::Arc;

/// Memory of responses, over all connections.
pub(super) struct Memory {
    /// What connections hold of what is not whole, and may hold.
    partial: usize,
    partial_max: u64,
    /// Bytes of responses that sessions go on with, or of jobs; and how many that may be.
    kept: u64,
    kept_max: u64,
    exceeded: Arc<Exceeded>,
}

impl Memory {
    /// None, for so many connections.
    pub(super) const fn new(connections: u64, exceeded: Arc<Exceeded>) -> Self {
        let partial_max = bounds::partial_bytes(connections);
        Self { partial: 0, partial_max, kept: 0, kept_max: bounds::answer_bytes(connections), exceeded }
    }

    /// A connection may hold more or less of what is not whole.
    #[inline]
    pub(super) fn count_held(&mut self, connection: &mut Connection) {
        let held = connection.held();
        self.partial = self.partial - connection.partial + held;
        connection.partial = held;
    }

    /// A place gets another connection.
    pub(super) const fn forget_held(&mut self, connection: &mut Connection) {
        self.partial -= std::mem::replace(&mut connection.partial, 0);
    }

    /// A request keeps `now` bytes of its response, and kept `before`.
    #[inline]
    pub(super) const fn kept(&mut self, before: u64, now: u64) {
        self.kept = self.kept + now - before;
    }

    /// What a request keeps of its response is free.
    #[inline]
    pub(super) fn release(&mut self, active: &Active) {
        self.kept -= active.kept();
    }

    /// Whether more is held of what is not whole than may be.
    #[inline]
    pub(super) const fn holds_too_much(&self) -> bool {
        self.partial as u64 > self.partial_max
    }

    /// Whether more is kept for sessions than may be.
    #[inline]
    pub(super) const fn keeps_too_much(&self) -> bool {
        self.kept > self.kept_max
    }

    /// Counts what was left out.
    #[cold]
    pub(super) fn exceeded(&self, bound: Bound, more: u64) {
        self.exceeded.count(bound, more);
    }
}
