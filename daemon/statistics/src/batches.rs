//! A sample in time order, summed up in batches of as many requests each: what is done once for each value of a report.
//!
//! Up to 1024 requests are a batch each, so nothing is lost; of a million requests a batch has a thousand. All that is
//! estimated later costs as much for a million as for a thousand.

use crate::number::float_of;
use crate::series::Of;

/// A sample in time order, in batches, with the number of values up to each of `P` thresholds.
///
/// A request may have one value or many (its gaps): the unit that is independent is never smaller than the request.
#[derive(Clone, Debug)]
pub struct Batches<const P: usize> {
    thresholds: [f64; P],
    /// Requests of a full batch.
    length: usize,
    /// Requests of the last batch.
    filled: usize,
    requests: usize,
    batches: Vec<Batch<P>>,
}

/// Some consecutive requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<const P: usize> {
    /// Values, or whatever else a ratio is divided by.
    pub(crate) size: f64,
    pub(crate) sum: f64,
    pub(crate) upto: [u32; P],
}

impl<const P: usize> Batches<P> {
    /// No batches yet, of at most this many requests.
    #[must_use]
    pub fn new(requests: usize, thresholds: [f64; P]) -> Self {
        let length = requests.div_ceil(MOST_BATCHES).max(1);
        let batches = Vec::with_capacity(requests.div_ceil(length));
        Self { thresholds, length, filled: length, requests: 0, batches }
    }

    /// Adds requests with one value each, as [`Self::value`] does one by one: a batch at a time, in loops over few cached values.
    pub fn fill(&mut self, values: &[f64]) {
        let mut rest = values;
        while !rest.is_empty() {
            let thresholds = self.thresholds;
            let room = if self.filled == self.length { self.length } else { self.length - self.filled };
            let (now, later) = rest.split_at(room.min(rest.len()));
            rest = later;
            let batch = self.next();
            batch.size += float_of(now.len());
            batch.sum += sum(now);
            for (upto, threshold) in batch.upto.iter_mut().zip(thresholds) {
                *upto += now.iter().map(|value| u32::from(*value <= threshold)).sum::<u32>();
            }
            // The first of them is counted by `next`.
            self.filled += now.len() - 1;
            self.requests += now.len() - 1;
        }
    }

    /// Adds the next request, which has one value.
    #[inline]
    pub fn value(&mut self, value: f64) {
        let thresholds = self.thresholds;
        let batch = self.next();
        batch.add(value, &thresholds);
    }

    /// Adds the next request, with all its values; one without any adds nothing.
    #[inline]
    pub fn values(&mut self, values: &[f64]) {
        if values.is_empty() {
            return;
        }
        let thresholds = self.thresholds;
        let batch = self.next();
        for value in values {
            batch.add(*value, &thresholds);
        }
    }

    /// Adds the next request as parts of a ratio: what is divided, and by what.
    #[inline]
    pub fn ratio(&mut self, divided: f64, by: f64) {
        let batch = self.next();
        batch.sum += divided;
        batch.size += by;
    }

    /// Requests added.
    #[must_use]
    pub const fn requests(&self) -> usize {
        self.requests
    }

    /// The batches that have all their requests. A last one that has fewer is left out of the variance, not of the estimate.
    pub(crate) fn full(&self) -> &[Batch<P>] {
        let full = if self.filled == self.length { self.batches.len() } else { self.batches.len() - 1 };
        &self.batches[..full]
    }

    /// What a batch is of.
    pub(crate) const fn of(&self) -> Of {
        if self.length == 1 { Of::Requests } else { Of::Batches }
    }

    /// What all requests have together.
    pub(crate) fn whole(&self) -> Batch<P> {
        let mut whole = Batch { size: 0.0, sum: 0.0, upto: [0; P] };
        for batch in &self.batches {
            whole.size += batch.size;
            whole.sum += batch.sum;
            for (all, upto) in whole.upto.iter_mut().zip(batch.upto) {
                *all = all.saturating_add(upto);
            }
        }
        whole
    }

    /// The share of requests in full batches.
    pub(crate) fn covered(&self) -> f64 {
        float_of(self.full().len() * self.length) / float_of(self.requests.max(1))
    }

    #[inline]
    fn next(&mut self) -> &mut Batch<P> {
        if self.filled == self.length {
            self.batches.push(Batch { size: 0.0, sum: 0.0, upto: [0; P] });
            self.filled = 0;
        }
        self.filled += 1;
        self.requests += 1;
        let last = self.batches.len() - 1;
        &mut self.batches[last]
    }
}

