//! Where good values lie more densely than others: a Parzen estimator of one axis.
//!
//! ```text
//! good values ──▶ density l ──▶ candidates ──▶ the one with the greatest l ÷ g
//! other values ─▶ density g ───────────────────────▲
//! ```
//!
//! Each value is a normal curve as wide as the farther of its neighbours is away, cut at the ends of the axis; one more curve covers
//! the whole axis, so that no region is ever ruled out (J. Bergstra et al., NIPS 24, 2011; the widths are those of Optuna).

use super::side::float;
use crate::design::Random;

/// The candidate, from 0 to 1, of which the good values are densest compared with the others. Values are from 0 to 1.
pub(super) fn candidate(good: Vec<f64>, others: Vec<f64>, random: &mut Random) -> f64 {
    let (good, others) = (Density::of(good), Density::of(others));
    let candidates = (0..CANDIDATES).map(|_| {
        let candidate = good.draw(random);
        (candidate, good.at(candidate).ln() - others.at(candidate).ln())
    });
    candidates.max_by(|one, other| one.1.total_cmp(&other.1)).map_or(0.5, |(candidate, _)| candidate)
}

/// Normal curves from 0 to 1, all of one weight.
struct Density {
    curves: Vec<Curve>,
}

struct Curve {
    middle: f64,
    width: f64,
    /// Its share between 0 and 1.
    inside: f64,
}

impl Density {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let narrowest = 1.0 / (float(values.len()) + 1.0).min(100.0);
        let neighbours = |place: usize| {
            let below = place.checked_sub(1).map_or(0.0, |below| values[below]);
            let above = values.get(place + 1).copied().unwrap_or(1.0);
            (values[place] - below).max(above - values[place])
        };
        let curves =
            (0..values.len()).map(|place| Curve::new(values[place], neighbours(place).max(narrowest)));
        Self { curves: curves.chain([Curve::new(0.5, 1.0)]).collect() }
    }

    fn at(&self, place: f64) -> f64 {
        self.curves.iter().map(|curve| curve.at(place)).sum::<f64>() / float(self.curves.len())
    }

    fn draw(&self, random: &mut Random) -> f64 {
        let last = u32::try_from(self.curves.len() - 1).unwrap_or(u32::MAX);
        let curve = &self.curves[random.up_to(last) as usize];
        loop {
            // Box and Muller's transform; at least a third of every curve is inside.
            let (radius, angle) =
                ((-2.0 * (1.0 - random.unit()).ln()).sqrt(), std::f64::consts::TAU * random.unit());
            let place = (radius * angle.cos()).mul_add(curve.width, curve.middle);
            if (0.0..=1.0).contains(&place) {
                return place;
            }
        }
    }
}

impl Curve {
    fn new(middle: f64, width: f64) -> Self {
        let inside = below((1.0 - middle) / width) - below(-middle / width);
        Self { middle, width, inside }
    }

    fn at(&self, place: f64) -> f64 {
        let deviations = (place - self.middle) / self.width;
        (-0.5 * deviations * deviations).exp() / (self.width * self.inside * std::f64::consts::TAU.sqrt())
    }
}

/// The share of the normal distribution below a number of deviations, to 1e-7 (M. Abramowitz and I. Stegun, 26.2.17).
fn below(deviations: f64) -> f64 {
    let term = 1.0 / 0.231_641_9_f64.mul_add(deviations.abs(), 1.0);
    let series =
        COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| f64::mul_add(sum, term, *coefficient)) * term;
    let above = (-0.5 * deviations * deviations).exp() / std::f64::consts::TAU.sqrt() * series;
    if deviations < 0.0 { above } else { 1.0 - above }
}

const COEFFICIENTS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
/// Optuna's.
const CANDIDATES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_is_one_in_all() {
        for values in [Vec::new(), vec![0.0], vec![0.1, 0.12, 0.9]] {
            let density = Density::of(values.clone());
            let sum =
                (0..1000).map(|place| density.at((f64::from(place) + 0.5) / 1000.0)).sum::<f64>() / 1000.0;
            assert!((sum - 1.0).abs() < 1e-3, "{values:?}: {sum}");
        }
        assert!((below(1.959_964) - 0.975).abs() < 1e-6, "{}", below(1.959_964));
        assert!((below(-1.959_964) - 0.025).abs() < 1e-6, "{}", below(-1.959_964));
    }

    #[test]
    fn candidates_lie_where_values_are_good() {
        let mut random = Random::new(1);
        let near = (0..200).filter(|_| {
            let found =
                candidate(vec![0.28, 0.3, 0.33], vec![0.05, 0.15, 0.5, 0.6, 0.7, 0.8, 0.9], &mut random);
            (0.2..0.45).contains(&found)
        });
        assert!(near.count() > 150, "too few candidates near the good values");
    }
}
