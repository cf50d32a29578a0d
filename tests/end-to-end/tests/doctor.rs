//! Tests `aiperf-ctl doctor` on this host: its text, its JSON, as a gate for CI, with and without a daemon; and versions.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::daemon::Daemon;
use end_to_end::server::Server;
use end_to_end::{needs_probes, needs_programs, programs};
use kernel_tests::skip::skip;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

fn doctor(flags: &str) -> Ended {
    let mut run = Run::of("doctor");
    run.command.args(flags.split_whitespace());
    run.without_daemon().end()
}

/// The findings in an environment set up by a shell command that ends in `"$0" doctor`.
fn doctor_by(shell: &str) -> Ended {
    let mut command = Command::new("sh");
    command.args(["-c", shell]).arg(programs::folder().join("aiperf-ctl"));
    Run::by(command).end()
}

/// The findings of a user without any rights; `None` where the user cannot be changed.
fn doctor_as_nobody(flags: &str, socket: &Path) -> Option<Ended> {
    if !rustix::process::geteuid().is_root() {
        skip("changing the user requires root");
        return None;
    }
    let installed = programs::for_all_users();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all"]);
    command.arg(installed.path().join("aiperf-ctl")).arg("doctor").args(flags.split_whitespace());
    command.arg("--socket").arg(socket);
    let run = Run::by(command);
    let nobody = NOBODY.parse().unwrap();
    chown(run.folder.path(), Some(nobody), Some(nobody)).unwrap();
    Some(run.end())
}

#[track_caller]
fn checks(ended: &Ended) -> Vec<Value> {
    let found: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    found["checks"].as_array().unwrap().clone()
}

#[track_caller]
fn check<'c>(checks: &'c [Value], name: &str) -> &'c Value {
    checks.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {checks:?}"))
}

#[test]
fn a_reader_gets_one_screen() {
    needs_programs!();
    let ended = doctor("");
    ended.ended_with(0);
    assert!(ended.out.lines().count() <= 24, "lines of\n{}", ended.out);
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "columns of\n{}", ended.out);
    assert!(ended.out.contains("timestamps:"), "the source of timestamps in\n{}", ended.out);
    let all = doctor("--all");
    for name in ["io_uring", "clock_source", "descriptors", "gpu"] {
        assert!(all.out.contains(name), "{name} in\n{}", all.out);
    }
}

#[test]
fn programs_get_stable_keys() {
    needs_programs!();
    let ended = doctor("--json");
    let found = checks(ended.ended_with(0));
    for one in &found {
        let keys = one.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(keys, ["name", "group", "level", "found", "cause", "cure"], "keys of {one}");
        let level = one["level"].as_str().unwrap();
        assert!(["ok", "warning", "missing"].contains(&level), "the level of {one}");
        assert_eq!(level == "ok", one["cause"].is_null(), "the cause of {one}");
        assert_eq!(level == "ok", one["cure"].is_null(), "the cure of {one}");
    }
}

#[test]
fn requirements_that_the_host_cannot_meet_are_found() {
    needs_programs!();
    let found = checks(&doctor("--json --concurrency 4000000"));
    assert_eq!(check(&found, "ports")["level"], "missing", "no host has so many ports");
    let few = doctor_by("ulimit -n 100 && exec \"$0\" doctor --json --socket none.sock");
    let found = checks(&few);
    let descriptors = check(&found, "descriptors");
    assert!(descriptors["found"] == "100 open files" && descriptors["level"] == "missing", "{descriptors}");
    let mut run = Run::of("doctor");
    run.command.args(["--json", "--artifact-dir", "/proc/1/no/such/folder"]);
    let found = checks(&run.without_daemon().end());
    assert_ne!(check(&found, "disk")["level"], "ok", "/proc is not writable");
}

#[test]
fn a_shifted_clock_is_found() {
    needs_programs!();
    let shifted = "exec unshare --time --fork --monotonic 86400 \"$0\" doctor --json --socket none.sock";
    let ended = doctor_by(shifted);
    if ended.status != Some(0) {
        return skip(&format!("time namespaces cannot be created: {}", ended.err));
    }
    let found = checks(&ended);
    let namespace = check(&found, "time_namespace");
    assert_eq!(namespace["level"], "warning", "{namespace}");
    assert!(namespace["found"].as_str().unwrap().contains("86400 s"), "{namespace}");
}

