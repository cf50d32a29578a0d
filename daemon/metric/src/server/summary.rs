//! Summarizes the series of every endpoint over the phases, and the scraping itself.

use super::histogram::{self, Buckets, Quantile};
use super::replay::{Entries, Entry, Key, Replay, Scrape, State};
use super::{counter, gauge};
use crate::settings::{Settings, Window};
use crate::value::{float, float_of};
use common::clock::MonoNs;
use record::ServerSample;
use std::collections::BTreeMap;

/// The metrics of a server over the measured phases and the warmup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summaries {
    /// Each endpoint by its URL.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The measured phases together.
    pub profiling: Summary,
    /// The phases before them.
    pub warmup: Summary,
    /// Each phase separately, as in the settings; empty for a run with one phase.
    pub phases: Vec<Summary>,
}

/// The metrics by name.
pub type Summary = BTreeMap<String, Family>;

/// Statistics of scraping an endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    /// When the response of each successful scrape was received.
    pub received: Vec<MonoNs>,
    /// When each of those with changed values was received.
    pub news: Vec<MonoNs>,
    /// The total response time, in nanoseconds.
    pub waited_ns: f64,
    /// Scrapes that failed, by reason.
    pub failed: BTreeMap<String, u64>,
}

/// A metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// `gauge`, `counter`, `histogram` or `unknown`.
    pub kind: String,
    /// The server's description.
    pub description: String,
    /// Its series.
    pub series: Vec<Series>,
}

/// A series over a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The endpoint that it was scraped from.
    pub endpoint_url: String,
    /// The labels as a JSON object, sorted by name.
    pub labels: String,
    /// Its statistics by AIPerf's names.
    pub numbers: Numbers,
    /// A histogram's increase, bucket by bucket.
    pub buckets: Buckets,
    /// A histogram's quantiles with their bounds.
    pub quantiles: Vec<Quantile>,
    /// Whether the server reset it in between.
    pub was_reset: bool,
}

/// Statistics by name; each is finite.
pub type Numbers = Vec<(&'static str, f64)>;

impl Series {
    /// A statistic.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(other, _)| *other == name).map(|(_, number)| *number)
    }
}

/// Collects points for the summaries.
#[derive(Debug, Default)]
struct Collector {
    endpoints: BTreeMap<String, Endpoint>,
    series: BTreeMap<(String, Key), Points>,
}

#[derive(Debug)]
struct Points {
    kind: String,
    description: String,
    points: Vec<(MonoNs, State)>,
}

impl Summaries {
    /// The summaries of a run's rows.
    ///
    /// # Errors
    /// The first error among the rows.
    pub fn of<E>(
        rows: impl Iterator<Item = Result<ServerSample, E>>,
        settings: &Settings,
    ) -> Result<Self, E> {
        let mut replay = Replay::default();
        let mut collector = Collector::default();
        for row in rows {
            replay.row(row?, &mut |scrape, entries| collector.take(scrape, entries));
        }
        replay.finish(&mut |scrape, entries| collector.take(scrape, entries));
        let of = |window: Option<Window>, next: MonoNs| {
            window.map(|window| collector.summary(window, next)).unwrap_or_default()
        };
        let profiling = of(settings.profiling, MonoNs(u64::MAX));
        let next = settings.profiling.map_or(MonoNs(u64::MAX), |profiling| profiling.begin);
        let warmup = of(settings.warmup, next);
        let begins = settings.phases.iter().skip(1).map(|(_, window)| window.begin);
        let nexts = begins.chain([MonoNs(u64::MAX)]);
        let several = settings.phases.iter().zip(nexts).filter(|_| settings.phases.len() > 1);
        let phases = several.map(|((_, window), next)| of(Some(*window), next)).collect();
        Ok(Self { profiling, warmup, phases, endpoints: collector.endpoints })
    }

    /// The first series of the measured phases whose metric has one of these names, `_total` or not.
    #[must_use]
    pub fn find(&self, names: &[&str]) -> Option<(&str, &Series)> {
        let (name, series) = self.all(names)?;
        Some((name, series.first()?))
    }

    /// The series of the measured phases, one or more, of the first of these metrics that there is.
    #[must_use]
    pub fn all(&self, names: &[&str]) -> Option<(&str, &[Series])> {
        names.iter().find_map(|name| {
            let (name, family) = self.profiling.get_key_value(*name)?;
            (!family.series.is_empty()).then_some((name.as_str(), family.series.as_slice()))
        })
    }
}

impl Endpoint {
    /// From the first to the last response, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let ends = self.received.first().zip(self.received.last());
        ends.map_or(0.0, |(first, last)| float(last.0.saturating_sub(first.0)) / 1e9)
    }

    /// The mean and the median time between two responses with changed values, in milliseconds.
    #[must_use]
    pub fn update_intervals_ms(&self) -> Option<(f64, f64)> {
        let gaps = self.news.windows(2).map(|pair| float(pair[1].0.saturating_sub(pair[0].0)) / 1e6);
        let mut gaps = gaps.collect::<Vec<_>>();
        gaps.sort_by(f64::total_cmp);
        let middle = gaps.len() / 2;
        let upper = *gaps.get(middle)?;
        let median =
            if gaps.len().is_multiple_of(2) { f64::midpoint(gaps[middle - 1], upper) } else { upper };
        Some((gaps.iter().sum::<f64>() / float_of(gaps.len()), median))
    }
}

