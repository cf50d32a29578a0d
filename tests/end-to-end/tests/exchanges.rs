//! Tests the traffic between load generator and server: closed connections, headers, encodings, and dead servers.

use end_to_end::client::{Ended, Run};
use end_to_end::hostile::{DONE, Hostile, TOKEN, read_request, vanishing};
use end_to_end::needs_programs;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Sends a complete stream, on a connection that stays open.
fn stream_response(stream: &mut TcpStream) {
    respond(stream, "content-type: text/event-stream\r\n", &[TOKEN, DONE].concat());
}

fn respond(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    // The client may have disconnected.
    stream.write_all(&[head.as_bytes(), body].concat()).ok();
}

fn counter(ended: &Ended, name: &str) -> Value {
    ended.json("run.json")["counters"][name].clone()
}

/// The number of requests that succeeded, and the error types of the others.
fn outcomes(ended: &Ended) -> (usize, Vec<String>) {
    let records = ended.records();
    let failed = records.iter().filter_map(|record| record["error"]["type"].as_str().map(str::to_owned));
    let failed = failed.collect::<Vec<_>>();
    (records.len() - failed.len(), failed)
}

/// A server that closes each connection when its second request arrives: that request is sent again, once.
#[test]
fn a_request_on_a_closing_connection_is_sent_again() {
    needs_programs!();
    for is_reset in [false, true] {
        let server = Hostile::accepting(move |_, mut stream| {
            if read_request(&stream).is_some() {
                stream_response(&mut stream);
            }
            if is_reset {
                // Unread bytes turn the close into a reset.
                let mut first = [0];
                stream.peek(&mut first).ok();
            } else {
                drop(read_request(&stream));
                stream.shutdown(Shutdown::Both).ok();
            }
        });
        let ended = Run::profile(&server.url(), "--request-count 6 --concurrency 1").end();
        ended.ended_with(0);
        assert_eq!(outcomes(&ended), (6, Vec::new()), "reset: {is_reset}");
        assert_eq!(counter(&ended, "keep_alive_races"), json!(5), "all but the first, reset: {is_reset}");
        assert_eq!(counter(&ended, "requests_sent"), json!(6), "each is counted once");
        let reused = ended.records();
        let reused =
            reused.iter().filter(|record| record["metrics"]["http_req_connection_reused"]["value"] == 1);
        assert_eq!(reused.count(), 0, "the request's connection is the one that responded");
    }
}

/// Closing a connection before its first response is the server's fault, as is the second close for one request.
#[test]
fn a_request_is_sent_at_most_twice_and_once_on_a_new_connection() {
    needs_programs!();
    let server = Hostile::accepting(|_, stream| drop(read_request(&stream)));
    let ended = Run::profile(&server.url(), "--request-count 4 --concurrency 1").end();
    ended.ended_with(1);
    assert_eq!(outcomes(&ended), (0, vec!["connection_closed".to_owned(); 4]), "none was sent again");
    assert_eq!(counter(&ended, "keep_alive_races"), json!(0), "no race");
    let requests = AtomicU64::new(0);
    let server = Hostile::accepting(move |_, mut stream| {
        // All but the very first request close their connections.
        while read_request(&stream).is_some() && requests.fetch_add(1, Ordering::Relaxed) == 0 {
            stream_response(&mut stream);
        }
    });
    let ended = Run::profile(&server.url(), "--request-count 2 --concurrency 1").end();
    assert_eq!(outcomes(&ended), (1, vec!["connection_closed".to_owned()]), "the second close is a failure");
    assert_eq!(counter(&ended, "keep_alive_races"), json!(1), "it was sent twice");
}

