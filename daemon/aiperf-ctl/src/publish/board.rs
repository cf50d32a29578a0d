//! Accumulates metrics of everything observed: totals since the start, and the last minute.

use super::histogram::Histogram;
use super::instruments::{Instrument, OF_CLIENTS, OF_SERVERS};
use super::prometheus::Format;
use bytes::Bytes;
use control::{LiveRequest, Published, WatchedServer};
use export::html_part;
use export::view::{Cell, Note, Section, Side, Table, Topic};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use store::visible;

/// Metrics of all servers and runs, by name.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) servers: BTreeMap<String, Server>,
    /// Requests of runs, by model.
    pub(super) clients: BTreeMap<String, Requests>,
    /// The most recently served text of the metrics.
    pub(super) served: Option<Served>,
}

/// The metrics as served at a point in time.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) format: Format,
    pub(super) at: Duration,
    pub(super) text: Bytes,
}

/// Requests to one model.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    instruments: &'static [Instrument],
    /// One for each instrument.
    pub(super) histograms: Vec<Histogram>,
    /// Requests by outcome.
    pub(super) ended: BTreeMap<String, u64>,
    /// Requests dropped because this process was slow.
    pub(super) dropped: u64,
}

/// One server.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) watched: WatchedServer,
    pub(super) models: BTreeMap<String, Requests>,
    recent: VecDeque<Recent>,
}

/// A request of the last minute, with times in ms.
#[derive(Clone, Copy, Debug)]
struct Recent {
    at: Duration,
    first_token: Option<f64>,
    gap: Option<f64>,
}

impl Board {
    /// Processes a message that the daemon sent at this time.
    pub(super) fn take(&mut self, published: Published, now: Duration) {
        match published {
            Published::Watched(watched) => {
                let server = self.servers.entry(watched.name.clone()).or_default();
                server.watched = watched;
            }
            Published::Request { server, request } => {
                self.servers.entry(server).or_default().request(&request, now);
            }
            Published::Sent { model, dropped, request } => {
                let is_known = self.clients.contains_key(&model) || self.clients.len() < MODELS_MAX;
                let model = if is_known { model } else { OTHER.to_owned() };
                let client = self.clients.entry(model).or_insert_with(|| Requests::new(OF_CLIENTS));
                client.dropped += dropped;
                client.take(&request);
            }
        }
    }

    /// The last minute, as JSON for the web page.
    pub(super) fn live(&self, now: Duration) -> Value {
        self.servers.iter().map(|(name, server)| server.live(name, now)).collect()
    }
}

impl Board {
    /// The last minute, as HTML for the web page.
    pub(super) fn page(&self, now: Duration) -> String {
        let right =
            ["In flight", "Requests", "TTFT p50", "TTFT p99", "Gap p50", "Gap p99", "Dropped", "Lag (KiB)"];
        let columns = [("Server", Side::Left)].into_iter().chain(right.map(|name| (name, Side::Right)));
        let mut table = Table::new("The last minute", &columns.collect::<Vec<_>>());
        for (name, server) in &self.servers {
            let live = server.live(name, now);
            let number = |value: &Value| Cell::number(value.as_f64());
            let count = |value: &Value| Cell::Count(value.as_u64().unwrap_or(0));
            let lag = live["parser_lag_bytes"].as_f64().map(|bytes| bytes / 1024.0);
            let [first, gap] = [&live["time_to_first_token_ms"], &live["gap_ms"]];
            table.row([
                Cell::text(server.shown(name)),
                count(&live["in_flight"]),
                count(&live["requests_last_minute"]),
                number(&first["p50"]),
                number(&first["p99"]),
                number(&gap["p50"]),
                number(&gap["p99"]),
                count(&live["dropped"]),
                Cell::number(lag),
            ]);
        }
        let text = if table.rows.is_empty() { "No server is observed." } else { OF_PAGE };
        let note = Section::Note(Note { topic: Topic::LeftOut, text: text.to_owned() });
        let table = (!table.rows.is_empty()).then_some(Section::Table(table));
        html_part(&table.into_iter().chain([note]).collect::<Vec<_>>(), &[], "")
    }
}

impl Server {
    /// What it is called on the page.
    fn shown(&self, name: &str) -> String {
        let models = self.models.keys().cloned().collect::<Vec<_>>().join(", ");
        let label = if models.is_empty() { name.to_owned() } else { format!("{name} ({models})") };
        match (self.watched.is_watching, &self.watched.problem) {
            (true, _) => label,
            (false, Some(problem)) => format!("{label}: {problem}"),
            (false, None) => format!("{label}: not observed"),
        }
    }

