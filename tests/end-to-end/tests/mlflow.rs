//! Tests runs in MLflow, read back from a real server through its API. `cargo xtask setup` installs it.

use end_to_end::client::{Ended, Run};
use end_to_end::collector::Collector;
use end_to_end::mlflow::{Kept, Mlflow};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

macro_rules! needs_mlflow {
    () => {
        needs_programs!();
        if Mlflow::is_missing() {
            return;
        }
    };
}

fn profile(server: &Server, flags: &str) -> Ended {
    let flags = format!("--request-count 20 --concurrency 2 {flags}");
    let mut run = Run::profile(&server.url(), &flags);
    // On a busy machine a real server is slow.
    run.command.env("MLFLOW_HTTP_REQUEST_TIMEOUT", "60").env("AIPERF_MLFLOW_EXPORT_TIMEOUT_SECONDS", "120");
    run.end()
}

fn run_of(mlflow: &Mlflow, ended: &Ended) -> (Value, Value) {
    let export = ended.json("mlflow_export.json");
    let run = mlflow.get(&format!("runs/get?run_id={}", export["run_id"].as_str().expect("a run")));
    (export, run["run"].clone())
}

/// The value of a key in one of a run's lists.
fn of<'v>(run: &'v Value, list: &str, key: &str) -> &'v Value {
    let items = run["data"][list].as_array().expect("a list");
    let found = items.iter().find(|item| item["key"] == key);
    found.map_or(&Value::Null, |item| &item["value"])
}

/// A run with live metrics, results, parameters, tags and artifacts, on a server with this artifact store.
fn a_run_is_complete(kept: Kept) {
    let server = Server::start("");
    let mlflow = Mlflow::start(kept);
    let flags = format!(
        "--mlflow-tracking-uri {} --mlflow-experiment speed --mlflow-tag team:a --gen-ai-provider vllm --export-level raw",
        mlflow.url()
    );
    let ended = profile(&server, &flags);
    ended.ended_with(0);
    let (export, run) = run_of(&mlflow, &ended);
    assert_eq!(
        (&export["experiment"], &export["experiment_name"]),
        (&"speed".into(), &"speed".into()),
        "both names"
    );
    assert_eq!(
        (&export["live_streaming"], &export["reused_live_run"]),
        (&true.into(), &true.into()),
        "{export}"
    );
    assert_eq!(run["info"]["status"], "FINISHED", "{run}");
    let summary = ended.json("profile_export_aiperf.json");
    let id = summary["benchmark_id"].as_str().expect("an id");
    assert_eq!(run["info"]["run_name"], format!("aiperf-{}", &id[..8]), "AIPerf's name");
    for (key, stat) in [("time_to_first_token", "avg"), ("kernel_time_to_first_token.p99", "p99")] {
        let logged = of(&run, "metrics", key).as_f64().expect(key);
        let tag = key.split('.').next().expect("a tag");
        let expected = summary[tag][stat].as_f64().expect("a number");
        assert!((logged - expected).abs() <= expected * 1e-9, "{key}: {logged}, not {expected}");
    }
    for (list, key, expected) in [
        ("params", "endpoint.type", "chat"),
        ("params", "loadgen.concurrency", "2"),
        ("tags", "team", "a"),
        ("tags", "benchmark_id", id),
        ("tags", "gen_ai.provider.name", "vllm"),
    ] {
        assert_eq!(of(&run, list, key), expected, "{key}");
    }
    for name in [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.operation.time_per_output_chunk",
        "gen_ai.client.token.usage",
    ] {
        let logged = of(&run, "metrics", &format!("live.{name}")).as_f64();
        assert!(logged.is_some_and(|value| value > 0.0), "live.{name}: {logged:?}");
    }
    let files = mlflow.files(export["run_id"].as_str().expect("a run"));
    for name in
        ["exports/profile_export_aiperf.json", "exports/profile_export_raw.jsonl", "exports/requests.parquet"]
    {
        let sent = ended.artifacts().join(name.trim_start_matches("exports/"));
        let size = fs::metadata(&sent).expect("a file").len();
        assert!(files.contains(&(name.to_owned(), size)), "{name} of {size} bytes is not in {files:?}");
    }
}

#[test]
fn a_server_with_a_database_and_files_of_its_own() {
    needs_mlflow!();
    a_run_is_complete(Kept::Proxied);
}

