//! Joins events to requests: the gaps and overheads of every valid request, whichever of the two arrives first.
//!
//! The events of a request are consecutive. If their request is already known they are used at once; otherwise they are
//! buffered. How much is buffered is bounded by how far the caller reads one file ahead of the other.

use crate::analysis::RowScope;
use crate::gaps::Gaps;
use crate::metric::List;
use crate::stats::Stats;
use common::id::RequestId;
use record::{Event, Request};
use rustc_hash::FxHashMap;

/// The values of all list metrics.
#[derive(Debug)]
pub(crate) struct Lists {
    /// By phase.
    phases: Vec<PhaseLists>,
    /// The range of each request's gaps.
    ranges: Vec<Range>,
    /// The remaining capacity for values of each kind.
    room: ListsOf<usize>,
    /// Values that are none, because the later stamp is less than the earlier one.
    reversed: u64,
}

/// One item per list metric.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListsOf<T> {
    inter_chunk: T,
    kernel_inter_chunk: T,
    receive_overhead: T,
}

type PhaseLists = ListsOf<Gaps>;

/// The range of a request's gaps among its phase's.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    first: u64,
    count: u32,
    phase: u16,
}

/// Joins events and requests.
#[derive(Debug)]
pub(crate) struct EventJoin {
    lists: Lists,
    rows: u32,
    waiting_requests: FxHashMap<RequestId, Expected>,
    waiting_events: FxHashMap<RequestId, Vec<Seen>>,
    open: Option<(RequestId, Open)>,
}

/// A request whose events have not arrived yet.
#[derive(Clone, Copy, Debug)]
struct Expected {
    row: u32,
    scope: RowScope,
}

/// The request whose events are arriving.
#[derive(Debug)]
enum Open {
    /// The request is known.
    Known(Expected, Chain),
    /// The request is unknown; its events are buffered.
    Early(Vec<Seen>),
}

/// An event of a request, which is known or will be.
#[derive(Clone, Copy, Debug)]
struct Seen {
    reaped: Option<u64>,
    kernel: Option<u64>,
    is_content: bool,
}

/// The last event with content of a request.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    reaped: Option<u64>,
    kernel: Option<u64>,
}

impl Lists {
    /// How many values are left out because the later stamp is less than the earlier one.
    pub(crate) const fn reversed(&self) -> u64 {
        self.reversed
    }

    /// The gaps of a request; empty once those of its phase are too many to store.
    pub(crate) fn gaps(&self, row: u32) -> &[f64] {
        let range = self.ranges.get(row as usize).and_then(|range| {
            let first = usize::try_from(range.first).ok()?;
            let gaps = &self.phases.get(usize::from(range.phase))?.inter_chunk;
            gaps.exact().get(first..first + range.count as usize)
        });
        range.unwrap_or_default()
    }

    /// The statistics of a list metric over some phases, each value multiplied by `factor`.
    pub(crate) fn stats(&self, list: List, phases: &[u16], factor: f64) -> Stats {
        let of_phase = |phase: &u16| Some(self.phases.get(usize::from(*phase))?.get(list));
        Gaps::stats(&phases.iter().filter_map(of_phase).collect::<Vec<_>>(), factor)
    }

    /// Like [`Self::stats`], for the last use: the values are released.
    pub(crate) fn last_stats(&mut self, list: List, phases: &[u16], factor: f64) -> Stats {
        let only = match phases {
            [only] => self.phases.get_mut(usize::from(*only)),
            _ => None,
        };
        match only {
            Some(only) => only.get_mut(list).last_stats(factor),
            None => self.stats(list, phases, factor),
        }
    }

    fn feed(&mut self, expected: Expected, chain: &mut Chain, seen: Seen) {
        if !expected.scope.valid {
            return;
        }
        let place = usize::from(expected.scope.phase);
        if self.phases.len() <= place {
            self.phases.resize_with(place + 1, PhaseLists::default);
        }
        let lists = &mut self.phases[place];
        let mut between = |earlier: Option<u64>, later: Option<u64>| {
            let (earlier, later) = earlier.zip(later)?;
            self.reversed += u64::from(later < earlier);
            later.checked_sub(earlier)
        };
        if let Some(waited) = between(seen.kernel, seen.reaped) {
            lists.receive_overhead.push_of(expected.row, waited, &mut self.room.receive_overhead);
        }
        if !seen.is_content {
            return;
        }
        if let Some(gap) = between(chain.kernel, seen.kernel) {
            lists.kernel_inter_chunk.push_of(expected.row, gap, &mut self.room.kernel_inter_chunk);
        }
        if let Some(gap) = between(chain.reaped, seen.reaped) {
            let first = lists.inter_chunk.len() as u64;
            lists.inter_chunk.push_of(expected.row, gap, &mut self.room.inter_chunk);
            if !lists.inter_chunk.is_counted() {
                self.count(expected, first);
            }
        }
        *chain = Chain { reaped: seen.reaped, kernel: seen.kernel };
    }

