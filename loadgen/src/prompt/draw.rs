//! Numbers that are drawn: each purpose has a generator of its own, so that drawing more of one changes no other.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use spec::{Draws, Length};

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
    length: Length,
    generator: StdRng,
}

impl Lengths {
    pub(crate) fn new(length: Length, generator: StdRng) -> Self {
        Self { length, generator }
    }

    /// A whole number, at least 1.
    pub(crate) fn draw(&mut self) -> u32 {
        drawn(&self.length, &mut self.generator)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
pub(crate) fn at_least_one(length: f64) -> u32 {
    (length as u32).max(1)
}

/// A whole number of a distribution, at least 1: of one without a deviation the mean, rounded half to even; else what is drawn,
/// rounded up. These are AIPerf's rules.
pub(crate) fn drawn(length: &Length, generator: &mut StdRng) -> u32 {
    let value = sampled(length, generator);
    at_least_one(if length.is_fixed() { value.round_ties_even() } else { value.ceil() })
}

/// A number of a distribution.
pub(crate) fn sampled(length: &Length, generator: &mut StdRng) -> f64 {
    length.sample(&mut Generator(generator))
}

struct Generator<'a>(&'a mut StdRng);

impl Draws for Generator<'_> {
    fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(self.0)
    }
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

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;
    use spec::{Form, Peak, Point};

    fn draws(mean: f64, stddev: f64) -> Vec<u32> {
        let mut lengths = Lengths::new(Length::normal(mean, stddev), generator(7, INPUT_LENGTH));
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
    fn other_forms_have_their_mean_and_keep_their_bounds() {
        let draws = |length: &Length| {
            let mut lengths = Lengths::new(length.clone(), generator(7, INPUT_LENGTH));
            (0..40_000).map(|_| f64::from(lengths.draw())).collect::<Vec<_>>()
        };
        let check = |length: Length, mean: f64, within: f64| {
            let draws = draws(&length);
            let found = draws.iter().sum::<f64>() / 40_000.0;
            // Rounding up adds a half to what is continuous.
            assert!((found - mean).abs() < within, "{length:?}: {found} is not {mean}");
            draws
        };
        let skewed = Length { form: Some(Form::LogNormal { median: 400.0 }), ..Length::fixed(512.0) };
        let mut draws = check(skewed.clone(), 512.5, 8.0);
        draws.sort_by(f64::total_cmp);
        assert!((draws[20_000] - 400.5).abs() < 8.0, "its median: {}", draws[20_000]);
        let peaks = vec![
            Peak { length: Length::fixed(100.0), weight: 1.0 },
            Peak { length: Length::normal(1000.0, 10.0), weight: 3.0 },
        ];
        let mixed = Length { form: Some(Form::Peaks(peaks)), ..Length::fixed(775.0) };
        let draws = check(mixed, 775.4, 10.0);
        assert!(draws.iter().all(|drawn| *drawn < 101.0 || *drawn > 900.0), "nothing between the peaks");
        let points = vec![Point { value: 8.0, weight: 40.0 }, Point { value: 32.0, weight: 60.0 }];
        let empirical = Length { form: Some(Form::Points(points)), ..Length::fixed(22.4) };
        assert!(
            check(empirical, 22.4, 0.3).iter().all(|drawn| [8.0, 32.0].contains(drawn)),
            "only its values"
        );
        let bounded = Length { min: Some(300.0), max: Some(600.0), ..skewed };
        assert!(check(bounded, 428.0, 30.0).iter().all(|drawn| (300.0..=600.0).contains(drawn)), "clamped");
    }

    #[test]
    fn purposes_do_not_share_draws() {
        let first = |root, purpose| generator(root, purpose).random::<u64>();
        assert_eq!(first(7, TEXT), first(7, TEXT), "same seed, same draws");
        assert_ne!(first(7, TEXT), first(7, OUTPUT_LENGTH), "another purpose");
        assert_ne!(first(7, TEXT), first(8, TEXT), "another seed");
    }
}
