//! How long requests are served: each by a factor of the scripted time, drawn from a distribution.
//!
//! The mean of every distribution is one, so the capacity of a server with slots is the number of slots divided by
//! the scripted time, whichever is chosen.

use std::f64::consts::TAU;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::DurationNs;
use crate::random::Random;

/// The distribution of service times around the scripted one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Service {
    /// Each request takes the scripted time.
    Constant,
    /// Exponential.
    Exponential,
    /// Lognormal; the number is the standard deviation of the logarithm.
    Lognormal(f64),
}

/// What a request's times are multiplied by, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Factor(u64);

impl Service {
    /// The factor of a request.
    pub(crate) fn factor(self, mut random: Random) -> Factor {
        let factor = match self {
            Self::Constant => return Factor(BILLION),
            Self::Exponential => -shares(random.next()).0.ln(),
            // Both numbers of a pair are of one draw, for the next draw is the first of the next request.
            Self::Lognormal(sigma) => {
                let (radius, angle) = shares(random.next());
                let normal = (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos();
                (sigma * normal - sigma * sigma / 2.0).exp()
            }
        };
        // A duration is a decimal number with nine places; of seconds, the billionths are nanoseconds.
        let billionths = Duration::try_from_secs_f64(factor).map_or(u128::MAX, |factor| factor.as_nanos());
        Factor(u64::try_from(billionths).unwrap_or(u64::MAX))
    }
}

impl Factor {
    /// A multiple of a span.
    pub(crate) fn of(self, span: DurationNs) -> DurationNs {
        span.part(self.0, BILLION)
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "constant" => Ok(Self::Constant),
            None if text == "exponential" => Ok(Self::Exponential),
            None if text == "lognormal" => Ok(Self::Lognormal(SIGMA)),
            Some(("lognormal", sigma)) => match sigma.parse() {
                Ok(sigma) if (0.0..=SIGMA_MAX).contains(&sigma) => Ok(Self::Lognormal(sigma)),
                _ => Err(format!("`{sigma}` is not a number between 0 and {SIGMA_MAX}")),
            },
            _ => Err("expected constant, exponential or lognormal[:SIGMA]".to_owned()),
        }
    }
}

/// The halves of a number as fractions above zero, at most one; the first is as fine as a fraction can be.
fn shares(number: u64) -> (f64, f64) {
    let half = |bits: u64| f64::from(u32::try_from(bits & u64::from(u32::MAX)).expect("half of 64 bits"));
    let (high, low) = (half(number >> u32::BITS), half(number));
    let unit = f64::from(u32::MAX) + 1.0;
    let fine = (high + (low + 1.0) / unit) / unit;
    (fine, (low + 1.0) / unit)
}

/// The standard deviation of the logarithm if none is given.
const SIGMA: f64 = 1.0;

/// With more, hardly any sample has a mean of one.
const SIGMA_MAX: f64 = 3.0;

const BILLION: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws factors, and compares their mean and their standard deviation.
    #[track_caller]
    fn check(text: &str, deviation: f64) {
        let service: Service = text.parse().expect("a service");
        let factors = (0..DRAWS).map(|number| {
            let Factor(billionths) = service.factor(Random::of(7, number));
            Duration::from_nanos(billionths).as_secs_f64()
        });
        let factors = factors.collect::<Vec<_>>();
        let draws = factors.iter().map(|_| 1.0).sum::<f64>();
        let mean = factors.iter().sum::<f64>() / draws;
        let variance = factors.iter().map(|factor| (factor - mean).powi(2)).sum::<f64>() / draws;
        assert!((mean - 1.0).abs() < 0.01, "{text} has a mean of {mean}");
        assert!((variance.sqrt() - deviation).abs() < 0.06, "{text} deviates by {}", variance.sqrt());
    }

    #[test]
    fn every_distribution_has_a_mean_of_one() {
        check("constant", 0.0);
        check("exponential", 1.0);
        check("lognormal:0.5", (0.25_f64.exp() - 1.0).sqrt());
        check("lognormal", (1.0_f64.exp() - 1.0).sqrt());
    }

    #[test]
    fn other_distributions_are_refused() {
        for text in ["normal", "lognormal:-1", "lognormal:nan", "constant:1", ""] {
            assert!(text.parse::<Service>().is_err(), "{text:?} is no distribution");
        }
    }

    const DRAWS: u64 = 200_000;
}
