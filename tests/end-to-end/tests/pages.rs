//! Tests the pages: a report that is opened from a file without a network, and the page of a run that goes on.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::browser::open;
use end_to_end::cgroup::Own;
use end_to_end::client::{Ended, Run, Running};
use end_to_end::needs_probes;
use end_to_end::patience::until;
use end_to_end::server::Server;
use end_to_end::watched::{lacks, watching};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

#[test]
fn a_report_is_read_without_a_network() {
    if lacks("chromium") {
        return;
    }
    let server = Server::start("--tokens 6 --ttft-ms 20 --gap-ms 3");
    let ended = Run::profile(&server.url(), "--request-count 24 --concurrency 4 --tokenizer builtin").end();
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let page = open(&format!("file://{}/report.html", ended.artifacts().display()), false);
    assert_eq!(page.console, Vec::<String>::new(), "nothing fails, nothing is blocked");
    assert!(page.dom.contains("Verdict: "), "the verdict");
    assert!(page.dom.matches("<svg").count() >= 4, "figures");
    assert!(!page.dom.contains("id=\"explorer\" hidden"), "the script runs");
    let what = page.text("explorer-what");
    assert!(
        what.starts_with("24 requests of 24; stages by the kernel's stamps, due and read by the client;"),
        "{what}"
    );
    slowest_is_shown(&page.text("explorer-row"), &ended);
}

/// The request that the explorer shows first is the slowest, with the stages of its record.
fn slowest_is_shown(row: &str, ended: &Ended) {
    let requests = store::parquet::rows::<record::Request>(&ended.artifacts().join("requests.parquet"));
    let requests = requests.unwrap().flat_map(Result::unwrap).collect::<Vec<_>>();
    let length = |request: &record::Request| request.ended_ns.0 - request.due_ns.0;
    let slowest = requests.iter().max_by_key(|request| length(request)).unwrap();
    assert!(row.starts_with(&format!("Request {}:", slowest.request_id.0)), "{row}");
    for stage in
        ["waits for the client", "is sent", "waits for the response", "is received", "is read by the client"]
    {
        assert!(row.contains(stage), "{stage}: {row}");
    }
    // What the page counts from is whole microseconds.
    let last = row.split(" ms ").filter_map(|part| part.rsplit(' ').next()?.parse::<f64>().ok());
    let shown_us = last.fold(0.0, f64::max) * 1e3;
    let length_us = f64::from(u32::try_from(length(slowest) / 1000).unwrap());
    assert!((shown_us - length_us).abs() <= 1.5, "{shown_us} for {length_us}: {row}");
    assert!(row.contains("completed;"), "{row}");
}

/// The address of the page that a command has printed, with its token.
fn printed(running: &Running) -> (SocketAddr, Option<String>) {
    let line = until("the page's address", || {
        let err = running.err();
        err.lines().find_map(|line| Some(line.strip_prefix("live page: http://")?.to_owned()))
    });
    let (address, query) = line.split_once('/').unwrap();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    (SocketAddr::new([127, 0, 0, 1].into(), port), query.strip_prefix("?token=").map(str::to_owned))
}

/// The head of a response, and the stream that it came on.
fn ask(address: SocketAddr, line: &str, headers: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{line} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{line}: {head}");
    }
    (head, reader)
}

/// The next event of a stream: its name and its data.
fn event(stream: &mut impl BufRead) -> Option<(String, Value)> {
    let (mut name, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).unwrap() > 0 {
        if let Some(text) = line.strip_prefix("event: ") {
            text.trim().clone_into(&mut name);
        }
        if let Some(data) = line.strip_prefix("data: ") {
            return Some((name, serde_json::from_str(data).unwrap()));
        }
        line.clear();
    }
    None
}

