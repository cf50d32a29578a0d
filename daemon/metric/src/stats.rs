//! Statistics of a sample, as AIPerf (NumPy) computes them: identical to the last bit where the order of operations allows it.

use crate::value::{Value, float_of, index};
use statistics::{Assessed, Batches, Estimate, Interval, Method, Needs, Ranks, Reason, least_sample};

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
    /// That of the mean, or of a single value; `None` where it is not a sample's.
    mean: Option<Result<Interval, Needs>>,
    /// Those of the percentiles.
    percentiles: Option<Box<[Result<Interval, Needs>; Stat::PERCENTILES.len()]>>,
}

/// The values of a metric, in the order in which their requests ended.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    values: Vec<f64>,
    sum: f64,
    /// How many values each request has; empty if each has one.
    clusters: Vec<u32>,
}

/// A sample in batches, with the number of values up to each percentile.
type Batched = Batches<{ Stat::PERCENTILES.len() }>;

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

    /// Whether the sample is large enough for a percentile: whether that has an interval, for which requests are counted and not
    /// values, or in a histogram, which has none, whether there are [`least_sample`] values.
    ///
    /// Statistics other than percentiles are always supported.
    #[must_use]
    pub fn supports(&self, stat: Stat) -> bool {
        let Some((_, share)) = Stat::PERCENTILES.iter().find(|(percentile, _)| *percentile == stat) else {
            return true;
        };
        match self.precision(stat) {
            Some(Ok(_)) => true,
            Some(Err(needs)) if needs.reason != Reason::TooMany => false,
            _ => self.count.is_none_or(|count| count >= least_sample(*share)),
        }
    }

    /// The statistics of a sample in the displayed unit; values that are not finite are left out.
    #[must_use]
    pub fn of_sample(numbers: impl IntoIterator<Item = f64>) -> Self {
        Sample::new(numbers.into_iter().filter(|number| number.is_finite()).collect()).stats(1.0)
    }

    /// Like [`Self::of_sample`], of requests with some values each.
    #[must_use]
    pub fn of_requests(requests: impl IntoIterator<Item = Vec<f64>>) -> Self {
        let finite =
            |request: Vec<f64>| request.into_iter().filter(|number| number.is_finite()).collect::<Vec<_>>();
        let requests = requests.into_iter().map(finite).filter(|request| !request.is_empty());
        let requests = requests.collect::<Vec<_>>();
        let counts = requests.iter().map(|request| u32::try_from(request.len()).unwrap_or(u32::MAX));
        Sample::clustered(requests.concat(), counts.collect()).stats(1.0)
    }

    /// The ends of the 95 % confidence interval of a statistic, if it has one.
    #[must_use]
    pub fn interval(&self, stat: Stat) -> Option<(Value, Value)> {
        let interval = self.precision(stat)?.ok()?;
        Value::new(interval.low).zip(Value::new(interval.high))
    }

    /// The 95 % confidence interval of a statistic, or why there is none; `None` for what has no interval by its nature, such as
    /// a maximum.
    #[must_use]
    pub fn precision(&self, stat: Stat) -> Option<Result<Interval, Needs>> {
        if stat == Stat::Avg {
            return self.mean;
        }
        let place = Stat::PERCENTILES.iter().position(|(percentile, _)| *percentile == stat)?;
        self.percentiles.as_ref().map(|percentiles| percentiles[place])
    }

    /// Sets the interval of the mean, or of a single value.
    pub(crate) fn set_interval(&mut self, interval: Result<Interval, Needs>) {
        self.mean = Some(interval);
    }

    /// Sets that no statistic has an interval.
    pub(crate) fn set_unknown(&mut self, reason: Reason) {
        self.mean = Some(Err(Needs::of(reason)));
        self.percentiles = Some(Box::new([Err(Needs::of(reason)); Stat::PERCENTILES.len()]));
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
        Self { values, sum, clusters: Vec::new() }
    }

    /// A sample of which requests have so many consecutive values each.
    #[must_use]
    pub(crate) fn clustered(values: Vec<f64>, clusters: Vec<u32>) -> Self {
        Self { clusters, ..Self::new(values) }
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
    pub(crate) fn stats(&self, factor: f64) -> Stats {
        let mut stats = Stats::default();
        if self.values.is_empty() {
            return stats;
        }
        let count = self.values.len();
        let selection = Selection::new(&self.values);
        let order = selection.order(&Stat::PERCENTILES.map(|(_, share)| wanted(count, share)).concat());
        let percentiles =
            Stat::PERCENTILES.map(|(_, share)| percentile(count, share, |place| order.get(place)));
        for ((stat, _), number) in Stat::PERCENTILES.into_iter().zip(percentiles) {
            stats.set(stat, number * factor);
        }
        let avg = self.sum / float_of(count);
        let deviation = self.deviation(avg);
        stats.set(Stat::Avg, avg * factor);
        stats.set(Stat::Min, order.get(0) * factor);
        stats.set(Stat::Max, order.get(count - 1) * factor);
        stats.set(Stat::Std, deviation * factor);
        stats.set(Stat::Sum, self.sum * factor);
        stats.set_count(count as u64);
        self.assess(percentiles, deviation, order.get(0), &selection).set(&mut stats, factor);
        stats
    }

    /// The statistics of the sample with infinities for failures, given in the order in which requests ended: nearest ranks, and
    /// no mean.
    pub(crate) fn adjusted(&self, with_failures: &[f64], factor: f64) -> Stats {
        let mut stats = Stats::default();
        if self.values.is_empty() {
            return stats;
        }
        let count = with_failures.len();
        let nearest = |share: f64| index((float_of(count - 1) * share).round_ties_even());
        let places = Stat::PERCENTILES.map(|(_, share)| nearest(share));
        let selection = Selection::new(&self.values);
        let order = selection.order(&[places.as_slice(), &[0, self.values.len() - 1]].concat());
        let percentiles = places.map(|place| order.get(place));
        for ((stat, _), number) in Stat::PERCENTILES.into_iter().zip(percentiles) {
            stats.set(stat, number * factor);
        }
        stats.set(Stat::Min, order.get(0) * factor);
        stats.set_count(count as u64);
        // How requests depend on each other needs numbers: a failure is slower than the slowest success.
        let slower = order.get(self.values.len() - 1) * 2.0 + 1.0;
        let mut batches = Batched::new(count, percentiles);
        with_failures.iter().for_each(|value| batches.value(value.min(slower)));
        let assessed = batches.assess(0.0);
        let precision =
            Precision { mean: Err(Needs::of(Reason::Failures)), percentiles: ranked(&assessed, &selection) };
        precision.set(&mut stats, factor);
        stats
    }

    /// How sure the statistics are.
    fn assess(
        &self,
        percentiles: [f64; Stat::PERCENTILES.len()],
        deviation: f64,
        least: f64,
        selection: &Selection<'_>,
    ) -> Precision {
        let batches = self.batches(percentiles);
        let assessed = batches.assess(deviation * deviation);
        let method = if self.clusters.is_empty() { Method::Mean } else { Method::Ratio };
        // What is never negative has no negative mean.
        let Estimate { interval: mean, .. } =
            assessed.mean(method, if least >= 0.0 { 0.0 } else { f64::NEG_INFINITY });
        let percentiles = ranked(&assessed, selection);
        Precision { mean, percentiles }
    }

    fn batches(&self, percentiles: [f64; Stat::PERCENTILES.len()]) -> Batched {
        if self.clusters.is_empty() {
            let mut batches = Batched::new(self.values.len(), percentiles);
            batches.fill(&self.values);
            return batches;
        }
        let mut batches = Batched::new(self.clusters.len(), percentiles);
        let mut rest = self.values.as_slice();
        for count in &self.clusters {
            let (request, others) = rest.split_at((*count as usize).min(rest.len()));
            batches.values(request);
            rest = others;
        }
        batches
    }

    fn deviation(&self, avg: f64) -> f64 {
        let squares = pairwise_sum(&self.values, |value| (value - avg) * (value - avg));
        (squares / float_of(self.values.len())).sqrt()
    }
}

