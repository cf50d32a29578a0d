//! Tests the daemon that a client starts for itself: no other process can impersonate, reach or read it, and its recordings are
//! not lost.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run, Running, kept_in};
use end_to_end::daemon::Daemon;
use end_to_end::server::Server;
use end_to_end::{needs_probes, needs_programs, needs_root, patience};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Long enough for these tests: a minute of load.
const LONG: &str = "--concurrency 4 --benchmark-duration 60";
/// A response takes 40 ms.
const STEADY: &str = "--tokens 20 --gap-ms 2";

/// The daemon that a client started.
fn daemon_of(running: &Running) -> u32 {
    patience::until("the client's daemon", || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.into_iter().find(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = format!(" {} ", running.pid());
            stat.contains("(aiperfd) ")
                && stat.split_once(") ").is_some_and(|(_, rest)| rest[1..].starts_with(&parent))
        })
    })
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

fn has_ended(pid: u32) {
    patience::until("the daemon's end", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
}

/// `aiperf-ctl runs` on what private daemons left in a state directory.
fn runs(state: &Path, arguments: &str) -> Ended {
    let mut run = Run::of("runs");
    run.command.args(arguments.split_whitespace()).env("XDG_STATE_HOME", state);
    run.without_daemon().end()
}

#[test]
fn it_has_no_name_and_no_secret() {
    needs_programs!();
    needs_root!("reading a daemon's environment");
    let server = Server::start(STEADY);
    let temporary = tempfile::tempdir().unwrap();
    let mut run = Run::profile(&server.url(), LONG);
    run.command
        .env("TMPDIR", temporary.path())
        .env("AIPERF_API_KEY", "hush-key")
        .env("MLFLOW_TRACKING_TOKEN", "hush-token");
    let running = run.start();
    server.until_received(4);
    let daemon = daemon_of(&running);
    let environment = fs::read(format!("/proc/{daemon}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("hush"), "no secret is in its environment");
    let command_line = fs::read_to_string(format!("/proc/{daemon}/cmdline")).unwrap();
    assert!(command_line.contains("--private") && !command_line.contains(".sock"), "{command_line:?}");
    let names = fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(names, 0, "nothing is in the shared temporary directory");
    let sockets = fs::read_to_string("/proc/net/unix").unwrap();
    assert!(!sockets.contains(&format!("aiperfd-{}", running.pid())), "no socket has its name: {sockets}");
    let folders = kept_in(running.state());
    let private = running.state().join("aiperfd/private");
    for place in [private.clone(), private.join(&folders[0])] {
        assert_eq!(
            place.metadata().unwrap().mode() & 0o777,
            0o700,
            "{} is accessible to the user only",
            place.display()
        );
    }
    running.signal(Signal::INT);
    let ended = running.end();
    ended.ended_with(130);
    has_ended(daemon);
    assert_eq!(ended.kept(), Vec::<String>::new(), "a run that ended leaves nothing");
    let hidden =
        ended.left_behind().into_iter().filter(|name| name.split('/').any(|part| part.starts_with('.')));
    assert_eq!(hidden.collect::<Vec<_>>(), Vec::<String>::new(), "nor is anything in the artifact directory");
}

#[test]
fn without_its_client_it_exits_and_its_run_can_be_recovered() {
    needs_programs!();
    let server = Server::start(STEADY);
    let running = Run::profile(&server.url(), LONG).start();
    server.until_received(40);
    let daemon = daemon_of(&running);
    let state = tempfile::tempdir().unwrap();
    let kept = running.state().to_owned();
    kill(running.pid());
    has_ended(daemon);
    // The state directory is removed on drop, unlike a user's.
    fs::rename(kept.join("aiperfd"), state.path().join("aiperfd")).unwrap();
    drop(running);
    let listed = runs(state.path(), "list");
    listed.ended_with(0);
    let id = listed.out.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap().to_owned();
    if listed.out.contains("interrupted") {
        runs(state.path(), &format!("recover {id}")).ended_with(0);
    }
    let fetched = runs(state.path(), &format!("fetch {id} --artifact-dir artifacts"));
    fetched.ended_with(0);
    assert!(fetched.records().len() >= 30, "what was recorded: {}", fetched.records().len());
    assert_ne!(fetched.json("run.json")["verdict"]["standing"], "valid", "a run that was cut short");
    let next = |state: &Path| {
        let mut run = Run::profile(&server.url(), "--request-count 4");
        run.command.env("XDG_STATE_HOME", state);
        run.end()
    };
    let other = next(state.path());
    other.ended_with(0);
    assert!(
        other.err.contains("1 run is kept of an earlier command that was killed"),
        "the next command reports it: {}",
        other.err
    );
    runs(state.path(), &format!("delete {id}")).ended_with(0);
    assert_eq!(kept_in(state.path()), Vec::<String>::new(), "removed with its folder");
    assert!(!next(state.path()).err.contains("that was killed"), "and no longer reported");
}

#[test]
fn a_daemon_that_dies_loses_no_run() {
    needs_programs!();
    let server = Server::start(STEADY);
    let running = Run::profile(&server.url(), LONG).start();
    server.until_received(60);
    kill(daemon_of(&running));
    let ended = running.end();
    assert!(ended.err.contains("the daemon died"), "with a warning: {}", ended.err);
    assert!(ended.records().len() >= 40, "what was recorded until then: {}", ended.records().len());
    let run = ended.json("run.json");
    assert_ne!(run["verdict"]["standing"], "valid", "{run}");
    assert_ne!(run["verdict"]["reasons"][0]["name"], serde_json::Value::Null, "with a reason: {run}");
    assert!(ended.out.contains("Verdict: "), "the report is there: {}", ended.out);
    let status = if run["verdict"]["standing"] == "invalid" { 3 } else { 0 };
    ended.ended_with(status);
    assert_eq!(ended.kept(), Vec::<String>::new(), "nothing is left of it");
}

#[test]
fn a_restarted_shared_daemon_is_used_again() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(state.path());
    let server = Server::start(STEADY);
    let running = Run::profile(&server.url(), LONG).with(&daemon).start();
    server.until_received(60);
    daemon.kill();
    daemon.again();
    let ended = running.end();
    assert!(ended.err.contains("the daemon died"), "with a warning: {}", ended.err);
    assert!(ended.records().len() >= 40, "what was recorded until then: {}", ended.records().len());
    assert_ne!(ended.json("run.json")["verdict"]["standing"], "valid", "and it is not valid");
    assert_eq!(daemon.run_ids().len(), 1, "the daemon stores the run");
}

#[test]
fn another_users_socket_is_not_trusted() {
    needs_programs!();
    needs_root!("changing the user");
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    let socket = folder.path().join("control.sock");
    let listens = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nprint('ready', flush=True)\n\
                   while True:\n  c, _ = s.accept()\n  c.settimeout(5)\n  print(repr(c.recv(65536)), flush=True)\n";
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "61234", "--regid", "61234", "--clear-groups", "python3", "-c", listens])
        .arg(&socket);
    // Other users may not be able to run root's own Python.
    command.env("PATH", "/usr/bin:/bin");
    let mut other = command.stdout(Stdio::piped()).spawn().unwrap();
    patience::until("the listener", || std::os::unix::net::UnixStream::connect(&socket).ok());
    let server = Server::start("");
    let mut run = Run::of("profile");
    run.command.args(["--model", "m", "--url", &server.url(), "--request-count", "2", "--api-key", "hush"]);
    run.command.arg("--socket").arg(&socket);
    let ended = run.end();
    ended.ended_with(1);
    assert!(ended.err.contains("neither root nor you"), "the error states the reason: {}", ended.err);
    assert_eq!(server.received(), 0, "there is no run");
    other.kill().unwrap();
    other.wait().unwrap();
    let mut received = String::new();
    other.stdout.take().unwrap().read_to_string(&mut received).unwrap();
    assert!(received.lines().skip(1).all(|line| line == "b''"), "nothing was sent there: {received}");
}

