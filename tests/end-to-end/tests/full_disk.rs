//! Tests a disk of the daemon's state that is full, has no inodes, or becomes read-only: the run ends, with a reason.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::daemon::Daemon;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use kernel_tests::skip::skip;
use std::path::Path;
use std::process::Command;
use tempfile::{NamedTempFile, TempDir};

/// A file system in memory, unmounted on drop.
struct Disk(TempDir);

impl Disk {
    fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", options, "none"];
        if !Command::new("mount").args(mount).arg(folder.path()).status().is_ok_and(|status| status.success())
        {
            skip("mounting a file system requires root");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

/// A run that writes until the disk is full.
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
    assert!(!ended.records().is_empty(), "the received data is stored");
}

/// Some space is reserved, so that the run can be completed.
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

/// Another process fills the disk suddenly.
#[test]
fn a_disk_filled_by_another_process_ends_the_run() {
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
    // It ends when no space is left.
    filling.stderr(std::process::Stdio::null()).status().unwrap();
    let ended = running.end();
    ends_full(&ended);
    let refused = Run::profile(&server.url(), "--request-count 5").with(&daemon).end();
    assert_ne!(refused.status, Some(0), "no run starts on a full disk");
    assert!(refused.err.contains("disk"), "and the error states the reason: {}", refused.err);
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
        assert!(!ended.records().is_empty(), "its open files were enough");
    } else {
        ends_full(&ended);
    }
    let refused = Run::profile(&server.url(), "--request-count 5").with(&daemon).end();
    assert_ne!(refused.status, Some(0), "no run starts without inodes");
    assert!(refused.err.contains("No space left"), "and the error states the reason: {}", refused.err);
}

/// A separate disk that can fail.
struct Disk4 {
    image: NamedTempFile,
    folder: TempDir,
}

impl Disk4 {
    fn make() -> Option<Self> {
        let disk = Self { image: NamedTempFile::new().unwrap(), folder: tempfile::tempdir().unwrap() };
        disk.image.as_file().set_len(512 << 20).unwrap();
        let made =
            Command::new("mkfs.ext4").args(["-q", "-O", "^has_journal"]).arg(disk.image.path()).status();
        if !made.is_ok_and(|status| status.success()) || !disk.mount() {
            skip("a separate disk requires root, mkfs.ext4 and a loop device");
            return None;
        }
        Some(disk)
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(self.image.path()).arg(self.folder.path());
        mount.status().is_ok_and(|status| status.success())
    }

    /// Makes it fail: nothing more can be written, even to open files (`abort`, Documentation/admin-guide/ext4.rst).
    fn break_now(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,abort"]).arg(self.folder.path());
        assert!(mount.status().unwrap().success(), "the remount succeeds");
    }

    fn mend(&self) {
        assert!(
            Command::new("umount").arg(self.folder.path()).status().unwrap().success(),
            "it is not in use"
        );
        // Its exit status shows that it repaired something.
        Command::new("e2fsck").args(["-fy"]).arg(self.image.path()).output().unwrap();
        assert!(self.mount(), "it is mounted again");
    }
}

impl Drop for Disk4 {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.folder.path()).status().ok();
    }
}

/// Nothing more can be written: the client reports why, and the run can be recovered once the disk is repaired.
#[test]
fn a_disk_that_turns_read_only_ends_the_run() {
    needs_programs!();
    let Some(disk) = Disk4::make() else { return };
    let state = disk.folder.path().join("state");
    let daemon = Daemon::start(&state);
    let server = Server::start("--tokens 20 --gap-ms 1");
    let running =
        Run::profile(&server.url(), "--concurrency 4 --benchmark-duration 60").with(&daemon).start();
    server.until_received(100);
    let id = daemon.run_that_is("running");
    // What was spooled is on the disk when it fails.
    Command::new("sync").arg("-f").arg(&state).status().unwrap();
    disk.break_now();
    let ended = running.end();
    assert_ne!(ended.status, Some(0), "{}", ended.err);
    assert!(ended.err.contains("Read-only file system"), "the error states the reason: {}", ended.err);
    drop(daemon);
    disk.mend();
    let again = Daemon::start(&state);
    assert_eq!(again.show(&id)["state"], "interrupted", "it is not lost");
    again.runs(&format!("recover {id}")).ended_with(0);
    let fetched = again.runs(&format!("fetch {id} --artifact-dir artifacts"));
    assert!(fetched.records().len() >= 90, "what was on the disk: {} requests", fetched.records().len());
}

/// The exit status of a run that is invalid.
const INVALID: i32 = 3;
