//! `latency_throughput_uncertainty`: the means of repeated runs with their intervals, as ellipses.

use super::{PlotType, wanted};
use crate::plot::axes::axis;
use crate::plot::config::{Quantity, Spec};
use crate::plot::groups::{Group, groups, missing};
use crate::plot::many::{Interval, Many, RunSummary, correlation, interval_of};
use picture::{BenchmarkPoint, Figure, Uncertainty, UncertaintySeries};
use std::collections::BTreeMap;

pub(super) const TYPE: PlotType = PlotType::of_many("latency_throughput_uncertainty", draw);

fn draw(spec: &Spec, many: &Many) -> Result<Figure, String> {
    let (x, y) = (wanted(spec.x.as_ref(), "x")?, wanted(spec.y.as_ref(), "y")?);
    let series = groups(spec, many).into_iter().map(|group| UncertaintySeries {
        points: points(spec, &group, x, y),
        name: if group.name.is_empty() { "Mean".to_owned() } else { group.name },
    });
    let series = series.filter(|series| !series.points.is_empty()).collect::<Vec<_>>();
    if series.is_empty() {
        return Err(missing(many, [x, y]));
    }
    let title = |own: &Option<String>, of: &Quantity| {
        let axis = axis(of);
        let unit = if axis.unit.is_empty() { String::new() } else { format!(" ({})", axis.unit) };
        Some(own.clone().unwrap_or_else(|| format!("{}{unit}", axis.label)))
    };
    let data = Uncertainty {
        points: Vec::new(),
        series,
        confidence_level: spec.ci_level,
        title: spec.title.clone(),
        x_label: title(&spec.x_label, x),
        y_label: title(&spec.y_label, y),
        group_by: Some(spec.group_by.clone()),
    };
    let mut figure = data.figure().map_err(|error| error.to_string())?;
    figure.subtitle = many.about();
    figure.x.from_zero = !spec.is_x_free;
    figure.y.from_zero = !spec.is_y_free;
    if let Some(level) = many.runs.iter().find_map(|run| run.other_level(spec.ci_level)) {
        figure.notes.push(format!(
            "Aggregates without their runs have their own intervals, of {:.0} %.",
            level * 100.0
        ));
    }
    let refused = many.runs.iter().filter(|run| run.cause.is_some()).count();
    if refused > 0 {
        figure.notes.push(format!("{refused} runs are left out that must not be used: an invalid verdict, or the client was the limit."));
    }
    Ok(figure)
}

/// A point for each load: aggregates have their own intervals, single runs are taken together by their concurrency.
fn points(spec: &Spec, group: &Group<'_>, x: &Quantity, y: &Quantity) -> Vec<BenchmarkPoint> {
    let mut points = Vec::new();
    let mut single = BTreeMap::<String, Vec<&RunSummary>>::new();
    for run in group.runs.iter().filter(|run| run.cause.is_none()) {
        match (run.mean(x, spec.ci_level), run.mean(y, spec.ci_level)) {
            (Some(x_mean), Some(y_mean)) => {
                points.push(point(x_mean, y_mean, run.correlation(x, y), run.runs, label(spec, run)));
            }
            _ => {
                single.entry(run.column("concurrency").unwrap_or_default().to_owned()).or_default().push(run)
            }
        }
    }
    for runs in single.into_values() {
        let known = runs.iter().filter_map(|run| Some((run.number(x)?, run.number(y)?))).collect::<Vec<_>>();
        let around = |of: fn(&(f64, f64)) -> f64| {
            interval_of(&known.iter().map(of).collect::<Vec<_>>(), spec.ci_level)
        };
        let (Some(x_mean), Some(y_mean)) = (around(|pair| pair.0), around(|pair| pair.1)) else { continue };
        let count = u32::try_from(known.len()).unwrap_or(u32::MAX);
        points.push(point(x_mean, y_mean, correlation(&known), count, label(spec, runs[0])));
    }
    points
}

fn label(spec: &Spec, run: &RunSummary) -> Option<String> {
    spec.label_by.as_ref().and_then(|column| run.column(column)).map(str::to_owned)
}

fn point(
    (x_mean, x): (f64, Interval),
    (y_mean, y): (f64, Interval),
    correlation: Option<f64>,
    runs: u32,
    label: Option<String>,
) -> BenchmarkPoint {
    let half = |around: Interval| (around.high - around.low) / 2.0;
    BenchmarkPoint {
        x_mean,
        y_mean,
        x_ci_low: x.low.min(x_mean),
        x_ci_high: x.high.max(x_mean),
        y_ci_low: y.low.min(y_mean),
        y_ci_high: y.high.max(y_mean),
        cov_xy: correlation.map(|correlation| correlation * half(x) * half(y)),
        label,
        n_runs: Some(runs),
    }
}
