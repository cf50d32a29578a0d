//! Statistics of a sample, as AIPerf (NumPy) computes them: identical to the last bit where the order of operations allows it.

use crate::confidence;
use crate::value::{Value, float_of, index};

/// The exported statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Stat {
    Avg,
    P1,
    P5,
    P10,
    P25,
    P50,
    P75,
    P90,
    P95,
    P99,
    Min,
    Max,
    Std,
    Sum,
}

/// The statistics of a metric, in the displayed unit. A statistic without a finite value is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    values: [Option<Value>; Stat::ALL.len()],
    count: Option<u64>,
    intervals: [Option<(Value, Value)>; Stat::PERCENTILES.len()],
}

/// The values of a metric.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    values: Vec<f64>,
    sum: f64,
}

impl Stat {
    /// All, in the order of AIPerf's JSON (`count` precedes `sum` there).
    pub const ALL: [Self; 14] = [
        Self::Avg,
        Self::P1,
        Self::P5,
        Self::P10,
        Self::P25,
        Self::P50,
        Self::P75,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::Min,
        Self::Max,
        Self::Std,
        Self::Sum,
    ];

    /// The percentiles with the fraction of the sample below each.
    pub const PERCENTILES: [(Self, f64); 9] = [
        (Self::P1, 1.0 / 100.0),
        (Self::P5, 5.0 / 100.0),
        (Self::P10, 10.0 / 100.0),
        (Self::P25, 25.0 / 100.0),
        (Self::P50, 50.0 / 100.0),
        (Self::P75, 75.0 / 100.0),
        (Self::P90, 90.0 / 100.0),
        (Self::P95, 95.0 / 100.0),
        (Self::P99, 99.0 / 100.0),
    ];

    /// The statistic's name in every export.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::P1 => "p1",
            Self::P5 => "p5",
            Self::P10 => "p10",
            Self::P25 => "p25",
            Self::P50 => "p50",
            Self::P75 => "p75",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Min => "min",
            Self::Max => "max",
            Self::Std => "std",
            Self::Sum => "sum",
        }
    }
}

impl Stats {
    /// A single value, for aggregate and derived metrics.
    #[must_use]
    pub fn scalar(value: Value) -> Self {
        let mut stats = Self::default();
        stats.set(Stat::Avg, value.get());
        stats
    }

    /// A statistic, if it has a finite value.
    #[must_use]
    pub const fn get(&self, stat: Stat) -> Option<Value> {
        self.values[stat as usize]
    }

    /// The sample size; absent for a single value and for time-weighted statistics.
    #[must_use]
    pub const fn count(&self) -> Option<u64> {
        self.count
    }

    /// Whether the sample is large enough for a percentile: see [`confidence::least_sample`].
    ///
    /// Statistics other than percentiles are always supported.
    #[must_use]
    pub fn supports(&self, stat: Stat) -> bool {
        let share = Stat::PERCENTILES.iter().find(|(percentile, _)| *percentile == stat);
        match (share, self.count) {
            (Some((_, share)), Some(count)) => count >= confidence::least_sample(*share),
            _ => true,
        }
    }

    /// The statistics of a sample in the displayed unit; values that are not finite are left out.
    #[must_use]
    pub fn of_sample(numbers: impl IntoIterator<Item = f64>) -> Self {
        Sample::new(numbers.into_iter().filter(|number| number.is_finite()).collect()).stats(1.0)
    }

    /// The 95 % confidence interval of a statistic: a percentile by order statistics, the mean by Student's t. Absent if the
    /// sample is too small.
    #[must_use]
    pub fn interval(&self, stat: Stat) -> Option<(Value, Value)> {
        if stat == Stat::Avg {
            let number = |stat| self.get(stat).map(Value::get);
            let (low, high) = confidence::mean_interval(number(stat)?, number(Stat::Std)?, self.count?)?;
            return Value::new(low).zip(Value::new(high));
        }
        let place = Stat::PERCENTILES.iter().position(|(percentile, _)| *percentile == stat)?;
        self.intervals[place]
    }

    pub(crate) fn set(&mut self, stat: Stat, number: f64) {
        self.values[stat as usize] = Value::new(number);
    }

    pub(crate) const fn set_count(&mut self, count: u64) {
        self.count = Some(count);
    }
}

impl Sample {
    /// A sample of finite values.
    #[must_use]
    pub(crate) fn new(values: Vec<f64>) -> Self {
        let sum = pairwise_sum(&values, |value| value);
        Self { values, sum }
    }

