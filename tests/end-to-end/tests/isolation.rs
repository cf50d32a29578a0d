//! Tests markers in prompts, as received by the server: no measured request hits prefix cache entries of a warmup.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// The requests' bodies, by request.
fn bodies(server: &Server) -> BTreeMap<String, Value> {
    let body = |body: Option<String>| serde_json::from_str(&body.unwrap()).unwrap();
    server.log().into_iter().map(|served| (served.request_id, body(served.body))).collect()
}

/// The role and text of the messages with a marker, for each request; and whether it was of a warmup.
fn marked(ended: &Ended, server: &Server) -> Vec<(bool, Vec<(String, String)>)> {
    let bodies = bodies(server);
    let records = ended.records();
    assert_eq!(records.len(), bodies.len(), "every request has a record");
    let of = |record: &Value| {
        let metadata = &record["metadata"];
        let body = &bodies[metadata["x_request_id"].as_str().unwrap()];
        let messages = body["messages"].as_array().unwrap().iter();
        let marked = messages.map(|message| (message["role"].to_string(), message["content"].to_string()));
        let marked = marked.filter(|(_, text)| text.contains("[warmup]"));
        (metadata["benchmark_phase"] == "warmup", marked.collect())
    };
    records.iter().map(of).collect()
}

/// Every request of the warmup has its marker once, in its place, and no other request has one.
fn check(flags: &str, role: &str) {
    let server = Server::start("--log-bodies --ttft-ms 5");
    let common = "--shared-system-prompt-length 8 --conversation-turn-mean 3";
    let ended = Run::profile(&server.url(), &format!("{common} {flags}")).end();
    ended.ended_with(0);
    let marked = marked(&ended, &server);
    let phases = marked.iter().map(|(is_warmup, _)| *is_warmup).collect::<HashSet<_>>();
    assert_eq!(phases.len(), 2, "both phases sent something: {flags}");
    for (is_warmup, markers) in marked {
        if is_warmup {
            let [(who, text)] = markers.as_slice() else { panic!("{markers:?} of a warm-up: {flags}") };
            assert_eq!(*who, format!("\"{role}\""), "{flags}");
            assert!(text.starts_with("\"[warmup]\\n\\n"), "{text}");
        } else {
            assert_eq!(markers, [], "of the measurement: {flags}");
        }
    }
}

#[test]
fn a_warmup_of_a_number_of_requests() {
    needs_programs!();
    let load = "--concurrency 4 --warmup-request-count 17 --request-count 40";
    check(&format!("{load} --cache-bust warmup_isolation_first_turn"), "user");
    check(&format!("{load} --cache-bust warmup_isolation_system"), "system");
}

#[test]
fn a_warmup_of_a_duration_on_several_cores() {
    needs_programs!();
    let load = "--workers 2 --concurrency 6 --warmup-duration 0.3 --request-count 60";
    check(&format!("{load} --cache-bust warmup_isolation_first_turn"), "user");
}

/// Sessions that started in the warmup continue in the measurement.
#[test]
fn a_warmup_that_is_not_waited_for() {
    needs_programs!();
    let phases = r#"[{"name":"warmup","kind":"warmup","requests":20,"concurrency":6},{"name":"profiling","kind":"profiling","requests":40,"concurrency":6,"seamless":true}]"#;
    for workers in ["1", "2"] {
        let flags = format!("--workers {workers} --cache-bust warmup_isolation_first_turn --phases {phases}");
        check(&flags, "user");
    }
}

#[test]
fn every_session_has_a_marker_of_its_own() {
    needs_programs!();
    let server = Server::start("--log-bodies");
    let flags = "--cache-bust first_turn_prefix --concurrency 2 --warmup-request-count 4 --request-count 10";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let bodies = bodies(&server);
    let texts = bodies.values().map(|body| body["messages"][0]["content"].as_str().unwrap());
    let markers = texts.map(|text| text.split_once("]\n\n").unwrap().0.to_owned()).collect::<HashSet<_>>();
    assert_eq!(markers.len(), 14, "no two of {} alike: {markers:?}", bodies.len());
    assert!(markers.iter().all(|marker| marker.starts_with("[rid:")), "{markers:?}");
    for record in ended.records() {
        let tokens = record["metrics"]["input_sequence_length"]["value"].as_u64();
        assert!(tokens > Some(16 + 4), "what is sent is counted: {record}");
    }
}

#[test]
fn requests_without_a_place_for_a_marker() {
    needs_programs!();
    let server = Server::start("");
    for (flags, why) in [
        ("--cache-bust warmup_isolation_system --warmup-request-count 2", "needs a system prompt"),
        (
            "--cache-bust first_turn_prefix --endpoint-type audio_transcription --audio-length-mean 0.2",
            "--cache-bust has no place in requests of audio_transcription",
        ),
    ] {
        let ended = Run::plain_profile(&server.url(), flags).end();
        ended.ended_with(2);
        assert!(ended.err.contains(why), "{}", ended.err);
    }
}
