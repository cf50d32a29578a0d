//! Tests exports to an OpenTelemetry collector during a run.

use end_to_end::client::{Ended, Run};
use end_to_end::collector::Collector;
use end_to_end::needs_programs;
use end_to_end::patience::until;
use end_to_end::programs::of_python;
use end_to_end::server::Server;
use serde_json::Value;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A profile of 20 requests that exports to a collector at this address.
fn profile(server: &Server, address: &str, flags: &str) -> Ended {
    let flags = format!("--request-count 20 --concurrency 2 --otel-url {address} {flags}");
    Run::profile(&server.url(), &flags).end()
}

#[test]
fn every_request_reaches_the_collector() {
    needs_programs!();
    let server = Server::start("");
    let collector = Collector::start("200 OK");
    let flags = "--stream default --gen-ai-provider vllm --otel-resource-attributes team=a,run=b";
    let ended = profile(&server, &collector.address(), flags);
    ended.ended_with(0);
    for name in [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.operation.time_per_output_chunk",
        "aiperf.kernel.time_to_first_token",
        "aiperf.kernel.request_latency",
    ] {
        let points = collector.points(name);
        let count = points.iter().map(|point| point.count).sum::<f64>();
        assert!((count - 20.0).abs() < 0.5, "{name}: {points:?}\n{}", ended.err);
        let mean = points.iter().map(|point| point.sum).sum::<f64>() / count;
        assert!(mean > 0.0 && mean < 10.0, "{name} is in seconds: {mean}");
        assert_eq!(points[0].attributes["gen_ai.provider.name"], "vllm", "{name}");
        assert_eq!(points[0].attributes["gen_ai.operation.name"], "chat", "{name}");
        assert_eq!(points[0].attributes["gen_ai.request.model"], "mock-model", "{name}");
        assert_eq!(points[0].attributes["aiperf.benchmark_phase"], "profiling", "{name}");
    }
    let tokens = collector.points("gen_ai.client.token.usage");
    for (kind, expected) in [("input", 320.0), ("output", 80.0)] {
        let of_kind = tokens.iter().filter(|point| point.attributes["gen_ai.token.type"] == kind);
        let sum = of_kind.map(|point| point.sum).sum::<f64>();
        assert!((sum - expected).abs() < 0.5, "{kind} tokens: {sum}");
    }
    let sent = collector.points("aiperf.timing.requests.sent");
    assert!(sent.iter().any(|point| (point.count - 20.0).abs() < 0.5), "{sent:?}");
    assert!(
        collector.points("aiperf.request_latency_ns").is_empty(),
        "no names that predate the conventions"
    );
    let resource = collector.resource();
    assert_eq!((&*resource["service.name"], &*resource["team"]), ("aiperf", "a"), "{resource:?}");
    assert_eq!(ended.json("run.json")["run_id"], resource["aiperf.benchmark.id"], "{resource:?}");
}

#[test]
fn an_unreachable_collector_costs_a_warning() {
    needs_programs!();
    let server = Server::start("");
    let address = Collector::start("200 OK").address();
    let ended = profile(&server, &address, "");
    ended.ended_with(0);
    let expected =
        format!("OTel collector at http://{address} is not reachable. Metrics will not be exported.");
    assert!(ended.err.contains(&expected), "{}", ended.err);
    assert_eq!(ended.records().len(), 20, "the run is complete");
}

#[test]
fn a_collector_that_returns_errors_costs_a_warning() {
    needs_programs!();
    let server = Server::start("");
    for status in ["503 Service Unavailable", "404 Not Found"] {
        let collector = Collector::start(status);
        let ended = profile(&server, &collector.address(), "--stream metrics,spans");
        ended.ended_with(0);
        let number = status.split(' ').next().unwrap();
        for place in [format!("http://{}", collector.address()), "(spans)".to_owned()] {
            let line = ended.err.lines().find(|line| line.contains(&format!("{place} failed")));
            assert!(line.is_some_and(|line| line.contains(number)), "the failures of {place}: {}", ended.err);
        }
        assert!(ended.out.contains("exports failed"), "and it is in the report: {}", ended.out);
        assert_eq!(ended.records().len(), 20, "the run is complete");
    }
}

