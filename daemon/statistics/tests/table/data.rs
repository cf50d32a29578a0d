//! The kinds of data that are simulated, each with what is true of it.

use crate::random::Random;
use statistics::normal_quantile;

/// A kind of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Lognormal,
    Exponential,
    Bimodal,
    HeavyTailed,
    Discrete,
    Autoregressive5,
    Autoregressive9,
    Queue,
}

/// The statistics of each cell: the mean and three percentiles.
pub(crate) const SHARES: [Option<f64>; 4] = [None, Some(0.5), Some(0.9), Some(0.99)];

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Lognormal,
        Self::Exponential,
        Self::Bimodal,
        Self::HeavyTailed,
        Self::Discrete,
        Self::Autoregressive5,
        Self::Autoregressive9,
        Self::Queue,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lognormal => "lognormal, σ 1",
            Self::Exponential => "exponential",
            Self::Bimodal => "bimodal, 7 : 3",
            Self::HeavyTailed => "Pareto, α 3",
            Self::Discrete => "discrete (geometric)",
            Self::Autoregressive5 => "AR(1), φ 0.5",
            Self::Autoregressive9 => "AR(1), φ 0.9",
            Self::Queue => "M/M/1, ρ 0.8",
        }
    }

    /// Latencies in the order of their requests.
    pub(crate) fn latencies(self, random: &mut Random, n: usize) -> Vec<f64> {
        match self {
            Self::Lognormal => (0..n).map(|_| random.normal().exp()).collect(),
            Self::Exponential => (0..n).map(|_| random.exponential()).collect(),
            Self::Bimodal => (0..n).map(|_| bimodal(random)).collect(),
            Self::HeavyTailed => (0..n).map(|_| random.uniform().powf(-1.0 / 3.0)).collect(),
            Self::Discrete => (0..n).map(|_| (random.exponential() * 4.0).floor() + 1.0).collect(),
            Self::Autoregressive5 => autoregressive(random, n, 0.5),
            Self::Autoregressive9 => autoregressive(random, n, 0.9),
            Self::Queue => queue(random, n, 0.8),
        }
    }

    /// The true mean or percentile.
    pub(crate) fn truth(self, share: Option<f64>) -> f64 {
        let (Some(share), quantile) = (share, share.map_or(0.0, normal_quantile)) else {
            return match self {
                Self::Lognormal => 0.5_f64.exp(),
                Self::Exponential => 1.0,
                Self::Bimodal => 38.0,
                Self::HeavyTailed => 1.5,
                Self::Discrete => 1.0 / (1.0 - DISCRETE.exp()),
                Self::Autoregressive5 | Self::Autoregressive9 => 10.0,
                Self::Queue => 5.0,
            };
        };
        match self {
            Self::Lognormal => quantile.exp(),
            Self::Exponential => -(1.0 - share).ln(),
            Self::Bimodal => bimodal_quantile(share),
            Self::HeavyTailed => (1.0 - share).powf(-1.0 / 3.0),
            Self::Discrete => ((1.0 - share).ln() / DISCRETE).ceil(),
            Self::Autoregressive5 | Self::Autoregressive9 => 10.0 + quantile,
            Self::Queue => -5.0 * (1.0 - share).ln(),
        }
    }
}

/// Requests with 20 gaps each, whose speed differs from request to request.
pub(crate) fn gaps(random: &mut Random, requests: usize) -> Vec<Vec<f64>> {
    let request = |random: &mut Random| {
        let speed = 0.5 * random.normal();
        (0..20).map(|_| (speed + 0.5 * random.normal()).exp()).collect()
    };
    (0..requests).map(|_| request(random)).collect()
}

/// The true mean or percentile of gaps.
pub(crate) fn truth_of_gaps(share: Option<f64>) -> f64 {
    let deviation = 0.5_f64.sqrt();
    share.map_or_else(|| 0.25_f64.exp(), |share| (normal_quantile(share) * deviation).exp())
}

/// When requests end, one a second on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    AtRandom,
    /// One each second, with jitter: an open loop at a constant rate.
    Regularly,
    /// Eight at once: a closed loop.
    InBursts,
}

/// The tokens of requests, and the time since the end of the one before.
pub(crate) fn completions(random: &mut Random, n: usize, ends: Ends) -> Vec<(f64, f64)> {
    let mut before = 0.0;
    let completion = |at: usize| {
        let tokens = (random.exponential() * 100.0).ceil();
        let since = match ends {
            Ends::AtRandom => random.exponential(),
            Ends::InBursts if !at.is_multiple_of(8) => 0.0,
            Ends::InBursts => 8.0 + 0.8 * random.normal(),
            Ends::Regularly => {
                let end = f64::from(u32::try_from(at).expect("few requests")) + 0.3 * random.uniform();
                let since = end - before;
                before = end;
                since
            }
        };
        (tokens, since)
    };
    (0..n).map(completion).skip(usize::from(ends == Ends::Regularly)).collect()
}

/// The true mean of the tokens of [`completions`].
pub(crate) fn tokens_per_second() -> f64 {
    1.0 / (1.0 - (-0.01_f64).exp())
}

fn bimodal(random: &mut Random) -> f64 {
    if random.uniform() < 0.7 { 20.0 + 2.0 * random.normal() } else { 80.0 + 8.0 * random.normal() }
}

fn bimodal_quantile(share: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    let normal = Normal::standard();
    let below = |x: f64| 0.7 * normal.cdf((x - 20.0) / 2.0) + 0.3 * normal.cdf((x - 80.0) / 8.0);
    let (mut low, mut high) = (0.0, 200.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if below(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

fn autoregressive(random: &mut Random, n: usize, repeats: f64) -> Vec<f64> {
    let fresh = (1.0 - repeats * repeats).sqrt();
    let mut state = random.normal();
    let mut next = || {
        state = repeats * state + fresh * random.normal();
        10.0 + state
    };
    (0..n).map(|_| next()).collect()
}

/// Time in the system of a queue with one server, whose mean service takes 1, from a random moment on.
fn queue(random: &mut Random, n: usize, load: f64) -> Vec<f64> {
    let mut waits = if random.uniform() < load { random.exponential() / (1.0 - load) } else { 0.0 };
    let mut next = || {
        let time = waits + random.exponential();
        waits = (time - random.exponential() / load).max(0.0);
        time
    };
    (0..n).map(|_| next()).collect()
}

/// The logarithm of the chance that a geometric value is greater than the next lower one.
const DISCRETE: f64 = -0.25;
