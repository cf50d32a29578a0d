//! How two samples differ at every value: the shift between their quantiles, with a band that holds everywhere at once.

use crate::batches::Batches;
use crate::interval::needed;
use crate::number::{float_of, whole};
use crate::precision::{Needs, Reason};
use crate::series::dependence;

/// A sample, and how many independent values its distribution function is as sure as.
#[derive(Clone, Debug)]
pub struct Distribution {
    sorted: Vec<f64>,
    effective: Result<f64, Needs>,
}

/// How far two samples are apart at a value of the first one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The value of the first sample.
    pub at: f64,
    /// The share of the first sample up to it.
    pub share: f64,
    /// The value of the second sample with the same share, less this one.
    pub difference: f64,
    /// The lower end of the band; `None` where the samples say nothing of it.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Distribution {
    /// That of values in time order; those that are not finite are left out.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let in_order = values.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>();
        let mut sorted = in_order.clone();
        sorted.sort_by(f64::total_cmp);
        let effective = effective(&in_order, &sorted);
        Self { sorted, effective }
    }

    /// Its values in ascending order.
    #[must_use]
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// How many independent values are as sure.
    ///
    /// # Errors
    /// When there are too few values, or they depend on each other too much.
    pub const fn effective(&self) -> Result<f64, Needs> {
        self.effective
    }

    /// The share of values up to this one.
    #[must_use]
    pub fn share(&self, value: f64) -> f64 {
        float_of(self.sorted.partition_point(|one| *one <= value)) / float_of(self.sorted.len().max(1))
    }

    /// The least value up to which there is at least this share; `None` of nothing.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share * float_of(self.sorted.len()) - ROUNDING).ceil().max(1.0);
        self.sorted.get(place(rank) - 1).copied()
    }

    /// The least value up to which there is more than this share.
    fn beyond(&self, share: f64) -> Option<f64> {
        self.sorted.get(place((share * float_of(self.sorted.len()) + ROUNDING).floor().max(0.0))).copied()
    }
}

/// The shifts of a sample from another at these shares of the other one, with a band that holds at all values at once with a
/// probability of error of at most `error`.
///
/// K. A. Doksum and G. L. Sievers, Plotting with confidence: graphical comparisons of two populations, Biometrika 63 (1976), 421: the
/// value of the second sample with the share `F(x)` lies between those with the shares `F(x) - K` and `F(x) + K`, `K` being the
/// critical distance of Kolmogorov and Smirnov for two samples, `sqrt(-ln(error / 2) / 2) sqrt(1 / m + 1 / n)`. For dependent values
/// m and n are the numbers of independent values whose distribution function is as sure, the least of those at its deciles. The band
/// is of these values alone: by how much one run differs from the next of the same load is not in it.
///
/// # Errors
/// When a sample is too small, or its values depend on each other too much.
pub fn shifts(
    base: &Distribution,
    other: &Distribution,
    error: f64,
    shares: impl IntoIterator<Item = f64>,
) -> Result<Vec<Shift>, Needs> {
    let distance = critical(base.effective?, other.effective?, error);
    if distance >= 0.5 {
        return Err(Needs { reason: Reason::TooFew, more_requests: None });
    }
    let shift = |share: f64| {
        let at = base.quantile(share)?;
        let share = base.share(at);
        let end = |value: Option<f64>| Some(value? - at);
        Some(Shift {
            at,
            share,
            difference: other.quantile(share)? - at,
            low: if share > distance { end(other.quantile(share - distance)) } else { None },
            high: if share + distance < 1.0 { end(other.beyond(share + distance)) } else { None },
        })
    };
    Ok(shares.into_iter().filter_map(shift).collect())
}

/// The critical distance of two empirical distribution functions.
fn critical(first: f64, second: f64, error: f64) -> f64 {
    (-(error / 2.0).ln() / 2.0).sqrt() * (first.recip() + second.recip()).sqrt()
}

/// How many independent values are as sure of the distribution function, where it is the least sure.
fn effective(in_order: &[f64], sorted: &[f64]) -> Result<f64, Needs> {
    let count = sorted.len();
    if count < FEWEST {
        return Err(Needs { reason: Reason::TooFew, more_requests: Some((FEWEST - count) as u64) });
    }
    let decile = |number: usize| sorted[count * number / DECILES];
    let thresholds: [f64; DECILES - 1] = std::array::from_fn(|number| decile(number + 1));
    let mut batches = Batches::new(count, thresholds);
    batches.fill(in_order);
    let (all, full, covered) = (batches.whole(), batches.full(), batches.covered());
    let mut least = float_of(count);
    let mut inflations = Vec::new();
    for place in 0..thresholds.len() {
        let below = f64::from(all.upto[place]) / all.size;
        let deviations = full.iter().map(|batch| f64::from(batch.upto[place]) - below * batch.size);
        let deviations = deviations.collect::<Vec<_>>();
        let found = dependence(&deviations, batches.of());
        inflations.push(found.inflation);
        let squares = deviations.iter().map(|one| one * one).sum::<f64>();
        let variance = found.inflation * squares / all.size.powi(2) / covered;
        if variance > 0.0 {
            least = least.min(below * (1.0 - below) / variance);
        }
    }
    // One decile in twenty seems to depend by chance, so that of the middle one decides.
    inflations.sort_by(f64::total_cmp);
    let inflation = inflations[inflations.len() / 2];
    let independent = float_of(full.len()) / inflation;
    let needed = needed(inflation);
    if independent < needed {
        let more = (needed / independent - 1.0) * float_of(count);
        return Err(Needs::more(Reason::Dependent, more));
    }
    Ok(least.max(1.0))
}

