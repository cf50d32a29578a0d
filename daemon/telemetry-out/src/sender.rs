//! Accepts results from a run without ever blocking it; strategies convert them to metrics on a separate thread.

use crate::queue::Queue;
use crate::sink::{Destination, Sink, SinkError, Stream};
use crate::strategy::strategies;
use control::{LiveRequest, Progress};
use opentelemetry::KeyValue;
use std::fmt::Display;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What is exported, and where to.
#[derive(Debug)]
pub struct Settings {
    /// What is sent to every destination.
    pub stream: Stream,
    /// Where to.
    pub destinations: Vec<Box<dyn Destination>>,
    /// Attributes of every metric, by OpenTelemetry's names.
    pub attributes: Vec<(String, String)>,
    /// The server that receives the requests, if there is only one.
    pub server: Option<Server>,
}

/// A server, as named in spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The kinds of results that are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domains {
    /// Each request's metrics.
    pub requests: bool,
    /// The run's progress.
    pub timing: bool,
    /// Each request that an observed server responded to.
    pub served: bool,
    /// Each request as a span, to an OpenTelemetry collector only.
    pub spans: bool,
}

/// A result.
#[derive(Clone, Debug)]
pub enum Event {
    /// A request has ended.
    Request(LiveRequest),
    /// Progress of the run.
    Progress(Progress),
    /// A request of other clients to an observed server.
    Served {
        /// The server's name.
        server: String,
        /// The request.
        request: LiveRequest,
    },
}

/// A running sender.
#[derive(Debug)]
pub struct Sender {
    queue: Arc<Queue<Event>>,
    thread: JoinHandle<Vec<Exports>>,
    warn: fn(&str),
}

/// The result of exporting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events that were dropped because exporting was slower than the run.
    pub dropped: u64,
    /// The exports to each destination.
    pub exports: Vec<Exports>,
}

/// The exports to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// The destination.
    pub to: String,
    /// Successful exports.
    pub succeeded: u64,
    /// Failed exports.
    pub failed: u64,
    /// Items dropped for this destination alone.
    pub dropped: u64,
    /// The error of the last failed export.
    pub problem: Option<String>,
    /// Pending exports.
    pub(crate) under_way: u64,
}

impl Exports {
    /// None yet, to this destination.
    #[must_use]
    pub fn new(to: String) -> Self {
        Self { to, ..Self::default() }
    }

    /// Counts an export.
    pub fn count(&mut self, result: &Result<(), impl Display>) {
        match result {
            Ok(()) => self.succeeded += 1,
            Err(error) => {
                self.failed += 1;
                self.problem = Some(error.to_string());
            }
        }
    }

    /// The result of a thread that panicked.
    #[must_use]
    pub fn died(to: String) -> Self {
        Self { failed: 1, problem: Some("its thread panicked".to_owned()), ..Self::new(to) }
    }
}

impl Sender {
    /// Starts exporting.
    ///
    /// # Errors
    /// When an exporter or a thread cannot be created.
    pub fn start(settings: Settings) -> Result<Self, SinkError> {
        let Settings { stream, destinations, attributes, server } = settings;
        let Stream { domains, room, warn, .. } = stream;
        let sinks = destinations.into_iter().map(|destination| destination.open(&stream));
        let mut sinks = sinks.collect::<Result<Vec<_>, _>>()?;
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

    /// Queues an event without blocking.
    pub fn offer(&self, event: Event) {
        if let Some(dropped) = self.queue.push(event) {
            (self.warn)(&format!("events were dropped ({dropped}): the exporters are slower than the run"));
        }
    }

    /// Sends what is queued, and stops.
    #[must_use]
    pub fn finish(self) -> Summary {
        self.queue.close();
        let exports = self.thread.join().unwrap_or_else(|_| vec![Exports::died("any exporter".to_owned())]);
        Summary { dropped: self.queue.dropped(), exports }
    }
}

pub(crate) fn key_values(pairs: &[(String, String)]) -> Vec<KeyValue> {
    pairs.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect()
}

/// Default capacity of the queue in events: AIPerf's `AIPERF_OTEL_MAX_BUFFERED_RECORDS`.
pub const USUAL_ROOM: usize = 10_000;
