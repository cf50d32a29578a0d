//! The memory that all open requests share: what has no room is left out and counted.

use crate::bounds::{DECODERS_BYTES_MAX, KEPT_BYTES_MAX};

/// How much more may be held.
#[derive(Debug)]
pub(super) struct Room {
    all: usize,
    left: usize,
    /// How much more decoders may hold.
    decoders_left: usize,
    /// Memory of requests that have ended, kept for the next ones.
    kept: usize,
}

impl Room {
    /// Room for so many bytes.
    pub(super) fn of(bytes: u64) -> Self {
        let all = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { all, left: all, decoders_left: DECODERS_BYTES_MAX, kept: 0 }
    }

    /// What is taken.
    pub(super) const fn taken(&self) -> usize {
        self.all - self.left
    }

    /// Takes room; returns whether there was enough.
    #[inline]
    pub(super) const fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left;
        if fits {
            self.left -= bytes;
        }
        fits
    }

    /// Takes room for a decoder; returns whether there was enough.
    pub(super) const fn take_decoder(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.decoders_left;
        if fits {
            self.decoders_left -= bytes;
        }
        fits
    }

    /// Returns a decoder's room.
    pub(super) const fn give_back_decoder(&mut self, bytes: usize) {
        self.decoders_left = self.decoders_left.saturating_add(bytes);
    }

    /// Returns room.
    pub(super) const fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes);
    }

    /// Whether a request that has ended may keep so much memory for the next one; it does then.
    pub(super) const fn may_keep(&mut self, bytes: usize) -> bool {
        let fits = self.kept + bytes <= KEPT_BYTES_MAX;
        if fits {
            self.kept += bytes;
        }
        fits
    }

    /// Memory that was kept is used again.
    pub(super) const fn use_kept(&mut self, bytes: usize) {
        self.kept = self.kept.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut room = Room::of(10);
        assert!(room.take(7) && !room.take(4), "four do not fit");
        room.give_back(7);
        assert!(room.take(10) && !room.take(1), "all of it");
    }

    #[test]
    fn little_is_kept_for_later() {
        let mut room = Room::of(0);
        assert!(room.may_keep(KEPT_BYTES_MAX) && !room.may_keep(1), "up to the bound");
        room.use_kept(KEPT_BYTES_MAX);
        assert!(room.may_keep(1), "it is used again");
    }
}
