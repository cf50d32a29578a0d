//! The server as its clients see it: the bytes received, and whether the log has the right end of each event.
//!
//! Nothing here looks at times, except that a write's stamps are in order.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A server that ends with the test.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a server that responds at once, except for the effect of `flags`.
    fn start(flags: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mock-server"))
            .args(["--ttft-ms", "0", "--gap-ms", "0", "--tokens", "3"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on ").unwrap().trim_end().parse().unwrap();
        Self { process, address }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// Sends a request with `connection: close`, and reads everything; true for a clean end.
    fn exchange(&self, request: &[u8]) -> (Vec<u8>, bool) {
        let mut client = self.connect();
        client.write_all(request).unwrap();
        read_all(&mut client)
    }

    /// The body of a reply to a GET.
    fn get(&self, path: &str) -> String {
        let (reply, _) =
            self.exchange(format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n").as_bytes());
        let reply = String::from_utf8(reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "GET {path} returned {head}");
        body.to_owned()
    }

    /// The log's lines, without the summary.
    fn log(&self) -> Vec<Value> {
        let mut lines = lines(&self.get("/mock/log"));
        let summary = lines.pop().unwrap();
        assert!(summary["summary"].is_object(), "the last line is {summary}");
        lines
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A streamed chat request on a connection that is closed afterwards.
fn chat(query: &str) -> Vec<u8> {
    post(&format!("/v1/chat/completions{query}"), r#"{"model":"m","stream":true}"#)
}

fn post(target: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

fn read_all(client: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    match client.read_to_end(&mut bytes) {
        Ok(_) => (bytes, true),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => (bytes, false),
        Err(error) => panic!("failed to read: {error}"),
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The kinds of a log line's events.
fn kinds(line: &Value) -> Vec<&str> {
    line["events"].as_array().unwrap().iter().map(|event| event[0].as_str().unwrap()).collect()
}

/// Checks that each event of a log line ends in `received` at its logged offset, and that its stamps are in order.
#[track_caller]
fn check_offsets(line: &Value, received: &[u8], line_end: &str) {
    let mut reached = line["read_ns"].as_u64().unwrap();
    for event in line["events"].as_array().unwrap() {
        let (before, after) = (event[1].as_u64().unwrap(), event[2].as_u64().unwrap());
        assert!(reached <= before && before <= after, "stamps run backwards at {event} of {line}");
        reached = before;
        let end = usize::try_from(event[3].as_u64().unwrap()).unwrap();
        let until = &received[..end];
        let expected = match event[0].as_str().unwrap() {
            "head" => "\r\n\r\n".to_owned(),
            "role" => format!(
                "\"content\":\"\"}},\"logprobs\":null,\"finish_reason\":null}}]}}{line_end}{line_end}"
            ),
            "token" => format!("}}]}}{line_end}{line_end}"),
            "usage" => format!("}}}}{line_end}{line_end}"),
            "done" => format!("data: [DONE]{line_end}{line_end}"),
            "body" | "error" => "}".to_owned(),
            kind => panic!("no such kind: {kind}"),
        };
        let tail = String::from_utf8_lossy(&until[until.len().saturating_sub(120)..]);
        assert!(until.ends_with(expected.as_bytes()), "{event} ends after {tail:?}");
    }
}

/// Starts a server, sends one request with `query`, and checks what is received and what is logged.
#[track_caller]
fn check(flags: &[&str], query: &str, ends_cleanly: bool, expected_kinds: &[&str], contains: &[&str]) {
    let server = Server::start(flags);
    let (received, is_clean) = server.exchange(&chat(query));
    let text = String::from_utf8_lossy(&received);
    let context = format!("flags {flags:?} and query {query:?}, received {:.2000}", text);
    assert_eq!(is_clean, ends_cleanly, "whether the end is clean with {context}");
    for expected in contains {
        assert!(text.contains(expected), "{expected:?} is missing with {context}");
    }
    let log = server.log();
    assert_eq!(log.len(), 1, "one request with {context}");
    assert_eq!(kinds(&log[0]), expected_kinds, "the events with {context}");
}

const WHOLE: &[&str] = &["head", "role", "token", "token", "token", "done"];

#[test]
fn a_stream_follows_the_script() {
    let server = Server::start(&[]);
    let (received, _) = server.exchange(&chat(""));
    let text = String::from_utf8(received.clone()).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "the head of {text}");
    assert!(text.ends_with("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"), "the end of {text}");
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"))
        .map(|rest| serde_json::from_str(&format!("{{{rest}")).unwrap())
        .collect();
    let deltas: Vec<String> = events.iter().map(|event| event["choices"][0]["delta"].to_string()).collect();
    let token = r#"{"content":" tok"}"#;
    assert_eq!(deltas, [r#"{"role":"assistant","content":""}"#, token, token, token], "the deltas");
    for event in &events {
        assert_eq!(event["object"], "chat.completion.chunk", "the object of {event}");
        assert_eq!(event["model"], "m", "the model of {event}");
        assert_eq!(event["id"], "chatcmpl-0000000000000001", "the id of {event}");
        let finish = if event == events.last().unwrap() { Value::from("stop") } else { Value::Null };
        assert_eq!(event["choices"][0]["finish_reason"], finish, "the finish reason of {event}");
    }
}

#[test]
fn the_log_has_the_end_of_each_event() {
    for (name, line_end) in [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")] {
        for writes in
            [&["--ttft-ms=0"][..], &["--separate-writes"], &["--fault=trickle"], &["--fault=split:7"]]
        {
            let server =
                Server::start(&[&["--line-end", name, "--usage=always", "--comments"], writes].concat());
            let mut client = server.connect();
            let requests = 3;
            for number in 0..requests {
                let body = r#"{"stream":true}"#;
                let connection = if number + 1 == requests { "close" } else { "keep-alive" };
                let request = format!(
                    "POST /v1/chat/completions HTTP/1.1\r\nX-Request-ID: r{number}\r\nconnection: {connection}\r\n\
                     content-length: {}\r\n\r\n{body}",
                    body.len()
                );
                client.write_all(request.as_bytes()).unwrap();
            }
            let port = client.local_addr().unwrap().port();
            let (received, _) = read_all(&mut client);
            let log = server.log();
            assert_eq!(log.len(), requests, "a line a request");
            let mut begin = 0;
            for (number, line) in log.iter().enumerate() {
                assert_eq!(line["request_id"], format!("r{number}"), "the id of {line}");
                assert_eq!(line["peer_port"], port, "the port of {line}");
                assert_eq!(line["response_begin"], begin, "where {line} starts");
                check_offsets(line, &received, line_end);
                let last = line["events"].as_array().unwrap().last().unwrap()[3].as_u64().unwrap();
                begin = last + u64::try_from("\r\n0\r\n\r\n".len()).unwrap();
            }
            assert_eq!(begin, u64::try_from(received.len()).unwrap(), "nothing follows the last response");
        }
    }
}

#[test]
fn each_event_of_a_timed_stream_has_its_own_write() {
    let server = Server::start(&["--ttft-ms=1", "--gap-ms=0.5", "--role-lead-ms=0.3", "--usage=always"]);
    let (received, _) = server.exchange(&chat(""));
    let log = server.log();
    check_offsets(&log[0], &received, "\n");
    let events = log[0]["events"].as_array().unwrap();
    let mut stamps: Vec<u64> = events.iter().map(|event| event[1].as_u64().unwrap()).collect();
    assert_eq!(stamps[0], stamps[1], "head and role share a write");
    stamps.dedup();
    assert_eq!(stamps.len(), events.len() - 1, "the others do not: {}", log[0]);
}

#[test]
fn whole_replies_and_errors_are_logged_as_bodies() {
    let server = Server::start(&[]);
    for (target, body, kind, contains) in [
        ("/v1/chat/completions", r#"{"max_tokens":2}"#, "body", r#""content":" tok tok"}"#),
        ("/v1/completions", r#"{"stream":false,"max_tokens":1}"#, "body", r#""text":" tok""#),
        ("/v1/completions", "no JSON", "error", "failed to read the request body as JSON"),
        ("/v1/chat/completions?fault=none", "{}", "error", "unknown fault `none`"),
        ("/v1/elsewhere", "{}", "error", "no such route"),
    ] {
        let (received, _) = server.exchange(&post(target, body));
        let text = String::from_utf8(received.clone()).unwrap();
        assert!(text.contains(contains), "{contains} in {text}");
        let (_, json) = text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(json).unwrap();
        let line = server.log().pop().unwrap();
        assert_eq!(kinds(&line), ["head", kind], "the events of {target}");
        check_offsets(&line, &received, "\n");
        assert_eq!(line["events"][1][3], received.len(), "the body of {target} is the last");
    }
}

#[test]
fn the_other_routes_answer() {
    let server = Server::start(&[]);
    assert!(server.get("/v1/models").contains("mock-model"), "the models");
    assert!(server.get("/health").contains("ok"), "the health");
    assert!(server.get("/metrics").contains("\nmock_requests_total 0\n"), "the metrics");
    assert!(server.log().is_empty(), "none of these is logged");
}

#[test]
fn a_request_may_arrive_in_pieces_and_in_chunks() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.set_nodelay(true).unwrap();
    let request = "POST /v1/completions HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                   8\r\n{\"stream\r\n7;x=y\r\n\":true}\r\n0\r\nx: y\r\n\r\n";
    for byte in request.as_bytes() {
        client.write_all(&[*byte]).unwrap();
    }
    let (received, _) = read_all(&mut client);
    assert!(String::from_utf8_lossy(&received).contains("\"text\":\" tok\""), "a completion is received");
    assert_eq!(kinds(&server.log()[0]), ["head", "token", "token", "token", "done"], "and is logged");
}

#[test]
fn a_large_prompt_is_read_whole_and_a_half_closed_client_is_answered() {
    let server = Server::start(&["--usage=always"]);
    let prompt = "word ".repeat(1 << 20);
    let body = format!(r#"{{"stream":true,"prompt":"{prompt}"}}"#);
    let mut client = server.connect();
    client.write_all(&post("/v1/completions", &body)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (received, _) = read_all(&mut client);
    let expected = format!("\"prompt_tokens\":{}", body.len() / 4);
    assert!(String::from_utf8_lossy(&received).contains(&expected), "the usage counts the prompt");
}

#[test]
fn a_client_that_reads_late_gets_everything() {
    let server = Server::start(&["--tokens=100000"]);
    let mut client = server.connect();
    client.write_all(&chat("")).unwrap();
    // By the time that another client is answered, the first one's socket has long been full.
    server.exchange(&chat(""));
    let (received, _) = read_all(&mut client);
    let log = server.log();
    assert_eq!(log.len(), 2, "both requests are over");
    for line in &log {
        assert_eq!(kinds(line).len(), 100_003, "head, role, tokens, done");
        check_offsets(line, &received, "\n");
    }
}

#[test]
fn streams_can_be_spelled_in_many_ways() {
    check(&["--no-done"], "", true, &WHOLE[..5], &["}]}\n\n\r\n0\r\n\r\n"]);
    check(&["--comments"], "", true, WHOLE, &["\n: ping\ndata: {", "\n: ping\ndata: [DONE]\n\n"]);
    check(&["--multi-line"], "", true, WHOLE, &["\",\ndata: \"object\":"]);
    check(&["--line-end=crlf"], "", true, WHOLE, &["data: [DONE]\r\n\r\n\r\n0"]);
    check(&["--line-end=cr"], "", true, WHOLE, &["data: [DONE]\r\r\r\n0"]);
    check(&["--reasoning-tokens=1"], "", true, WHOLE, &[r#"{"reasoning_content":" tok"}"#]);
    check(&["--no-role-chunk"], "", true, &["head", "token", "token", "token", "done"], &[]);
    check(
        &["--usage=always", "--tokens=1"],
        "",
        true,
        &["head", "role", "token", "usage", "done"],
        &[r#""usage":{"prompt_tokens":6,"completion_tokens":1,"total_tokens":7}"#],
    );
}

#[test]
fn faults_that_cut_the_stream() {
    check(&[], "?fault=reset:2", false, &["head", "role", "token"], &[]);
    check(&[], "?fault=close:3", true, &["head", "role", "token", "token"], &[]);
    check(&["--separate-writes"], "?fault=close:0", true, &["head"], &["\r\n\r\n"]);
    check(&[], "?fault=shutdown-write%3A1", true, &["head", "role"], &[]);
    check(&[], "?fault=bad-chunk", true, &["head", "role", "error"], &["\r\nzz\r\ndata: {"]);
    check(&[], "?fault=accept-close", true, &[], &[]);
    check(&[], "?fault=garbage", true, &["error"], &[]);
}

#[test]
fn faults_of_the_head() {
    check(
        &[],
        "?fault=status:429",
        true,
        &["head", "error"],
        &["HTTP/1.1 429 Too Many Requests\r\n", "\"error\""],
    );
    check(&[], "?fault=redirect", true, &["head"], &["HTTP/1.1 302 Found\r\nlocation: /"]);
    check(&[], "?fault=empty", true, &["head"], &["content-length: 0\r\n"]);
    check(&[], "?fault=bad-status-line", true, WHOLE, &["HTTP/one.one OK"]);
    check(&[], "?fault=oversized-head", true, WHOLE, &["x-mock-padding: xxxx", "[DONE]"]);
    check(&[], "?fault=many-headers", true, WHOLE, &["\r\nx-mock-999: 999\r\n", "[DONE]"]);
    check(&[], "?fault=slow-head:1", true, WHOLE, &["\r\n\r\n", "[DONE]"]);
    check(
        &[],
        "?fault=continue",
        true,
        WHOLE,
        &["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"],
    );
}

#[test]
fn faults_of_the_body() {
    let tokens_1: &[&str] = &["head", "role", "token", "error", "done"];
    check(&[], "?fault=error-event:1", true, tokens_1, &["event: error\ndata: {\"error\":{"]);
    check(&[], "?fault=error-object:1", true, tokens_1, &["\r\ndata: {\"error\":{"]);
    check(&[], "?fault=trailers", true, WHOLE, &["\r\n0\r\nx-mock-trailer: one\r\n"]);
    check(&[], "?fault=connection-close", true, WHOLE, &["connection: close\r\n\r\ndata: {"]);
    check(&[], "?fault=no-done", true, &WHOLE[..5], &["}]}\n\n\r\n0\r\n\r\n"]);
    check(&[], "?fault=late-done:1", true, WHOLE, &["[DONE]"]);
    check(&[], "?fault=trickle", true, WHOLE, &["[DONE]"]);
    check(&[], "?fault=split:100", true, WHOLE, &["[DONE]"]);
}

#[test]
fn a_content_length_fits_its_body() {
    let server = Server::start(&[]);
    let (received, _) = server.exchange(&chat("?fault=content-length"));
    let text = String::from_utf8(received).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head} for {} bytes", body.len());
    assert!(body.starts_with("data: {") && body.ends_with("data: [DONE]\n\n"), "the body {body}");
}

#[test]
fn a_request_that_is_never_answered_is_logged() {
    let server = Server::start(&["--fault=never"]);
    let mut client = server.connect();
    client.write_all(&chat("")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (received, _) = read_all(&mut client);
    assert!(received.is_empty(), "nothing is received");
    assert!(kinds(&server.log()[0]).is_empty(), "and so no event is logged");
}

#[test]
fn a_fault_may_hit_every_second_request() {
    let server = Server::start(&["--fault=status:500", "--fault-every=2"]);
    for number in 1..5 {
        let (received, _) = server.exchange(&chat(""));
        let failed = received.starts_with(b"HTTP/1.1 500 ");
        assert_eq!(failed, number % 2 == 0, "request {number}");
    }
}

#[test]
fn an_unfinished_answer_is_logged_as_far_as_it_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let server = Server::start(&["--gap-ms=3600000", "--log", path.to_str().unwrap()]);
    let mut client = server.connect();
    client.write_all(&chat("")).unwrap();
    let mut first = [0; 1];
    client.read_exact(&mut first).unwrap();
    let (quit, _) = server.exchange(&post("/mock/quit", ""));
    assert!(quit.starts_with(b"HTTP/1.1 200 OK\r\n"), "the server quits");
    let (rest, _) = read_all(&mut client);
    let line = &saved(&path)[0];
    assert_eq!(kinds(line), ["head", "role", "token"], "the events of {line}");
    check_offsets(line, &[&first[..], &rest].concat(), "\n");
}

/// Ends a server in some way and compares the log file that it left with the log that it served.
#[track_caller]
fn check_log_file(end: impl FnOnce(&mut Server)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut server = Server::start(&["--log", path.to_str().unwrap(), "--quit-on-stdin-eof"]);
    server.exchange(&chat(""));
    let served = server.log();
    assert_eq!(saved(&path).len(), 2, "to serve the log saves it");
    server.exchange(&chat("?fault=close:1"));
    end(&mut server);
    let status = server.process.wait().unwrap();
    assert!(status.success(), "the server ends with {status}");
    let saved = saved(&path);
    assert_eq!(saved[..1], served, "the served log is the saved one");
    assert_eq!(kinds(&saved[1]), ["head", "role"], "the second request");
    let summary = &saved[2]["summary"];
    assert_eq!(summary["requests"], 2, "the requests of {summary}");
    assert_eq!(summary["events"], 8, "the events of {summary}");
    assert_eq!(summary["dropped_log_lines"], 0, "the dropped lines of {summary}");
}

fn saved(path: &Path) -> Vec<Value> {
    lines(&std::fs::read_to_string(path).unwrap())
}

#[test]
fn the_log_is_saved_at_quit() {
    check_log_file(|server| {
        let (reply, _) = server.exchange(&post("/mock/quit", ""));
        assert!(reply.starts_with(b"HTTP/1.1 200 OK\r\n"), "the server confirms that it quits");
    });
}

#[test]
fn the_log_is_saved_when_standard_input_ends() {
    check_log_file(|server| drop(server.process.stdin.take()));
}

/// A number of a log line.
fn number(line: &Value, name: &str) -> u64 {
    line[name].as_u64().unwrap_or_else(|| panic!("no {name} in {line}"))
}

#[test]
fn requests_wait_for_slots_in_the_order_in_which_they_came() {
    let server = Server::start(&["--slots=2", "--service=exponential", "--ttft-ms=2", "--gap-ms=0.5"]);
    let mut clients = (0..12).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.write_all(&chat("")).unwrap();
    }
    for client in &mut clients {
        let (received, _) = read_all(client);
        assert!(received.ends_with(b"data: [DONE]\n\n\r\n0\r\n\r\n"), "a whole response");
    }
    let mut log = server.log();
    assert_eq!(log.len(), 12, "all are logged");
    log.sort_by_key(|line| number(line, "read_ns"));
    let mut free = [0, 0];
    for line in &log {
        free.sort_unstable();
        let (read, start) = (number(line, "read_ns"), number(line, "start_ns"));
        assert_eq!(start, read.max(free[0]), "the first free slot, with {free:?} for {line}");
        free[0] = number(line, "end_due_ns");
        // 2 ms to the first token and twice half a millisecond are one factor of 3 ms, rounded down thrice.
        let (prefill, rest) = (number(line, "first_token_due_ns") - start, free[0] - start);
        assert!((prefill * 3).abs_diff(rest * 2) <= 6, "{prefill} ns of {rest} ns for {line}");
        for event in line["events"].as_array().unwrap() {
            assert!(event[1].as_u64().unwrap() >= start + prefill, "{event} is too early in {line}");
        }
    }
}

/// Waits until a metric has a value.
#[track_caller]
fn await_metric(server: &Server, line: &str) {
    while !server.get("/metrics").contains(line) {
        std::thread::yield_now();
    }
}

#[test]
fn a_full_queue_refuses_and_who_leaves_makes_room() {
    let running = |count: u32| {
        format!("\nvllm:num_requests_running{{engine=\"0\",model_name=\"mock-model\"}} {count}.0\n")
    };
    let waiting = |count: u32| {
        format!("\nvllm:num_requests_waiting{{engine=\"0\",model_name=\"mock-model\"}} {count}.0\n")
    };
    let server = Server::start(&["--slots=1", "--queue-max=1", "--ttft-ms=3600000"]);
    let mut served = server.connect();
    served.write_all(&chat("")).unwrap();
    await_metric(&server, &running(1));
    let mut patient = server.connect();
    patient.write_all(&chat("")).unwrap();
    await_metric(&server, &waiting(1));
    let (refused, _) = server.exchange(&chat(""));
    assert!(refused.starts_with(b"HTTP/1.1 503 "), "no room for a third");
    drop(served);
    await_metric(&server, &waiting(0));
    assert!(server.get("/metrics").contains(&running(1)), "the second has the slot");
    drop(patient);
    await_metric(&server, &running(0));
}

#[test]
fn the_cache_has_what_was_sent_before() {
    let server = Server::start(&["--prefix-cache=100", "--usage=always"]);
    let cached = |prompt: &str| {
        let body = format!(r#"{{"stream":true,"messages":[{{"content":"{prompt}"}}]}}"#);
        let (received, _) = server.exchange(&post("/v1/chat/completions", &body));
        let text = String::from_utf8(received).unwrap();
        let usage =
            text.lines().find_map(|line| line.strip_prefix("data: ").filter(|it| it.contains("usage")));
        let usage = serde_json::from_str::<Value>(usage.unwrap()).unwrap()["usage"].take();
        assert_eq!(usage["prompt_tokens"], prompt.len() / 4, "the tokens in {usage}");
        number(&usage["prompt_tokens_details"], "cached_tokens")
    };
    let first = "a".repeat(200);
    let longer = format!("{first}{}", "b".repeat(64));
    let other = format!("{}{}", "a".repeat(128), "c".repeat(72));
    assert_eq!(cached(&first), 0, "it is new");
    assert_eq!(cached(&first), 48, "three blocks");
    assert_eq!(cached(&longer), 48, "of the same");
    assert_eq!(cached(&other), 32, "two blocks are the same");
    let metrics = server.get("/metrics");
    for (name, value) in [("queries", 50 + 50 + 66 + 50), ("hits", 48 + 48 + 32)] {
        let line =
            format!("vllm:prefix_cache_{name}_total{{engine=\"0\",model_name=\"mock-model\"}} {value}.0\n");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    server.exchange(&post("/reset_prefix_cache", ""));
    assert_eq!(cached(&first), 0, "it is forgotten");
    let logged = server.log().iter().map(|line| number(line, "cached_tokens")).collect::<Vec<_>>();
    assert_eq!(logged, [0, 48, 48, 32, 0], "as in the log");
}
