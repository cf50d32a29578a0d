//! Runs that observe other clients, compared with the server's own log.

use crate::client::{Ended, Run};
use crate::server::Served;
use kernel_tests::skip::skip;
use record::{Request, Token};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::process::{Command, Stdio};
use store::parquet::rows;

/// A Python client: threads that send streaming requests on one persistent connection each.
pub const CLIENT: &str = r#"
import http.client, json, sys, threading
host, port, threads, requests = sys.argv[1], *map(int, sys.argv[2:5])
def work(thread):
    connection = http.client.HTTPConnection(host, port)
    for number in range(requests):
        body = {"model": "m", "stream": True, "max_tokens": 3 + (thread + number) % 5,
                "messages": [{"role": "user", "content": "hello there"}]}
        headers = {"Content-Type": "application/json", "X-Request-ID": f"{thread}-{number}"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        connection.getresponse().read()
workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print("all answered")
"#;

/// The body of a request for a streamed response.
pub const QUESTION: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// Whether a program that a test needs is missing, in which case the test is skipped with a message.
#[must_use]
pub fn lacks(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = version.is_ok_and(|status| status.success());
    if !is_there {
        skip(&format!("the program `{program}` is not installed"));
    }
    !is_there
}

/// An observing run with a private daemon.
#[must_use]
pub fn watching(subcommand: &str, flags: &[&str]) -> Run {
    let mut run = Run::of(subcommand);
    run.command.args(["--artifact-dir", "artifacts", "--socket", "private"]).args(flags);
    run
}

/// An audit of a command.
#[must_use]
pub fn audit(flags: &[&str], command: &[&str]) -> Run {
    let mut run = watching("audit", flags);
    run.command.arg("--").args(command);
    run
}

/// The requests with their events, by connection, in order.
///
/// # Panics
/// When an event belongs to no request.
#[must_use]
pub fn recorded(ended: &Ended) -> Vec<Vec<(Request, Vec<Token>)>> {
    let mut tokens = HashMap::<_, Vec<Token>>::new();
    for batch in rows::<Token>(&ended.artifacts().join("tokens.parquet")).unwrap() {
        for token in batch.unwrap() {
            tokens.entry(token.request_id).or_default().push(token);
        }
    }
    let mut connections = BTreeMap::<_, Vec<_>>::new();
    for batch in rows::<Request>(&ended.artifacts().join("requests.parquet")).unwrap() {
        for request in batch.unwrap() {
            let events = tokens.remove(&request.request_id).unwrap_or_default();
            connections.entry(request.connection).or_default().push((request, events));
        }
    }
    assert!(tokens.is_empty(), "events of unknown requests");
    connections.into_values().collect()
}

/// How much later than the server's writes the timestamps of a connection are, in ns; `None` for another connection.
fn lateness(recorded: &[(Request, Vec<Token>)], served: &[&Served]) -> Option<Vec<u64>> {
    let mut late = Vec::new();
    if recorded.len() != served.len() {
        return None;
    }
    for ((request, tokens), served) in recorded.iter().zip(served) {
        let written = served.written.iter().filter(|event| event.kind != "head").collect::<Vec<_>>();
        if request.kernel_sent_last_ns?.0 > served.read_ns || tokens.len() != written.len() {
            return None;
        }
        for (token, event) in tokens.iter().zip(written) {
            if token.end_offset > event.end {
                return None;
            }
            late.push(token.kernel_received_ns?.0.checked_sub(event.before_ns)?);
        }
    }
    Some(late)
}

/// Checks that every request in the server's log was recorded with every event, and no timestamp is before its write.
///
/// # Panics
/// When one is missing.
pub fn check(name: &str, ended: &Ended, served: &[Served], requests: usize) {
    assert_eq!(served.len(), requests, "requests that the server received");
    let recorded = recorded(ended);
    let mut connections = BTreeMap::<u64, Vec<&Served>>::new();
    for one in served {
        connections.entry(one.connection).or_default().push(one);
    }
    assert_eq!(recorded.len(), connections.len(), "connections: {}", ended.json("run.json"));
    let mut late = Vec::new();
    for connection in &recorded {
        // The log has no socket cookies: of the matching connections, it is the one with the closest times.
        let fits = connections.iter().filter_map(|(number, served)| {
            let late = lateness(connection, served)?;
            Some((late.iter().sum::<u64>(), *number, late))
        });
        let (_, number, times) =
            fits.min().unwrap_or_else(|| panic!("no connection of the log fits {connection:?}"));
        connections.remove(&number);
        late.extend(times);
    }
    let loss = &ended.json("run.json")["loss"];
    for place in ["unmatched_events", "unmatched_requests", "damaged"] {
        assert_eq!(loss[place], json!({}), "nothing is lost: {loss}");
    }
    late.sort_unstable();
    let at = |percent: usize| late[(late.len() - 1) * percent / 100] / 1000;
    let line = format!(
        "{name}: {} events, kernel timestamp after write: p50 {} µs, p99 {} µs",
        late.len(),
        at(50),
        at(99)
    );
    writeln!(std::io::stderr(), "{line}").ok();
}
