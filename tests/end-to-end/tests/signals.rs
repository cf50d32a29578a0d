//! Tests signals that end a command: `timeout`, Kubernetes and continuous integration send SIGTERM, a closed terminal SIGHUP.
//! At any point the command ends as by Ctrl-C: with a report of what was measured, and no hidden files left.

use end_to_end::client::{Ended, Run};
use end_to_end::server::Server;
use end_to_end::watched::watching;
use end_to_end::{needs_probes, needs_programs, patience};
use rustix::process::Signal;
use std::net::TcpListener;
use std::process::Command;

/// Long enough for these tests: a minute of load, four concurrent requests.
const LONG: &str = "--concurrency 4 --benchmark-duration 60";
/// A response takes 400 ms.
const STEADY: &str = "--tokens 20 --gap-ms 20";
/// A response takes minutes.
const SLOW: &str = "--tokens 20000 --gap-ms 20";

/// The signals that end a command, and its exit status. Where this test itself ignores SIGHUP (`nohup`), so do the commands
/// that it starts.
fn signals() -> Vec<(Signal, i32)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    let ignores_hang_ups = u64::from_str_radix(ignored.trim(), 16).is_ok_and(|ignored| ignored & 1 != 0);
    let all = [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)];
    all.into_iter().filter(|(signal, _)| !(ignores_hang_ups && *signal == Signal::HUP)).collect()
}

#[track_caller]
fn left_nothing_hidden(ended: &Ended) {
    let hidden = ended.left_behind().into_iter().filter(|name| {
        name.split('/').any(|part| {
            part.starts_with('.') || std::path::Path::new(part).extension().is_some_and(|it| it == "tmp")
        })
    });
    assert_eq!(hidden.collect::<Vec<_>>(), Vec::<String>::new(), "{}", ended.err);
    assert_eq!(ended.kept(), Vec::<String>::new(), "{}", ended.err);
}

#[test]
fn every_such_signal_is_handled_like_ctrl_c() {
    needs_programs!();
    for (signal, status) in signals() {
        let server = Server::start(STEADY);
        let running = Run::profile(&server.url(), LONG).start();
        server.until_received(6);
        running.signal(signal);
        let ended = running.end();
        ended.ended_with(status);
        assert_eq!(ended.records().len(), server.log().len(), "{signal:?}: what was sent is recorded");
        let run = ended.json("run.json");
        assert_eq!((&run["was_cancelled"], &run["is_complete"]), (&true.into(), &false.into()), "{run}");
        assert!(ended.out.contains("Request Latency"), "the results are reported: {}", ended.out);
        left_nothing_hidden(&ended);
    }
}

#[test]
fn the_second_does_not_wait_for_requests_in_flight() {
    needs_programs!();
    let server = Server::start(SLOW);
    let running = Run::profile(&server.url(), LONG).start();
    server.until_received(4);
    running.signal(Signal::TERM);
    patience::until("the first message", || running.err().contains("Ctrl-C again").then_some(()));
    running.signal(Signal::TERM);
    let ended = running.end();
    ended.ended_with(143);
    let records = ended.records();
    assert_eq!(records.len(), 4, "each request in flight is recorded: {records:?}");
    left_nothing_hidden(&ended);
}

#[test]
fn under_nohup_a_hang_up_is_ignored() {
    needs_programs!();
    let server = Server::start(STEADY);
    let mut run = Run::profile(&server.url(), "--request-count 12 --concurrency 2");
    let program = run.command.get_program().to_owned();
    let words = run.command.get_args().map(std::ffi::OsStr::to_owned).collect::<Vec<_>>();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(program).args(words);
    command.current_dir(run.folder.path()).env("XDG_STATE_HOME", run.state.path());
    run.command = command;
    let running = run.start();
    server.until_received(2);
    running.signal(Signal::HUP);
    let ended = running.end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 12, "the whole run");
}