    /// The sum of the values.
    #[must_use]
    pub(crate) const fn sum(&self) -> f64 {
        self.sum
    }

    /// Whether it is empty.
    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The statistics, each multiplied by `factor`.
    pub(crate) fn stats(&mut self, factor: f64) -> Stats {
        let mut stats = Stats::default();
        if self.values.is_empty() {
            return stats;
        }
        let count = self.values.len();
        let order =
            Order::new(&mut self.values, &Stat::PERCENTILES.map(|(_, share)| wanted(count, share)).concat());
        for (place, (stat, share)) in Stat::PERCENTILES.into_iter().enumerate() {
            stats.set(stat, percentile(count, share, |place| order.get(place)) * factor);
            stats.intervals[place] = confidence::ranks(count, share).and_then(|(low, high)| {
                Some((Value::new(order.get(low) * factor)?, Value::new(order.get(high) * factor)?))
            });
        }
        let avg = self.sum / float_of(count);
        stats.set(Stat::Avg, avg * factor);
        stats.set(Stat::Min, order.get(0) * factor);
        stats.set(Stat::Max, order.get(count - 1) * factor);
        stats.set(Stat::Std, self.deviation(avg) * factor);
        stats.set(Stat::Sum, self.sum * factor);
        stats.set_count(count as u64);
        stats
    }

    /// The statistics with `failures` infinities added to the sample: nearest ranks, and no mean.
    pub(crate) fn adjusted(&mut self, failures: usize, factor: f64) -> Stats {
        let mut stats = Stats::default();
        if self.values.is_empty() {
            return stats;
        }
        let count = self.values.len() + failures;
        let nearest = |share: f64| index((float_of(count - 1) * share).round_ties_even());
        let places = Stat::PERCENTILES.map(|(_, share)| nearest(share));
        let order = Order::new(&mut self.values, &[places.as_slice(), &[0]].concat());
        for ((stat, _), place) in Stat::PERCENTILES.into_iter().zip(places) {
            stats.set(stat, order.get(place) * factor);
        }
        stats.set(Stat::Min, order.get(0) * factor);
        stats.set_count(count as u64);
        stats
    }

    fn deviation(&self, avg: f64) -> f64 {
        let squares = pairwise_sum(&self.values, |value| (value - avg) * (value - avg));
        (squares / float_of(self.values.len())).sqrt()
    }
}

/// The indices in the sorted sample that a percentile and its interval need.
fn wanted(count: usize, share: f64) -> Vec<usize> {
    let below = index(float_of(count - 1) * share);
    let (low, high) = confidence::ranks(count, share).unwrap_or((0, count - 1));
    vec![0, below, (below + 1).min(count - 1), low, high, count - 1]
}

/// The percentile by linear interpolation at index `share * (n - 1)`.
fn percentile(count: usize, share: f64, sorted: impl Fn(usize) -> f64) -> f64 {
    let place = float_of(count - 1) * share;
    let below = index(place);
    let (left, right) = (sorted(below), sorted((below + 1).min(count - 1)));
    let part = place - float_of(below);
    if part >= 0.5 { right - (right - left) * (1.0 - part) } else { left + (right - left) * part }
}

/// A few elements of a sorted sample.
#[derive(Debug)]
struct Order {
    /// Index and value, sorted by index.
    known: Vec<(usize, f64)>,
}

impl Order {
    /// A small sample is sorted; for a large one, only the buckets (by the values' upper bits) that contain a needed index.
    fn new(values: &mut [f64], places: &[usize]) -> Self {
        if values.len() <= FEW {
            values.sort_unstable_by_key(|value| ordered(*value));
            let known = places.iter().filter_map(|place| Some((*place, *values.get(*place)?)));
            return Self { known: known.collect() }.by_place();
        }
        let mut counts = vec![0_usize; 1 << BUCKET_BITS];
        for value in &*values {
            counts[bucket(*value)] += 1;
        }
        let mut places = places.iter().copied().filter(|place| *place < values.len()).collect::<Vec<_>>();
        places.sort_unstable();
        places.dedup();
        let mut inside = vec![None; 1 << BUCKET_BITS];
        let mut held = Vec::<(usize, Vec<f64>)>::new();
        let (mut below, mut at) = (0, 0);
        for place in &places {
            while below + counts[at] <= *place {
                below += counts[at];
                at += 1;
            }
            inside[at].get_or_insert_with(|| {
                held.push((below, Vec::with_capacity(counts[at])));
                held.len() - 1
            });
        }
        for value in &*values {
            if let Some(of) = inside[bucket(*value)] {
                held[of].1.push(*value);
            }
        }
        let mut known = Vec::with_capacity(places.len());
        for (below, bucket) in &mut held {
            bucket.sort_unstable_by_key(|value| ordered(*value));
            let here =
                places.iter().filter_map(|place| Some((*place, *bucket.get(place.checked_sub(*below)?)?)));
            known.extend(here);
        }
        Self { known }.by_place()
    }

