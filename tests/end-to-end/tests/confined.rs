//! Tests that a running load generator has dropped rights that it never needs: files, programs, other processes' memory.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::Run;
use end_to_end::daemon::Daemon;
use end_to_end::server::Server;
use end_to_end::{needs_programs, patience};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The load generator among a process's descendants.
fn loadgen_of(ancestor: u32) -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_it = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with(b"aiperf-loadgen\0run") && descends(*pid, ancestor)
    };
    pids.into_iter().find(is_it)
}

fn descends(mut pid: u32, ancestor: u32) -> bool {
    while pid > 1 && pid != ancestor {
        let parent = status(pid, "PPid").and_then(|parent| parent.parse().ok());
        pid = parent.unwrap_or(0);
    }
    pid == ancestor
}

/// A line of a process's status.
fn status(pid: u32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// A load generator of a shared daemon during a run, which parses a server's bytes.
#[test]
fn a_load_generator_has_dropped_other_rights() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let server = Server::start("--fault never");
    let running =
        Run::profile(&server.url(), "--request-count 1 --request-timeout-seconds 60").with(&daemon).start();
    server.until_received(1);
    let pid = patience::until("a load generator", || loadgen_of(daemon.pid()));
    assert_eq!(status(pid, "Seccomp").as_deref(), Some("2"), "system calls are filtered");
    assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"), "no program gives it privileges");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[26..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit("Max core file size"), "0", "no core file");
    let data = limit("Max data size").parse::<u64>().unwrap();
    assert!((1 << 30..64 << 30).contains(&data), "{data} bytes of memory");
    assert_eq!(fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid(), 0, "it cannot be dumped");
    let user = status(pid, "Uid").unwrap().split_whitespace().next().unwrap().parse::<u32>().unwrap();
    if user != 0 {
        // Another process of the same user cannot read it.
        for file in ["mem", "environ", "maps", "fd/0"] {
            let mut reader = Command::new("dd");
            reader.args(["count=1", "bs=1", "of=/dev/null"]).arg(format!("if=/proc/{pid}/{file}"));
            let output = reader.uid(user).gid(user).output().unwrap();
            assert!(!output.status.success(), "{file} was read");
        }
    }
    drop(server);
    running.end().ended_with(1);
}
