//! One side of a comparison: one run, or several of one load, of which each is one number.

use super::figures::{Figure, Figures};
use super::rows::{FAILURES, WITH_FAILURES};
use metric::{Interval, Needs, Reason, Unit, find, float_of};
use statistics::{Side as Judged, Spread, mean_of_runs};

/// One side.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Where it is from.
    pub(super) label: String,
    /// Its runs, at least one.
    pub(super) runs: Vec<Figures>,
}

/// A statistic of a side.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Its value in each run.
    pub(super) values: Vec<f64>,
    /// What the requests of a run imply; `None` for a fact.
    pub(super) within: Option<Result<Spread, Needs>>,
}

impl Side {
    /// A side of one run.
    pub(super) fn of(run: Figures) -> Self {
        Self { label: run.label.clone(), runs: vec![run] }
    }

    /// The tool that made the runs.
    pub(super) fn tool(&self) -> &'static str {
        self.runs.first().map_or("", |run| run.tool)
    }

    /// The verdicts of its runs, each once, in the order of the runs.
    pub(super) fn verdicts(&self) -> Vec<&str> {
        let mut verdicts = Vec::new();
        for verdict in self.runs.iter().filter_map(|run| run.verdict.as_deref()) {
            if !verdicts.contains(&verdict) {
                verdicts.push(verdict);
            }
        }
        verdicts
    }

    /// The number of a tag and statistic: that of the run, or the mean over runs with its interval.
    pub(super) fn figure(&self, tag: &str, stat: &str) -> Option<Figure> {
        let figures = self.figures(tag, stat);
        match figures.as_slice() {
            [] => None,
            [only] => Some(*only),
            several => {
                let values = several.iter().map(|figure| figure.value).collect::<Vec<_>>();
                let estimate = mean_of_runs(&values);
                Some(Figure { value: estimate.value, precision: Some(estimate.interval) })
            }
        }
    }

    /// The number of one of its runs.
    pub(super) fn figure_of_run(&self, run: usize, tag: &str, stat: &str) -> Option<Figure> {
        let run = self.runs.get(run)?;
        run.get(tag, stat).or_else(|| unadjusted(run, tag, stat))
    }

    /// The statistic, for a judgement.
    pub(super) fn sample(&self, tag: &str, stat: &str) -> Option<Sample> {
        let figures = self.figures(tag, stat);
        let values = figures.iter().map(|figure| figure.value).collect::<Vec<_>>();
        (!values.is_empty()).then(|| Sample { within: within(&figures), values })
    }

    /// The share of failed requests, and how many independent requests it is of.
    pub(super) fn failures(&self) -> Option<(f64, f64)> {
        let rates = self.figures(FAILURES, "avg");
        let known = rates.iter().filter_map(|rate| Some((rate.value / 100.0, rate.precision?.ok()?)));
        let known = known.map(|(share, Interval { effective, .. })| (share, f64::from(effective)));
        let known = known.collect::<Vec<_>>();
        let n = known.iter().map(|(_, n)| n).sum::<f64>();
        let share = known.iter().map(|(share, n)| share * n).sum::<f64>() / n;
        if !share.is_finite() {
            return None;
        }
        // Runs that fail more differently than their requests explain are worth fewer requests.
        let runs = float_of(known.len());
        let squares = known.iter().map(|(of_run, n)| n * (of_run - share).powi(2)).sum::<f64>();
        let excess = squares / (runs - 1.0) / (share * (1.0 - share));
        Some((share, if excess > 1.0 && excess.is_finite() { n / excess } else { n }))
    }

    fn figures(&self, tag: &str, stat: &str) -> Vec<Figure> {
        (0..self.runs.len()).filter_map(|run| self.figure_of_run(run, tag, stat)).collect()
    }
}

impl Sample {
    /// The side of a judgement.
    pub(super) fn judged(&self) -> Judged<'_> {
        Judged { runs: &self.values, within: self.within.unwrap_or_else(|| Err(Needs::of(Reason::NoSample))) }
    }
}

