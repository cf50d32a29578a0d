//! Tests who may do what with a shared daemon: owners, root, users in a rule, and all other users.

use end_to_end::client::Run;
use end_to_end::control_http::{create, descendants, modes, send, small_run};
use end_to_end::daemon::Daemon;
use end_to_end::server::Server;
use end_to_end::{needs_programs, patience};
use kernel_tests::skip::skip;
use serde_json::{Value, json};
use std::process::Command;

/// Every request that names a run, with a body.
const CALLS: &[(&str, &str, &str)] = &[
    ("GET", "", ""),
    ("GET", "/files", ""),
    ("GET", "/files/run.json", ""),
    ("GET", "/files/inputs.json", ""),
    ("GET", "/files/requests.parquet", ""),
    ("GET", "/progress", ""),
    ("GET", "/requests", ""),
    ("PUT", "/inputs/dataset", "{}"),
    ("PUT", "/inputs/authorities", "x"),
    ("POST", "/start", ""),
    ("POST", "/join", ""),
    ("POST", "/steer", "{\"phase\":0,\"value\":null}"),
    ("POST", "/stop", "\"now\""),
    ("POST", "/recover", ""),
    ("DELETE", "", ""),
];

/// Changing the user requires root.
fn is_root() -> bool {
    rustix::process::geteuid().is_root() || {
        skip("sending requests as other users requires root");
        false
    }
}

#[test]
fn other_users_neither_see_nor_change_a_run() {
    needs_programs!();
    if !is_root() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path()).for_all_users();
    let server = Server::start("");
    let run = create(&daemon.socket, ALICE, &small_run(&server.url()));
    for (method, path, body) in CALLS {
        let response = send(&daemon.socket, BOB, &format!("{method} /v1/runs/{run}{path}"), body.as_bytes());
        assert_eq!(response.status, 404, "{method} {path} of another's run: {response:?}");
        let nothing = "0".repeat(run.len());
        let none = send(&daemon.socket, BOB, &format!("{method} /v1/runs/{nothing}{path}"), body.as_bytes());
        let anonymous = |body: &str| body.replace(&run, "RUN").replace(&nothing, "RUN");
        assert_eq!(
            anonymous(&response.body),
            anonymous(&none.body),
            "{method} {path}: as for a run that does not exist"
        );
    }
    let listed = |uid| send(&daemon.socket, uid, "GET /v1/runs", b"").json().as_array().unwrap().len();
    assert_eq!(
        (listed(ALICE), listed(BOB), listed(0)),
        (1, 0, 1),
        "runs that are shown to owner, other, root"
    );
    let shown = send(&daemon.socket, ALICE, &format!("GET /v1/runs/{run}"), b"");
    assert_eq!(
        (shown.json()["state"].clone(), shown.json()["owner"].clone()),
        (json!("created"), json!(ALICE)),
        "untouched"
    );
    assert_eq!(server.received(), 0, "nothing was sent");
    assert_eq!(send(&daemon.socket, 0, &format!("DELETE /v1/runs/{run}"), b"").status, 200, "root may");
}

/// While it runs, and after it has ended.
#[test]
fn a_run_stays_its_owners_until_it_is_deleted() {
    needs_programs!();
    if !is_root() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path()).for_all_users();
    let server = Server::start("--tokens 20 --gap-ms 20");
    let flags = "--concurrency 1 --benchmark-duration 2";
    let mut client = Run::of_user(ALICE, "profile");
    client.command.args([
        "--model",
        "mock-model",
        "--url",
        &server.url(),
        "--streaming",
        "--artifact-dir",
        "artifacts",
    ]);
    client.command.args(flags.split_whitespace());
    let running = client.with(&daemon).start();
    let run = daemon.run_that_is("running");
    let refused = |when: &str| {
        for (method, path, body) in CALLS {
            let response =
                send(&daemon.socket, BOB, &format!("{method} /v1/runs/{run}{path}"), body.as_bytes());
            assert_eq!(response.status, 404, "{method} {path} {when}: {response:?}");
        }
    };
    refused("while it runs");
    // Not even its owner can change a started run.
    let late = send(&daemon.socket, ALICE, &format!("PUT /v1/runs/{run}/inputs/authorities"), b"x");
    assert_eq!(late.status, 400, "an upload into a started run: {late:?}");
    running.end().ended_with(0);
    refused("when it has ended");
    let fetched = send(&daemon.socket, ALICE, &format!("GET /v1/runs/{run}/files/run.json"), b"");
    assert_eq!(fetched.status, 200, "its owner fetches it");
    for (path, mode) in modes(state.path()) {
        assert_eq!(mode & 0o077, 0, "`{}` is for the daemon alone: {mode:o}", path.display());
    }
}

