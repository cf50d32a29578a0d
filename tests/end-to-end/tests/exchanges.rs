//! What is on the wire between load generator and server: connections that end, headers, codings, and servers that are dead.

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

/// A stream that is whole, on a connection that is kept.
fn answer(stream: &mut TcpStream) {
    respond(stream, "content-type: text/event-stream\r\n", &[TOKEN, DONE].concat());
}

fn respond(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    // Whoever reads may have gone.
    stream.write_all(&[head.as_bytes(), body].concat()).ok();
}

fn counter(ended: &Ended, name: &str) -> Value {
    ended.json("run.json")["counters"][name].clone()
}

/// The requests that ended well, and the types of the other ones' errors.
fn outcomes(ended: &Ended) -> (usize, Vec<String>) {
    let records = ended.records();
    let failed = records.iter().filter_map(|record| record["error"]["type"].as_str().map(str::to_owned));
    let failed = failed.collect::<Vec<_>>();
    (records.len() - failed.len(), failed)
}

/// A server that closes each connection as its second request comes: that is sent again, once.
#[test]
fn a_request_that_meets_the_end_of_its_connection_is_sent_again() {
    needs_programs!();
    for is_reset in [false, true] {
        let server = Hostile::accepting(move |_, mut stream| {
            if read_request(&stream).is_some() {
                answer(&mut stream);
            }
            if is_reset {
                // Bytes that are not read make a reset of the end.
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
        assert_eq!(reused.count(), 0, "the connection that answered is the request's");
    }
}

/// The end of a connection that carried nothing before is the server's fault, as is the second one of a request.
#[test]
fn a_request_is_sent_no_more_than_twice_and_on_a_new_connection_once() {
    needs_programs!();
    let server = Hostile::accepting(|_, stream| drop(read_request(&stream)));
    let ended = Run::profile(&server.url(), "--request-count 4 --concurrency 1").end();
    ended.ended_with(1);
    assert_eq!(outcomes(&ended), (0, vec!["connection_closed".to_owned(); 4]), "none was sent again");
    assert_eq!(counter(&ended, "keep_alive_races"), json!(0), "no race");
    let requests = AtomicU64::new(0);
    let server = Hostile::accepting(move |_, mut stream| {
        // All but the very first request end their connections.
        while read_request(&stream).is_some() && requests.fetch_add(1, Ordering::Relaxed) == 0 {
            answer(&mut stream);
        }
    });
    let ended = Run::profile(&server.url(), "--request-count 2 --concurrency 1").end();
    assert_eq!(outcomes(&ended), (1, vec!["connection_closed".to_owned()]), "the second end is a failure");
    assert_eq!(counter(&ended, "keep_alive_races"), json!(1), "it was sent twice");
}

/// A dead server is attempted a hundred times a second by a worker, not as often as it refuses.
#[test]
fn a_dead_server_is_not_stormed() {
    needs_programs!();
    let flags = "--benchmark-duration 1 --benchmark-grace-period 1 --concurrency 32 --workers 1";
    let ended = Run::profile(&vanishing(), flags).end();
    ended.ended_with(1);
    let (well, failed) = outcomes(&ended);
    assert_eq!(well, 0, "nobody answers");
    assert!((32..=32 + 110).contains(&failed.len()), "{} attempts in a second", failed.len());
    assert_eq!(
        counter(&ended, "requests_backed_off"),
        json!(failed.len()),
        "each left its place empty for a while"
    );
}

#[test]
fn headers_of_the_user_take_the_place_of_ours() {
    needs_programs!();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Hostile::accepting(move |_, mut stream| {
        while let Some(head) = read_request(&stream) {
            if head.starts_with("POST") {
                seen.lock().unwrap().push(head);
            }
            answer(&mut stream);
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

/// A stream that a proxy has compressed is one of the same events.
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
    assert!(message.contains("content-encoding `compress`"), "what is not decoded is named: {message}");
}

/// A server that asks for another protocol is named, and so are limits.
#[test]
fn what_is_no_answer_says_what_it_is() {
    needs_programs!();
    let check = |bytes: &'static [u8], expected: &str| {
        let server = Hostile::answering(move |_, _, stream| drop(stream.write_all(bytes)));
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
