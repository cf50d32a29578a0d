//! Values per event: stored exactly while they are few enough, in a histogram with four significant digits beyond.

use crate::histogram::Counts;
use crate::stats::{Sample, Stat, Stats};
use crate::value::{float, whole};
use statistics::Reason;

/// The values of a list metric, in nanoseconds, in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    exact: Vec<f64>,
    /// How many of them each request has, in their order, with the request's row.
    requests: Vec<(u32, u32)>,
    counted: Option<Box<Counted>>,
}

/// The histogram of values that are too many to store.
#[derive(Clone, Debug)]
struct Counted {
    counts: Counts,
    count: u64,
    sum: f64,
    squares: f64,
}

impl Gaps {
    /// How many values are stored exactly: the index of the next one.
    pub(crate) const fn len(&self) -> usize {
        self.exact.len()
    }

    /// Whether the values were moved to the histogram, so that indices are meaningless.
    pub(crate) const fn is_counted(&self) -> bool {
        self.counted.is_some()
    }

    /// The exact values.
    pub(crate) fn exact(&self) -> &[f64] {
        &self.exact
    }

    /// Adds a value of the request in this row; those of a request are consecutive.
    pub(crate) fn push_of(&mut self, row: u32, nanoseconds: u64, room: &mut usize) {
        self.push(nanoseconds, room);
        if self.counted.is_some() {
            return;
        }
        match self.requests.last_mut() {
            Some((last, count)) if *last == row => *count += 1,
            _ => self.requests.push((row, 1)),
        }
    }

    /// Moves the exact values out.
    fn take(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.exact)
    }

    /// Adds a value. `room` is the capacity for exact values that several lists share; a list that finds none continues as a
    /// histogram and returns its own capacity.
    pub(crate) fn push(&mut self, nanoseconds: u64, room: &mut usize) {
        if let Some(counted) = &mut self.counted {
            counted.add(nanoseconds);
            return;
        }
        let Some(left) = room.checked_sub(1) else {
            *room += self.exact.len();
            self.count();
            return self.push(nanoseconds, room);
        };
        *room = left;
        if self.exact.len() == self.exact.capacity() {
            self.exact.reserve_exact((self.exact.len() / 4).max(4096));
        }
        self.exact.push(float(nanoseconds));
    }

    /// Moves the stored values to the histogram.
    #[cold]
    #[inline(never)]
    fn count(&mut self) {
        let mut counted = Box::new(Counted::new());
        self.requests = Vec::new();
        for number in self.take() {
            counted.add(whole(number));
        }
        self.counted = Some(counted);
    }

    /// The statistics of several lists together, each value multiplied by `factor`.
    pub(crate) fn stats(lists: &[&Self], factor: f64) -> Stats {
        let exact = lists.iter().flat_map(|list| &list.exact);
        let mut counted = lists.iter().filter_map(|list| list.counted.as_deref());
        let Some(first) = counted.next() else {
            let requests = lists.iter().flat_map(|list| &list.requests).map(|(_, count)| *count);
            return Sample::clustered(exact.copied().collect(), requests.collect()).stats(factor);
        };
        let mut all = first.clone();
        counted.for_each(|counted| all.join(counted));
        exact.for_each(|number| all.add(whole(*number)));
        all.stats(factor)
    }

    /// The statistics of this list; its exact values are released.
    pub(crate) fn last_stats(&mut self, factor: f64) -> Stats {
        if self.is_counted() {
            return Self::stats(&[self], factor);
        }
        let requests = std::mem::take(&mut self.requests).into_iter().map(|(_, count)| count);
        Sample::clustered(self.take(), requests.collect()).stats(factor)
    }
}

impl Counted {
    fn new() -> Self {
        Self { counts: Counts::new(4), count: 0, sum: 0.0, squares: 0.0 }
    }

    fn add(&mut self, nanoseconds: u64) {
        self.counts.add(nanoseconds);
        let number = float(nanoseconds);
        self.count += 1;
        self.sum += number;
        self.squares += number * number;
    }

    /// Adds another histogram.
    fn join(&mut self, other: &Self) {
        self.counts.join(&other.counts);
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    fn stats(&self, factor: f64) -> Stats {
        let mut stats = Stats::default();
        let count = float(self.count);
        let avg = self.sum / count;
        for (stat, share) in Stat::PERCENTILES {
            stats.set(stat, self.counts.quantile(share) * factor);
        }
        stats.set(Stat::Avg, avg * factor);
        stats.set(Stat::Min, float(self.counts.least()) * factor);
        stats.set(Stat::Max, float(self.counts.most()) * factor);
        stats.set(Stat::Std, (self.squares / count - avg * avg).max(0.0).sqrt() * factor);
        stats.set(Stat::Sum, self.sum * factor);
        stats.set_count(self.count);
        stats.set_unknown(Reason::TooMany);
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn a_histogram_is_used_beyond_the_limit() {
        let (mut gaps, mut few, mut room) = (Gaps::default(), Gaps::default(), 100);
        few.push(10_000_000_000, &mut room);
        for number in 0..1000_u64 {
            gaps.push(number * 1_000_000, &mut room);
        }
        assert!(gaps.is_counted() && gaps.len() == 0, "nothing is stored exactly beyond the limit");
        assert!(!few.is_counted() && room == 99, "its capacity is returned");
        let both = Gaps::stats(&[&gaps, &few], 1e-6);
        assert_eq!(
            (both.count(), both.get(Stat::Max).map(Value::get)),
            (Some(1001), Some(10_000.0)),
            "both together"
        );
        let stats = Gaps::stats(&[&gaps], 1e-6);
        assert_eq!(stats.count(), Some(1000), "every number counts");
        let near = |stat, expected: f64| {
            let got = stats.get(stat).map_or(f64::NAN, Value::get);
            assert!((got - expected).abs() <= expected * 1e-3 + 1e-9, "{stat:?} is {got}, not {expected}");
        };
        near(Stat::P50, 499.5);
        near(Stat::P99, 989.0);
        near(Stat::Max, 999.0);
        near(Stat::Sum, 499_500.0);
        near(Stat::Std, 288.67);
    }

    #[test]
    fn gaps_of_hours_are_as_long_as_they_are() {
        let mut gaps = Gaps::default();
        (0..100).for_each(|_| gaps.push(7_200_000_000_000, &mut 0));
        assert!(gaps.is_counted(), "there is no capacity");
        let stats = Gaps::stats(&[&gaps], 1e-6);
        for stat in [Stat::Min, Stat::P1, Stat::P99, Stat::Max, Stat::Avg] {
            assert_eq!(stats.get(stat).map(Value::get), Some(7_200_000.0), "{stat:?} of two hours");
        }
    }
}
