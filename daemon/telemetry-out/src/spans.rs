//! Exports spans to an OpenTelemetry collector in batches, on a separate thread with a queue that drops the oldest.

use crate::endpoint::Protocol;
use crate::otlp::{
    Client, Collector, EXPORT_TIMEOUT, FLUSH_INTERVAL, METER, count, resource, runtime, timeout_message,
};
use crate::queue::Queue;
use crate::sender::Exports;
use crate::sink::{SinkError, Span};
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// The queue and the thread of spans.
pub(crate) struct Spans {
    queue: Arc<Queue<Span>>,
    thread: JoinHandle<Exports>,
    warn: fn(&str),
}

impl Spans {
    /// Starts exporting, with this queue capacity.
    ///
    /// # Errors
    /// When the exporter or its thread cannot be created.
    pub(crate) fn start(collector: &Collector, room: usize, warn: fn(&str)) -> Result<Self, SinkError> {
        let runtime = runtime()?;
        let entered = runtime.enter();
        let mut exporter = exporter(collector)?;
        drop(entered);
        exporter.set_resource(&resource(collector));
        let queue = Arc::new(Queue::new(room));
        let exports = Exports::new(format!("OTel collector at {} (spans)", collector.endpoint.shown()));
        let sending = Sending { runtime, exporter, queue: Arc::clone(&queue), exports, warn };
        let thread = std::thread::Builder::new().name("spans".to_owned()).spawn(move || sending.run())?;
        Ok(Self { queue, thread, warn })
    }

    /// Queues a span without blocking.
    pub(crate) fn offer(&self, span: Span) {
        if let Some(dropped) = self.queue.push(span) {
            (self.warn)(&format!("spans were dropped ({dropped}): the collector is slower than the run"));
        }
    }

    /// Sends what is queued, and stops.
    pub(crate) fn finish(self) -> Exports {
        self.queue.close();
        let exports = self.thread.join().unwrap_or_else(|_| Exports::died("OTel collector".to_owned()));
        Exports { dropped: self.queue.dropped(), ..exports }
    }
}

fn exporter(collector: &Collector) -> Result<SpanExporter, SinkError> {
    let url = &collector.endpoint.traces_url;
    let builder = SpanExporter::builder();
    Ok(match collector.endpoint.protocol {
        Protocol::Http => {
            let builder = builder.with_http().with_http_client(Client::new());
            builder.with_endpoint(url).with_timeout(EXPORT_TIMEOUT).build()?
        }
        Protocol::Grpc => builder.with_tonic().with_endpoint(url).with_timeout(EXPORT_TIMEOUT).build()?,
    })
}

/// The state of the sending thread.
struct Sending {
    runtime: Runtime,
    exporter: SpanExporter,
    queue: Arc<Queue<Span>>,
    exports: Exports,
    warn: fn(&str),
}

impl Sending {
    fn run(mut self) -> Exports {
        let queue = Arc::clone(&self.queue);
        let handle = self.runtime.handle().clone();
        while queue.wait_for(BATCH, FLUSH_INTERVAL) {
            handle.block_on(self.send(queue.take(BATCH)));
        }
        // The rest must be sent within the time of one export.
        let rest = async {
            loop {
                let batch = queue.take(BATCH);
                if batch.is_empty() {
                    break;
                }
                self.send(batch).await;
                tokio::task::yield_now().await;
            }
        };
        if handle.block_on(async { timeout(EXPORT_TIMEOUT, rest).await }).is_err() {
            queue.give_up();
            // The batch being sent was not delivered either.
            self.exports.failed += 1;
            self.exports.problem = Some(timeout_message());
        }
        self.exports
    }

    async fn send(&mut self, batch: Vec<Span>) {
        if !batch.is_empty() {
            let result = self.exporter.export(batch.into_iter().map(data).collect()).await;
            count(&mut self.exports, &result, self.warn);
        }
    }
}

/// A span in the SDK's form: the root of its trace.
fn data(span: Span) -> SpanData {
    let Span { trace_id, span_id, name, started_ns, ended_ns, attributes, events, error } = span;
    let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
    let mut noted = SpanEvents::default();
    noted.events = events.into_iter().map(|(name, at)| Event::new(name, time(at), Vec::new(), 0)).collect();
    SpanData {
        span_context: SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: name.into(),
        start_time: time(started_ns),
        end_time: time(ended_ns),
        attributes,
        dropped_attributes_count: 0,
        events: noted,
        links: SpanLinks::default(),
        status: error.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder(METER).build(),
    }
}

fn time(ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(ns)
}

/// Maximum batch size: the default of OpenTelemetry's SDKs.
const BATCH: usize = 512;
