//! Tests each API once, streamed if it supports streaming and not streamed: its replies, and that the kernel observed all of
//! them.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use kernel_tests::skip;
use serde_json::json;
use std::fs;

/// The expected properties of each request of an API.
struct Promise<'a> {
    /// The flags that select it.
    flags: &'a str,
    /// Metrics that each record has, with their values.
    exact: &'a [(&'a str, u64)],
    /// Metrics that each record has.
    present: &'a [&'a str],
    /// Metrics that none has.
    absent: &'a [&'a str],
}

/// Sends eight requests, with synthetic input unless `rows` are given, and checks every record.
fn check(promise: &Promise<'_>, path: &str, rows: Option<&str>) -> Ended {
    let server = Server::start("");
    let mut run = Run::of("profile");
    let url = format!("{}{path}", server.url());
    let common = "--model mock-model --concurrency 2 --request-count 8 --random-seed 1 --ui none \
                  --artifact-dir artifacts --export-level raw --no-server-metrics";
    run.command.args(common.split_whitespace()).args(["--url", &url]);
    let texts = !["image_retrieval", "audio_transcription"].iter().any(|kind| promise.flags.contains(kind));
    run.command.args(["--tokenizer", "builtin"].iter().filter(|_| texts));
    run.command.args(promise.flags.split_whitespace());
    if let Some(rows) = rows {
        fs::write(run.folder.path().join("rows.jsonl"), rows).unwrap();
        run.command.args(["--input-file", "rows.jsonl"]);
    }
    let ended = run.without_daemon().end();
    ended.ended_with(0);
    let records = ended.records();
    assert_eq!(records.len(), 8, "{}", promise.flags);
    for record in &records {
        assert_eq!(record.get("error"), None, "{}: {record}", promise.flags);
        let value = |tag: &str| record["metrics"].get(tag).map(|metric| metric["value"].clone());
        for (tag, expected) in promise.exact {
            assert_eq!(value(tag), Some((*expected).into()), "{tag} with {}: {record}", promise.flags);
        }
        for tag in promise.present {
            assert!(value(tag).is_some(), "{tag} with {}: {record}", promise.flags);
        }
        for tag in promise.absent {
            assert_eq!(value(tag), None, "{tag} with {}: {record}", promise.flags);
        }
    }
    let run = ended.json("run.json");
    for place in ["unmatched_events", "unmatched_requests", "damaged"] {
        assert_eq!(run["loss"][place], json!({}), "nothing is lost with {}: {}", promise.flags, run["loss"]);
    }
    if skip::lacks_probes().is_none() {
        assert_eq!(run["timestamps"], "ebpf", "the timestamp source with {}", promise.flags);
        for record in &records {
            let latency = &record["metrics"]["kernel_request_latency"];
            assert!(latency.is_object(), "the kernel observed it, with {}: {record}", promise.flags);
        }
    }
    assert!(server.log().len() >= 8, "the server responded to them");
    ended
}

/// The replies of every record, as received.
fn replies(ended: &Ended) -> Vec<String> {
    ended.lines("profile_export_raw.jsonl").iter().map(|record| record["responses"].to_string()).collect()
}

const LATENCY: &str = "request_latency";
const FIRST: &str = "time_to_first_token";
const GAP: &str = "inter_token_latency";
const LENGTH: &str = "output_sequence_length";
const INPUT: &str = "input_sequence_length";

/// An API that produces text: six tokens for sixteen.
fn check_text(flags: &str, path: &str) {
    let lengths = &[(LENGTH, 6), (INPUT, 16)];
    let flags = format!("{flags} --isl 16 --osl 6");
    let whole = Promise { flags: &flags, exact: lengths, present: &[LATENCY], absent: &[FIRST, GAP] };
    check(&whole, path, None);
    let flags = format!("{flags} --streaming");
    check(&Promise { flags: &flags, present: &[LATENCY, FIRST, GAP], absent: &[], ..whole }, path, None);
}

/// An API whose responses are not text.
fn check_other(flags: &str, rows: Option<&str>, expected: &str) -> Ended {
    let ended = check(&Promise { flags, exact: &[], present: &[LATENCY], absent: &[FIRST, GAP] }, "", rows);
    for reply in replies(&ended) {
        assert!(reply.contains(expected), "{expected} in {reply} with {flags}");
    }
    ended
}

#[test]
fn chat() {
    needs_programs!();
    check_text("--endpoint-type chat", "");
}

#[test]
fn completions() {
    needs_programs!();
    check_text("--endpoint-type completions", "");
}

#[test]
fn responses() {
    needs_programs!();
    check_text("--endpoint-type responses", "");
}

#[test]
fn messages() {
    needs_programs!();
    check_text("--endpoint-type messages", "");
}

