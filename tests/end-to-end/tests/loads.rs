//! Tests the supported kinds of load, prompts and endpoints, each once.

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::fs;
use std::thread::available_parallelism;

/// Every request of the run succeeded, and this is their number.
fn check(ended: &Ended, requests: usize) -> Vec<Value> {
    ended.ended_with(0);
    let records = ended.records();
    assert_eq!(records.len(), requests, "requests");
    for record in &records {
        assert_eq!(record.get("error"), None, "{record}");
    }
    records
}

fn metric(record: &Value, tag: &str) -> Option<Value> {
    Some(record["metrics"].get(tag)?["value"].clone())
}

#[test]
fn chat_without_streaming() {
    needs_programs!();
    let server = Server::start("");
    let ended = Run::plain_profile(&server.url(), "--request-count 4 --osl 6").end();
    for record in check(&ended, 4) {
        assert_eq!(metric(&record, "output_sequence_length"), Some(6.into()), "{record}");
        assert_eq!(metric(&record, "time_to_first_token"), None, "a whole body has no first token: {record}");
        assert!(metric(&record, "request_latency").is_some(), "{record}");
    }
    assert!(
        server.log().iter().all(|served| served.written.iter().all(|event| event.kind != "token")),
        "no stream"
    );
}

#[test]
fn completions_with_and_without_streaming() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--endpoint-type completions --request-count 4 --osl 6";
    for (streaming, run) in
        [(true, Run::profile(&server.url(), flags)), (false, Run::plain_profile(&server.url(), flags))]
    {
        for record in check(&run.end(), 4) {
            assert_eq!(metric(&record, "output_sequence_length"), Some(6.into()), "{record}");
            assert_eq!(metric(&record, "time_to_first_token").is_some(), streaming, "{record}");
        }
    }
}

#[test]
fn reasoning_is_distinguished() {
    needs_programs!();
    let server = Server::start("--reasoning-tokens 3");
    let ended = Run::profile(&server.url(), "--request-count 2 --osl 8").end();
    for record in check(&ended, 2) {
        assert_eq!(metric(&record, "reasoning_token_count"), Some(3.into()), "{record}");
        assert_eq!(metric(&record, "output_token_count"), Some(5.into()), "{record}");
        // One read may contain several events, which then share the client's timestamp; the kernel's differ.
        let times = ["kernel_time_to_first_token", "kernel_time_to_first_output_token"];
        if let [Some(first), Some(answer)] = times.map(|tag| metric(&record, tag)) {
            assert!(first.as_f64() < answer.as_f64(), "reasoning comes first: {record}");
        }
    }
}

#[test]
fn prompts_of_a_file() {
    needs_programs!();
    let server = Server::start("");
    let mut run = Run::of("profile");
    let rows = "{\"text\":\"one two three\",\"output_length\":2}\n{\"text\":\"four\",\"output_length\":5}\n";
    fs::write(run.folder.path().join("prompts.jsonl"), rows).unwrap();
    let flags = "--model mock-model --streaming --request-count 4 --ui none --artifact-dir artifacts";
    run.command.args(flags.split(' ')).args(["--input-file", "prompts.jsonl", "--url", &server.url()]);
    let ended = run.without_daemon().end();
    let mut lengths = check(&ended, 4)
        .iter()
        .map(|record| metric(record, "output_sequence_length").unwrap())
        .collect::<Vec<_>>();
    lengths.sort_by_key(Value::as_u64);
    assert_eq!(lengths, [2, 2, 5, 5], "the rows are sent in turn");
    let inputs = ended.json("inputs.json").to_string();
    assert!(inputs.contains("one two three") && inputs.contains("four"), "{inputs}");
}

#[test]
fn tokenizers() {
    needs_programs!();
    let server = Server::start("");
    let none = Run::profile(&server.url(), "--request-count 2 --osl 6 --tokenizer none").end();
    for record in check(&none, 2) {
        assert_eq!(metric(&record, "output_sequence_length"), Some(6.into()), "the server's count: {record}");
    }
    let builtin = Run::profile(&server.url(), "--request-count 2 --tokenizer builtin").end();
    for record in check(&builtin, 2) {
        assert_eq!(metric(&record, "input_sequence_length"), Some(16.into()), "as requested: {record}");
    }
}

/// A tokenizer of single letters: counts by it differ from those of the built-in one.
#[test]
fn a_tokenizer_of_the_user() {
    needs_programs!();
    let server = Server::start("");
    let mut run = Run::of("profile");
    fs::create_dir(run.folder.path().join("letters")).unwrap();
    fs::write(run.folder.path().join("letters/tokenizer.json"), LETTERS).unwrap();
    fs::write(run.folder.path().join("prompts.jsonl"), "{\"text\":\"abcabcabc\"}\n").unwrap();
    let flags = "--model mock-model --streaming --request-count 2 --ui none --artifact-dir artifacts";
    run.command.args(flags.split(' ')).args([
        "--tokenizer",
        "letters",
        "--input-file",
        "prompts.jsonl",
        "--url",
        &server.url(),
    ]);
    for record in check(&run.without_daemon().end(), 2) {
        assert_eq!(metric(&record, "input_sequence_length"), Some(9.into()), "nine letters: {record}");
    }
}

