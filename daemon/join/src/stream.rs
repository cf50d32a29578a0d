//! One direction of a TCP connection: which byte had arrived (or left) when, from segments in any order.

use common::clock::MonoNs;
use std::collections::{BTreeMap, VecDeque};

/// One direction of one connection, in byte offsets from its first payload byte.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The sequence number of byte 0.
    base: Option<u32>,
    /// Every byte below this offset is there.
    frontier: u64,
    /// How the frontier advanced, oldest first; offsets and times only grow.
    steps: VecDeque<Arrival>,
    /// Stretches beyond the frontier, by their first byte: out of order, or behind a stamp that was lost.
    ahead: BTreeMap<u64, Stretch>,
    /// Segments that brought new bytes.
    segments: u64,
    /// The latest time of any step: the frontier can't advance earlier than it did before.
    latest: MonoNs,
}

/// The moment at which every byte below `end` was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The offset after the last byte that was there.
    pub end: u64,
    /// When.
    pub time: MonoNs,
    /// The number of the segment that completed it, from 0.
    pub segment: u64,
    /// The path's smoothed round-trip time in µs at that moment; 0 when not known.
    pub smoothed_rtt_us: u32,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    end: u64,
    time: MonoNs,
    segment: u64,
    smoothed_rtt_us: u32,
}

impl Stream {
    /// A stream whose byte 0 has this sequence number.
    #[must_use]
    pub fn from_sequence(base: u32) -> Self {
        Self { base: Some(base), ..Self::default() }
    }

    /// Adds a stamped segment. Without a known base, the first one's first byte is byte 0.
    pub fn segment(&mut self, sequence: u32, length: u32, time: MonoNs, smoothed_rtt_us: u32) {
        let base = *self.base.get_or_insert(sequence);
        let begin = self.unwrap(sequence.wrapping_sub(base));
        let Some(begin) = begin else { return };
        self.stretch(begin, begin + u64::from(length), time, smoothed_rtt_us);
    }

    /// Adds a stamped stretch of bytes whose offsets are known.
    pub fn stretch(&mut self, begin: u64, end: u64, time: MonoNs, smoothed_rtt_us: u32) {
        if end <= self.frontier {
            return;
        }
        let segment = self.segments;
        self.segments += 1;
        let stretch = Stretch { end, time, segment, smoothed_rtt_us };
        if begin > self.frontier {
            let known = self.ahead.entry(begin).or_insert(stretch);
            if end > known.end {
                *known = stretch;
            }
            return;
        }
        self.advance(stretch);
        self.absorb();
    }

    /// When every byte below `end` was there. Must be called with growing offsets: what is before one is forgotten.
    ///
    /// `None` when a stamp is missing although the client saw the bytes. The stream then continues after them, so one lost
    /// stamp costs the events that needed it and no more.
    pub fn arrival(&mut self, end: u64) -> Option<Arrival> {
        if end > self.frontier {
            self.frontier = end;
            self.absorb();
            return None;
        }
        while self.steps.front().is_some_and(|step| step.end < end) {
            self.steps.pop_front();
        }
        self.steps.front().copied()
    }

    /// Forgets the arrival of bytes before an offset, which will not be looked up.
    pub fn forget_before(&mut self, offset: u64) {
        if offset > self.frontier {
            self.frontier = offset;
            self.absorb();
        }
        while self.steps.front().is_some_and(|step| step.end <= offset) {
            self.steps.pop_front();
        }
    }

    /// Every byte below this offset is there.
    #[must_use]
    pub const fn frontier(&self) -> u64 {
        self.frontier
    }

    /// Segments that brought new bytes so far.
    #[must_use]
    pub const fn segments(&self) -> u64 {
        self.segments
    }

