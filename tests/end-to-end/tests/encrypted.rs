//! Tests TLS, directly to the scripted server and through nginx: every event still has its kernel timestamp.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::nginx::Nginx;
use end_to_end::server::Server;
use end_to_end::{needs_nginx, needs_probes, needs_programs, truth};
use serde_json::json;
use std::io::{Read, copy};
use std::net::{TcpListener, TcpStream};

fn profile(nginx: &Nginx, flags: &str) -> Ended {
    Run::profile(&nginx.url(), &format!("--request-count 64 --concurrency 16 --fail-on never {flags}")).end()
}

#[test]
fn every_event_is_matched() {
    needs_probes!();
    needs_nginx!();
    let server = Server::start("--tokens 12");
    let nginx = Nginx::before(&server);
    let ended = profile(&nginx, &format!("--ca-certificate {}", nginx.authority()));
    ended.ended_with(0);
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "ebpf", "the timestamp source of {run}");
    for place in ["unmatched_events", "unmatched_requests", "damaged"] {
        assert_eq!(run["loss"][place], json!({}), "nothing is lost: {}", run["loss"]);
    }
    let written = server.log().iter().map(|request| request.written.len() - 1).sum::<usize>();
    assert_eq!(run["counters"]["events"], written, "every event that the server wrote was found in a record");
    let summary = ended.json("profile_export_aiperf.json");
    let truth = summary["kernel_time_to_first_token"]["min"].as_f64().unwrap();
    assert!(truth >= 2.0, "no token arrives before the server has written it: {truth} ms");
}

/// The server's log has the offset at which each event's TLS record ends, and when it was written.
#[test]
fn every_event_is_where_the_server_wrote_it() {
    needs_probes!();
    let server = Server::start_secure("--tokens 12");
    let flags = "--request-count 96 --concurrency 16 --no-server-metrics --ca-certificate";
    let ended = Run::profile(&server.secure_url(), &format!("{flags} {}", server.authority())).end();
    ended.ended_with(0);
    let lateness = truth::hold_against(&server, &ended, 96);
    assert_eq!(lateness.kernel.len(), 96 * 15, "a role, twelve tokens, the usage and the end of each");
}

#[test]
fn sessions_are_resumed_and_server_names_are_sent() {
    needs_programs!();
    let server = Server::start_secure("");
    let flags = "--request-count 24 --concurrency 2 --connection-reuse-strategy never --no-server-metrics";
    let flags = format!("{flags} --ca-certificate {}", server.authority());
    let ended = Run::profile(&server.secure_url(), &flags).end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 24, "a connection each");
    let (full, resumed) = (
        server.counter("mock_tls_full_handshakes_total"),
        server.counter("mock_tls_resumed_handshakes_total"),
    );
    // One more is the readiness check.
    assert_eq!(full + resumed, 25, "every connection has a handshake");
    assert!(resumed >= 12, "most resume an earlier session: {full} full handshakes, {resumed} resumed");
    let names = server.counter("mock_tls_server_name_total{name=\"localhost\"}");
    assert_eq!(names, 25, "each sent the server name");
    assert_eq!(server.counter("mock_tls_http11_total"), 25, "each agreed on HTTP/1.1");
}

#[test]
fn certificate_verification_is_the_users_choice() {
    needs_nginx!();
    let server = Server::start("");
    let nginx = Nginx::before(&server);
    let stranger = profile(&nginx, "");
    assert_eq!(stranger.status, Some(1), "an unknown certificate is refused: {}", stranger.err);
    assert!(stranger.err.contains("--ca-certificate"), "and the error states what to do: {}", stranger.err);
    let insecure = profile(&nginx, "--insecure");
    insecure.ended_with(0);
    assert!(insecure.err.contains("is not verified"), "with a warning: {}", insecure.err);
}

/// Scrapes of the server's metrics and of GPU exporters use the same TLS settings as the load.
#[test]
fn tls_settings_apply_to_metrics_too() {
    needs_nginx!();
    let server = Server::start("");
    let nginx = Nginx::before(&server);
    for trust in [format!("--ca-certificate {}", nginx.authority()), "--insecure".to_owned()] {
        let flags = format!("{trust} --gpu-telemetry {}/metrics", nginx.url());
        let ended = profile(&nginx, &flags);
        ended.ended_with(0);
        let export = ended.json("server_metrics_export.json");
        let stats = &export["metrics"]["mock_requests"]["series"][0]["stats"];
        assert_eq!(stats["total"], 64.0, "{trust}: {}", ended.err);
        let gpus = ended.err.lines().find(|line| line.contains("no GPU telemetry"));
        assert!(gpus.is_none_or(|line| !line.contains("ertificate")), "{trust}: {gpus:?}");
    }
}

/// Forwards the connections of the readiness checks before a run (listening, TLS handshake) to the proxy, and closes all others
/// in the middle of their handshake.
fn let_two_through(nginx: &Nginx) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, proxy) = (listener.local_addr().unwrap().port(), nginx.address());
    // The thread ends with the test's process.
    std::thread::spawn(move || {
        for _ in 0..2 {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(proxy).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || copy(&mut from, &mut to).ok());
            let (mut from, mut to) = (server, client);
            std::thread::spawn(move || copy(&mut from, &mut to).ok());
        }
        for stream in listener.incoming() {
            stream.unwrap().read_exact(&mut [0; 16]).ok();
        }
    });
    port
}

#[test]
fn a_handshake_that_breaks_off_fails_its_request_at_once() {
    needs_nginx!();
    let server = Server::start("");
    let nginx = Nginx::before(&server);
    let url = format!("https://localhost:{}", let_two_through(&nginx));
    let ended = Run::profile(&url, "--insecure --no-server-metrics --request-count 6 --concurrency 2").end();
    ended.ended_with(1);
    let records = ended.records();
    assert_eq!(records.len(), 6, "every request is recorded");
    for record in records {
        assert_eq!(record["error"]["type"], "tls_failed", "{record}");
    }
}
