//! HOT: one worker's share of a phase: what is due, how many sessions may be open, and when it is over. Budget:
//! docs/BUDGET.md, "sending on time".
//!
//! An arrival that is late is sent late: it is never dropped and the schedule is never anchored anew.

use crate::shape::{Share, Users};
use crate::steering::{Change, Steering};
use common::clock::{DurationNs, MonoNs};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Due times of one worker, made in advance or by sessions that end.
pub struct Schedule {
    pacing: Pacing,
    begin: MonoNs,
    /// No request that is due at or after this moment is sent.
    end: MonoNs,
    /// After `end`, requests in flight may take this long.
    grace: DurationNs,
    sessions: Limit,
    prefills: Limit,
    open_sessions: u32,
    requests_left: u64,
    sessions_left: u64,
    /// What changes the load while the phase goes on.
    steering: Option<Steering>,
}

/// What makes requests due.
enum Pacing {
    /// Sessions start when places are free; these are the moments since when.
    Places(VecDeque<MonoNs>),
    /// Each request uses an arrival.
    Requests(Arrivals),
    /// Each session uses an arrival.
    Sessions(Arrivals),
    /// Users: the moments at which new ones come, and the distance between one's requests.
    Users {
        /// When sessions start.
        starts: BinaryHeap<Reverse<MonoNs>>,
        /// From one request of a user to the next.
        gap: DurationNs,
        /// How many there are, of all workers.
        count: u32,
    },
}

/// Arrivals of one worker.
struct Arrivals {
    next: Option<MonoNs>,
    later: Share,
    /// The offset of the next one, at the phase's own rate.
    offset: DurationNs,
    /// A lower rate, since when it is.
    pace: Option<Pace>,
}

/// A rate below that of a phase.
#[derive(Clone, Copy)]
struct Pace {
    since: MonoNs,
    /// What was the offset then.
    offset: DurationNs,
    /// How much farther apart arrivals are than at the phase's own rate, from then on and until then.
    slower: f64,
    before: f64,
}

/// A number that may grow over time.
#[derive(Clone, Debug, Default)]
struct Limit {
    open: u32,
    /// Moments at which it grows by one, growing.
    openings: VecDeque<MonoNs>,
}

/// A worker's share of the limits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long requests are sent, if the plan limits it.
    pub duration: Option<DurationNs>,
    /// How long requests in flight may take after that.
    pub grace: Option<DurationNs>,
    /// Offsets at which the places for sessions open, growing; no list is no limit.
    pub sessions_at_once: Option<Vec<DurationNs>>,
    /// Offsets at which the places for requests without a first token open; no list is no limit.
    pub prefills_at_once: Option<Vec<DurationNs>>,
    /// Maximum number of requests, if the plan limits it.
    pub requests: Option<u64>,
    /// Maximum number of sessions, if the plan limits it.
    pub sessions: Option<u64>,
}

impl Schedule {
    /// A schedule of nothing.
    #[must_use]
    pub fn nothing() -> Self {
        let limits = Limits {
            duration: None,
            grace: None,
            sessions_at_once: None,
            prefills_at_once: None,
            requests: Some(0),
            sessions: Some(0),
        };
        Self::new(Pacing::Places(VecDeque::new()), MonoNs(0), &limits, 0)
    }

    /// A schedule of sessions that start when places are free. `held` places are occupied by sessions of an earlier phase that
    /// are still open: they are freed when those end.
    #[must_use]
    pub fn places(begin: MonoNs, limits: &Limits, held: u32) -> Self {
        let openings = limits.sessions_at_once.iter().flatten();
        let free = openings.skip(held as usize).map(|offset| begin + *offset).collect();
        Self::new(Pacing::Places(free), begin, limits, held)
    }

    /// A schedule of arrivals, one for each request.
    #[must_use]
    pub fn requests(arrivals: Share, begin: MonoNs, limits: &Limits, held: u32) -> Self {
        Self::new(Pacing::Requests(Arrivals::new(arrivals, begin)), begin, limits, held)
    }