/// A worker attempts a dead server at most a hundred times per second, not as often as it refuses.
#[test]
fn retries_to_a_dead_server_are_limited() {
    needs_programs!();
    let flags = "--benchmark-duration 1 --benchmark-grace-period 1 --concurrency 32 --workers 1";
    let ended = Run::profile(&vanishing(), flags).end();
    ended.ended_with(1);
    let (well, failed) = outcomes(&ended);
    assert_eq!(well, 0, "no response");
    assert!((32..=32 + 110).contains(&failed.len()), "{} attempts in a second", failed.len());
    assert_eq!(counter(&ended, "requests_backed_off"), json!(failed.len()), "each was retried after a delay");
}

#[test]
fn the_users_headers_replace_the_defaults() {
    needs_programs!();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Hostile::accepting(move |_, mut stream| {
        while let Some(head) = read_request(&stream) {
            if head.starts_with("POST") {
                seen.lock().unwrap().push(head);
            }
            stream_response(&mut stream);
        }
    });
    let flags = "--request-count 1 -H host:model.example -H User-Agent:mine/1 -H accept:text/plain -H Content-Type:application/x \
                 -H X-Request-ID:own";
    Run::profile(&server.url(), flags).end().ended_with(0);
    let head = heads.lock().unwrap().pop().unwrap();
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect::<Vec<_>>();
    lines.retain(|(name, _)| !matches!(*name, "X-Correlation-ID" | "Content-Length"));
    lines.sort_unstable();
    let expected = [
        ("Content-Type", "application/x"),
        ("User-Agent", "mine/1"),
        ("X-Request-ID", "own"),
        ("accept", "text/plain"),
        ("host", "model.example"),
    ];
    assert_eq!(lines, expected, "none twice: {head}");
    let refused = Run::profile(&server.url(), "--request-count 1 -H Content-Length:3").end();
    refused.ended_with(2);
    assert!(refused.err.contains("Content-Length"), "{}", refused.err);
}

/// A stream that a proxy has compressed has the same events.
#[test]
fn coded_streams_are_decoded() {
    needs_programs!();
    let server = Hostile::accepting(|_, mut stream| {
        while read_request(&stream).is_some() {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            for event in [TOKEN, TOKEN, DONE] {
                encoder.write_all(event).unwrap();
                encoder.flush().unwrap();
            }
            let body = encoder.finish().unwrap();
            respond(&mut stream, "content-type: text/event-stream\r\ncontent-encoding: gzip\r\n", &body);
        }
    });
    let ended = Run::profile(&server.url(), "--request-count 2 --export-level raw --tokenizer builtin").end();
    ended.ended_with(0);
    for record in ended.records() {
        assert_eq!(record.get("error"), None, "{record}");
        assert_eq!(record["metrics"]["output_sequence_length"]["value"], 3, "{record}");
    }
    let raw = ended.lines("profile_export_raw.jsonl").iter().map(Value::to_string).collect::<String>();
    assert!(raw.contains("word "), "the decoded events: {raw}");
    let server = Hostile::accepting(|_, mut stream| {
        while read_request(&stream).is_some() {
            respond(&mut stream, "content-encoding: compress\r\n", b"\x1f\x9d\x90");
        }
    });
    let ended = Run::profile(&server.url(), "--request-count 1").end();
    ended.ended_with(1);
    let message = ended.records()[0]["error"]["message"].to_string();
    assert!(message.contains("content-encoding `compress`"), "an unsupported encoding is named: {message}");
}

/// A server that speaks another protocol is named in the error, and so are limits.
#[test]
fn invalid_responses_are_described() {
    needs_programs!();
    let check = |bytes: &'static [u8], expected: &str| {
        let server = Hostile::responding(move |_, _, stream| drop(stream.write_all(bytes)));
        let ended = Run::profile(&server.url(), "--request-count 1").end();
        ended.ended_with(1);
        let error = ended.records()[0]["error"].to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    };
    check(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff", "HTTP/2");
    check(b"\x15\x03\x01\0\x02\x02\x46", "https://");
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    head.extend(b"a: b\r\n".repeat(200));
    check(head.leak(), "more than 128 lines");
}
