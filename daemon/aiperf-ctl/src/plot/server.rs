//! The server's own metrics over a run's time: of aiperfd's runs from `server_metrics.parquet`, of AIPerf's from the slices in its JSON.

use super::config::{Downsampling, Method};
use anyhow::{Context, Result};
use import::document;
use metric::server::{Entry, Key, Replay, Scrape, State, bound, unit};
use metric::{float, float_of};
use picture::{Axis, Point};
use record::{Run, ServerSample};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::parquet::rows;

/// The metrics by name.
#[derive(Debug, Default)]
pub(super) struct ServerMetrics {
    families: BTreeMap<String, Vec<Series>>,
    is_there: bool,
    wanted: BTreeSet<String>,
    /// How they are summed up.
    downsampling: Option<Downsampling>,
}

/// One series of a metric: of an endpoint, with labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    /// `counter`, `gauge` or `histogram`.
    kind: String,
    pub(super) unit: String,
    endpoint: String,
    labels: BTreeMap<String, String>,
    /// What it was, in order.
    pub(super) windows: Vec<Window>,
    /// Observations up to each bound, of the whole run.
    pub(super) buckets: Vec<(f64, f64)>,
}

/// A series over some time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Window {
    /// Its middle, in seconds since the first request.
    pub(super) at: f64,
    /// A gauge's or a histogram's mean, or a counter's rate.
    pub(super) value: f64,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// Observations in it up to each bound.
    pub(super) buckets: Vec<(f64, f64)>,
}

impl ServerMetrics {
    /// Reads those of a run's metrics that are asked for by these names; `begin_ns` is when its first request started, as a date.
    pub(super) fn read(
        directory: &Path,
        begin_ns: u64,
        downsampling: Option<Downsampling>,
        names: &[&str],
    ) -> Result<Self> {
        let wanted = names.iter().map(|name| bare(name).to_owned()).collect::<BTreeSet<_>>();
        let mut metrics = Self { downsampling, wanted, ..Self::default() };
        if metrics.wanted.is_empty() {
            return Ok(metrics);
        }
        let ours = directory.join("server_metrics.parquet");
        if ours.is_file() {
            let run = crate::report::read_run(directory)?;
            metrics.replay(&ours, &run, begin_ns).context("failed to read the server's metrics")?;
        } else if let Some(document) = document(directory, "server_metrics_export.json")? {
            metrics.of_document(&document, begin_ns);
        }
        Ok(metrics)
    }

    /// A metric over time: all its series that a name selects, counters summed, others averaged.
    ///
    /// # Errors
    /// When there is none, with the reason.
    pub(super) fn over_time(&self, name: &str) -> Result<Vec<Point>, String> {
        let series = self.selected(name)?;
        let mut moments = BTreeMap::<u64, (f64, f64, f64)>::new();
        for window in series.iter().flat_map(|series| &series.windows) {
            // Moments of one scrape differ by less than this.
            let (at, sum, number) = moments.entry(whole_tenths(window.at)).or_insert((window.at, 0.0, 0.0));
            *at = at.min(window.at);
            *sum += window.value;
            *number += 1.0;
        }
        if moments.is_empty() {
            return Err(format!(
                "`{name}` has no values over time: AIPerf writes them with --slice-duration only"
            ));
        }
        let is_counter = series.iter().all(|series| series.kind == "counter");
        let points = moments.into_values();
        let points =
            points.map(|(at, sum, number)| Point::new(at, if is_counter { sum } else { sum / number }));
        Ok(self.summed_up(points.collect()))
    }

    /// The axis of a metric: its own name, and its unit, of a counter by the second.
    pub(super) fn axis(&self, name: &str) -> Axis {
        let first = self.selected(name).ok().and_then(|series| series.first().copied());
        let unit =
            first.map_or_else(String::new, |series| match (series.kind.as_str(), series.unit.as_str()) {
                ("counter", "") => "1/s".to_owned(),
                ("counter", unit) => format!("{unit}/s"),
                (_, unit) => unit.to_owned(),
            });
        Axis::new(name, unit)
    }

