//! Where sessions are drawn: a lane for each tree of sessions, which the next tree uses again once it is over, and rows within it.
//!
//! ```text
//! lane 1  root       ▇▇▇   ▇▇▇▇          the next tree  ▇▇▇
//!                      ▇▇▇               requests at the same time have a row each
//!         started by it   ▇▇▇  ▇▇
//! lane 2  ...
//! ```

use super::sessions::Session;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// The lanes of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lanes {
    /// How many there are.
    pub(super) lanes: usize,
    /// How many rows they have together.
    pub(super) rows: usize,
    /// The first row of each lane, from 0.
    pub(super) first_rows: Vec<usize>,
    /// By session: its lane, from 0, and the row of each of its requests.
    pub(super) places: Vec<Place>,
    /// When each tree began and ended, by when it began.
    pub(super) trees: Vec<(u64, u64)>,
}

/// Where a session is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) lane: usize,
    /// The row of each of its requests, from 0, within all rows.
    pub(super) rows: Vec<usize>,
}

impl Lanes {
    /// The lanes of these sessions, whose requests are in the order in which they began.
    pub(super) fn of(sessions: &[Session]) -> Self {
        let mut trees = BTreeMap::<u64, Vec<usize>>::new();
        for (number, session) in sessions.iter().enumerate() {
            trees.entry(session.root).or_default().push(number);
        }
        let mut trees = trees.into_values().map(|members| Tree::of(members, sessions)).collect::<Vec<_>>();
        trees.sort_by_key(|tree| (tree.span, tree.members.first().copied()));
        let (lanes, count) = packed(trees.iter().map(|tree| tree.span));
        let mut heights = vec![0; count];
        for (tree, lane) in trees.iter().zip(&lanes) {
            heights[*lane] = tree.height.max(heights[*lane]);
        }
        let mut rows = 0;
        let mut first_rows = Vec::new();
        for height in heights {
            first_rows.push(rows);
            rows += height;
        }
        let mut places = vec![Place::default(); sessions.len()];
        for (tree, lane) in trees.iter().zip(lanes) {
            for (member, rows) in tree.members.iter().zip(&tree.rows) {
                let rows = rows.iter().map(|row| first_rows[lane] + row).collect();
                places[*member] = Place { lane, rows };
            }
        }
        Self {
            lanes: count,
            rows,
            first_rows,
            places,
            trees: trees.into_iter().map(|tree| tree.span).collect(),
        }
    }
}

/// A session that no other started, and what it started.
struct Tree {
    /// The root first, then by when they began.
    members: Vec<usize>,
    /// By member and request, from the top of the lane.
    rows: Vec<Vec<usize>>,
    height: usize,
    span: (u64, u64),
}

impl Tree {
    fn of(mut members: Vec<usize>, sessions: &[Session]) -> Self {
        members.sort_by_key(|member| (sessions[*member].is_started, sessions[*member].span(), *member));
        let spans = members.iter().map(|member| sessions[*member].span());
        let span = spans.fold((u64::MAX, 0), |all, span| (all.0.min(span.0), all.1.max(span.1)));
        let mut rows = Vec::new();
        // The rows below those of the root.
        let mut below = Below::default();
        let mut top = 0;
        for member in &members {
            let session = &sessions[*member];
            let (own, height) = packed(session.requests.iter().map(|bar| (bar.from, bar.to)));
            let row = if session.is_started {
                top + below.place(height, session.span())
            } else {
                top += height;
                top - height
            };
            rows.push(own.into_iter().map(|own| row + own).collect());
        }
        Self { members, rows, height: top + below.count, span }
    }
}

/// The rows of the sessions that others started.
#[derive(Default)]
struct Below {
    /// Rows that are in use, by when they are free again.
    busy: BinaryHeap<Reverse<(u64, usize)>>,
    /// Rows that are free.
    free: BTreeSet<usize>,
    count: usize,
}

impl Below {
    /// The first of so many rows, one below the other, that are free for a while; sessions come by when they begin.
    fn place(&mut self, height: usize, (from, to): (u64, u64)) -> usize {
        while let Some(Reverse((until, row))) = self.busy.peek().copied()
            && until <= from
        {
            self.busy.pop();
            self.free.insert(row);
        }
        let (mut run, mut after) = (0, None);
        let found = self.free.iter().copied().find(|row| {
            run = if after == Some(*row) { run + 1 } else { 1 };
            after = Some(row + 1);
            run == height
        });
        let last = if after == Some(self.count) { run } else { 0 };
        let first = found.map_or(self.count - last, |row| row + 1 - height);
        for row in first..first + height {
            self.free.remove(&row);
            self.busy.push(Reverse((to, row)));
        }
        self.count = self.count.max(first + height);
        first
    }
}

