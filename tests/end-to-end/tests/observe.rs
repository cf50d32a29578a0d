//! Tests observing running processes from outside: by process, cgroup and unit, on either side, with other traffic.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::cgroup::Own;
use end_to_end::client::{Ended, Running};
use end_to_end::needs_probes;
use end_to_end::server::Server;
use end_to_end::watched::{CLIENT, audit, lacks, recorded, watching};
use kernel_tests::network::Network;
use kernel_tests::skip::{lacks_network, skip};
use record::{Request, Token};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

/// A client that prints when its connection is open, and sends requests when it gets a line.
const PATIENT: &str = r#"
import http.client, json, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
def ask(path, method, body):
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    connection.getresponse().read()
ask("/metrics", "GET", None)
print("open", flush=True)
sys.stdin.readline()
for number in range(3):
    ask("/v1/chat/completions", "POST", {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
    ask("/metrics", "GET", None)
"#;

fn until_it_watches(observer: &Running) {
    end_to_end::patience::until("the observer to watch", || {
        observer.err().contains("observing").then_some(())
    });
}

fn end(observer: Running) -> Ended {
    observer.signal(Signal::INT);
    let ended = observer.end();
    ended.ended_with(0);
    ended
}

fn send(port: u16, threads: &str, requests: &str) {
    let mut client = Command::new("python3");
    client.args(["-c", CLIENT, "127.0.0.1", &port.to_string(), threads, requests]);
    assert!(client.stdout(Stdio::null()).status().unwrap().success(), "the client");
}

#[test]
fn a_cgroup_is_observed_by_path_and_a_unit_by_name() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let group = Own::make();
    let server = Server::start_in(&group, "");
    let observer = watching("observe", &["--cgroup", group.name()]).start();
    until_it_watches(&observer);
    send(server.address.port(), "2", "3");
    assert_eq!(recorded(&end(observer)).iter().map(Vec::len).sum::<usize>(), 6, "by path");
    // A systemd with one known unit.
    let folder = tempfile::tempdir().unwrap();
    let systemctl = folder.path().join("systemctl");
    std::fs::write(&systemctl, format!("#!/bin/sh\necho /{}\n", group.name())).unwrap();
    std::fs::set_permissions(&systemctl, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut run = watching("observe", &["--unit", "llm.service"]);
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    run.command.env("PATH", path);
    let observer = run.start();
    until_it_watches(&observer);
    send(server.address.port(), "1", "2");
    assert_eq!(recorded(&end(observer)).iter().map(Vec::len).sum::<usize>(), 2, "by unit");
}

#[test]
fn missing_targets_are_refused() {
    needs_probes!();
    for (flags, words) in [
        (["--cgroup", "no/such/cgroup"], "has no cgroup of version 2"),
        (["--cgroup", "../../etc"], "has no cgroup of version 2"),
        (["--pid", "4194305"], "is there such a process?"),
    ] {
        let ended = watching("observe", &flags).end();
        assert_ne!(ended.status, Some(0), "{flags:?}");
        assert!(ended.err.contains(words), "{flags:?}: {}", ended.err);
    }
}

/// A client in a cgroup with an open connection.
fn patient(group: &Own, server: &Server) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(group.processes());
    command.args(["python3", "-c", PATIENT, &server.address.port().to_string()]);
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "open\n", "the client has a connection");
    client
}

#[test]
fn an_open_connection_is_followed_on_either_side() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let (clients, servers) = (Own::make(), Own::make());
    let server = Server::start_in(&servers, "");
    let mut client = patient(&clients, &server);
    let pid = client.id().to_string();
    let at_client = watching("observe", &["--pid", &pid, "--side", "client"]).start();
    let at_server = watching("observe", &["--pid", &server.pid().to_string(), "--side", "server"]).start();
    until_it_watches(&at_client);
    until_it_watches(&at_server);
    client.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    assert!(client.wait().unwrap().success(), "the client");
    for observer in [at_client, at_server] {
        let ended = end(observer);
        let run = ended.json("run.json");
        let counters = &run["counters"];
        assert_eq!(counters["watched_connections_picked_up"], 1, "{counters}");
        assert_eq!(counters["watched_requests_of_other_paths"], 3, "requests to other paths: {counters}");
        let recorded = recorded(&ended);
        assert_eq!(recorded.iter().map(Vec::len).sum::<usize>(), 3, "{counters}");
        let mut tokens = recorded.iter().flatten().flat_map(|(_, tokens)| tokens);
        assert!(tokens.all(|token| token.kernel_received_ns.is_some()), "each event has a timestamp");
    }
}

/// Requests by their X-Request-ID, with their events.
fn by_name(ended: &Ended) -> BTreeMap<String, (Request, Vec<Token>)> {
    let requests = recorded(ended).into_iter().flatten();
    requests
        .map(|(request, tokens)| (request.client_request_id.clone().unwrap(), (request, tokens)))
        .collect()
}

