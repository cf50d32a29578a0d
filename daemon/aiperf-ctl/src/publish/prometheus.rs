//! Formats the board in Prometheus' text format: OpenTelemetry's metrics of a model server by their translated names, and the
//! daemon's own health.
//!
//! Two formats are served. The crate `prometheus-client` writes OpenMetrics alone, in which a scraper that accepts `text/plain` only
//! finds counters without a type; and it counts by itself, while most counts here are the daemon's.

use super::board::{Board, Requests, Server};
use super::histogram::{Bucket, Exemplar, Histogram};
use super::instruments::{Instrument, OF_CLIENTS, OF_SERVERS};
use control::WatchedServer;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' own format.
    Prometheus,
    /// OpenMetrics, in which a bucket has a request as its exemplar.
    OpenMetrics,
}

impl Format {
    /// The format that a scraper accepts.
    pub(super) fn of(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its content type.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The text of `/metrics`.
pub(super) fn text(board: &Board, format: Format) -> String {
    let mut text = String::new();
    let of_model = |model: &str| format!("gen_ai_request_model=\"{}\"", escaped(model));
    let servers = board.servers.iter().map(|(name, of)| (format!("server=\"{}\"", escaped(name)), of));
    let servers = servers.collect::<Vec<_>>();
    let models = servers.iter().flat_map(|(server, of)| {
        of.models.iter().map(move |(model, of)| (format!("{server},{}", of_model(model)), of))
    });
    let models = models.collect::<Vec<_>>();
    let clients = board.clients.iter().map(|(model, of)| (of_model(model), of)).collect::<Vec<_>>();
    histograms(&mut text, OF_SERVERS, &models, format);
    histograms(&mut text, OF_CLIENTS, &clients, format);
    counter(&mut text, ENDED, "Observed requests that have ended, by outcome.", format);
    counts(&mut text, ENDED, "outcome", &models, |of| &of.ended);
    counter(&mut text, SENT, "Requests of runs that have ended, by outcome.", format);
    counts(&mut text, SENT, "outcome", &clients, |of| &of.ended);
    let missing = "Requests of runs that were dropped because this process was slow.";
    counter(&mut text, DROPPED, missing, format);
    for (labels, of) in &clients {
        line(&mut text, DROPPED, labels, of.dropped);
    }
    for (name, help, value) in NUMBERS {
        if name.ends_with("_total") {
            counter(&mut text, name, help, format);
        } else {
            head(&mut text, name, help, "gauge");
        }
        for (labels, of) in &servers {
            line(&mut text, name, labels, value(&of.watched));
        }
    }
    for (name, help, label, named) in BY_NAME {
        counter(&mut text, name, help, format);
        counts(&mut text, name, label, &servers, *named);
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

/// The histograms of these instruments, each with its labels.
fn histograms(text: &mut String, instruments: &[Instrument], each: &[(String, &Requests)], format: Format) {
    for (place, Instrument { name, help, .. }) in instruments.iter().enumerate() {
        head(text, name, help, "histogram");
        for (labels, of) in each {
            if let Some(histogram) = of.histograms.get(place) {
                draw(text, name, labels, histogram, format);
            }
        }
    }
}

/// Counts by the values of an additional label.
fn counts<T>(text: &mut String, name: &str, label: &str, each: &[(String, &T)], of: Counts<T>) {
    for (labels, one) in each {
        for (what, count) in of(one) {
            line(text, name, &format!("{labels},{label}=\"{}\"", escaped(what)), *count);
        }
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n").expect("writing to a string cannot fail");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    writeln!(text, "{name}{{{labels}}} {value}").expect("writing to a string cannot fail");
}

/// The head of a counter, whose name in OpenMetrics lacks the suffix.
fn counter(text: &mut String, name: &str, help: &str, format: Format) {
    let name = match format {
        Format::Prometheus => name,
        Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
    };
    head(text, name, help, "counter");
}

fn draw(text: &mut String, name: &str, labels: &str, histogram: &Histogram, format: Format) {
    for Bucket { bound, count, exemplar } in histogram.buckets() {
        let bound = if bound.is_finite() { format!("{bound:?}") } else { "+Inf".to_owned() };
        write!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")
            .expect("writing to a string cannot fail");
        if let Some(Exemplar { request, value }) = exemplar.filter(|_| format == Format::OpenMetrics) {
            // An exemplar's labels may have 128 characters in total.
            let request = escaped(&request.chars().take(ID_MAX).collect::<String>());
            write!(text, " # {{request_id=\"{request}\"}} {value}").expect("writing to a string cannot fail");
        }
        text.push('\n');
    }
    line(text, &format!("{name}_sum"), labels, histogram.sum());
    line(text, &format!("{name}_count"), labels, histogram.count());
}

/// Escapes a label's value: a model's name is arbitrary client input.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

type Counts<T> = fn(&T) -> &BTreeMap<String, u64>;

const ENDED: &str = "aiperfd_requests_total";
const SENT: &str = "aiperf_run_requests_total";
const DROPPED: &str = "aiperf_run_requests_dropped_total";
/// Maximum characters of a request's id that are exposed.
const ID_MAX: usize = 100;

type OfServer = fn(&WatchedServer) -> u64;
/// Name, help text, and the field; counters end in `_total`.
const NUMBERS: &[(&str, &str, OfServer)] = &[
    ("aiperfd_watching", "1 while the kernel programs are attached.", |server| u64::from(server.is_watching)),
    ("aiperfd_requests_in_flight", "Requests that have started and not ended.", |server| server.in_flight),
    (
        "aiperfd_kernel_records_total",
        "Records that the kernel programs produced since they were attached.",
        |server| server.kernel_records,
    ),
    ("aiperfd_parser_lag_bytes", "Bytes of these records that are not parsed yet.", |server| {
        server.lag_bytes
    }),
    (
        "aiperfd_requests_dropped_total",
        "Requests that were dropped because this process was slow.",
        |server| server.dropped,
    ),
];

/// Name, help text, label, and the field.
const BY_NAME: &[(&str, &str, &str, Counts<Server>)] = &[
    (
        "aiperfd_kernel_dropped_total",
        "Events that the kernel programs could not report, by reason.",
        "reason",
        |server| &server.watched.kernel_dropped,
    ),
    (
        "aiperfd_met_total",
        "Connections and requests that were encountered, and those not followed, by reason.",
        "what",
        |server| &server.watched.met,
    ),
];

#[cfg(test)]
mod tests {
    use super::super::board::tests::with_request;
    use super::*;

    #[test]
    fn a_scraper_finds_histograms_and_health() {
        let board = with_request("m\"x", 30.0);
        let open = text(&board, Format::of("application/openmetrics-text;version=1.0.0,*/*;q=0.1"));
        let text = text(&board, Format::of("text/plain"));
        let labels = r#"server="a",gen_ai_request_model="m\"x""#;
        for expected in [
            format!("gen_ai_server_time_to_first_token_seconds_bucket{{{labels},le=\"0.02\"}} 0\n"),
            format!("gen_ai_server_time_to_first_token_seconds_bucket{{{labels},le=\"0.04\"}} 1\n"),
            format!("gen_ai_server_time_to_first_token_seconds_bucket{{{labels},le=\"+Inf\"}} 1\n"),
            format!("gen_ai_server_time_to_first_token_seconds_sum{{{labels}}} 0.03\n"),
            format!("aiperfd_requests_total{{{labels},outcome=\"ok\"}} 1\n"),
            "aiperfd_requests_in_flight{server=\"a\"} 2\n".to_owned(),
            "# TYPE gen_ai_server_request_duration_seconds histogram\n".to_owned(),
            "# TYPE aiperfd_requests_dropped_total counter\n".to_owned(),
            "# TYPE aiperf_kernel_request_latency_seconds histogram\n".to_owned(),
        ] {
            assert!(text.contains(&expected), "{expected} is not in\n{text}");
        }
        let slow = format!("bucket{{{labels},le=\"0.04\"}} 1 # {{request_id=\"r7\"}} 0.03\n");
        assert!(open.contains(&slow), "an exemplar in\n{open}");
        assert!(open.contains("# TYPE aiperfd_requests counter\n") && open.ends_with("\n# EOF\n"), "{open}");
    }
}
