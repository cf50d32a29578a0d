//! Tests killing each process at any time: the run ends with a reason and with the received data, and nothing is left once the
//! next daemon has started.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use common::id::RequestId;
use end_to_end::client::{Ended, Run};
use end_to_end::clock;
use end_to_end::control_http::descendants;
use end_to_end::daemon::Daemon;
use end_to_end::server::{Served, Server};
use end_to_end::{needs_probes, needs_programs, patience};
use record::{Request, Token};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use store::parquet::rows;

/// A process among a daemon's descendants.
fn process(daemon: &Daemon, words: &str) -> Option<u32> {
    descendants(daemon.pid()).into_iter().find(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.replace('\0', " ").starts_with(words)
    })
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// The tokens of each request in a directory of results, by its X-Request-ID.
fn recorded(folder: &Path, run: &str) -> HashMap<String, (Request, Vec<Token>)> {
    let run = u64::from_str_radix(run, 16).unwrap();
    let id = |id: RequestId| String::from_utf8(id.header(run).to_vec()).unwrap();
    let requests = rows::<Request>(&folder.join("requests.parquet")).unwrap().flat_map(Result::unwrap);
    let mut recorded =
        requests.map(|request| (id(request.request_id), (request, Vec::new()))).collect::<HashMap<_, _>>();
    for token in rows::<Token>(&folder.join("tokens.parquet")).unwrap().flat_map(Result::unwrap) {
        recorded.get_mut(&id(token.request_id)).expect("an event of a recorded request").1.push(token);
    }
    recorded
}

/// Everything that the server had written until one second before is recorded.
fn holds_everything(folder: &Path, run: &str, log: &[Served], killed_ns: u64) -> usize {
    let recorded = recorded(folder, run);
    let mut compared = 0;
    for served in log {
        let before = served.written.iter().filter(|event| event.before_ns + SECOND_NS < killed_ns);
        let before = before.filter(|event| event.kind != "head").count();
        if before == 0 {
            continue;
        }
        let (_, tokens) =
            recorded.get(&served.request_id).unwrap_or_else(|| panic!("{served:?} is recorded"));
        assert!(tokens.len() >= before, "{} of {before} events of {served:?}", tokens.len());
        compared += before;
    }
    compared
}

/// The exit status is that of an invalid run, or of one in which every request failed.
#[track_caller]
fn failed(ended: &Ended) {
    assert!([Some(1), Some(3)].contains(&ended.status), "{:?}: {}", ended.status, ended.err);
}

/// The daemon is killed at twenty different times, and another one replaces it: the client reports what the server had written
/// until one second before.
#[test]
fn a_killed_daemon_loses_nothing() {
    needs_probes!();
    let mut compared = 0;
    for moment in 0..MOMENTS {
        let state = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::start(state.path());
        let server = Server::start("--tokens 20 --gap-ms 15");
        let flags = "--concurrency 4 --benchmark-duration 60";
        let running = Run::profile(&server.url(), flags).with(&daemon).start();
        server.until_received(1);
        std::thread::sleep(Duration::from_millis(173 * moment % 2900));
        let run = daemon.run_that_is("running");
        let family = descendants(daemon.pid());
        let killed_ns = clock::mono_ns();
        daemon.kill();
        patience::until("its processes to exit", || {
            let left = family.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).count();
            (left == 0).then_some(())
        });
        let log = server.log();
        daemon.again();
        let ended = running.end();
        failed(&ended);
        let verdict = ended.json("run.json")["verdict"].clone();
        assert_eq!(verdict["standing"], "invalid", "{verdict}");
        assert_eq!(verdict["reasons"][0]["name"], "daemon_died", "{verdict}");
        compared += holds_everything(&ended.artifacts(), &run, &log, killed_ns);
        assert_eq!(daemon.show(&run)["state"], "finished", "the client had it recovered");
    }
    assert!(compared > 1000, "{compared} events were compared");
}

/// A load generator is killed at several times: its run ends as invalid, with everything received.
#[test]
fn a_killed_load_generator_ends_its_run() {
    needs_probes!();
    for moment in 0..MOMENTS / 2 {
        let state = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(state.path());
        let server = Server::start("--tokens 20 --gap-ms 15");
        let flags = "--concurrency 4 --benchmark-duration 60";
        let running = Run::profile(&server.url(), flags).with(&daemon).start();
        server.until_received(4);
        std::thread::sleep(Duration::from_millis(331 * moment % 2000));
        let loadgen = process(&daemon, "aiperf-loadgen run").expect("a load generator");
        let killed_ns = clock::mono_ns();
        signal(loadgen, Signal::KILL);
        let ended = running.end();
        failed(&ended);
        let run = ended.json("run.json");
        assert_eq!(run["verdict"]["standing"], "invalid", "{}", run["verdict"]);
        assert_eq!(run["verdict"]["reasons"][0]["name"], "loadgen_died", "{}", run["verdict"]);
        assert_eq!(run["is_complete"], false, "it was not complete");
        let id = run["run_id"].as_str().unwrap();
        holds_everything(&ended.artifacts(), id, &server.log(), killed_ns + SECOND_NS - 200_000_000);
    }
}