/// The intervals of the percentiles; beyond the sample are failures.
fn ranked<const P: usize>(
    assessed: &Assessed<'_, P>,
    selection: &Selection<'_>,
) -> [Result<Interval, Needs>; Stat::PERCENTILES.len()] {
    let mut places = 0..;
    let ranks = Stat::PERCENTILES.map(|(_, share)| assessed.ranks(places.next().unwrap_or(0), share));
    let needed = ranks.iter().flatten().flat_map(Ranks::places);
    let order = selection.order(&needed.filter_map(|place| usize::try_from(place).ok()).collect::<Vec<_>>());
    ranks.map(|ranks| ranks?.interval(|place| order.get(place)))
}

/// How sure the statistics of a sample are.
#[derive(Debug)]
struct Precision {
    mean: Result<Interval, Needs>,
    percentiles: [Result<Interval, Needs>; Stat::PERCENTILES.len()],
}

impl Precision {
    fn set(self, stats: &mut Stats, factor: f64) {
        let shown = |interval: Result<Interval, Needs>| {
            interval.map(|interval| Interval {
                low: interval.low * factor,
                high: interval.high * factor,
                ..interval
            })
        };
        stats.set_interval(shown(self.mean));
        stats.percentiles = Some(Box::new(self.percentiles.map(shown)));
    }
}

