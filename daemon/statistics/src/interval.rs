//! Means, ratios and percentiles of a sample in batches: each with a 95 % confidence interval, or with what it would need.
//!
//! ```text
//! Batches ──▶ deviations of each batch from the whole ──▶ dependence ──▶ variance ──▶ t, adjusted for skewness: mean, ratio
//!                                                                              └────▶ ranks of order statistics: percentile
//! ```

use crate::batches::{Batch, Batches};
use crate::distribution::t_quantile;
use crate::number::{float, float_of, short, whole};
use crate::precision::{Estimate, Interval, Method, Needs, Reason, finite};
use crate::series::{Dependence, Of, dependence, dependence_of_rate};

/// What all statistics of a sample in batches have in common.
#[derive(Clone, Debug)]
pub struct Assessed<'a, const P: usize> {
    batches: &'a Batches<P>,
    whole: Batch<P>,
    ratio: f64,
    deviations: Vec<f64>,
    dependence: Dependence,
    /// How many independent requests the sample is worth.
    effective: f64,
}

/// Between which values of a sorted sample a percentile lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    /// The fractional index of the lower end, from 0.
    pub low: f64,
    /// The fractional index of the upper end.
    pub high: f64,
    effective: f64,
    freedom: f64,
}

/// The smallest number of requests at which the percentile above `share` of the values is meaningful.
///
/// This is MLPerf LoadGen's bound for early stopping, with one value allowed above the percentile: the least n for which a
/// sample of n has at most one value above the percentile with a probability of 1 % or less, `share^n + n (1 - share)
/// share^(n-1) <= 0.01`. It gives 64 for p90 and 662 for p99. Low percentiles are counted from the other end.
#[must_use]
pub fn least_sample(share: f64) -> u64 {
    let above = share.min(1.0 - share).max(1e-6);
    // Asked for every percentile of every metric of every slice.
    let known = LEAST.iter().find(|(known, _)| (known - above).abs() < 1e-9);
    known.map_or_else(|| search_least_sample(above), |(_, least)| *least)
}

fn search_least_sample(above: f64) -> u64 {
    let below = 1.0 - above;
    let at_most_one = |count: u64| {
        let power = (below.ln() * float(count - 1)).exp();
        power * (below + float(count) * above)
    };
    let mut high = 1;
    while at_most_one(high) > 0.01 {
        high *= 2;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if at_most_one(middle) > 0.01 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

impl<const P: usize> Batches<P> {
    /// Assesses a sample of latencies, lengths and the like; `variance` is that of single values.
    #[must_use]
    pub fn assess(&self, variance: f64) -> Assessed<'_, P> {
        let mut assessed = self.deviate(dependence);
        let size = assessed.whole.size;
        let error = assessed.variance();
        let of_values = if error > 0.0 { (variance / error).min(size) } else { size };
        let requests = float_of(self.requests());
        let of_batches = requests / assessed.dependence.inflation;
        // Where requests have several values each, they and not the values are what is independent.
        assessed.effective = if size > requests { of_batches } else { of_values.min(requests) };
        assessed
    }

    /// Assesses a rate: its parts in [`crate::cycles`].
    #[must_use]
    pub fn assess_rate(&self) -> Assessed<'_, P> {
        let mut assessed = self.deviate(dependence_of_rate);
        assessed.effective = float_of(self.requests()) / assessed.dependence.inflation;
        assessed
    }

    fn deviate(&self, dependence: fn(&[f64], Of) -> Dependence) -> Assessed<'_, P> {
        let whole = self.whole();
        let ratio = whole.sum / whole.size;
        let deviation = |batch: &Batch<P>| {
            let expected = ratio * batch.size;
            let deviation = batch.sum - expected;
            // What rounding leaves of a constant is no deviation.
            if deviation.abs() <= ROUNDING * expected.abs() { 0.0 } else { deviation }
        };
        let deviations = self.full().iter().map(deviation).collect::<Vec<_>>();
        let dependence = dependence(&deviations, self.of());
        Assessed { batches: self, whole, ratio, deviations, dependence, effective: 0.0 }
    }
}

