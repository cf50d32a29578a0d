//! Accumulates metrics of everything observed: totals since the start, and the last minute.

use super::histogram::Histogram;
use super::prometheus::Format;
use bytes::Bytes;
use control::{LiveRequest, Published, WatchedServer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use store::visible;

/// Metrics of all servers and runs, by name.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) servers: BTreeMap<String, Server>,
    /// Requests of runs, by model.
    pub(super) clients: BTreeMap<String, Client>,
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

/// Requests of runs to one model, as measured by the client and by the kernel.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) duration: Histogram,
    pub(super) time_to_first_chunk: Histogram,
    pub(super) time_per_output_chunk: Histogram,
    pub(super) kernel_duration: Histogram,
    pub(super) kernel_time_to_first_token: Histogram,
    pub(super) kernel_time_per_output_token: Histogram,
    /// Requests by outcome.
    pub(super) ended: BTreeMap<String, u64>,
    /// Requests dropped because this process was slow.
    pub(super) dropped: u64,
}

/// One server.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) watched: WatchedServer,
    pub(super) models: BTreeMap<String, Model>,
    recent: VecDeque<Recent>,
}

/// Requests to one model.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) time_to_first_token: Histogram,
    pub(super) time_per_output_token: Histogram,
    pub(super) request_duration: Histogram,
    /// Requests by outcome.
    pub(super) ended: BTreeMap<String, u64>,
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
                let client = self.clients.entry(model).or_default();
                client.dropped += dropped;
                client.request(&request);
            }
        }
    }

    /// The last minute, as JSON for the web page.
    pub(super) fn live(&self, now: Duration) -> Value {
        self.servers.iter().map(|(name, server)| server.live(name, now)).collect()
    }
}

impl Server {
    fn request(&mut self, request: &LiveRequest, now: Duration) {
        let value = |tag: &str| request.values.get(tag);
        let (first_token, gap) = (value("kernel_time_to_first_token"), value("kernel_inter_token_latency"));
        let named = request.model.as_deref().unwrap_or("");
        let is_known = self.models.contains_key(named) || self.models.len() < MODELS_MAX;
        let model = self.models.entry(if is_known { named } else { OTHER }.to_owned()).or_default();
        for (histogram, ms) in [
            (&mut model.time_to_first_token, first_token),
            (&mut model.time_per_output_token, gap),
            (&mut model.request_duration, value("kernel_request_latency")),
        ] {
            ms.into_iter().for_each(|ms| histogram.take(ms / 1e3, &request.id));
        }
        let ended = request.error.clone().unwrap_or_else(|| "ok".to_owned());
        *model.ended.entry(ended).or_default() += 1;
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

impl Client {
    fn request(&mut self, request: &LiveRequest) {
        let ended = request.error.clone().unwrap_or_else(|| "ok".to_owned());
        *self.ended.entry(ended).or_default() += 1;
        for (histogram, tag) in [
            (&mut self.duration, "request_latency"),
            (&mut self.time_to_first_chunk, "time_to_first_token"),
            (&mut self.time_per_output_chunk, "inter_token_latency"),
            (&mut self.kernel_duration, "kernel_request_latency"),
            (&mut self.kernel_time_to_first_token, "kernel_time_to_first_token"),
            (&mut self.kernel_time_per_output_token, "kernel_inter_token_latency"),
        ] {
            let ms = request.values.get(tag);
            ms.into_iter().for_each(|ms| histogram.take(ms / 1e3, &request.id));
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        let [duration, first, per_token] = [DURATION, FIRST_TOKEN, PER_TOKEN].map(Histogram::new);
        Self {
            duration: duration.clone(),
            time_to_first_chunk: first.clone(),
            time_per_output_chunk: per_token.clone(),
            kernel_duration: duration,
            kernel_time_to_first_token: first,
            kernel_time_per_output_token: per_token,
            ended: BTreeMap::new(),
            dropped: 0,
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self {
            time_to_first_token: Histogram::new(FIRST_TOKEN),
            time_per_output_token: Histogram::new(PER_TOKEN),
            request_duration: Histogram::new(DURATION),
            ended: BTreeMap::new(),
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

/// The time window of the web page.
const WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of requests kept for the last minute; beyond that, only the newest.
const RECENT_MAX: usize = 100_000;
/// Maximum number of models with metrics of their own.
const MODELS_MAX: usize = 64;
/// The label of all models beyond that.
const OTHER: &str = "_OTHER";

// Bounds in seconds: <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/#generative-ai-model-server-metrics>
const FIRST_TOKEN: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const PER_TOKEN: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
const DURATION: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

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