#[test]
fn huggingface_generate() {
    needs_programs!();
    check_text("--endpoint-type huggingface_generate", "");
}

/// It accepts no length, and the server's default is four.
#[test]
fn solido_rag() {
    needs_programs!();
    let exact = &[(LENGTH, 4), (INPUT, 16)];
    let flags = "--endpoint-type solido_rag --isl 16";
    let whole = Promise { flags, exact, present: &[LATENCY], absent: &[FIRST] };
    check(&whole, "", None);
    let flags = "--endpoint-type solido_rag --isl 16 --streaming";
    check(&Promise { flags, present: &[FIRST, GAP], absent: &[], ..whole }, "", None);
}

#[test]
fn embeddings() {
    needs_programs!();
    for kind in ["embeddings", "chat_embeddings", "nim_embeddings"] {
        let flags = format!("--endpoint-type {kind} --isl 16");
        let ended = check_other(&flags, None, "embedding");
        for record in ended.records() {
            assert_eq!(record["metrics"][INPUT]["value"], 16, "{kind}: {record}");
        }
    }
    // Three inputs in one request have three embeddings.
    let ended = check_other("--endpoint-type embeddings --isl 16 --batch-size-text 3", None, "embedding");
    assert!(replies(&ended).iter().all(|reply| reply.contains(r#"\"index\":2"#)), "one for each input");
}

#[test]
fn rankings() {
    needs_programs!();
    for (kind, expected) in
        [("nim_rankings", "logit"), ("cohere_rankings", "relevance_score"), ("hf_tei_rankings", "score")]
    {
        let flags = format!(
            "--endpoint-type {kind} --rankings-passages-mean 3 --rankings-passages-prompt-token-mean 8 \
             --rankings-query-prompt-token-mean 4"
        );
        let ended = check_other(&flags, None, expected);
        assert!(replies(&ended).iter().all(|reply| reply.contains(r#"\"index\":2"#)), "each passage: {kind}");
    }
}

#[test]
fn images() {
    needs_programs!();
    check_other("--endpoint-type image_generation --isl 8", None, "b64_json");
    let streamed = "--endpoint-type image_generation --isl 8 --streaming";
    let ended =
        check(&Promise { flags: streamed, exact: &[], present: &[LATENCY], absent: &[GAP] }, "", None);
    assert!(replies(&ended).iter().all(|reply| reply.contains("image_generation.completed")), "the last one");
    let pictures = "--image-width-mean 16 --image-height-mean 16";
    check_other(&format!("--endpoint-type image_edit --isl 8 {pictures}"), None, "b64_json");
    check_other(&format!("--endpoint-type image_retrieval {pictures}"), None, "bounding_boxes");
}

#[test]
fn sounds() {
    needs_programs!();
    let flags = "--endpoint-type audio_transcription --audio-length-mean 0.2";
    check_other(flags, None, "tok");
}

#[test]
fn bodies_of_the_users_own() {
    needs_programs!();
    let row = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":6,"stream":STREAM}"#;
    let flags = "--endpoint-type raw --custom-dataset-type raw_payload";
    let whole = Promise { flags, exact: &[(LENGTH, 6)], present: &[LATENCY], absent: &[FIRST] };
    check(&whole, "/v1/chat/completions", Some(&row.replace("STREAM", "false")));
    let flags = "--endpoint-type raw --custom-dataset-type raw_payload --streaming";
    let streamed = Promise { flags, present: &[FIRST], absent: &[], ..whole };
    check(&streamed, "/v1/chat/completions", Some(&row.replace("STREAM", "true")));
    let template = r#"payload_template:{"prompt":{{text|tojson}},"model":{{model|tojson}},"max_tokens":{{max_tokens}},"stream":{{stream|tojson}}}"#;
    let flags = format!("--endpoint-type template --isl 16 --osl 6 --extra-inputs {template}");
    let whole = Promise { flags: &flags, exact: &[(LENGTH, 6)], present: &[LATENCY], absent: &[FIRST] };
    check(&whole, "/v1/completions", None);
    let flags = format!("{flags} --streaming");
    check(&Promise { flags: &flags, present: &[FIRST], absent: &[], ..whole }, "/v1/completions", None);
}

/// A job takes five milliseconds and is polled every two; its latency includes all of that.
#[test]
fn videos() {
    needs_programs!();
    let flags = "--endpoint-type video_generation --isl 8 --video-poll-interval 0.002";
    for (flags, requests) in [(flags.to_owned(), 2), (format!("{flags} --download-video-content"), 3)] {
        let ended = check_other(&flags, None, "inference_time_s");
        for record in ended.records() {
            let latency = record["metrics"][LATENCY]["value"].as_f64().unwrap();
            assert!(latency >= 5.0, "the whole job: {record}");
        }
        let sent = ended.json("run.json")["counters"]["requests_sent"].as_u64();
        assert_eq!(sent, Some(8), "a job is one request, however many polls it takes ({requests} at least)");
    }
}

/// A job's status is available on any connection.
#[test]
fn a_video_outlives_its_connection() {
    needs_programs!();
    for (fault, every) in [("connection-close", 1), ("hang-up", 1), ("hang-up", 3)] {
        let server = Server::start(&format!("--fault {fault} --fault-every {every}"));
        let flags = "--endpoint-type video_generation --request-count 12 --concurrency 3 --video-poll-interval 0.002 \
                     --download-video-content";
        let ended = Run::plain_profile(&server.url(), flags).end();
        ended.ended_with(0);
        let run = ended.json("run.json");
        assert_eq!(
            run["counters"]["requests_sent"], 12,
            "a job is one request, however many polls it takes: {fault}"
        );
        for record in ended.records() {
            assert_eq!(record.get("error"), None, "{fault}: {record}");
            let value = |tag: &str| record["metrics"][tag]["value"].as_f64();
            assert!(value(LATENCY) >= Some(5.0), "the whole job: {record}");
            if skip::lacks_probes().is_none() {
                let kernel = value("kernel_request_latency");
                assert!(
                    kernel >= Some(5.0) && kernel <= value(LATENCY),
                    "from its start to its end: {record}"
                );
            }
        }
        for place in ["unmatched_events", "unmatched_requests", "damaged"] {
            assert_eq!(run["loss"][place], json!({}), "nothing is lost with {fault}: {}", run["loss"]);
        }
        let served = server.log();
        let mut connections = std::collections::BTreeMap::<_, std::collections::BTreeSet<_>>::new();
        for one in &served {
            connections.entry(&one.request_id).or_default().insert(one.connection);
        }
        assert_eq!(connections.len(), 12, "every job");
        assert!(
            connections.values().any(|connections| connections.len() > 1),
            "polled on another connection: {fault}"
        );
    }
}

#[test]
fn a_video_whose_server_goes_away_is_an_error() {
    needs_programs!();
    let server = Server::start("--ttft-ms 60000 --fault hang-up");
    let flags = "--endpoint-type video_generation --request-count 2 --concurrency 2 --request-timeout-seconds 0.3 \
                 --video-poll-interval 0.01";
    let ended = Run::plain_profile(&server.url(), flags).end();
    ended.ended_with(1);
    for record in ended.records() {
        assert_eq!(record["error"]["type"], "timeout", "on whichever connection: {record}");
        let latency = record["metrics"]["request_latency"]["value"].as_f64();
        assert!(latency.is_none_or(|latency| latency < 5000.0), "no longer than it may take: {record}");
    }
}

#[test]
fn a_video_that_fails_is_an_error() {
    needs_programs!();
    let server = Server::start("--fault error-object");
    let flags = "--endpoint-type video_generation --request-count 6 --video-poll-interval 0.002";
    let ended = Run::plain_profile(&server.url(), flags).end();
    ended.ended_with(1);
    for record in ended.records() {
        assert_eq!(record["error"]["type"], "scripted", "{record}");
    }
}

#[test]
fn a_video_that_takes_too_long_is_given_up() {
    needs_programs!();
    let server = Server::start("--ttft-ms 60000");
    let flags =
        "--endpoint-type video_generation --request-count 2 --concurrency 2 --request-timeout-seconds 0.2";
    let ended = Run::plain_profile(&server.url(), flags).end();
    ended.ended_with(1);
    for record in ended.records() {
        assert_eq!(record["error"]["type"], "timeout", "{record}");
    }
}

/// A Unix socket carries no packets, so the client's clock is used, and the reason is reported.
#[test]
fn a_unix_socket() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let socket = folder.path().join("server.sock");
    let server = Server::start(&format!("--unix {}", socket.display()));
    let url = format!("unix://{}", socket.display());
    let ended = Run::profile(&url, "--request-count 8 --concurrency 2").end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 8, "every request");
    let run = ended.json("run.json");
    assert_eq!(run["timestamps"], "user", "the timestamp source");
    assert!(run["timestamps_reason"].to_string().contains("no packets"), "{}", run["timestamps_reason"]);
    assert!(ended.err.contains("no packets"), "the user is warned: {}", ended.err);
    assert_eq!(server.log().len(), 8, "the server responded to them");
    let named = Run::profile(&url, "--request-count 8 --timestamps ebpf").end();
    named.ended_with(2);
    assert!(named.err.contains("--timestamps ebpf is not available"), "{}", named.err);
    let unreachable = Run::profile("unix:///nowhere.sock", "--request-count 8").end();
    unreachable.ended_with(1);
    assert!(unreachable.err.contains("no server responds at unix:///nowhere.sock"), "{}", unreachable.err);
}
