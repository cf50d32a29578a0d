//! Aggregates every metric over runs (mean, deviation, interval), in AIPerf's files for several runs.

use anyhow::Result;
use export::csv::line;
use metric::{METRICS, Report, Stat, confidence, float_of};
use serde_json::{Map, Value, json};
use std::io::Write as _;
use store::Folder;

/// A run without results.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) label: String,
    pub(crate) error: String,
}

impl Failed {
    /// The failed runs, in the form of the files.
    pub(super) fn all_json(failed: &[Self]) -> Vec<Value> {
        failed.iter().map(|failed| json!({"label": failed.label, "error": failed.error})).collect()
    }
}

/// Metrics aggregated over several runs.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    labels: Vec<String>,
    failed: Vec<Failed>,
    confidence: f64,
    cooldown_seconds: f64,
    numbers: Vec<(String, &'static str, Spread)>,
    /// Those that are percentiles of too few requests in one of the runs, by name.
    too_few: Vec<String>,
}

/// The variation of one metric over runs; `None` where a value is undefined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    mean: f64,
    /// Sample standard deviation (divisor n - 1); 0 for one run.
    std: f64,
    min: f64,
    max: f64,
    /// Coefficient of variation: deviation / mean.
    cv: Option<f64>,
    /// Standard error: deviation / sqrt(n).
    se: f64,
    /// The confidence interval of the mean, and its half-width in standard errors.
    interval: Option<(f64, f64, f64)>,
    runs: usize,
}

impl Spread {
    pub(crate) fn of(values: &[f64], level: f64) -> Option<Self> {
        let count = float_of(values.len());
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let std = if values.len() < 2 { 0.0 } else { (squares / (count - 1.0)).sqrt() };
        let se = std / count.sqrt();
        let interval = confidence::t_critical(values.len() as u64, level);
        let finite = |number: f64| number.is_finite().then_some(number);
        Some(Self {
            mean: finite(mean)?,
            std: finite(std)?,
            min: values.iter().copied().reduce(f64::min)?,
            max: values.iter().copied().reduce(f64::max)?,
            cv: finite(std / mean),
            se,
            interval: interval
                .map(|t| (mean - t * se, mean + t * se, t))
                .filter(|(low, high, _)| low.is_finite() && high.is_finite()),
            runs: values.len(),
        })
    }

    /// The mean.
    pub(crate) const fn mean(&self) -> f64 {
        self.mean
    }

    /// The confidence interval of the mean; `None` for one run.
    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        self.interval.map(|(low, high, _)| (low, high))
    }

    /// Deviation / mean.
    pub(super) const fn cv(&self) -> Option<f64> {
        self.cv
    }

    /// The interval's width / mean.
    pub(super) fn relative_width(&self) -> Option<f64> {
        let (low, high, _) = self.interval?;
        Some((high - low) / self.mean.abs()).filter(|width| width.is_finite())
    }

    pub(crate) fn json(&self, unit: &str) -> Value {
        let mut object = Map::new();
        let (low, high, t) =
            self.interval.map_or((None, None, None), |(l, h, t)| (Some(l), Some(h), Some(t)));
        let numbers = [
            ("mean", Some(self.mean)),
            ("std", Some(self.std)),
            ("min", Some(self.min)),
            ("max", Some(self.max)),
            ("cv", self.cv),
            ("se", Some(self.se)),
            ("ci_low", low),
            ("ci_high", high),
            ("t_critical", t),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                object.insert(key.to_owned(), number.into());
            }
        }
        object.insert("unit".to_owned(), unit.into());
        Value::Object(object)
    }

    /// The rating in AIPerf's guidance; one run has none.
    fn verdict(&self) -> &'static str {
        match self.shown_cv().map(f64::abs) {
            Some(cv) if cv < 0.05 => "excellent",
            Some(cv) if cv < 0.10 => "good",
            Some(cv) if cv < 0.20 => "fair",
            Some(_) => "poor",
            None => "-",
        }
    }

    /// Deviation / mean, if there are runs that may deviate. AIPerf's files have 0 for one run.
    fn shown_cv(&self) -> Option<f64> {
        self.cv.filter(|_| self.runs > 1)
    }
}

