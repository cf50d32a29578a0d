//! Decides when runs have converged, so that no further one is needed: AIPerf's three criteria.
//!
//! ```text
//! ci-width       2 t s / (sqrt(n) |mean|) of a statistic over runs falls below the threshold
//! cv             s / |mean| of a statistic over runs falls below the threshold
//! distribution   the last run's requests follow the same distribution as those of all runs before it
//! ```

use super::aggregate::Spread;
use crate::args::{ConvergenceMode, ConvergenceStat, MultiRunArgs};
use crate::plan::Refusal;
use crate::report::Reported;
use anyhow::Result;
use metric::{Kind, Stat, float_of};

/// The metric on which runs must converge, and the threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Criterion {
    metric: &'static metric::Metric,
    stat: Stat,
    mode: ConvergenceMode,
    threshold: f64,
    confidence: f64,
}

/// A run's values for the criterion.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// The run's value of the statistic, if it has one.
    pub(crate) stat: Option<f64>,
    /// The metric's value of each request; empty unless the criterion uses them.
    pub(crate) numbers: Vec<f64>,
}

impl Criterion {
    /// The criterion set by the arguments, if any.
    pub(super) fn of(args: &MultiRunArgs) -> Result<Option<Self>, Refusal> {
        let Some(tag) = &args.convergence_metric else { return Ok(None) };
        let refused = |why: String| Err(Refusal(format!("--convergence-metric {tag}: {why}")));
        let Some(metric) = metric::find(tag) else {
            return refused("unknown metric; docs/METRICS.md lists all".to_owned());
        };
        if args.num_profile_runs < FEWEST_RUNS {
            return refused(format!(
                "convergence is tested from the third run on: it needs at least --num-profile-runs {FEWEST_RUNS}"
            ));
        }
        let mode = args.convergence_mode;
        if mode == ConvergenceMode::Distribution && !matches!(metric.kind, Kind::Record(_)) {
            return refused(
                "--convergence-mode distribution needs a metric with a value per request".to_owned(),
            );
        }
        let stat = match args.convergence_stat {
            ConvergenceStat::Avg => Stat::Avg,
            ConvergenceStat::P50 => Stat::P50,
            ConvergenceStat::P90 => Stat::P90,
            ConvergenceStat::P95 => Stat::P95,
            ConvergenceStat::P99 => Stat::P99,
            ConvergenceStat::Min => Stat::Min,
            ConvergenceStat::Max => Stat::Max,
        };
        let default = if mode == ConvergenceMode::CiWidth { 0.10 } else { 0.05 };
        let threshold = args.convergence_threshold.unwrap_or(default);
        Ok(Some(Self { metric, stat, mode, threshold, confidence: args.confidence_level }))
    }

    pub(super) const fn metric(&self) -> &'static metric::Metric {
        self.metric
    }

    /// Whether it uses the requests of runs instead of a statistic of each run.
    const fn is_of_requests(&self) -> bool {
        matches!(self.mode, ConvergenceMode::Distribution)
    }

    /// What it is tested on in a run.
    ///
    /// # Errors
    /// When the run's records cannot be read.
    pub(super) fn observed(&self, reported: &Reported) -> Result<Observed> {
        let stat = reported.report.stat(self.metric.tag, self.stat);
        let mut observed = Observed { stat: stat.map(metric::Value::get), numbers: Vec::new() };
        if self.is_of_requests() {
            reported.each_number(|metric, number| {
                if metric.tag == self.metric.tag {
                    observed.numbers.push(number);
                }
            })?;
        }
        Ok(observed)
    }

    /// Whether these runs, in order, have converged: a description of how, if so.
    pub(super) fn agreement(&self, runs: &[Observed]) -> Option<String> {
        let what = format!("{} {}", self.metric.tag, self.stat.name());
        match self.mode {
            ConvergenceMode::Distribution => {
                let (last, before) = runs.split_last().filter(|_| runs.len() >= FEWEST_RUNS as usize)?;
                let before = before.iter().flat_map(|run| &run.numbers).copied().collect::<Vec<_>>();
                let p = smirnov(&before, &last.numbers).filter(|p| *p > self.threshold)?;
                Some(format!("{}: the last run matches those before it (p = {p:.3})", self.metric.tag))
            }
            mode => {
                let values = runs.iter().filter_map(|run| run.stat).collect::<Vec<_>>();
                let spread =
                    Spread::of(&values, self.confidence).filter(|_| values.len() >= FEWEST_RUNS as usize)?;
                let (name, figure) = match mode {
                    ConvergenceMode::CiWidth => ("interval width / mean", spread.relative_width()?),
                    _ => ("CV", spread.cv()?.abs()),
                };
                (figure < self.threshold)
                    .then(|| format!("{what}: {name} = {figure:.3} < {}", self.threshold))
            }
        }
    }
}

/// The p-value of Smirnov's two-sided test of two samples: exact up to 10,000 numbers each (paths between two lines, counted
/// row by row), by its asymptotic distribution with Stephens' correction beyond. `None` when a sample has fewer than two
/// numbers.
fn smirnov(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.len() < 2 || other.len() < 2 {
        return None;
    }
    let distance = distance(one, other);
    let (short, long) = (one.len().min(other.len()), one.len().max(other.len()));
    let p = if long <= EXACT { 1.0 - within(short, long, distance) } else { limit(short, long, distance) };
    Some(p.clamp(0.0, 1.0))
}

