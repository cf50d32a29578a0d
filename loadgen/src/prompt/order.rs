//! Which conversation a session has: a pure function of its number, so that workers need not coordinate.

use super::conversation::Conversations;
use common::clock::DurationNs;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use spec::{FixedSchedule, Sampling};
use std::sync::Arc;

/// The conversations of sessions, by number.
#[derive(Clone, Debug)]
pub struct Order {
    rule: Rule,
    seed: u64,
}

#[derive(Clone, Debug)]
enum Rule {
    Sequential {
        count: u64,
    },
    Random {
        count: u64,
    },
    /// A drawn order, and for which pass over the input it is.
    Shuffle {
        pass: Option<u64>,
        places: Vec<u32>,
    },
    Listed(Arc<[u32]>),
}

impl Order {
    /// The order in which so many conversations are taken.
    #[must_use]
    pub fn sampled(count: usize, sampling: Sampling, seed: u64) -> Self {
        let whole = count as u64;
        let rule = match sampling {
            Sampling::Sequential => Rule::Sequential { count: whole },
            Sampling::Random => Rule::Random { count: whole },
            Sampling::Shuffle => {
                Rule::Shuffle { pass: None, places: (0..u32::try_from(count).unwrap_or(u32::MAX)).collect() }
            }
        };
        Self { rule, seed }
    }

    /// The place of the conversation that a session has.
    pub fn place(&mut self, session: u64) -> usize {
        let place = match &mut self.rule {
            Rule::Sequential { count } => session % *count,
            Rule::Random { count } => {
                StdRng::seed_from_u64(mixed(self.seed, session)).random_range(0..*count)
            }
            Rule::Shuffle { pass, places } => {
                let count = places.len() as u64;
                let (wanted, within) = (session / count, session % count);
                if *pass != Some(wanted) {
                    places.sort_unstable();
                    places.shuffle(&mut StdRng::seed_from_u64(mixed(self.seed, wanted)));
                    *pass = Some(wanted);
                }
                u64::from(places[usize::try_from(within).unwrap_or(0)])
            }
            Rule::Listed(places) => {
                u64::from(places[usize::try_from(session).unwrap_or(0) % places.len().max(1)])
            }
        };
        usize::try_from(place).unwrap_or(0)
    }
}

/// The order of a trace.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Sessions by their timestamps.
    pub order: Order,
    /// Offsets from the phase's start at which they are due.
    pub dues: Arc<[DurationNs]>,
    /// Milliseconds of the trace's time at which the phase starts.
    pub zero_ms: f64,
}

/// Orders a trace by its timestamps. Conversations without one are due at once.
#[must_use]
pub fn replay(conversations: &dyn Conversations, schedule: &FixedSchedule) -> Replay {
    let begin = schedule.start_offset_ms.unwrap_or(f64::NEG_INFINITY);
    let end = schedule.end_offset_ms.unwrap_or(f64::INFINITY);
    let count = u32::try_from(conversations.count()).unwrap_or(u32::MAX);
    let stamped = (0..count).filter_map(|place| {
        let at = conversations.timestamp_ms(place as usize).unwrap_or(0.0);
        (at >= begin && at <= end).then_some((at, place))
    });
    let mut stamped = stamped.collect::<Vec<_>>();
    stamped.sort_by(|one, other| one.0.total_cmp(&other.0));
    let zero = match (schedule.start_offset_ms, schedule.is_auto_offset) {
        (Some(offset), _) => offset,
        (None, true) => stamped.first().map_or(0.0, |first| first.0),
        (None, false) => 0.0,
    };
    let speedup = schedule.speedup.unwrap_or(1.0);
    let dues =
        stamped.iter().map(|(at, _)| DurationNs::from_seconds((at - zero).max(0.0) / 1000.0 / speedup));
    let dues = dues.collect();
    let places = stamped.into_iter().map(|(_, place)| place).collect();
    Replay { order: Order { rule: Rule::Listed(places), seed: 0 }, dues, zero_ms: zero }
}

/// A seed of its own for each number (the finaliser of SplitMix64, Steele et al. 2014).
pub(crate) const fn mixed(seed: u64, number: u64) -> u64 {
    let mut mixed = seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::When;
    use super::super::conversation::Conversation;
    use super::*;
    use endpoint::Turn;

    fn taken(sampling: Sampling, seed: u64) -> Vec<usize> {
        let mut order = Order::sampled(10, sampling, seed);
        (0..30).map(|session| order.place(session)).collect()
    }

    #[test]
    fn in_order_and_again() {
        assert_eq!(taken(Sampling::Sequential, 1)[8..12], [8, 9, 0, 1], "the first follows the last");
    }

    #[test]
    fn a_shuffled_pass_has_each_one_once() {
        let taken = taken(Sampling::Shuffle, 1);
        for pass in taken.chunks(10) {
            let mut sorted = pass.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>(), "{pass:?}");
        }
        assert_ne!(taken[..10], taken[10..20], "each pass is drawn anew");
    }

    #[test]
    fn a_session_has_the_same_one_on_every_worker() {
        for sampling in [Sampling::Random, Sampling::Shuffle] {
            let all = taken(sampling, 7);
            let mut second = Order::sampled(10, sampling, 7);
            for session in (1..30).step_by(2) {
                assert_eq!(
                    second.place(session),
                    all[usize::try_from(session).unwrap()],
                    "{sampling:?} {session}"
                );
            }
            assert_ne!(taken(sampling, 8), all, "another seed, another order");
        }
    }

    fn check(schedule: FixedSchedule, expected: &[(usize, f64)]) {
        let stamped = |at: f64| {
            let when = When::At { timestamp_ms: at };
            Conversation::single(String::new(), Turn::user("x".to_owned(), "m".to_owned()), when)
        };
        let Replay { mut order, dues, .. } =
            replay(&[3000.0, 1000.0, 2000.0].map(stamped).to_vec(), &schedule);
        let replayed = dues.iter().enumerate();
        let replayed = replayed.map(|(number, due)| (order.place(number as u64), due.as_millis()));
        assert_eq!(replayed.collect::<Vec<_>>(), expected, "{schedule:?}");
    }

    #[test]
    fn a_trace_is_replayed_by_its_times() {
        let none = FixedSchedule::default();
        check(none, &[(1, 1000.0), (2, 2000.0), (0, 3000.0)]);
        check(FixedSchedule { is_auto_offset: true, ..none }, &[(1, 0.0), (2, 1000.0), (0, 2000.0)]);
        check(FixedSchedule { start_offset_ms: Some(1500.0), ..none }, &[(2, 500.0), (0, 1500.0)]);
        check(FixedSchedule { end_offset_ms: Some(2000.0), ..none }, &[(1, 1000.0), (2, 2000.0)]);
        let fast = FixedSchedule { is_auto_offset: true, speedup: Some(10.0), ..none };
        check(fast, &[(1, 0.0), (2, 100.0), (0, 200.0)]);
        let window = FixedSchedule { start_offset_ms: Some(3000.0), end_offset_ms: Some(4000.0), ..none };
        check(window.scaled(2.0), &[(2, 500.0)]);
    }
}
