//! Tests servers that send without end: the run ends anyway, in bounded memory, and excess data is counted.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::hostile::{BODY, DONE, Hostile, STREAM, TOKEN, repeat};
use end_to_end::needs_programs;
use std::io::Write;
use std::net::TcpStream;

/// A run of two requests against a server with this response; the load generator must stay small.
fn run(flags: &str, respond: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Ended {
    let server = Hostile::responding(move |_, _, stream| respond(stream));
    let flags = format!("--request-count 2 --concurrency 2 --request-timeout-seconds 120 {flags}");
    let ended = Run::profile(&server.url(), &flags).end();
    let peak = ended.json("run.json")["figures"]["loadgen_peak_memory_bytes"].as_f64().unwrap();
    assert!(peak < LOADGEN_BYTES, "the load generator took {peak} bytes: {flags}");
    assert_eq!(ended.records().len(), 2, "a record for each request");
    ended
}

/// Both requests succeed, with this many recorded events.
fn check_whole(flags: &str, events: u64, respond: impl Fn(&mut TcpStream) + Send + Sync + 'static) {
    let ended = run(flags, respond);
    ended.ended_with(0);
    for record in ended.records() {
        assert_eq!(record.get("error"), None, "{record}");
    }
    let rows = ended.json("run.json")["counters"]["events"].as_u64().unwrap();
    assert!(rows >= 2 * events, "{rows} events were seen");
}

/// Both requests fail with this error.
fn check_failing(kind: &str, respond: impl Fn(&mut TcpStream) + Send + Sync + 'static) {
    let ended = run("", respond);
    ended.ended_with(1);
    for record in ended.records() {
        assert_eq!(record["error"]["type"], kind, "{record}");
    }
}

fn write(stream: &mut TcpStream, parts: &[&[u8]]) {
    for part in parts {
        // The client may have disconnected.
        stream.write_all(part).ok();
    }
}

#[test]
fn comments_without_end() {
    needs_programs!();
    check_whole("", 10_000_000, |stream| {
        write(stream, &[STREAM, TOKEN]);
        repeat(stream, b":\n\n", 32 << 20);
        write(stream, &[TOKEN, DONE]);
    });
}

#[test]
fn keep_alives_of_several_lines() {
    needs_programs!();
    check_whole("--export-level raw", 500_000, |stream| {
        write(stream, &[STREAM, TOKEN]);
        repeat(stream, b"event: ping\nid: 1\n\n", 10 << 20);
        write(stream, &[TOKEN, DONE]);
    });
}

#[test]
fn tiny_events_without_end() {
    needs_programs!();
    check_whole("", 1_000_000, |stream| {
        write(stream, &[STREAM, TOKEN]);
        repeat(stream, b"data: {}\n\n", 12 << 20);
        write(stream, &[TOKEN, DONE]);
    });
}

#[test]
fn text_without_end() {
    needs_programs!();
    for flags in ["--tokenizer builtin", "--export-level raw --tokenizer builtin"] {
        check_whole(flags, 30, |stream| {
            write(stream, &[STREAM]);
            let long = format!(
                "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
                "word ".repeat(200_000)
            );
            repeat(stream, long.as_bytes(), 40 * long.len());
            write(stream, &[DONE]);
        });
    }
}

#[test]
fn tool_calls_without_end() {
    needs_programs!();
    check_whole("", 20, |stream| {
        write(stream, &[STREAM]);
        let call = format!(
            "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"function\":{{\"name\":\"f\",\"arguments\":\"{}\"}}}}]}}}}]}}\n\n",
            "x".repeat(3 << 20)
        );
        repeat(stream, call.as_bytes(), 20 * call.len());
        write(stream, &[DONE]);
    });
}

#[test]
fn one_line_without_end() {
    needs_programs!();
    check_failing("malformed_response", |stream| {
        write(stream, &[STREAM, b"data: "]);
        repeat(stream, b"x", 64 << 20);
    });
}

/// Each line alone is short enough; together they exceed what a load generator buffers of incomplete lines.
#[test]
fn many_long_lines_at_once() {
    needs_programs!();
    let server = Hostile::responding(|_, _, stream| {
        write(stream, &[STREAM, b"data: {\"choices\":[{\"delta\":{\"content\":\""]);
        repeat(stream, b"word ", 3 << 20);
        std::thread::sleep(std::time::Duration::from_secs(3));
        write(stream, &[b"\"}}]}\n\n", DONE]);
    });
    let flags = "--request-count 100 --concurrency 100 --request-timeout-seconds 60";
    let ended = Run::profile(&server.url(), flags).end();
    let records = ended.records();
    let failed = records.iter().filter(|record| record["error"]["type"] == "malformed_response").count();
    assert_eq!(records.len(), 100, "a record for each request");
    assert!((1..90).contains(&failed), "{failed} of them were aborted");
    let whole = records.iter().filter(|record| record.get("error").is_none()).count();
    assert_eq!(whole + failed, 100, "the others are whole");
    let peak = ended.json("run.json")["figures"]["loadgen_peak_memory_bytes"].as_f64().unwrap();
    assert!(peak < LOADGEN_BYTES, "the load generator took {peak} bytes");
}

/// A session cannot continue with a response that is too long to be sent again: others start in its place.
#[test]
fn responses_that_no_session_can_continue_with() {
    needs_programs!();
    let server = Hostile::responding(|_, _, stream| {
        write(stream, &[STREAM]);
        let long = format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
            "word ".repeat(300_000)
        );
        write(stream, &[long.as_bytes(), DONE]);
    });
    let flags = "--request-count 6 --concurrency 2 --conversation-turn-mean 3 --tokenizer builtin";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let records = ended.records();
    assert_eq!(records.len(), 6, "the run continues");
    assert!(
        records.iter().all(|record| record["metadata"]["turn_index"] == 0),
        "with first turns: {records:?}"
    );
}