    /// The series that a name selects: all of a metric, or those of `metric[endpoint]{label=value}`.
    ///
    /// # Errors
    /// When there is none, with the reason.
    pub(super) fn selected(&self, name: &str) -> Result<Vec<&Series>, String> {
        if !self.is_there {
            return Err("the run has no metrics of the server: see --server-metrics".to_owned());
        }
        let wanted = Wanted::of(name)?;
        let family = self.families.get(wanted.metric);
        let family = family.ok_or_else(|| format!("the server has no metric `{}`", wanted.metric))?;
        let selected = family.iter().filter(|series| wanted.fits(series)).collect::<Vec<_>>();
        if selected.is_empty() {
            Err(format!("`{name}` selects no series of the server"))
        } else {
            Ok(selected)
        }
    }

    /// One point for each window of the configuration.
    fn summed_up(&self, points: Vec<Point>) -> Vec<Point> {
        let Some(Downsampling { seconds, method }) = self.downsampling else { return points };
        // A few points are better than one.
        let length = points.last().map_or(0.0, |last| last.x) - points.first().map_or(0.0, |first| first.x);
        if length / seconds < FEWEST_WINDOWS {
            return points;
        }
        let mut windows = BTreeMap::<u64, Vec<Point>>::new();
        for point in points {
            windows.entry(whole_tenths((point.x / seconds).floor() / 10.0)).or_default().push(point);
        }
        windows.into_values().map(|window| Point::new(middle(&window), of_method(&window, method))).collect()
    }

    fn replay(&mut self, path: &Path, run: &Run, begin_ns: u64) -> Result<()> {
        let mut replay = Replay::default();
        let mut last = BTreeMap::<(String, Key), (f64, State)>::new();
        let clock = run.clock_begin;
        self.is_there = true;
        let mut visit = |scrape: &Scrape, entries: &BTreeMap<Key, Entry>| {
            if scrape.problem.is_some() {
                return;
            }
            let at = seconds(clock.real(scrape.received).0, begin_ns);
            for (key, entry) in entries {
                if !self.wanted.contains(&key.name) {
                    continue;
                }
                let of = (scrape.endpoint_url.clone(), key.clone());
                let before = last.insert(of, (at, entry.state.clone()));
                let window = window(at, &entry.kind, &entry.state, before.as_ref());
                if let Some(window) = window.filter(|window| window.at >= 0.0) {
                    self.series(&scrape.endpoint_url, key, entry).push(window);
                }
            }
        };
        for batch in rows::<ServerSample>(path)? {
            for row in batch? {
                replay.row(row, &mut visit);
            }
        }
        replay.finish(&mut visit);
        Ok(())
    }

    fn series(&mut self, endpoint: &str, key: &Key, entry: &Entry) -> &mut Series {
        let family = self.families.entry(key.name.clone()).or_default();
        let labels = labels(&serde_json::from_str(&key.labels).unwrap_or_default());
        let place = family.iter().position(|series| series.endpoint == endpoint && series.labels == labels);
        let place = place.unwrap_or_else(|| {
            let unit = unit(&key.name, &entry.description).unwrap_or_default();
            family.push(Series {
                kind: entry.kind.clone(),
                unit: unit.to_owned(),
                endpoint: endpoint.to_owned(),
                labels,
                ..Series::default()
            });
            family.len() - 1
        });
        &mut family[place]
    }

    fn of_document(&mut self, document: &Value, begin_ns: u64) {
        self.is_there = true;
        let families = document["metrics"].as_object().into_iter().flatten();
        for (name, family) in families.filter(|(name, _)| self.wanted.contains(*name)) {
            for series in family["series"].as_array().into_iter().flatten() {
                let kind = family["type"].as_str().unwrap_or_default().to_lowercase();
                let slices = series["timeslices"].as_array().into_iter().flatten();
                let windows = slices.filter_map(|slice| of_slice(slice, &kind, begin_ns)).collect();
                let whole = if series["buckets"].is_object() {
                    &series["buckets"]
                } else {
                    &series["stats"]["buckets"]
                };
                self.families.entry(name.clone()).or_default().push(Series {
                    unit: family["unit"].as_str().unwrap_or_default().to_owned(),
                    endpoint: series["endpoint_url"].as_str().unwrap_or_default().to_owned(),
                    labels: labels(&series["labels"]),
                    windows,
                    buckets: buckets(whole),
                    kind,
                });
            }
        }
    }
}

impl Series {
    fn push(&mut self, window: Window) {
        for (bound, count) in &window.buckets {
            match self.buckets.iter_mut().find(|(known, _)| known.total_cmp(bound).is_eq()) {
                Some((_, sum)) => *sum += count,
                None => self.buckets.push((*bound, *count)),
            }
        }
        self.windows.push(window);
    }
}