fn place(rank: f64) -> usize {
    usize::try_from(whole(rank)).unwrap_or(usize::MAX)
}

/// A smaller sample shows neither its distribution nor its dependence.
const FEWEST: usize = 20;
const DECILES: usize = 10;
/// Shares are quotients, whose products with the count may be off an integer.
const ROUNDING: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look uniform between 0 and 1.
    struct Random(u64);

    impl Random {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (float_of(usize::try_from((mixed ^ (mixed >> 31)) >> 11).unwrap()) + 0.5)
                / 9_007_199_254_740_992.0
        }

        fn normal(&mut self) -> f64 {
            (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
        }

        /// A first-order autoregression.
        fn series(&mut self, count: usize, memory: f64) -> Vec<f64> {
            let mut value = self.normal();
            let scale = (1.0 - memory * memory).sqrt();
            let next = |_| {
                value = memory * value + scale * self.normal();
                value.exp()
            };
            (0..count).map(next).collect()
        }
    }

    fn shares() -> impl Iterator<Item = f64> {
        (1..100_u8).map(|percent| f64::from(percent) / 100.0)
    }

    /// In how many of so many trials the band contains the true shift everywhere.
    fn coverage(
        trials: u64,
        trial: impl Fn(&mut Random) -> [Distribution; 2],
        truth: impl Fn(f64) -> f64,
    ) -> f64 {
        let is_covered = |seed: &u64| {
            let [base, other] = trial(&mut Random(seed * 7919));
            shifts(&base, &other, 0.05, shares()).unwrap().iter().all(|shift| {
                let true_shift = truth(shift.at);
                shift.low.is_none_or(|low| low <= true_shift)
                    && shift.high.is_none_or(|high| true_shift <= high)
            })
        };
        float_of((0..trials).filter(is_covered).count()) / float_of(usize::try_from(trials).unwrap())
    }

    #[test]
    fn the_band_holds_everywhere_at_once_in_95_of_100() {
        let trial = |random: &mut Random| {
            let exponential = |random: &mut Random| -random.uniform().ln();
            let base = (0..200).map(|_| exponential(random)).collect::<Vec<_>>();
            let other = (0..300).map(|_| 1.5 * exponential(random) + 1.0).collect::<Vec<_>>();
            [Distribution::of(&base), Distribution::of(&other)]
        };
        let found = coverage(400, trial, |at| 0.5 * at + 1.0);
        // Three standard errors below; a band that never misses would say nothing.
        assert!((0.917..0.995).contains(&found), "{found}");
    }

    #[test]
    fn dependence_widens_the_band() {
        let series = |random: &mut Random| [(); 2].map(|()| random.series(1000, 0.6));
        let found = coverage(200, |random| series(random).map(|values| Distribution::of(&values)), |_| 0.0);
        let naive = |random: &mut Random| {
            series(random).map(|values| Distribution { effective: Ok(1000.0), ..Distribution::of(&values) })
        };
        let as_independent = coverage(200, naive, |_| 0.0);
        assert!(found >= 0.904, "{found}");
        assert!(as_independent < 0.8, "otherwise the data would not depend: {as_independent}");
    }

    #[test]
    fn shifts_are_those_of_quantiles() {
        // All numbers to 100, in an order without dependence.
        let mixed = |factor: f64| {
            let mut random = Random(3);
            let mut values =
                (1..=100_u8).map(|value| (random.uniform(), f64::from(value))).collect::<Vec<_>>();
            values.sort_by(|one, other| one.0.total_cmp(&other.0));
            values.into_iter().map(|(_, value)| factor * value).collect::<Vec<_>>()
        };
        let independent =
            |values: Vec<f64>| Distribution { effective: Ok(100.0), ..Distribution::of(&values) };
        let (base, other) = (independent(mixed(1.0)), independent(mixed(2.0)));
        let found = shifts(&base, &other, 0.05, [0.5, 0.01, 1.0]).unwrap();
        let facts = found.iter().map(|shift| (shift.at, shift.share, shift.difference)).collect::<Vec<_>>();
        assert_eq!(facts, [(50.0, 0.5, 50.0), (1.0, 0.01, 1.0), (100.0, 1.0, 100.0)], "{found:?}");
        // K = 1.358 sqrt(2 / 100) = 0.192: from the 31st to the 70th of the others.
        assert_eq!((found[0].low, found[0].high), (Some(12.0), Some(90.0)), "{found:?}");
        assert_eq!((found[1].low, found[2].high), (None, None), "the ends are unknown");
        let same = shifts(&base, &base, 0.05, shares()).unwrap();
        assert!(same.iter().all(|shift| shift.difference.abs() < 1e-12), "none");
    }

    #[test]
    fn what_shows_nothing_has_no_band() {
        let reason = |values: &[f64]| Distribution::of(values).effective().unwrap_err().reason;
        assert_eq!(reason(&[1.0; 10]), Reason::TooFew, "few");
        assert_eq!(reason(&[f64::NAN; 100]), Reason::TooFew, "no numbers");
        assert_eq!(reason(&Random(5).series(400, 0.97)), Reason::Dependent, "a series of few swings");
        let constant = Distribution::of(&[3.0; 50]);
        assert!(
            shifts(&constant, &constant, 0.05, shares()).unwrap().iter().all(|shift| shift.low == Some(0.0)),
            "equal"
        );
        let few = Distribution::of(&Random(1).series(20, 0.0));
        assert_eq!(
            shifts(&few, &few, 0.001, shares()).unwrap_err().reason,
            Reason::TooFew,
            "for such an error"
        );
    }
}