    /// A schedule of arrivals, one for each session.
    #[must_use]
    pub fn sessions(arrivals: Share, begin: MonoNs, limits: &Limits, held: u32) -> Self {
        Self::new(Pacing::Sessions(Arrivals::new(arrivals, begin)), begin, limits, held)
    }

    /// A schedule of users; the worker has every `workers`-th of them from `worker` on.
    #[must_use]
    pub fn users(users: &Users, share: (u32, u32), begin: MonoNs, limits: &Limits, held: u32) -> Self {
        let (worker, workers) = share;
        let own = (worker..users.count).step_by(workers as usize);
        let starts =
            own.map(|place| Reverse(begin + DurationNs(users.stagger().0 * i64::from(place)))).collect();
        Self::new(Pacing::Users { starts, gap: users.gap, count: users.count }, begin, limits, held)
    }

    /// The same, with a load that is changed while the phase goes on. All that it may need is allocated here.
    #[must_use]
    pub fn steered(mut self, steering: Option<Steering>) -> Self {
        let Some(mut steering) = steering else { return self };
        if let Pacing::Users { starts, .. } = &mut self.pacing {
            starts.reserve(steering.most() as usize);
        }
        let first = steering.changed();
        self.steering = Some(steering);
        if let Some((change, _)) = first {
            self.steer(change, self.begin, self.begin);
        }
        self
    }

    fn new(pacing: Pacing, begin: MonoNs, limits: &Limits, open_sessions: u32) -> Self {
        Self {
            pacing,
            begin,
            end: limits.duration.map_or(FOREVER, |duration| begin + duration),
            grace: limits.grace.unwrap_or(DurationNs(i64::MAX)),
            sessions: Limit::new(limits.sessions_at_once.as_deref(), begin),
            prefills: Limit::new(limits.prefills_at_once.as_deref(), begin),
            open_sessions,
            requests_left: limits.requests.unwrap_or(u64::MAX),
            sessions_left: limits.sessions.unwrap_or(u64::MAX),
            steering: None,
        }
    }

    /// When the phase started.
    #[must_use]
    pub const fn begin(&self) -> MonoNs {
        self.begin
    }

    /// Sessions that have started and not ended.
    #[must_use]
    pub const fn open_sessions(&self) -> u32 {
        self.open_sessions
    }

    /// Grows the limits that are to have grown by now, and changes what is to be changed.
    #[inline]
    pub fn grow(&mut self, now: MonoNs) {
        self.sessions.grow(now);
        self.prefills.grow(now);
        if let Some((change, since)) = self.steering.as_mut().and_then(Steering::changed) {
            self.steer(change, since, now);
        }
    }

    /// What is new is due `since` then, which is the same moment for all workers.
    #[cold]
    #[inline(never)]
    fn steer(&mut self, change: Change, since: MonoNs, now: MonoNs) {
        let since = since.max(self.begin);
        match (change, &mut self.pacing) {
            (Change::End, _) => self.finish(now),
            (Change::Prefills(limit), _) => self.prefills.open = limit,
            (Change::Sessions(limit), Pacing::Places(free_since)) => {
                self.sessions.open = limit;
                let wanted = limit.saturating_sub(self.open_sessions) as usize;
                free_since.truncate(wanted);
                let later = free_since.partition_point(|free| *free <= since);
                let missing = wanted - free_since.len();
                free_since.extend(std::iter::repeat_n(since, missing));
                free_since.make_contiguous()[later..].sort_unstable();
            }
            (Change::Sessions(limit), _) => self.sessions.open = limit,
            (Change::Slower(slower), Pacing::Requests(arrivals) | Pacing::Sessions(arrivals)) => {
                arrivals.set_pace(slower, self.begin, since);
            }
            (Change::Users(wanted), Pacing::Users { starts, gap, count }) => {
                let share = self.steering.as_ref().map_or((0, 1), Steering::share);
                let stagger = DurationNs(gap.0 / i64::from((*count).max(1)));
                let own = (0..wanted).skip(share.0 as usize).step_by(share.1 as usize);
                for place in own.skip_while(|place| place < count) {
                    starts.push(Reverse(since + DurationNs(stagger.0 * i64::from(place - *count))));
                }
                *gap = DurationNs(stagger.0 * i64::from(wanted));
                *count = wanted;
                while self.open_sessions + narrow(starts.len()) > of_worker(wanted, share) {
                    if starts.pop().is_none() {
                        break;
                    }
                }
            }
            (Change::Slower(_) | Change::Users(_), _) => {}
        }
    }