#[test]
fn a_run_is_seen_on_a_page_while_it_goes_on() {
    let server = Server::start("--tokens 4 --ttft-ms 20 --gap-ms 2");
    let flags = "--benchmark-duration 4 --concurrency 4 --tokenizer builtin --web 127.0.0.1:0";
    let running = Run::profile(&server.url(), flags).start();
    let (address, token) = printed(&running);
    assert_eq!(token, None, "who is on this host needs none");
    let host = format!("host: {address}\r\n");
    let status =
        |line: &str, headers: &str| ask(address, line, headers).0.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(status("GET /", &host), "200");
    assert_eq!(status("GET /", "host: evil.example\r\n"), "421", "another site's page");
    assert_eq!(status("GET /", ""), "421", "nobody's page");
    assert_eq!(status("POST /", &host), "405", "it only reads");
    assert_eq!(status("GET /../etc/passwd", &host), "404");
    // Pages that do not read hold up nothing.
    let silent = (0..8).map(|_| ask(address, "GET /events", &host)).collect::<Vec<_>>();
    let (head, mut stream) = ask(address, "GET /events", &host);
    assert!(head.contains("text/event-stream"), "{head}");
    // The bytes of a chunked body: events are on lines of their own.
    let (_, first) = event(&mut stream).unwrap();
    assert!(first["status"].as_str().unwrap().contains("State"), "{first}");
    let page = (!lacks("chromium")).then(|| open(&format!("http://{address}/"), true));
    let events = std::iter::from_fn(|| event(&mut stream)).collect::<Vec<_>>();
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    drop(silent);
    assert!(
        events.iter().any(|(_, parts)| parts["plots"].as_str().is_some_and(|html| html.contains("<svg")))
    );
    let (name, last) = events.last().unwrap();
    assert_eq!(name, "end", "the last");
    assert!(last["runs"].as_str().is_none_or(|html| html.contains("requests")), "{last}");
    let latencies = events.iter().rev().find_map(|(_, parts)| parts["latencies"].as_str()).unwrap();
    assert!(latencies.contains("Kernel Time to First Token"), "{latencies}");
    if let Some(page) = page {
        assert_eq!(page.console, Vec::<String>::new(), "nothing fails, nothing is blocked");
        assert_eq!(page.text("connection"), "ended");
        assert!(page.text("latencies").contains("Kernel Time to First Token"), "{}", page.text("latencies"));
        assert!(page.text("runs").contains("0 failed"), "{}", page.text("runs"));
    }
}

#[test]
fn a_page_that_others_can_reach_needs_its_token() {
    let server = Server::start("--tokens 2");
    let running = Run::profile(&server.url(), "--benchmark-duration 2 --web 0.0.0.0:0").start();
    let (address, token) = printed(&running);
    let token = token.unwrap();
    let status = |line: &str, headers: &str| {
        let (head, _) = ask(address, line, headers);
        (head.split(' ').nth(1).unwrap().to_owned(), head)
    };
    for path in ["/", "/events", "/now.json", "/?token=", "/?token=0", "/?x=1"] {
        assert_eq!(status(&format!("GET {path}"), "host: a\r\n").0, "401", "{path}");
    }
    for cookie in ["aiperf_token=", "aiperf_token=x", "other=1"] {
        let headers = format!("host: a\r\ncookie: {cookie}\r\n");
        assert_eq!(status("GET /now.json", &headers).0, "401", "{cookie}");
    }
    let (entered, head) = status(&format!("GET /?token={token}"), "host: a\r\n");
    assert_eq!(entered, "303", "{head}");
    assert!(head.contains("HttpOnly; SameSite=Strict"), "{head}");
    let headers = format!("host: a\r\ncookie: other=1; aiperf_token={token}\r\n");
    let (head, mut body) = ask(address, "GET /now.json", &headers);
    assert!(head.contains(" 200 "), "{head}");
    let mut text = String::new();
    body.read_to_string(&mut text).unwrap();
    assert!(text.contains("\"directory\"") && !text.contains(&token), "{text}");
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let stored = std::fs::read_to_string(ended.artifacts().join("run.json")).unwrap();
    assert!(!stored.contains(&token), "the token is in no file");
}

#[test]
fn an_observation_has_a_page_too() {
    needs_probes!();
    let group = Own::make();
    let _server = Server::start_in(&group, "--tokens 2");
    let flags = ["--cgroup", group.name(), "--side", "server", "--duration", "1", "--web", "127.0.0.1:0"];
    let running = watching("observe", &flags).start();
    let (address, _) = printed(&running);
    let (head, mut body) = ask(address, "GET /now.json", &format!("host: {address}\r\n"));
    assert!(head.contains(" 200 "), "{head}");
    let mut text = String::new();
    body.read_to_string(&mut text).unwrap();
    let now = serde_json::from_str::<Value>(&text).unwrap();
    assert_eq!(now["messages_before"], 0, "{now}");
    let ended = running.end();
    assert_eq!(ended.status, Some(3), "nothing was seen: {}", ended.err);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_refused() {
    let ended = Run::profile("http://127.0.0.1:9", "--request-count 1 --web 192.0.2.1:80").end();
    assert_eq!(ended.status, Some(2), "{}", ended.err);
    assert!(ended.err.contains("--web: failed to listen on `192.0.2.1:80`"), "{}", ended.err);
    let ended = Run::profile("http://127.0.0.1:9", "--request-count 1 --web here").end();
    assert_eq!(ended.status, Some(2), "{}", ended.err);
    assert!(ended.err.contains("such as 127.0.0.1:8050"), "{}", ended.err);
}
