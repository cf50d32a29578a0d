//! Who is served when, where requests wait for one of a number of slots: first come, first served.
//!
//! ```text
//!   arrive --> waiting, in order --> slot: prefill --> first token, gap, .. --> last token
//!                                     ^      |              |                        |
//!                                     |    start          served                    end
//!                                     +------------- the next one's start -----------+
//! ```
//!
//! Nothing here reads a clock. A slot is passed on at the instant at which it is due to be free, not at the one at
//! which that is noticed, so late timers take nothing away: the capacity is the number of slots divided by the mean
//! time of a request. All due times of a request are known once its prefill is over, for then the gap between its
//! tokens is fixed, by how many slots are taken.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::{DurationNs, MonoNs};
use crate::timers::Token;

/// How requests are scheduled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// How many requests are served at a time.
    pub(crate) slots: u32,
    /// How many may wait; any number by default.
    pub(crate) queue_max: Option<usize>,
    /// By how much the gap grows with the share of slots that others have taken, in millionths of itself.
    pub(crate) slowdown_millionths: u64,
}

/// The requests that wait and that are served, each named by its connection, which has one at a time.
#[derive(Debug)]
pub(crate) struct Scheduler {
    rules: Rules,
    /// The latest instant that was spoken of.
    now: MonoNs,
    waiting: VecDeque<Work>,
    /// Those that have a slot, by when something happens to them next.
    running: BTreeMap<(MonoNs, Token), Phase>,
    /// Those whose due times are known, until they are asked for.
    served: VecDeque<Served>,
}

/// What a request takes when it is alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// Its connection.
    pub(crate) token: Token,
    /// From its start to its first token.
    pub(crate) prefill: DurationNs,
    /// From one token to the next.
    pub(crate) gap: DurationNs,
    /// How many tokens it has, at least one.
    pub(crate) tokens: u32,
}

/// A request whose due times are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Its connection.
    pub(crate) token: Token,
    /// When it got its slot.
    pub(crate) start: MonoNs,
    /// When its first token is due.
    pub(crate) first: MonoNs,
    /// From one token to the next.
    pub(crate) gap: DurationNs,
    /// When its last token is due, and its slot is free.
    pub(crate) end: MonoNs,
}

impl Scheduler {
    /// A scheduler without requests.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            now: MonoNs::default(),
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            served: VecDeque::new(),
        }
    }

    /// Whether a request that arrives at `now` may stay.
    pub(crate) fn has_room(&mut self, now: MonoNs) -> bool {
        self.advance(now);
        self.has_slot() || self.rules.queue_max.is_none_or(|most| self.waiting.len() < most)
    }

    /// Adds a request that arrives at `now`, or at the latest instant that was spoken of.
    pub(crate) fn arrive(&mut self, work: Work, now: MonoNs) {
        self.advance(now);
        self.waiting.push_back(work);
        self.fill(self.now);
        self.advance(now);
    }

    /// Lets everything happen that is due at `now`, in its order.
    pub(crate) fn advance(&mut self, now: MonoNs) {
        self.now = self.now.max(now);
        while let Some(next) = self.running.first_entry().filter(|next| next.key().0 <= self.now) {
            let ((due, token), phase) = next.remove_entry();
            match phase {
                Phase::Prefill { start, work } => {
                    let gap = self.slowed(work.gap);
                    let end =
                        due + DurationNs(gap.0.saturating_mul(u64::from(work.tokens.saturating_sub(1))));
                    self.running.insert((end, token), Phase::Tokens);
                    self.served.push_back(Served { token, start, first: due, gap, end });
                }
                Phase::Tokens => self.fill(due),
            }
        }
    }

    /// The next request whose due times are known.
    pub(crate) fn pop_served(&mut self) -> Option<Served> {
        self.served.pop_front()
    }

    /// Takes a request away that is over at `now`, whether or not it was due to be; one that is unknown is over already.
    pub(crate) fn leave(&mut self, token: Token, now: MonoNs) {
        self.advance(now);
        let place = self.running.keys().find(|(_, other)| *other == token).copied();
        if let Some(place) = place {
            self.running.remove(&place);
            self.fill(self.now);
            self.advance(now);
        } else if let Some(place) = self.waiting.iter().position(|work| work.token == token) {
            self.waiting.remove(place);
        }
    }

    /// When something happens next, if nothing arrives.
    pub(crate) fn next_due(&self) -> Option<MonoNs> {
        self.running.first_key_value().map(|((due, _), _)| *due)
    }

    /// How many requests have a slot.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn has_slot(&self) -> bool {
        u32::try_from(self.running.len()).is_ok_and(|running| running < self.rules.slots)
    }

    /// Gives free slots to those that wait longest.
    fn fill(&mut self, start: MonoNs) {
        while self.has_slot()
            && let Some(work) = self.waiting.pop_front()
        {
            self.running.insert((start + work.prefill, work.token), Phase::Prefill { start, work });
        }
    }

    /// The gap between tokens; the request that asks is not among the others.
    fn slowed(&self, gap: DurationNs) -> DurationNs {
        let others = u64::try_from(self.running.len()).expect("a count fits in 64 bits");
        gap + gap.part(
            self.rules.slowdown_millionths.saturating_mul(others),
            u64::from(self.rules.slots) * 1_000_000,
        )
    }
}

