//! Tests what a server receives for foreign files: the right turns, whole bodies unchanged, no more of a trace than its window.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::{Value, json};
use std::fs;

/// A profile with a file; the request bodies in the order of their arrival.
fn sent(rows: &str, flags: &str) -> (Ended, Vec<String>) {
    let server = Server::start("--log-bodies");
    let mut run = Run::of("profile");
    fs::write(run.folder.path().join("rows.json"), rows).unwrap();
    let common = "--model mock-model --ui none --artifact-dir artifacts --random-seed 1 --concurrency 1 --tokenizer builtin";
    run.command.args(common.split(' ')).args(["--url", &server.url()]).args(flags.split_whitespace());
    let ended = run.without_daemon().end();
    ended.ended_with(0);
    let mut log = server.log();
    log.sort_by_key(|served| served.read_ns);
    (ended, log.into_iter().map(|served| served.body.unwrap()).collect())
}

/// The roles and texts of a body's messages.
fn messages(body: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(body).unwrap();
    let described = |message: &Value| {
        let content = &message["content"];
        let text = content.as_str().or_else(|| content[0]["text"].as_str()).unwrap_or_default();
        format!("{}: {}", message["role"].as_str().unwrap(), text.split(' ').next().unwrap())
    };
    body["messages"].as_array().unwrap().iter().map(described).collect()
}

#[test]
fn each_question_with_its_response_is_a_turn() {
    needs_programs!();
    let message = |from: &str, name: &str| json!({"from": from, "value": format!("{name} and enough words to be counted")});
    let rows = json!([
        {"conversations": [message("human", "h1"), message("gpt", "g1"), message("human", "h2"), message("gpt", "g2")]},
        {"conversations": [message("gpt", "before"), message("human", "h3"), message("gpt", "g3"), message("human", "last")]},
    ]);
    let (_, bodies) = sent(&rows.to_string(), "--public-dataset sharegpt --dataset-path rows.json");
    let prompts = bodies.iter().map(|body| messages(body).pop().unwrap()).collect::<Vec<_>>();
    assert_eq!(prompts, ["user: h1", "user: h2", "user: h3"], "human messages, and none of a model");
    assert_eq!(messages(&bodies[1]).len(), 3, "the second turn includes the first: {}", bodies[1]);
}

#[test]
fn a_leading_system_turn_is_not_a_request() {
    needs_programs!();
    let rows = r#"{"turns":[{"role":"system","text":"brief"},{"text":"one"},{"text":"two"}]}"#;
    let flags = "--input-file rows.json --custom-dataset-type multi_turn";
    let (_, bodies) = sent(rows, flags);
    assert_eq!(bodies.len(), 2, "a request for each question");
    assert_eq!(messages(&bodies[0]), ["system: brief", "user: one"], "with its prompt");
    assert_eq!(messages(&bodies[1])[0], "system: brief", "and the same later");
    let (_, bodies) = sent(rows, &format!("{flags} --endpoint-type responses"));
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!((&body["instructions"], bodies.len()), (&json!("brief"), 2), "where that API has it");
    let (_, bodies) = sent(rows, &format!("{flags} --endpoint-type messages"));
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!((&body["system"], bodies.len()), (&json!("brief"), 2), "where that API has it");
}

#[test]
fn whole_bodies_are_sent_unchanged() {
    needs_programs!();
    let body = r#"{"model": "m",  "messages": [{"role":"user","content":"hi"}], "n":1}"#;
    let (ended, bodies) =
        sent(&format!("{body}\n"), "--input-file rows.json --custom-dataset-type raw_payload");
    assert_eq!(bodies, [body], "to the chat endpoint");
    let inputs = ended.json("inputs.json");
    assert_eq!(inputs["data"][0]["payloads"][0]["n"], 1, "and stored unchanged: {inputs}");
    let rows = json!({"data": [{"session_id": "s", "payloads": [{"model": "m", "messages": [{"role": "user", "content": "a"}]}]}]});
    let (_, bodies) = sent(&rows.to_string(), "--input-file rows.json --custom-dataset-type inputs_json");
    assert_eq!(messages(&bodies[0]), ["user: a"], "also those of inputs.json");
}

#[test]
fn only_the_window_of_a_trace_is_sent() {
    needs_programs!();
    let rows =
        (0..40).map(|row| format!(r#"{{"timestamp":{},"input_length":5,"output_length":1}}"#, row * 10));
    let rows = rows.collect::<Vec<_>>().join("\n");
    let flags = "--input-file rows.json --custom-dataset-type mooncake_trace --fixed-schedule --fixed-schedule-end-offset 45";
    let (ended, bodies) = sent(&rows, flags);
    let written = ended.json("inputs.json")["data"].as_array().unwrap().len();
    assert_eq!((bodies.len(), written), (5, 5), "sent, and stored");
}

#[test]
fn a_pool_gives_the_requested_number_of_each_kind() {
    needs_programs!();
    let picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let rows =
        format!("{{\"text\":\"t0\",\"image\":\"{picture}\"}}\n{{\"text\":\"t1\",\"image\":\"{picture}\"}}\n");
    let parts = |flags: &str| {
        let flags =
            format!("--input-file rows.json --custom-dataset-type random_pool --num-sessions 3 {flags}");
        let (_, bodies) = sent(&rows, &flags);
        assert_eq!(bodies.len(), 3, "{flags}");
        let body: Value = serde_json::from_str(&bodies[0]).unwrap();
        let kinds = body["messages"][0]["content"].as_array().unwrap().iter();
        let kinds = kinds.map(|part| part["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let of = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
        (of("text"), of("image_url"))
    };
    assert_eq!(parts(""), (1, 1), "one row each");
    assert_eq!(parts("--prompt-batch-size 3 --image-batch-size 2"), (3, 2), "drawn one by one");
    assert_eq!(parts("--prompt-batch-size 2 --image-batch-size 0"), (2, 0), "without images");
}
