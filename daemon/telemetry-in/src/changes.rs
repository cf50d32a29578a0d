//! What rows are made of scrapes; of a server's metrics those numbers that differ from the scrape before.

use crate::exposition::Reading;
use common::clock::MonoNs;
use record::{Row, SCRAPE, ServerSample};
use rustc_hash::FxHashMap;

/// Who makes rows of what an endpoint tells.
pub(crate) trait Teller: Send + 'static {
    /// The rows.
    type Row: Row + Send;
    /// Whether an endpoint that tells something else at `/metrics` may tell it below `/prometheus`.
    const MAY_BE_ELSEWHERE: bool;
    /// Those of a scrape.
    fn rows(&mut self, url: &str, at: Moments, readings: Vec<Reading>) -> Vec<Self::Row>;
    /// That of a scrape that failed, if there is one.
    fn failed(&mut self, url: &str, at: Moments, why: String) -> Option<Self::Row>;
    /// How much the endpoint has counted: it stands still once there is nothing to be waited for.
    fn observations(&self) -> f64;
}

/// The numbers of an endpoint so far.
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

/// When an endpoint was asked and answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub(crate) asked: MonoNs,
    pub(crate) answered: MonoNs,
}

impl Teller for Changes {
    type Row = ServerSample;
    const MAY_BE_ELSEWHERE: bool = true;

    /// The scrape itself, then what is new.
    fn rows(&mut self, url: &str, at: Moments, readings: Vec<Reading>) -> Vec<ServerSample> {
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

    fn failed(&mut self, url: &str, at: Moments, why: String) -> Option<ServerSample> {
        Some(scrape(url, at, 0.0, why))
    }

    /// What all histograms hold together.
    fn observations(&self) -> f64 {
        let counts = self.seen.iter().filter(|(place, _)| place.part.as_deref() == Some("count"));
        counts.map(|(_, seen)| seen.value).sum()
    }
}

fn scrape(url: &str, at: Moments, value: f64, description: String) -> ServerSample {
    let place = Place { name: SCRAPE.to_owned(), labels: String::new(), part: None };
    row(url, at, place, "gauge", description, Some(value))
}

fn row(
    url: &str,
    at: Moments,
    place: Place,
    kind: &str,
    description: String,
    value: Option<f64>,
) -> ServerSample {
    ServerSample {
        endpoint_url: url.to_owned(),
        asked_ns: at.asked,
        answered_ns: at.answered,
        metric_name: place.name,
        metric_type: kind.to_owned(),
        description,
        labels: place.labels,
        part: place.part,
        value,
    }
}
