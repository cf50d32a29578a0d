//! Counts the outcomes of sessions started by other sessions, by AIPerf's names (`branch_stats`).

use record::Request;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Sessions started by other sessions, request by request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branches {
    children: HashMap<u64, Child>,
    /// The last turn sent by each session that started others, from then on.
    parents: HashMap<u64, u32>,
}

/// A session started by another one.
#[derive(Clone, Copy, Debug)]
struct Child {
    parent: u64,
    parent_turn: u32,
    join_turn: Option<u32>,
    turns: u32,
    last_turn: u32,
    /// Whether its last turn succeeded.
    has_succeeded: bool,
}

impl Branches {
    /// Adds a request of a measured phase; requests of a session that waits for others come after theirs.
    pub(crate) fn request(&mut self, request: &Request) {
        let turn = request.turn;
        if let Some(last) = self.parents.get_mut(&request.session) {
            *last = turn.max(*last);
        }
        let (Some(parent), Some(parent_turn)) = (request.parent_session, request.parent_turn) else { return };
        self.parents.entry(parent).or_default();
        let child = self.children.entry(request.session).or_insert_with(|| Child {
            parent,
            parent_turn,
            join_turn: request.join_turn,
            turns: request.session_turns.unwrap_or(0),
            last_turn: 0,
            has_succeeded: false,
        });
        if turn >= child.last_turn {
            (child.last_turn, child.has_succeeded) = (turn, request.succeeded());
        }
    }

    /// The counts; empty for a run without such sessions.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        if self.children.is_empty() {
            return BTreeMap::new();
        }
        let count =
            |is: &dyn Fn(&Child) -> bool| self.children.values().filter(|child| is(child)).count() as u64;
        let is_whole = |child: &Child| child.last_turn.saturating_add(1) >= child.turns;
        let mut counts = BTreeMap::from([
            ("children_spawned", self.children.len() as u64),
            ("children_completed", count(&|child| child.has_succeeded && is_whole(child))),
            ("children_errored", count(&|child| !child.has_succeeded)),
            ("children_truncated", count(&|child| child.has_succeeded && !is_whole(child))),
        ]);
        let joined = |child: &Child| Some((child.parent, child.parent_turn, child.join_turn?));
        let joins = self.children.values().filter_map(joined).collect::<HashSet<_>>();
        // Whether a session had to wait at a turn after the next one is unknown, so neither count is given then.
        if joins.iter().all(|(_, turn, join)| turn + 1 == *join) {
            let went_on = |(parent, _, join): &&(u64, u32, u32)| {
                self.parents.get(parent).is_some_and(|last| last >= join)
            };
            counts.insert("parents_suspended", joins.len() as u64);
            counts.insert("parents_resumed", joins.iter().filter(went_on).count() as u64);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::client_event::Outcome;
    use common::id::RequestId;

    /// A turn of a session; for one started by another, how many turns it has and which turn waits for it.
    fn request(session: u64, turn: u32, child: Option<(u32, u32)>) -> Request {
        Request {
            session,
            turn,
            parent_session: child.map(|_| 1),
            parent_turn: child.map(|_| 0),
            session_turns: child.map(|(turns, _)| turns),
            join_turn: child.map(|(_, join)| join).filter(|join| *join > 0),
            ..Request::blank(RequestId(session))
        }
    }

    fn counts(requests: &[Request]) -> Vec<(&'static str, u64)> {
        let mut branches = Branches::default();
        requests.iter().for_each(|request| branches.request(request));
        branches.counts().into_iter().filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn children_are_counted_by_outcome() {
        assert!(
            counts(&[request(1, 0, None), request(1, 1, None)]).is_empty(),
            "no session started another one"
        );
        let failed = Request { outcome: Outcome::Reset, ..request(4, 0, Some((1, 0))) };
        let all = [
            request(1, 0, None),
            request(2, 0, Some((2, 1))),
            request(2, 1, Some((2, 1))),
            request(3, 0, Some((2, 1))),
            failed,
            request(1, 1, None),
        ];
        let expected = [
            ("children_completed", 1),
            ("children_errored", 1),
            ("children_spawned", 3),
            ("children_truncated", 1),
            ("parents_resumed", 1),
            ("parents_suspended", 1),
        ];
        assert_eq!(counts(&all), expected, "one of each");
        assert_eq!(counts(&all[..2]).last(), Some(&("parents_suspended", 1)), "and does not resume");
        let later = [request(2, 0, Some((1, 2)))];
        assert_eq!(
            counts(&later),
            [("children_completed", 1), ("children_spawned", 1)],
            "it is unknown which session waits"
        );
    }
}