/// A name as a user writes it.
struct Wanted<'a> {
    metric: &'a str,
    endpoint: Option<&'a str>,
    labels: Vec<(&'a str, &'a str)>,
}

impl<'a> Wanted<'a> {
    fn of(name: &'a str) -> Result<Self, String> {
        let wrong = || format!("`{name}` is not written as metric[endpoint]{{label=value}}");
        let (rest, labels) = match name.split_once('{') {
            Some((rest, labels)) => (rest, labels.strip_suffix('}').ok_or_else(wrong)?),
            None => (name, ""),
        };
        let (metric, endpoint) = match rest.split_once('[') {
            Some((metric, endpoint)) => (metric, Some(endpoint.strip_suffix(']').ok_or_else(wrong)?)),
            None => (rest, None),
        };
        let pairs = labels.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let pair = |pair: &'a str| {
            let (label, value) = pair.split_once('=').ok_or_else(wrong)?;
            Ok((label.trim(), value.trim().trim_matches(['\'', '"'])))
        };
        Ok(Self { metric: metric.trim(), endpoint, labels: pairs.map(pair).collect::<Result<_, String>>()? })
    }

    fn fits(&self, series: &Series) -> bool {
        self.endpoint.is_none_or(|endpoint| series.endpoint == endpoint)
            && self
                .labels
                .iter()
                .all(|(label, value)| series.labels.get(*label).is_some_and(|own| own == value))
    }
}

/// A quantile of observations in buckets, by Prometheus' rule: evenly spread in each bucket.
pub(super) fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let mut sorted = buckets.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all = sorted.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let rank = share * all;
    let place = sorted.iter().position(|(_, count)| *count >= rank)?;
    let (bound, count) = sorted[place];
    let (lower, before) = place.checked_sub(1).map_or((0.0, 0.0), |before| sorted[before]);
    // Above the last bound nothing is known.
    if !bound.is_finite() {
        return Some(lower);
    }
    let inside = count - before;
    Some(if inside > 0.0 { lower + (bound - lower) * (rank - before) / inside } else { bound })
}

/// What a series was since its last scrape.
fn window(at: f64, kind: &str, state: &State, before: Option<&(f64, State)>) -> Option<Window> {
    let plain = |value: f64| Window { at, value, ..Window::default() };
    match (state, before) {
        (State::Scalar(Some(value)), _) if kind != "counter" => {
            Some(Window { min: Some(*value), max: Some(*value), ..plain(*value) })
        }
        (State::Scalar(Some(value)), Some((since, State::Scalar(Some(earlier)))))
            if at > *since && value >= earlier =>
        {
            Some(plain((value - earlier) / (at - since)))
        }
        (
            State::Histogram { sum, count, buckets },
            Some((_, State::Histogram { sum: earlier, count: counted, buckets: before })),
        ) if count > counted => {
            let of = |le: &str| before.iter().find(|(known, _)| known == le).map_or(0.0, |(_, count)| *count);
            let buckets = buckets.iter().map(|(le, count)| (bound(le), (count - of(le)).max(0.0))).collect();
            Some(Window { buckets, ..plain((sum - earlier) / (count - counted)) })
        }
        _ => None,
    }
}

/// A name without what selects series of it.
fn bare(name: &str) -> &str {
    name.split(['[', '{']).next().unwrap_or(name).trim()
}

fn of_slice(slice: &Value, kind: &str, begin_ns: u64) -> Option<Window> {
    let (start, end) = (slice["start_ns"].as_u64()?, slice["end_ns"].as_u64()?);
    let value = if kind == "counter" { &slice["rate"] } else { &slice["avg"] };
    Some(Window {
        at: seconds(u64::midpoint(start, end), begin_ns),
        value: value.as_f64()?,
        min: slice["min"].as_f64(),
        max: slice["max"].as_f64(),
        buckets: buckets(&slice["buckets"]),
    })
}