#[test]
fn what_ci_requires_is_named() {
    needs_programs!();
    doctor("--require so_timestamping --require kernel").ended_with(0);
    let unknown = doctor("--require teleportation");
    assert!(unknown.ended_with(2).err.contains("io_uring"), "the available names: {}", unknown.err);
    let Some(plain) = doctor_as_nobody("--require ebpf --require kernel", Path::new("none.sock")) else {
        return;
    };
    plain.ended_with(1);
    assert!(
        plain.err.contains("--require ebpf") && plain.err.contains("CAP_BPF"),
        "what is missing: {}",
        plain.err
    );
    assert!(!plain.err.contains("--require kernel"), "and nothing else: {}", plain.err);
}

#[test]
fn root_can_have_kernel_timestamps() {
    needs_probes!();
    doctor("--require ebpf,io_uring,cgroup_v2,capabilities").ended_with(0);
}

#[test]
fn a_daemon_lends_its_rights_to_a_plain_user() {
    needs_probes!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let folder = daemon.socket.parent().unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let Some(closed) = doctor_as_nobody("--json", &daemon.socket) else { return };
    let found = checks(&closed);
    assert_eq!(check(&found, "daemon")["level"], "missing", "not accessible to others: {}", closed.out);
    assert_eq!(check(&found, "ebpf")["level"], "missing", "so its rights cannot be used");
    fs::set_permissions(&daemon.socket, Permissions::from_mode(0o666)).unwrap();
    let open = doctor_as_nobody("--json --require ebpf --concurrency 4000000", &daemon.socket).unwrap();
    let found = checks(open.ended_with(0));
    assert_eq!(check(&found, "daemon")["level"], "ok", "it responds: {}", open.out);
    assert_eq!(check(&found, "capabilities")["level"], "ok", "the daemon's own");
    assert_eq!(check(&found, "ports")["level"], "missing", "the daemon checks for as many connections");
}

#[test]
fn a_socket_that_does_not_respond_is_reported() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let hangs_up = std::thread::spawn(move || drop((listener.accept().unwrap(), listener.accept())));
    let mut run = Run::of("doctor");
    run.command.arg("--json").arg("--socket").arg(&socket);
    let found = checks(&run.end());
    assert_eq!(check(&found, "daemon")["level"], "warning", "{found:?}");
    hangs_up.join().unwrap();
}

#[test]
fn every_run_stores_the_findings_and_its_build() {
    needs_programs!();
    let server = Server::start("");
    let ended = Run::profile(&server.url(), "--request-count 4").end();
    let run = ended.ended_with(0).json("run.json");
    let found = run["doctor"].as_array().unwrap();
    assert_eq!(check(found, "io_uring")["level"], "ok", "the load generator used it");
    assert_eq!(check(found, "timestamps")["found"], run["timestamps"], "the source of the run");
    let version = version_of("aiperfd");
    assert_eq!(run["commit"], version["commit"], "the daemon's commit");
    assert_eq!(run["kernel_object"], version["kernel_object_sha256"], "the object that was built in");
}

#[test]
fn every_program_reports_its_build() {
    needs_programs!();
    let client = version_of("aiperf-ctl");
    for name in &programs::PROGRAMS[..3] {
        let version = version_of(name);
        assert_eq!(version["program"], **name, "{version}");
        for key in ["version", "commit", "kernel_object_sha256"] {
            assert_eq!(version[key], client[key], "{key} of {name}");
        }
        let line = output(name, &["--version"]);
        let digits = client["commit"].as_str().unwrap();
        assert!(
            line.starts_with(&format!("{name} ")) && line.contains(digits.get(..12).unwrap_or(digits)),
            "{line}"
        );
    }
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    for path in ["/v1/health", "/v1/capabilities"] {
        let mut stream = UnixStream::connect(&daemon.socket).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let response: Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(response["commit"], client["commit"], "{path}");
        assert_eq!(response["kernel_object"], client["kernel_object_sha256"], "{path}");
    }
}

fn version_of(name: &str) -> Value {
    serde_json::from_str(&output(name, &["--version", "--json"])).unwrap()
}

fn output(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(programs::folder().join(name)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const NOBODY: &str = "65534";