impl Aggregate {
    pub(crate) fn new(
        runs: Vec<(String, Report)>,
        failed: Vec<Failed>,
        confidence: f64,
        cooldown_seconds: f64,
    ) -> Self {
        let (mut numbers, mut too_few) = (Vec::new(), Vec::new());
        for metric in METRICS {
            for stat in Stat::ALL {
                let values = runs.iter().filter_map(|(_, report)| report.stat(metric.tag, stat));
                let values = values.map(metric::Value::get).collect::<Vec<_>>();
                let Some(spread) = Spread::of(&values, confidence) else { continue };
                let key = format!("{}_{}", metric.tag, stat.name());
                let results = || runs.iter().filter_map(|(_, report)| report.get(metric.tag));
                let is_doubtful = results().any(|result| !result.stats.supports(stat));
                too_few.extend(is_doubtful.then(|| key.clone()));
                numbers.push((key, metric.display.name(), spread));
            }
        }
        let labels = runs.into_iter().map(|(label, _)| label).collect();
        Self { labels, failed, confidence, cooldown_seconds, numbers, too_few }
    }

    /// Writes `profile_export_aiperf_aggregate.json` and `.csv`.
    pub(crate) fn write(&self, to: &Folder) -> Result<()> {
        let mut json = to.create("profile_export_aiperf_aggregate.json")?;
        serde_json::to_writer_pretty(&mut json, &self.json())?;
        json.finish()?;
        let mut csv = to.create("profile_export_aiperf_aggregate.csv")?;
        csv.write_all(&self.csv()?)?;
        csv.finish()?;
        Ok(())
    }

    fn json(&self) -> Value {
        let metrics = self.numbers.iter().map(|(key, unit, spread)| (key.clone(), spread.json(unit)));
        json!({
            "schema_version": "1.0",
            "aiperf_version": "0.13.0",
            "metadata": {
                "aggregation_type": "confidence",
                "num_profile_runs": self.labels.len() + self.failed.len(),
                "num_successful_runs": self.labels.len(),
                "failed_runs": Failed::all_json(&self.failed),
                "confidence_level": self.confidence,
                "run_labels": self.labels,
                "cooldown_seconds": self.cooldown_seconds,
            },
            "metrics": metrics.collect::<Map<_, _>>(),
        })
    }

    fn csv(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        line(&mut out, COLUMNS)?;
        for (key, unit, spread) in &self.numbers {
            let Spread { mean, std, min, max, cv, se, interval, runs: _ } = spread;
            let mut cells = vec![key.clone()];
            cells.extend([mean, std, min, max].map(|number| format!("{number:.2}")));
            cells.push(cv.map_or_else(String::new, |cv| format!("{cv:.4}")));
            cells.push(format!("{se:.4}"));
            cells.extend(interval.map_or_else(Default::default, |(low, high, t)| {
                [format!("{low:.2}"), format!("{high:.2}"), format!("{t:.4}")]
            }));
            cells.push((*unit).to_owned());
            line(&mut out, cells)?;
        }
        writeln!(out)?;
        let runs = self.labels.len() + self.failed.len();
        for (name, value) in [
            ("Aggregation Type", "confidence".to_owned()),
            ("Total Runs", runs.to_string()),
            ("Successful Runs", self.labels.len().to_string()),
            ("Confidence Level", self.confidence.to_string()),
            ("Cooldown Seconds", self.cooldown_seconds.to_string()),
        ] {
            line(&mut out, [name, &value])?;
        }
        Ok(out)
    }

    /// The most commonly used metrics.
    pub(super) fn table(&self) -> String {
        let level = self.confidence * 100.0;
        let mut text = format!(
            "\nOver {} runs ({level}% confidence interval of the mean; CV is deviation / mean)\n\n\
             {:<34}{:>11}{:>22}{:>7}  {}\n",
            self.labels.len(),
            "metric",
            "mean",
            "interval",
            "CV",
            "repeats"
        );
        for (key, unit, spread) in self.numbers.iter().filter(|(key, _, _)| USUAL.contains(&key.as_str())) {
            let interval = spread
                .interval
                .map_or_else(|| "-".to_owned(), |(low, high, _)| format!("{low:.2} .. {high:.2}"));
            let cv = spread.shown_cv().map_or_else(|| "-".to_owned(), |cv| format!("{:.1}%", cv * 100.0));
            let label = short(key, unit);
            let mark = if self.too_few.contains(key) { "*" } else { "" };
            let mean = format!("{:.2}{mark}", spread.mean);
            text.push_str(&format!("{label:<34}{mean:>11}{interval:>22}{cv:>7}  {}\n", spread.verdict()));
        }
        if USUAL.iter().any(|key| self.too_few.iter().any(|few| few == key)) {
            text.push_str("* too few requests a run for this percentile: other runs may well differ\n");
        }
        for Failed { label, error } in &self.failed {
            text.push_str(&format!("{label} is not included: {error}\n"));
        }
        text
    }
}