fn buckets(value: &Value) -> Vec<(f64, f64)> {
    let counts = value.as_object().into_iter().flatten();
    counts
        .filter_map(|(le, count)| Some((bound(le), count.as_f64()?)))
        .filter(|(le, _)| !le.is_nan())
        .collect()
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let labels = value.as_object().into_iter().flatten();
    labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Seconds from one date to another.
fn seconds(date: u64, begin: u64) -> f64 {
    if date >= begin { float(date - begin) / 1e9 } else { -float(begin - date) / 1e9 }
}

fn whole_tenths(seconds: f64) -> u64 {
    metric::whole((seconds * 10.0).max(0.0))
}

fn middle(points: &[Point]) -> f64 {
    points.iter().map(|point| point.x).sum::<f64>() / float_of(points.len())
}

fn of_method(points: &[Point], method: Method) -> f64 {
    let mut values = points.iter().map(|point| point.y).collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    match method {
        Method::Mean => values.iter().sum::<f64>() / float_of(values.len()),
        Method::Max => values.last().copied().unwrap_or_default(),
        Method::Min => values.first().copied().unwrap_or_default(),
        Method::Median => values[values.len() / 2],
    }
}

/// Less windows than these are not summed up.
const FEWEST_WINDOWS: f64 = 8.0;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metrics(downsampling: Option<Downsampling>) -> ServerMetrics {
        let slice = |start: u64, avg: f64| json!({"start_ns": start, "end_ns": start + 1_000_000_000, "avg": avg, "min": 0.0, "max": 2.0 * avg});
        let slices =
            (0..20).map(|n: u32| slice(u64::from(n) * 1_000_000_000, f64::from(n))).collect::<Vec<_>>();
        let series = |endpoint: &str, label: &str| json!({"endpoint_url": endpoint, "labels": {"gpu": label}, "timeslices": slices});
        let document = json!({"metrics": {"vllm:waiting": {"type": "GAUGE", "unit": "requests", "series": [series("http://a", "0"), series("http://b", "1")]}}});
        let wanted = BTreeSet::from(["vllm:waiting".to_owned()]);
        let mut metrics = ServerMetrics { downsampling, wanted, ..ServerMetrics::default() };
        metrics.of_document(&document, 0);
        metrics
    }

    #[test]
    fn series_are_selected_and_averaged() {
        let metrics = metrics(None);
        let count = |name: &str| metrics.selected(name).map(|series| series.len());
        assert_eq!(count("vllm:waiting"), Ok(2), "all");
        assert_eq!(count("vllm:waiting[http://a]"), Ok(1), "of an endpoint");
        assert_eq!(
            count("vllm:waiting[http://a]{gpu='1'}"),
            Err("`vllm:waiting[http://a]{gpu='1'}` selects no series of the server".to_owned()),
            "none"
        );
        assert!(count("vllm:waiting{gpu").is_err() && count("other").is_err(), "not written so; unknown");
        let points = metrics.over_time("vllm:waiting").unwrap();
        assert_eq!((points.len(), points[3].x, points[3].y), (20, 3.5, 3.0), "their mean");
    }

    #[test]
    fn windows_are_summed_up() {
        let of =
            |method| metrics(Some(Downsampling { seconds: 2.0, method })).over_time("vllm:waiting").unwrap();
        let first = |method| of(method)[1].y;
        assert_eq!(of(Method::Mean).len(), 10, "two seconds each");
        for (method, expected) in
            [(Method::Mean, 2.5), (Method::Max, 3.0), (Method::Min, 2.0), (Method::Median, 3.0)]
        {
            assert!((first(method) - expected).abs() < 1e-9, "{method:?} of 2 and 3: {}", first(method));
        }
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let buckets = [(0.1, 10.0), (0.5, 60.0), (f64::INFINITY, 100.0)];
        assert_eq!(quantile(&buckets, 0.5), Some(0.1 + 0.4 * 40.0 / 50.0), "inside a bucket");
        assert_eq!(quantile(&buckets, 0.99), Some(0.5), "above the last bound");
        assert_eq!(quantile(&[], 0.5), None, "none");
    }

    #[test]
    fn what_counters_and_histograms_did_since_the_last_scrape() {
        let scalar = |value: f64| State::Scalar(Some(value));
        let counter = |value: f64| window(3.0, "counter", &scalar(value), Some(&(1.0, scalar(10.0))));
        assert_eq!(counter(30.0).map(|window| window.value), Some(10.0), "a rate");
        assert_eq!(counter(1.0), None, "reset");
        let histogram = |sum: f64, count: f64| State::Histogram {
            sum,
            count,
            buckets: vec![("0.5".to_owned(), count), ("+Inf".to_owned(), count)],
        };
        let seen = window(3.0, "histogram", &histogram(9.0, 6.0), Some(&(1.0, histogram(1.0, 2.0)))).unwrap();
        assert_eq!(
            (seen.value, seen.buckets),
            (2.0, vec![(0.5, 4.0), (f64::INFINITY, 4.0)]),
            "what was observed since"
        );
    }
}