    fn request(&mut self, request: &LiveRequest, now: Duration) {
        let value = |tag: &str| request.values.get(tag);
        let (first_token, gap) = (value("kernel_time_to_first_token"), value("kernel_inter_token_latency"));
        let named = request.model.as_deref().unwrap_or("");
        let is_known = self.models.contains_key(named) || self.models.len() < MODELS_MAX;
        let model = if is_known { named } else { OTHER }.to_owned();
        self.models.entry(model).or_insert_with(|| Requests::new(OF_SERVERS)).take(request);
        self.forget(now);
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { at: now, first_token, gap });
    }

    fn forget(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|request| request.at + WINDOW < now) {
            self.recent.pop_front();
        }
    }

    fn live(&self, name: &str, now: Duration) -> Value {
        let recent = self.recent.iter().filter(|request| request.at + WINDOW >= now);
        let (mut count, mut first_tokens, mut gaps) = (0, Vec::new(), Vec::new());
        for request in recent {
            count += 1;
            first_tokens.extend(request.first_token);
            gaps.extend(request.gap);
        }
        let WatchedServer { is_watching, problem, in_flight, recorded, lag_bytes, kernel_dropped, .. } =
            &self.watched;
        json!({
            "name": visible(name),
            "is_watching": is_watching,
            "problem": problem.as_deref().map(visible),
            "in_flight": in_flight,
            "requests_recorded": recorded,
            "requests_last_minute": count,
            "time_to_first_token_ms": percentiles(&mut first_tokens),
            "gap_ms": percentiles(&mut gaps),
            "parser_lag_bytes": lag_bytes,
            "dropped": kernel_dropped.values().sum::<u64>(),
            "models": self.models.keys().map(|model| visible(model)).collect::<Vec<_>>(),
        })
    }
}

impl Requests {
    fn new(instruments: &'static [Instrument]) -> Self {
        let histograms = instruments.iter().map(|instrument| Histogram::new(instrument.bounds)).collect();
        Self { instruments, histograms, ended: BTreeMap::new(), dropped: 0 }
    }

    fn take(&mut self, request: &LiveRequest) {
        let ended = request.error.clone().unwrap_or_else(|| "ok".to_owned());
        *self.ended.entry(ended).or_default() += 1;
        for (instrument, histogram) in self.instruments.iter().zip(&mut self.histograms) {
            let ms = request.values.get(instrument.tag);
            ms.into_iter().for_each(|ms| histogram.take(ms / 1e3, &request.id));
        }
    }
}

/// The median and the 99th percentile, by nearest rank.
fn percentiles(numbers: &mut [f64]) -> Value {
    numbers.sort_unstable_by(f64::total_cmp);
    let at =
        |percent: usize| numbers.get((numbers.len() * percent / 100).min(numbers.len().saturating_sub(1)));
    json!({"p50": at(50), "p99": at(99)})
}

/// What the page's numbers are.
const OF_PAGE: &str = "Times in ms, as measured by the kernel: from a request's last byte to its first token, and between tokens. \
                       Totals since the start are at /metrics.";
/// The time window of the web page.
const WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of requests kept for the last minute; beyond that, only the newest.
const RECENT_MAX: usize = 100_000;
/// Maximum number of models with metrics of their own.
const MODELS_MAX: usize = 64;
/// The label of all models beyond that.
const OTHER: &str = "_OTHER";

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use control::ByName;

    /// A board that received a request with these times in ms.
    pub(crate) fn with_request(model: &str, first_token: f64) -> Board {
        let mut board = Board::default();
        let watched =
            WatchedServer { name: "a".to_owned(), is_watching: true, in_flight: 2, ..Default::default() };
        board.take(Published::Watched(watched), Duration::ZERO);
        let values = [("kernel_time_to_first_token", first_token), ("kernel_inter_token_latency", 12.0)];
        let request = LiveRequest {
            id: "r7".to_owned(),
            phase: "profiling".to_owned(),
            is_warmup: false,
            worker: 0,
            model: Some(model.to_owned()),
            error: None,
            http_status: Some(200),
            values: values.into_iter().collect(),
            stages: ByName::default(),
            dropped: 0,
        };
        board.take(Published::Request { server: "a".to_owned(), request }, Duration::ZERO);
        board
    }

    #[test]
    fn the_last_minute_is_shown() {
        let board = with_request("m", 30.0);
        let live = board.live(Duration::from_secs(59));
        assert_eq!(live[0]["time_to_first_token_ms"], json!({"p50": 30.0, "p99": 30.0}), "{live}");
        assert_eq!(live[0]["in_flight"], 2, "{live}");
        let later = board.live(Duration::from_secs(61));
        assert_eq!(later[0]["requests_last_minute"], 0, "a minute later: {later}");
        assert_eq!(later[0]["gap_ms"]["p50"], Value::Null, "a minute later: {later}");
    }

    #[test]
    fn models_beyond_the_maximum_share_a_label() {
        let mut board = with_request("m", 1.0);
        let server = board.servers.get_mut("a").unwrap();
        for number in 0..100 {
            let request = LiveRequest { model: Some(format!("m{number}")), ..sample() };
            server.request(&request, Duration::ZERO);
        }
        assert_eq!(server.models.len(), MODELS_MAX + 1, "and one for the rest");
        assert!(server.models.contains_key(OTHER), "the rest");
    }

    fn sample() -> LiveRequest {
        LiveRequest {
            id: String::new(),
            phase: String::new(),
            is_warmup: false,
            worker: 0,
            model: None,
            error: None,
            http_status: None,
            values: ByName::default(),
            stages: ByName::default(),
            dropped: 0,
        }
    }
}