#[test]
fn only_selected_results_are_streamed() {
    needs_programs!();
    let server = Server::start("");
    for (wanted, has_metrics, has_timing) in [("metrics", true, false), ("timing", false, true)] {
        let collector = Collector::start("200 OK");
        profile(&server, &collector.address(), &format!("--stream {wanted}")).ended_with(0);
        let has = |name: &str| !collector.points(name).is_empty();
        assert_eq!(has("gen_ai.client.operation.duration"), has_metrics, "--stream {wanted}");
        assert_eq!(has("aiperf.timing.requests.sent"), has_timing, "--stream {wanted}");
        assert!(collector.spans().is_empty(), "--stream {wanted}");
    }
}

#[test]
fn a_collector_receives_resource_attributes() {
    needs_programs!();
    let server = Server::start("");
    let collector = Collector::start("200 OK");
    let flags = format!("--request-count 4 --otel-url {}", collector.address());
    let mut run = Run::profile(&server.url(), &flags);
    run.command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=hush");
    run.end().ended_with(0);
    assert_eq!(
        collector.header("x-api-key").as_deref(),
        Some("x-api-key: hush"),
        "as OpenTelemetry's SDKs do"
    );
}

/// Compares the spans of 20 requests with the records of the run.
fn hold_spans(collector: &Collector, ended: &Ended) {
    let spans = collector.spans();
    assert_eq!(spans.len(), 20, "one for each request: {}", ended.err);
    let records = ended.records();
    for span in &spans {
        assert_eq!((span.name.as_str(), span.is_client), ("chat mock-model", true), "{span:?}");
        assert_eq!((span.service.as_str(), span.is_error), ("aiperf", false), "{span:?}");
        let id = &span.attributes["aiperf.request.id"];
        assert_eq!(span.trace_id, id.replace('-', ""), "the X-Request-ID is the trace's id");
        let metadata = |record: &Value| record["metadata"].clone();
        let record = records.iter().find(|record| record["metadata"]["x_request_id"] == id.as_str());
        let metadata = metadata(record.expect("a record of the same request"));
        let at = |key: &str| metadata[key].as_u64().expect(key);
        assert_eq!(span.times.0, at("request_start_ns"), "the record's start");
        assert!(span.times.1 >= at("request_end_ns"), "its end is not before the last token");
        let of = |stage: &str| span.events[&format!("aiperf.{stage}")];
        let stages = ["due", "submitted", "first_token_reaped", "last_token_reaped", "ended"].map(of);
        assert!(stages.is_sorted(), "{span:?}");
        assert_eq!((stages[1], stages[4]), span.times, "{span:?}");
        assert_eq!(span.attributes["gen_ai.provider.name"], "_OTHER", "{span:?}");
        assert_eq!(span.attributes["gen_ai.usage.output_tokens"], "4", "{span:?}");
        assert_eq!(span.attributes["http.response.status_code"], "200", "{span:?}");
    }
}

#[test]
fn every_request_is_a_span() {
    needs_programs!();
    let server = Server::start("");
    let collector = Collector::start("200 OK");
    let ended = profile(&server, &collector.address(), "--stream default,spans");
    ended.ended_with(0);
    hold_spans(&collector, &ended);
    assert!(!collector.points("aiperf.timing.requests.sent").is_empty(), "and what else is streamed");
    let silent = Collector::start("200 OK");
    profile(&server, &silent.address(), "--stream default").ended_with(0);
    assert!(silent.spans().is_empty(), "none unless selected");
    let refused = Run::profile(&server.url(), "--request-count 1 --stream spans").end();
    refused.ended_with(2);
    assert!(refused.err.contains("--stream needs --otel-url"), "{}", refused.err);
}

#[test]
fn a_failed_request_is_a_span_with_an_error() {
    needs_programs!();
    let server = Server::start("--fault status:503 --fault-every 1");
    let collector = Collector::start("200 OK");
    let flags = format!("--request-count 4 --stream spans --otel-url {}", collector.address());
    Run::profile(&server.url(), &flags).end().ended_with(1);
    let spans = collector.spans();
    assert_eq!(spans.len(), 4, "including failed ones");
    for span in spans {
        assert!(span.is_error, "{span:?}");
        assert_eq!(span.attributes["error.type"], "http_5xx", "{span:?}");
    }
}

