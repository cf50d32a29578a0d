//! Compares the kernel's timestamps with the server's own log of when it wrote each event.

use end_to_end::client::Run;
use end_to_end::server::Server;
use end_to_end::{needs_probes, truth};
use std::io::Write;

/// Runs a profile and compares each event with the server's log.
fn check(name: &str, server: &str, flags: &str, requests: usize) {
    let server = Server::start(server);
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let mut lateness = truth::hold_against(&server, &ended, requests);
    print(name, "kernel", &mut lateness.kernel);
    print(name, "user", &mut lateness.user);
}

/// Prints how much later than the server's writes the timestamps are. The figures are informative, not a limit.
fn print(name: &str, view: &str, late_ns: &mut [u64]) {
    late_ns.sort_unstable();
    let at = |percent: usize| late_ns[(late_ns.len() - 1) * percent / 100].div_ceil(100);
    let figures =
        [50, 90, 99, 100].map(|percent| format!("p{percent} {}.{} µs", at(percent) / 10, at(percent) % 10));
    let line =
        format!("{name}: {view} timestamp after write, {} events: {}", late_ns.len(), figures.join("  "));
    writeln!(std::io::stderr(), "{line}").ok();
}

#[test]
fn every_event_is_matched_at_64_streams() {
    needs_probes!();
    check("64 streams", "--cpu 0 --tokens 32", "--concurrency 64 --request-count 192", 192);
}

#[test]
fn every_event_is_matched_at_1024_streams() {
    needs_probes!();
    let server = "--cpu 0 --tokens 16 --ttft-ms 50 --gap-ms 50";
    check("1024 streams", server, "--concurrency 1024 --request-count 1024", 1024);
}
