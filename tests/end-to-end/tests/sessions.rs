//! Tests which rows and turns are sent when: schedules after a warmup, traces that are replayed by default, and sessions with
//! failed turns.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::hostile::{Hostile, read_request_with_body};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// A profile with a file of rows.
fn with_rows(url: &str, rows: &str, flags: &str) -> Ended {
    let mut run = Run::of("profile");
    fs::write(run.folder.path().join("rows.jsonl"), rows).unwrap();
    let common = "--model mock-model --streaming --ui none --artifact-dir artifacts --random-seed 1 --tokenizer builtin";
    run.command.args(common.split(' ')).args(["--input-file", "rows.jsonl", "--url", url]);
    run.command.args(flags.split_whitespace());
    run.without_daemon().end()
}

/// Rows 30 ms apart, distinguished by the lengths of their responses, from 2 on.
fn trace(rows: u64) -> String {
    let row = |number: u64| {
        json!({"timestamp": number * 30, "input_length": 10, "output_length": number + 2}).to_string() + "\n"
    };
    (0..rows).map(row).collect()
}

/// The requested response lengths, in the order of the requests.
fn lengths(server: &Server) -> Vec<u64> {
    let mut log = server.log();
    log.sort_by_key(|served| served.read_ns);
    let length = |body: &str| serde_json::from_str::<Value>(body).unwrap()["max_completion_tokens"].as_u64();
    log.iter().map(|served| length(served.body.as_deref().unwrap()).unwrap()).collect()
}

const TRACE: &str = "--custom-dataset-type mooncake_trace";

#[test]
fn a_warmup_does_not_shift_a_schedule() {
    needs_programs!();
    for workers in [1, 2] {
        if std::thread::available_parallelism().map_or(1, usize::from) < workers {
            continue;
        }
        let server = Server::start("--log-bodies --ttft-ms 1 --gap-ms 0");
        let flags = format!(
            "{TRACE} --fixed-schedule --warmup-request-count 3 --warmup-concurrency {workers} --workers {workers}"
        );
        with_rows(&server.url(), &trace(6), &flags).ended_with(0);
        assert_eq!(lengths(&server)[3..], [2, 3, 4, 5, 6, 7], "each row in its place, {workers} workers");
    }
    let server = Server::start("--log-bodies --ttft-ms 1 --gap-ms 0");
    let flags = format!(
        "{TRACE} --fixed-schedule --fixed-schedule-start-offset 60 --fixed-schedule-end-offset 120 --warmup-request-count 2"
    );
    with_rows(&server.url(), &trace(6), &flags).ended_with(0);
    assert_eq!(lengths(&server)[2..], [4, 5, 6], "the rows between the offsets");
}

/// A trace with timestamps is replayed by default, with as many requests in flight as necessary.
#[test]
fn a_trace_is_replayed_by_default() {
    needs_programs!();
    let server = Server::start("--log-bodies --ttft-ms 400");
    let ended = with_rows(&server.url(), &trace(6), TRACE);
    ended.ended_with(0);
    let phase = &ended.json("run.json")["plan"]["load"]["phases"][0];
    assert_eq!((&phase["shape"], &phase["concurrency"]), (&json!("fixed_schedule"), &Value::Null), "{phase}");
    assert_eq!(ended.json("run.json")["counters"]["connections_opened"], json!(6), "none waited for another");
    let ended = with_rows(&server.url(), &trace(3), &format!("{TRACE} --concurrency 2"));
    ended.ended_with(0);
    assert_eq!(
        ended.json("run.json")["counters"]["connections_opened"],
        json!(2),
        "but as requested by the user"
    );
    let refused = with_rows(&server.url(), &trace(3), &format!("{TRACE} --request-rate 9"));
    refused.ended_with(2);
    assert!(refused.err.contains("--no-fixed-schedule"), "{}", refused.err);
}

#[test]
fn a_row_without_a_timestamp_is_not_in_a_schedule() {
    needs_programs!();
    let server = Server::start("");
    let rows = trace(2) + "{\"input_length\":10,\"output_length\":9}\n";
    let refused = with_rows(&server.url(), &rows, TRACE);
    refused.ended_with(2);
    assert!(refused.err.contains("line 3"), "{}", refused.err);
    with_rows(&server.url(), &rows, &format!("{TRACE} --no-fixed-schedule")).ended_with(0);
}

/// Every turn of every session is sent, even if others fail: by the server's errors or by cancellation.
#[test]
fn sessions_continue_after_failed_turns() {
    needs_programs!();
    let flags = "--conversation-num 5 --conversation-turn-mean 4 --concurrency 2";
    for fault in ["--fault status:503 --fault-every 3", "--fault close:2 --fault-every 3"] {
        let server = Server::start(fault);
        let ended = Run::profile(&server.url(), flags).end();
        // A third of the requests failed, so the verdict is not valid.
        ended.ended_with(3);
        let records = ended.records();
        assert_eq!(records.len(), 20, "five sessions of four turns: {fault}");
        assert!(records.iter().any(|record| record.get("error").is_some()), "some failed: {fault}");
    }
    let server = Server::start("--ttft-ms 30");
    let flags = format!("{flags} --request-cancellation-rate 50 --request-cancellation-delay 0.001");
    let ended = Run::profile(&server.url(), &flags).end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 20, "a cancelled turn is one of them");
}

/// Earlier messages are not sent to a server that stores them.
#[test]
fn stored_responses_are_referenced() {
    needs_programs!();
    let bodies = Arc::new(Mutex::new(Vec::<Value>::new()));
    let seen = Arc::clone(&bodies);
    let server = Hostile::accepting(move |_, mut stream| {
        while let Some((_, body)) = read_request_with_body(&stream) {
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push(serde_json::from_slice(&body).unwrap());
                seen.len()
            };
            let response = json!({"id": format!("resp_{number}"), "status": "completed", "object": "response",
                                "output": [{"type": "message", "content": [{"type": "output_text", "text": "aye"}]}],
                                "usage": {"input_tokens": 5, "output_tokens": 1}});
            let response = response.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                response.len()
            );
            // The client may have disconnected.
            stream.write_all((head + &response).as_bytes()).ok();
        }
    });
    let flags =
        "--endpoint-type responses --conversation-num 1 --conversation-turn-mean 3 --extra-inputs store:true";
    Run::plain_profile(&server.url(), &format!("{flags} --use-server-token-count")).end().ended_with(0);
    let bodies = bodies.lock().unwrap();
    let ids = bodies
        .iter()
        .map(|body| body.get("previous_response_id").and_then(Value::as_str))
        .collect::<Vec<_>>();
    assert_eq!(ids, [None, Some("resp_1"), Some("resp_2")], "each builds on the one before");
    assert!(
        bodies.iter().all(|body| body["input"].as_array().unwrap().len() == 1),
        "only the newest turn: {bodies:?}"
    );
    let refused = Run::plain_profile(&server.url(), flags).end();
    refused.ended_with(2);
    assert!(refused.err.contains("--use-server-token-count"), "{}", refused.err);
}