    /// Sends nothing more; what is in flight has until the time that it would have had.
    fn finish(&mut self, now: MonoNs) {
        if now < self.end {
            self.grace = DurationNs((self.end - now).0.saturating_add(self.grace.0));
            self.end = now;
        }
    }

    /// Whether so many requests may wait for their first token.
    #[must_use]
    #[inline]
    pub const fn may_prefill(&self, waiting: u32) -> bool {
        waiting < self.prefills.open
    }

    /// When the next limit grows, if one does.
    #[must_use]
    pub fn next_growth(&self) -> Option<MonoNs> {
        let next = |limit: &Limit| limit.openings.front().copied();
        next(&self.sessions).into_iter().chain(next(&self.prefills)).min()
    }

    /// When the next session is to start, if there is room for it and one ever will.
    #[must_use]
    #[inline]
    pub fn next_start(&self) -> Option<MonoNs> {
        if self.requests_left == 0 || self.sessions_left == 0 || self.open_sessions >= self.sessions.open {
            return None;
        }
        let due = match &self.pacing {
            Pacing::Requests(arrivals) | Pacing::Sessions(arrivals) => arrivals.next,
            Pacing::Places(free_since) => free_since.front().copied(),
            Pacing::Users { starts, .. } => starts.peek().map(|start| start.0),
        };
        due.filter(|due| *due < self.end)
    }

    /// When the session was due that is to start now, if one is.
    #[must_use]
    #[inline]
    pub fn start_by(&self, now: MonoNs) -> Option<MonoNs> {
        self.next_start().filter(|due| *due <= now && now < self.end)
    }

    /// Counts the session that was due next as started, and its first request as sent.
    #[inline]
    pub fn take_start(&mut self) {
        self.requests_left = self.requests_left.saturating_sub(1);
        self.sessions_left = self.sessions_left.saturating_sub(1);
        self.open_sessions += 1;
        match &mut self.pacing {
            Pacing::Requests(arrivals) | Pacing::Sessions(arrivals) => arrivals.advance(self.begin),
            Pacing::Places(free_since) => {
                free_since.pop_front();
            }
            Pacing::Users { starts, .. } => {
                starts.pop();
            }
        }
    }

    /// When a later turn that is due may be sent: with a rate for requests it uses the next arrival.
    #[must_use]
    #[inline]
    pub fn turn_from(&self, due: MonoNs) -> Option<MonoNs> {
        let due = match &self.pacing {
            Pacing::Requests(arrivals) => due.max(arrivals.next?),
            _ => due,
        };
        (self.requests_left > 0 && due < self.end).then_some(due)
    }

    /// Counts a later turn as sent.
    #[inline]
    pub fn take_turn(&mut self) {
        self.requests_left = self.requests_left.saturating_sub(1);
        if let Pacing::Requests(arrivals) = &mut self.pacing {
            arrivals.advance(self.begin);
        }
    }

    /// When a session's next turn is due whose last request was `submitted` and ended `now`, if the input schedules it at
    /// `wanted`.
    #[must_use]
    pub fn turn_due(&self, submitted: MonoNs, now: MonoNs, wanted: MonoNs) -> MonoNs {
        match &self.pacing {
            Pacing::Users { gap, .. } => now.max(submitted + *gap),
            _ => wanted,
        }
    }

