//! An OpenTelemetry collector that stores what it receives over HTTP, and responds with a set status.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status};
use prost::Message;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A collector, stopped on drop.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    received: Arc<Mutex<Received>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Received {
    exports: Vec<ExportMetricsServiceRequest>,
    traces: Vec<ExportTraceServiceRequest>,
    /// Lines of the last request's head, in lower case.
    head: Vec<String>,
}

/// A point of a metric.
#[derive(Clone, Debug)]
pub struct Point {
    /// The count of values, or the value of a counter.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

/// A span.
#[derive(Clone, Debug)]
pub struct Traced {
    /// Its trace's id, as 32 digits.
    pub trace_id: String,
    /// Its name.
    pub name: String,
    /// Whether it is a client span.
    pub is_client: bool,
    /// Its start and end, in nanoseconds since 1970.
    pub times: (u64, u64),
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its events, with their times.
    pub events: BTreeMap<String, u64>,
    /// Whether its status is an error.
    pub is_error: bool,
    /// The service that sent it.
    pub service: String,
}

impl Traced {
    fn new(span: &Span, service: &str) -> Self {
        let status = span.status.as_ref().map(status_code);
        Self {
            trace_id: span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            name: span.name.clone(),
            is_client: span.kind == CLIENT,
            times: (span.start_time_unix_nano, span.end_time_unix_nano),
            attributes: attributes(&span.attributes),
            events: span.events.iter().map(|event| (event.name.clone(), event.time_unix_nano)).collect(),
            is_error: status == Some(status::StatusCode::Error),
            service: service.to_owned(),
        }
    }
}

impl Collector {
    /// Responds to every export with this status.
    #[must_use]
    pub fn start(status: &'static str) -> Self {
        Self::slow(status, Duration::ZERO)
    }

    /// Like [`Collector::start`], with a delay before each response.
    #[must_use]
    pub fn slow(status: &'static str, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (over, received) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (ends, keeps) = (Arc::clone(&over), Arc::clone(&received));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that only checks reachability sends nothing.
                take(stream.unwrap(), status, delay, &keeps).ok();
            }
        });
        Self { address, over, received, thread: Some(thread) }
    }

    /// Its address, as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The points of a metric in the last export that contains it.
    #[must_use]
    pub fn points(&self, name: &str) -> Vec<Point> {
        let received = self.received.lock().unwrap();
        let metrics = received.exports.iter().rev().flat_map(|request| &request.resource_metrics);
        let metrics = metrics.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
        let mut named = metrics.filter(|metric| metric.name == name);
        match named.next().and_then(|metric| metric.data.as_ref()) {
            Some(Data::Histogram(histogram)) => {
                let points = histogram.data_points.iter();
                points
                    .map(|point| Point {
                        count: u32::try_from(point.count).unwrap().into(),
                        sum: point.sum.unwrap(),
                        attributes: attributes(&point.attributes),
                    })
                    .collect()
            }
            Some(Data::Sum(sum)) => {
                let value = |value: Option<_>| match value {
                    Some(opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsDouble(
                        value,
                    )) => value,
                    _ => 0.0,
                };
                let points = sum.data_points.iter();
                points
                    .map(|point| Point {
                        count: value(point.value),
                        sum: value(point.value),
                        attributes: attributes(&point.attributes),
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Every span received.
    #[must_use]
    pub fn spans(&self) -> Vec<Traced> {
        let received = self.received.lock().unwrap();
        let resources = received.traces.iter().flat_map(|request| &request.resource_spans);
        let spans = resources.flat_map(|resource| {
            let service = attributes(&resource.resource.clone().unwrap_or_default().attributes);
            let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
            spans.map(|span| Traced::new(span, &service["service.name"])).collect::<Vec<_>>()
        });
        spans.collect()
    }

    /// A line of the last export's head, in lower case, that starts with this.
    #[must_use]
    pub fn header(&self, begin: &str) -> Option<String> {
        self.received.lock().unwrap().head.iter().find(|line| line.starts_with(begin)).cloned()
    }

    /// The resource attributes of the last export.
    #[must_use]
    pub fn resource(&self) -> BTreeMap<String, String> {
        let received = self.received.lock().unwrap();
        let resource = received.exports.last().unwrap().resource_metrics[0].resource.clone().unwrap();
        attributes(&resource.attributes)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        TcpStream::connect(self.address).ok();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn status_code(status: &Status) -> status::StatusCode {
    status.code()
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let attributes = pairs.iter().map(|pair| {
        let value = pair.value.clone().and_then(|value| value.value);
        let value = match value {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            Some(Value::DoubleValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        (pair.key.clone(), value)
    });
    attributes.collect()
}

fn take(
    mut stream: TcpStream,
    status: &str,
    delay: Duration,
    received: &Mutex<Received>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut head) = (0, Vec::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let lower = line.trim().to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push(lower);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if head.iter().any(|line| line == "content-encoding: gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain)?;
        body = plain;
    }
    // Rejected exports are not stored.
    if status.starts_with('2') {
        let mut received = received.lock().unwrap();
        match path.as_str() {
            "/v1/metrics" => received.exports.push(ExportMetricsServiceRequest::decode(&*body).unwrap()),
            "/v1/traces" => received.traces.push(ExportTraceServiceRequest::decode(&*body).unwrap()),
            _ => return Ok(()),
        }
        received.head = head;
    }
    std::thread::sleep(delay);
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
}

/// `SPAN_KIND_CLIENT`
const CLIENT: i32 = 3;
