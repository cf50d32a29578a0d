//! What one user may take of a shared daemon, and that nobody else notices when he takes all of it.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::ask::{Answered, answer, ask, connect, create, usual};
use end_to_end::daemon::Daemon;
use end_to_end::{needs_programs, patience};
use kernel_tests::skip::skip;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Write;
use std::os::unix::net::UnixStream;

/// A daemon with these limits, to which every user may connect; none where other users can't be played.
fn limited(state: &std::path::Path, limits: &str) -> Option<Daemon> {
    if !rustix::process::geteuid().is_root() {
        skip("to ask as other users takes root");
        return None;
    }
    Some(Daemon::configured(state, Some(&format!("[limits]\n{limits}"))).for_everybody())
}

/// Is refused with the name of the limit.
#[track_caller]
fn refused(answered: &Answered, limit: &str) {
    assert_eq!(answered.status, 409, "{limit}: {answered:?}");
    assert!(answered.body.contains(limit), "the refusal names {limit}: {answered:?}");
}

fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn idle_connections_are_their_users_problem() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "connections_per_user = 256") else { return };
    let mut held = (0..256).map(|_| connect(&daemon.socket, MALLORY)).collect::<Vec<_>>();
    for _ in 0..1000 {
        refused(&answer(&mut connect(&daemon.socket, MALLORY)), "connections_per_user");
    }
    assert_eq!(ask(&daemon.socket, ALICE, "GET /v1/health", b"").status, 200, "another user is served");
    assert_eq!(daemon.run_ids(), [""; 0], "and root");
    held.truncate(200);
    patience::until("room again", || {
        (ask(&daemon.socket, MALLORY, "GET /v1/health", b"").status == 200).then_some(())
    });
}

#[test]
fn all_users_together_have_a_limit_too() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "connections_per_user = 20\nconnections = 50\n") else { return };
    let held = (0..50).map(|place| connect(&daemon.socket, MALLORY + place / 20)).collect::<Vec<_>>();
    refused(&answer(&mut connect(&daemon.socket, ALICE)), "`connections`");
    drop(held);
    patience::until("room again", || {
        (ask(&daemon.socket, ALICE, "GET /v1/health", b"").status == 200).then_some(())
    });
}

/// Whoever sends half a request, or nothing after one, is hung up on.
#[test]
fn slow_requests_end() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let limits = "request_head_seconds = 1\nrequest_body_seconds = 1\n";
    let Some(daemon) = limited(state.path(), limits) else { return };
    for half in ["", "GET", "GET /v1/health HTTP/1.1\r\nhost: x\r\nx: "] {
        let mut slow = connect(&daemon.socket, MALLORY);
        slow.write_all(half.as_bytes()).unwrap();
        let ended = answer(&mut slow);
        assert!([0, 408].contains(&ended.status), "{half:?} ends: {ended:?}");
    }
    let mut idle = connect(&daemon.socket, MALLORY);
    idle.write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(answer(&mut idle).status, 200, "an answer, and then the end of an idle connection");
    let mut body = connect(&daemon.socket, MALLORY);
    body.write_all(
        b"POST /v1/runs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n{",
    )
    .unwrap();
    refused(&answer(&mut body), "request_body_seconds");
}

#[test]
fn what_waits_is_bounded() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "waiting_plans_mib = 20\n") else { return };
    let long = vec![b' '; 9 << 20];
    refused(&ask(&daemon.socket, MALLORY, "POST /v1/runs", &long), "plan_kib");
    for _ in 0..32 {
        let _run = create(&daemon.socket, MALLORY, &usual("http://127.0.0.1:9"));
    }
    let plan = serde_json::to_vec(&usual("http://127.0.0.1:9")).unwrap();
    refused(&ask(&daemon.socket, MALLORY, "POST /v1/runs", &plan), "waiting_runs_per_user");
    let run = create(&daemon.socket, ALICE, &usual("http://127.0.0.1:9"));
    let large = [plan, vec![b' '; 7 << 20]].concat();
    let answers = (0..5).map(|place| ask(&daemon.socket, MALLORY + 1 + place, "POST /v1/runs", &large));
    let refusals = answers.filter(|answered| answered.status == 409).collect::<Vec<_>>();
    assert!(refusals.len() >= 3, "20 MiB of plans hold two of 7 MiB");
    refusals.iter().for_each(|one| refused(one, "waiting_plans_mib"));
    assert_eq!(ask(&daemon.socket, ALICE, &format!("DELETE /v1/runs/{run}"), b"").status, 200, "{run}");
    // A value takes many times its letters.
    let mut nested = serde_json::to_value(usual("http://127.0.0.1:9")).unwrap();
    nested["plan"]["endpoint"]["extra_inputs"] = serde_json::json!({"a": vec![[0]; 1_000_000]});
    let refused = ask(&daemon.socket, MALLORY + 9, "POST /v1/runs", nested.to_string().as_bytes());
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(memory(daemon.pid()) < 300, "{} MiB", memory(daemon.pid()));
}

