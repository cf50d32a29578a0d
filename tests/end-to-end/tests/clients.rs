//! Tests audits of other tools' clients: every event is matched, and compared with the server's own log.
//!
//! AIPerf, GuideLLM and the `openai` package are large: they are audited where `AIPERFD_CLIENTS` names a virtual environment
//! that has them, which `cargo xtask test-clients` creates.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::needs_probes;
use end_to_end::server::Server;
use end_to_end::watched::{QUESTION, audit, check, lacks, recorded};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

const OPENAI: &str = r#"
import sys, threading
from openai import OpenAI
client = OpenAI(base_url=sys.argv[1] + "/v1", api_key="none")
def work():
    for _ in range(5):
        stream = client.chat.completions.create(model="m", stream=True, messages=[{"role": "user", "content": "hi"}])
        assert sum(1 for chunk in stream) > 1
workers = [threading.Thread(target=work) for _ in range(4)]
for worker in workers: worker.start()
for worker in workers: worker.join()
"#;

/// A program of the virtual environment, if there is one.
fn program(name: &str) -> Option<String> {
    let Some(folder) = std::env::var_os("AIPERFD_CLIENTS").map(PathBuf::from) else {
        writeln!(std::io::stderr(), "skipped: `cargo xtask test-clients` runs this test with `{name}`").ok();
        return None;
    };
    let path = folder.join("bin").join(name);
    assert!(path.is_file(), "`{}` does not exist", path.display());
    Some(path.to_str().unwrap().to_owned())
}

#[test]
fn the_openai_package() {
    needs_probes!();
    let Some(python) = program("python") else { return };
    let server = Server::start("");
    let ended = audit(&[], &[&python, "-c", OPENAI, &server.url()]).end();
    ended.ended_with(0);
    check("openai", &ended, &server.log(), 20);
}

#[test]
fn aiperf_and_its_own_results() {
    needs_probes!();
    let Some(aiperf) = program("aiperf") else { return };
    let tokenizer = concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/tokenizer");
    let server = Server::start("");
    let url = server.url();
    let profile =
        ["profile", "--model", "m", "--url", &url, "--endpoint-type", "chat", "--streaming", "--ui", "none"];
    let load = ["--concurrency", "8", "--request-count", "40", "--isl", "16", "--export-level", "raw"];
    let tokens = ["--tokenizer", tokenizer, "--artifact-dir", "client"];
    let command = [&[aiperf.as_str()][..], &profile, &load, &tokens].concat();
    let ended = audit(&[], &command).end();
    ended.ended_with(0);
    // AIPerf checks the server with a request to no model.
    let mut served = server.log();
    served.retain(|one| one.written.iter().any(|event| event.kind == "token"));
    check("AIPerf", &ended, &served, 40);
    let comparison = ended.json("client_and_kernel.json");
    assert_eq!(comparison["requests_counted_by_client"], 40, "{comparison}");
    assert_eq!(comparison["requests_of_kernel_figures"], 40, "{comparison}");
    let events = &comparison["events"];
    assert_eq!(events["matched"], events["reported_by_client"], "every event of the client: {comparison}");
    assert_eq!(events["before_kernel"], 0, "one clock: {comparison}");
    let first = &comparison["metrics"]["time_to_first_token.p50"];
    assert!(
        first["client"].as_f64() > first["kernel"].as_f64(),
        "the client is later than the kernel: {comparison}"
    );
    assert!(ended.err.contains("Event by event"), "{}", ended.err);
    let tail = ended.err.find("Results reported by the client").map(|begin| &ended.err[begin..]);
    writeln!(std::io::stderr(), "{}", tail.unwrap_or_default()).ok();
}

#[test]
fn guidellm_and_its_own_results() {
    needs_probes!();
    if std::env::var_os("AIPERFD_GUIDELLM").is_none() {
        writeln!(std::io::stderr(), "skipped: `cargo xtask test-clients --guidellm` runs this test").ok();
        return;
    }
    let Some(guidellm) = program("guidellm") else { return };
    let server = Server::start("--tokens 20");
    let backend = format!("kind=openai_http,target={},model=m", server.url());
    let tokenizer = concat!("kind=hf_auto,model=", env!("CARGO_MANIFEST_DIR"), "/../golden/tokenizer");
    let profile =
        ["run", "--backend", &backend, "--profile", "kind=concurrent,streams=4", "--tokenizer", tokenizer];
    let load = ["--constraint", "kind=max_requests,count=16", "--disable-console"];
    let data = ["--data", "kind=synthetic_text,prompt_tokens=16,output_tokens=20"];
    let output = ["--output", "kind=json,path=client.json"];
    let command = [&[guidellm.as_str()][..], &profile, &load, &data, &output].concat();
    let ended = audit(&["--client-result", "client.json"], &command).end();
    ended.ended_with(0);
    let mut served = server.log();
    served.retain(|one| one.written.iter().any(|event| event.kind == "token"));
    check("GuideLLM", &ended, &served, served.len());
    let comparison = ended.json("client_and_kernel.json");
    assert_eq!(comparison["requests_of_kernel_figures"], 16, "{comparison}");
    let first = &comparison["metrics"]["time_to_first_token.p50"];
    assert!(
        first["client"].as_f64() > first["kernel"].as_f64(),
        "the client is later than the kernel: {comparison}"
    );
}

#[test]
fn wrk_at_full_speed() {
    needs_probes!();
    if lacks_wrk() {
        return;
    }
    let server = Server::start("--ttft-ms 0 --gap-ms 0 --log-limit 0");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("post.lua");
    let lua = format!(
        "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [==[{QUESTION}]==]\n"
    );
    std::fs::write(&script, lua).unwrap();
    let url = server.chat_url();
    let ended = audit(&[], &["wrk", "-t1", "-c64", "-d1s", "-s", script.to_str().unwrap(), &url]).end();
    ended.ended_with(0);
    let run = ended.json("run.json");
    let summary = ended.out.lines().find_map(|line| line.trim().split_once(" requests in "));
    let completed = summary.unwrap().0.parse::<usize>().unwrap();
    let requests = recorded(&ended);
    let seen = requests.iter().map(Vec::len).sum::<usize>();
    let dropped =
        run["loss"]["kernel"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>();
    writeln!(
        std::io::stderr(),
        "wrk: {completed} responses by its count, {seen} requests observed, {dropped} drops"
    )
    .ok();
    if dropped == 0 {
        assert!(seen >= completed, "every request that wrk counts was observed");
        assert_eq!(run["loss"]["unmatched_events"], json!({}), "every event has a timestamp");
    } else {
        assert_ne!(run["verdict"]["standing"], Value::from("valid"), "a run with losses is not valid");
    }
}

/// wrk has no flag that succeeds without running: a usage error shows that it is installed.
fn lacks_wrk() -> bool {
    let there = std::process::Command::new("wrk").arg("-v").output().is_ok();
    !there && lacks("wrk")
}