#[test]
fn a_server_with_a_database_and_a_shared_disk() {
    needs_mlflow!();
    a_run_is_complete(Kept::Shared);
}

#[test]
fn a_server_without_a_database() {
    needs_mlflow!();
    a_run_is_complete(Kept::Filed);
}

#[test]
fn plots_come_later_and_children_have_parents() {
    needs_mlflow!();
    let server = Server::start("");
    let mlflow = Mlflow::start(Kept::Proxied);
    let flags = format!("--mlflow-tracking-uri {} --mlflow-run-name first", mlflow.url());
    let first = profile(&server, &flags);
    first.ended_with(0);
    let (export, run) = run_of(&mlflow, &first);
    assert_eq!(run["info"]["run_name"], "first", "the user's name for it");
    let parent = export["run_id"].as_str().expect("a run");
    fs::create_dir(first.artifacts().join("plots")).unwrap();
    fs::write(first.artifacts().join("plots/curve.png"), b"a picture").unwrap();
    let mut again = Run::of("report");
    again.command.arg(first.artifacts()).arg("--mlflow-upload");
    again.end().ended_with(0);
    assert!(mlflow.files(parent).contains(&("plots/curve.png".to_owned(), 9)), "{:?}", mlflow.files(parent));

    let flags =
        |parent: &str| format!("--mlflow-tracking-uri {} --mlflow-parent-run-id {parent}", mlflow.url());
    let child = profile(&server, &flags(parent));
    assert_eq!(of(&run_of(&mlflow, &child).1, "tags", "mlflow.parentRunId"), parent, "its parent");
    let hurried = format!("--request-count 4 --mlflow-tracking-uri {}", mlflow.url());
    let mut hurried = Run::profile(&server.url(), &hurried);
    hurried
        .command
        .env("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
        .env("AIPERF_MLFLOW_EXPORT_TIMEOUT_SECONDS", "0.001");
    let hurried = hurried.end();
    hurried.ended_with(0);
    assert!(hurried.err.contains("(AIPERF_MLFLOW_EXPORT_TIMEOUT_SECONDS)"), "{}", hurried.err);
    let orphan = profile(&server, &flags("unknown"));
    orphan.ended_with(0);
    assert!(orphan.err.contains("MLflow has no run `unknown`"), "{}", orphan.err);
    assert!(of(&run_of(&mlflow, &orphan).1, "tags", "mlflow.parentRunId").is_null(), "none");
}

/// Runs a command of AIPerf's tutorial with the addresses of this test; returns its artifact directory.
fn of_the_tutorial(server: &Server, flags: &str) -> (Ended, PathBuf) {
    let mut run = Run::of("profile").without_daemon();
    run.command.args(["--url", &server.url()]).args(flags.split_whitespace());
    run.command.env("MLFLOW_HTTP_REQUEST_TIMEOUT", "60").env("AIPERF_MLFLOW_EXPORT_TIMEOUT_SECONDS", "120");
    let ended = run.end();
    ended.ended_with(0);
    let mut made = fs::read_dir(ended.artifacts()).expect("artifacts").flatten();
    let directory = made.next().expect("a directory").path();
    assert!(made.next().is_none(), "and no other");
    (ended, directory)
}

#[test]
fn the_tutorials_commands_work() {
    needs_mlflow!();
    let server = Server::start("");
    let (collector, mlflow) = (Collector::start("200 OK"), Mlflow::start(Kept::Proxied));
    let common = "--model my-model --endpoint-type chat --endpoint /v1/chat/completions --streaming \
                  --synthetic-input-tokens-mean 128 --output-tokens-mean 128 --request-count 64";
    let (otel, uri) = (collector.address(), mlflow.url());
    let flags = format!(
        "{common} --concurrency 4 --otel-url http://{otel} --mlflow-tracking-uri {uri} --mlflow-experiment \
         my-experiment --stream default"
    );
    let (first, directory) = of_the_tutorial(&server, &flags);
    let counted =
        collector.points("gen_ai.client.operation.duration").iter().map(|point| point.count).sum::<f64>();
    assert!((counted - 64.0).abs() < 0.5, "each request once, not {counted}: {}", first.err);
    let export: Value =
        serde_json::from_slice(&fs::read(directory.join("mlflow_export.json")).unwrap()).unwrap();
    let keys = ["tracking_uri", "experiment_name", "reused_live_run"].map(|key| &export[key]);
    assert_eq!(keys, [&Value::from(uri.as_str()), &"my-experiment".into(), &true.into()], "{export}");
    let run_id = export["run_id"].as_str().expect("a run");
    let run = &mlflow.get(&format!("runs/get?run_id={run_id}"))["run"];
    for name in [
        "operation.duration",
        "token.usage",
        "operation.time_per_output_chunk",
        "operation.time_to_first_chunk",
    ] {
        assert!(!of(run, "metrics", &format!("live.gen_ai.client.{name}")).is_null(), "live.{name}: {run}");
    }

    let mut plots = Run::of("plot");
    plots.command.arg("--paths").arg(&directory).arg("--mlflow-upload");
    plots.end().ended_with(0);
    let pictures = fs::read_dir(directory.join("plots")).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (format!("plots/{}", entry.file_name().to_string_lossy()), entry.metadata().unwrap().len())
    });
    let pictures = pictures.filter(|(name, _)| name.ends_with(".png")).collect::<Vec<_>>();
    assert!(!pictures.is_empty(), "there are pictures");
    for picture in pictures {
        assert!(mlflow.files(run_id).contains(&picture), "{picture:?}: {:?}", mlflow.files(run_id));
    }

    let output = mlflow.command(&["runs", "create", "--experiment-name", "my-sweep"]);
    // It may be preceded by a link.
    let made = &output[output.find('{').expect("JSON")..];
    let made =
        serde_json::Deserializer::from_str(made).into_iter::<Value>().next().expect("a value").unwrap();
    let parent = made["run_id"].as_str().expect("the parent's id");
    for concurrency in [4, 8] {
        let flags = format!(
            "{common} --mlflow-tracking-uri {uri} --mlflow-parent-run-id {parent} --concurrency {concurrency}"
        );
        let (_ended, directory) = of_the_tutorial(&server, &flags);
        let export: Value =
            serde_json::from_slice(&fs::read(directory.join("mlflow_export.json")).unwrap()).unwrap();
        let child = mlflow.get(&format!("runs/get?run_id={}", export["run_id"].as_str().unwrap()));
        assert_eq!(of(&child["run"], "tags", "mlflow.parentRunId"), parent, "a child of the sweep");
    }

    let flags = format!(
        "--model my-model --endpoint-type chat --endpoint /v1/chat/completions --otel-url http://{otel} --stream \
         default --gen-ai-provider vllm --concurrency 4 --request-count 64"
    );
    let (named, _) = of_the_tutorial(&server, &flags);
    let points = collector.points("gen_ai.client.operation.duration");
    assert!(points.iter().any(|point| point.attributes["gen_ai.provider.name"] == "vllm"), "{}", named.err);
}

