//! Tests repeated runs of one load: when they end early, and what their aggregates are then of.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run, Running};
use end_to_end::server::Server;
use end_to_end::{needs_programs, patience};
use rustix::process::Signal;
use std::net::TcpListener;

/// A response takes 400 ms, so that little else matters for its latency.
const STEADY: &str = "--tokens 20 --gap-ms 20";
/// What is printed before each run except the first, when there is a wait.
const PAUSED: &str = "before the next run";

/// Waits until standard error has this text so many times.
#[track_caller]
fn until_printed(running: &Running, text: &str, times: usize) {
    patience::until(text, || (running.err().matches(text).count() >= times).then_some(()));
}

/// Checks which runs the aggregates are of.
#[track_caller]
fn aggregates_are_of(ended: &Ended, labels: &[&str], failed: &[&str]) {
    let aggregate = ended.json("aggregate/profile_export_aiperf_aggregate.json");
    let metadata = &aggregate["metadata"];
    assert_eq!(metadata["run_labels"], serde_json::json!(labels), "{metadata}\n{}", ended.err);
    let without =
        metadata["failed_runs"].as_array().unwrap().iter().map(|run| run["label"].as_str().unwrap());
    assert_eq!(without.collect::<Vec<_>>(), failed, "{metadata}\n{}", ended.err);
    for label in labels {
        let run = ended.json(&format!("profile_runs/{label}/run.json"));
        assert_eq!(run["source"], "profile", "each has its own directory: {run}");
    }
}

#[test]
fn convergence_ends_it() {
    needs_programs!();
    let server = Server::start(STEADY);
    let flags = "--concurrency 2 --request-count 4 --num-profile-runs 6 --convergence-metric request_latency";
    // Not even a busy host makes 400 ms vary that much.
    let ended = Run::profile(&server.url(), &format!("{flags} --convergence-threshold 0.9")).end();
    ended.ended_with(0);
    assert!(ended.err.contains("runs converged after 3: request_latency avg"), "{}", ended.err);
    assert_eq!(server.received(), 12, "three runs");
    aggregates_are_of(&ended, &["run_0001", "run_0002", "run_0003"], &[]);
    let collated = ended.json("aggregate/profile_export_aiperf_collated.json");
    assert_eq!(collated["metrics"]["request_latency"]["combined"]["count"], 12, "{collated}");
}

#[test]
fn without_convergence_every_run_is_made() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--request-count 4 --num-profile-runs 4 --convergence-metric request_latency";
    // No two runs agree to the nanosecond.
    let ended = Run::profile(&server.url(), &format!("{flags} --convergence-threshold 0.0000001")).end();
    ended.ended_with(0);
    assert!(!ended.err.contains("converged"), "{}", ended.err);
    assert_eq!(server.received(), 16, "four runs");
    aggregates_are_of(&ended, &["run_0001", "run_0002", "run_0003", "run_0004"], &[]);
}

#[test]
fn a_run_that_fails_is_named_and_the_others_count() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--request-count 4 --num-profile-runs 2 --profile-run-cooldown-seconds 3";
    let running = Run::profile(&server.url(), flags).start();
    until_printed(&running, PAUSED, 1);
    drop(server);
    let ended = running.end();
    ended.ended_with(1);
    assert!(ended.err.contains("run_0002: no server responds"), "{}", ended.err);
    aggregates_are_of(&ended, &["run_0001"], &["run_0002"]);
}

#[test]
fn a_signal_in_any_wait_between_runs_ends_it() {
    needs_programs!();
    let flags = "--concurrency 2 --request-count 2 --num-profile-runs 4 --profile-run-cooldown-seconds 2";
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start("");
        let running = Run::profile(&server.url(), flags).start();
        until_printed(&running, PAUSED, 2);
        running.signal(signal);
        let ended = running.end();
        ended.ended_with(128 + signal.as_raw());
        assert_eq!(server.received(), 4, "{signal:?}: no third run");
        aggregates_are_of(&ended, &["run_0001", "run_0002"], &[]);
        assert_eq!(ended.kept(), Vec::<String>::new(), "{}", ended.err);
    }
}