impl<const P: usize> Assessed<'_, P> {
    /// How many independent requests the sample is worth.
    #[must_use]
    pub const fn effective(&self) -> f64 {
        self.effective
    }

    /// The mean, or the ratio; `least` is what it cannot be less than.
    ///
    /// The variance of the sum is that of the batches' deviations, inflated by their dependence. The interval is Student's,
    /// bent by N. J. Johnson's skewness adjustment in R. Willink's form (Communications in Statistics 34 (2005), 833): the
    /// longer side is that of the longer tail. The degrees of freedom are no more than `2 n / (kurtosis - 1)`, those of the
    /// variance of a sample with such tails (B. O'Neill, The American Statistician 68 (2014), 282).
    #[must_use]
    pub fn mean(&self, method: Method, least: f64) -> Estimate {
        let interval = self.enough(&self.dependence, FEWEST_FOR_MEAN).map(|()| {
            let n = float_of(self.deviations.len());
            let error = self.variance().sqrt();
            let freedom = self.dependence.freedom.min(n - 1.0).min(self.freedom_of_tails());
            let t = t_quantile(freedom, 0.975);
            let bent = skewness_of_mean(&self.deviations, self.dependence.window + 1) / 6.0;
            let low = self.ratio - bend(bent, t) * error;
            let high = self.ratio - bend(bent, -t) * error;
            Interval {
                low: low.max(least).min(self.ratio),
                high,
                effective: short(self.effective),
                freedom: short(freedom),
                method,
            }
        });
        Estimate { value: self.ratio, interval: interval.and_then(finite) }
    }

    /// The ranks of the percentile above `share` of the values, whose value is the threshold at `place`.
    ///
    /// How many of n independent values are below the percentile is binomial, so it lies between the values of two ranks,
    /// whatever the distribution (H. A. David, H. N. Nagaraja, Order Statistics, 7.1). For dependent values n is the number
    /// that would estimate the share below the threshold as well (R. S. Woodruff, Journal of the American Statistical
    /// Association 47 (1952), 635), t takes the place of the normal quantile as in E. L. Korn and B. I. Graubard (Survey
    /// Methodology 24 (1998), 193), and the binomial's skewness is that of Cornish and Fisher's expansion. Ranks are
    /// fractions, between two values, as in A. Hutson (Journal of Applied Statistics 26 (1999), 343).
    ///
    /// # Errors
    /// When there are too few requests, or they depend on each other too much.
    pub fn ranks(&self, place: usize, share: f64) -> Result<Ranks, Needs> {
        let whole = self.whole;
        let below = f64::from(whole.upto[place]) / whole.size;
        let deviations = self.batches.full().iter();
        let deviations = deviations.map(|batch| f64::from(batch.upto[place]) - below * batch.size);
        let deviations = deviations.collect::<Vec<_>>();
        let found = dependence(&deviations, self.batches.of());
        self.enough(&self.dependence, least_sample(share))?;
        self.enough(&found, 0)?;
        let rare = share.min(1.0 - share);
        let requests = float_of(self.batches.requests());
        if requests / self.effective > DEPENDENT && self.effective * rare < LEAST_RARE {
            let needed = LEAST_RARE / rare / self.effective * requests;
            return Err(dependent(needed - requests));
        }
        let squares = deviations.iter().map(|one| one * one).sum::<f64>();
        let error = found.inflation * squares / whole.size.powi(2) / self.batches.covered();
        let spread = below * (1.0 - below);
        let effective = if error > 0.0 { (spread / error).min(whole.size) } else { requests };
        let freedom = found.freedom.min(float_of(deviations.len()) - 1.0);
        let (low, high) = shares(effective, freedom, share);
        if low * whole.size < 1.0 || (high * whole.size + 1.0) > whole.size {
            let least = least_effective(share);
            let reason = if effective * 1.2 < requests { Reason::Dependent } else { Reason::TooFew };
            return Err(Needs::more(reason, (least / effective - 1.0) * requests));
        }
        Ok(Ranks { low: low * whole.size - 1.0, high: high * whole.size, effective, freedom })
    }

    /// The variance of the ratio.
    fn variance(&self) -> f64 {
        let squares = self.deviations.iter().map(|one| one * one).sum::<f64>();
        let size = self.whole.size;
        let n = float_of(self.deviations.len());
        let variance = self.dependence.inflation * squares / self.batches.covered() * n / (n - 1.0);
        variance / (size * size)
    }

    /// Whether there are enough requests, and they are worth enough.
    fn enough(&self, found: &Dependence, least: u64) -> Result<(), Needs> {
        let requests = self.batches.requests() as u64;
        if requests < least {
            return Err(Needs { reason: Reason::TooFew, more_requests: Some(least - requests) });
        }
        let n = float_of(self.deviations.len());
        let least = needed(found.inflation);
        if n / found.inflation < least {
            let needed = least * found.inflation / n * float(requests);
            return Err(dependent(needed - float(requests)));
        }
        Ok(())
    }

    /// The degrees of freedom of the variance of values with such tails.
    fn freedom_of_tails(&self) -> f64 {
        let n = float_of(self.deviations.len());
        let squares = self.deviations.iter().map(|one| one * one).sum::<f64>() / n;
        let fourths = self.deviations.iter().map(|one| (one * one).powi(2)).sum::<f64>() / n;
        let kurtosis = fourths / squares.powi(2);
        let freedom = 2.0 * n / (kurtosis - 1.0);
        if freedom.is_finite() && freedom > 0.0 { freedom.max(4.0) } else { n }
    }
}

