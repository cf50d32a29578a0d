//! Rows with known statistics.

use super::{Quantile, Summaries, unit};
use crate::settings::Window;
use crate::testing;
use common::clock::MonoNs;
use record::{SCRAPE, ServerSample};

/// A row of the scrape whose response was received in this second.
fn row(second: u64, kind: &str, name: &str, part: Option<&str>, value: f64) -> ServerSample {
    let labels = if name == SCRAPE { "" } else { "{}" };
    ServerSample {
        endpoint_url: "http://a/metrics".to_owned(),
        asked_ns: MonoNs(second * SECOND - 1_000_000),
        answered_ns: MonoNs(second * SECOND),
        metric_name: name.to_owned(),
        metric_type: kind.to_owned(),
        description: String::new(),
        labels: labels.to_owned(),
        part: part.map(str::to_owned),
        value: Some(value),
    }
}

fn up(second: u64) -> ServerSample {
    row(second, "gauge", SCRAPE, None, 1.0)
}

/// The statistic of the only series of `x`; the measured phase is from second 2 to second 4.
#[track_caller]
fn check(rows: Vec<ServerSample>, stat: &str, expected: Option<f64>) -> Summaries {
    let window = Window { begin: MonoNs(2 * SECOND), end: MonoNs(4 * SECOND) };
    let settings = crate::Settings { profiling: Some(window), warmup: None, ..testing::settings() };
    let summaries = Summaries::of(rows.into_iter().map(Ok::<_, ()>), &settings).unwrap();
    let found = summaries.profiling.get("x").and_then(|family| family.series[0].get(stat));
    assert_eq!(found, expected, "{stat}");
    summaries
}

#[test]
fn a_counter_grows_from_the_scrape_before_the_phase() {
    let rows = || {
        let values = [(1, 100.0), (3, 130.0), (5, 150.0)];
        values.into_iter().flat_map(|(second, value)| [up(second), row(second, "counter", "x", None, value)])
    };
    check(rows().collect(), "total", Some(50.0));
    check(rows().collect(), "rate", Some(50.0 / 3.0));
    let reset = [up(1), row(1, "counter", "x", None, 100.0), up(4), row(4, "counter", "x", None, 7.0)];
    let summaries = check(reset.to_vec(), "total", Some(7.0));
    assert!(summaries.profiling["x"].series[0].was_reset, "the reset is reported");
}

#[test]
fn a_counter_that_appears_has_counted_from_zero() {
    let late = [up(1), up(3), row(3, "counter", "x", None, 20.0), up(5), row(5, "counter", "x", None, 30.0)];
    check(late.to_vec(), "total", Some(30.0));
    let unknown = [up(3), row(3, "counter", "x", None, 20.0), up(5), row(5, "counter", "x", None, 30.0)];
    check(unknown.to_vec(), "total", Some(10.0));
}

#[test]
fn a_gauge_is_a_sample_of_the_phase() {
    let rows = vec![
        up(1),
        row(1, "gauge", "x", None, 9.0),
        up(2),
        row(2, "gauge", "x", None, 1.0),
        up(3),
        up(4),
        row(4, "gauge", "x", None, 4.0),
        up(5),
        row(5, "gauge", "x", None, 8.0),
    ];
    check(rows.clone(), "avg", Some(2.0));
    check(rows, "std", Some(3.0_f64.sqrt()));
}

#[test]
fn quantiles_have_bounds() {
    let histogram = |second: u64, counts: [f64; 4], sum: f64| {
        let parts = [("0.1", counts[0]), ("0.5", counts[1]), ("+Inf", counts[2])];
        let buckets = parts.map(|(le, count)| row(second, "histogram", "x", Some(le), count));
        let rest = [("sum", sum), ("count", counts[3])];
        let rest = rest.map(|(part, value)| row(second, "histogram", "x", Some(part), value));
        [up(second)].into_iter().chain(buckets).chain(rest).collect::<Vec<_>>()
    };
    let rows = [histogram(1, [5.0, 5.0, 5.0, 5.0], 1.0), histogram(4, [5.0, 13.0, 15.0, 15.0], 6.0)].concat();
    let summaries = check(rows.clone(), "count", Some(10.0));
    check(rows.clone(), "avg", Some(0.5));
    check(rows.clone(), "p50_estimate", Some(0.1 + 0.4 * 5.0 / 8.0));
    check(rows, "p99_estimate", None);
    let first = [histogram(1, [0.0; 4], 0.0), histogram(4, [9.0, 9.0, 9.0, 9.0], 0.001)].concat();
    let first = check(first, "p50_estimate", None);
    let within = Quantile { name: "p99_estimate", estimate: None, low: 0.0, high: Some(0.1) };
    assert_eq!(first.profiling["x"].series[0].quantiles.last(), Some(&within), "an upper bound only");
    let last = summaries.profiling["x"].series[0].quantiles.last().copied();
    let beyond = Quantile { name: "p99_estimate", estimate: None, low: 0.5, high: None };
    assert_eq!(last, Some(beyond), "a bucket without an end gives a lower bound only");
}

#[test]
fn units_come_from_words_then_names() {
    assert_eq!(unit("x_seconds", ""), Some("sec"), "by name");
    assert_eq!(unit("x_perc", "Usage. 1 means 100 percent."), Some("ratio"), "by the description");
    assert_eq!(unit("x", ""), None, "no information");
}

const SECOND: u64 = 1_000_000_000;
