//! Metrics to an OpenTelemetry collector: the SDK sums them up, its reader sends them every two seconds.

use crate::endpoint::{Endpoint, Protocol};
use crate::instruments::Instruments;
use crate::queue::Queue;
use crate::strategy::strategies;
use async_trait::async_trait;
use control::{LiveRequest, Progress};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What is sent, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The collector.
    pub endpoint: Endpoint,
    /// What it is sent.
    pub domains: Domains,
    /// What the sender is, by OpenTelemetry's names.
    pub resource: Vec<(String, String)>,
    /// What every metric says, by OpenTelemetry's names.
    pub attributes: Vec<(String, String)>,
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
pub struct Otlp {
    queue: Arc<Queue<Event>>,
    thread: JoinHandle<()>,
    exports: Arc<Mutex<Exports>>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events that were dropped because sending was slower than the run.
    pub dropped: u64,
    /// Exports that succeeded.
    pub succeeded: u64,
    /// Exports that failed.
    pub failed: u64,
    /// Why the last failed one did.
    pub problem: Option<String>,
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The exporter could not be made.
    #[error("failed to make an exporter")]
    Exporter(#[from] ExporterBuildError),
    /// The system refused.
    #[error("failed to start a thread")]
    Thread(#[from] std::io::Error),
}

#[derive(Clone, Debug, Default)]
struct Exports {
    succeeded: u64,
    failed: u64,
    problem: Option<String>,
}

impl Otlp {
    /// Begins to send.
    ///
    /// # Errors
    /// When the exporter or its thread cannot be made.
    pub fn start(settings: &Settings) -> Result<Self, OtlpError> {
        let exports = Arc::default();
        let (provider, runtime) = provider(settings, &exports)?;
        let queue = Arc::new(Queue::new(EVENTS_MAX));
        let attributes = key_values(&settings.attributes);
        let mut strategies = strategies(settings.domains, &attributes);
        let events = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("otlp".to_owned()).spawn(move || {
            let mut instruments = Instruments::new(provider.meter(METER));
            while let Some(event) = events.pop() {
                for strategy in strategies.iter_mut().filter(|strategy| strategy.supports(&event)) {
                    strategy.process(&event, &mut instruments);
                }
            }
            // The last export is counted like every other; that it failed is told by the summary.
            provider.shutdown_with_timeout(EXPORT_TIMEOUT).ok();
            drop(runtime);
        })?;
        Ok(Self { queue, thread, exports })
    }

    /// Takes an event and never waits; tells how many were dropped so far when that is to be said.
    pub fn offer(&self, event: Event) -> Option<u64> {
        self.queue.push(event)
    }

    /// Sends what waits, and ends.
    #[must_use]
    pub fn finish(self) -> Summary {
        self.queue.close();
        let died = self.thread.join().is_err().then(|| "its thread died".to_owned());
        let exports = self.exports.lock().map(|exports| exports.clone()).unwrap_or_default();
        let Exports { succeeded, failed, problem } = exports;
        Summary { dropped: self.queue.dropped(), succeeded, failed, problem: died.or(problem) }
    }
}

fn provider(
    settings: &Settings,
    exports: &Arc<Mutex<Exports>>,
) -> Result<(SdkMeterProvider, Option<Runtime>), OtlpError> {
    let builder = MetricExporter::builder();
    let (exporter, runtime) = match settings.endpoint.protocol {
        Protocol::Http => {
            let builder = builder.with_http().with_http_client(Client::new());
            let builder = builder.with_endpoint(&settings.endpoint.url).with_timeout(EXPORT_TIMEOUT);
            (builder.build()?, None)
        }
        Protocol::Grpc => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            let entered = runtime.enter();
            let builder = builder.with_tonic();
            let builder = builder.with_endpoint(&settings.endpoint.url).with_timeout(EXPORT_TIMEOUT);
            let exporter = builder.build()?;
            drop(entered);
            (exporter, Some(runtime))
        }
    };
    let exporter = Counting { exporter, exports: Arc::clone(exports) };
    let reader = PeriodicReader::builder(exporter).with_interval(FLUSH_INTERVAL).build();
    let resource = Resource::builder().with_attributes(key_values(&settings.resource)).build();
    Ok((SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build(), runtime))
}

fn key_values(pairs: &[(String, String)]) -> Vec<KeyValue> {
    pairs.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect()
}

/// An exporter whose exports are counted.
struct Counting {
    exporter: MetricExporter,
    exports: Arc<Mutex<Exports>>,
}

impl PushMetricExporter for Counting {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        if let Ok(mut exports) = self.exports.lock() {
            match &result {
                Ok(()) => exports.succeeded += 1,
                Err(error) => {
                    exports.failed += 1;
                    exports.problem = Some(error.to_string());
                }
            }
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

/// The transport: a request waits on the reader's own thread.
#[derive(Debug)]
struct Client(ureq::Agent);

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder();
        let config = config.timeout_global(Some(EXPORT_TIMEOUT)).http_status_as_error(false);
        Self(config.build().new_agent())
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let response = self.0.run(Request::from_parts(parts, body.to_vec()))?;
        let (parts, mut body) = response.into_parts();
        let bytes = body.with_config().limit(ANSWER_MAX).read_to_vec()?;
        Ok(Response::from_parts(parts, Bytes::from(bytes)))
    }
}

/// AIPerf's name of the meter.
const METER: &str = "aiperf.records";
/// AIPerf's `AIPERF_OTEL_FLUSH_INTERVAL_SECONDS`.
const FLUSH_INTERVAL: Duration = Duration::from_secs(2);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Events that wait at most: AIPerf's `AIPERF_OTEL_MAX_BUFFERED_RECORDS`.
const EVENTS_MAX: usize = 10_000;
/// Bytes of a collector's answer that are read.
const ANSWER_MAX: u64 = 4 << 20;