impl Ranks {
    /// The interval, from the values of the sorted sample.
    ///
    /// # Errors
    /// When an end is not finite.
    pub fn interval(&self, sorted: impl Fn(usize) -> f64) -> Result<Interval, Needs> {
        let at = |place: f64| {
            let below = usize::try_from(whole(place)).unwrap_or(usize::MAX);
            let part = place.fract();
            let left = sorted(below);
            if part > 0.0 { left + (sorted(below.saturating_add(1)) - left) * part } else { left }
        };
        finite(Interval {
            low: at(self.low),
            high: at(self.high),
            effective: short(self.effective),
            freedom: short(self.freedom),
            method: Method::OrderStatistics,
        })
    }

    /// The indices of the sorted sample that [`Self::interval`] reads.
    #[must_use]
    pub fn places(&self) -> [u64; 4] {
        let [low, high] = [self.low, self.high].map(whole);
        [low, low + 1, high, high + 1]
    }
}

/// The shares of a sample between which a percentile lies.
fn shares(effective: f64, freedom: f64, share: f64) -> (f64, f64) {
    let t = t_quantile(freedom, 0.975);
    let spread = t * (effective * share * (1.0 - share)).sqrt();
    let skewness = (1.0 - 2.0 * share) * (t * t - 1.0) / 6.0;
    let middle = effective * share + skewness;
    ((middle - spread) / effective, (middle + spread) / effective)
}

/// The least number of independent values between which a percentile lies.
fn least_effective(share: f64) -> f64 {
    let is_enough = |n: f64| {
        let (low, high) = shares(n, n, share);
        low * n >= 1.0 && high * n + 1.0 <= n
    };
    let mut n = 4.0;
    while !is_enough(n) && n < 1e6 {
        n *= 1.05;
    }
    n.max(float(least_sample(share)))
}

/// The skewness of the mean of a series, from batches as long as its memory.
fn skewness_of_mean(deviations: &[f64], length: usize) -> f64 {
    let length = length.min(deviations.len() / 8).max(1);
    let sums = deviations.chunks_exact(length).map(|batch| batch.iter().sum::<f64>()).collect::<Vec<_>>();
    let n = float_of(sums.len());
    let mean = sums.iter().sum::<f64>() / n;
    let moment = |power: i32| sums.iter().map(|sum| (sum - mean).powi(power)).sum::<f64>() / n;
    let skewness = moment(3) / moment(2).powf(1.5) * (n * (n - 1.0)).sqrt() / (n - 2.0);
    if skewness.is_finite() { skewness / n.sqrt() } else { 0.0 }
}

/// Willink's transformation of a quantile of t, for a sixth of the skewness of the mean.
fn bend(bent: f64, t: f64) -> f64 {
    if bent.abs() < 1e-4 { t } else { ((1.0 + 6.0 * bent * (t - bent)).cbrt() - 1.0) / (2.0 * bent) }
}

/// How many independent values a sample of this inflation must be worth.
pub(crate) const fn needed(inflation: f64) -> f64 {
    (DEPENDENT_FACTOR * (inflation - 1.0)).min(DEPENDENT_MOST)
}

fn dependent(more: f64) -> Needs {
    Needs::more(Reason::Dependent, more)
}