/// Both sides observed the same requests and events, never received before sent; prints the delays.
fn agree(what: &str, at_client: &Ended, at_server: &Ended) {
    let (at_client, at_server) = (by_name(at_client), by_name(at_server));
    assert_eq!(at_client.len(), 20, "requests at the client");
    assert!(at_client.keys().eq(at_server.keys()), "the same requests on both sides");
    let mut delays = Vec::new();
    for (name, (request, received)) in &at_client {
        let (on_server, sent) = &at_server[name];
        let (left, arrived) = (request.kernel_sent_last_ns.unwrap(), on_server.kernel_sent_last_ns.unwrap());
        assert!(left <= arrived, "request {name} arrived before it was sent");
        delays.push((arrived - left).0);
        assert_eq!(received.len(), sent.len(), "events of request {name}");
        for (received, sent) in received.iter().zip(sent) {
            assert_eq!(received.end_offset, sent.end_offset, "the same event");
            let (sent, received) = (sent.kernel_received_ns.unwrap(), received.kernel_received_ns.unwrap());
            assert!(sent <= received, "an event of request {name} arrived before it was sent");
            delays.push((received - sent).0);
        }
    }
    delays.sort_unstable();
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100] / 1000;
    let line = format!(
        "{what}: {} timestamps, from side to side p50 {} µs, p99 {} µs",
        delays.len(),
        at(50),
        at(99)
    );
    writeln!(std::io::stderr(), "{line}").ok();
}

#[test]
fn both_sides_agree() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let group = Own::make();
    let server = Server::start_in(&group, "");
    let observer = watching("observe", &["--cgroup", group.name(), "--side", "server"]).start();
    until_it_watches(&observer);
    let port = server.address.port().to_string();
    let audited = audit(&["--quiet"], &["python3", "-c", CLIENT, "127.0.0.1", &port, "4", "5"]).end();
    audited.ended_with(0);
    agree("loopback", &audited, &end(observer));
}

#[test]
fn both_sides_of_a_link_agree() {
    needs_probes!();
    if let Some(why) = lacks_network() {
        return skip(&why);
    }
    if lacks("python3") {
        return;
    }
    let (network, group) = (Network::create(), Own::make());
    let server = Server::start_within(&group, &network.far, "");
    let observer = watching("observe", &["--cgroup", group.name(), "--side", "server"]).start();
    until_it_watches(&observer);
    let (host, port) = (network.far.address.to_string(), server.address.port().to_string());
    let client = ["ip", "netns", "exec", &network.near.name, "python3", "-c", CLIENT, &host, &port, "4", "5"];
    let audited = audit(&["--quiet"], &client).end();
    audited.ended_with(0);
    agree("veth pair", &audited, &end(observer));
}

#[test]
fn the_wait_in_the_servers_socket_is_measured() {
    needs_probes!();
    if lacks("python3") {
        return;
    }
    let group = Own::make();
    let server = Server::start_in(&group, "");
    let observer = watching("observe", &["--cgroup", group.name(), "--socket-wait"]).start();
    until_it_watches(&observer);
    send(server.address.port(), "2", "5");
    let ended = end(observer);
    let mut read = server.log().iter().map(|served| served.read_ns).collect::<Vec<_>>();
    read.sort_unstable();
    let requests = recorded(&ended).into_iter().flatten().map(|(request, _)| request);
    let mut stamps = requests
        .map(|request| {
            let (arrived, read) = (request.kernel_sent_last_ns.unwrap(), request.server_read_ns.unwrap());
            assert!(arrived <= read, "it is read after it arrived: {request:?}");
            assert!(
                Some(read) <= request.first_token_kernel_ns,
                "the response starts after the read: {request:?}"
            );
            read.0
        })
        .collect::<Vec<_>>();
    stamps.sort_unstable();
    assert_eq!(stamps.len(), 10, "requests");
    for (stamp, read) in stamps.iter().zip(&read) {
        assert!(stamp <= read, "the read's timestamp is before the server returns from it");
    }
    let report = ended.json("profile_export_aiperf.json");
    assert!(report["server_socket_wait"]["avg"].as_f64().is_some(), "the report has it: {report}");
}

#[test]
fn socket_wait_needs_the_servers_side() {
    needs_probes!();
    let pid = std::process::id().to_string();
    let ended = watching("observe", &["--pid", &pid, "--side", "client", "--socket-wait"]).end();
    ended.ended_with(2);
    assert!(ended.err.contains("--socket-wait needs --side server"), "{}", ended.err);
}

/// A process in the root cgroup, like the whole host, is observed by its ports, or not at all.
#[test]
fn the_whole_host_is_not_observed() {
    needs_probes!();
    let server = Server::start("");
    let cgroup = std::fs::read_to_string(format!("/proc/{}/cgroup", server.pid())).unwrap();
    if !cgroup.lines().any(|line| line == "0::/") {
        return skip("tests run in a separate cgroup here");
    }
    let pid = server.pid().to_string();
    let ended = watching("observe", &["--pid", &pid, "--duration", "0.2"]).end();
    ended.ended_with(2);
    assert!(ended.err.contains("in the root cgroup"), "{}", ended.err);
    let port = server.address.port().to_string();
    let limited = watching("observe", &["--pid", &pid, "--port", &port, "--duration", "0.2"]).end();
    limited.ended_with(3);
    assert_eq!(limited.json("run.json")["verdict"]["reasons"][0]["name"], "nothing_seen", "{}", limited.err);
}
