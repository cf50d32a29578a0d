//! Tests a shared daemon: its runs, its shutdown, and what it leaves behind when it is killed.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::Run;
use end_to_end::daemon::Daemon;
use end_to_end::server::Server;
use end_to_end::{needs_probes, needs_programs, patience};
use kernel_tests::links::{held_by, that_stay};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

/// The console report without the line that only `profile` prints.
fn tables(out: &str) -> String {
    let lines = out.lines().filter(|line| !line.starts_with("Results: "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn runs_are_kept_shown_fetched_and_removed() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let server = Server::start("");
    let ended = Run::profile(&server.url(), "--request-count 5").with(&daemon).end();
    ended.ended_with(0);
    let ids = daemon.run_ids();
    assert_eq!(ids.len(), 1, "the run is kept: {ids:?}");
    assert_eq!(daemon.show(&ids[0])["state"], "finished", "and shown");
    assert_eq!(ended.json("run.json")["run_id"], ids[0].as_str(), "by its id");
    let fetched = daemon.runs(&format!("fetch {} --artifact-dir artifacts", ids[0]));
    fetched.ended_with(0);
    assert_eq!(tables(&fetched.out), tables(&ended.out), "a fetched run has the same report");
    assert_eq!(fetched.records(), ended.records(), "and the same records");
    daemon.runs(&format!("rm {}", ids[0])).ended_with(0);
    assert_eq!(daemon.run_ids(), [""; 0], "a removed run is not listed");
    let gone = daemon.runs(&format!("show {}", ids[0]));
    assert_ne!(gone.status, Some(0), "and cannot be shown: {}", gone.out);
    assert_eq!(fs::read_dir(state.path().join("runs")).unwrap().count(), 0, "nothing of it is left");
    for malformed in ["show ../../etc", "rm .", "show 0123456789ab"] {
        let refused = daemon.runs(malformed);
        assert_ne!(refused.status, Some(0), "{malformed}: {}", refused.out);
        assert!(refused.err.starts_with("error:"), "{malformed}: {}", refused.err);
    }
}

/// A recomputed report has the same values, from a directory and from the daemon.
#[test]
fn a_recomputed_report_is_the_same() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let server = Server::start("--jitter 0.5 --fault status:503 --fault-every 7");
    let ended = Run::profile(&server.url(), "--request-count 40 --concurrency 4").with(&daemon).end();
    // One in seven failed, so the verdict is not valid.
    ended.ended_with(3);
    let id = ended.json("run.json")["run_id"].as_str().unwrap().to_owned();
    for run in [ended.artifacts().into_os_string(), id.into()] {
        let mut report = Run::of("report");
        report.command.arg(&run).args(["--artifact-dir", "artifacts"]);
        let again = report.with(&daemon).end();
        again.ended_with(0);
        assert_eq!(tables(&again.out), tables(&ended.out), "the console of {run:?}");
        for name in ["profile_export_aiperf.json", "profile_export.jsonl", "profile_export_aiperf.csv"] {
            let text = |folder: PathBuf| fs::read_to_string(folder.join(name)).unwrap();
            assert_eq!(text(again.artifacts()), text(ended.artifacts()), "{name} of {run:?}");
        }
    }
}

#[test]
fn two_clients_get_cores_of_their_own() {
    needs_programs!();
    let cores = available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return kernel_tests::skip::skip("two concurrent runs need two cores");
    }
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let server = Server::start("--tokens 20 --gap-ms 20");
    let flags = |workers: usize| format!("--benchmark-duration 3 --concurrency {cores} --workers {workers}");
    let first = Run::profile(&server.url(), &flags(cores / 2)).with(&daemon).start();
    server.until_received(2);
    let second = Run::profile(&server.url(), &flags(cores - cores / 2)).with(&daemon).start();
    patience::until("two concurrent runs", || {
        let running = daemon.run_ids().into_iter().filter(|id| daemon.show(id)["state"] == "running").count();
        (running == 2).then_some(())
    });
    let third = Run::profile(&server.url(), &flags(1)).with(&daemon).end();
    third.ended_with(1);
    assert!(third.err.contains("other runs hold the rest"), "the error states the reason: {}", third.err);
    let (first, second) = (first.end(), second.end());
    let hot =
        |ended: &end_to_end::client::Ended| ended.ended_with(0).json("run.json")["host"]["hot_cpus"].clone();
    assert_ne!(hot(&first), hot(&second), "each had a separate core");
    let fourth = Run::profile(&server.url(), "--request-count 2").with(&daemon).end();
    fourth.ended_with(0);
}

#[test]
fn a_terminated_daemon_drains() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path());
    let server = Server::start("--tokens 20 --gap-ms 20");
    let running =
        Run::profile(&server.url(), "--concurrency 2 --benchmark-duration 60").with(&daemon).start();
    server.until_received(4);
    daemon.signal(Signal::TERM);
    assert!(daemon.ends_well(), "the daemon exits successfully");
    let ended = running.end();
    assert!(ended.status.is_some(), "the client exits too: {}", ended.err);
    let again = Daemon::start(state.path());
    let ids = again.run_ids();
    assert_eq!(ids.len(), 1, "the run is kept: {ids:?}");
    assert_eq!(again.show(&ids[0])["state"], "finished", "and complete");
    let fetched = again.runs(&format!("fetch {} --artifact-dir artifacts", ids[0]));
    let records = fetched.ended_with(0).records();
    assert_eq!(records.len(), server.log().len(), "what was sent is recorded");
    assert!(records.iter().all(|record| record.get("error").is_none()), "and ended well: {records:?}");
}

