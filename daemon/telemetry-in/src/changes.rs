//! Builds rows from scrapes; for a server's metrics, only of values that differ from the previous scrape.

use crate::exposition::Reading;
use common::clock::MonoNs;
use record::{Row, SCRAPE, ServerSample};
use rustc_hash::FxHashMap;

/// Builds rows from an endpoint's scrapes.
pub(crate) trait RowBuilder: Send + 'static {
    /// The row type.
    type Row: Row + Send;
    /// Whether an endpoint that serves another format at `/metrics` may serve this one below `/prometheus`.
    const HAS_FALLBACK_PATH: bool;
    /// The rows of a scrape.
    fn rows(&mut self, url: &str, at: Times, readings: Vec<Reading>) -> Vec<Self::Row>;
    /// The row of a failed scrape, if there is one.
    fn failed(&mut self, url: &str, at: Times, why: String) -> Option<Self::Row>;
    /// The endpoint's total count of observations: once it stops changing, nothing more is pending.
    fn observations(&self) -> f64;
}

/// The values of an endpoint so far.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    seen: FxHashMap<Place, Seen>,
    scrape: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    name: String,
    labels: String,
    part: Option<String>,
}

#[derive(Debug)]
struct Seen {
    value: f64,
    kind: &'static str,
    scrape: u64,
}

/// When a scrape was sent, and its response received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) sent: MonoNs,
    pub(crate) received: MonoNs,
}

impl RowBuilder for Changes {
    type Row = ServerSample;
    const HAS_FALLBACK_PATH: bool = true;

    /// The scrape itself, then the changes.
    fn rows(&mut self, url: &str, at: Times, readings: Vec<Reading>) -> Vec<ServerSample> {
        self.scrape += 1;
        let mut rows = vec![scrape(url, at, 1.0, String::new())];
        for reading in readings {
            let Reading { name, kind, description, labels, part, value } = reading;
            let place = Place { name, labels, part };
            let before = self.seen.insert(place.clone(), Seen { value, kind, scrape: self.scrape });
            if before.is_none_or(|before| before.value.to_bits() != value.to_bits()) {
                rows.push(row(url, at, place, kind, description, Some(value)));
            }
        }
        let gone = self.seen.iter().filter(|(_, seen)| seen.scrape != self.scrape);
        let gone = gone.map(|(place, seen)| (place.clone(), seen.kind)).collect::<Vec<_>>();
        for (place, kind) in gone {
            self.seen.remove(&place);
            rows.push(row(url, at, place, kind, String::new(), None));
        }
        rows
    }

    fn failed(&mut self, url: &str, at: Times, why: String) -> Option<ServerSample> {
        Some(scrape(url, at, 0.0, why))
    }

    /// The sum over all histograms.
    fn observations(&self) -> f64 {
        let counts = self.seen.iter().filter(|(place, _)| place.part.as_deref() == Some("count"));
        counts.map(|(_, seen)| seen.value).sum()
    }
}

fn scrape(url: &str, at: Times, value: f64, description: String) -> ServerSample {
    let place = Place { name: SCRAPE.to_owned(), labels: String::new(), part: None };
    row(url, at, place, "gauge", description, Some(value))
}

fn row(
    url: &str,
    at: Times,
    place: Place,
    kind: &str,
    description: String,
    value: Option<f64>,
) -> ServerSample {
    ServerSample {
        endpoint_url: url.to_owned(),
        asked_ns: at.sent,
        answered_ns: at.received,
        metric_name: place.name,
        metric_type: kind.to_owned(),
        description,
        labels: place.labels,
        part: place.part,
        value,
    }
}
