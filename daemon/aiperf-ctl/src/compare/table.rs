//! Formats the comparison as a table or as JSON.

use super::figures::{Figure, Figures};
use super::noise::{Noise, judge};
use metric::{Group, METRICS, Metric, Stat};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// What fits on one screen: the latencies of both views, the rates and the failures.
pub(super) fn is_on_screen(tag: &str, stat: &str) -> bool {
    ON_SCREEN.iter().any(|(shown, stats)| *shown == tag && stats.contains(&stat))
}

/// What `--console full` shows: latencies, lengths and rates, by the commonly compared statistics.
pub(super) fn is_usual(tag: &str, stat: &str) -> bool {
    let is_usual_stat = ["avg", "p50", "p90", "p99"].contains(&stat);
    let group = metric::find(tag).map(|metric| metric.group);
    is_usual_stat && matches!(group, Some(Group::Main | Group::Kernel | Group::Client))
}

/// The rows: metrics in the registry's order for which at least one run has a figure.
fn rows(runs: &[Figures], wanted: impl Fn(&str, &str) -> bool) -> Vec<(&'static Metric, &'static str)> {
    let mut rows = Vec::new();
    for metric in METRICS {
        for stat in Stat::ALL.map(Stat::name) {
            let is_there = runs.iter().any(|run| run.get(metric.tag, stat).is_some());
            if is_there && wanted(metric.tag, stat) {
                rows.push((*metric, stat));
            }
        }
    }
    rows
}

/// The relative difference to the baseline, and its significance.
fn difference(base: Option<Figure>, figure: Option<Figure>) -> Option<(Option<f64>, Noise)> {
    let (base, figure) = base.zip(figure)?;
    let share = (figure.value - base.value) / base.value.abs();
    Some((share.is_finite().then_some(share), judge(base, figure)))
}

/// A table with one column per run and, for each but the first, its difference to the baseline.
pub(super) fn draw(runs: &[Figures], wanted: impl Fn(&str, &str) -> bool) -> String {
    let mut lines = vec![heading(runs)];
    for (metric, stat) in rows(runs, wanted) {
        let mut line = vec![format!("{}.{stat} ({})", metric.tag, metric.display.name())];
        let base = runs.first().and_then(|run| run.get(metric.tag, stat));
        for (place, run) in runs.iter().enumerate() {
            let figure = run.get(metric.tag, stat);
            line.push(figure.map_or_else(|| "-".to_owned(), |figure| format!("{:.2}", figure.value)));
            if place > 0 {
                let (share, noise) = difference(base, figure).unwrap_or((None, Noise::Unknown));
                line.push(share.map_or_else(|| "-".to_owned(), |share| format!("{:+.1}%", share * 100.0)));
                line.push(share.map_or("-", |_| noise.name()).to_owned());
            }
        }
        lines.push(line);
    }
    let mut text = String::new();
    for (letter, run) in LETTERS.chars().zip(runs) {
        let verdict =
            run.verdict.as_ref().map_or_else(String::new, |verdict| format!(", verdict: {verdict}"));
        writeln!(text, "{letter} = {} ({}{verdict})", run.label, run.tool)
            .expect("writing to a string cannot fail");
    }
    text.push('\n');
    text.push_str(&aligned(&lines));
    text.push_str(NOTE);
    text
}

fn heading(runs: &[Figures]) -> Vec<String> {
    let mut heading = vec!["metric".to_owned()];
    for (place, letter) in LETTERS.chars().take(runs.len()).enumerate() {
        heading.push(letter.to_string());
        if place > 0 {
            heading.extend([format!("{letter}-A"), "real?".to_owned()]);
        }
    }
    heading
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0);
    let widths = (0..columns).map(width).collect::<Vec<_>>();
    let mut text = String::new();
    for line in lines {
        for (place, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let padded = if place == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            text.push_str(&padded);
        }
        text.push('\n');
    }
    text
}

/// The comparison as one JSON object.
pub(super) fn json(runs: &[Figures], wanted: impl Fn(&str, &str) -> bool) -> Value {
    let mut metrics = Map::new();
    for (metric, stat) in rows(runs, wanted) {
        let base = runs.first().and_then(|run| run.get(metric.tag, stat));
        let of = |run: &Figures| {
            let mut object = Map::new();
            let figure = run.get(metric.tag, stat);
            if let Some(figure) = figure {
                object.insert("value".to_owned(), figure.value.into());
                if let Some((low, high)) = figure.interval {
                    object.insert("interval".to_owned(), json!([low, high]));
                }
            }
            if let Some((Some(share), noise)) = difference(base, figure) {
                object.insert("difference".to_owned(), share.into());
                object.insert("beyond_noise".to_owned(), noise.name().into());
            }
            Value::Object(object)
        };
        let values = runs.iter().map(of).collect::<Vec<_>>();
        metrics
            .insert(format!("{}.{stat}", metric.tag), json!({"unit": metric.display.name(), "runs": values}));
    }
    let run = |run: &Figures| match &run.verdict {
        Some(verdict) => json!({"path": run.label, "made_by": run.tool, "verdict": verdict}),
        None => json!({"path": run.label, "made_by": run.tool}),
    };
    let runs = runs.iter().map(run).collect::<Vec<_>>();
    json!({"runs": runs, "metrics": metrics})
}

const ON_SCREEN: &[(&str, &[&str])] = &[
    ("time_to_first_token", &["p50", "p99"]),
    ("kernel_time_to_first_token", &["p50", "p99"]),
    ("inter_token_latency", &["p50", "p99"]),
    ("kernel_inter_token_latency", &["p50", "p99"]),
    ("request_latency", &["p50", "p99"]),
    ("kernel_request_latency", &["p50", "p99"]),
    ("output_token_throughput", &["avg"]),
    ("request_throughput", &["avg"]),
    ("request_error_rate", &["avg"]),
];

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const NOTE: &str = "
real? shows whether the difference is more than noise: its 95 % confidence
interval excludes zero. It is unknown when a run has no interval (a percentile
without records, a rate). - is a figure that a run does not have.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_a_column_each() {
        let run = |label: &str, value: f64| {
            let mut figures = Figures::new(label.to_owned(), "test");
            figures.put("request_latency", Stat::P99, Some(value), Some((value - 1.0, value + 1.0)));
            figures
        };
        let mut runs = vec![run("a", 100.0), run("b", 110.0)];
        runs[1].put("request_throughput", Stat::Avg, Some(5.0), None);
        let text = draw(&runs, is_usual);
        let line = text.lines().find(|line| line.starts_with("request_latency.p99")).unwrap();
        let cells = line.split_whitespace().collect::<Vec<_>>();
        assert_eq!(cells, ["request_latency.p99", "(ms)", "100.00", "110.00", "+10.0%", "yes"], "{text}");
        let found = json(&runs, is_usual);
        assert_eq!(found["metrics"]["request_latency.p99"]["runs"][1]["beyond_noise"], "yes", "{found}");
        assert_eq!(found["metrics"]["request_throughput.avg"]["runs"][0], json!({}), "{found}");
    }
}