    /// Records one more gap of a request, at index `place` of its phase's.
    fn count(&mut self, expected: Expected, place: u64) {
        let row = expected.row as usize;
        if self.ranges.len() <= row {
            self.ranges.resize(row + 1, Range::default());
        }
        let range = &mut self.ranges[row];
        if range.count == 0 {
            *range = Range { first: place, count: 0, phase: expected.scope.phase };
        }
        range.count += 1;
    }
}

impl<T> ListsOf<T> {
    const fn get(&self, list: List) -> &T {
        match list {
            List::InterChunk => &self.inter_chunk,
            List::KernelInterChunk => &self.kernel_inter_chunk,
            List::ReceiveOverhead => &self.receive_overhead,
        }
    }

    const fn get_mut(&mut self, list: List) -> &mut T {
        match list {
            List::InterChunk => &mut self.inter_chunk,
            List::KernelInterChunk => &mut self.kernel_inter_chunk,
            List::ReceiveOverhead => &mut self.receive_overhead,
        }
    }
}

impl EventJoin {
    pub(crate) fn new() -> Self {
        Self {
            lists: Lists { phases: Vec::new(), ranges: Vec::new(), room: KEPT, reversed: 0 },
            rows: 0,
            waiting_requests: FxHashMap::default(),
            waiting_events: FxHashMap::default(),
            open: None,
        }
    }

    /// Adds the next request.
    pub(crate) fn request(&mut self, request: &Request, scope: RowScope) {
        let expected = Expected { row: self.rows, scope };
        self.rows = self.rows.saturating_add(1);
        if request.events == 0 {
            return;
        }
        let id = request.request_id;
        if let Some((open, Open::Early(seen))) = &mut self.open
            && *open == id
        {
            let seen = std::mem::take(seen);
            let chain = self.feed_all(expected, &seen);
            self.open = Some((id, Open::Known(expected, chain)));
        } else if let Some(seen) = self.waiting_events.remove(&id) {
            self.feed_all(expected, &seen);
        } else {
            self.waiting_requests.insert(id, expected);
        }
    }

    /// Adds the next event.
    pub(crate) fn event(&mut self, event: Event) {
        let seen = Seen {
            reaped: event.reaped_ns.stamped().map(|stamp| stamp.0),
            kernel: event.kernel_received_ns.map(|stamp| stamp.0),
            is_content: event.is_content,
        };
        if self.open.as_ref().is_none_or(|(id, _)| *id != event.request_id) {
            self.change(event.request_id);
        }
        match &mut self.open {
            Some((_, Open::Known(expected, chain))) => self.lists.feed(*expected, chain, seen),
            Some((_, Open::Early(waiting))) => waiting.push(seen),
            None => {}
        }
    }

    /// The lists, and how many events had no request.
    pub(crate) fn finish(mut self) -> (Lists, u64) {
        self.close();
        let orphans = self.waiting_events.values().map(|seen| seen.len() as u64).sum();
        (self.lists, orphans)
    }

    fn change(&mut self, id: RequestId) {
        self.close();
        let open = match self.waiting_requests.remove(&id) {
            Some(expected) => Open::Known(expected, Chain::default()),
            None => Open::Early(self.waiting_events.remove(&id).unwrap_or_default()),
        };
        self.open = Some((id, open));
    }

    fn close(&mut self) {
        if let Some((id, Open::Early(seen))) = self.open.take() {
            self.waiting_events.insert(id, seen);
        }
    }

    fn feed_all(&mut self, expected: Expected, seen: &[Seen]) -> Chain {
        let mut chain = Chain::default();
        for seen in seen {
            self.lists.feed(expected, &mut chain, *seen);
        }
        chain
    }
}