    /// A session ended with a request that was `submitted`: its place is free from `free` on. A rate is not slowed by that.
    #[inline]
    pub fn session_ended(&mut self, submitted: MonoNs, free: MonoNs) {
        self.open_sessions = self.open_sessions.saturating_sub(1);
        match &mut self.pacing {
            // One place too many, since the limit was lowered.
            Pacing::Places(free_since)
                if self.steering.as_ref().is_some_and(Steering::is_of_sessions)
                    && self.open_sessions + narrow(free_since.len()) >= self.sessions.open => {}
            Pacing::Places(free_since) => {
                // Nearly always the last one: only places whose server was not there are free later.
                let place = match free_since.back() {
                    Some(last) if *last > free => free_since.partition_point(|other| *other <= free),
                    _ => free_since.len(),
                };
                free_since.insert(place, free);
            }
            // The same of users, of which the worker has its share.
            Pacing::Users { starts, count, .. }
                if self.steering.as_ref().is_some_and(|steering| {
                    self.open_sessions + narrow(starts.len()) >= of_worker(*count, steering.share())
                }) => {}
            Pacing::Users { starts, gap, .. } => starts.push(Reverse(free.max(submitted + *gap))),
            Pacing::Requests(_) | Pacing::Sessions(_) => {}
        }
    }

    /// Servers that were not reached answer again: places that would be free later are.
    #[cold]
    pub fn recovered(&mut self, now: MonoNs) {
        if let Pacing::Places(free_since) = &mut self.pacing {
            let later = free_since.partition_point(|free| *free <= now);
            for free in free_since.range_mut(later..) {
                // A place that a ramp has yet to open stays where it is.
                if self.sessions.openings.binary_search(free).is_err() {
                    *free = now;
                }
            }
            free_since.make_contiguous().sort_unstable();
        }
    }

    /// Sends nothing more that is due from `now` on.
    pub fn end(&mut self, now: MonoNs) {
        if now < self.end {
            self.end = now;
            self.grace = DurationNs(i64::MAX);
        }
    }

    /// Whether requests in flight have had their grace.
    #[must_use]
    #[inline]
    pub fn grace_is_over(&self, now: MonoNs) -> bool {
        now >= self.end && now - self.end >= self.grace
    }

    /// Whether nothing more will be sent.
    #[must_use]
    #[inline]
    pub fn is_done(&self, now: MonoNs) -> bool {
        if self.requests_left == 0 || now >= self.end {
            return true;
        }
        let is_exhausted = match &self.pacing {
            Pacing::Requests(arrivals) | Pacing::Sessions(arrivals) => arrivals.next.is_none(),
            Pacing::Places(_) | Pacing::Users { .. } => false,
        };
        self.open_sessions == 0 && (is_exhausted || self.sessions_left == 0)
    }

    /// Whether a later turn that was due should have been sent. With a rate for requests it was owed an arrival, which
    /// [`Schedule::unsent`] counts.
    #[must_use]
    pub fn owes(&self, due: MonoNs) -> bool {
        self.requests_left > 0 && due < self.end && !matches!(self.pacing, Pacing::Requests(_))
    }

    /// Arrivals and users that were due before the end and not sent. Called once, when all is over.
    #[must_use]
    pub fn unsent(&mut self) -> u64 {
        let mut unsent = 0;
        let end = self.end;
        let wanted = self.requests_left.min(self.sessions_left);
        match &mut self.pacing {
            _ if end == FOREVER => {}
            Pacing::Requests(arrivals) | Pacing::Sessions(arrivals) => {
                while unsent < wanted && arrivals.next.is_some_and(|due| due < end) {
                    arrivals.advance(self.begin);
                    unsent += 1;
                }
            }
            Pacing::Users { starts, .. } => {
                unsent = wanted.min(starts.iter().filter(|start| start.0 < end).count() as u64);
            }
            Pacing::Places(_) => {}
        }
        unsent
    }
}

impl Arrivals {
    fn new(later: Share, begin: MonoNs) -> Self {
        let mut arrivals = Self { next: None, later, offset: DurationNs(0), pace: None };
        arrivals.advance(begin);
        arrivals
    }

    #[inline]
    fn advance(&mut self, begin: MonoNs) {
        self.next = self.later.next().map(|offset| {
            self.offset = offset;
            match self.pace {
                None => begin + offset,
                Some(pace) => pace.due(offset),
            }
        });
    }

