//! Takes results from a run without ever making it wait, and has strategies turn them into numbers on a thread of its own.

use crate::endpoint::Endpoint;
use crate::mlflow::{Live, Tracking};
use crate::otlp::{Otlp, OtlpError};
use crate::queue::Queue;
use crate::sink::Sink;
use crate::spans::Spans;
use crate::strategy::strategies;
use control::{LiveRequest, Progress};
use opentelemetry::KeyValue;
use std::fmt::Display;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What is sent, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is sent.
    pub domains: Domains,
    /// What every metric says, by OpenTelemetry's names.
    pub attributes: Vec<(String, String)>,
    /// An OpenTelemetry collector.
    pub otlp: Option<Collector>,
    /// A run of MLflow.
    pub mlflow: Option<LiveRun>,
    /// Whom the requests go to, if that is one server.
    pub server: Option<Server>,
    /// Events that wait at most, and spans.
    pub room: usize,
    /// Who is told that something is dropped.
    pub warn: fn(&str),
}

/// A server, as spans name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// An OpenTelemetry collector.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What the sender is, by OpenTelemetry's names.
    pub resource: Vec<(String, String)>,
}

/// A run of MLflow that is told live.
#[derive(Clone, Debug)]
pub struct LiveRun {
    /// Whose it is.
    pub tracking: Tracking,
    /// Which it is.
    pub run_id: String,
    /// The clock of dates, in milliseconds since 1970.
    pub now_ms: fn() -> u64,
}

/// Which results are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domains {
    /// Each request's numbers.
    pub requests: bool,
    /// How the run goes.
    pub timing: bool,
    /// Each request that a watched server answered.
    pub served: bool,
    /// Each request as a span; to an OpenTelemetry collector only.
    pub spans: bool,
}

/// A result.
#[derive(Clone, Debug)]
pub enum Event {
    /// A request has ended.
    Request(LiveRequest),
    /// The run goes on.
    Progress(Progress),
    /// A request of others, which a watched server answered.
    Served {
        /// What the server is called.
        server: String,
        /// The request.
        request: LiveRequest,
    },
}

/// A sender at work.
#[derive(Debug)]
pub struct Sender {
    queue: Arc<Queue<Event>>,
    thread: JoinHandle<Vec<Exports>>,
    warn: fn(&str),
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events that were dropped because sending was slower than the run.
    pub dropped: u64,
    /// What was sent to each place.
    pub exports: Vec<Exports>,
}

/// What was sent to one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// The place.
    pub to: String,
    /// Exports that succeeded.
    pub succeeded: u64,
    /// Exports that failed.
    pub failed: u64,
    /// What was dropped before it was sent there alone.
    pub dropped: u64,
    /// Why the last failed one did.
    pub problem: Option<String>,
    /// Exports that are waited for.
    pub(crate) under_way: u64,
}

impl Exports {
    pub(crate) fn new(to: String) -> Self {
        Self { to, ..Self::default() }
    }

    pub(crate) fn count(&mut self, result: &Result<(), impl Display>) {
        match result {
            Ok(()) => self.succeeded += 1,
            Err(error) => {
                self.failed += 1;
                self.problem = Some(error.to_string());
            }
        }
    }

    /// The thread that sent is dead.
    pub(crate) fn died(to: String) -> Self {
        Self { failed: 1, problem: Some("its thread died".to_owned()), ..Self::new(to) }
    }
}

impl Sender {
    /// Begins to send.
    ///
    /// # Errors
    /// When an exporter or a thread cannot be made.
    pub fn start(settings: Settings) -> Result<Self, OtlpError> {
        let Settings { domains, attributes, otlp, mlflow, server, room, warn } = settings;
        let mut sinks = Vec::<Box<dyn Sink>>::new();
        if let Some(collector) = otlp {
            let spans = domains.spans.then(|| Spans::start(&collector, room, warn)).transpose()?;
            sinks.push(Box::new(Otlp::start(&collector, spans, warn)?));
        }
        if let Some(run) = mlflow {
            sinks.push(Box::new(Live::start(run)?));
        }
        let queue = Arc::new(Queue::new(room));
        let mut strategies = strategies(domains, &key_values(&attributes), server.as_ref());
        let events = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
            while let Some(event) = events.pop() {
                for strategy in strategies.iter_mut().filter(|strategy| strategy.supports(&event)) {
                    strategy.process(&event, &mut sinks);
                }
            }
            sinks.into_iter().flat_map(Sink::finish).collect()
        })?;
        Ok(Self { queue, thread, warn })
    }

    /// Takes an event and never waits.
    pub fn offer(&self, event: Event) {
        if let Some(dropped) = self.queue.push(event) {
            (self.warn)(&format!("events were dropped ({dropped}): whoever is told is slower than the run"));
        }
    }

    /// Sends what waits, and ends.
    #[must_use]
    pub fn finish(self) -> Summary {
        self.queue.close();
        let exports = self.thread.join().unwrap_or_else(|_| vec![Exports::died("anybody".to_owned())]);
        Summary { dropped: self.queue.dropped(), exports }
    }
}

pub(crate) fn key_values(pairs: &[(String, String)]) -> Vec<KeyValue> {
    pairs.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect()
}

/// Events that wait at most unless somebody says otherwise: AIPerf's `AIPERF_OTEL_MAX_BUFFERED_RECORDS`.
pub const USUAL_ROOM: usize = 10_000;