/// The place of each span, in the order of their beginnings, such that those of one place do not overlap: the lowest that is free.
/// Returns how many places there are, too.
fn packed(spans: impl Iterator<Item = (u64, u64)>) -> (Vec<usize>, usize) {
    let (mut busy, mut free) =
        (BinaryHeap::<Reverse<(u64, usize)>>::new(), BinaryHeap::<Reverse<usize>>::new());
    let (mut places, mut count) = (Vec::new(), 0);
    for (from, to) in spans {
        while let Some(Reverse((until, place))) = busy.peek().copied()
            && until <= from
        {
            busy.pop();
            free.push(Reverse(place));
        }
        let place = free.pop().map_or(count, |Reverse(place)| place);
        count = count.max(place + 1);
        // What takes no time has its place for the shortest of times.
        busy.push(Reverse((to.max(from.saturating_add(1)), place)));
        places.push(place);
    }
    (places, count)
}

#[cfg(test)]
mod tests {
    use super::super::sessions::Bar;
    use super::*;

    fn session(root: u64, is_started: bool, requests: &[(u64, u64)]) -> Session {
        let requests = requests.iter().map(|(from, to)| Bar { from: *from, to: *to, ..Bar::default() });
        Session { name: String::new(), root, is_started, requests: requests.collect() }
    }

    #[track_caller]
    fn check(sessions: &[Session], lanes: &[usize], rows: &[&[usize]]) {
        let found = Lanes::of(sessions);
        let of = |place: &Place| (place.lane, place.rows.clone());
        let expected = lanes.iter().zip(rows).map(|(lane, rows)| (*lane, rows.to_vec())).collect::<Vec<_>>();
        assert_eq!(found.places.iter().map(of).collect::<Vec<_>>(), expected, "{found:?}");
        assert_eq!(found.lanes, lanes.iter().max().map_or(0, |last| last + 1), "{found:?}");
    }

    #[test]
    fn a_lane_is_used_again_once_it_is_free() {
        let sessions =
            [session(0, false, &[(0, 10)]), session(1, false, &[(5, 20)]), session(2, false, &[(10, 15)])];
        check(&sessions, &[0, 1, 0], &[&[0], &[1], &[0]]);
        check(&[], &[], &[]);
    }

    #[test]
    fn requests_at_the_same_time_have_rows() {
        let sessions = [session(0, false, &[(0, 10), (5, 20), (12, 15)]), session(1, false, &[(2, 30)])];
        check(&sessions, &[0, 1], &[&[0, 1, 0], &[2]]);
    }

    #[test]
    fn started_sessions_are_below_their_root() {
        let sessions = [
            session(9, true, &[(2, 4)]),
            session(9, true, &[(3, 6)]),
            session(9, false, &[(0, 10)]),
            session(9, true, &[(4, 5)]),
            session(8, true, &[(1, 2)]),
        ];
        check(&sessions, &[0, 0, 0, 0, 1], &[&[1], &[2], &[0], &[1], &[3]]);
        assert_eq!(Lanes::of(&sessions).trees, [(0, 10), (1, 2)], "one has a root without requests");
        assert_eq!(Lanes::of(&sessions).first_rows, [0, 3], "rows");
    }

    #[test]
    fn many_requests_of_no_length_are_packed_at_once() {
        let sessions = (0..10_000).map(|at| session(at, false, &[(at, at)])).collect::<Vec<_>>();
        assert_eq!(Lanes::of(&sessions).lanes, 1, "one after the other");
        let started = (0..20_000).map(|_| session(7, true, &[(7, u64::MAX)])).collect::<Vec<_>>();
        assert_eq!(Lanes::of(&started).rows, 20_000, "below their root, all at the same time");
        let together = (0..10_000).map(|at| session(at, false, &[(7, 9)])).collect::<Vec<_>>();
        assert_eq!(Lanes::of(&together).lanes, 10_000, "all at the same time");
    }
}