#[test]
fn heads_and_framing_without_end() {
    needs_programs!();
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless: &'static [(&[u8], &[u8])] = &[
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"y: \t"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED, b"1;x"),
    ];
    for (begin, unit) in endless {
        check_failing("malformed_response", |stream| {
            write(stream, &[begin]);
            repeat(stream, unit, 16 << 20);
        });
    }
    check_failing("malformed_response", |stream| {
        write(stream, &[CHUNKED, b"0\r\n"]);
        repeat(stream, b"a: b\r\n", 16 << 20);
    });
}

#[test]
fn bodies_without_end() {
    needs_programs!();
    let whole = |flags: &'static str, begin: &'static [u8], unit: &'static [u8], end: &'static [u8]| {
        let server = Hostile::responding(move |_, _, stream| {
            write(stream, &[BODY, begin]);
            repeat(stream, unit, 80 << 20);
            write(stream, &[end]);
        });
        let flags = format!("--request-count 2 --concurrency 2 {flags}");
        let ended = Run::plain_profile(&server.url(), &flags).end();
        ended.ended_with(1);
        let peak = ended.json("run.json")["figures"]["loadgen_peak_memory_bytes"].as_f64().unwrap();
        assert!(peak < LOADGEN_BYTES, "the load generator took {peak} bytes: {flags}");
        for record in ended.records() {
            assert_eq!(record["error"]["type"], "response_too_large", "{record}");
        }
    };
    whole("", b"{\"choices\":[{\"message\":{\"content\":\"", b"word ", b"\"}}]}");
    whole("--export-level raw", b"{\"choices\":[{\"message\":{\"content\":\"", b"word ", b"\"}}]}");
    whole("--endpoint-type embeddings", b"{\"data\":[", b"[],", b"0]}");
}

#[test]
fn json_that_is_nested_or_has_many_values() {
    needs_programs!();
    let check = |flags: &str, unit: &'static [u8], kind: &str| {
        let server = Hostile::responding(move |_, _, stream| {
            write(stream, &[BODY]);
            repeat(stream, unit, 24 << 20);
        });
        let ended = Run::plain_profile(&server.url(), &format!("--request-count 2 {flags}")).end();
        ended.ended_with(1);
        let peak = ended.json("run.json")["figures"]["loadgen_peak_memory_bytes"].as_f64().unwrap();
        assert!(peak < LOADGEN_BYTES, "the load generator took {peak} bytes: {flags}");
        for record in ended.records() {
            assert_eq!(record["error"]["type"], kind, "{record}");
        }
    };
    check("", b"[", "invalid_json");
    check("--endpoint-type embeddings", b"[", "invalid_json");
    check("--endpoint-type embeddings", b"[0,", "invalid_json");
}

/// Maximum memory of a load generator with few connections, whatever is sent: its programs and tables, buffers of open
/// responses, and one body being parsed.
const LOADGEN_BYTES: f64 = 1.5e9;
