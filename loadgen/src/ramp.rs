//! When the places of a limit open.

use common::clock::DurationNs;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use spec::{Curve, Ramp};

/// The offsets from the phase's start at which each of `places` places opens, growing: the first one at once, the last
/// one when the ramp ends.
#[must_use]
pub fn openings(places: u32, ramp: Option<Ramp>, seed: u64) -> Vec<DurationNs> {
    let Some(ramp) = ramp else { return vec![DurationNs(0); places as usize] };
    let last = f64::from(places.saturating_sub(1).max(1));
    let mut shares = (0..places).map(|place| f64::from(place) / last).collect::<Vec<_>>();
    match ramp.curve {
        Curve::Linear => {}
        Curve::Exponential => shares.iter_mut().for_each(|share| *share = share.sqrt()),
        Curve::Poisson => {
            let mut draws = StdRng::seed_from_u64(seed);
            shares.iter_mut().skip(1).for_each(|share| *share = draws.random());
            shares.sort_unstable_by(f64::total_cmp);
        }
    }
    shares.into_iter().map(|share| DurationNs::from_seconds(share * ramp.seconds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(curve: Curve, expected_ms: &[f64]) {
        let opened = openings(5, Some(Ramp { seconds: 4.0, curve }), 1);
        assert_eq!(opened.iter().map(|at| at.as_millis()).collect::<Vec<_>>(), expected_ms, "{curve:?}");
    }

    #[test]
    fn places_open_one_after_the_other() {
        check(Curve::Linear, &[0.0, 1000.0, 2000.0, 3000.0, 4000.0]);
        // A quarter of the places is open after half of the time.
        check(Curve::Exponential, &[0.0, 2000.0, 2_828.427_124, 3_464.101_615, 4000.0]);
        assert_eq!(openings(3, None, 1), [DurationNs(0); 3], "without a ramp all at once");
    }

    #[test]
    fn random_places_open_within_the_ramp() {
        let opened = openings(1000, Some(Ramp { seconds: 10.0, curve: Curve::Poisson }), 9);
        assert!(opened.windows(2).all(|pair| pair[0] <= pair[1]), "in order");
        assert_eq!(opened[0], DurationNs(0), "one at once");
        let early = opened.iter().filter(|at| at.as_seconds() < 5.0).count();
        assert!((420..580).contains(&early), "{early} of 1000 in the first half");
    }
}
