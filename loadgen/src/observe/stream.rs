//! Reassembles one direction of a connection: segments in any order in, bytes and holes in order out.
//!
//! ```text
//! segments   [0..100) [300..400) [100..300 of which 64 captured)
//! delivered  bytes 0..100 │ bytes 100..164 │ hole 164..300 │ bytes 300..400
//! ```
//!
//! Offsets are those of `join`: they count from the sequence number with which the connection started, or from the first
//! segment seen of a connection that was open before.

use common::clock::{DurationNs, MonoNs};
use std::collections::BTreeMap;

/// One direction of one connection.
#[derive(Debug, Default)]
pub struct Stream {
    /// The sequence number of byte 0.
    base: Option<u32>,
    /// Everything below this offset has been delivered.
    next: u64,
    /// Segments beyond it, by their first byte.
    ahead: BTreeMap<u64, Waiting>,
    /// Bytes held in `ahead`.
    held: usize,
    latest: MonoNs,
}

/// A segment as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The sequence number of its first byte.
    pub sequence: u32,
    /// Bytes of payload that it had.
    pub length: u32,
    /// Those of them that were captured, from the first.
    pub bytes: &'a [u8],
    /// When it passed.
    pub time: MonoNs,
}

/// The next stretch of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The offset of its first byte.
    pub begin: u64,
    /// What is in it.
    pub content: Content<'a>,
    /// When all of it and all before it had passed.
    pub time: MonoNs,
    /// Whether it is the start of a segment: where the next message may start.
    pub begins_segment: bool,
}

/// What is in a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// A number of bytes that were not captured.
    Hole(u64),
}

#[derive(Debug)]
struct Waiting {
    end: u64,
    bytes: Vec<u8>,
    time: MonoNs,
}

impl Stream {
    /// A stream whose byte 0 has this sequence number.
    #[must_use]
    pub fn from_sequence(base: u32) -> Self {
        Self { base: Some(base), ..Self::default() }
    }

