//! Tests metrics that only some servers and requests have: in the records of a run as in its summary.

use end_to_end::client::Run;
use end_to_end::needs_programs;
use end_to_end::server::Server;

#[test]
fn accepted_draft_tokens_are_reported() {
    needs_programs!();
    let server = Server::start("--drafts");
    let ended = Run::profile(&server.url(), "--concurrency 2 --request-count 6 --osl 8").end();
    ended.ended_with(0);
    let summary = ended.json("profile_export_aiperf.json");
    for (tag, expected) in [
        ("spec_decode_steps", 4.0),
        ("spec_decode_acceptance_length", 2.0),
        ("spec_decode_draft_acceptance_rate", 50.0),
        ("total_draft_tokens", 48.0),
    ] {
        assert_eq!(summary[tag]["avg"], expected, "{tag}");
    }
    assert_eq!(summary["pooled_spec_decode_acceptance_histogram"]["1"], 24, "of all requests");
    for record in ended.records() {
        let counts = &record["spec_decode_acceptance"];
        assert_eq!(counts["num_accepted_draft_tokens"], 4, "of each request: {record}");
    }
}

#[test]
fn audio_durations_are_reported() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--concurrency 1 --request-count 3 --audio-length-mean 0.5 --audio-batch-size 1";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let summary = ended.json("profile_export_aiperf.json");
    assert_eq!(summary["audio_duration"]["avg"], 0.5, "as generated");
    for record in ended.records() {
        let number = |tag: &str| record["metrics"][tag]["value"].as_f64();
        let seconds = number("request_latency").map(|milliseconds| milliseconds / 1e3);
        let factor = number("rtfx").zip(seconds).map(|(factor, seconds)| factor * seconds);
        assert!(factor.is_some_and(|sound| (sound - 0.5).abs() < 1e-6), "{record}");
    }
}

#[test]
fn network_latency_is_subtracted() {
    needs_programs!();
    let server = Server::start("");
    let flags =
        "--concurrency 2 --request-count 20 --network-latency-automatic --network-latency-ping-interval 0.01";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let pings = ended.lines("profile_export_network_latency.jsonl");
    assert!(pings.len() >= 5, "{pings:?}");
    let round_trips = pings.iter().map(|ping| ping["rtt_ns"].as_f64().expect("loopback responds"));
    let count = f64::from(u32::try_from(pings.len()).unwrap());
    let mean = round_trips.sum::<f64>() / count / 1e6;
    let summary = ended.json("profile_export_aiperf.json");
    let stat = |tag: &str, stat: &str| summary[tag][stat].as_f64().unwrap_or(f64::NAN);
    assert!((stat("network_rtt", "avg") - mean).abs() < 1e-9, "the mean of all: {}", summary["network_rtt"]);
    let taken_off = stat("request_latency", "min") - stat("network_adjusted_request_latency", "min");
    assert!((taken_off - mean).abs() < 1e-6, "it is subtracted");
    let mut again = Run::of("report");
    let input = ended.artifacts();
    again.command.args(["--input", input.to_str().unwrap(), "--artifact-dir", "artifacts"]);
    let again = again.end();
    again.ended_with(0);
    let again = again.json("profile_export_aiperf.json");
    assert_eq!(again["network_rtt"], summary["network_rtt"], "a recomputed report has the same value");
}
