//! Tests user errors: one clear message, the right exit status, and no partial files.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::Run;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::fs;

/// The command ends with this status and one error message that contains this text; it leaves no file.
fn check(run: Run, status: i32, text: &str) {
    let ended = run.end();
    ended.ended_with(status);
    assert_eq!(ended.out, "", "nothing else is printed");
    let errors = ended.err.lines().filter(|line| line.contains(text)).collect::<Vec<_>>();
    assert_eq!(errors.len(), 1, "one message with `{text}`: {}", ended.err);
    assert!(errors[0].starts_with("error:"), "it is labeled as an error: {}", ended.err);
    let files = ended.left_behind().into_iter().filter(|name| !name.starts_with("given")).collect::<Vec<_>>();
    assert_eq!(files, [""; 0], "nothing is left behind");
}

/// A profile with a dataset of these bytes.
fn with_dataset(url: &str, bytes: &[u8]) -> Run {
    let mut run = Run::of("profile");
    fs::write(run.folder.path().join("given.jsonl"), bytes).unwrap();
    let flags = "--model mock-model --ui none --artifact-dir artifacts --input-file given.jsonl";
    run.command.args(flags.split(' ')).args(["--url", url]);
    run.without_daemon()
}

#[test]
fn wrong_flags() {
    needs_programs!();
    let url = "http://127.0.0.1:1";
    check(Run::profile(url, "--no-such-flag"), 2, "unexpected argument '--no-such-flag'");
    check(Run::profile(url, "--concurrency 0"), 2, "--concurrency");
    check(Run::profile(url, "--arrival-smoothness 2"), 2, "needs --request-rate");
    check(Run::profile(url, "--goodput ttft:200"), 2, "did you mean time_to_first_token:200?");
    check(Run::profile(url, "--benchmark-grace-period 3"), 2, "--benchmark-grace-period needs");
    check(Run::profile(url, "--input-file x.jsonl"), 2, "contradicts --input-file");
    check(Run::profile("ftp://127.0.0.1:1", ""), 2, "none of http, https and unix");
}

#[test]
fn wrong_datasets() {
    needs_programs!();
    let server = Server::start("");
    let url = server.url();
    check(with_dataset(&url, b"{\"text\":\"a\"}\n{\"text\":\n"), 2, "line 2");
    check(with_dataset(&url, b"{\"text\":\"a\"}\n\n{\"text\":\"\"}\n"), 2, "line 3");
    check(with_dataset(&url, b"{\"text\":\"a\"}\n\xff\xfe\n"), 2, "line 2");
    check(with_dataset(&url, b""), 2, "no rows");
    let mut missing = with_dataset(&url, b"");
    fs::remove_file(missing.folder.path().join("given.jsonl")).unwrap();
    missing.command.arg("--use-server-token-count");
    check(missing, 2, "failed to read `given.jsonl`");
}

#[test]
fn wrong_tokenizers() {
    needs_programs!();
    let server = Server::start("");
    check(Run::profile(&server.url(), "--tokenizer nowhere"), 2, "failed to read `nowhere/tokenizer.json`");
    check(Run::profile(&server.url(), "--tokenizer no/where"), 2, "`hf download no/where ");
    let run = Run::profile(&server.url(), "--tokenizer given");
    fs::create_dir(run.folder.path().join("given")).unwrap();
    fs::write(run.folder.path().join("given/tokenizer.json"), "{}").unwrap();
    check(run, 2, "tokenizer `given`");
}

#[test]
fn unreachable_servers() {
    needs_programs!();
    check(Run::profile("http://127.0.0.1:1", ""), 1, "no server responds at http://127.0.0.1:1");
    check(Run::profile("https://127.0.0.1:1", ""), 1, "no server responds at https://127.0.0.1:1");
    check(Run::profile("http://no-such-host.invalid:80", ""), 1, "failed to resolve");
}

#[test]
fn missing_cores() {
    needs_programs!();
    let server = Server::start("");
    check(Run::profile(&server.url(), "--cpus 4000"), 2, "core 4000 of --cpus");
    let ended = Run::profile(&server.url(), "--workers-max 250 --concurrency 250 --request-count 4").end();
    ended.ended_with(0);
    assert!(
        ended.err.contains("--workers 250: this host has"),
        "limited to the number of cores: {}",
        ended.err
    );
}

#[test]
fn reports_of_directories_without_a_run() {
    needs_programs!();
    let mut run = Run::of("report");
    run.command.arg(".");
    check(run.without_daemon(), 2, "contains no run");
    let mut run = Run::of("report");
    run.command.arg("0123456789ab");
    check(run.without_daemon(), 1, "neither a directory nor a run");
}

/// Prints the plan with every default, and creates not even a directory: no server is needed.
#[test]
fn a_dry_run_touches_nothing() {
    needs_programs!();
    let flags = "--dry-run --api-key hush --concurrency 3 --use-server-token-count";
    let ended = Run::profile("http://no-such-host.invalid:80", flags).end();
    ended.ended_with(0);
    let plan: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(plan["load"]["phases"][0]["request_count"], 10, "a default is filled in: {plan}");
    assert_eq!(plan["timestamps"], "auto", "a default is filled in: {plan}");
    assert!(!ended.out.contains("hush"), "the key stays secret: {plan}");
    assert_eq!(ended.left_behind(), [""; 0], "nothing is written");
    assert_eq!(ended.err, "", "nothing else is printed");
}

/// What a run refuses before it contacts the server, a dry run refuses too, and no server is needed.
#[test]
fn a_dry_run_finds_what_a_run_would() {
    needs_programs!();
    let dry = |flags: &str| Run::profile("http://no-such-host.invalid:80", &format!("--dry-run {flags}"));
    check(dry("--tokenizer nowhere"), 2, "failed to read `nowhere/tokenizer.json`");
    check(dry("--ca-certificate nowhere.pem"), 2, "failed to read `nowhere.pem`");
    check(dry("--request-rate-series nowhere.json"), 2, "failed to read `nowhere.json`");
    check(dry("--system-prompt-file nowhere.txt"), 2, "failed to read `nowhere.txt`");
    check(dry("--image-source nowhere"), 2, "failed to read `nowhere`");
    check(dry("--stream metrics"), 2, "--stream needs --otel-url");
    check(dry("--otel-resource-attributes a=1"), 2, "needs --otel-url");
    check(dry("--otel-url ftp://a"), 2, "--otel-url: failed to use");
    check(dry("--otel-url a --otel-resource-attributes a"), 2, "`a` is not key=value");
    check(dry("--mlflow-tag a:b"), 2, "--mlflow-tag needs --mlflow-tracking-uri");
    check(dry("--mlflow-tracking-uri http://a --mlflow-tag a"), 2, "`a` is not key:value");
    check(dry("--mlflow-tracking-uri file:///tmp/x"), 2, "mlflow server --backend-store-uri");
    let mut missing = Run::of("profile");
    let flags = "--model m --url http://no-such-host.invalid --dry-run --input-file";
    missing.command.args(flags.split(' ')).arg("nowhere.jsonl");
    check(missing, 2, "failed to read `nowhere.jsonl`");
}