/// The letter tokenizer with a template of eight letters around each message.
#[test]
fn a_chat_template_counts() {
    needs_programs!();
    let server = Server::start("");
    let run = |flags: &str| {
        let mut run = Run::of("profile");
        let folder = run.folder.path().join("letters");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("tokenizer.json"), LETTERS).unwrap();
        let template = "{% for m in messages %}abca{{ m.content.strip() }}cccc{% endfor %}";
        fs::write(folder.join("chat_template.jinja"), template).unwrap();
        let common = "--model mock-model --streaming --request-count 2 --ui none --artifact-dir artifacts \
                      --apply-chat-template --tokenizer";
        run.command.args(common.split_whitespace()).args(["letters", "--url", &server.url()]);
        fs::write(run.folder.path().join("prompts.jsonl"), "{\"text\":\"abcabcabc\"}\n").unwrap();
        run.command.args(flags.split_whitespace());
        run.without_daemon().end()
    };
    for record in check(&run("--input-file prompts.jsonl"), 2) {
        assert_eq!(
            metric(&record, "input_sequence_length"),
            Some(17.into()),
            "including the template: {record}"
        );
    }
    let flags = "--request-count 2 --apply-chat-template --tokenizer builtin";
    let refused = Run::profile(&server.url(), flags).end();
    refused.ended_with(2);
    assert!(refused.err.contains("--apply-chat-template needs --tokenizer"), "{}", refused.err);
}

/// Images from the user's own directory, resized; an image shown earlier in the conversation is sent by its uuid.
#[test]
fn images_of_a_directory() {
    needs_programs!();
    let server = Server::start("");
    let mut run = Run::of("profile");
    fs::create_dir(run.folder.path().join("pictures")).unwrap();
    fs::write(run.folder.path().join("pictures/dot.png"), DOT).unwrap();
    fs::write(run.folder.path().join("pictures/notes.txt"), "no picture").unwrap();
    let flags = "--model mock-model --streaming --request-count 4 --ui none --artifact-dir artifacts --isl 8 \
                 --num-dataset-entries 2 --image-source pictures --image-width-mean 6 --image-height-mean 3 --url";
    run.command.args(flags.split_whitespace()).arg(server.url());
    check(&run.without_daemon().end(), 4);
    let mut run = Run::of("profile");
    let row = r#"{"session_id":"s","text":"look","image":"http://h/i.png","image_uuids":["a"]}"#;
    fs::write(run.folder.path().join("rows.jsonl"), format!("{row}\n{row}\n")).unwrap();
    let flags = "--model mock-model --streaming --ui none --artifact-dir artifacts --input-file rows.jsonl \
                 --custom-dataset-type single_turn --uuid-and-strip --url";
    run.command.args(flags.split_whitespace()).arg(server.url());
    let ended = run.without_daemon().end();
    check(&ended, 2);
    let inputs = ended.json("inputs.json");
    let image = |turn: usize| &inputs["data"][0]["payloads"][turn]["messages"][0]["content"][1];
    assert_eq!(image(0)["image_url"]["url"], "http://h/i.png", "at first it is sent: {inputs}");
    assert_eq!(
        (&image(1)["image_url"], &image(1)["uuid"]),
        (&Value::Null, &"a".into()),
        "then by its uuid: {inputs}"
    );
}

#[test]
fn open_loops() {
    needs_programs!();
    let server = Server::start("--tokens 8 --gap-ms 5");
    for pattern in ["constant", "poisson"] {
        let flags =
            format!("--request-rate 100 --arrival-pattern {pattern} --request-count 30 --concurrency 3");
        let ended = Run::profile(&server.url(), &flags).end();
        check(&ended, 30);
        let connections = &ended.json("run.json")["counters"]["connections_opened"];
        assert!(connections.as_u64() <= Some(3), "no more than three at once: {connections}");
    }
    let flags = "--request-rate 100 --arrival-pattern constant --benchmark-duration 0.5";
    let ended = Run::profile(&server.url(), flags).end();
    check(&ended, 50);
}

#[test]
fn two_workers_share_the_load() {
    needs_programs!();
    if available_parallelism().map_or(1, usize::from) < 2 {
        return kernel_tests::skip::skip("two workers need two cores");
    }
    let server = Server::start("");
    let ended = Run::profile(&server.url(), "--workers 2 --concurrency 4 --request-count 21").end();
    let records = check(&ended, 21);
    let by_worker =
        |name: &str| records.iter().filter(|record| record["metadata"]["worker_id"] == name).count();
    assert_eq!((by_worker("worker_0"), by_worker("worker_1")), (11, 10), "each sent its share");
    let mut ids =
        records.iter().map(|record| record["metadata"]["x_request_id"].to_string()).collect::<Vec<_>>();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 21, "no request is sent twice");
}

#[test]
fn several_servers_are_used_in_turn() {
    needs_programs!();
    let servers = [Server::start(""), Server::start("")];
    let urls = format!("{},{}", servers[0].url(), servers[1].url());
    check(&Run::profile(&urls, "--concurrency 4 --request-count 20").end(), 20);
    for server in &servers {
        assert_eq!(server.log().len(), 10, "each has its half");
    }
}

#[test]
fn a_server_on_ipv6() {
    needs_programs!();
    let server = Server::start("--host ::1");
    check(&Run::profile(&server.url(), "--request-count 4").end(), 4);
}

/// A PNG of one pixel.
const DOT: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xdf\xe0\x00\x00\x04A\x01\xc0\x0c\xd1\xed\x91\x00\x00\x00\x00IEND\xaeB`\x82";

/// Every other character is an unknown token.
const LETTERS: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
    "pre_tokenizer":null,"post_processor":null,"decoder":null,
    "model":{"type":"BPE","dropout":null,"unk_token":"?","continuing_subword_prefix":null,"end_of_word_suffix":null,
    "fuse_unk":false,"byte_fallback":false,"vocab":{"?":0,"a":1,"b":2,"c":3},"merges":[]}}"#;
