//! Clients that nobody instrumented, watched by the kernel, against the server's own log of when it wrote each event.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_probes;
use end_to_end::server::{Served, Server};
use export::parquet::rows;
use kernel_tests::skip::skip;
use record::{Request, Token};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::process::{Command, Stdio};

/// A Python client: threads that send streaming requests on a kept connection each.
const CLIENT: &str = r#"
import http.client, json, sys, threading
port, threads, requests = map(int, sys.argv[1:4])
def work(thread):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(requests):
        body = {"model": "m", "stream": True, "max_tokens": 3 + (thread + number) % 5,
                "messages": [{"role": "user", "content": "hello there"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        connection.getresponse().read()
workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print("all answered")
"#;

fn lacks(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = version.is_ok_and(|status| status.success());
    if !is_there {
        skip(&format!("the program `{program}` is not there"));
    }
    !is_there
}

fn watching(subcommand: &str, flags: &[&str]) -> Run {
    let mut run = Run::of(subcommand);
    run.command.args(["--artifact-dir", "artifacts", "--socket", "none.sock"]).args(flags);
    run
}

fn audit(flags: &[&str], command: &[&str]) -> Run {
    let mut run = watching("audit", flags);
    run.command.arg("--").args(command);
    run
}

/// The requests with their events, by connection, in order.
fn recorded(ended: &Ended) -> Vec<Vec<(Request, Vec<Token>)>> {
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
    assert!(tokens.is_empty(), "events of requests that are not there");
    connections.into_values().collect()
}

/// How much later than the server's writes the stamps of a connection are, in ns; nothing if it is another connection.
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

/// Every request that the server served was recorded, with every event, and no stamp is before its write.
fn check(name: &str, ended: &Ended, served: &[Served], requests: usize) {
    assert_eq!(served.len(), requests, "requests that the server saw");
    let recorded = recorded(ended);
    let mut connections = BTreeMap::<u64, Vec<&Served>>::new();
    for one in served {
        connections.entry(one.connection).or_default().push(one);
    }
    assert_eq!(recorded.len(), connections.len(), "connections: {}", ended.json("run.json"));
    let mut late = Vec::new();
    for connection in &recorded {
        // The log knows no socket cookies: of the connections that fit, it is the one whose times are closest.
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
        "{name}: {} events, kernel stamp after write: p50 {} µs, p99 {} µs",
        late.len(),
        at(50),
        at(99)
    );
    writeln!(std::io::stderr(), "{line}").ok();
}

/// Only the kernel was asked: no value of the client's is made up.
fn has_no_client_values(ended: &Ended) {
    for record in ended.records() {
        let metrics = &record["metrics"];
        assert!(metrics["kernel_time_to_first_token"].is_object(), "{record}");
        for tag in
            ["time_to_first_token", "request_latency", "inter_token_latency", "client_receive_overhead"]
        {
            assert_eq!(metrics.get(tag), None, "{record}");
        }
    }
}

#[test]
fn a_python_client_is_audited() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let server = Server::start("");
    let port = server.address.port().to_string();
    let ended = audit(&[], &["python3", "-c", CLIENT, &port, "8", "5"]).end();
    ended.ended_with(0);
    assert_eq!(ended.out, "all answered\n", "the command's output and nothing else");
    assert!(ended.err.contains("Time to First Token"), "the report: {}", ended.err);
    let run = ended.json("run.json");
    assert_eq!(run["source"], "audit", "{run}");
    assert_eq!(run["plan"]["endpoint"]["models"], json!(["m"]), "the model that was asked");
    check("python", &ended, &server.log(), 40);
    has_no_client_values(&ended);
}

#[test]
fn curl_is_audited_and_its_exit_status_passed_on() {
    needs_probes!();
    if lacks("curl") {
        return;
    }
    let server = Server::start("");
    let url = format!("{}/v1/chat/completions", server.url());
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let curl = ["curl", "-sN", &url, "-H", "Content-Type: application/json", "-d", body];
    let ended = audit(&["--quiet"], &curl).end();
    ended.ended_with(0);
    assert!(ended.out.ends_with("data: [DONE]\n\n"), "what curl prints: {}", ended.out);
    assert_eq!(ended.err, "", "quiet");
    check("curl", &ended, &server.log(), 1);
    let failed = audit(&["--quiet"], &["sh", "-c", "exit 7"]).end();
    failed.ended_with(7);
    audit(&["--quiet"], &["sh", "-c", "kill -TERM $$"]).end().ended_with(143);
    audit(&["--quiet"], &["no-such-program"]).end().ended_with(127);
}

#[test]
fn what_is_encrypted_is_named() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let server = Server::start("");
    let client = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); \
                  s.sendall(bytes([22, 3, 1, 0, 5, 1, 0, 0, 1, 3])); s.close()";
    let port = server.address.port().to_string();
    let ended = audit(&[], &["python3", "-c", client, &port]).end();
    ended.ended_with(0);
    let run = ended.json("run.json");
    assert_eq!(run["counters"]["watched_not_followed_tls"], 1, "{}", run["counters"]);
    assert_eq!(run["verdict"]["standing"], "degraded", "{}", run["verdict"]);
    assert!(ended.err.contains("traffic_not_followed"), "the report says so: {}", ended.err);
}

#[test]
fn a_server_is_observed_at_its_own_end() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let group = end_to_end::cgroup::Own::make();
    let server = Server::start_in(&group, "");
    let port = server.address.port().to_string();
    let pid = server.pid().to_string();
    let observer = watching("observe", &["--pid", &pid, "--side", "server"]).start();
    end_to_end::patience::until("the observer to watch", || {
        observer.err().contains("watching").then_some(())
    });
    let client = Command::new("python3").args(["-c", CLIENT, &port, "4", "5"]).stdout(Stdio::null()).status();
    assert!(client.unwrap().success(), "the client");
    observer.signal(rustix::process::Signal::INT);
    let ended = observer.end();
    ended.ended_with(0);
    let run: Value = ended.json("run.json");
    assert_eq!(run["source"], "observe", "{run}");
    let recorded = recorded(&ended);
    let served = server.log();
    assert_eq!(recorded.iter().map(Vec::len).sum::<usize>(), 20, "requests: {run}");
    assert_eq!(served.len(), 20, "requests that the server saw");
    let events = served.iter().flat_map(|one| &one.written).filter(|event| event.kind != "head").count();
    let tokens = recorded.iter().flatten().flat_map(|(_, tokens)| tokens);
    assert_eq!(tokens.clone().count(), events, "every event that the server wrote");
    assert!(tokens.clone().all(|token| token.kernel_received_ns.is_some()), "each with a stamp");
    has_no_client_values(&ended);
}