    /// Since that moment arrivals are so much farther apart than at the phase's own rate. The one that is next then keeps its
    /// share of the way: a Poisson process stays one, and workers that see the change one after the other keep their distances.
    fn set_pace(&mut self, slower: f64, begin: MonoNs, since: MonoNs) {
        let last =
            self.pace.unwrap_or(Pace { since: begin, offset: DurationNs(0), slower: 1.0, before: 1.0 });
        let passed = DurationNs::from_seconds((since - last.since).as_seconds() / last.slower);
        let pace = Pace { since, offset: last.offset + passed, slower, before: last.slower };
        self.pace = Some(pace);
        if self.next.is_some_and(|next| next >= since) {
            self.next = Some(pace.due(self.offset));
        }
    }
}

impl Pace {
    fn due(self, offset: DurationNs) -> MonoNs {
        let slower = if offset < self.offset { self.before } else { self.slower };
        self.since + DurationNs::from_seconds((offset - self.offset).as_seconds() * slower)
    }
}

impl Limit {
    fn new(openings: Option<&[DurationNs]>, begin: MonoNs) -> Self {
        let Some(openings) = openings else { return Self { open: u32::MAX, openings: VecDeque::new() } };
        let mut limit = Self { open: 0, openings: openings.iter().map(|offset| begin + *offset).collect() };
        limit.grow(begin);
        limit
    }

    #[inline]
    fn grow(&mut self, now: MonoNs) {
        while self.openings.front().is_some_and(|opening| *opening <= now) {
            self.openings.pop_front();
            self.open += 1;
        }
    }
}

/// A worker's share of a number: the remainder is spread over the first ones.
const fn of_worker(whole: u32, (worker, workers): (u32, u32)) -> u32 {
    whole / workers + (worker < whole % workers) as u32
}

/// How many there are, of what there is for each session.
#[expect(clippy::cast_possible_truncation, reason = "there are no more sessions than a u32 counts")]
const fn narrow(count: usize) -> u32 {
    count as u32
}

