//! Rows of `server_metrics.parquet` to what each scrape found: a row says only what has changed.

use common::clock::MonoNs;
use record::{SCRAPE, ServerSample};
use std::collections::BTreeMap;

/// A scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// Where.
    pub endpoint_url: String,
    /// When the server was asked.
    pub asked: MonoNs,
    /// When its answer was there.
    pub answered: MonoNs,
    /// Why it failed, if it did.
    pub problem: Option<String>,
    /// Whether any number differs from the scrape before.
    pub is_news: bool,
}

/// Which series of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The metric family.
    pub name: String,
    /// The labels as a JSON object, by name.
    pub labels: String,
}

/// A series after a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `gauge`, `counter`, `histogram` or `unknown`.
    pub kind: String,
    /// What the server says that it is.
    pub description: String,
    /// Its numbers.
    pub state: State,
    /// Whether they differ from the scrape before.
    pub is_news: bool,
}

/// The numbers of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Of a gauge or counter; none while the server does not tell it.
    Scalar(Option<f64>),
    /// Of a histogram.
    Histogram {
        /// The sum of what was observed.
        sum: f64,
        /// How many observations there were.
        count: f64,
        /// How many were no greater than each bound, the bounds ascending.
        buckets: Vec<(String, f64)>,
    },
}

/// Every series of an endpoint.
pub(super) type Entries = BTreeMap<Key, Entry>;

/// Takes rows and tells scrapes.
#[derive(Debug, Default)]
pub struct Replay {
    endpoints: BTreeMap<String, (Option<Scrape>, Entries)>,
}

impl Replay {
    /// Takes a row; tells the endpoint's scrape before, once the next one begins.
    pub fn row(&mut self, row: ServerSample, tell: &mut impl FnMut(&Scrape, &BTreeMap<Key, Entry>)) {
        let (scrape, entries) = self.endpoints.entry(row.endpoint_url.clone()).or_default();
        if row.metric_name == SCRAPE && row.part.is_none() && row.labels.is_empty() {
            if let Some(scrape) = scrape.take() {
                tell(&scrape, entries);
            }
            entries.values_mut().for_each(|entry| entry.is_news = false);
            let failed = row.value.is_none_or(|value| value < 1.0);
            *scrape = Some(Scrape {
                endpoint_url: row.endpoint_url,
                asked: row.asked_ns,
                answered: row.answered_ns,
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

    /// Tells the last scrape of each endpoint.
    pub fn finish(self, tell: &mut impl FnMut(&Scrape, &BTreeMap<Key, Entry>)) {
        for (scrape, entries) in self.endpoints.into_values() {
            if let Some(scrape) = scrape {
                tell(&scrape, &entries);
            }
        }
    }
}

impl State {
    /// What a counter or a histogram is before anything was counted.
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
            // A family that changes its type has no numbers that belong together.
            _ => {}
        }
    }
}

/// The upper bound that a bucket's label says; what is no number is no bound.
#[must_use]
pub fn bound(le: &str) -> f64 {
    le.parse::<f64>().ok().filter(|bound| !bound.is_nan()).unwrap_or(f64::INFINITY)
}