impl Collector {
    fn take(&mut self, scrape: &Scrape, entries: &Entries) {
        let endpoint = self.endpoints.entry(scrape.endpoint_url.clone()).or_default();
        if let Some(problem) = &scrape.problem {
            *endpoint.failed.entry(problem.clone()).or_default() += 1;
            return;
        }
        endpoint.received.push(scrape.received);
        endpoint.waited_ns += float(scrape.received.0.saturating_sub(scrape.sent.0));
        if scrape.is_news {
            endpoint.news.push(scrape.received);
        }
        let before =
            endpoint.received.len().checked_sub(2).and_then(|place| endpoint.received.get(place).copied());
        for (key, entry) in entries {
            self.point(scrape, key, entry, before);
        }
    }

    /// Gauges are sampled, so each scrape counts; counters of a scrape without changes add nothing. A counter that did not
    /// exist at the scrape `before` has counted from zero since.
    fn point(&mut self, scrape: &Scrape, key: &Key, entry: &Entry, before: Option<MonoNs>) {
        let place = (scrape.endpoint_url.clone(), key.clone());
        let is_gauge = !matches!(entry.kind.as_str(), "counter" | "histogram");
        let points = self.series.entry(place).or_insert_with(|| Points {
            kind: entry.kind.clone(),
            description: entry.description.clone(),
            points: match before {
                Some(before) if !is_gauge => vec![(before, entry.state.zero())],
                _ => Vec::new(),
            },
        });
        if is_gauge || entry.is_news || points.points.is_empty() {
            points.points.push((scrape.received, entry.state.clone()));
        }
    }

    fn summary(&self, window: Window, next: MonoNs) -> Summary {
        let mut summary = Summary::new();
        for ((endpoint_url, key), points) in &self.series {
            let last = self.endpoints.get(endpoint_url).and_then(|endpoint| endpoint.last_for(window, next));
            let Some(series) = points.over(window, last.unwrap_or(window.end), endpoint_url, &key.labels)
            else {
                continue;
            };
            let family = summary.entry(key.name.clone()).or_insert_with(|| Family {
                kind: points.kind.clone(),
                description: points.description.clone(),
                series: Vec::new(),
            });
            family.series.push(series);
        }
        summary
    }
}

impl Endpoint {
    /// The last response before the next phase starts, which includes this phase's last requests; without one between the two,
    /// the first response after this phase.
    fn last_for(&self, window: Window, next: MonoNs) -> Option<MonoNs> {
        let between = self.received.iter().rfind(|received| **received >= window.end && **received <= next);
        let after = || self.received.iter().find(|received| **received >= window.end);
        between.or_else(after).or_else(|| self.received.last()).copied()
    }
}

impl Points {
    /// The series over a phase, with counts up to `last`; `None` if it has no values there.
    fn over(&self, window: Window, last: MonoNs, endpoint_url: &str, labels: &str) -> Option<Series> {
        let mut series = Series {
            endpoint_url: endpoint_url.to_owned(),
            labels: labels.to_owned(),
            numbers: Vec::new(),
            buckets: Vec::new(),
            quantiles: Vec::new(),
            was_reset: false,
        };
        // Increases are counted from the last state before the phase.
        let from = self.points.iter().rposition(|(at, _)| *at <= window.begin).unwrap_or(0);
        let counted = self.points.get(from..)?.iter().filter(|(at, _)| *at <= last);
        let begin = self.points.get(from)?.0.max(window.begin);
        let seconds = float(last.0.saturating_sub(begin.0)) / 1e9;
        match self.kind.as_str() {
            "histogram" => {
                let growth = histogram::growth(counted.map(|(_, state)| state));
                (series.numbers, series.quantiles) = histogram::numbers(&growth, seconds);
                series.was_reset = growth.reset;
                series.buckets = growth.buckets;
            }
            "counter" => {
                let (total, was_reset) = counter::growth(&counted.filter_map(scalar).collect::<Vec<_>>());
                series.numbers = counter::numbers(total, seconds);
                series.was_reset = was_reset;
            }
            _ => {
                let inside = |(at, _): &&(MonoNs, State)| *at >= window.begin && *at <= window.end;
                let mut values = self.points.iter().filter(inside).filter_map(scalar).collect::<Vec<_>>();
                if values.is_empty() {
                    // A phase shorter than the interval: the state at its start.
                    values.extend(self.points.get(from).and_then(scalar));
                }
                series.numbers = gauge::numbers(values);
            }
        }
        (!series.numbers.is_empty()).then_some(series)
    }
}

fn scalar((_, state): &(MonoNs, State)) -> Option<f64> {
    match state {
        State::Scalar(value) => value.filter(|value| value.is_finite()),
        State::Histogram { .. } => None,
    }
}