    /// Steps kept: arrivals that were not looked up yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.steps.len() + self.ahead.len()
    }

    /// Absorbs the stretches that touch the frontier now.
    fn absorb(&mut self) {
        while let Some(entry) = self.ahead.first_entry() {
            if *entry.key() > self.frontier {
                break;
            }
            let stretch = entry.remove();
            self.advance(stretch);
        }
    }

    /// Moves the frontier to the end of a stretch that touches it, with a time no earlier than the one before.
    fn advance(&mut self, stretch: Stretch) {
        if stretch.end <= self.frontier {
            return;
        }
        self.frontier = stretch.end;
        self.latest = self.latest.max(stretch.time);
        self.steps.push_back(Arrival {
            end: stretch.end,
            time: self.latest,
            segment: stretch.segment,
            smoothed_rtt_us: stretch.smoothed_rtt_us,
        });
    }

    /// The 64-bit offset, nearest to the frontier, for a 32-bit distance from the base (RFC 9293 §3.4: sequence numbers are
    /// modulo 2^32; a window is far below 2^31). `None` for a byte before the first.
    fn unwrap(&self, distance: u32) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is what the wire carries")]
        let low = self.frontier as u32;
        let ahead = distance.wrapping_sub(low).cast_signed();
        self.frontier.checked_add_signed(i64::from(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `(sequence, length, time)` and checks the time of each `(end, expected)` in order.
    fn check(base: u32, segments: &[(u32, u32, u64)], expected: &[(u64, Option<u64>)]) {
        let mut stream = Stream::from_sequence(base);
        for &(sequence, length, time) in segments {
            stream.segment(sequence, length, MonoNs(time), 0);
        }
        for &(end, time) in expected {
            assert_eq!(stream.arrival(end).map(|step| step.time.0), time, "byte {end} of {segments:?}");
        }
    }

    #[test]
    fn in_order() {
        check(
            1000,
            &[(1000, 300, 1), (1300, 150, 4), (1450, 62, 9)],
            &[(280, Some(1)), (450, Some(4)), (512, Some(9))],
        );
    }

    #[test]
    fn reordered_bytes_are_there_when_the_hole_is_filled() {
        check(
            0,
            &[(100, 100, 1), (0, 100, 5), (200, 10, 6)],
            &[(50, Some(5)), (150, Some(5)), (210, Some(6))],
        );
    }

    #[test]
    fn a_retransmission_changes_nothing() {
        check(0, &[(0, 100, 1), (0, 100, 7), (50, 100, 8)], &[(100, Some(1)), (150, Some(8))]);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let base = u32::MAX - 10;
        check(base, &[(base, 8, 1), (base.wrapping_add(8), 100, 2)], &[(8, Some(1)), (108, Some(2))]);
    }

    #[test]
    fn a_stream_is_longer_than_the_sequence_space() {
        let mut stream = Stream::from_sequence(7);
        let step = 1 << 30;
        for index in 0..20_u32 {
            stream.segment(
                7_u32.wrapping_add(index.wrapping_mul(step)),
                step,
                MonoNs(u64::from(index) + 1),
                0,
            );
        }
        let arrival = stream.arrival(19 * u64::from(step) + 1);
        assert_eq!(arrival.map(|step| step.time.0), Some(20), "20 GiB into the stream");
    }

    #[test]
    fn a_lost_stamp_costs_only_the_events_that_needed_it() {
        check(
            0,
            &[(0, 100, 1), (200, 100, 3), (300, 100, 4)],
            &[(100, Some(1)), (200, None), (300, Some(3)), (400, Some(4))],
        );
    }

    #[test]
    fn what_is_not_looked_up_is_forgotten() {
        let mut stream = Stream::from_sequence(0);
        for (sequence, time) in [(0, 1), (100, 2), (300, 4), (400, 5)] {
            stream.segment(sequence, 100, MonoNs(time), 0);
        }
        stream.forget_before(150);
        assert_eq!(stream.pending(), 3, "the step that holds byte 150, and what is beyond the hole");
        stream.forget_before(350);
        assert_eq!(stream.pending(), 2, "the hole is not waited for");
        assert_eq!(stream.arrival(400).map(|step| step.time.0), Some(4), "what follows is as it was");
    }

    #[test]
    fn bytes_before_the_first_are_passed_over() {
        check(1000, &[(999, 1, 1), (1000, 10, 2)], &[(10, Some(2))]);
    }

    #[test]
    fn time_never_runs_backwards() {
        check(0, &[(0, 10, 9), (10, 10, 5)], &[(10, Some(9)), (20, Some(9))]);
    }

    proptest! {
        /// However segments are cut, shuffled and repeated: a byte is there when the last of those below it arrived.
        #[test]
        fn any_order(base: u32, cuts in prop::collection::vec(1_u32..2000, 1..40), order in prop::collection::vec(any::<prop::sample::Index>(), 1..120)) {
            let mut begins = vec![0_u32];
            for cut in &cuts {
                begins.push(begins[begins.len() - 1] + cut);
            }
            let mut first_seen = vec![None; cuts.len()];
            let mut stream = Stream::from_sequence(base);
            let mut now = 0;
            let everything = (0..cuts.len()).rev();
            let chosen = order.iter().map(|index| index.index(cuts.len())).chain(everything);
            for segment in chosen {
                now += 1;
                first_seen[segment].get_or_insert(now);
                stream.segment(base.wrapping_add(begins[segment]), cuts[segment], MonoNs(now), 0);
            }
            let mut latest = 0;
            for (segment, seen) in first_seen.into_iter().enumerate() {
                latest = latest.max(seen.unwrap());
                let end = u64::from(begins[segment + 1]);
                prop_assert_eq!(stream.arrival(end).map(|step| step.time.0), Some(latest), "segment {}", segment);
            }
        }
    }
}