/// A run that nobody starts goes, with what was uploaded.
#[test]
fn what_waits_for_too_long_goes() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "waiting_seconds = 1\n") else { return };
    let run = create(&daemon.socket, ALICE, &usual("http://127.0.0.1:9"));
    let uploaded =
        ask(&daemon.socket, ALICE, &format!("PUT /v1/runs/{run}/inputs/dataset"), &vec![b'x'; 1 << 20]);
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    patience::until("it to go", || daemon.run_ids().is_empty().then_some(()));
    assert_eq!(std::fs::read_dir(state.path().join("runs")).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn the_disk_is_shared_out() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "stored_runs_per_user = 2\ndisk_gib_per_user = 1\n") else {
        return;
    };
    let runs = [(), ()].map(|()| create(&daemon.socket, MALLORY, &usual("http://127.0.0.1:9")));
    let plan = serde_json::to_vec(&usual("http://127.0.0.1:9")).unwrap();
    refused(&ask(&daemon.socket, MALLORY, "POST /v1/runs", &plan), "stored_runs_per_user");
    let mut upload = connect(&daemon.socket, MALLORY);
    let head = format!(
        "PUT /v1/runs/{}/inputs/dataset HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        runs[0],
        4_u64 << 30
    );
    upload.write_all(head.as_bytes()).unwrap();
    let piece = vec![0; 8 << 20];
    while upload.write_all(&piece).is_ok() {}
    let answered = answer(&mut upload);
    // A refusal that overtakes what is still being sent may be lost with the connection.
    if answered.status != 0 {
        refused(&answered, "disk_gib_per_user");
    }
    let left = patience::until("the upload to be gone", || {
        let inputs = state.path().join("runs").join(&runs[0]).join("inputs");
        (std::fs::read_dir(inputs).unwrap().count() == 0).then_some(true)
    });
    assert!(left, "half an upload is removed");
    assert_eq!(ask(&daemon.socket, ALICE, "POST /v1/runs", &plan).status, 201, "another user has room");
}

/// Uploads that are not whole yet count as well, so that many at a time take no more than one after the other.
#[test]
fn uploads_at_the_same_time_share_the_disk() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "disk_gib_per_user = 1\n") else { return };
    let run = create(&daemon.socket, MALLORY, &usual("http://127.0.0.1:9"));
    let head = format!(
        "PUT /v1/runs/{run}/inputs/dataset HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\nx"
    );
    // Each takes 8 MiB of the user's share before it writes a byte.
    let mut uploads = (0..130).map(|_| connect(&daemon.socket, MALLORY)).collect::<Vec<_>>();
    for upload in &mut uploads {
        upload.write_all(head.as_bytes()).unwrap();
    }
    let mut over = patience::until("one to be refused", || {
        let place = uploads.iter().position(has_bytes);
        place.map(|place| uploads.swap_remove(place))
    });
    refused(&answer(&mut over), "disk_gib_per_user");
}

/// Whether something has come on a connection.
fn has_bytes(stream: &UnixStream) -> bool {
    let mut ready = [PollFd::new(stream, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut ready, Some(&now)).is_ok_and(|count| count > 0)
}

const ALICE: u32 = 4101;
const MALLORY: u32 = 4110;