/// A short name of a metric.
fn short(key: &str, unit: &str) -> String {
    let (tag, stat) = key.rsplit_once('_').unwrap_or((key, ""));
    let stat = if stat == "avg" { "" } else { stat };
    let name = metric::find(tag).map_or(tag, |metric| metric.short);
    [name, stat, &format!("({unit})")]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

const COLUMNS: [&str; 11] =
    ["metric", "mean", "std", "min", "max", "cv", "se", "ci_low", "ci_high", "t_critical", "unit"];
const USUAL: &[&str] = &[
    "time_to_first_token_avg",
    "time_to_first_token_p99",
    "inter_token_latency_avg",
    "inter_token_latency_p99",
    "request_latency_avg",
    "request_latency_p99",
    "kernel_time_to_first_token_avg",
    "kernel_time_to_first_token_p99",
    "output_token_throughput_avg",
    "request_throughput_avg",
    "goodput_avg",
];

#[cfg(test)]
mod tests {
    use super::*;
    use metric::{Metric, MetricResult, Stats};
    use proptest::prelude::*;

    #[test]
    fn spreads_match_scipy() {
        // numpy.std(ddof=1) and scipy.stats.t.ppf(0.975, 2) of 10, 12, 14.
        let spread = Spread::of(&[10.0, 12.0, 14.0], 0.95).unwrap();
        let (low, high, t) = spread.interval.unwrap();
        let close = |number: f64, expected: f64| (number - expected).abs() < 1e-6;
        assert!(close(spread.mean, 12.0) && close(spread.std, 2.0), "{spread:?}");
        assert!(close(spread.se, 1.154_700_5) && close(t, 4.302_652_7), "{spread:?}");
        assert!(close(low, 7.031_724_6) && close(high, 16.968_275_4), "{spread:?}");
        assert_eq!(spread.verdict(), "fair", "about one sixth");
    }

    proptest! {
        #[test]
        fn extreme_values_never_produce_invalid_files(
            runs in proptest::collection::vec(proptest::collection::vec(hostile(), 0..5), 1..5),
            level in prop_oneof![Just(0.5), Just(0.95), Just(1.0 - f64::EPSILON)],
        ) {
            let aggregate = Aggregate::new(runs.iter().map(|run| of_numbers(run)).collect(), Vec::new(), level, 0.0);
            let texts = [aggregate.json().to_string(), String::from_utf8(aggregate.csv().unwrap()).unwrap(), aggregate.table()];
            for text in texts {
                for word in ["NaN", "nan", "inf,", "inf ", "-inf", "null"] {
                    prop_assert!(!text.contains(word), "{word} in {text}");
                }
            }
        }
    }

    fn hostile() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            Just(f64::MAX),
            Just(f64::MIN),
            Just(f64::MIN_POSITIVE),
            Just(1e-300),
            any::<f64>()
        ]
    }

    /// A run whose requests have these values, which need not be finite.
    fn of_numbers(numbers: &[f64]) -> (String, Report) {
        let result = |metric: &&'static Metric| MetricResult {
            metric,
            stats: Stats::of_sample(numbers.iter().copied()),
        };
        let results = METRICS.iter().take(3).map(result).collect();
        ("run".to_owned(), Report { results, ..Report::default() })
    }

    #[test]
    fn percentiles_of_few_requests_are_marked() {
        let numbers = (0..50).map(|at| f64::from(at * 37 % 50)).collect::<Vec<_>>();
        let (label, mut report) = of_numbers(&numbers);
        report.results[0].metric = metric::find("time_to_first_token").unwrap();
        let table = Aggregate::new(vec![(label, report)], Vec::new(), 0.95, 0.0).table();
        let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("TTFT p99").contains('*') && !line("TTFT (ms)").contains('*'), "{table}");
        assert!(table.contains("* too few requests a run"), "{table}");
    }

    #[test]
    fn one_run_has_no_interval() {
        let spread = Spread::of(&[5.0], 0.95).unwrap();
        assert_eq!((spread.verdict(), spread.shown_cv()), ("-", None), "it does not repeat");
        assert_eq!((spread.interval, spread.json("ms").get("ci_low")), (None, None), "{spread:?}");
        assert_eq!(Spread::of(&[], 0.95), None, "no run");
    }
}