#[test]
fn drops_for_a_slow_collector_are_in_the_report() {
    needs_programs!();
    let server = Server::start("");
    let collector = Collector::slow("200 OK", Duration::from_millis(700));
    let flags =
        format!("--request-count 20 --concurrency 4 --stream spans --otel-url {}", collector.address());
    let mut run = Run::profile(&server.url(), &flags);
    run.command.env("AIPERF_OTEL_MAX_BUFFERED_RECORDS", "1");
    let ended = run.end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 20, "the run is complete");
    assert!(ended.err.contains("were dropped (1)"), "the first is logged at once: {}", ended.err);
    assert!(ended.out.contains("dropped, 0 of "), "it is in the report: {}", ended.out);
    let streamed = &ended.json("profile_export_aiperf.json")["streamed"];
    let entry =
        streamed.as_array().unwrap().iter().find(|entry| entry["to"].as_str().unwrap().ends_with("(spans)"));
    let (entry, sent) = (entry.expect("the spans' destination"), collector.spans().len() as u64);
    // Drops from the event queue count for each destination; the two queues have a capacity of one.
    assert_eq!(entry["dropped"].as_u64().unwrap() + sent, 20, "{streamed}");
    let mut again = Run::of("report");
    again.command.arg(ended.artifacts());
    assert!(again.end().out.contains("dropped, 0 of "), "a recomputed report has it too");
}

/// It accepts connections but never responds: the run is complete, and reports what was not delivered.
#[test]
fn a_silent_collector_is_reported() {
    needs_programs!();
    let server = Server::start("");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let ended = profile(&server, &address, "");
    ended.ended_with(0);
    assert_eq!(ended.err.matches("exports to the OTel collector").count(), 1, "warned once: {}", ended.err);
    let run = ended.json("run.json");
    let streamed = &run["streamed"][0];
    assert!(
        streamed["failed"].as_u64().is_some_and(|failed| failed >= 1) && streamed["succeeded"] == 0,
        "counted: {streamed}"
    );
    assert!(ended.out.contains("exports failed"), "it is in the report: {}", ended.out);
}

/// rotel, an OpenTelemetry receiver that forwards what it understands, stopped on drop.
struct Rotel {
    process: Child,
    /// Its addresses for HTTP and gRPC.
    addresses: [String; 2],
}

impl Rotel {
    fn start(to: &Collector) -> Option<Self> {
        // The package contains its program next to its modules.
        let python = of_python("rotel", "python")?;
        let find = "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
        let found = Command::new(python).args(["-c", find]).output().expect("python runs");
        let program = String::from_utf8(found.stdout).expect("a path");
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let addresses = [free(), free()].map(|address| address.expect("a port").to_string());
        let mut command = Command::new(program.trim());
        command.args(["start", "--otlp-http-endpoint", &addresses[0], "--otlp-grpc-endpoint", &addresses[1]]);
        command.args([
            "--exporter",
            "otlp",
            "--otlp-exporter-protocol",
            "http",
            "--otlp-exporter-compression",
            "none",
        ]);
        command.args([
            "--otlp-exporter-endpoint",
            &format!("http://{}", to.address()),
            "--batch-timeout",
            "100ms",
        ]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("rotel starts");
        let rotel = Self { process, addresses };
        until("rotel to listen", || std::net::TcpStream::connect(&rotel.addresses[0]).ok());
        until("rotel to listen", || std::net::TcpStream::connect(&rotel.addresses[1]).ok());
        Some(rotel)
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn another_receiver_understands_both_protocols() {
    needs_programs!();
    let server = Server::start("");
    for (protocol, scheme) in ["http://", "grpc://"].into_iter().enumerate() {
        let collector = Collector::start("200 OK");
        let Some(rotel) = Rotel::start(&collector) else { return };
        let ended =
            profile(&server, &format!("{scheme}{}", rotel.addresses[protocol]), "--stream default,spans");
        ended.ended_with(0);
        let name = "gen_ai.client.operation.time_to_first_chunk";
        let count = || collector.points(name).iter().map(|point| point.count).sum::<f64>();
        until("what was sent to arrive", || (count() > 19.5).then_some(()));
        assert!(count() < 20.5, "{scheme}: each request once, not {}", count());
        assert_eq!(collector.resource()["service.name"], "aiperf", "{scheme}");
        until("the spans to arrive", || (collector.spans().len() >= 20).then_some(()));
        hold_spans(&collector, &ended);
    }
}