/// Where cgroup v2 is mounted.
fn cgroups() -> PathBuf {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let mut fields = mounts.lines().map(|line| line.split(' '));
    fields
        .find_map(|mut fields| {
            (fields.clone().nth(2) == Some("cgroup2")).then(|| fields.nth(1).unwrap().into())
        })
        .unwrap()
}

/// A killed daemon leaves no attached program, no cgroup and no load generator; its run is recognizable as interrupted.
#[test]
fn a_killed_daemon_leaves_nothing_running() {
    needs_probes!();
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path());
    let server = Server::start("--tokens 20 --gap-ms 20");
    let running =
        Run::profile(&server.url(), "--concurrency 2 --benchmark-duration 60").with(&daemon).start();
    server.until_received(4);
    let id = daemon.run_that_is("running");
    let cgroup = cgroups().join(format!("aiperfd-{}", daemon.pid()));
    let inside = fs::read_to_string(cgroup.join(format!("run-{id}/cgroup.procs"))).unwrap();
    let loadgens = inside.lines().map(|pid| Path::new("/proc").join(pid)).collect::<Vec<_>>();
    assert_eq!(loadgens.len(), 1, "the load generator is in the run's cgroup: {inside}");
    let links = held_by(daemon.pid());
    assert_eq!(links.len(), 3, "the probes are attached: {links:?}");
    daemon.kill();
    assert_eq!(that_stay(&links), [0_u32; 0], "links that stay behind");
    patience::until("the load generator's end", || (!loadgens[0].exists()).then_some(()));
    patience::until("the cgroup's end", || (!cgroup.exists()).then_some(()));
    let received = server.received();
    let ended = running.end();
    ended.ended_with(1);
    assert!(
        ended.err.contains(&format!("runs recover {id}")),
        "the client states how to recover: {}",
        ended.err
    );
    assert_eq!(server.received(), received, "nothing is sent any more");
    let again = Daemon::start(state.path());
    assert_eq!(again.show(&id)["state"], "interrupted", "the run is still listed");
    let recovered = again.runs(&format!("recover {id}"));
    recovered.ended_with(0);
    again.runs(&format!("rm {id}")).ended_with(0);
}

/// Once a part of its records is complete, an interrupted run can be recovered up to there.
#[test]
fn an_interrupted_run_is_recovered() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path());
    let server = Server::start("--tokens 4 --gap-ms 20");
    let running =
        Run::profile(&server.url(), "--concurrency 2 --benchmark-duration 60").with(&daemon).start();
    let id = daemon.run_that_is("running");
    let parts = state.path().join("runs").join(&id).join("parts");
    patience::until("a complete part", || {
        let names =
            fs::read_dir(&parts).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let complete =
            |stem: &str| names.filter(|name| name.starts_with(stem) && name.ends_with(".parquet")).count();
        (complete("requests") > 0).then_some(())
    });
    daemon.kill();
    running.end().ended_with(1);
    let again = Daemon::start(state.path());
    let recovered = again.runs(&format!("recover {id}"));
    recovered.ended_with(0);
    let status: Value = serde_json::from_str(&recovered.out).unwrap();
    assert_eq!(status["state"], "finished", "{status}");
    assert_ne!(status["standing"], "valid", "{status}");
    let fetched = again.runs(&format!("fetch {id} --artifact-dir artifacts"));
    let records = fetched.ended_with(0).records();
    assert!(
        !records.is_empty() && records.len() <= server.log().len(),
        "{} of {}",
        records.len(),
        server.log().len()
    );
    let twice = again.runs(&format!("recover {id}"));
    assert_ne!(twice.status, Some(0), "there is nothing more to recover: {}", twice.out);
}

/// The private daemon of a killed client exits with it.
#[test]
fn a_private_daemon_ends_with_its_client() {
    needs_probes!();
    let server = Server::start("--tokens 20 --gap-ms 20");
    let running = Run::profile(&server.url(), "--concurrency 2 --benchmark-duration 60").start();
    server.until_received(4);
    let mine = |entry: &fs::DirEntry| {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // After the name in parentheses: state, parent.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1).map(str::to_owned));
        parent == Some(running.pid().to_string())
    };
    let children =
        fs::read_dir("/proc").unwrap().flatten().filter(mine).map(|entry| entry.path()).collect::<Vec<_>>();
    assert_eq!(children.len(), 1, "the client has one child, the daemon: {children:?}");
    let cgroup = cgroups().join(format!("aiperfd-{}", children[0].file_name().unwrap().display()));
    assert!(cgroup.exists(), "the daemon has a cgroup");
    drop(running);
    patience::until("the daemon's end", || (!children[0].exists()).then_some(()));
    patience::until("the cgroup's end", || (!cgroup.exists()).then_some(()));
    let received = server.received();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(server.received(), received, "nothing is sent any more");
}

/// A second daemon on a socket in use exits at once, and does not disturb the first.
#[test]
fn a_socket_belongs_to_one_daemon() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let mut command = Command::new(end_to_end::programs::folder().join("aiperfd"));
    let other = tempfile::tempdir().unwrap();
    command.arg("--socket").arg(&daemon.socket).arg("--state-dir").arg(other.path());
    let second = Run::by(command).end();
    second.ended_with(1);
    assert!(second.err.contains("another aiperfd listens"), "the error states the reason: {}", second.err);
    assert_eq!(daemon.run_ids(), [""; 0], "the first continues");
}
