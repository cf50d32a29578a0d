//! Tests one user's limits on a shared daemon, and that other users are not affected when he reaches all of them.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::control_http::{Response, connect, create, receive, send, small_run};
use end_to_end::daemon::Daemon;
use end_to_end::{needs_programs, patience};
use kernel_tests::skip::skip;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Write;
use std::os::unix::net::UnixStream;

/// A daemon with these limits, to which every user may connect; `None` where the user cannot be changed.
fn limited(state: &std::path::Path, limits: &str) -> Option<Daemon> {
    if !rustix::process::geteuid().is_root() {
        skip("sending requests as other users requires root");
        return None;
    }
    Some(Daemon::configured(state, Some(&format!("[limits]\n{limits}"))).for_all_users())
}

/// Checks that the request was refused with the name of the limit.
#[track_caller]
fn refused(response: &Response, limit: &str) {
    assert_eq!(response.status, 409, "{limit}: {response:?}");
    assert!(response.body.contains(limit), "the refusal names {limit}: {response:?}");
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
        refused(&receive(&mut connect(&daemon.socket, MALLORY)), "connections_per_user");
    }
    assert_eq!(send(&daemon.socket, ALICE, "GET /v1/health", b"").status, 200, "another user is served");
    assert_eq!(daemon.run_ids(), [""; 0], "and root");
    held.truncate(200);
    patience::until("free connections", || {
        (send(&daemon.socket, MALLORY, "GET /v1/health", b"").status == 200).then_some(())
    });
}

#[test]
fn all_users_together_have_a_limit_too() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "connections_per_user = 20\nconnections = 50\n") else { return };
    let held = (0..50).map(|place| connect(&daemon.socket, MALLORY + place / 20)).collect::<Vec<_>>();
    refused(&receive(&mut connect(&daemon.socket, ALICE)), "`connections`");
    drop(held);
    patience::until("free connections", || {
        (send(&daemon.socket, ALICE, "GET /v1/health", b"").status == 200).then_some(())
    });
}

/// A client that sends half a request, or nothing after one, is disconnected.
#[test]
fn slow_requests_end() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let limits = "request_head_seconds = 1\nrequest_body_seconds = 1\n";
    let Some(daemon) = limited(state.path(), limits) else { return };
    for half in ["", "GET", "GET /v1/health HTTP/1.1\r\nhost: x\r\nx: "] {
        let mut slow = connect(&daemon.socket, MALLORY);
        slow.write_all(half.as_bytes()).unwrap();
        let ended = receive(&mut slow);
        assert!([0, 408].contains(&ended.status), "{half:?} ends: {ended:?}");
    }
    let mut idle = connect(&daemon.socket, MALLORY);
    idle.write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(receive(&mut idle).status, 200, "a response, and then the close of an idle connection");
    let mut body = connect(&daemon.socket, MALLORY);
    body.write_all(
        b"POST /v1/runs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n{",
    )
    .unwrap();
    refused(&receive(&mut body), "request_body_seconds");
}

#[test]
fn waiting_runs_are_limited() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "waiting_plans_mib = 20\n") else { return };
    let long = vec![b' '; 9 << 20];
    refused(&send(&daemon.socket, MALLORY, "POST /v1/runs", &long), "plan_kib");
    for _ in 0..32 {
        let _run = create(&daemon.socket, MALLORY, &small_run("http://127.0.0.1:9"));
    }
    let plan = serde_json::to_vec(&small_run("http://127.0.0.1:9")).unwrap();
    refused(&send(&daemon.socket, MALLORY, "POST /v1/runs", &plan), "waiting_runs_per_user");
    let run = create(&daemon.socket, ALICE, &small_run("http://127.0.0.1:9"));
    let large = [plan, vec![b' '; 7 << 20]].concat();
    let responses = (0..5).map(|place| send(&daemon.socket, MALLORY + 1 + place, "POST /v1/runs", &large));
    let refusals = responses.filter(|response| response.status == 409).collect::<Vec<_>>();
    assert!(refusals.len() >= 3, "20 MiB of plans hold two of 7 MiB");
    refusals.iter().for_each(|one| refused(one, "waiting_plans_mib"));
    assert_eq!(send(&daemon.socket, ALICE, &format!("DELETE /v1/runs/{run}"), b"").status, 200, "{run}");
    // A parsed value takes many times the memory of its text.
    let mut nested = serde_json::to_value(small_run("http://127.0.0.1:9")).unwrap();
    nested["plan"]["endpoint"]["extra_inputs"] = serde_json::json!({"a": vec![[0]; 1_000_000]});
    let refused = send(&daemon.socket, MALLORY + 9, "POST /v1/runs", nested.to_string().as_bytes());
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(memory(daemon.pid()) < 300, "{} MiB", memory(daemon.pid()));
}