#[test]
fn a_series_ends_with_the_aggregate_of_its_runs() {
    needs_programs!();
    let server = Server::start(STEADY);
    let flags = "--concurrency 4 --request-count 8 --num-profile-runs 5 --profile-run-cooldown-seconds 30";
    let running = Run::profile(&server.url(), flags).start();
    patience::until("the pause after the first run", || {
        running.err().contains("before the next run").then_some(())
    });
    running.signal(Signal::TERM);
    let ended = running.end();
    ended.ended_with(143);
    assert_eq!(server.received(), 8, "no second run");
    let aggregate = ended.json("aggregate/profile_export_aiperf_aggregate.json");
    assert_eq!(aggregate["metadata"]["num_successful_runs"], 1, "{aggregate}");
    left_nothing_hidden(&ended);
}

/// A process that has once listened for a signal loses the default action for good: every later run must listen too.
#[test]
fn a_later_run_of_a_series_handles_it_like_the_first() {
    needs_programs!();
    let server = Server::start(STEADY);
    let flags = "--concurrency 2 --benchmark-duration 0.8 --num-profile-runs 10";
    for signal in [Signal::INT, Signal::TERM] {
        let running = Run::profile(&server.url(), flags).start();
        patience::until("the third run", || running.err().contains("run 3 of").then_some(()));
        running.signal(signal);
        let ended = running.end();
        ended.ended_with(128 + signal.as_raw());
        let aggregate = ended.json("aggregate/profile_export_aiperf_aggregate.json");
        let runs = aggregate["metadata"]["num_successful_runs"].as_u64().unwrap();
        assert!((2..10).contains(&runs), "the runs until then: {aggregate}");
        left_nothing_hidden(&ended);
    }
}

#[test]
fn every_wait_ends_with_a_signal() {
    needs_programs!();
    // It accepts connections, but never responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dead = format!("http://{dead}");
    for (url, flags, word) in [
        (&dead, "--wait-for-model-timeout 300 --wait-for-model-interval 100", "waiting for the model"),
        (&url, "--wait-for-model-timeout 300", ""),
        (&url, "--reset-kv-cache", ""),
        (&url, "--server-profiler", ""),
    ] {
        let running = Run::profile(url, &format!("--request-count 4 {flags}")).start();
        if word.is_empty() {
            // It has connected, and waits for the response.
            drop(silent.accept().map(|(stream, _)| std::mem::forget(stream)));
            if !flags.starts_with("--wait") {
                drop(silent.accept().map(|(stream, _)| std::mem::forget(stream)));
            }
        } else {
            patience::until(word, || running.err().contains(word).then_some(()));
        }
        running.signal(Signal::TERM);
        let ended = running.end();
        ended.ended_with(143);
        assert!(ended.err.contains("stopped by SIGTERM"), "{flags}: {}", ended.err);
        assert_eq!(ended.left_behind(), Vec::<String>::new(), "{flags}: no run, nothing left");
    }
}

#[test]
fn an_observation_ends_with_its_report() {
    needs_probes!();
    let pid = std::process::id().to_string();
    for (signal, _) in signals() {
        // There is no traffic on that port, which does not matter here.
        let flags = ["--pid", &pid, "--port", "1", "--fail-on", "never"];
        let running = watching("observe", &flags).start();
        patience::until("the observation", || running.err().contains("observing").then_some(()));
        running.signal(signal);
        let ended = running.end();
        ended.ended_with(0);
        assert_eq!(ended.json("run.json")["source"], "observe", "there is a report");
        left_nothing_hidden(&ended);
    }
}

#[test]
fn an_audit_forwards_it_and_reports() {
    needs_probes!();
    let running = end_to_end::watched::audit(&[], &["sh", "-c", "echo started; sleep 300 & wait"]).start();
    patience::until("the command", || running.out().contains("started").then_some(()));
    running.signal(Signal::TERM);
    let ended = running.end();
    ended.ended_with(143);
    assert_eq!(ended.json("run.json")["source"], "audit", "there is a report");
    left_nothing_hidden(&ended);
    let stubborn = end_to_end::watched::audit(
        &[],
        &["sh", "-c", "trap 'echo received' TERM; echo started; while :; do sleep 0.1; done"],
    );
    let running = stubborn.start();
    patience::until("the command", || running.out().contains("started").then_some(()));
    running.signal(Signal::TERM);
    patience::until("the first to reach the command", || running.out().contains("received").then_some(()));
    running.signal(Signal::TERM);
    let ended = running.end();
    ended.ended_with(137);
    assert_eq!(ended.json("run.json")["source"], "audit", "there is a report");
}
