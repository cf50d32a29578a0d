//! Tests echoed keys, unreachable servers, files with excessive demands: each ends with a clear error.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::hostile::{DONE, Hostile, STREAM, TOKEN, vanishing};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use rustix::net::sockopt::set_socket_linger;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Every file below a directory that contains these bytes.
fn containing(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let found = entries.flat_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return containing(&path, bytes);
        }
        let text = fs::read(&path).unwrap();
        let holds = text.windows(bytes.len()).any(|window| window == bytes);
        if holds { vec![path.display().to_string()] } else { Vec::new() }
    });
    found.collect()
}

/// A key echoed by the server is not stored: not in records, not in raw bytes, not on the console.
#[test]
fn a_key_that_is_echoed_is_redacted() {
    needs_programs!();
    const KEY: &str = "sk-verysecret/0123+456=";
    const BASE64: &str = "c2stdmVyeXNlY3JldC8wMTIzKzQ1Nj0";
    let server = Hostile::responding(|number, head, stream| {
        let key = head.lines().find_map(|line| line.strip_prefix("Authorization: Bearer ")).unwrap();
        assert_eq!(key, KEY, "the server receives the key");
        let body =
            json!({"error": {"message": format!("{key} or {BASE64} or sk-verysecret%2F0123%2B456%3D")}})
                .to_string();
        let status = if number % 2 == 0 { "401 Unauthorized" } else { "200 OK" };
        let head = format!(
            "HTTP/1.1 {status}\r\nwww-authenticate: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok();
        stream.write_all(body.as_bytes()).ok();
    });
    for level in ["records", "raw"] {
        let flags = format!("--request-count 4 --connection-reuse-strategy never --export-level {level}");
        let mut run = Run::profile(&server.url(), &flags);
        run.command.args(["--api-key", KEY]);
        let ended = run.end();
        ended.ended_with(1);
        for form in [KEY, BASE64, "sk-verysecret"] {
            assert_eq!(containing(&ended.artifacts(), form.as_bytes()), [""; 0], "{form} at level {level}");
            assert!(!ended.out.contains(form) && !ended.err.contains(form), "{}{}", ended.out, ended.err);
        }
        for record in ended.records() {
            let message = record["error"]["message"].as_str().unwrap();
            assert!(message.contains("[redacted] or [redacted]"), "{message}");
        }
    }
}

/// In a closed loop, an unreachable server is retried after a delay, not at once.
#[test]
fn retries_to_an_unreachable_server_are_limited() {
    needs_programs!();
    let closed = |url: &str, flags: &str| {
        let flags = format!("--concurrency 4 --benchmark-duration 2 --benchmark-grace-period 0 {flags}");
        let ended = Run::profile(url, &flags).end();
        ended.ended_with(1);
        ended.records().len()
    };
    let attempts = closed(&vanishing(), "");
    assert!((8..220).contains(&attempts), "{attempts} attempts without a server, each with a record");
    let server = Hostile::accepting(|_, stream| drop(stream));
    let attempts = closed(&server.url(), "");
    assert!((8..220).contains(&attempts), "{attempts} attempts on a server that hangs up");
    let server = Hostile::accepting(|_, stream| {
        // Resets instead of closing.
        set_socket_linger(&stream, Some(Duration::ZERO)).ok();
    });
    let attempts = closed(&server.url(), "--conversation-turn-mean 3");
    assert!((8..220).contains(&attempts), "{attempts} attempts on a server that resets");
}

/// A rate is kept whatever the outcome of its requests: each fails when it is due.
#[test]
fn a_rate_is_not_slowed_by_failures() {
    needs_programs!();
    let ended =
        Run::profile(&vanishing(), "--request-rate 200 --arrival-pattern constant --request-count 200").end();
    ended.ended_with(1);
    let counters = &ended.json("run.json")["counters"];
    assert_eq!(counters["requests_failed"], 200, "every one of them: {counters}");
    let begins = ended.records().into_iter().map(|record| record["metadata"]["request_start_ns"].as_u64());
    let begins = begins.collect::<Option<Vec<_>>>().unwrap_or_default();
    let (first, last) = (begins.iter().min(), begins.iter().max());
    let span = last.zip(first).map_or(0, |(last, first)| last - first);
    assert!(span < 1_300_000_000, "200 requests at 200 a second took {span} ns");
}

/// When the server is back, requests reach it again.
#[test]
fn a_server_that_comes_back_is_found() {
    needs_programs!();
    let server = Hostile::responding(|number, _, stream| {
        if number >= 12 {
            [STREAM, TOKEN, DONE].iter().for_each(|part| drop(stream.write_all(part)));
        }
    });
    let flags = "--concurrency 2 --request-count 40 --connection-reuse-strategy never";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(3);
    let failed = ended.records().iter().filter(|record| record.get("error").is_some()).count();
    assert_eq!(failed, 12, "those before it came back");
}

/// A profile with a file of these bytes and these flags.
fn with_file(url: &str, bytes: &[u8], flags: &str) -> Ended {
    let mut run = Run::of("profile");
    fs::write(run.folder.path().join("given.json"), bytes).unwrap();
    fs::create_dir(run.folder.path().join("given")).unwrap();
    fs::write(run.folder.path().join("given/tokenizer.json"), bytes).unwrap();
    run.command.args(["--model", "m", "--ui", "none", "--artifact-dir", "artifacts", "--url", url]);
    run.command.args(flags.split(' '));
    run.without_daemon().end()
}

#[test]
fn absurd_numbers_of_datasets_are_refused_by_row_and_field() {
    needs_programs!();
    let server = Server::start("");
    for (rows, expected) in [
        (
            "{\"input_length\":18446744073709551615,\"output_length\":1}",
            "line 1: `input_length` of 18446744073709551615",
        ),
        ("{\"text\":\"a\"}\n{\"text\":\"a\",\"timestamp\":1e300}", "line 2: `timestamp` of 1e300"),
        (
            "Timestamp,Request tokens,Response tokens\n1,4294967295,1",
            "line 2: `Request tokens` of 4294967295",
        ),
    ] {
        let ended = with_file(&server.url(), rows.as_bytes(), "--input-file given.json --request-count 1");
        ended.ended_with(2);
        assert!(ended.err.contains(expected), "{expected}: {}", ended.err);
    }
}

#[test]
fn templates_and_tokenizers_without_bound_are_refused() {
    needs_programs!();
    let server = Server::start("");
    let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}";
    let doubles = "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}";
    for template in [loops, doubles] {
        let flags =
            "--endpoint-type template --extra-inputs payload_template:given.json --request-count 1 --isl 8";
        let ended = with_file(&server.url(), template.as_bytes(), flags);
        ended.ended_with(2);
        assert!(ended.err.contains("fuel"), "{}", ended.err);
    }
    let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
    let tokenizer = json!({
        "version": "1.0", "normalizer": {"type": "Sequence", "normalizers": vec![double; 40]},
        "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    });
    let flags = "--tokenizer given --request-count 1 --isl 8";
    let ended = with_file(&server.url(), tokenizer.to_string().as_bytes(), flags);
    ended.ended_with(2);
    assert!(ended.err.contains("its normalizer makes texts"), "{}", ended.err);
}

#[test]
fn a_missing_tls_handshake_is_identified() {
    needs_programs!();
    let server = Hostile::accepting(|_, stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let url = server.url().replace("http://", "https://");
    let ended = Run::profile(&url, "--request-count 1").end();
    ended.ended_with(1);
    assert!(ended.err.contains("did not answer the TLS handshake within 10 s"), "{}", ended.err);
}

/// Pseudo-random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A response that is truncated anywhere, damaged, delayed, reset or garbage.
fn behave(seed: u64, stream: &mut TcpStream) {
    let mut dice = Dice(seed);
    let mut response =
        [STREAM, TOKEN, b": ping\n\n", TOKEN, b"data: {\"error\":{\"message\":\"no\"}}\n\n", TOKEN, DONE]
            .concat();
    match dice.roll(6) {
        0 => response = (0..dice.roll(300)).map(|_| u8::try_from(dice.roll(256)).unwrap_or(0)).collect(),
        1 => response.truncate(usize::try_from(dice.roll(response.len() as u64)).unwrap_or(0)),
        2 => {
            let place = usize::try_from(dice.roll(response.len() as u64)).unwrap_or(0);
            response[place] ^= 1 << dice.roll(8);
        }
        _ => {}
    }
    let mut rest = response.as_slice();
    while !rest.is_empty() {
        let size = usize::try_from(dice.roll(90) + 1).unwrap_or(1).min(rest.len());
        if stream.write_all(&rest[..size]).is_err() {
            return;
        }
        rest = &rest[size..];
        if dice.roll(4) == 0 {
            std::thread::sleep(Duration::from_micros(dice.roll(2000)));
        }
    }
    if dice.roll(3) == 0 {
        set_socket_linger(&*stream, Some(Duration::ZERO)).ok();
    }
}

/// Whatever a server does, every request ends exactly once, and the counts add up.
#[test]
fn random_servers() {
    needs_programs!();
    for (seed, flags) in
        [(1, ""), (2, "--conversation-turn-mean 3"), (3, "--export-level raw --request-rate 400")]
    {
        let server = Hostile::responding(move |number, _, stream| behave(seed * 1_000_003 + number, stream));
        let load = format!("--request-count 150 --concurrency 8 --request-timeout-seconds 5 {flags}");
        let ended = Run::profile(&server.url(), &load).end();
        let is_invalid = ended.json("run.json")["verdict"]["standing"] == "invalid";
        let is_right = match ended.status {
            Some(0) => !is_invalid,
            Some(1 | 3) => is_invalid,
            _ => false,
        };
        assert!(is_right, "{:?} with an invalid verdict: {is_invalid}: {}", ended.status, ended.err);
        let records = ended.records();
        let ids = records.iter().map(|record| record["metadata"]["x_request_id"].to_string());
        let ids = ids.collect::<std::collections::HashSet<_>>();
        assert_eq!((records.len(), ids.len()), (150, 150), "each request once: {flags}");
        let counters = &ended.json("run.json")["counters"];
        let count = |name: &str| counters[name].as_u64().unwrap_or(0);
        assert_eq!(count("requests_completed") + count("requests_failed"), 150, "{counters}");
        for record in &records {
            let time = |name: &str| record["metadata"][name].as_u64().unwrap_or(0);
            assert!(time("request_end_ns") >= time("request_start_ns"), "no end before the start: {record}");
        }
    }
}