/// A load generator that is stopped (SIGSTOP) does not block its run for ever.
#[test]
fn a_stopped_load_generator_ends_its_run() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let server = Server::start("--tokens 20 --gap-ms 15");
    let running =
        Run::profile(&server.url(), "--concurrency 4 --benchmark-duration 60").with(&daemon).start();
    server.until_received(4);
    signal(process(&daemon, "aiperf-loadgen run").expect("a load generator"), Signal::STOP);
    let ended = running.end();
    failed(&ended);
    let verdict = ended.json("run.json")["verdict"].clone();
    assert_eq!(verdict["reasons"][0]["name"], "stalled", "{verdict}");
    assert!(!ended.records().is_empty(), "the received data is stored");
}

/// The spawner is restarted whenever it dies; a run in progress is not affected.
#[test]
fn a_killed_spawner_is_replaced() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let server = Server::start("");
    for _ in 0..MOMENTS / 2 {
        let spawner = patience::until("a spawner", || process(&daemon, "aiperfd spawner"));
        signal(spawner, Signal::KILL);
        // On a busy host a process that is killed may still take a request before it ends.
        let folder = format!("/proc/{spawner}");
        patience::until("the spawner to exit", || (!Path::new(&folder).exists()).then_some(()));
        Run::profile(&server.url(), "--request-count 5").with(&daemon).end().ended_with(0);
    }
    let running = Run::profile(&server.url(), "--concurrency 1 --benchmark-duration 5").with(&daemon).start();
    let _run = daemon.run_that_is("running");
    signal(patience::until("a spawner", || process(&daemon, "aiperfd spawner")), Signal::KILL);
    running.end().ended_with(0);
}

/// Without its guard a daemon continues, and the next one cleans up.
#[test]
fn a_killed_guard_costs_nothing() {
    needs_probes!();
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path());
    let server = Server::start("");
    // A daemon without a spawner so far loses it together with the guard.
    patience::until("a spawner", || process(&daemon, "aiperfd spawner"));
    signal(patience::until("a guard", || process(&daemon, "aiperfd guard")), Signal::KILL);
    Run::profile(&server.url(), "--request-count 5").with(&daemon).end().ended_with(0);
    let pid = daemon.pid();
    daemon.kill();
    let again = Daemon::start(state.path());
    assert_eq!(again.run_ids().len(), 1, "the run is there");
    assert_eq!(end_to_end::cgroup::of_daemon(pid), None, "the cgroup is removed");
}

/// A daemon that can start no further runs exits, so that a service manager restarts it; runs in progress are completed.
#[test]
fn without_guard_and_spawner_a_daemon_ends() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path());
    let server = Server::start("");
    let spawner = patience::until("a spawner", || process(&daemon, "aiperfd spawner"));
    let running =
        Run::profile(&server.url(), "--concurrency 1 --benchmark-duration 60").with(&daemon).start();
    let _run = daemon.run_that_is("running");
    signal(process(&daemon, "aiperfd guard").expect("a guard"), Signal::KILL);
    signal(spawner, Signal::KILL);
    assert!(running.end().status.is_some(), "the run in progress ends");
    assert!(!daemon.ends_well(), "its exit status requests a restart");
}

/// A killed client takes its private daemon with it, at any time.
#[test]
fn a_killed_client_leaves_nothing_running() {
    needs_probes!();
    for moment in 0..MOMENTS / 2 {
        let server = Server::start("--tokens 20 --gap-ms 15");
        let running = Run::profile(&server.url(), "--concurrency 4 --benchmark-duration 60").start();
        std::thread::sleep(Duration::from_millis(137 * moment));
        let family = descendants(running.pid());
        running.signal(Signal::KILL);
        patience::until("everything to end", || {
            let left = family.iter().filter(|pid| is_running(**pid)).count();
            (left == 0).then_some(())
        });
        let daemons = family.iter().filter_map(|pid| end_to_end::cgroup::of_daemon(*pid));
        assert_eq!(daemons.count(), 0, "no cgroup is left");
        drop(running);
    }
}

/// Whether a process exists and is not a zombie.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, after)| !after.starts_with('Z'))
}

#[test]
fn two_daemons_never_share_a_state_directory() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let mut command = std::process::Command::new(end_to_end::programs::folder().join("aiperfd"));
    let socket = state.path().join("second.sock");
    command.arg("--socket").arg(&socket).arg("--state-dir").arg(state.path());
    let second = Run::by(command).end();
    second.ended_with(1);
    assert!(second.err.contains("another aiperfd uses"), "{}", second.err);
    let runs: Value = end_to_end::control_http::send(&daemon.socket, 0, "GET /v1/runs", b"").json();
    assert_eq!(runs, serde_json::json!([]), "the first continues");
}

/// Different times at which a process is killed.
const MOMENTS: u64 = 20;
const SECOND_NS: u64 = 1_000_000_000;