/// The parts of rates in cycles: for each of `N` rates, what is divided and by what.
///
/// Of each request: the time since the end of the one before, and what it adds to each rate. Requests of a closed loop
/// end in bursts, and a batch that ends within one says nothing about the rate. A cycle is from one longer than average time to
/// the next, so a burst is never cut: cycles are what regenerates, of which ratios are estimated (M. A. Crane and A. J. Lemoine,
/// An Introduction to the Regenerative Method, 1977).
pub fn cycles<const N: usize>(
    times: impl Iterator<Item = f64> + Clone,
    parts: impl Iterator<Item = [f64; N]>,
) -> [Batches<0>; N] {
    let (time, count) = times.clone().fold((0.0, 0_usize), |(time, count), since| (time + since, count + 1));
    let average = time / float_of(count.max(1));
    let count = times.clone().filter(|since| *since > average).count();
    let mut batches = [(); N].map(|()| Batches::new(count + 1, []));
    let mut open: Option<(f64, [f64; N])> = None;
    let mut close = |(since, sums): (f64, [f64; N])| {
        for (batches, sum) in batches.iter_mut().zip(sums) {
            batches.ratio(sum, since);
        }
    };
    for (since, parts) in times.zip(parts) {
        if since > average {
            open.take().into_iter().for_each(&mut close);
        }
        let (time, sums) = open.get_or_insert((0.0, [0.0; N]));
        *time += since;
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
    }
    open.into_iter().for_each(&mut close);
    batches
}

impl<const P: usize> Batch<P> {
    #[inline]
    fn add(&mut self, value: f64, thresholds: &[f64; P]) {
        self.size += 1.0;
        self.sum += value;
        for (upto, threshold) in self.upto.iter_mut().zip(thresholds) {
            *upto += u32::from(value <= *threshold);
        }
    }
}

/// The sum, in eight lanes.
fn sum(values: &[f64]) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for eight in eights {
        lanes.iter_mut().zip(eight).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

/// Enough to see dependence in, few enough to cost nothing.
const MOST_BATCHES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_sample_has_as_many_batches_as_a_small_one() {
        let mut batches = Batches::new(2500, [9.5]);
        (0..2500_u16).for_each(|at| batches.value(f64::from(at % 10)));
        assert_eq!((batches.full().len(), batches.requests()), (833, 2500), "three each, and one left");
        let whole = batches.whole();
        assert!((whole.size - 2500.0).abs() < 1e-9 && (whole.sum - 11_250.0).abs() < 1e-9, "{whole:?}");
        assert_eq!(whole.upto, [2500], "all are below the threshold");
    }

    #[test]
    fn filling_is_adding_one_by_one() {
        for count in [0_u16, 1, 7, 1024, 1025, 2500, 5000] {
            let values = (0..count).map(|at| f64::from(u32::from(at) * 37 % 101)).collect::<Vec<_>>();
            let mut one_by_one = Batches::new(values.len(), [10.0, 50.0]);
            values.iter().for_each(|value| one_by_one.value(*value));
            let mut filled = Batches::new(values.len(), [10.0, 50.0]);
            let (first, second) = values.split_at(values.len() / 3);
            filled.fill(first);
            filled.fill(second);
            assert_eq!(filled.full().len(), one_by_one.full().len(), "{count}");
            assert_eq!(filled.requests(), one_by_one.requests(), "{count}");
            for (left, right) in filled.full().iter().zip(one_by_one.full()) {
                assert!((left.sum - right.sum).abs() < 1e-9 && left.upto == right.upto, "{count}");
            }
            assert_eq!(filled.whole().upto, one_by_one.whole().upto, "{count}");
        }
    }

    #[test]
    fn bursts_are_not_cut() {
        // Four end at once, every ten seconds.
        let times = (0..40).map(|at| if at % 4 == 0 { 10.0 } else { 0.0 });
        let [batches] = cycles(times, std::iter::repeat([1.0]));
        assert_eq!(batches.requests(), 10, "as many as bursts");
        assert!(batches.full().iter().all(|cycle| (cycle.sum - 4.0).abs() < 1e-9), "{batches:?}");
    }

    #[test]
    fn requests_of_many_values_stay_whole() {
        let mut batches = Batches::new(3, [1.0]);
        [&[1.0, 2.0][..], &[], &[3.0]].iter().for_each(|values| batches.values(values));
        assert_eq!((batches.requests(), batches.full().len()), (2, 2), "one had no value");
        assert_eq!(batches.full()[0].upto, [1], "one of its two");
    }
}
