//! Tests an unprivileged user: everything works except the kernel probes, and the client reports it.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::server::Server;
use end_to_end::{needs_programs, programs};
use kernel_tests::skip::skip;
use serde_json::json;
use std::os::unix::fs::chown;
use std::process::Command;

/// Runs a profile as `nobody`; `None` where the user cannot be changed.
fn as_nobody(server: &Server, flags: &str) -> Option<Ended> {
    if !rustix::process::geteuid().is_root() {
        skip("changing the user requires root");
        return None;
    }
    let installed = programs::for_all_users();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all"]);
    command.arg(installed.path().join("aiperf-ctl"));
    command.args(["profile", "--model", "mock-model", "--url", &server.url(), "--streaming", "--isl", "16"]);
    command.args(["--artifact-dir", "artifacts", "--socket", "private"]).args(flags.split_whitespace());
    let run = Run::by(command);
    let nobody = NOBODY.parse().unwrap();
    chown(run.folder.path(), Some(nobody), Some(nobody)).unwrap();
    Some(run.end())
}

#[test]
fn auto_falls_back_to_socket_timestamps_with_a_reason() {
    needs_programs!();
    let server = Server::start("");
    let Some(ended) = as_nobody(&server, "--request-count 20 --concurrency 4") else { return };
    ended.ended_with(0);
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "so_timestamping", "the timestamp source of {run}");
    assert!(ended.err.contains("CAP_BPF"), "the warning names what is missing: {}", ended.err);
    assert!(run["timestamps_reason"].as_str().is_some_and(|why| why.contains("CAP_BPF")), "{run}");
    assert_eq!(run["loss"]["unmatched_events"], json!({}), "every event has a timestamp: {}", run["loss"]);
    assert_eq!(run["loss"]["unmatched_requests"], json!({}), "every request has one: {}", run["loss"]);
    for record in ended.records() {
        assert!(record["metrics"]["kernel_time_to_first_token"].is_object(), "{record}");
    }
}

#[test]
fn user_timestamps_are_available() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--request-count 20 --concurrency 4 --timestamps user";
    let Some(ended) = as_nobody(&server, flags) else { return };
    ended.ended_with(0);
    assert_eq!(ended.json("run.json")["timestamps"], "user", "the timestamp source");
    for record in ended.records() {
        assert!(record["metrics"]["time_to_first_token"].is_object(), "{record}");
        assert_eq!(record["metrics"].get("kernel_time_to_first_token"), None, "{record}");
    }
}

#[test]
fn an_unavailable_timestamp_source_is_an_error() {
    needs_programs!();
    let server = Server::start("");
    let Some(ended) = as_nobody(&server, "--timestamps ebpf") else { return };
    ended.ended_with(1);
    assert!(ended.err.contains("--timestamps ebpf is not available"), "it is named: {}", ended.err);
    assert!(ended.err.contains("CAP_BPF"), "and why: {}", ended.err);
}

const NOBODY: &str = "65534";