/// The result of the search for the percentiles of reports, by the share on their rarer side.
const LEAST: [(f64, u64); 5] = [(0.01, 662), (0.05, 130), (0.1, 64), (0.25, 24), (0.5, 11)];
/// With fewer requests, neither skewness nor dependence shows.
pub const FEWEST_FOR_MEAN: u64 = 20;
/// A sample in which each value repeats so much of the one before must be worth this many independent values: the more of its
/// past a queue repeats, the less a run shows of what it can do. Below that, this many for each inflation of one.
const DEPENDENT_MOST: f64 = 100.0;
const DEPENDENT_FACTOR: f64 = 15.0;
/// From this inflation on, a percentile must have this many independent requests beyond it.
const DEPENDENT: f64 = 1.5;
const LEAST_RARE: f64 = 1.2;
const ROUNDING: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(values: &[f64], threshold: f64) -> Batches<1> {
        let mut batches = Batches::new(values.len(), [threshold]);
        values.iter().for_each(|value| batches.value(*value));
        batches
    }

    /// Evenly spread over 0 to 1, in an order without dependence.
    fn even(count: u16) -> Vec<f64> {
        let mut values = (0..count).map(|at| f64::from(at) / f64::from(count)).collect::<Vec<_>>();
        let mut state = 1_u64;
        for last in (1..values.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = usize::try_from(state >> 33).unwrap() % (last + 1);
            values.swap(last, other);
        }
        values
    }

    #[test]
    fn independent_values_have_textbook_intervals() {
        let values = even(1000);
        let batches = batches(&values, 0.4995);
        let assessed = batches.assess(1.0 / 12.0);
        let interval = assessed.mean(Method::Mean, f64::NEG_INFINITY).interval.unwrap();
        let half = 1.96 / (12.0 * 1000.0_f64).sqrt();
        assert!((interval.high - interval.low - 2.0 * half).abs() < 0.05 * half, "{interval:?}");
        let ranks = assessed.ranks(0, 0.5).unwrap();
        // n/2 - 1.96 sqrt(n/4) = 469, counted from 1.
        assert!((ranks.low - 468.0).abs() < 1.0 && (ranks.high - 531.0).abs() < 1.0, "{ranks:?}");
    }

    #[test]
    fn too_little_says_what_it_takes() {
        let few = even(19);
        let of_few = batches(&few, 0.5);
        let found = of_few.assess(0.1).mean(Method::Mean, 0.0).interval.unwrap_err();
        assert_eq!(found, Needs { reason: Reason::TooFew, more_requests: Some(1) }, "{found}");
        let wave = (0..500_u16).map(|at| (f64::from(at) / 40.0).sin()).collect::<Vec<_>>();
        let of_wave = batches(&wave, 0.0);
        let found = of_wave.assess(0.5).mean(Method::Mean, -1.0).interval.unwrap_err();
        assert!(found.reason == Reason::Dependent && found.more_requests > Some(1000), "{found}");
        assert!(found.to_string().contains("more at this correlation"), "{found}");
        for more in [f64::INFINITY, f64::NAN, 1e18] {
            let text = Needs::more(Reason::Dependent, more).to_string();
            assert!(!text.contains("more"), "{more} is no forecast: {text}");
        }
    }

    #[test]
    fn a_percentile_has_its_interval_from_the_same_size_as_its_mark() {
        for (share, least) in [(0.5, least_sample(0.5)), (0.9, 64), (0.99, 662)] {
            for (count, is_there) in [(least - 1, false), (least, true)] {
                let values = even(u16::try_from(count).unwrap());
                let batches = batches(&values, share);
                let found = batches.assess(1.0 / 12.0).ranks(0, share);
                assert_eq!(found.is_ok(), is_there, "{share} of {count}: {found:?}");
            }
        }
    }

    #[test]
    fn the_bound_matches_loadgen() {
        for (share, least) in [(0.9, 64), (0.99, 662), (0.01, 662)] {
            assert_eq!(least_sample(share), least, "for {share}");
        }
        for (above, least) in LEAST {
            assert_eq!(search_least_sample(above), least, "beyond {above}");
        }
    }

    #[test]
    fn a_constant_is_certain() {
        for constant in [3.0, 2.0 / 3.0, 0.0] {
            let values = [constant; 700];
            let batches = batches(&values, constant);
            let assessed = batches.assess(0.0);
            let mean = assessed.mean(Method::Mean, 0.0).interval.unwrap();
            let is_it = |end: f64| (end - constant).abs() < 1e-12;
            assert!(is_it(mean.low) && is_it(mean.high), "{mean:?}");
            let p99 = assessed.ranks(0, 0.99).unwrap().interval(|_| constant).unwrap();
            assert!(is_it(p99.high), "{p99:?}");
        }
    }
}