#[test]
fn an_unreachable_server_costs_a_warning() {
    needs_programs!();
    let server = Server::start("");
    let flags = "--request-count 20 --concurrency 2 --mlflow-tracking-uri http://user:hush@127.0.0.1:9";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(0);
    let expected = "MLflow tracking server at http://127.0.0.1:9 did not respond within 5s";
    assert!(ended.err.contains(expected), "{}", ended.err);
    // A server that accepts connections but never responds is waited for up to the user's timeout.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let flags = format!("--request-count 4 --mlflow-tracking-uri http://{address}");
    let mut waited = Run::profile(&server.url(), &flags);
    waited.command.env("MLFLOW_HTTP_REQUEST_TIMEOUT", "1");
    let waited = waited.end();
    waited.ended_with(0);
    let expected = format!("MLflow tracking server at http://{address} did not respond within 1s");
    assert!(waited.err.contains(&expected), "{}", waited.err);
    assert_eq!(ended.records().len(), 20, "the run is complete");
    for entry in fs::read_dir(ended.artifacts()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(4).any(|four| four == b"hush"), "a password in a file");
    }
}

#[test]
fn contradictory_flags_are_refused() {
    needs_programs!();
    let server = Server::start("");
    for (flags, expected) in [
        ("--mlflow-experiment e", "--mlflow-experiment needs --mlflow-tracking-uri"),
        ("--mlflow-tracking-uri ./mlruns", "expected http://host:port"),
        ("--mlflow-tracking-uri http://127.0.0.1:9 --mlflow-tag x", "`x` is not key:value"),
    ] {
        let ended = profile(&server, flags);
        ended.ended_with(2);
        assert!(ended.err.contains(expected), "{flags}: {}", ended.err);
    }
}