    /// The next offset to be delivered.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Memory of segments that wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held + self.ahead.len() * size_of::<(u64, Waiting)>()
    }

    /// Adds a segment and delivers what is in order now.
    pub fn segment(&mut self, segment: &Segment<'_>, mut give: impl FnMut(Stretch<'_>)) {
        let base = *self.base.get_or_insert(segment.sequence);
        let Some(begin) = self.offset(segment.sequence.wrapping_sub(base)) else { return };
        let end = begin + u64::from(segment.length);
        let bytes = &segment.bytes[..segment.bytes.len().min(narrow(u64::from(segment.length)))];
        if end <= self.next {
            return;
        }
        if begin > self.next {
            self.hold(begin, end, bytes, segment.time);
        } else {
            self.deliver(begin, end, bytes, segment.time, &mut give);
        }
        self.absorb(&mut give);
        while self.has_waited(segment.time) {
            self.give_up_gap(&mut give);
        }
    }

    /// Delivers what is there although something before it is missing: nothing more will arrive.
    pub fn end(&mut self, mut give: impl FnMut(Stretch<'_>)) {
        while !self.ahead.is_empty() {
            self.give_up_gap(&mut give);
        }
    }

    /// The offset of a sequence number, the one closest to the next byte; none before byte 0.
    fn offset(&self, relative: u32) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers count modulo 2^32")]
        let distance = relative.wrapping_sub(self.next as u32).cast_signed();
        self.next.checked_add_signed(i64::from(distance))
    }

    fn hold(&mut self, begin: u64, end: u64, bytes: &[u8], time: MonoNs) {
        if let Some(known) = self.ahead.get(&begin) {
            if known.end >= end && known.bytes.len() >= bytes.len() {
                return;
            }
            self.held -= known.bytes.len();
        }
        self.held += bytes.len();
        self.ahead.insert(begin, Waiting { end, bytes: bytes.to_vec(), time });
    }

    fn absorb(&mut self, give: &mut impl FnMut(Stretch<'_>)) {
        while let Some(entry) = self.ahead.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let (begin, waiting) = entry.remove_entry();
            self.held -= waiting.bytes.len();
            self.deliver(begin, waiting.end, &waiting.bytes, waiting.time, give);
        }
    }

    /// Delivers the new bytes of a segment that touches the next byte.
    fn deliver(
        &mut self,
        begin: u64,
        end: u64,
        bytes: &[u8],
        time: MonoNs,
        give: &mut impl FnMut(Stretch<'_>),
    ) {
        if end <= self.next {
            return;
        }
        self.latest = self.latest.max(time);
        let begins_segment = begin == self.next;
        let fresh = bytes.get(narrow(self.next - begin)..).unwrap_or_default();
        if !fresh.is_empty() {
            let content = Content::Bytes(fresh);
            let stretch = Stretch { begin: self.next, content, time: self.latest, begins_segment };
            self.next += widen(fresh.len());
            give(stretch);
        }
        if self.next < end {
            self.hole(end, begins_segment && fresh.is_empty(), give);
        }
    }

    fn hole(&mut self, end: u64, begins_segment: bool, give: &mut impl FnMut(Stretch<'_>)) {
        let content = Content::Hole(end - self.next);
        let stretch = Stretch { begin: self.next, content, time: self.latest, begins_segment };
        self.next = end;
        give(stretch);
    }

    /// Whether too much or too old waits for a segment that was never captured.
    fn has_waited(&self, now: MonoNs) -> bool {
        let Some((_, first)) = self.ahead.first_key_value() else { return false };
        self.held > HELD_MAX || self.ahead.len() > WAITING_MAX || now - first.time > PATIENCE
    }

    fn give_up_gap(&mut self, give: &mut impl FnMut(Stretch<'_>)) {
        if let Some((begin, _)) = self.ahead.first_key_value() {
            let begin = *begin;
            self.hole(begin, false, give);
            self.absorb(give);
        }
    }
}

const fn widen(count: usize) -> u64 {
    count as u64
}

fn narrow(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Bytes that wait behind a gap before it becomes a hole.
const HELD_MAX: usize = 1 << 20;
/// Segments that wait behind a gap before it becomes a hole.
const WAITING_MAX: usize = 1024;
/// How long a gap is waited for; the kernel's first retransmissions arrive sooner.
const PATIENCE: DurationNs = DurationNs::from_millis(3000);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    /// Segments as (sequence, bytes, bytes captured), added one after the other.
    fn check(base: u32, segments: &[(u32, &str, usize)], expected: &str) {
        let mut stream = Stream::from_sequence(base);
        let mut text = String::new();
        let mut write = |stretch: Stretch<'_>| match stretch.content {
            Content::Bytes(bytes) => {
                write!(text, "{}:{} ", stretch.begin, String::from_utf8_lossy(bytes)).unwrap();
            }
            Content::Hole(count) => write!(text, "{}:({count}) ", stretch.begin).unwrap(),
        };
        for (sequence, bytes, captured) in segments {
            let length = u32::try_from(bytes.len()).unwrap();
            let bytes = &bytes.as_bytes()[..*captured];
            stream.segment(&Segment { sequence: *sequence, length, bytes, time: MonoNs(1) }, &mut write);
        }
        stream.end(&mut write);
        assert_eq!(text.trim_end(), expected, "{segments:?}");
    }

    #[test]
    fn segments_are_put_in_order() {
        check(10, &[(10, "abc", 3), (13, "de", 2)], "0:abc 3:de");
        check(10, &[(13, "de", 2), (10, "abc", 3)], "0:abc 3:de");
        check(10, &[(10, "abc", 3), (10, "abc", 3), (11, "bcd", 3)], "0:abc 3:d");
        check(u32::MAX, &[(u32::MAX, "abc", 3), (2, "de", 2)], "0:abc 3:de");
        check(10, &[(9, "xabc", 4)], "");
    }

    #[test]
    fn what_was_not_captured_is_a_hole() {
        check(10, &[(10, "abcdef", 2), (16, "gh", 2)], "0:ab 2:(4) 6:gh");
        check(10, &[(10, "ab", 0), (12, "c", 1)], "0:(2) 2:c");
        check(10, &[(10, "ab", 2), (15, "f", 1)], "0:ab 2:(3) 5:f");
        check(10, &[(10, "abcdef", 2), (10, "abcdefgh", 8)], "0:ab 2:(4) 6:gh");
    }

    proptest! {
        /// In whatever order segments arrive, what is delivered is in order, complete, and what was sent.
        #[test]
        fn order_does_not_matter(
            base in any::<u32>(),
            pieces in prop::collection::vec((0_usize..300, 1_usize..60, 0_usize..60), 1..40),
        ) {
            let sent = (0..400_u32).map(|place| u8::try_from(place % 251).unwrap()).collect::<Vec<_>>();
            let mut stream = Stream::from_sequence(base);
            let mut given = Vec::new();
            let mut take = |stretch: Stretch<'_>| {
                let begin = narrow(stretch.begin);
                assert_eq!(begin, given.len(), "in order");
                match stretch.content {
                    Content::Bytes(bytes) => {
                        assert_eq!(bytes, &sent[begin..begin + bytes.len()], "as sent");
                        given.extend_from_slice(bytes);
                    }
                    Content::Hole(count) => given.resize(begin + narrow(count), 0),
                }
            };
            for (begin, length, captured) in pieces {
                let end = begin + length;
                let bytes = &sent[begin..begin + captured.min(length)];
                let sequence = base.wrapping_add(u32::try_from(begin).unwrap());
                let length = u32::try_from(end - begin).unwrap();
                stream.segment(&Segment { sequence, length, bytes, time: MonoNs(1) }, &mut take);
            }
            stream.end(&mut take);
            prop_assert!(stream.ahead.is_empty() && stream.held == 0, "nothing is left");
        }
    }
}
