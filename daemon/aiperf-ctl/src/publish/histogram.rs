//! A histogram in Prometheus' form: cumulative counts up to each bound, and a sum.

/// Counts of numbers by size.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    /// The last number counted for each bound, and for numbers above all bounds, with its request.
    exemplars: Vec<Option<Exemplar>>,
    sum: f64,
    count: u64,
}

/// A number with its request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exemplar {
    /// The request's id.
    pub(super) request: String,
    /// The number.
    pub(super) value: f64,
}

/// The cumulative count up to a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket<'h> {
    /// The bound, infinite for the last.
    pub(super) bound: f64,
    /// The count of numbers up to the bound.
    pub(super) count: u64,
    /// An example between the previous bound and this one.
    pub(super) exemplar: Option<&'h Exemplar>,
}

impl Histogram {
    /// An empty histogram.
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len()],
            exemplars: vec![None; bounds.len() + 1],
            sum: 0.0,
            count: 0,
        }
    }

    /// Counts a request's number.
    pub(super) fn take(&mut self, number: f64, request: &str) {
        let place = self.bounds.partition_point(|bound| *bound < number);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        if let Some(exemplar) = self.exemplars.get_mut(place) {
            *exemplar = Some(Exemplar { request: request.to_owned(), value: number });
        }
        self.sum += number;
        self.count += 1;
    }

    /// Its buckets, the last of which counts all numbers.
    pub(super) fn buckets(&self) -> impl Iterator<Item = Bucket<'_>> {
        let sums = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let counts = bounds.zip(sums.chain([self.count]));
        counts.zip(&self.exemplars).map(|((bound, count), exemplar)| Bucket {
            bound,
            count,
            exemplar: exemplar.as_ref(),
        })
    }

    /// The sum of all numbers.
    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }

    /// The count of all numbers.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_counts_numbers_up_to_it() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        [0.5, 1.0, 1.5, 9.0]
            .into_iter()
            .zip(["a", "b", "c", "d"])
            .for_each(|(number, id)| histogram.take(number, id));
        let buckets = histogram.buckets().map(|bucket| {
            let Bucket { bound, count, exemplar } = bucket;
            (bound, count, exemplar.map(|exemplar| exemplar.request.as_str()))
        });
        let expected = [(1.0, 2, Some("b")), (2.0, 3, Some("c")), (f64::INFINITY, 4, Some("d"))];
        assert_eq!(buckets.collect::<Vec<_>>(), expected, "cumulative, each with its last example");
        assert_eq!((histogram.sum(), histogram.count()), (12.0, 4), "including numbers above all bounds");
    }
}