/// A run that is not started is removed, with its uploads.
#[test]
fn runs_that_wait_too_long_are_removed() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "waiting_seconds = 1\n") else { return };
    let run = create(&daemon.socket, ALICE, &small_run("http://127.0.0.1:9"));
    let uploaded =
        send(&daemon.socket, ALICE, &format!("PUT /v1/runs/{run}/inputs/dataset"), &vec![b'x'; 1 << 20]);
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    patience::until("it to be removed", || daemon.run_ids().is_empty().then_some(()));
    assert_eq!(std::fs::read_dir(state.path().join("runs")).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn the_disk_is_divided_among_users() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "stored_runs_per_user = 2\ndisk_gib_per_user = 1\n") else {
        return;
    };
    let runs = [(), ()].map(|()| create(&daemon.socket, MALLORY, &small_run("http://127.0.0.1:9")));
    let plan = serde_json::to_vec(&small_run("http://127.0.0.1:9")).unwrap();
    refused(&send(&daemon.socket, MALLORY, "POST /v1/runs", &plan), "stored_runs_per_user");
    let mut upload = connect(&daemon.socket, MALLORY);
    let head = format!(
        "PUT /v1/runs/{}/inputs/dataset HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        runs[0],
        4_u64 << 30
    );
    upload.write_all(head.as_bytes()).unwrap();
    let piece = vec![0; 8 << 20];
    while upload.write_all(&piece).is_ok() {}
    let response = receive(&mut upload);
    // An error response sent before the upload is complete may be lost with the connection.
    if response.status != 0 {
        refused(&response, "disk_gib_per_user");
    }
    let left = patience::until("the upload to be removed", || {
        let inputs = state.path().join("runs").join(&runs[0]).join("inputs");
        (std::fs::read_dir(inputs).unwrap().count() == 0).then_some(true)
    });
    assert!(left, "half an upload is removed");
    assert_eq!(send(&daemon.socket, ALICE, "POST /v1/runs", &plan).status, 201, "another user has room");
}

/// Incomplete uploads count too, so that concurrent uploads cannot exceed the limit either.
#[test]
fn uploads_at_the_same_time_share_the_disk() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let Some(daemon) = limited(state.path(), "disk_gib_per_user = 1\n") else { return };
    let run = create(&daemon.socket, MALLORY, &small_run("http://127.0.0.1:9"));
    let head = format!(
        "PUT /v1/runs/{run}/inputs/dataset HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\nx"
    );
    // Each reserves 8 MiB of the user's quota before it writes a byte.
    let mut uploads = (0..130).map(|_| connect(&daemon.socket, MALLORY)).collect::<Vec<_>>();
    for upload in &mut uploads {
        upload.write_all(head.as_bytes()).unwrap();
    }
    let mut over = patience::until("one to be refused", || {
        let place = uploads.iter().position(has_bytes);
        place.map(|place| uploads.swap_remove(place))
    });
    refused(&receive(&mut over), "disk_gib_per_user");
}

/// Whether data has arrived on a connection.
fn has_bytes(stream: &UnixStream) -> bool {
    let mut ready = [PollFd::new(stream, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut ready, Some(&now)).is_ok_and(|count| count > 0)
}

const ALICE: u32 = 4101;
const MALLORY: u32 = 4110;