/// What a request does in its slot.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Its prompt is read.
    Prefill { start: MonoNs, work: Work },
    /// Its tokens are made.
    Tokens,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::service::Service;

    fn rules(slots: u32) -> Rules {
        Rules { slots, queue_max: None, slowdown_millionths: 0 }
    }

    fn token(slot: u32) -> Token {
        Token { slot, generation: 0 }
    }

    fn work(slot: u32, prefill: u64, gap: u64, tokens: u32) -> Work {
        Work { token: token(slot), prefill: DurationNs(prefill), gap: DurationNs(gap), tokens }
    }

    fn drain(scheduler: &mut Scheduler) -> Vec<Served> {
        std::iter::from_fn(|| scheduler.pop_served()).collect()
    }

    /// Lets requests arrive, each with its prefill, gap and tokens, and compares start, first token and end of each.
    #[track_caller]
    fn check(rules: Rules, arrivals: &[(u64, [u64; 2], u32)], expected: &[[u64; 3]]) {
        let mut scheduler = Scheduler::new(rules);
        for (slot, (now, [prefill, gap], tokens)) in (0..).zip(arrivals) {
            scheduler.arrive(work(slot, *prefill, *gap, *tokens), MonoNs(*now));
        }
        // However late this is noticed, it is scheduled for when it was due.
        scheduler.advance(MonoNs(1_000_000));
        let mut served = drain(&mut scheduler);
        served.sort_by_key(|served| served.token);
        let times = served.iter().map(|served| [served.start.0, served.first.0, served.end.0]);
        assert_eq!(times.collect::<Vec<_>>(), expected, "{rules:?} with {arrivals:?}");
        assert_eq!((scheduler.running(), scheduler.waiting()), (0, 0), "all are over");
    }

    #[test]
    fn the_first_to_come_is_the_first_to_be_served() {
        let alike = |now: u64| (now, [10, 5], 3);
        check(rules(1), &[alike(0), alike(1), alike(2)], &[[0, 10, 20], [20, 30, 40], [40, 50, 60]]);
        check(rules(2), &[alike(0), alike(1), alike(2)], &[[0, 10, 20], [1, 11, 21], [20, 30, 40]]);
        check(rules(1), &[alike(0), alike(100)], &[[0, 10, 20], [100, 110, 120]]);
        // A short one does not overtake.
        check(
            rules(1),
            &[alike(0), (1, [50, 1], 1), (2, [1, 1], 1)],
            &[[0, 10, 20], [20, 70, 70], [70, 71, 71]],
        );
    }

    #[test]
    fn a_request_of_no_time_is_over_when_it_starts() {
        check(rules(1), &[(5, [0, 0], 9), (5, [0, 0], 1)], &[[5, 5, 5], [5, 5, 5]]);
    }

    #[test]
    fn the_gap_grows_with_the_slots_that_are_taken() {
        let slowed = Rules { slowdown_millionths: 500_000, ..rules(4) };
        let alike = |now: u64| (now, [100, 80], 2);
        // Alone, and with one, two and three others: by an eighth of the half for each of them.
        check(slowed, &[alike(0)], &[[0, 100, 180]]);
        let four = [alike(0), alike(1), alike(2), alike(3)];
        check(slowed, &four, &[[0, 100, 210], [1, 101, 211], [2, 102, 212], [3, 103, 213]]);
    }

    #[test]
    fn a_full_queue_has_no_room() {
        let mut scheduler = Scheduler::new(Rules { queue_max: Some(1), ..rules(1) });
        let mut arrives = |slot: u32, now: u64| {
            let has_room = scheduler.has_room(MonoNs(now));
            if has_room {
                scheduler.arrive(work(slot, 10, 0, 1), MonoNs(now));
            }
            has_room
        };
        assert_eq!([arrives(0, 0), arrives(1, 0), arrives(2, 9)], [true, true, false], "one and one");
        assert_eq!([arrives(3, 10), arrives(4, 10)], [true, false], "as soon as the slot is free");
    }

    #[test]
    fn those_that_leave_make_room() {
        let mut scheduler = Scheduler::new(rules(1));
        for slot in 0..4 {
            scheduler.arrive(work(slot, 10, 0, 1), MonoNs(0));
        }
        scheduler.leave(token(1), MonoNs(2));
        assert_eq!((scheduler.running(), scheduler.waiting()), (1, 2), "one that waited");
        scheduler.leave(token(0), MonoNs(4));
        assert_eq!(scheduler.next_due(), Some(MonoNs(14)), "one that was served");
        scheduler.leave(token(0), MonoNs(5));
        scheduler.advance(MonoNs(100));
        let starts = drain(&mut scheduler)
            .iter()
            .map(|served| (served.token.slot, served.start.0))
            .collect::<Vec<_>>();
        assert_eq!(starts, [(2, 4), (3, 14)], "the others move up");
    }

    /// Serves clients that each send the next request when the last is over, and compares requests per second.
    #[track_caller]
    fn check_capacity(rules: Rules, clients: u32, service: Service, expected: f64) {
        let mut scheduler = Scheduler::new(rules);
        let mut number = 0;
        let mut next = |slot: u32| {
            number += 1;
            let factor = service.factor(Random::of(3, number));
            work(slot, factor.of(DurationNs::from_millis(20)).0, factor.of(DurationNs::from_millis(5)).0, 17)
        };
        let mut ends = std::collections::BTreeSet::new();
        for client in 0..clients {
            scheduler.arrive(next(client), MonoNs(0));
        }
        let (mut over, mut now) = (0, MonoNs(0));
        while over < REQUESTS {
            ends.extend(drain(&mut scheduler).iter().map(|served| (served.end, served.token)));
            let due = scheduler.next_due().expect("some request is served");
            // The client notices the end, and is back, before anything else happens.
            match ends.first().copied().filter(|(end, _)| *end <= due) {
                Some((end, client)) => {
                    ends.pop_first();
                    (over, now) = (over + 1, end);
                    scheduler.arrive(next(client.slot), end);
                }
                None => scheduler.advance(due),
            }
        }
        let seconds = std::time::Duration::from_nanos(now.0).as_secs_f64();
        let found = f64::from(over) / seconds;
        assert!(
            (found / expected - 1.0).abs() < 0.02,
            "{rules:?} {service:?}: {found}, not {expected}, per second"
        );
    }

    #[test]
    fn the_capacity_is_the_number_of_slots_divided_by_the_mean_time() {
        // 20 ms and 16 gaps of 5 ms are 100 ms.
        for service in [Service::Constant, Service::Exponential, Service::Lognormal(1.0)] {
            check_capacity(rules(16), 40, service, 160.0);
            check_capacity(rules(16), 8, service, 80.0);
        }
        // With all slots taken the gap is 5 ms * (1 + 15 / 16), and a request takes 175 ms.
        let slowed = Rules { slowdown_millionths: 1_000_000, ..rules(16) };
        check_capacity(slowed, 40, Service::Constant, 16.0 / 0.175);
        check_capacity(slowed, 8, Service::Constant, 8.0 / 0.135);
    }

    const REQUESTS: u32 = 60_000;
}
