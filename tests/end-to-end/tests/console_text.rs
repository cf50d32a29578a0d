//! Tests that foreign text on the console is escaped: a server's errors, a stored run's texts, labels of metrics.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::exporter::Exporter;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

/// Text that a terminal would execute: it sets the title, clears the screen, hides text, opens a link, reverses text.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[8mhidden\u{9b}31m\u{1b}]8;;http://x\u{1b}\\click\u{85}\r\u{202e}txt.exe\u{2066}\u{200b}\u{2028}";

/// No character that a terminal interprets or hides, except line ends.
#[track_caller]
fn is_plain(what: &str, text: &str) {
    let obeyed = |one: &char| {
        (one.is_control() && *one != '\n')
            || matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let found = text.chars().filter(obeyed).collect::<Vec<_>>();
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
}

fn is_plain_everywhere(ended: &Ended) {
    is_plain("standard output", &ended.out);
    is_plain("standard error", &ended.err);
    is_plain(
        "the console's file",
        &fs::read_to_string(ended.artifacts().join("profile_export_console.txt")).unwrap(),
    );
}

/// A server that returns an error with this text for every request.
fn refusing(words: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = serde_json::json!({ "error": { "message": words, "type": words } }).to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let body = body.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    let lowered = line.to_lowercase();
                    length = lowered
                        .strip_prefix("content-length:")
                        .map_or(length, |it| it.trim().parse().unwrap());
                    line.clear();
                }
                std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok();
                let head = format!(
                    "HTTP/1.1 500 Bad\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let mut stream = stream;
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok();
            });
        }
    });
    url
}

#[test]
fn a_servers_errors_are_escaped() {
    needs_programs!();
    let ended = Run::profile(&refusing(HOSTILE), "--request-count 3").end();
    ended.ended_with(1);
    is_plain_everywhere(&ended);
    assert!(ended.out.contains("\\u001b]0;owned"), "they are shown: {}", ended.out);
}

#[test]
fn a_stored_runs_texts_are_escaped() {
    needs_programs!();
    let server = Server::start("");
    let ended = Run::profile(&server.url(), "--request-count 3").end();
    ended.ended_with(0);
    let path = ended.artifacts().join("run.json");
    let mut run = ended.json("run.json");
    run["verdict"] = serde_json::json!({ "standing": "degraded", "reasons": [
        { "name": HOSTILE, "standing": "degraded", "text": format!("{HOSTILE} {}", "x".repeat(1 << 20)), "figures": [] },
    ] });
    for word in ["timestamps", "timestamps_reason", "run_id", "version"] {
        run[word] = HOSTILE.into();
    }
    run["streamed"] =
        serde_json::json!([{ "to": HOSTILE, "succeeded": 0, "failed": 1, "dropped": 1, "problem": HOSTILE }]);
    fs::write(&path, run.to_string()).unwrap();
    let mut report = Run::of("report");
    report.command.arg(ended.artifacts());
    let report = report.end();
    report.ended_with(0);
    is_plain("standard output", &report.out);
    is_plain("standard error", &report.err);
    assert!(report.out.contains("\\u001b]0;owned") && report.out.len() < 100_000, "they are shown, and cut");
    fs::write(&path, format!("{{\"schema_version\": \"{HOSTILE}")).unwrap();
    let mut broken = Run::of("report");
    broken.command.arg(ended.artifacts());
    is_plain("standard error", &broken.end().err);
}

#[test]
fn labels_are_not_formulas() {
    needs_programs!();
    let server = Server::start("");
    let labels = "a=\"=HYPERLINK(\\\"http://x\\\",1)\",b=\"@SUM(A1)\",c=\"+1\",d=\"-x\"";
    let exporter = Exporter::start(vec![format!("# TYPE queue gauge\nqueue{{{labels}}} 3\n").into_bytes()]);
    let flags = format!("--request-count 8 --server-metrics {}", exporter.url());
    let ended = Run::profile(&server.url(), &flags).end();
    ended.ended_with(0);
    let csv = fs::read_to_string(ended.artifacts().join("server_metrics_export.csv")).unwrap();
    for cell in ["'=HYPERLINK(", "'@SUM(A1)", "'-x", "+1"] {
        assert!(csv.contains(cell), "{cell} in {csv}");
    }
    let cells = csv.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split(','));
    let runs = cells.filter(|cell| cell.trim_matches('"').starts_with(['=', '@'])).collect::<Vec<_>>();
    assert_eq!(runs, Vec::<&str>::new(), "in {csv}");
}

#[test]
fn keys_in_urls_reach_the_server_and_no_file() {
    needs_programs!();
    let server = Server::start("");
    let url = format!("{}?api-version=7&api-key=hush-hush-hush", server.url());
    let ended = Run::profile(&url, "--request-count 4 --export-level raw --network-latency-automatic").end();
    ended.ended_with(0);
    let seen = ended.json("run.json");
    let expected = format!("{}?api-version=7&api-key=[redacted]", server.url());
    assert_eq!(seen["plan"]["endpoint"]["urls"][0], Value::from(expected), "{seen}");
    for text in [&ended.out, &ended.err] {
        assert!(!text.contains("hush"), "{text}");
    }
    for entry in fs::read_dir(ended.artifacts()).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap();
        let has = bytes.windows(4).any(|part| part == b"hush");
        assert!(!has, "{} contains the key", entry.path().display());
    }
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = Run::profile(&format!("http://{dead}?api-key=hush-hush-hush"), "--request-count 1").end();
    assert!(!refused.err.contains("hush") && refused.err.contains("[redacted]"), "{}", refused.err);
}
