//! Tests misbehaving servers: the run ends anyway, and each request's record states what happened.

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use kernel_tests::skip::lacks_probes;
use serde_json::{Value, json};

fn run(server: &str, flags: &str) -> Ended {
    let server = Server::start(server);
    Run::profile(&server.url(), &format!("--request-count 3 --concurrency 2 {flags}")).end()
}

/// Every request fails: with this type, a message that contains this text, and this code if it has one.
fn check_failing(server: &str, kind: &str, text: &str, code: Option<u16>) {
    let ended = run(server, "--request-timeout-seconds 1");
    ended.ended_with(1);
    assert!(ended.err.contains("every request failed"), "{server}: {}", ended.err);
    let records = ended.records();
    assert_eq!(records.len(), 3, "{server}: a record for each request");
    for record in &records {
        let error = &record["error"];
        assert_eq!(error["type"], kind, "{server}: {record}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(text)), "{server}: {error}");
        assert_eq!(error.get("code"), code.map(Value::from).as_ref(), "{server}: {error}");
        assert_eq!(record["metadata"]["was_cancelled"], false, "{server}: {record}");
    }
    let summary = ended.json("profile_export_aiperf.json");
    assert_eq!(
        summary["error_request_count"]["avg"],
        json!(3.0),
        "{server}: {}",
        summary["error_request_count"]
    );
    all_matched(server, &ended);
}

/// Every response is complete, however it was sent: its four tokens are counted, and so are its events.
fn check_whole(server: &str, events: u64) {
    let ended = run(server, "--osl 4");
    ended.ended_with(0);
    for record in &ended.records() {
        assert_eq!(record.get("error"), None, "{server}: {record}");
        assert_eq!(record["metrics"]["output_sequence_length"]["value"], 4, "{server}: {record}");
    }
    let counters = &ended.json("run.json")["counters"];
    assert_eq!(counters["requests_completed"], 3, "{server}: {counters}");
    assert_eq!(counters["events"], 3 * events, "{server}: {counters}");
    all_matched(server, &ended);
}

/// Every event received has its timestamps.
fn all_matched(server: &str, ended: &Ended) {
    if lacks_probes().is_none() {
        let loss = &ended.json("run.json")["loss"];
        assert_eq!(loss["unmatched_events"], json!({}), "{server}: {loss}");
        assert_eq!(loss["unmatched_requests"], json!({}), "{server}: {loss}");
    }
}

#[test]
fn statuses_are_errors() {
    needs_programs!();
    check_failing("--fault status:503", "Service Unavailable", "the mock server's script", Some(503));
    check_failing("--fault status:429", "Too Many Requests", "the mock server's script", Some(429));
    check_failing("--fault redirect:302", "Found", "/v1/elsewhere", Some(302));
}

#[test]
fn broken_connections_are_errors() {
    needs_programs!();
    check_failing("--fault reset:2", "connection_reset", "reset", None);
    check_failing("--fault close:2", "response_truncated", "closed the connection", None);
    check_failing("--fault shutdown-write:2", "response_truncated", "closed the connection", None);
    check_failing("--fault never", "timeout", "1 s", None);
}

#[test]
fn invalid_http_is_an_error() {
    needs_programs!();
    for fault in ["bad-chunk", "bad-status-line", "garbage", "oversized-head", "many-headers"] {
        check_failing(&format!("--fault {fault}"), "malformed_response", "", None);
    }
}

#[test]
fn errors_within_a_stream_are_errors() {
    needs_programs!();
    check_failing("--fault error-event:2", "SSEResponseError", "the mock server's script", None);
    check_failing("--fault error-object:2", "Internal Server Error", "the mock server's script", None);
    check_failing("--fault empty", "InvalidInferenceResultError", "empty", None);
}

#[test]
fn unusual_framing_is_understood() {
    needs_programs!();
    for fault in
        ["trickle", "split:3", "continue", "trailers", "connection-close", "content-length", "slow-head:5"]
    {
        check_whole(&format!("--fault {fault}"), 7);
    }
    check_whole("--fault no-done", 6);
    check_whole("--fault late-done:5", 7);
}

#[test]
fn unusual_events_are_understood() {
    needs_programs!();
    for style in ["--line-end crlf", "--line-end cr", "--comments", "--multi-line", "--separate-writes"] {
        check_whole(style, 7);
    }
    check_whole("--no-role-chunk", 6);
    check_whole("--usage never", 6);
    check_whole("--events-per-write 4", 7);
    check_whole("--ttft-ms 0 --gap-ms 0", 7);
}

/// Some requests fail: the run completes, and both outcomes are counted.
#[test]
fn some_may_fail() {
    needs_programs!();
    let ended = run("--fault status:503 --fault-every 3", "");
    ended.ended_with(3);
    let failed = ended.records().iter().filter(|record| record.get("error").is_some()).count();
    assert_eq!(failed, 1, "every third request: {:?}", ended.records());
    assert!(ended.out.contains("Service Unavailable"), "it is on the console: {}", ended.out);
}