/// The greatest distance between the two empirical distribution functions.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let sorted = |sample: &[f64]| {
        let mut sample = sample.to_vec();
        sample.sort_unstable_by(f64::total_cmp);
        sample
    };
    let (one, other) = (sorted(one), sorted(other));
    let share = |sample: &[f64], number: f64| {
        float_of(sample.partition_point(|other| *other <= number)) / float_of(sample.len())
    };
    let apart = |number: &f64| (share(&one, *number) - share(&other, *number)).abs();
    one.iter().chain(&other).map(apart).fold(0.0, f64::max)
}

/// The fraction of interleavings of the two samples whose distance is below this one.
fn within(short: usize, long: usize, distance: f64) -> f64 {
    let (rows, columns) = (float_of(short), float_of(long));
    // Distances are multiples of this: rounding must not change the outcome.
    let most = (0.5 + (distance * rows * columns - 1e-7).floor()) / (rows * columns);
    let is_within =
        |row: usize, column: usize| (float_of(row) / rows - float_of(column) / columns).abs() <= most;
    let mut shares =
        (0..=long).map(|column| if is_within(0, column) { 1.0 } else { 0.0 }).collect::<Vec<_>>();
    for row in 1..=short {
        let weight = float_of(row) / (float_of(row) + columns);
        let mut left = 0.0;
        for (column, share) in shares.iter_mut().enumerate() {
            *share = if is_within(row, column) { weight * *share + left } else { 0.0 };
            left = *share;
        }
    }
    shares.last().copied().unwrap_or(0.0)
}

fn limit(short: usize, long: usize, distance: f64) -> f64 {
    let (short, long) = (float_of(short), float_of(long));
    let root = (short * long / (short + long)).sqrt();
    let scaled = (root + 0.12 + 0.11 / root) * distance;
    let term = |place: i32| {
        let place = f64::from(place);
        (-2.0 * place * place * scaled * scaled).exp()
    };
    let alternate = |place: i32| if place % 2 == 1 { term(place) } else { -term(place) };
    if scaled < 0.2 { 1.0 } else { 2.0 * (1..=100).map(alternate).sum::<f64>() }
}

/// AIPerf's `min_runs`.
const FEWEST_RUNS: u32 = 3;

const EXACT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(count: u32, from: f64) -> Vec<f64> {
        (0..count).map(|number| f64::from(number) + from).collect()
    }

    #[test]
    fn the_test_matches_scipy() {
        // scipy.stats.ks_2samp(...).pvalue of SciPy 1.16.
        let table = [
            (vec![1.0, 2.0, 3.0, 4.0], vec![1.0, 2.0, 3.0, 5.0], 1.0),
            (counted(5, 1.0), counted(7, 3.0), 0.237_373_737_373_737_38),
            (counted(30, 0.0), counted(20, 5.5), 0.678_913_672_122_562_3),
            (vec![1.0; 3], vec![2.0; 3], 0.1),
        ];
        for (one, other, expected) in table {
            let p = smirnov(&one, &other).unwrap();
            assert!((p - expected).abs() < 1e-9, "{p} is not {expected}");
            assert!((p - smirnov(&other, &one).unwrap()).abs() < 1e-9, "in either order");
        }
        assert_eq!(smirnov(&[1.0], &[1.0, 2.0]), None, "one number is not a sample");
        assert!(smirnov(&counted(15_000, 0.0), &counted(12_000, 200.0)).unwrap() < 1e-9, "asymptotic");
        assert!(smirnov(&counted(15_000, 0.0), &counted(15_000, 0.5)).unwrap() > 0.99, "asymptotic");
    }

    #[test]
    fn runs_converge_when_they_vary_little() {
        let check = |mode, stats: &[f64], is_agreed: bool| {
            let metric = metric::find("request_latency").unwrap();
            let criterion = Criterion { metric, stat: Stat::Avg, mode, threshold: 0.1, confidence: 0.95 };
            let run =
                |stat: &f64| Observed { stat: Some(*stat), numbers: vec![*stat, stat + 1.0, stat + 2.0] };
            let runs = stats.iter().map(run).collect::<Vec<_>>();
            assert_eq!(criterion.agreement(&runs).is_some(), is_agreed, "{mode:?} of {stats:?}");
        };
        check(ConvergenceMode::CiWidth, &[100.0, 100.0], false);
        check(ConvergenceMode::CiWidth, &[100.0, 101.0, 99.0], true);
        check(ConvergenceMode::CiWidth, &[100.0, 110.0, 90.0], false);
        check(ConvergenceMode::Cv, &[100.0, 105.0, 95.0], true);
        check(ConvergenceMode::Cv, &[0.0, 0.0, 0.0], false);
        check(ConvergenceMode::Distribution, &[100.0, 100.0, 100.0], true);
        check(ConvergenceMode::Distribution, &[100.0, 100.0, 900.0], false);
    }
}