const FOREVER: MonoNs = MonoNs(u64::MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{self, Starts};
    use crate::steering::Controls;
    use spec::Phase;
    use std::sync::Arc;

    fn limits(duration_ms: Option<i64>, requests: Option<u64>) -> Limits {
        Limits {
            duration: duration_ms.map(DurationNs::from_millis),
            grace: Some(DurationNs::from_millis(100)),
            sessions_at_once: Some(vec![DurationNs(0); 2]),
            prefills_at_once: None,
            requests,
            sessions: None,
        }
    }

    fn arrivals() -> Share {
        arrivals_of(0, 1)
    }

    fn arrivals_of(worker: usize, workers: usize) -> Share {
        let phase = Phase { request_rate: Some(1000.0), ..Phase::new("profiling", spec::Shape::Constant) };
        match (shape::of(&spec::Shape::Constant).unwrap().starts)(&phase, 0, &Arc::from([])) {
            Starts::Requests(arrivals) => Share::new(arrivals, worker, workers),
            _ => panic!("a rate"),
        }
    }

    /// A thousand requests a second, evenly, as many sessions at once as come.
    fn open(limits: Limits) -> Schedule {
        Schedule::requests(arrivals(), at(0), &Limits { sessions_at_once: None, ..limits }, 0)
    }

    const fn at(millis: u64) -> MonoNs {
        MonoNs(1_000_000_000 + millis * 1_000_000)
    }

    #[test]
    fn a_late_arrival_stays_due_when_it_was() {
        let mut schedule = open(limits(None, None));
        for millis in 0..5 {
            assert_eq!(schedule.start_by(at(100)), Some(at(millis)), "the schedule is not anchored anew");
            schedule.take_start();
        }
    }

    #[test]
    fn what_was_due_and_not_sent_is_counted() {
        let mut schedule = open(limits(Some(10), None));
        schedule.take_start();
        assert_eq!(schedule.start_by(at(10)), None, "nothing is sent from the end on");
        assert!(schedule.is_done(at(10)), "the duration is over");
        assert_eq!(schedule.unsent(), 9, "arrivals 1 to 9 of 10");
    }

    #[test]
    fn a_closed_loop_is_due_when_a_place_is_free() {
        let mut schedule = Schedule::places(at(0), &limits(None, Some(3)), 0);
        for _ in 0..2 {
            assert_eq!(schedule.start_by(at(0)), Some(at(0)), "two places are free at the start");
            schedule.take_start();
        }
        assert_eq!(schedule.start_by(at(50)), None, "no place is free");
        schedule.session_ended(at(0), at(7));
        assert_eq!(schedule.start_by(at(8)), Some(at(7)), "due since the place was free");
        schedule.take_start();
        assert!(schedule.is_done(at(8)), "the plan has three requests");
    }

    #[test]
    fn a_place_whose_server_was_not_there_is_free_later_and_no_other() {
        let mut schedule = Schedule::places(at(0), &limits(None, None), 0);
        schedule.take_start();
        schedule.take_start();
        schedule.session_ended(at(0), at(250));
        schedule.session_ended(at(0), at(7));
        assert_eq!(schedule.start_by(at(8)), Some(at(7)), "the other place");
        schedule.take_start();
        assert_eq!(
            (schedule.start_by(at(249)), schedule.next_start()),
            (None, Some(at(250))),
            "then this one"
        );
        let mut schedule = open(limits(None, None));
        schedule.take_start();
        schedule.session_ended(at(0), at(250));
        assert_eq!(schedule.next_start(), Some(at(1)), "a rate goes on");
    }

    #[test]
    fn places_are_free_at_once_when_a_server_responds_again_and_a_ramp_continues() {
        let ramp = Some(vec![DurationNs(0), DurationNs(0), DurationNs::from_millis(400)]);
        let limits = Limits { sessions_at_once: ramp, ..limits(None, None) };
        let mut schedule = Schedule::places(at(0), &limits, 0);
        schedule.take_start();
        schedule.take_start();
        schedule.session_ended(at(0), at(250));
        schedule.session_ended(at(0), at(500));
        schedule.recovered(at(9));
        for _ in 0..2 {
            assert_eq!(schedule.start_by(at(9)), Some(at(9)), "those that were held back");
            schedule.take_start();
        }
        schedule.grow(at(400));
        assert_eq!(schedule.next_start(), Some(at(400)), "the third opens by the ramp");
    }

    #[test]
    fn places_of_an_earlier_phase_are_free_when_its_sessions_end() {
        let mut schedule = Schedule::places(at(0), &limits(None, None), 1);
        schedule.take_start();
        assert_eq!(schedule.start_by(at(5)), None, "one place is held");
        schedule.session_ended(at(0), at(6));
        assert_eq!(schedule.start_by(at(9)), Some(at(6)), "until its session ended");
    }

    #[test]
    fn a_cap_holds_arrivals_back_and_they_stay_due() {
        let mut schedule = Schedule::requests(arrivals(), at(0), &limits(None, None), 0);
        schedule.take_start();
        schedule.take_start();
        assert_eq!(schedule.start_by(at(30)), None, "two sessions are open");
        schedule.session_ended(at(0), at(30));
        assert_eq!(schedule.start_by(at(30)), Some(at(2)), "late, and due when it was");
    }

    #[test]
    fn a_later_turn_uses_an_arrival_of_a_rate() {
        let mut schedule = open(limits(None, None));
        schedule.take_start();
        assert_eq!(schedule.turn_from(at(0)), Some(at(1)), "not before the next arrival");
        schedule.take_turn();
        assert_eq!(schedule.next_start(), Some(at(2)), "which no session has then");
    }

    #[test]
    fn users_start_one_after_the_other_and_keep_their_distance() {
        let users = Users { count: 2, gap: DurationNs::from_millis(10) };
        let none = Limits { sessions_at_once: None, ..limits(None, None) };
        let mut schedule = Schedule::users(&users, (0, 1), at(0), &none, 0);
        for due in [0, 5] {
            assert_eq!(schedule.next_start(), Some(at(due)), "half a gap apart");
            schedule.take_start();
        }
        assert_eq!(schedule.turn_due(at(0), at(3), at(3)), at(10), "a gap after the last one was sent");
        assert_eq!(schedule.turn_due(at(0), at(30), at(30)), at(30), "or when its answer is there");
        schedule.session_ended(at(5), at(7));
        assert_eq!(schedule.next_start(), Some(at(15)), "another user starts when this one would have sent");
    }

    #[test]
    fn users_and_turns_that_were_not_sent_are_counted() {
        let users = Users { count: 4, gap: DurationNs::from_millis(40) };
        let none = Limits { sessions_at_once: None, ..limits(Some(25), None) };
        let mut schedule = Schedule::users(&users, (0, 1), at(0), &none, 0);
        schedule.take_start();
        assert_eq!(schedule.unsent(), 2, "those of 10 and 20 ms; the one of 30 ms is not due before the end");
        assert!(schedule.owes(at(24)) && !schedule.owes(at(25)), "turns that were due before the end");
        assert!(!open(limits(Some(25), None)).owes(at(24)), "of a rate, arrivals are counted instead");
    }

    #[test]
    fn limits_grow() {
        let openings = [0, 10, 20].map(DurationNs::from_millis).to_vec();
        let limits = Limits { sessions_at_once: Some(openings), ..limits(None, None) };
        let mut schedule = Schedule::places(at(0), &limits, 0);
        schedule.take_start();
        assert_eq!((schedule.next_start(), schedule.next_growth()), (None, Some(at(10))), "one place so far");
        schedule.grow(at(12));
        assert_eq!(schedule.start_by(at(12)), Some(at(10)), "due when its place opened");
    }

    #[test]
    fn grace_counts_from_the_end() {
        let schedule = open(limits(Some(10), None));
        assert!(!schedule.grace_is_over(at(109)), "still waiting");
        assert!(schedule.grace_is_over(at(110)), "100 ms after the end");
    }

    #[test]
    fn a_drained_schedule_waits_for_what_is_in_flight() {
        let mut schedule = open(limits(None, None));
        schedule.end(at(5));
        assert!(schedule.is_done(at(5)), "the user stops the run");
        assert!(!schedule.grace_is_over(at(1_000_000)), "but what is in flight may end");
    }

    /// A schedule of a phase that changes, with what changes it.
    fn steered(schedule: Schedule, control: spec::Control, min: f64, max: f64) -> (Schedule, Arc<Controls>) {
        let limit = spec::ScaleLimit {
            metric_tag: "request_latency".to_owned(),
            stat: "p95".to_owned(),
            op: "lt".to_owned(),
            threshold: 1.0,
        };
        let scale = spec::AdaptiveScale {
            control,
            min,
            max,
            window_seconds: 1.0,
            completed_min: 1,
            sustain_seconds: 1.0,
            step: spec::ScaleStep::FixedPercentStep { percent: 25.0 },
            limits: vec![limit],
            clock: spec::ScaleClock::Kernel,
        };
        let phase =
            Phase { adaptive_scale: Some(scale), ..Phase::new("profiling", spec::Shape::Concurrency) };
        let controls = Arc::new(Controls::of(&[phase]));
        (schedule.steered(controls.steering(0, 0, 1)), controls)
    }

    fn started(schedule: &mut Schedule, now: MonoNs) -> usize {
        std::iter::from_fn(|| schedule.start_by(now).map(|_| schedule.take_start())).count()
    }

    #[test]
    fn places_come_and_go_while_the_phase_goes_on() {
        let most = Limits { sessions_at_once: Some(vec![DurationNs(0); 6]), ..limits(None, None) };
        let closed = Schedule::places(at(0), &most, 0);
        let (mut schedule, controls) = steered(closed, spec::Control::Concurrency, 2.0, 6.0);
        assert_eq!(started(&mut schedule, at(0)), 2, "the least");
        controls.set(0, Some(5.0), at(40));
        schedule.grow(at(40));
        assert_eq!(
            schedule.start_by(at(41)),
            Some(at(40)),
            "due since there is a place, and not since the start"
        );
        assert_eq!(started(&mut schedule, at(41)), 3, "three more");
        controls.set(0, Some(2.0), at(50));
        schedule.grow(at(50));
        for _ in 0..3 {
            schedule.session_ended(at(0), at(60));
            assert_eq!(schedule.start_by(at(61)), None, "those that are too many end");
        }
        schedule.session_ended(at(0), at(62));
        assert_eq!(started(&mut schedule, at(62)), 1, "then a place is filled again");
        controls.set(0, Some(6.0), at(70));
        schedule.grow(at(70));
        assert_eq!(started(&mut schedule, at(70)), 4, "up to the greatest");
    }

    #[test]
    fn a_rate_changes_while_the_phase_goes_on() {
        let open = Schedule::requests(
            arrivals(),
            at(0),
            &Limits { sessions_at_once: None, ..limits(None, None) },
            0,
        );
        let (mut schedule, controls) = steered(open, spec::Control::RequestRate, 250.0, 1000.0);
        let dues = |schedule: &mut Schedule, count: usize| {
            let due = |_| {
                let due = schedule.next_start().unwrap();
                schedule.take_start();
                (due - at(0)).as_millis()
            };
            (0..count).map(due).collect::<Vec<_>>()
        };
        assert_eq!(dues(&mut schedule, 3), [0.0, 4.0, 8.0], "a quarter of the greatest");
        controls.set(0, Some(500.0), at(10));
        schedule.grow(at(10));
        // Half of the way to the one at 12 ms is left, at twice the speed.
        assert_eq!(dues(&mut schedule, 3), [11.0, 13.0, 15.0], "every two milliseconds");
        controls.set(0, None, at(16));
        schedule.grow(at(16));
        assert!(schedule.is_done(at(16)) && schedule.unsent() == 0, "nothing was due that was not sent");
    }

    #[test]
    fn workers_that_see_a_new_rate_one_after_the_other_keep_their_distances() {
        let none = || Limits { sessions_at_once: None, ..limits(None, None) };
        let mut dues = Vec::new();
        for (worker, sees) in [(0, at(2)), (1, at(9))] {
            let open = Schedule::requests(arrivals_of(worker, 2), at(0), &none(), 0);
            let (mut schedule, controls) = steered(open, spec::Control::RequestRate, 250.0, 1000.0);
            let mut send_until = |schedule: &mut Schedule, end: MonoNs| {
                while let Some(due) = schedule.next_start().filter(|due| *due < end) {
                    dues.push((due - at(0)).as_millis());
                    schedule.take_start();
                }
            };
            send_until(&mut schedule, sees);
            controls.set(0, Some(500.0), at(10));
            schedule.grow(sees);
            send_until(&mut schedule, at(18));
        }
        dues.sort_by(f64::total_cmp);
        assert_eq!(dues, [0.0, 4.0, 8.0, 11.0, 13.0, 15.0, 17.0], "as one worker would send");
    }

    #[test]
    fn users_come_and_go_while_the_phase_goes_on() {
        let none = Limits { sessions_at_once: None, ..limits(None, None) };
        let users = Users { count: 2, gap: DurationNs::from_millis(20) };
        let (mut schedule, controls) =
            steered(Schedule::users(&users, (0, 1), at(0), &none, 0), spec::Control::Users, 2.0, 4.0);
        assert_eq!(started(&mut schedule, at(10)), 2, "two, half a gap apart");
        controls.set(0, Some(4.0), at(30));
        schedule.grow(at(30));
        assert_eq!(schedule.next_start(), Some(at(30)), "the third one");
        assert_eq!(started(&mut schedule, at(40)), 2, "and the fourth");
        assert_eq!(
            schedule.turn_due(at(30), at(31), at(31)),
            at(70),
            "the same requests a second of more users"
        );
        controls.set(0, Some(2.0), at(50));
        schedule.grow(at(50));
        schedule.session_ended(at(30), at(55));
        schedule.session_ended(at(40), at(55));
        assert_eq!(schedule.next_start(), None, "two that leave have no successor");
        schedule.session_ended(at(0), at(56));
        assert_eq!(schedule.next_start(), Some(at(56)), "the next one has");
    }

    #[test]
    fn a_phase_that_ends_early_keeps_its_grace() {
        let (mut schedule, controls) =
            steered(open(limits(Some(500), None)), spec::Control::RequestRate, 1.0, 1000.0);
        controls.set(0, None, at(200));
        schedule.grow(at(200));
        assert!(schedule.is_done(at(200)), "nothing more is sent");
        assert!(
            !schedule.grace_is_over(at(599)) && schedule.grace_is_over(at(600)),
            "until 100 ms after its own end"
        );
    }
}
