//! Tests the daemon as a service: what its configuration observes, publishes, stores in parts, and allows.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::cgroup::Own;
use end_to_end::collector::Collector;
use end_to_end::daemon::Daemon;
use end_to_end::needs_probes;
use end_to_end::patience::until;
use end_to_end::server::Server;
use end_to_end::watched::{CLIENT, lacks};
use record::Request;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use store::parquet::rows;

/// A port that is currently free.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    Some(body.to_owned())
}

/// The value of the first series whose line starts with this.
fn series(text: &str, begin: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(begin))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn send(server: &Server, requests: &str) {
    let mut client = Command::new("python3");
    client.args(["-c", CLIENT, "127.0.0.1", &server.address.port().to_string(), "2", requests]);
    assert!(client.stdout(Stdio::null()).status().unwrap().success(), "the client");
}

fn requests_in(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // A file that is being written has another name.
    let is_part = |name: &str| name.starts_with("requests-") && name.ends_with(".parquet");
    let parts = entries.filter(|entry| is_part(&entry.file_name().to_string_lossy()));
    parts
        .map(|entry| rows::<Request>(&entry.path()).unwrap().map(|batch| batch.unwrap().len()).sum::<usize>())
        .sum()
}

#[test]
fn configured_servers_are_observed_and_published() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let group = Own::make();
    let server = Server::start_in(&group, "");
    let (address, state) = (free(), tempfile::tempdir().unwrap());
    let collector = Collector::start("200 OK");
    let config = format!(
        "[[observe]]\nname = \"llm\"\nunit = \"{}\"\npart_seconds = 1\n\
         [publish]\nlisten = \"{address}\"\notel_url = \"{}\"\n",
        group.name(),
        collector.address()
    );
    let mut daemon = Daemon::configured(state.path(), Some(&config));
    let is_watching =
        || series(&get(address, "/metrics")?, "aiperfd_watching{server=\"llm\"} ").filter(|one| *one > 0.0);
    until("the server to be observed", is_watching);
    send(&server, "5");
    let name = "gen_ai_server_time_to_first_token_seconds_count{server=\"llm\",gen_ai_request_model=\"m\"}";
    let metrics = until("ten requests to be published", || {
        let text = get(address, "/metrics")?;
        (series(&text, name)? >= 10.0).then_some(text)
    });
    assert_eq!(series(&metrics, name), Some(10.0), "{metrics}");
    let duration = "gen_ai_server_request_duration_seconds_bucket{server=\"llm\",gen_ai_request_model=\"m\",le=\"+Inf\"}";
    assert_eq!(series(&metrics, duration), Some(10.0), "{metrics}");
    // The daemon's health is published twice per second, requests when they end.
    until("the kernel's records to be counted", || {
        series(&get(address, "/metrics")?, "aiperfd_kernel_records_total").filter(|count| *count > 0.0)
    });
    let live: Value = serde_json::from_str(&get(address, "/live.json").unwrap()).unwrap();
    assert_eq!(live[0]["requests_last_minute"], 10, "{live}");
    assert!(live[0]["time_to_first_token_ms"]["p50"].as_f64().is_some(), "{live}");
    let page = get(address, "/").unwrap();
    assert!(page.contains("<title>Observed servers</title>"), "the page");
    the_page_is_filled(address);
    // The next part starts with a request later than a part's length.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    send(&server, "1");
    let folder = state.path().join("observed/llm");
    until("the first part", || (requests_in(&folder) >= 10).then_some(()));
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.ends_well(), "the daemon exits");
    assert_eq!(requests_in(&folder), 12, "the last requests are stored too");
    let runs = std::fs::read_dir(state.path().join("runs")).unwrap().count();
    assert_eq!(runs, 0, "nothing else is left of it");
    let points = collector.points("gen_ai.server.time_to_first_token");
    let count = points.iter().map(|point| point.count).sum::<f64>();
    assert!((count - 12.0).abs() < 0.5, "the collector has them: {points:?}");
    assert_eq!(points[0].attributes["gen_ai.request.model"], "m", "by model");
    until("the port to be closed", || TcpStream::connect(address).is_err().then_some(()));
}