#[test]
fn a_rule_makes_readers_and_controllers() {
    needs_programs!();
    if !is_root() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let rules = format!(
        "[[allow]]\nusers = [\"{BOB}\"]\nruns_of = [\"{ALICE}\"]\n[[allow]]\nusers = [\"{CAROL}\"]\nruns_of = [\"*\"]\nmay = \"control\"\n"
    );
    let daemon = Daemon::configured(state.path(), Some(&rules)).for_all_users();
    let run = create(&daemon.socket, ALICE, &small_run("http://127.0.0.1:9"));
    let response =
        |uid, request: &str| send(&daemon.socket, uid, &request.replace("RUN", &run), b"\"now\"").status;
    assert_eq!(response(BOB, "GET /v1/runs/RUN"), 200, "a reader sees it");
    assert_eq!(response(BOB, "POST /v1/runs/RUN/stop"), 400, "and does not stop it");
    assert_eq!(response(BOB, "DELETE /v1/runs/RUN"), 400, "or delete it");
    assert_eq!(response(CAROL, "PUT /v1/runs/RUN/inputs/dataset"), 400, "a controller uploads nothing");
    assert_eq!(response(CAROL, "POST /v1/runs/RUN/start"), 400, "starts nothing in another's name");
    assert_eq!(response(CAROL, "POST /v1/runs/RUN/stop"), 200, "stops it");
    assert_eq!(response(CAROL, "DELETE /v1/runs/RUN"), 200, "and deletes it");
}

/// Plans that the client never sends are refused without harm.
#[test]
fn absurd_plans_are_refused() {
    needs_programs!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let whole = serde_json::to_value(small_run("http://127.0.0.1:9")).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        send(&daemon.socket, 0, "POST /v1/runs", changed.to_string().as_bytes())
    };
    for (pointer, value) in [
        ("/plan/load/phases", json!([])),
        ("/plan/load/phases/0/name", json!("x".repeat(1 << 20) + "\u{0}")),
        ("/plan/load/phases/0/duration_seconds", json!(-1)),
        ("/plan/load/phases/0/duration_seconds", json!(1e308)),
        ("/plan/load/phases/0/request_rate", json!(-1e9)),
        ("/plan/workers/workers", json!(0)),
        ("/plan/workers/workers", json!(u32::MAX)),
        ("/plan/output/export_prefix", json!("../../etc/passwd")),
        ("/plan/endpoint/urls", json!([])),
        ("/addresses", json!([["http://127.0.0.1:9", "/etc/passwd"]])),
        ("/plan/endpoint/request_timeout_seconds", json!(-3)),
    ] {
        let refused = with(pointer, value.clone());
        assert_eq!(refused.status, 400, "{pointer}: {refused:?}");
    }
    for body in ["", "null", "[]", "{", "{\"plan\":{}}", "\u{0}"] {
        assert_eq!(send(&daemon.socket, 0, "POST /v1/runs", body.as_bytes()).status, 400, "{body:?}");
    }
    let deep = "[".repeat(200_000);
    assert_eq!(send(&daemon.socket, 0, "POST /v1/runs", deep.as_bytes()).status, 400, "nested without limit");
    assert_eq!(daemon.run_ids(), [""; 0], "no run was created");
    for path in [
        "/v1/runs/../../etc/passwd",
        "/v1/runs/%2e%2e",
        "/v1/runs//files/..",
        "//",
        "/v1/runs/x/files/../../../lock",
    ] {
        assert_eq!(send(&daemon.socket, 0, &format!("GET {path}"), b"").status, 404, "{path}");
    }
}

/// Each process of the daemon has no more rights than it needs, and is isolated from others.
#[test]
fn every_process_is_isolated() {
    needs_programs!();
    if !is_root() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path());
    let server = Server::start("--tokens 50 --gap-ms 20");
    let flags = "--concurrency 1 --benchmark-duration 3";
    let running = Run::profile(&server.url(), flags).with(&daemon).start();
    server.until_received(1);
    let family = patience::until("every process", || {
        let family = descendants(daemon.pid());
        (family.len() >= 4).then_some(family)
    });
    let mut users = Vec::new();
    for pid in family {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
        };
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        let name = line.replace('\0', " ");
        assert_eq!(field("NoNewPrivs:"), "1", "{name}");
        let uid: u32 = field("Uid:").split_whitespace().next().unwrap().parse().unwrap();
        if name.starts_with("aiperf-loadgen") {
            assert!((60578..61184).contains(&uid), "{name} is of user {uid}");
            assert_eq!(field("CapPrm:"), "0000000000000000", "{name}");
            users.push(uid);
            let peek = format!("setpriv --reuid {uid} --regid {uid} --clear-groups cat /proc/{pid}/environ");
            assert!(
                !Command::new("sh").args(["-c", &peek]).output().unwrap().status.success(),
                "{name} is read by its own user"
            );
        }
    }
    assert_eq!(users.len(), 1, "one load generator runs");
    running.end().ended_with(0);
}

const ALICE: u32 = 4001;
const BOB: u32 = 4002;
const CAROL: u32 = 4003;
