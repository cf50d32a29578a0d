//! Tests that an observed command stays within its own cgroup's limits, and gains no privileges.

use end_to_end::cgroup::Own;
use end_to_end::client::Run;
use end_to_end::control_http::{create, send, small_run};
use end_to_end::daemon::Daemon;
use end_to_end::server::Server;
use end_to_end::watched::lacks;
use end_to_end::{needs_probes, patience};
use spec::{Side, Target, Timestamps, Watch};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The cgroup of a process, of version 2.
fn cgroup_of(pid: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

#[test]
fn an_audited_command_stays_below_its_own_cgroup() {
    needs_probes!();
    let group = Own::make();
    let server = Server::start("");
    let program = end_to_end::programs::folder().join("aiperf-ctl");
    let mut command = Command::new("sh");
    command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(group.processes()).arg(program);
    // Processes that the command leaves running are moved back when the run ends.
    let script = format!(
        "cat /proc/self/cgroup > where; sleep 300 >/dev/null 2>&1 & echo $! > left; \
         curl -s -o /dev/null -H 'content-type: application/json' -d '{{\"model\":\"m\",\"messages\":[],\"stream\":true}}' {}",
        server.chat_url()
    );
    command.args(["audit", "--artifact-dir", "artifacts", "--socket", "private", "--", "sh", "-c", &script]);
    let ended = Run::by(command).end();
    ended.ended_with(0);
    let read = |name: &str| fs::read_to_string(ended.artifacts().with_file_name(name)).unwrap();
    let inside = read("where");
    let expected = format!("0::/{}/aiperfd-watch-", group.name());
    assert!(inside.lines().any(|line| line.starts_with(&expected)), "{inside} is below {}", group.name());
    let left = read("left").trim().to_owned();
    assert_eq!(
        cgroup_of(&left),
        Some(format!("/{}", group.name())),
        "the remaining process is back in its cgroup"
    );
    let below = fs::read_dir(group.processes().parent().unwrap()).unwrap().flatten();
    assert_eq!(below.filter(|entry| entry.path().is_dir()).count(), 0, "and the run's cgroup is removed");
}

/// This also applies to clients that use the socket directly.
#[test]
fn a_process_that_may_gain_privilege_does_not_join() {
    needs_probes!();
    if lacks("curl") {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(state.path()).for_all_users();
    let mut watch = small_run("http://127.0.0.1:9");
    watch.plan.timestamps = Timestamps::Ebpf;
    watch.plan.watch = Some(Watch {
        target: Target::Command("x".to_owned()),
        side: Side::Client,
        ports: Vec::new(),
        snap_length: 1024,
        payload: true,
        socket_wait: false,
    });
    let run = create(&daemon.socket, ALICE, &watch);
    let call = |call: &str| send(&daemon.socket, ALICE, &format!("POST /v1/runs/{run}/{call}"), b"\"now\"");
    let follow = format!("GET /v1/runs/{run}/progress");
    let socket = daemon.socket.clone();
    let follower = std::thread::spawn(move || send(&socket, ALICE, &follow, b""));
    assert_eq!(call("start").status, 200, "it starts");
    patience::until("it to run", || (daemon.show(&run)["state"] == "running").then_some(()));
    let mut curl = Command::new("curl");
    curl.args(["-s", "-X", "POST", "--unix-socket"])
        .arg(&daemon.socket)
        .arg(format!("http://x/v1/runs/{run}/join"));
    let refused = curl.uid(ALICE).gid(ALICE).current_dir("/").output().unwrap();
    let refused = String::from_utf8(refused.stdout).unwrap();
    assert!(refused.contains("no_new_privs"), "{refused}");
    curl = Command::new("setpriv");
    curl.args(["--no-new-privs", "curl", "-s", "-X", "POST", "--unix-socket"]).arg(&daemon.socket);
    curl.arg(format!("http://x/v1/runs/{run}/join"));
    let joined =
        String::from_utf8(curl.uid(ALICE).gid(ALICE).current_dir("/").output().unwrap().stdout).unwrap();
    assert!(joined.contains("running"), "one that cannot may join: {joined}");
    assert_eq!(call("stop").status, 200, "it stops");
    assert_eq!(follower.join().unwrap().status, 200, "and was followed to its end");
}

const ALICE: u32 = 4201;
