//! Exports to an OpenTelemetry collector: metrics, which the SDK aggregates and sends every two seconds, and spans.

use crate::endpoint::{Endpoint, Protocol};
use crate::sender::{Exports, key_values};
use crate::sink::{Destination, Instruments, Sink, SinkError, Span, Stream};
use crate::spans::Spans;
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider as _, UpDownCounter};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

/// An OpenTelemetry collector.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Its address.
    pub endpoint: Endpoint,
    /// Resource attributes of the sender, by OpenTelemetry's names.
    pub resource: Vec<(String, String)>,
}

/// The instruments of the OpenTelemetry SDK, created on first use.
struct Otlp {
    provider: SdkMeterProvider,
    meter: Meter,
    histograms: HashMap<String, Histogram<f64>>,
    counters: HashMap<String, Counter<f64>>,
    gauges: HashMap<String, UpDownCounter<f64>>,
    exports: Arc<Mutex<Exports>>,
    spans: Option<Spans>,
    /// The runtime for gRPC.
    _runtime: Option<Runtime>,
}

impl Destination for Collector {
    fn open(mut self: Box<Self>, stream: &Stream) -> Result<Box<dyn Sink>, SinkError> {
        let Stream { domains, run_id, room, warn } = stream;
        self.resource.extend(run_id.iter().map(|run| ("aiperf.benchmark.id".to_owned(), run.clone())));
        let spans = domains.spans.then(|| Spans::start(&self, *room, *warn)).transpose()?;
        Ok(Box::new(Otlp::start(&self, spans, *warn)?))
    }
}

impl Otlp {
    /// Starts exporting metrics, and spans if an exporter for them is given.
    fn start(collector: &Collector, spans: Option<Spans>, warn: fn(&str)) -> Result<Self, SinkError> {
        let to = format!("OTel collector at {}", collector.endpoint.shown());
        let exports = Arc::new(Mutex::new(Exports::new(to)));
        let (provider, runtime) = provider(collector, &exports, warn)?;
        Ok(Self {
            meter: provider.meter(METER),
            provider,
            histograms: HashMap::new(),
            counters: HashMap::new(),
            gauges: HashMap::new(),
            exports,
            spans,
            _runtime: runtime,
        })
    }
}

impl Instruments for Otlp {
    fn record(
        &mut self,
        name: &str,
        unit: &'static str,
        bounds: Option<&[f64]>,
        value: f64,
        attributes: &[KeyValue],
    ) {
        if !self.histograms.contains_key(name) {
            let builder = self.meter.f64_histogram(name.to_owned()).with_unit(unit);
            let made = match bounds {
                Some(bounds) => builder.with_boundaries(bounds.to_vec()).build(),
                None => builder.build(),
            };
            self.histograms.insert(name.to_owned(), made);
        }
        if let Some(histogram) = self.histograms.get(name) {
            histogram.record(value, attributes);
        }
    }

    fn add(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]) {
        let meter = &self.meter;
        let make = || meter.f64_counter(name.to_owned()).with_unit(unit).build();
        self.counters.entry(name.to_owned()).or_insert_with(make).add(value, attributes);
    }

    fn shift(&mut self, name: &str, unit: &'static str, value: f64, attributes: &[KeyValue]) {
        let meter = &self.meter;
        let make = || meter.f64_up_down_counter(name.to_owned()).with_unit(unit).build();
        self.gauges.entry(name.to_owned()).or_insert_with(make).add(value, attributes);
    }

    fn span(&mut self, span: &Span) {
        if let Some(spans) = &self.spans {
            spans.offer(span.clone());
        }
    }
}

impl Sink for Otlp {
    fn finish(self: Box<Self>) -> Vec<Exports> {
        let of_spans = self.spans.map(Spans::finish);
        // The last export is counted like every other, unless it is still pending.
        let is_over = self.provider.shutdown_with_timeout(EXPORT_TIMEOUT).is_ok();
        let mut of_metrics = self.exports.lock().map(|exports| exports.clone()).unwrap_or_default();
        if !is_over && (of_metrics.under_way > 0 || of_metrics.failed == 0) {
            // A collector that accepts connections but never responds: neither this export nor the one after it was delivered.
            of_metrics.failed += of_metrics.under_way.max(1);
            of_metrics.problem = Some(timeout_message());
        }
        [of_metrics].into_iter().chain(of_spans).collect()
    }
}

fn provider(
    collector: &Collector,
    exports: &Arc<Mutex<Exports>>,
    warn: fn(&str),
) -> Result<(SdkMeterProvider, Option<Runtime>), SinkError> {
    let builder = MetricExporter::builder();
    let (exporter, runtime) = match collector.endpoint.protocol {
        Protocol::Http => {
            let builder = builder.with_http().with_http_client(Client::new());
            let builder = builder.with_endpoint(&collector.endpoint.url).with_timeout(EXPORT_TIMEOUT);
            (builder.build()?, None)
        }
        Protocol::Grpc => {
            let runtime = runtime()?;
            let entered = runtime.enter();
            let builder = builder.with_tonic();
            let builder = builder.with_endpoint(&collector.endpoint.url).with_timeout(EXPORT_TIMEOUT);
            let exporter = builder.build()?;
            drop(entered);
            (exporter, Some(runtime))
        }
    };
    let exporter = Counting { exporter, exports: Arc::clone(exports), warn };
    let reader = PeriodicReader::builder(exporter).with_interval(FLUSH_INTERVAL).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource(collector));
    Ok((provider.build(), runtime))
}

/// The resource attributes of the sender.
pub(crate) fn resource(collector: &Collector) -> Resource {
    Resource::builder().with_attributes(key_values(&collector.resource)).build()
}

/// The runtime for gRPC.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

/// An exporter that counts its exports.
struct Counting {
    exporter: MetricExporter,
    exports: Arc<Mutex<Exports>>,
    warn: fn(&str),
}

/// Counts an export, and warns about the first failure.
pub(crate) fn count(exports: &mut Exports, result: &Result<(), impl Display>, warn: fn(&str)) {
    exports.count(result);
    if let (Err(error), 1) = (result, exports.failed) {
        warn(&format!("an export to the {} failed: {error}; later ones are counted", exports.to));
    }
}

impl Counting {
    fn note(&self, note: impl FnOnce(&mut Exports)) {
        if let Ok(mut exports) = self.exports.lock() {
            note(&mut exports);
        }
    }
}

impl PushMetricExporter for Counting {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.note(|exports| exports.under_way += 1);
        let result = self.exporter.export(metrics).await;
        self.note(|exports| {
            exports.under_way = exports.under_way.saturating_sub(1);
            count(exports, &result, self.warn);
        });
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

/// The transport: a request blocks the sending thread.
#[derive(Debug)]
pub(crate) struct Client(ureq::Agent);

impl Client {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder();
        // As elsewhere: proxies in the environment are not used.
        let config = config.timeout_global(Some(EXPORT_TIMEOUT)).http_status_as_error(false).proxy(None);
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

/// The error of a collector that does not respond.
pub(crate) fn timeout_message() -> String {
    format!("it did not respond within {} s", EXPORT_TIMEOUT.as_secs())
}

/// AIPerf's name of the meter.
pub(crate) const METER: &str = "aiperf.records";
/// AIPerf's `AIPERF_OTEL_FLUSH_INTERVAL_SECONDS`.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(2);
pub(crate) const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a collector's response.
const ANSWER_MAX: u64 = 4 << 20;
