//! HOT: cuts a body into server-sent events at their blank lines, whatever the line ends and wherever reads split.
//! Budget: the row "events sharing segments" of docs/BUDGET.md.

use super::coding::BYTE_ORDER_MARK;
use memchr::memchr2;

/// Cuts one event stream. Fields are not parsed here, but in the response parser.
#[derive(Debug, Default)]
pub struct Cutter {
    /// Bytes of the event that is not whole yet. A little is kept between events, so it grows once.
    carry: Vec<u8>,
    /// Whether the line that the next byte belongs to has content.
    in_line: bool,
    /// Whether the last byte was a carriage return: a line feed right after it ends no second line.
    after_return: bool,
    /// Whether the stream has started: a byte order mark before it is skipped.
    has_started: bool,
    /// Bytes of a mark with which it may start.
    mark: u8,
}

/// An event larger than any server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge;

impl Cutter {
    /// Starts a new stream.
    pub fn reset(&mut self) {
        self.empty();
        self.in_line = false;
        self.after_return = false;
        (self.has_started, self.mark) = (false, 0);
    }

    /// Cuts bytes whose first has this offset; calls `event` with each event that they complete and the offset after its last
    /// byte.
    ///
    /// # Errors
    /// When an event is larger than [`EVENT_BYTES_MAX`].
    pub fn feed(
        &mut self,
        bytes: &[u8],
        offset: u64,
        mut event: impl FnMut(&[u8], u64),
    ) -> Result<(), EventTooLarge> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !self.has_started {
            return self.begin(bytes, offset, event);
        }
        let mut begin = 0;
        let mut place = 0;
        if self.after_return && bytes.first() == Some(&b'\n') {
            place = 1;
            if self.carry.is_empty() && !self.in_line {
                begin = 1;
            }
        }
        self.after_return = false;
        while let Some(found) = memchr2(b'\n', b'\r', &bytes[place..]) {
            let line_end = place + found;
            let blank = found == 0 && !self.in_line;
            self.in_line = false;
            place = line_end + 1;
            if bytes[line_end] == b'\r' {
                match bytes.get(place) {
                    Some(b'\n') => place += 1,
                    Some(_) => {}
                    None => self.after_return = true,
                }
            }
            if blank {
                self.complete(&bytes[begin..line_end], offset + widen(place), &mut event);
                begin = place;
            }
        }
        self.in_line |= place < bytes.len();
        self.keep(&bytes[begin..])
    }

    /// Skips a byte order mark before the first event.
    #[cold]
    #[inline(never)]
    fn begin(
        &mut self,
        bytes: &[u8],
        offset: u64,
        event: impl FnMut(&[u8], u64),
    ) -> Result<(), EventTooLarge> {
        let known = usize::from(self.mark);
        let wanted = BYTE_ORDER_MARK.get(known..).unwrap_or_default();
        let same = wanted.iter().zip(bytes).take_while(|(one, other)| one == other).count();
        if same == bytes.len() && same < wanted.len() {
            self.mark += u8::try_from(same).unwrap_or(0);
            return Ok(());
        }
        self.has_started = true;
        if same == wanted.len() {
            return self.feed(&bytes[same..], offset + widen(same), event);
        }
        // It started like a mark, and is none.
        self.keep(&BYTE_ORDER_MARK[..known])?;
        self.in_line = known > 0;
        self.feed(bytes, offset, event)
    }

    /// Ends the stream: what is left without a blank line is the last event.
    pub fn finish(&mut self, offset: u64, mut event: impl FnMut(&[u8], u64)) {
        if !trimmed(&self.carry).is_empty() {
            event(trimmed(&self.carry), offset);
        }
        self.reset();
    }

    fn complete(&mut self, last: &[u8], end: u64, event: &mut impl FnMut(&[u8], u64)) {
        if self.carry.is_empty() {
            if !trimmed(last).is_empty() {
                event(trimmed(last), end);
            }
            return;
        }
        self.carry.extend_from_slice(last);
        if !trimmed(&self.carry).is_empty() {
            event(trimmed(&self.carry), end);
        }
        self.empty();
    }

    /// Memory that it holds.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.carry.capacity()
    }

    #[inline]
    fn empty(&mut self) {
        self.carry.clear();
        if self.carry.capacity() > KEPT_BYTES {
            self.carry.shrink_to(KEPT_BYTES);
        }
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), EventTooLarge> {
        if self.carry.len() + rest.len() > EVENT_BYTES_MAX {
            return Err(EventTooLarge);
        }
        self.carry.extend_from_slice(rest);
        Ok(())
    }
}