/// The server goes away between two runs, and the second waits for it.
#[test]
fn a_signal_ends_the_wait_for_a_later_runs_model() {
    needs_programs!();
    let flags = "--request-count 2 --num-profile-runs 3 --profile-run-cooldown-seconds 3 --wait-for-model-timeout 300 \
                 --wait-for-model-interval 100";
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start("");
        let running = Run::profile(&server.url(), flags).start();
        until_printed(&running, PAUSED, 1);
        drop(server);
        until_printed(&running, "waiting for the model", 1);
        running.signal(signal);
        let ended = running.end();
        ended.ended_with(128 + signal.as_raw());
        // A run that never started is neither a result nor a failure.
        aggregates_are_of(&ended, &["run_0001"], &[]);
        let runs = ended.artifacts().join("profile_runs");
        assert!(!runs.join("run_0002").exists(), "nothing of a run that never started");
        assert_eq!(ended.kept(), Vec::<String>::new(), "{}", ended.err);
    }
}

/// The wait for a profiler to stop is between a run and its report.
#[test]
fn a_signal_before_the_report_does_not_lose_it() {
    needs_programs!();
    for (repeated, signal) in [("", Signal::TERM), ("--num-profile-runs 3", Signal::INT)] {
        let server = Server::start("");
        // It accepts connections, but never responds.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        silent.set_nonblocking(true).unwrap();
        let stop = format!("http://{}/stop", silent.local_addr().unwrap());
        let flags =
            format!("--request-count 3 --server-profiler --server-profiler-stop-path {stop} {repeated}");
        let running = Run::profile(&server.url(), &flags).start();
        let _request = patience::until("the profiler's stop", || silent.accept().ok());
        running.signal(signal);
        let ended = running.end();
        ended.ended_with(128 + signal.as_raw());
        assert!(ended.err.contains("the server's profiler did not stop"), "{}", ended.err);
        assert_eq!(server.received(), 3, "one run");
        if repeated.is_empty() {
            assert_eq!(ended.records().len(), 3, "the whole run is reported");
        } else {
            aggregates_are_of(&ended, &["run_0001"], &[]);
        }
        assert_eq!(ended.kept(), Vec::<String>::new(), "{}", ended.err);
    }
}

/// The comparison of two artifact directories, with further flags.
fn compared(base: &Ended, other: &Ended, flags: &[&str]) -> Ended {
    let mut run = Run::of("compare");
    run.command.args([base.artifacts(), other.artifacts()]).args(["--format", "json"]).args(flags);
    run.end()
}

#[test]
fn repeated_runs_are_one_side_of_a_comparison() {
    needs_programs!();
    let repeated = |server: &str| {
        let server = Server::start(server);
        let ended = Run::profile(&server.url(), "--concurrency 2 --request-count 8 --num-profile-runs 3").end();
        ended.ended_with(0);
        ended
    };
    // 400 ms and 800 ms: not even a busy host doubles a latency in each of three runs.
    let (fast, slow) = (repeated(STEADY), repeated("--tokens 20 --gap-ms 40"));
    let metric = ["--metric", "request_latency.p50"];
    let found = compared(&fast, &slow, &metric);
    found.ended_with(0);
    let sides = serde_json::from_str::<serde_json::Value>(&found.out).unwrap();
    assert_eq!(sides["runs"][0]["runs"], 3, "{sides}");
    let judged = &sides["metrics"]["request_latency.p50"]["runs"][1];
    assert_eq!((&judged["beyond_noise"], &judged["method"]), (&"yes".into(), &"t over runs".into()), "{sides}");
    let judges = |gate: &str, more: &[&str], status: i32| {
        compared(&fast, &slow, &[&["--fail-if", gate], more].concat()).ended_with(status);
    };
    judges("request_latency.p50 > 1.2x", &[], 4);
    judges("request_latency.p50 > 5x", &[], 0);
    judges("request_error_rate > 90", &[], 0);
    let one = |ended: &Ended| ended.artifacts().join("profile_runs/run_0001");
    let single = |more: &[&str], status: i32| {
        let mut run = Run::of("compare");
        run.command.args([one(&fast), one(&slow)]).args(["--fail-if", "request_latency.p99 > 1.05x"]).args(more);
        run.end().ended_with(status).err.clone()
    };
    assert!(single(&[], 5).contains("can't tell: "), "eight requests have no p99");
    single(&["--fail-if-unsure", "pass"], 0);
    single(&["--fail-if-unsure", "fail"], 4);
    single(&["--fail-if-unsure", "value"], 4);
}
