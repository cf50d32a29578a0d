//! What axes are called, and in which unit they are.

use super::config::{Quantity, Source, Spec};
use metric::{Kind, METRICS, Stat, find};
use picture::{Axis, Figure, ScaleKind};
use record::GpuMetric;

/// A figure of a plot without marks.
pub(super) fn figure(spec: &Spec, x: Axis, y: Axis) -> Figure {
    let title = spec.title.clone().or_else(|| spec.description.clone());
    // What follows a comma is for the axis.
    let short = |axis: &Axis| axis.label.split(',').next().unwrap_or_default().to_owned();
    let usual = || match x.label.as_str() {
        TIME => format!("{} over time", short(&y)),
        _ => format!("{} against {}", short(&y), short(&x)),
    };
    Figure {
        title: title.unwrap_or_else(usual),
        x: Axis { from_zero: !spec.is_x_free, ..labelled(x, spec.x_label.as_ref()) },
        y: Axis { from_zero: !spec.is_y_free, ..labelled(y, spec.y_label.as_ref()) },
        ..Figure::default()
    }
}

/// The axis of a quantity of requests, or of runs.
pub(super) fn axis(of: &Quantity) -> Axis {
    let stat = of.stat.filter(|_| of.source == Source::Run).map(|stat| format!(", {}", stat.name()));
    let stat =
        stat.filter(|_| find(&of.name).is_none_or(|metric| is_distribution(metric.kind))).unwrap_or_default();
    match known(&of.name) {
        Some((name, unit)) => Axis::new(format!("{name}{stat}"), unit),
        None => Axis::new(format!("{}{stat}", spelled(&of.name)), ""),
    }
}

/// The axis of seconds since the first request started.
pub(super) fn seconds() -> Axis {
    Axis { scale: ScaleKind::Linear, ..Axis::new(TIME, "s") }
}

/// The metric with this header.
pub(super) fn by_header(header: &str) -> Option<&'static str> {
    METRICS.iter().find(|metric| metric.header == header).map(|metric| metric.tag)
}

/// Whether a statistic of a metric that is asked for exists: others have one number only.
pub(super) fn has_stat(tag: &str, stat: Stat) -> bool {
    stat == Stat::Avg || find(tag).is_none_or(|metric| is_distribution(metric.kind))
}

const fn is_distribution(kind: Kind) -> bool {
    matches!(kind, Kind::Record(_) | Kind::List(_) | Kind::Injected(_))
}

/// The display name and unit of what is known by a name.
fn known(name: &str) -> Option<(&'static str, &'static str)> {
    if let Some(metric) = find(name) {
        return Some((metric.header, metric.display.name()));
    }
    if let Some(metric) = GpuMetric::find(name) {
        return Some((metric.header, metric.unit));
    }
    COLUMNS.iter().find(|(column, ..)| *column == name).map(|(_, label, unit)| (*label, *unit))
}

/// `kv_cache_usage` as words.
fn spelled(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// An axis with the label of the user, who may have written its unit there.
fn labelled(axis: Axis, label: Option<&String>) -> Axis {
    match label {
        Some(label) => Axis { label: label.clone(), unit: String::new(), ..axis },
        None => axis,
    }
}

/// The horizontal axis of what is over time.
const TIME: &str = "Time since the first request";
/// What are no metrics.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("request_number", "Request number, in the order in which they ended", ""),
    ("timestamp", TIME, "s"),
    ("timestamp_s", TIME, "s"),
    ("request_start_ns", TIME, "s"),
    ("request_end_ns", TIME, "s"),
    ("throughput_tokens_per_sec", "Output token throughput", "tokens/sec"),
    ("active_requests", "Requests that generate", ""),
    ("concurrency", "Concurrency", ""),
    ("output_token_throughput_per_gpu", "Output Token Throughput Per GPU", "tokens/sec/gpu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_names_and_units() {
        let check = |name: &str, stat: Option<Stat>, expected: (&str, &str)| {
            let axis = axis(&Quantity { name: name.to_owned(), stat, source: Source::Run });
            assert_eq!((axis.label.as_str(), axis.unit.as_str()), expected, "{name}");
        };
        check("time_to_first_token", Some(Stat::P99), ("Time to First Token, p99", "ms"));
        check("request_throughput", Some(Stat::Avg), ("Request Throughput", "requests/sec"));
        check("nvidia_gpu_utilization", None, ("NVIDIA GPU Utilization", "%"));
        check("my_own_number", None, ("My own number", ""));
        assert_eq!(by_header("Time to First Token"), Some("time_to_first_token"), "by AIPerf's column name");
        assert!(
            !has_stat("request_throughput", Stat::P50) && has_stat("request_latency", Stat::P50),
            "statistics"
        );
    }
}
