//! Tests the daemon under systemd: socket activation, notifications, the watchdog, and the packaged unit's restrictions.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::cgroup::Own;
use end_to_end::client::{Ended, Run, Running};
use end_to_end::server::Server;
use end_to_end::{needs_probes, needs_programs, needs_root, patience, programs};
use kernel_tests::skip::skip;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A service manager with one service.
struct Manager {
    folder: TempDir,
    /// The socket for the service's notifications.
    notifications: UnixDatagram,
    /// Held open, as by systemd, so that clients can connect while no daemon runs.
    listener: UnixListener,
}

/// The service.
struct Service(Child);

impl Manager {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let notifications = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        notifications.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let listener = UnixListener::bind(folder.path().join("control.sock")).unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        Self { folder, notifications, listener }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the daemon by a command that gets the daemon's command line as arguments.
    fn service(&self, by: &[&str]) -> Service {
        let mut command = Command::new("sh");
        // systemd passes the socket as descriptor 3, and states for which process it is.
        command.args(["-c", r#"exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@""#, "sh"]);
        command.args(by).arg(programs::folder().join("aiperfd")).arg("--state-dir").arg(self.path("state"));
        command.args(["--config", "/dev/null"]).env("NOTIFY_SOCKET", self.path("notify"));
        command.env("WATCHDOG_USEC", "200000").env("AIPERFD_LOG", "warn");
        command.stdin(Stdio::from(OwnedFd::from(self.listener.try_clone().unwrap())));
        if !by.is_empty() {
            // As in the unit.
            let text = fs::read_to_string(unit()).unwrap();
            let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
            command.args(start.split_whitespace().skip(1));
        }
        Service(command.spawn().unwrap())
    }

    /// Waits for a notification with this line.
    #[track_caller]
    fn receives(&self, line: &str) {
        patience::until(line, || self.received().lines().any(|one| one == line).then_some(()));
    }

    fn received(&self) -> String {
        let mut bytes = [0; 4096];
        match self.notifications.recv(&mut bytes) {
            Ok(length) => String::from_utf8_lossy(&bytes[..length]).into_owned(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => String::new(),
            Err(error) => panic!("{error}"),
        }
    }

    fn profile(&self, server: &Server, flags: &str) -> Running {
        let mut run = Run::of("profile");
        run.command.args(["--model", "mock-model", "--url", &server.url(), "--streaming", "--isl", "16"]);
        run.command.args(["--ui", "none", "--artifact-dir", "artifacts", "--socket"]);
        run.command.arg(self.path("control.sock")).args(flags.split_whitespace());
        run.start()
    }
}

impl Service {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap(), signal).unwrap();
    }

    fn ends_well(&mut self) -> bool {
        patience::end_of(&mut self.0).is_some_and(|status| status.success())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// It notifies that it is ready and alive, serves on the socket passed to it, and keeps that socket.
#[test]
fn it_notifies_its_manager() {
    needs_programs!();
    let (manager, server) = (Manager::start(), Server::start(""));
    let mut service = manager.service(&[]);
    manager.receives("READY=1");
    let ended = manager.profile(&server, "--request-count 4").end();
    ended.ended_with(0);
    manager.receives("WATCHDOG=1");
    manager.receives("WATCHDOG=1");
    manager.receives("STATUS=Ready for runs");
    service.signal(Signal::TERM);
    manager.receives("STOPPING=1");
    assert!(service.ends_well(), "the daemon exits successfully");
    let waiting = UnixStream::connect(manager.path("control.sock"));
    assert!(waiting.is_ok(), "the manager's socket is kept: {waiting:?}");
    let mut next = manager.service(&[]);
    manager.receives("READY=1");
    manager.profile(&server, "--request-count 4").end().ended_with(0);
    next.signal(Signal::TERM);
    assert!(next.ends_well(), "the next one took it over");
}

/// A daemon that hangs sends no notification, so that its manager restarts it.
#[test]
fn one_that_hangs_is_silent() {
    needs_programs!();
    let manager = Manager::start();
    let service = manager.service(&[]);
    manager.receives("WATCHDOG=1");
    service.signal(Signal::STOP);
    manager.notifications.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
    patience::until("silence", || manager.received().is_empty().then_some(()));
    service.signal(Signal::CONT);
    manager.receives("WATCHDOG=1");
}

/// `systemctl restart` in the middle of a run: the client gets the report and the verdict of what was measured.
#[test]
fn a_restart_ends_runs_with_a_verdict() {
    needs_programs!();
    let (manager, server) = (Manager::start(), Server::start("--tokens 20 --gap-ms 20"));
    let mut service = manager.service(&[]);
    manager.receives("READY=1");
    let running = manager.profile(&server, "--concurrency 2 --benchmark-duration 60");
    server.until_received(4);
    service.signal(Signal::TERM);
    let ended = running.end();
    assert!(service.ends_well(), "the daemon exits successfully: {}", ended.err);
    has_a_verdict(&ended);
    let verdict = &ended.json("run.json")["verdict"];
    assert!(verdict.to_string().contains("aiperfd was stopped"), "and the reason: {verdict}");
    assert_eq!(ended.records().len(), server.log().len(), "every request that was sent is in it");
}

#[track_caller]
fn has_a_verdict(ended: &Ended) {
    assert!(ended.status.is_some_and(|status| status <= 1), "it exits by itself: {}", ended.err);
    let verdict = ended.json("run.json")["verdict"]["standing"].clone();
    let known = ["valid", "degraded", "invalid"].iter().any(|one| verdict == *one);
    assert!(known, "the run has a verdict: {verdict}\n{}\n{}", ended.out, ended.err);
}

/// A load is generated with kernel timestamps under all of the unit's restrictions.
#[test]
fn the_units_limits_leave_what_it_needs() {
    needs_probes!();
    let lacking = ["systemd-analyze", "unshare"]
        .into_iter()
        .find(|program| Command::new(program).arg("--version").output().is_err());
    if let Some(program) = lacking {
        return skip(&format!("the program `{program}` is not installed"));
    }
    let (manager, server, group) = (Manager::start(), Server::start(""), Own::make());
    let mounts = format!(
        r#"echo $$ > {group} && mount --bind {folder} {folder} && mount -o remount,bind,ro / &&
           mount -o remount,bind,ro /sys && mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys &&
           exec "$@""#,
        group = group.processes().display(),
        folder = manager.folder.path().display(),
    );
    let unit = unit();
    let restricted = ["unshare", "--mount", "--propagation", "private", "sh", "-c", &mounts, "sh"];
    let restricted = restricted.into_iter().chain([env!("CARGO_BIN_EXE_restricted"), unit.to_str().unwrap()]);
    let mut service = manager.service(&restricted.collect::<Vec<_>>());
    manager.receives("READY=1");
    let below = fs::read_dir(group.processes().parent().unwrap()).unwrap().flatten();
    let delegated = below.filter(|entry| entry.file_name().to_string_lossy().starts_with("aiperfd-")).count();
    assert_eq!(delegated, 1, "its cgroup is below the unit's");
    let ended = manager.profile(&server, "--request-count 40 --concurrency 4 --timestamps ebpf").end();
    ended.ended_with(0);
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "ebpf", "the kernel's timestamps: {run}");
    assert_eq!(run["loss"]["unmatched_events"], serde_json::json!({}), "all of them: {}", run["loss"]);
    service.signal(Signal::TERM);
    assert!(service.ends_well(), "the daemon exits successfully");
}

/// Where io_uring is forbidden, as in Docker's default profile, the message names it and the fix.
#[test]
fn a_forbidden_io_uring_is_named() {
    needs_programs!();
    needs_root!("taking capabilities away");
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("the program `systemd-analyze` is not installed");
    }
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(""));
    let forbidding = folder.path().join("unit");
    let text = fs::read_to_string(unit()).unwrap();
    let text = format!("{text}\nSystemCallFilter=~io_uring_enter io_uring_register io_uring_setup\n");
    fs::write(&forbidding, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_restricted"));
    command.arg(&forbidding).arg(programs::folder().join("aiperf-ctl"));
    command.args(["profile", "--model", "mock-model", "--url", &server.url(), "--streaming", "--isl", "16"]);
    command.args(["--request-count", "4", "--artifact-dir", "artifacts", "--socket", "private"]);
    let ended = Run::by(command).end();
    ended.ended_with(1);
    for expected in ["io_uring", "seccomp", "kernel.io_uring_disabled"] {
        assert!(ended.err.contains(expected), "{expected}: {}", ended.err);
    }
}

/// systemd itself finds no problem in the units, and rates the service's exposure as low.
#[test]
fn the_units_are_valid() {
    needs_root!("systemd-analyze");
    let folder = tempfile::tempdir().unwrap();
    for name in ["aiperfd.service", "aiperfd.socket"] {
        let text = fs::read_to_string(unit().with_file_name(name)).unwrap();
        // Their programs and manual pages are installed by the package only.
        let installed = text.lines().filter(|line| !line.starts_with("Documentation="));
        let text =
            installed.map(|line| if line.starts_with("ExecStart=") { "ExecStart=/bin/true" } else { line });
        fs::write(folder.path().join(name), text.collect::<Vec<_>>().join("\n")).unwrap();
    }
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).current_dir(folder.path()).output()
    };
    let Ok(verified) = analyze(&["verify", "./aiperfd.service", "./aiperfd.socket"]) else {
        return skip("the program `systemd-analyze` is not installed");
    };
    let complaints = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && complaints.is_empty(), "{complaints}");
    // In tenths: 3.0.
    let rated = analyze(&["security", "--offline=true", "--threshold=30", "./aiperfd.service"]).unwrap();
    assert!(rated.status.success(), "{}", String::from_utf8_lossy(&rated.stdout));
}

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/aiperfd.service")
}