#[test]
fn a_user_without_a_home_leaves_nothing_either() {
    needs_programs!();
    needs_root!("changing the user");
    let server = Server::start("");
    let mut run = Run::of_user(61234, "profile").without_daemon();
    run.command.args(["--model", "mock-model", "--url", &server.url(), "--request-count", "4"]);
    // Neither directory belongs to the user, so neither is used.
    run.command.args(["--artifact-dir", "artifacts"]).env("HOME", "/root");
    let ended = run.end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 4, "the run is complete");
    let hidden = ended.left_behind().into_iter().filter(|name| name.contains("/."));
    assert_eq!(
        hidden.collect::<Vec<_>>(),
        Vec::<String>::new(),
        "the state in the artifact directory is removed"
    );
    assert_eq!(ended.kept(), Vec::<String>::new(), "and nothing is in other users' directories");
}

/// The user can read what is observed, so the command must not have more rights than the user.
#[test]
fn a_command_audited_by_a_user_cannot_gain_privileges() {
    needs_probes!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path()).for_all_users();
    let mut run = Run::of_user(61234, "audit");
    run.command.arg("--socket").arg(&daemon.socket).args(["--artifact-dir", "artifacts", "--"]);
    run.command.args(["grep", "NoNewPrivs", "/proc/self/status"]);
    let ended = run.end();
    // It sent nothing, which the verdict reports.
    ended.ended_with(3);
    assert_eq!(ended.out.trim(), "NoNewPrivs:\t1", "the command's own words: {}", ended.err);
}

#[test]
fn concurrent_private_daemons_are_independent() {
    needs_programs!();
    let server = Server::start(STEADY);
    let state = tempfile::tempdir().unwrap();
    let start = || {
        let mut run = Run::profile(&server.url(), "--request-count 20 --concurrency 2");
        run.command.env("XDG_STATE_HOME", state.path());
        run.start()
    };
    let both = [start(), start()];
    for running in both {
        let ended = running.end();
        ended.ended_with(0);
        assert_eq!(ended.records().len(), 20, "all of its own requests");
    }
    assert_eq!(kept_in(state.path()), Vec::<String>::new(), "nothing is left");
}
