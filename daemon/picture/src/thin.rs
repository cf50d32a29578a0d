//! Reduces many points to those that a picture can show: of each interval of the horizontal axis, ranks from the least to the
//! greatest.

use crate::number::{float, whole};

/// The indices that stay, in their order: of each of `buckets` equal intervals of `x`, `keep` values that are evenly spread by
/// rank of `y`, the least and the greatest among them. All stay if they are not more than that.
pub(crate) fn thinned<T>(
    items: &[T],
    buckets: usize,
    keep: usize,
    at: impl Fn(&T) -> (f64, f64),
) -> Vec<usize> {
    if items.len() <= buckets.saturating_mul(keep) {
        return (0..items.len()).collect();
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for item in items {
        let (x, _) = at(item);
        (low, high) = (low.min(x), high.max(x));
    }
    let width = ((high - low) / float(buckets)).max(f64::MIN_POSITIVE);
    let mut of = vec![Vec::new(); buckets];
    for (place, item) in items.iter().enumerate() {
        let bucket = whole((at(item).0 - low) / width).min(buckets - 1);
        of[bucket].push(place);
    }
    let of_bucket = |(number, places)| ranks(places, keep, phase(number), |place: usize| at(&items[place]).1);
    let mut stay = of.into_iter().enumerate().flat_map(of_bucket).collect::<Vec<_>>();
    stay.sort_unstable();
    stay
}

/// Where between two ranks an interval takes its values, from 0 to 1: of equal ranks everywhere a cloud would become stripes.
fn phase(bucket: usize) -> f64 {
    (float(bucket) * GOLDEN).fract()
}

/// So many of these: the least, the greatest, and others evenly spread by rank between them.
fn ranks(mut places: Vec<usize>, keep: usize, phase: f64, value: impl Fn(usize) -> f64) -> Vec<usize> {
    if places.len() <= keep {
        return places;
    }
    places.sort_by(|one, other| value(*one).total_cmp(&value(*other)));
    let last = places.len() - 1;
    let between = keep.saturating_sub(2);
    let step = float(last - 1) / float(between.max(1));
    let inner = (0..between).map(|rank| 1 + whole((float(rank) + phase) * step).min(last - 2));
    std::iter::once(0).chain(inner).chain([last]).map(|rank| places[rank]).collect()
}

/// Its multiples are spread evenly.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_stay() {
        let values = (0..100_000).map(|n| (float(n), float(n % 97))).collect::<Vec<_>>();
        let stay = thinned(&values, 50, 4, |value| *value);
        assert_eq!(stay.len(), 200, "four of each interval");
        assert!(stay.is_sorted(), "in their order");
        for interval in 0..50 {
            let inside =
                stay.iter().map(|place| values[*place]).filter(|(x, _)| whole(x / 1999.98) == interval);
            let heights = inside.map(|(_, y)| y).collect::<Vec<_>>();
            let has = |wanted: f64| heights.iter().any(|y| (y - wanted).abs() < 0.5);
            assert!(has(0.0) && has(96.0), "interval {interval}: {heights:?}");
        }
    }

    #[test]
    fn few_and_equal_values_are_kept() {
        let few = [(1.0, 5.0), (1.0, 6.0)];
        assert_eq!(thinned(&few, 4, 2, |value| *value), [0, 1], "few");
        let equal = vec![(3.0, 3.0); 1000];
        assert_eq!(thinned(&equal, 4, 2, |value| *value), [0, 999], "all in one interval");
    }
}