    fn by_place(mut self) -> Self {
        self.known.sort_unstable_by_key(|(place, _)| *place);
        self
    }

    /// The value at a requested index; infinite beyond the sample.
    fn get(&self, place: usize) -> f64 {
        let known = self.known.binary_search_by_key(&place, |(place, _)| *place);
        known.map_or(f64::INFINITY, |found| self.known[found].1)
    }
}

/// The bits of a number, in an order-preserving form.
pub(crate) const fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The upper bits of a number, in an order-preserving form.
pub(crate) fn bucket(value: f64) -> usize {
    usize::try_from(ordered(value) >> (64 - BUCKET_BITS)).unwrap_or(0)
}

/// 64 buckets for each doubling.
pub(crate) const BUCKET_BITS: u32 = 18;

/// Samples up to this size are sorted completely.
pub(crate) const FEW: usize = 1 << 15;

/// The sum of `of` each value by NumPy's order of additions, whose rounding grows with the length's logarithm.
fn pairwise_sum(values: &[f64], of: impl Fn(f64) -> f64 + Copy) -> f64 {
    if values.len() < 8 {
        return values.iter().map(|value| of(*value)).sum();
    }
    if values.len() <= 128 {
        let (eights, rest) = values.as_chunks::<8>();
        let mut lanes = eights[0].map(of);
        for eight in &eights[1..] {
            for (lane, value) in lanes.iter_mut().zip(eight) {
                *lane += of(*value);
            }
        }
        let [a, b, c, d, e, f, g, h] = lanes;
        let all = ((a + b) + (c + d)) + ((e + f) + (g + h));
        return rest.iter().fold(all, |sum, value| sum + of(*value));
    }
    let half = values.len() / 2;
    let (left, right) = values.split_at(half - half % 8);
    pairwise_sum(left, of) + pairwise_sum(right, of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], stat: Stat, expected: f64) {
        let got = Sample::new(values.to_vec()).stats(1.0).get(stat).map(Value::get);
        assert!(got.is_some_and(|got| (got - expected).abs() < 1e-12), "{stat:?} of {values:?}: {got:?}");
    }

    #[test]
    fn statistics_match_numpy() {
        let values = [4.0, 1.0, 3.0, 2.0];
        check(&values, Stat::Avg, 2.5);
        check(&values, Stat::P50, 2.5);
        check(&values, Stat::P90, 3.7);
        check(&values, Stat::P99, 3.97);
        check(&values, Stat::Std, 1.25_f64.sqrt());
        check(&values, Stat::Sum, 10.0);
        check(&[7.0], Stat::P99, 7.0);
    }

    #[test]
    fn large_samples_have_the_order_of_small_ones() {
        for spread in [1_000_003_u32, 7, 1] {
            let value = |place: u32| f64::from(place.wrapping_mul(7919) % spread) - 3.0;
            let mut values = (0..100_000).map(value).collect::<Vec<_>>();
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let places = [0, 1, 49_999, 50_000, 98_999, 99_999];
            let order = Order::new(&mut values, &places);
            for place in places {
                assert_eq!(order.get(place).to_bits(), sorted[place].to_bits(), "place {place} of {spread}");
            }
        }
    }

    #[test]
    fn long_sums_are_exact_for_whole_numbers() {
        let values = (0..100_000).map(f64::from).collect::<Vec<_>>();
        check(&values, Stat::Sum, 4_999_950_000.0);
    }

    #[test]
    fn small_samples_support_no_high_percentile() {
        let stats = |count: u32| Sample::new((0..count).map(f64::from).collect()).stats(1.0);
        assert!(!stats(661).supports(Stat::P99), "one too few");
        assert!(stats(662).supports(Stat::P99), "just enough");
        assert!(stats(3).supports(Stat::Max), "the greatest is what it is");
        let (low, high) = stats(1000).interval(Stat::P50).unwrap();
        assert!(low.get() < 499.5 && high.get() > 499.5, "the interval holds the median");
        assert_eq!(stats(10).interval(Stat::P99), None, "ten numbers do not bound the 99th percentile");
    }
}