/// How many values are stored exactly, for all phases together.
const KEPT: ListsOf<usize> =
    ListsOf { inter_chunk: 32_000_000, kernel_inter_chunk: 2_000_000, receive_overhead: 2_000_000 };

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::MonoNs;
    use common::reply_event::EventKind;
    use record::Token;

    fn token(request: u64, reaped: u64, kernel: u64, kind: EventKind) -> Token {
        let noticed = Token::noticed(RequestId(request), 0, kind, MonoNs(reaped));
        Token { kernel_received_ns: Some(MonoNs(kernel)), ..noticed }
    }

    fn request(id: u64) -> Request {
        Request { events: 4, ..Request::blank(RequestId(id)) }
    }

    fn tokens(request: u64) -> Vec<Token> {
        let at = request * 1000;
        vec![
            token(request, at, at - 1, EventKind::Role),
            token(request, at + 5, at + 3, EventKind::Content),
            token(request, at + 9, at + 6, EventKind::Content),
            token(request, at + 9, at + 7, EventKind::Usage),
        ]
    }

    fn check(join: EventJoin) {
        let (lists, orphans) = join.finish();
        assert_eq!(orphans, 0, "every event has its request");
        assert_eq!(lists.gaps(0), [4.0], "first request");
        assert_eq!(lists.gaps(1), [4.0], "second request");
        assert_eq!(lists.phases[0].kernel_inter_chunk.exact(), [3.0, 3.0], "arrivals");
        let overheads = lists.phases[0].receive_overhead.exact();
        assert_eq!(overheads, [1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0], "overheads");
    }

    #[test]
    fn order_does_not_matter() {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        let orders: [&[i32]; 4] = [&[1, 2, -1, -2], &[-1, -2, 1, 2], &[-1, 1, -2, 2], &[1, -1, -2, 2]];
        for order in orders {
            let mut join = EventJoin::new();
            for step in order {
                let id = u64::from(step.unsigned_abs());
                if *step > 0 {
                    join.request(&request(id), scope);
                } else {
                    tokens(id).iter().for_each(|token| join.event(token.into()));
                }
            }
            check(join);
        }
    }

    #[test]
    fn a_request_may_arrive_between_its_events() {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        let mut join = EventJoin::new();
        let first = tokens(1);
        first[..2].iter().for_each(|token| join.event(token.into()));
        join.request(&request(1), scope);
        first[2..].iter().for_each(|token| join.event(token.into()));
        join.request(&request(2), scope);
        tokens(2).iter().for_each(|token| join.event(token.into()));
        check(join);
    }

    #[test]
    fn events_without_a_request_are_counted() {
        let mut join = EventJoin::new();
        tokens(7).iter().for_each(|token| join.event(token.into()));
        assert_eq!(join.finish().1, 4, "four orphans");
    }

    #[test]
    fn a_stamp_before_the_last_one_gives_no_gap_and_is_counted() {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        let mut join = EventJoin::new();
        join.request(&request(1), scope);
        for (reaped, kernel) in [(10, 9), (8, 8), (15, 20)] {
            join.event((&token(1, reaped, kernel, EventKind::Content)).into());
        }
        let (lists, _) = join.finish();
        assert_eq!(lists.gaps(0), [7.0], "8 to 15");
        assert_eq!(lists.phases[0].kernel_inter_chunk.exact(), [12.0], "8 to 20");
        assert_eq!(
            lists.phases[0].receive_overhead.exact(),
            [1.0, 0.0],
            "the third was read before it arrived"
        );
        assert_eq!(lists.reversed(), 3, "one of each");
    }

    #[test]
    fn phases_have_separate_values() {
        let of = |phase| RowScope { valid: true, profiling: phase > 0, phase };
        let mut join = EventJoin::new();
        join.lists.room.inter_chunk = 1;
        for (id, phase) in [(1, 0), (2, 1), (3, 1)] {
            join.request(&request(id), of(phase));
            tokens(id).iter().for_each(|token| join.event(token.into()));
        }
        let (mut lists, _) = join.finish();
        let count = |stats: &Stats| stats.count();
        assert_eq!(count(&lists.stats(List::InterChunk, &[0], 1.0)), Some(1), "exact");
        assert_eq!(count(&lists.stats(List::InterChunk, &[1], 1.0)), Some(2), "beyond the capacity");
        assert_eq!(count(&lists.stats(List::InterChunk, &[0, 1], 1.0)), Some(3), "together");
        assert_eq!(lists.gaps(0), [4.0], "those of the first phase are still there");
        assert_eq!(lists.gaps(1), [0.0; 0], "those of the second are not");
        assert_eq!(count(&lists.last_stats(List::KernelInterChunk, &[1], 1.0)), Some(2), "arrivals");
    }
}
