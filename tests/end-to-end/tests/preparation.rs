//! Tests what happens before the load: preparation of datasets, readiness of the server.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::fs;

/// The prompts in inputs.json: the texts of each conversation's first request.
fn prompts(ended: &Ended) -> Vec<String> {
    ended.ended_with(0);
    let inputs = ended.json("inputs.json");
    let conversations = inputs["data"].as_array().unwrap().iter();
    let content = |messages: &Value| match &messages.as_array().unwrap().last().unwrap()["content"] {
        Value::String(text) => text.clone(),
        parts => parts[0]["text"].as_str().unwrap().to_owned(),
    };
    conversations.map(|conversation| content(&conversation["payloads"][0]["messages"])).collect()
}

#[test]
fn a_public_dataset_is_read_from_its_copy() {
    needs_programs!();
    let server = Server::start("");
    let profile = |flags: &str| {
        let mut run = Run::of("profile");
        let always = "--model mock-model --public-dataset spec_al_gsm8k --request-count 2 --ui none --artifact-dir artifacts";
        run.command.args(always.split(' ')).args(flags.split_whitespace()).args(["--url", &server.url()]);
        run.without_daemon()
    };
    let missing = profile("").end();
    missing.ended_with(2);
    assert!(missing.err.contains("openai/gsm8k"), "where to get it: {}", missing.err);
    let run = profile("--dataset-path copy --dataset-filter split=test");
    fs::create_dir(run.folder.path().join("copy")).unwrap();
    let rows = r#"{"question":"1+1?","split":"test"}{"question":"2+2?","split":"train"}{"question":"3+3?","split":"test"}"#;
    fs::write(run.folder.path().join("copy/part.json"), rows).unwrap();
    assert_eq!(prompts(&run.end()), ["1+1?", "3+3?"], "rows that pass the filter");
}

#[test]
fn sessions_and_models_are_distinguished_as_requested() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--request-count 4 --cache-bust first_turn_prefix --prompt-corpus coding \
                 --model-selection-strategy weighted --model-weights 1 --tokenizer builtin";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 4, "two conversations, four sessions");
}

#[test]
fn a_server_is_waited_for_and_prepared() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--request-count 2 --wait-for-model-timeout 5 --wait-for-model-interval 0.1 --wait-for-model-mode both \
                 --reset-kv-cache --server-profiler";
    let ready = Run::profile(&server.url(), flags).end();
    ready.ended_with(0);
    let expected = "Model 'mock-model' ready; Inference probe ready at http://";
    assert!(ready.err.contains(expected) && ready.err.contains("attempt 1"), "{}", ready.err);
    let check = |url: &str, flags: &str, expected: &str| {
        let ended = Run::profile(url, &format!("--request-count 2 {flags}")).end();
        ended.ended_with(1);
        assert!(ended.err.contains(expected), "{flags}: {}", ended.err);
    };
    let wait = "--wait-for-model-timeout 0.3 --wait-for-model-interval 0.1";
    check("http://127.0.0.1:9", wait, "was not ready at http://127.0.0.1:9 within 0.3 s");
    check(
        &server.url(),
        &format!("{wait} --wait-for-model-mode models --model other"),
        "Model 'other' not yet in /v1/models",
    );
    let busy = Server::start("--fault status:503");
    check(
        &busy.url(),
        &format!("{wait} --wait-for-model-mode inference"),
        "the inference probe returned 503",
    );
    check(&server.url(), "--reset-kv-cache --reset-kv-cache-path /nowhere", "status 404");
    check(&server.url(), "--server-profiler --server-profiler-start-path /nowhere", "did not start");
}