/// What the page is filled with is the last minute of each server.
fn the_page_is_filled(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let event = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
    let parts = serde_json::from_str::<Value>(&event).unwrap();
    let servers = parts["servers"].as_str().unwrap();
    let row = servers.split("<tr").find(|row| row.contains("llm (m)")).unwrap_or_default();
    let cells = row.split("<td").skip(1).filter_map(|cell| cell.split(['>', '<']).nth(1)).collect::<Vec<_>>();
    assert_eq!(cells.len(), 9, "a row of the server: {servers}");
    assert_eq!(cells[2], "10", "its requests: {cells:?}");
    for place in 3..7 {
        assert!(cells[place].parse::<f64>().is_ok_and(|time| time > 0.0), "times: {cells:?}");
    }
}

#[test]
fn a_missing_target_is_reported_and_retried() {
    needs_probes!();
    let (address, state) = (free(), tempfile::tempdir().unwrap());
    let config =
        format!("[[observe]]\nname = \"llm\"\ncgroup = \"no-such\"\n[publish]\nlisten = \"{address}\"\n");
    let _daemon = Daemon::configured(state.path(), Some(&config));
    let problem = until("a message about it", || {
        let live: Value = serde_json::from_str(&get(address, "/live.json")?).unwrap();
        live[0]["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.contains("no-such"), "{problem}");
}

#[test]
fn a_rule_lets_a_user_observe_what_it_names_and_nothing_else() {
    needs_probes!();
    let (group, other, state) = (Own::make(), Own::make(), tempfile::tempdir().unwrap());
    let config = format!("[[allow]]\nusers = [\"{NOBODY}\"]\ncgroups = [\"{}\"]\n", group.name());
    let daemon = Daemon::configured(state.path(), Some(&config));
    // The socket is for a group that the host may lack; in this test all users may use it.
    let (socket, folder) = (daemon.socket.clone(), daemon.socket.parent().unwrap());
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let observe = |name: &str| {
        let mut run = watching_as_nobody(name);
        run.command.arg("--socket").arg(&socket);
        run.end()
    };
    // There is no traffic.
    let ended = observe(group.name());
    ended.ended_with(3);
    let refused = observe(other.name());
    refused.ended_with(2);
    let words = format!("let him observe `{}`", group.name());
    assert!(refused.err.contains(&words), "the error states what is allowed: {}", refused.err);
}

#[test]
fn contents_are_for_the_owner_of_the_run() {
    needs_probes!();
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::configured(state.path(), None);
    let mut audit = end_to_end::client::Run::of("audit");
    audit
        .command
        .args(["--payload", "--quiet", "--artifact-dir", "artifacts", "--socket"])
        .arg(&daemon.socket);
    audit.command.args(["--fail-on", "never", "--", "true"]);
    audit.end().ended_with(0);
    let id = daemon.run_ids().remove(0);
    std::fs::set_permissions(daemon.socket.parent().unwrap(), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    std::fs::set_permissions(&daemon.socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut fetch = end_to_end::client::Run::of_user(NOBODY, "runs");
    fetch.command.args(["fetch", &id, "--artifact-dir", "got", "--socket"]).arg(&daemon.socket);
    let refused = fetch.end();
    refused.ended_with(2);
    assert!(refused.err.contains("there is no run"), "others cannot see that it exists: {}", refused.err);
    assert_eq!(daemon.runs(&format!("fetch {id} --artifact-dir got")).status, Some(0), "the owner can");
}

fn watching_as_nobody(cgroup: &str) -> end_to_end::client::Run {
    let mut run = end_to_end::client::Run::of_user(NOBODY, "observe");
    run.command.args(["--cgroup", cgroup, "--duration", "0.2", "--artifact-dir", "artifacts"]);
    run
}

/// A user id that no user of a host has.
const NOBODY: u32 = 61111;

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    needs_probes!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aiperfd.toml");
    std::fs::write(&file, "[[observe]]\nname = \"../x\"\ncgroup = \"x\"\n").unwrap();
    let mut command = Command::new(end_to_end::programs::folder().join("aiperfd"));
    command
        .arg("--config")
        .arg(&file)
        .arg("--socket")
        .arg(folder.path().join("s"))
        .arg("--state-dir")
        .arg(folder.path());
    let output = command.output().unwrap();
    assert!(!output.status.success(), "it does not start");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("lower-case letters"), "the error states the reason: {stderr}");
}