/// The latency that stands for one with failures as infinite in a run without failures.
fn unadjusted(run: &Figures, tag: &str, stat: &str) -> Option<Figure> {
    let of = tag.strip_prefix(WITH_FAILURES).filter(|_| stat != "avg")?;
    let failed = run.get(FAILURES, "avg").map_or(1.0, |rate| rate.value);
    run.get(of, stat).filter(|_| failed <= 0.0)
}

/// What the requests of one of these runs imply, on average.
fn within(figures: &[Figure]) -> Option<Result<Spread, Needs>> {
    let known = figures.iter().filter_map(|figure| Some((figure.value, figure.precision?)));
    let known = known.collect::<Vec<_>>();
    let of = |(value, precision): &(f64, Result<Interval, Needs>)| {
        precision.map(|interval| Spread::of(*value, &interval))
    };
    let spreads = known.iter().map(of).collect::<Result<Vec<_>, _>>();
    let (first, spreads) = (
        known.first()?.0,
        match spreads {
            Ok(spreads) => spreads,
            Err(needs) => return Some(Err(needs)),
        },
    );
    let n = float_of(spreads.len());
    let mean = |of: fn(&Spread) -> f64| spreads.iter().map(of).sum::<f64>() / n;
    let (below, above) = (mean(|spread| spread.below), mean(|spread| spread.above));
    Some(Ok(Spread { value: first, below, above, freedom: mean(|spread| spread.freedom) }))
}

/// The standard deviation over runs that a single run of a metric is allowed, as a share: none for what the load sets.
pub(super) fn variation(tag: &str, allowed: f64) -> f64 {
    let is_set = |unit: Unit| matches!(unit, Unit::Tokens | Unit::Count | Unit::Requests | Unit::Images);
    if find(tag).is_some_and(|metric| is_set(metric.unit)) { 0.0 } else { allowed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metric::{Method, Stat};

    fn run(rate: f64, effective: f32) -> Figures {
        let mut run = Figures::new("run".to_owned(), "test");
        let interval = Interval { low: 0.0, high: 100.0, effective, freedom: 1e6, method: Method::Wilson };
        run.put("request_error_rate", Stat::Avg, Some(rate), Some(Ok(interval)));
        run.put("request_latency", Stat::Avg, Some(rate), None);
        run
    }

    #[test]
    fn failures_of_several_runs_are_pooled() {
        let side = |rates: &[f64]| Side {
            label: "side".to_owned(),
            runs: rates.iter().map(|rate| run(*rate, 1000.0)).collect(),
        };
        let (share, n) = side(&[10.0]).failures().unwrap();
        assert!((share - 0.1).abs() < 1e-9 && (n - 1000.0).abs() < 1e-9, "one run");
        let (share, n) = side(&[10.0, 10.0]).failures().unwrap();
        assert!((share - 0.1).abs() < 1e-9 && (n - 2000.0).abs() < 1e-9, "equal runs");
        assert!(side(&[0.0, 20.0]).failures().unwrap().1 < 20.0, "unequal runs");
        assert!(side(&[0.0, 0.0]).failures().unwrap().1 > 1999.0, "no failures");
    }

    #[test]
    fn several_runs_have_the_interval_over_them() {
        let side =
            Side { label: "side".to_owned(), runs: vec![run(10.0, 1.0), run(12.0, 1.0), run(14.0, 1.0)] };
        let figure = side.figure("request_latency", "avg").unwrap();
        let interval = figure.precision.unwrap().unwrap();
        assert!((figure.value - 12.0).abs() < 1e-9 && interval.method == Method::Runs, "{figure:?}");
        assert!(
            Side::of(run(1.0, 1.0)).sample("request_latency", "avg").unwrap().within.unwrap().is_err(),
            "unknown"
        );
    }

    #[test]
    fn what_the_load_sets_does_not_vary() {
        assert!(variation("output_sequence_length", 0.05).abs() < 1e-12, "tokens");
        assert!((variation("request_latency", 0.05) - 0.05).abs() < 1e-12, "time");
    }
}
