//! Tests observed clients without instrumentation, compared with the server's own log of when it wrote each event.

use end_to_end::client::Ended;
use end_to_end::needs_probes;
use end_to_end::server::Server;
use end_to_end::watched::{CLIENT, QUESTION, audit, check, lacks, recorded, watching};
use record::{Payload, Response};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use store::parquet::rows;

/// Only the kernel measured: there are no client values.
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
    let ended = audit(&[], &["python3", "-c", CLIENT, "127.0.0.1", &port, "8", "5"]).end();
    ended.ended_with(0);
    assert_eq!(ended.out, "all answered\n", "the command's output and nothing else");
    assert!(ended.err.contains("Time to First Token"), "the report: {}", ended.err);
    let run = ended.json("run.json");
    assert_eq!(run["source"], "audit", "{run}");
    assert_eq!(run["plan"]["endpoint"]["models"], json!(["m"]), "the requested model");
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
    let url = server.chat_url();
    let curl = ["curl", "-sN", &url, "-H", "Content-Type: application/json", "-d", QUESTION];
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
fn encrypted_traffic_is_reported() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let server = Server::start("");
    let client = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); \
                  s.sendall(bytes([22, 3, 1, 0, 5, 1, 0, 0, 1, 3])); s.close()";
    let port = server.address.port().to_string();
    let ended = audit(&[], &["python3", "-c", client, &port]).end();
    ended.ended_with(3);
    let run = ended.json("run.json");
    assert_eq!(run["counters"]["watched_not_followed_tls"], 1, "{}", run["counters"]);
    assert_eq!(run["verdict"]["standing"], "invalid", "{}", run["verdict"]);
    assert!(ended.err.contains("traffic_not_followed"), "it is in the report: {}", ended.err);
}

#[test]
fn a_server_is_observed_on_its_side() {
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
        observer.err().contains("observing").then_some(())
    });
    let client = Command::new("python3")
        .args(["-c", CLIENT, "127.0.0.1", &port, "4", "5"])
        .stdout(Stdio::null())
        .status();
    assert!(client.unwrap().success(), "the client");
    observer.signal(rustix::process::Signal::INT);
    let ended = observer.end();
    ended.ended_with(0);
    let run: Value = ended.json("run.json");
    assert_eq!(run["source"], "observe", "{run}");
    let recorded = recorded(&ended);
    let served = server.log();
    assert_eq!(recorded.iter().map(Vec::len).sum::<usize>(), 20, "requests: {run}");
    assert_eq!(served.len(), 20, "requests that the server received");
    let events = served.iter().flat_map(|one| &one.written).filter(|event| event.kind != "head").count();
    let tokens = recorded.iter().flatten().flat_map(|(_, tokens)| tokens);
    assert_eq!(tokens.clone().count(), events, "every event that the server wrote");
    assert!(tokens.clone().all(|token| token.kernel_received_ns.is_some()), "each with a timestamp");
    has_no_client_values(&ended);
}

/// A command that sends a request and then writes a result in the format of `vllm bench serve --save-result`.
const BENCHMARK: &str = r#"
curl -sN "$0" -H 'Content-Type: application/json' -d "$1" > answer.txt
echo '{"completed": 1, "request_throughput": 5.0, "p50_ttft_ms": 1000.0, "p50_itl_ms": 1.5}' > "${2#--result=}"
"#;

#[test]
fn client_results_are_compared_with_the_kernels() {
    needs_probes!();
    if lacks("curl") {
        return;
    }
    let server = Server::start("");
    let url = server.chat_url();
    let ended = audit(&[], &["sh", "-c", BENCHMARK, &url, QUESTION, "--result=result.json"]).end();
    ended.ended_with(0);
    assert!(
        ended.err.contains("Results reported by the client, compared with the kernel's"),
        "{}",
        ended.err
    );
    let comparison = ended.json("client_and_kernel.json");
    assert_eq!(comparison["client"]["made_by"], "vLLM", "{comparison}");
    let first = &comparison["metrics"]["time_to_first_chunk.p50"];
    assert_eq!(first["client"], 1000.0, "as it reported: {comparison}");
    assert_eq!(first["kernel_metric"], "kernel_time_to_first_chunk", "{comparison}");
    let (kernel, difference) = (first["kernel"].as_f64().unwrap(), first["difference"].as_f64().unwrap());
    assert!(kernel > 0.0 && (difference - (1000.0 - kernel)).abs() < 1e-6, "{comparison}");
}

#[test]
fn a_result_in_the_reports_own_directory_is_not_overwritten() {
    needs_probes!();
    let script = "mkdir -p artifacts && echo '{}' > artifacts/profile_export.jsonl";
    let ended = audit(&[], &["sh", "-c", script]).end();
    ended.ended_with(2);
    assert!(ended.err.contains("another --artifact-dir"), "{}", ended.err);
    let kept = std::fs::read_to_string(ended.artifacts().join("profile_export.jsonl")).unwrap();
    assert_eq!(kept, "{}\n", "as the command wrote it");
}

#[test]
fn contents_are_stored_only_when_requested() {
    needs_probes!();
    if lacks("curl") {
        return;
    }
    let server = Server::start("");
    let url = server.chat_url();
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"a secret"}]}"#;
    let curl = ["curl", "-sN", &url, "-H", "Content-Type: application/json", "-d", body];
    let ended = audit(&["--quiet"], &curl).end();
    assert!(!ended.artifacts().join("payloads.parquet").exists(), "not requested");
    assert!(!ended.artifacts().join("responses.parquet").exists(), "not requested");
    let ended = audit(&["--quiet", "--payload"], &curl).end();
    ended.ended_with(0);
    let payloads = rows::<Payload>(&ended.artifacts().join("payloads.parquet")).unwrap();
    let payloads = payloads.flat_map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(payloads.len(), 1, "one request");
    assert_eq!(String::from_utf8_lossy(&payloads[0].data), body, "the request's body");
    let responses = rows::<Response>(&ended.artifacts().join("responses.parquet")).unwrap();
    let events = responses.flat_map(Result::unwrap).filter(|row| row.index.is_some());
    assert!(events.count() > 1, "the response's events");
}