/// The indices in the sorted sample that a percentile needs.
fn wanted(count: usize, share: f64) -> [usize; 4] {
    let below = index(float_of(count - 1) * share);
    [0, below, (below + 1).min(count - 1), count - 1]
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

/// A sample of which elements of the sorted order are looked up.
#[derive(Debug)]
enum Selection<'a> {
    /// A small one, sorted.
    Few(Vec<f64>),
    /// A large one, with the number of values in each bucket by their upper bits.
    Many(&'a [f64], Vec<u32>),
}

impl<'a> Selection<'a> {
    fn new(values: &'a [f64]) -> Self {
        if values.len() <= FEW {
            let mut sorted = values.to_vec();
            sorted.sort_unstable_by_key(|value| ordered(*value));
            return Self::Few(sorted);
        }
        let mut counts = vec![0_u32; 1 << BUCKET_BITS];
        for value in values {
            counts[bucket(*value)] += 1;
        }
        Self::Many(values, counts)
    }

    /// The elements at these indices; of a large sample, only the buckets that contain one are sorted.
    fn order(&self, places: &[usize]) -> Order {
        match self {
            Self::Few(sorted) => {
                let known = places.iter().filter_map(|place| Some((*place, *sorted.get(*place)?)));
                Order { known: known.collect() }.by_place()
            }
            Self::Many(values, counts) => Order::of_many(values, counts, places),
        }
    }
}

impl Order {
    fn of_many(values: &[f64], counts: &[u32], places: &[usize]) -> Self {
        let mut places = places.iter().copied().filter(|place| *place < values.len()).collect::<Vec<_>>();
        places.sort_unstable();
        places.dedup();
        // One byte a bucket, so that the table stays in the cache: places are fewer than 255.
        let mut inside = vec![0_u8; 1 << BUCKET_BITS];
        let mut held = Vec::<(usize, Vec<f64>)>::new();
        let (mut below, mut at) = (0, 0);
        for place in &places {
            while below + counts[at] as usize <= *place {
                below += counts[at] as usize;
                at += 1;
            }
            if inside[at] == 0 {
                held.push((below, Vec::with_capacity(counts[at] as usize)));
                inside[at] = u8::try_from(held.len()).unwrap_or(u8::MAX);
            }
        }
        for value in values {
            let of = inside[bucket(*value)];
            if of > 0 {
                held[usize::from(of) - 1].1.push(*value);
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
            let values = (0..100_000).map(value).collect::<Vec<_>>();
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let places = [0, 1, 49_999, 50_000, 98_999, 99_999];
            let order = Selection::new(&values).order(&places);
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

    /// Numbers from 0 on in an order without dependence.
    fn shuffled(count: u32) -> Vec<f64> {
        let mut values = (0..count).map(f64::from).collect::<Vec<_>>();
        let mut state = 1_u64;
        for last in (1..values.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            values.swap(last, usize::try_from(state >> 33).unwrap() % (last + 1));
        }
        values
    }

    #[test]
    fn small_samples_support_no_high_percentile() {
        let stats = |count: u32| Sample::new(shuffled(count)).stats(1.0);
        assert!(!stats(661).supports(Stat::P99), "one too few");
        assert!(stats(662).supports(Stat::P99), "just enough");
        assert!(stats(3).supports(Stat::Max), "the greatest is what it is");
        for count in [1000, 100_000] {
            let middle = f64::from(count) / 2.0;
            let (low, high) = stats(count).interval(Stat::P50).unwrap();
            assert!(low.get() < middle && high.get() > middle, "the interval holds the median");
        }
        assert_eq!(stats(10).interval(Stat::P99), None, "ten numbers do not bound the 99th percentile");
    }

    #[test]
    fn values_of_one_request_count_as_one() {
        let values = shuffled(662 * 4);
        let of = |requests: u32, each: u32| {
            let count = usize::try_from(requests * each).unwrap();
            let clusters = vec![each; usize::try_from(requests).unwrap()];
            Sample::clustered(values[..count].to_vec(), clusters).stats(1.0)
        };
        assert!(!of(661, 4).supports(Stat::P99), "2644 values of 661 requests");
        assert!(of(662, 4).supports(Stat::P99), "of one more");
    }
}
