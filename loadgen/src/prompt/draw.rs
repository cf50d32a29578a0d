//! Numbers that are drawn: each purpose has a generator of its own, so that drawing more of one changes no other.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Normal};
use spec::Length;

/// The generator of one purpose: its seed is the FNV-1a hash of `<root>:<purpose>`.
pub(crate) fn generator(root: u64, purpose: &str) -> StdRng {
    let mut hash = FNV_OFFSET;
    for byte in format!("{root}:{purpose}").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    }
    StdRng::seed_from_u64(hash)
}

/// Draws token counts.
pub(crate) struct Lengths {
    mean: f64,
    normal: Option<Normal<f64>>,
    generator: StdRng,
}

impl Lengths {
    pub(crate) fn new(length: Length, generator: StdRng) -> Self {
        let normal = if length.stddev > 0.0 { Normal::new(length.mean, length.stddev).ok() } else { None };
        Self { mean: length.mean, normal, generator }
    }

    /// A whole number, at least 1. Without a deviation the mean, rounded half to even; else the first draw that is
    /// not negative, rounded up. These are AIPerf's rules.
    pub(crate) fn draw(&mut self) -> u32 {
        let Some(normal) = self.normal else { return at_least_one(self.mean.round_ties_even()) };
        let mut draws = normal.sample_iter(&mut self.generator).take(DRAWS_MAX);
        at_least_one(draws.find(|drawn| *drawn >= 0.0).unwrap_or(0.0).ceil())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
pub(crate) fn at_least_one(length: f64) -> u32 {
    (length as u32).max(1)
}

/// One number of a distribution.
pub(crate) fn drawn(length: Length, generator: &mut StdRng) -> u32 {
    if length.stddev <= 0.0 {
        return at_least_one(length.mean.round_ties_even());
    }
    let Ok(normal) = Normal::new(length.mean, length.stddev) else { return 1 };
    let mut draws = normal.sample_iter(generator).take(DRAWS_MAX);
    at_least_one(draws.find(|drawn| *drawn >= 0.0).unwrap_or(0.0).ceil())
}

/// What is drawn, by the names that AIPerf has for it.
pub(crate) const INPUT_LENGTH: &str = "dataset.prompt.length";
pub(crate) const TEXT: &str = "dataset.prompt.corpus";
pub(crate) const OUTPUT_LENGTH: &str = "composer.turn.max_tokens";
pub(crate) const TURN_COUNT: &str = "composer.conversation.turn_count";
pub(crate) const TURN_DELAY: &str = "composer.conversation.turn_delay";
pub(crate) const PREFIX: &str = "dataset.prompt.prefix";
pub(crate) const PAIRS: &str = "models.sequence.distribution";
pub(crate) const MODEL: &str = "composer.turn.model_selection";
pub(crate) const RANGE: &str = "dataset.prompt.range";
pub(crate) const NOISE: &str = "dataset.media.noise";

const DRAWS_MAX: usize = 10_000;
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(mean: f64, stddev: f64) -> Vec<u32> {
        let mut lengths = Lengths::new(Length { mean, stddev }, generator(7, INPUT_LENGTH));
        (0..20_000).map(|_| lengths.draw()).collect()
    }

    #[test]
    fn without_deviation_the_mean_is_rounded_half_to_even() {
        for (mean, expected) in [(550.0, 550), (550.5, 550), (551.5, 552), (0.2, 1)] {
            assert!(draws(mean, 0.0).iter().all(|length| *length == expected), "{mean} becomes {expected}");
        }
    }

    #[test]
    fn with_deviation_the_mean_holds_and_nothing_is_below_one() {
        let lengths = draws(100.0, 10.0);
        let mean = lengths.iter().map(|length| f64::from(*length)).sum::<f64>() / 20_000.0;
        assert!((mean - 100.5).abs() < 0.3, "mean {mean}; rounding up adds a half");
        assert!(draws(1.0, 50.0).iter().all(|length| *length >= 1), "at least one token");
        assert_eq!(draws(-1e9, 1.0)[0], 1, "a mean far below zero");
    }

    #[test]
    fn purposes_do_not_share_draws() {
        use rand::RngExt;
        let first = |root, purpose| generator(root, purpose).random::<u64>();
        assert_eq!(first(7, TEXT), first(7, TEXT), "same seed, same draws");
        assert_ne!(first(7, TEXT), first(7, OUTPUT_LENGTH), "another purpose");
        assert_ne!(first(7, TEXT), first(8, TEXT), "another seed");
    }
}
