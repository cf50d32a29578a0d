//! The disk of the daemon's state is full, has no inodes, or can't be written any more: the run ends, with a reason.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::daemon::Daemon;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use kernel_tests::skip::skip;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A file system in memory, unmounted with the test.
struct Disk(TempDir);

impl Disk {
    fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", options, "none"];
        if !Command::new("mount").args(mount).arg(folder.path()).status().is_ok_and(|status| status.success())
        {
            skip("to mount a file system takes root");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(
            Command::new("mount").args(["-o", &options]).arg(self.path()).status().unwrap().success(),
            "{options}"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

/// A run that writes much until the disk is full.
fn run(server: &Server, daemon: &Daemon) -> Ended {
    let flags = "--concurrency 64 --benchmark-duration 60 --export-level raw";
    Run::profile(&server.url(), flags).with(daemon).end()
}

#[track_caller]
fn ends_full(ended: &Ended) {
    ended.ended_with(INVALID);
    let verdict = ended.json("run.json")["verdict"].clone();
    assert_eq!(verdict["standing"], "invalid", "{verdict}");
    assert_eq!(verdict["reasons"][0]["name"], "disk_full", "{verdict}");
    assert!(!ended.records().is_empty(), "what was received is there");
}

/// A part of the disk is left, so that the run can be ended well.
#[test]
fn a_run_ends_before_the_disk_is_full() {
    needs_programs!();
    let Some(disk) = Disk::mount("size=96m") else { return };
    let daemon = Daemon::start(disk.path());
    let server = Server::start("--tokens 200 --gap-ms 0");
    ends_full(&run(&server, &daemon));
    let again = Run::profile(&server.url(), "--request-count 5").with(&daemon).end();
    again.ended_with(0);
}

/// Somebody else fills it, within a moment.
#[test]
fn a_disk_that_somebody_fills_ends_the_run() {
    needs_programs!();
    let Some(disk) = Disk::mount("size=256m") else { return };
    let daemon = Daemon::start(disk.path());
    let server = Server::start("--tokens 200 --gap-ms 1");
    let flags = "--concurrency 16 --benchmark-duration 60";
    let running = Run::profile(&server.url(), flags).with(&daemon).start();
    server.until_received(100);
    let fill = disk.path().join("filled");
    let mut filling = Command::new("dd");
    filling.args(["if=/dev/zero", "bs=1M", "status=none"]).arg(format!("of={}", fill.display()));
    // It ends when there is no room.
    filling.stderr(std::process::Stdio::null()).status().unwrap();
    let ended = running.end();
    ends_full(&ended);
    let refused = Run::profile(&server.url(), "--request-count 5").with(&daemon).end();
    assert_ne!(refused.status, Some(0), "no run begins on a full disk");
    assert!(refused.err.contains("disk"), "and it says why: {}", refused.err);
    std::fs::remove_file(fill).unwrap();
    Run::profile(&server.url(), "--request-count 5").with(&daemon).end().ended_with(0);
}

#[test]
fn a_disk_without_inodes_ends_the_run() {
    needs_programs!();
    let Some(disk) = Disk::mount("size=512m,nr_inodes=60") else { return };
    let daemon = Daemon::start(disk.path());
    let server = Server::start("--tokens 20 --gap-ms 1");
    let running = Run::profile(&server.url(), "--concurrency 4 --benchmark-duration 4").with(&daemon).start();
    server.until_received(100);
    let mut place = 0;
    while std::fs::write(disk.path().join(format!("file-{place}")), "").is_ok() {
        place += 1;
    }
    let ended = running.end();
    assert!(ended.status.is_some(), "the run ends: {}", ended.err);
    if ended.status == Some(0) {
        assert!(!ended.records().is_empty(), "what it had opened was enough");
    } else {
        ends_full(&ended);
    }
    let refused = Run::profile(&server.url(), "--request-count 5").with(&daemon).end();
    assert_ne!(refused.status, Some(0), "no run begins without inodes");
    assert!(refused.err.contains("No space left"), "and it says why: {}", refused.err);
}

/// Nothing can be written any more: the client is told, and the run can be recovered once the disk is well.
#[test]
fn a_disk_that_turns_read_only_ends_the_run() {
    needs_programs!();
    let Some(disk) = Disk::mount("size=512m") else { return };
    let daemon = Daemon::start(disk.path());
    let server = Server::start("--tokens 20 --gap-ms 1");
    let running =
        Run::profile(&server.url(), "--concurrency 4 --benchmark-duration 60").with(&daemon).start();
    server.until_received(100);
    let id = daemon.run_that_is("running");
    // Files that are open for writing keep a file system writable; a lazily read-only one refuses new files.
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.path()).output().unwrap();
    if !remounted.status.success() {
        running.signal(rustix::process::Signal::INT);
        drop(running.end());
        return;
    }
    let ended = running.end();
    assert_ne!(ended.status, Some(0), "{}", ended.err);
    disk.remount("rw");
    assert_eq!(daemon.show(&id)["state"], "interrupted", "it is not lost");
    daemon.runs(&format!("recover {id}")).ended_with(0);
}

/// The exit status of a run that is invalid.
const INVALID: i32 = 3;