/// The event without the line end of its last line.
fn trimmed(event: &[u8]) -> &[u8] {
    let end = event.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    &event[..end]
}

const fn widen(count: usize) -> u64 {
    count as u64
}

/// The largest event that is cut: a server that sends larger ones is faulty.
pub const EVENT_BYTES_MAX: usize = 4 << 20;
/// Memory that is kept of an event for the next one.
const KEPT_BYTES: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(String, u64)> {
        let mut cutter = Cutter::default();
        let mut events = Vec::new();
        let mut offset = 100;
        for piece in pieces {
            cutter
                .feed(piece, offset, |bytes, end| {
                    events.push((String::from_utf8_lossy(bytes).into_owned(), end))
                })
                .unwrap();
            offset += widen(piece.len());
        }
        cutter.finish(offset, |bytes, end| events.push((String::from_utf8_lossy(bytes).into_owned(), end)));
        events
    }

    fn check(stream: &str, expected: &[(&str, u64)]) {
        let expected = expected.iter().map(|&(text, end)| (text.to_owned(), end)).collect::<Vec<_>>();
        assert_eq!(cut(&[stream.as_bytes()]), expected, "{stream:?} in one piece");
    }

    #[test]
    fn line_ends() {
        check("data: a\n\ndata: b\n\n", &[("data: a", 109), ("data: b", 118)]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &[("data: a", 111), ("data: b", 122)]);
        check("data: a\r\rdata: b\r\r", &[("data: a", 109), ("data: b", 118)]);
        check("data: a\n\r\ndata: b\r\n\n", &[("data: a", 110), ("data: b", 120)]);
    }

    #[test]
    fn one_mark_at_the_start_is_skipped() {
        check("\u{feff}data: a\n\n", &[("data: a", 112)]);
        check("\u{feff}\n\ndata: a\n\n", &[("data: a", 114)]);
        check("\u{feff}\u{feff}data: a\n\n", &[("\u{feff}data: a", 115)]);
        check("data: \u{feff}\n\n\u{feff}data: b\n\n", &[("data: \u{feff}", 111), ("\u{feff}data: b", 123)]);
        let pieces = [&b"\xef"[..], b"\xbb", b"\xbfdata: a\n", b"\n"];
        assert_eq!(cut(&pieces), [("data: a".to_owned(), 112)], "in pieces");
        let pieces = [&b"\xef\xbb"[..], b"x\n\n"];
        assert_eq!(cut(&pieces), [("\u{fffd}x".to_owned(), 105)], "what is none is kept");
    }

    #[test]
    fn events_of_several_lines_and_none() {
        check("event: error\ndata: x\ndata: y\n\n", &[("event: error\ndata: x\ndata: y", 130)]);
        check("\n\n\n: ping\n\n\n\n", &[(": ping", 111)]);
        check("data: [DONE]", &[("data: [DONE]", 112)]);
        check("", &[]);
    }

    proptest! {
        /// However a stream is split, the same events are cut, and none ends later than its blank line.
        #[test]
        fn splits_do_not_matter(text in "(data: [a-c]{0,3}|: x)?(\n|\r\n|\r)(data: [a-c]{0,3})?(\n|\r\n|\r|\n\n|\r\n\r\n|\r\r){0,4}(data: z)?(\n\n|\r\n\r\n|\r\r)?", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let bytes = text.as_bytes();
            let mut places = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect::<Vec<_>>();
            places.push(0);
            places.push(bytes.len());
            places.sort_unstable();
            let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect::<Vec<_>>();
            let whole = cut(&[bytes]);
            let split = cut(&pieces);
            prop_assert_eq!(whole.len(), split.len(), "{:?} in {:?}", text, pieces);
            for (one, other) in whole.iter().zip(&split) {
                prop_assert_eq!(&one.0, &other.0);
                // A line feed that arrives in a later piece than its carriage return is not waited for.
                prop_assert!(other.1 <= one.1 && other.1 + 1 >= one.1);
            }
        }
    }
}
