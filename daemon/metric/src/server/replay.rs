//! Reconstructs each scrape from rows of `server_metrics.parquet`: a row contains only what changed.

use common::clock::MonoNs;
use record::{SCRAPE, ServerSample};
use std::collections::BTreeMap;

/// A scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// The endpoint's URL.
    pub endpoint_url: String,
    /// When the request was sent.
    pub sent: MonoNs,
    /// When the response was received.
    pub received: MonoNs,
    /// Why it failed, if it did.
    pub problem: Option<String>,
    /// Whether any value differs from the previous scrape.
    pub is_news: bool,
}

/// Identifies a series of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The metric family.
    pub name: String,
    /// The labels as a JSON object, sorted by name.
    pub labels: String,
}

/// A series after a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `gauge`, `counter`, `histogram` or `unknown`.
    pub kind: String,
    /// The server's description.
    pub description: String,
    /// Its values.
    pub state: State,
    /// Whether they differ from the previous scrape.
    pub is_news: bool,
}

/// The values of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Of a gauge or counter; `None` while the server does not expose it.
    Scalar(Option<f64>),
    /// Of a histogram.
    Histogram {
        /// The sum of the observations.
        sum: f64,
        /// The number of observations.
        count: f64,
        /// The cumulative count up to each bound, in ascending order.
        buckets: Vec<(String, f64)>,
    },
}

/// Every series of an endpoint.
pub(super) type Entries = BTreeMap<Key, Entry>;

/// Converts rows to scrapes.
#[derive(Debug, Default)]
pub struct Replay {
    endpoints: BTreeMap<String, (Option<Scrape>, Entries)>,
}

impl Replay {
    /// Processes a row; passes on the endpoint's previous scrape once the next one starts.
    pub fn row(&mut self, row: ServerSample, visit: &mut impl FnMut(&Scrape, &BTreeMap<Key, Entry>)) {
        let (scrape, entries) = self.endpoints.entry(row.endpoint_url.clone()).or_default();
        if row.metric_name == SCRAPE && row.part.is_none() && row.labels.is_empty() {
            if let Some(scrape) = scrape.take() {
                visit(&scrape, entries);
            }
            entries.values_mut().for_each(|entry| entry.is_news = false);
            let failed = row.value.is_none_or(|value| value < 1.0);
            *scrape = Some(Scrape {
                endpoint_url: row.endpoint_url,
                sent: row.asked_ns,
                received: row.answered_ns,
                problem: failed.then_some(row.description),
                is_news: false,
            });
            return;
        }
        if let Some(scrape) = scrape {
            scrape.is_news = true;
        }
        let entry = entries.entry(Key { name: row.metric_name, labels: row.labels }).or_insert_with(|| {
            let state = match row.part {
                Some(_) => State::Histogram { sum: 0.0, count: 0.0, buckets: Vec::new() },
                None => State::Scalar(None),
            };
            Entry { kind: row.metric_type, description: row.description, state, is_news: true }
        });
        entry.is_news = true;
        entry.state.set(row.part, row.value);
    }

    /// Passes on the last scrape of each endpoint.
    pub fn finish(self, visit: &mut impl FnMut(&Scrape, &BTreeMap<Key, Entry>)) {
        for (scrape, entries) in self.endpoints.into_values() {
            if let Some(scrape) = scrape {
                visit(&scrape, &entries);
            }
        }
    }
}

impl State {
    /// The state of a counter or a histogram before anything was counted.
    pub(super) const fn zero(&self) -> Self {
        match self {
            Self::Scalar(_) => Self::Scalar(Some(0.0)),
            Self::Histogram { .. } => Self::Histogram { sum: 0.0, count: 0.0, buckets: Vec::new() },
        }
    }

    fn set(&mut self, part: Option<String>, value: Option<f64>) {
        match (self, part) {
            (Self::Scalar(scalar), None) => *scalar = value,
            (Self::Histogram { sum, count, buckets }, Some(part)) => match part.as_str() {
                "sum" => *sum = value.unwrap_or(0.0),
                "count" => *count = value.unwrap_or(0.0),
                _ => {
                    let place = buckets.partition_point(|(other, _)| bound(other) < bound(&part));
                    match buckets.get_mut(place).filter(|(other, _)| *other == part) {
                        Some(bucket) => bucket.1 = value.unwrap_or(0.0),
                        None => buckets.insert(place, (part, value.unwrap_or(0.0))),
                    }
                }
            },
            // A family that changes its type has no consistent values.
            _ => {}
        }
    }
}

/// The upper bound in a bucket's label; anything that is not a number is not a bound.
#[must_use]
pub fn bound(le: &str) -> f64 {
    le.parse::<f64>().ok().filter(|bound| !bound.is_nan()).unwrap_or(f64::INFINITY)
}
