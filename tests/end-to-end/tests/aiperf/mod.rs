//! Tests our artifacts and command lines with AIPerf itself: its models read the files, and its parser accepts and refuses the
//! same flags.
//!
//! AIPerf is large: these tests run where `AIPERFD_CLIENTS` names a virtual environment that has it, which `cargo xtask
//! test-clients` creates.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Python with AIPerf, if there is one.
fn python() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("AIPERFD_CLIENTS").map(PathBuf::from) else {
        writeln!(std::io::stderr(), "skipped: `cargo xtask test-clients` runs this test with AIPerf").ok();
        return None;
    };
    let path = folder.join("bin/python");
    assert!(path.is_file(), "`{}` does not exist", path.display());
    Some(path)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aiperf").join(name)
}

#[test]
fn aiperfs_models_read_our_artifacts() {
    needs_programs!();
    let Some(python) = python() else { return };
    let runs = RUNS.iter().map(|(server, flags)| artifacts(server, flags)).collect::<Vec<_>>();
    let directories = runs.iter().map(Ended::artifacts);
    let read = Command::new(python).arg(script("models.py")).args(directories).output().unwrap();
    let (refused, words) = (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
    assert!(read.status.success(), "{words}");
    let flags = RUNS
        .iter()
        .zip(&runs)
        .map(|((_, flags), ended)| format!("{}: {flags}\n", ended.artifacts().display()));
    assert!(refused.is_empty(), "{}{refused}", flags.collect::<String>());
}

/// A run of few requests with all of its files.
fn artifacts(server: &str, flags: &str) -> Ended {
    let server = Server::start(server);
    let mut run = Run::of("profile");
    let rows = [
        r#"{"session_id":"one","turns":[{"text":"a"},{"text":"b","delay":1}]}"#,
        r#"{"session_id":"two","turns":[{"text":"c"}]}"#,
    ];
    fs::write(run.folder.path().join("turns.jsonl"), rows.join("\n")).unwrap();
    let dag = [
        r#"{"session_id":"root","turns":[{"messages":[{"role":"user","content":"a"}],"forks":["child"]}]}"#,
        r#"{"session_id":"child","turns":[{"messages":[{"role":"user","content":"b"}]}]}"#,
    ];
    fs::write(run.folder.path().join("dag.jsonl"), dag.join("\n")).unwrap();
    let image = r#"{"image":"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="}"#;
    fs::write(run.folder.path().join("image.jsonl"), image).unwrap();
    let trace = r#"{"timestamp":0,"input_length":20,"output_length":2,"hash_ids":[1]}"#;
    fs::write(run.folder.path().join("trace.jsonl"), trace).unwrap();
    let common = "--model mock-model --ui none --artifact-dir artifacts --export-level raw";
    if !flags.contains("image_retrieval") {
        run.command.args(["--tokenizer", "builtin"]);
    }
    run.command.args(common.split(' ')).args(["--url", &server.url()]).args(flags.split_whitespace());
    let ended = run.without_daemon().end();
    assert!(ended.artifacts().join("run.json").is_file(), "{flags}: {}", ended.err);
    ended
}

/// Flags of a server and of a profile.
const RUNS: &[(&str, &str)] = &[
    ("", "--streaming --isl 8 --request-count 4 --concurrency 2 --export-outputs-json --slice-duration 1"),
    ("", "--isl 8 --request-count 4 --export-http-trace"),
    ("", "--streaming --isl 8 --request-count 4 --warmup-request-count 2 --use-server-token-count"),
    ("", "--endpoint-type embeddings --isl 8 --request-count 2"),
    ("", "--endpoint-type completions --streaming --isl 8 --request-count 2 --goodput request_latency:1000"),
    ("", "--input-file turns.jsonl --custom-dataset-type multi_turn --streaming"),
    ("", "--input-file turns.jsonl --streaming --benchmark-duration 1"),
    ("", "--input-file dag.jsonl --custom-dataset-type dag_jsonl --streaming"),
    (
        "",
        "--endpoint-type template --isl 8 --request-count 2 --extra-inputs payload_template:{\"messages\":[],\"model\":{{model|tojson}}} --custom-endpoint /v1/chat/completions",
    ),
    ("", "--endpoint-type image_generation --isl 8 --request-count 2"),
    ("", "--endpoint-type video_generation --isl 8 --request-count 2 --video-poll-interval 0.1"),
    (
        "",
        "--request-rate 50 --isl 8 --num-users 2 --streaming --request-count 4 --osl 4 --session-turns-mean 2",
    ),
    ("", "--user-centric-rate 20 --num-users 3 --session-turns-mean 2 --isl 8 --streaming --request-count 6"),
    ("", "--input-file trace.jsonl --custom-dataset-type mooncake_trace --fixed-schedule --streaming"),
    ("--fault status --fault-every 2", "--isl 8 --request-count 4"),
    ("--fault status", "--isl 8 --request-count 2"),
    ("", "--input-file image.jsonl --custom-dataset-type single_turn --endpoint-type image_retrieval"),
    (
        "",
        "--streaming --isl 8 --request-count 8 --request-cancellation-rate 100 --request-cancellation-delay 0",
    ),
];

#[test]
fn aiperf_accepts_and_refuses_the_same_flags() {
    needs_programs!();
    let Some(python) = python() else { return };
    let theirs = verdicts(&python);
    let mut different = String::new();
    for (flags, theirs) in FLAGS.iter().zip(&theirs) {
        let kept = KEPT.iter().any(|(kept, _)| kept == flags);
        let mut run = Run::of("profile");
        run.command.arg("--dry-run").args(BASE).args(flags.split_whitespace());
        let ended = run.without_daemon().end();
        let ours = ended.status == Some(0);
        let why = theirs["why"].as_str().unwrap_or_default();
        if (theirs["taken"] == json!(ours)) == kept {
            writeln!(different, "{flags}\n  ours: {ours} {}\n  theirs: {theirs} {why}", ended.err.trim())
                .unwrap();
        }
    }
    assert!(
        different.is_empty(),
        "different outcomes, or equal ones where a difference is listed:\n{different}"
    );
    let known = |flags: &str| FLAGS.contains(&flags);
    assert!(KEPT.iter().all(|(flags, _)| known(flags)), "each listed difference is tested");
}

/// AIPerf's outcome for each of the command lines.
fn verdicts(python: &Path) -> Vec<Value> {
    let mut parser = Command::new(python)
        .arg(script("arguments.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = FLAGS.iter().map(|flags| {
        let words = BASE.iter().copied().chain(flags.split_whitespace()).collect::<Vec<_>>();
        format!("{}\n", json!(words))
    });
    let lines = lines.collect::<String>();
    parser.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    let verdicts = String::from_utf8(output.stdout).unwrap();
    let verdicts = verdicts.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>();
    assert_eq!(verdicts.len(), FLAGS.len(), "one of each");
    verdicts
}

/// Flags of every command line.
const BASE: [&str; 6] = ["--model", "m", "--url", "127.0.0.1:1", "--tokenizer", "builtin"];

/// Command lines that are treated differently, and why.
const KEPT: &[(&str, &str)] = &[
    ("--isl 0", "a prompt has at least one token"),
    ("--osl 0", "a response has at least one token"),
    ("--concurrency 100_000", "above the load generator's limit"),
    ("--mlflow-tracking-uri file:///tmp/x", "runs are logged to a server"),
    ("--mlflow-tracking-uri http://a --mlflow-tag a:1", "one tag is enough"),
    ("--header A:1 B:2", "values are text"),
    ("--header A:1,B:2", "the same"),
    ("--request-content-type application/json --endpoint-type video_generation", "some servers accept JSON"),
    ("--uuid-and-strip", "it needs rows"),
    ("--goodput time_to_first_token:100", "no request would meet it: it is measured for streams only"),
    ("--goodput ttft:100", "unknown metric"),
    ("--fixed-schedule", "it needs timestamps"),
    ("--isl-block-size 16", "it needs a trace"),
    ("--image-source assets", "no images are bundled"),
    ("--video-width 64", "without a height there is no video"),
    ("--cache-bust system_prefix --endpoint-type embeddings", "embeddings have no system prompt"),
    ("--custom-endpoint x", "a leading slash is added"),
    ("--convergence-metric nonsense --num-profile-runs 3", "unknown metric"),
    ("--api-port 9000", "not supported"),
    ("--tokenizer-trust-remote-code", "not supported"),
    ("--ramp-strategy linear", "not a flag of AIPerf"),
    ("--public-dataset sharegpt", "nothing is downloaded"),
    ("--public-dataset ShareGPT", "the same"),
];

/// The command lines.
const FLAGS: &[&str] = &[
    "-b 0",
    "-b 1",
    "-b -1",
    "--image-batch-size 0",
    "--image-batch-size 2",
    "--image-batch-size 2 --image-width-mean 10",
    "--image-width-mean 10",
    "--isl 1.5",
    "--isl 0",
    "--isl 100_000",
    "--osl 1.5",
    "--osl 0",
    "--isl-stddev -1",
    "--isl-stddev 1.5",
    "--system-prompt x --endpoint-type embeddings",
    "--system-prompt x --endpoint-type completions",
    "--system-prompt x --endpoint-type responses",
    "--video-audio-sample-rate 7",
    "--video-audio-sample-rate 8",
    "--video-audio-sample-rate 44100",
    "--audio-sample-rates 7",
    "--audio-sample-rates 16000",
    "--audio-sample-rates 8 16",
    "--audio-depths 8 16",
    "--audio-depths 9",
    "--concurrency 0",
    "--concurrency 1e3",
    "--concurrency 100_000",
    "--request-count 100_000",
    "--request-count 1e3",
    "--request-rate 0",
    "--request-rate -1",
    "--benchmark-duration 10s",
    "--benchmark-duration 0",
    "--benchmark-duration 10 --benchmark-grace-period inf",
    "--profile-run-cooldown-seconds -1",
    "--profile-run-cooldown-seconds -1 --num-profile-runs 2",
    "--num-profile-runs 11",
    "--num-profile-runs 0",
    "--arrival-pattern concurrency_burst",
    "--arrival-pattern Poisson --request-rate 4",
    "--arrival-pattern concurrency-burst --request-rate 5",
    "--endpoint-type HuggingFace-Generate",
    "--endpoint-type huggingface_generate",
    "--workers-max 8",
    "--workers-max 0",
    "--extra-verbose",
    "-v",
    "-vv",
    "--log-level debug",
    "--log-level INFO",
    "--log-level bogus",
    "--ui dashboard",
    "--ui Simple",
    "--mlflow-tracking-uri file:///tmp/x",
    "--mlflow-tracking-uri http://a --mlflow-tag a:1 b:2",
    "--mlflow-tracking-uri http://a --mlflow-tag a:1",
    "--mlflow-tracking-uri http://a --mlflow-tag a 1",
    "--extra-inputs a:1 b:2",
    "--extra-inputs a:1,b:2",
    "--extra-inputs {a:1}",
    "--header A:1 B:2",
    "--header A:1,B:2",
    "--wait-for-model-mode models",
    "--wait-for-model-interval 2",
    "--wait-for-model-timeout 3 --wait-for-model-mode models",
    "--reset-kv-cache-path /x",
    "--reset-kv-cache-timeout-seconds 3",
    "--server-profiler-start-path /x",
    "--request-content-type multipart/form-data",
    "--request-content-type application/json --endpoint-type image_edit",
    "--request-content-type application/json --endpoint-type video_generation",
    "--request-content-type multipart/form-data --endpoint-type embeddings",
    "--per-chunk-usage --use-server-token-count",
    "--per-chunk-usage --use-server-token-count --streaming",
    "--per-chunk-usage --use-server-token-count --streaming --endpoint-type completions",
    "--uuid-and-strip --endpoint-type completions",
    "--uuid-and-strip",
    "--user-centric-rate 5 --num-users 3 --session-turns-mean 2 --num-sessions 2",
    "--user-centric-rate 5 --num-users 3 --session-turns-mean 2 --request-count 2",
    "--user-centric-rate 5 --num-users 3 --session-turns-mean 2 --request-count 20",
    "--user-centric-rate 5 --session-turns-mean 2",
    "--endpoint-type image_retrieval",
    "--endpoint-type image_retrieval --isl 5",
    "--endpoint-type image_retrieval --prefix-prompt-length 5",
    "--goodput time_to_first_token:100",
    "--goodput ttft:100",
    "--goodput request_latency:250",
    "--fixed-schedule",
    "--dataset-sampling-strategy random",
    "--num-prefix-prompts 2",
    "--prefix-prompt-length 5",
    "--num-prefix-prompts 2 --prefix-prompt-length 5",
    "--user-context-prompt-length 5",
    "--shared-system-prompt-length 5",
    "--isl-block-size 16",
    "--image-source noise",
    "--image-source-sampling shuffle-cycle",
    "--image-source assets",
    "--image-format gif",
    "--video-width 64",
    "--video-fps 0",
    "--video-width 64 --video-height 64",
    "--cache-bust system_prefix --endpoint-type embeddings",
    "--cache-bust warmup_isolation_system",
    "--cache-bust System-Prefix",
    "--osl-stddev 3",
    "--request-cancellation-rate 0",
    "--request-cancellation-rate 101",
    "--request-timeout-seconds 0",
    "--slice-duration 0",
    "--num-dataset-entries 0",
    "--session-turns-mean 0",
    "--session-turns-mean 1.5",
    "--session-turn-delay-mean -1",
    "--random-range-ratio 1",
    "--random-range-ratio 0.5 --isl 10 --osl 10",
    "--random-range-ratio 0.5",
    "--random-corpus-style sglang",
    "--url http://::1:80",
    "--url http://a:99999",
    "--url ftp://a",
    "--custom-endpoint x",
    "--convergence-metric request_latency",
    "--convergence-metric nonsense --num-profile-runs 3",
    "--set-consistent-seed",
    "--confidence-level 1",
    "--server-metrics-formats json,csv",
    "--server-metrics-formats JSON csv",
    "--stats-interval 1",
    "--stats-interval 0",
    "--record-processors 2",
    "--api-port 9000",
    "--tokenizer-trust-remote-code",
    "--tokenizer-revision x",
    "--use-server-token-count",
    "--export-level RAW",
    "--export-level raw",
    "--connection-reuse-strategy sticky_user_sessions",
    "--connection-reuse-strategy STICKY-user-sessions",
    "--transport http",
    "--transport HTTP",
    "--model-selection-strategy weighted",
    "--model-selection-strategy Round-Robin",
    "--model a,b",
    "--model a b",
    "--ramp-strategy linear",
    "--prompt-corpus Sonnet",
    "--streaming false",
    "--no-streaming",
    "--streaming --prefill-concurrency 1 --concurrency 2",
    "--prefill-concurrency-ramp-duration 5",
    "--warmup-request-rate-ramp-duration 5 --warmup-request-count 2",
    "--num-warmup-sessions 2 --warmup-request-count 3",
    "--public-dataset sharegpt",
    "--public-dataset ShareGPT",
    "--public-dataset nope",
    "--gpu-telemetry",
    "--gpu-telemetry bogus",
    "--server-metrics",
    "--network-latency-mean 5 --network-latency-ping-interval 1",
    "--network-latency-mean 0",
    "--network-latency-mean -1",
    "--otel-url a --stream metrics timing",
    "--otel-url a --stream all",
    "--otel-resource-attributes a=1",
    "--otel-url a --otel-resource-attributes a=1 b=2",
    "--gen-ai-provider x",
    "--failed-request-threshold 0",
    "--failed-request-threshold 1",
    "--failed-request-threshold 2",
    "--random-seed -1",
    "--random-seed 1_0",
    "--request-rate 1_0.5",
];

/// Each of AIPerf's configuration templates, in camel case as it is and in snake case as AIPerf expands it, gives one plan,
/// whose numbers are AIPerf's.
#[test]
fn configuration_templates_give_aiperfs_plans() {
    needs_programs!();
    let Some(python) = python() else { return };
    let expanded = Command::new(python).arg(script("expand.py")).output().unwrap();
    assert!(expanded.status.success(), "{}", String::from_utf8_lossy(&expanded.stderr));
    let templates = String::from_utf8(expanded.stdout).unwrap();
    let templates =
        templates.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    assert!(templates.len() >= 27, "all of them: {}", templates.len());
    for template in &templates {
        let (path, text) = (template["path"].as_str().unwrap(), template["text"].as_str().unwrap());
        if text.contains("\nsweep:") {
            check_variations(path, &template["variations"]);
            continue;
        }
        let ours = dry_run(text);
        // The variables of files are not in what AIPerf expands.
        let mut body = template["body"].clone();
        body["artifacts"]["user_files"] = json!([]);
        let theirs = dry_run(&json!({ "benchmark": body }).to_string());
        let plan = |ended: &Ended| {
            assert_eq!(ended.status, Some(0), "{path}: {}", ended.err);
            let mut plan: Value = serde_json::from_str(&ended.out).unwrap();
            // How paths are written, and what is stored as it was given.
            for place in ["/command_line", "/given", "/output/artifact_dir", "/input/name"] {
                if let Some(place) = plan.pointer_mut(place) {
                    *place = Value::Null;
                }
            }
            plan
        };
        let ours = plan(&ours);
        assert_eq!(ours, plan(&theirs), "{path}");
        check_numbers(path, &ours, &body);
    }
}

/// Compares the variations of a sweep with those that AIPerf expands, if it can.
fn check_variations(path: &str, theirs: &Value) {
    let mut run = Run::of("config");
    run.command.args(["expand", "--format", "json", path]);
    let ours: Value = serde_json::from_str(&run.end().ended_with(0).out).unwrap();
    let named = |variations: &Value| {
        // AIPerf rewrites a scenario's `dataset` in its values.
        let of = |one: &Value| ["dir_name", "label"].map(|key| one[key].clone());
        variations.as_array().into_iter().flatten().map(of).collect::<Vec<_>>()
    };
    let ours = named(&ours["variations"]);
    assert!(ours.len() > 1, "{path}");
    assert!(theirs.is_null() || ours == named(theirs), "{path}: {ours:#?}");
}

/// The plan of a configuration, in a directory that has the files which templates name.
fn dry_run(config: &str) -> Ended {
    let mut run = Run::of("profile");
    let folder = run.folder.path();
    fs::create_dir(folder.join("data")).unwrap();
    let trace = "{\"timestamp\":0,\"input_length\":9,\"output_length\":3,\"hash_ids\":[1]}\n";
    for name in ["data/precise_schedule.jsonl", "data/production_trace.jsonl"] {
        fs::write(folder.join(name), trace).unwrap();
    }
    let row = json!([{"conversations": [{"from": "human", "value": "a b c d e"}, {"from": "gpt", "value": "a b c d e"}]}]);
    fs::write(folder.join("sharegpt.json"), row.to_string()).unwrap();
    fs::write(folder.join("config.yaml"), config).unwrap();
    run.command.args(["--config", "config.yaml", "--dry-run", "--random-seed", "1"]);
    run.end()
}

/// Compares the numbers of phases and lengths with those of AIPerf's own configuration.
fn check_numbers(path: &str, plan: &Value, body: &Value) {
    let phases = plan["load"]["phases"].as_array().unwrap();
    let theirs = body["phases"].as_array().unwrap();
    assert_eq!(phases.len(), theirs.len(), "{path}: phases");
    for (ours, theirs) in phases.iter().zip(theirs) {
        let is_warmup = theirs["kind"] == "warmup";
        assert_eq!((&ours["name"], &ours["is_warmup"]), (&theirs["name"], &json!(is_warmup)), "{path}");
        if !is_warmup {
            assert_eq!(ours["shape"], theirs["type"], "{path}");
        }
        for (field, key) in [
            ("request_count", "requests"),
            ("session_count", "sessions"),
            ("duration_seconds", "duration"),
            ("concurrency", "concurrency"),
            ("prefill_concurrency", "prefill_concurrency"),
            ("request_rate", "rate"),
            ("arrival_smoothness", "smoothness"),
        ] {
            assert_eq!(ours[field], theirs[key], "{path}: {field}");
        }
    }
    let dataset = &body["datasets"][0];
    if dataset["type"] == "synthetic" {
        assert_eq!(plan["input"]["entries"], dataset["entries"], "{path}: entries");
        for (field, key) in [("input_tokens", "isl"), ("output_tokens", "osl")] {
            let (ours, theirs) = (&plan["input"][field], &dataset["prompts"][key]);
            let mean = if theirs["value"].is_number() { &theirs["value"] } else { &theirs["mean"] };
            if mean.is_number() {
                assert_eq!(&ours["mean"], mean, "{path}: {field}");
            }
            if theirs["stddev"].is_number() {
                assert_eq!(ours["stddev"], theirs["stddev"], "{path}: {field}");
            }
        }
    }
}
