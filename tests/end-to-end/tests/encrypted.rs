//! Over TLS, with nginx between us and the scripted server: every event still has its kernel stamp.

use end_to_end::client::{Ended, Run};
use end_to_end::nginx::Nginx;
use end_to_end::server::Server;
use end_to_end::{needs_probes, needs_programs};
use serde_json::json;

fn profile(nginx: &Nginx, flags: &str) -> Ended {
    Run::profile(&nginx.url(), &format!("--request-count 64 --concurrency 16 --fail-on never {flags}")).end()
}

#[test]
fn every_event_is_matched() {
    needs_probes!();
    let server = Server::start("--tokens 12");
    let nginx = Nginx::before(&server);
    let ended = profile(&nginx, &format!("--ca-certificate {}", nginx.authority()));
    ended.ended_with(0);
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "ebpf", "the rung of {run}");
    for place in ["unmatched_events", "unmatched_requests", "damaged"] {
        assert_eq!(run["loss"][place], json!({}), "nothing is lost: {}", run["loss"]);
    }
    let written = server.log().iter().map(|request| request.written.len() - 1).sum::<usize>();
    assert_eq!(run["counters"]["events"], written, "every event that the server wrote was cut from a record");
    let summary = ended.json("profile_export_aiperf.json");
    let truth = summary["kernel_time_to_first_token"]["min"].as_f64().unwrap();
    assert!(truth >= 2.0, "no token can come before the server has made it: {truth} ms");
}

#[test]
fn whom_to_trust_is_the_users_choice() {
    needs_programs!();
    let server = Server::start("");
    let nginx = Nginx::before(&server);
    let stranger = profile(&nginx, "");
    assert_eq!(stranger.status, Some(2), "an unknown certificate is refused: {}", stranger.err);
    assert!(stranger.err.contains("--ca-certificate"), "and the user is told what to do: {}", stranger.err);
    let anybody = profile(&nginx, "--insecure");
    anybody.ended_with(0);
    assert!(anybody.err.contains("anybody may pretend"), "with a warning: {}", anybody.err);
}
