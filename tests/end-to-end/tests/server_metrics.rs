//! Tests the server's own metrics: scraped before, during and after a run, and compared with the client's and the kernel's.

use end_to_end::client::{Ended, Run};
use end_to_end::exporter::Exporter;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use std::fs;

/// A profile during which the endpoint switches to its next state.
fn profile_across(server: &Server, exporter: &Exporter, flags: &str) -> Ended {
    let running = Run::profile(&server.url(), flags).start();
    server.until_received(5);
    exporter.advance();
    let ended = running.end();
    ended.ended_with(0);
    ended
}

/// A profile of 20 requests during which these endpoints are scraped.
fn profile(server: &Server, flags: &str) -> Ended {
    Run::profile(&server.url(), &format!("--request-count 20 --concurrency 2 {flags}")).end()
}

fn vllm(count: u32, sum: f64, running: u32) -> Vec<u8> {
    format!(
        "# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.\n\
         # TYPE vllm:time_to_first_token_seconds histogram\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.001\",model_name=\"m\"}} 5\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.005\",model_name=\"m\"}} {count}\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"+Inf\",model_name=\"m\"}} {count}\n\
         vllm:time_to_first_token_seconds_count{{model_name=\"m\"}} {count}\n\
         vllm:time_to_first_token_seconds_sum{{model_name=\"m\"}} {sum}\n\
         # TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{{model_name=\"m\"}} {running}\n\
         # TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{{block_size=\"16\"}} 1\n"
    )
    .into_bytes()
}

#[test]
fn the_servers_metrics_are_in_the_report() {
    needs_programs!();
    let server = Server::start("");
    let exporter = Exporter::start(vec![vllm(5, 1.0, 0), vllm(25, 1.05, 2)]);
    let flags = format!(
        "--console full --request-count 20 --request-rate 20 --server-metrics {} --server-metrics-formats json,csv,jsonl,parquet",
        exporter.url()
    );
    let ended = profile_across(&server, &exporter, &flags);
    let export = ended.json("server_metrics_export.json");
    assert_eq!(export["schema_version"], "1.1", "AIPerf's schema");
    let successful = export["summary"]["endpoints_successful"].as_array().unwrap();
    assert_eq!(successful.len(), 3, "{export}");
    assert!(successful[2].as_str().unwrap().starts_with("sockets://127.0.0.1:"), "from the kernel: {export}");
    let mock = &export["metrics"]["mock_requests"];
    assert_eq!(
        (&mock["type"], &mock["series"][0]["stats"]["total"]),
        (&"counter".into(), &20.0.into()),
        "{mock}"
    );
    let ttft = &export["metrics"]["vllm:time_to_first_token_seconds"];
    assert_eq!(ttft["unit"], "sec", "{ttft}");
    let series = &ttft["series"][0];
    assert_eq!(
        (&series["stats"]["count"], &series["labels"]["model_name"]),
        (&20.into(), &"m".into()),
        "{ttft}"
    );
    assert_eq!(series["bounds"]["p50_bounds"], serde_json::json!([0.001, 0.005]), "{ttft}");
    assert!(ended.out.contains("server"), "the third view: {}", ended.out);
    assert!(ended.out.contains("Requests Running"), "a metric that only the server has: {}", ended.out);
    let csv = fs::read_to_string(ended.artifacts().join("server_metrics_export.csv")).unwrap();
    assert!(csv.contains("vllm:cache_config_info,block_size,16"), "{csv}");
    let long = fs::read(ended.artifacts().join("server_metrics_export.parquet")).unwrap();
    assert!(long.starts_with(b"PAR1") && long.ends_with(b"PAR1"), "AIPerf's long form");
    let lines = ended.lines("server_metrics_export.jsonl");
    assert!(lines.len() >= 2 && lines.iter().all(|line| line["metrics"].is_object()), "{lines:?}");
    let mut again = Run::of("report");
    again.command.arg(ended.artifacts()).args(["--console", "full"]);
    assert!(again.end().out.contains("Requests Running"), "a recomputed report has it too");
}

/// An engine's histogram of time to first token, by the engine's name for it.
fn first_tokens(name: &str, count: u32) -> String {
    format!(
        "# TYPE {name} histogram\n{name}_bucket{{le=\"0.001\"}} 5\n{name}_bucket{{le=\"0.005\"}} {count}\n\
         {name}_bucket{{le=\"+Inf\"}} {count}\n{name}_count {count}\n{name}_sum 1.5\n"
    )
}

#[test]
fn every_engine_is_understood() {
    needs_programs!();
    for (name, is_elsewhere) in [
        ("sglang:time_to_first_token_seconds", false),
        ("trtllm_time_to_first_token_seconds", true),
        ("dynamo_frontend_time_to_first_token_seconds", false),
    ] {
        let server = Server::start("");
        let bodies = vec![first_tokens(name, 5).into_bytes(), first_tokens(name, 25).into_bytes()];
        let exporter =
            if is_elsewhere { Exporter::start_at_fallback(bodies) } else { Exporter::start(bodies) };
        let flags = format!("--request-count 20 --request-rate 40 --server-metrics {}", exporter.url());
        let ended = profile_across(&server, &exporter, &flags);
        let export = ended.json("server_metrics_export.json");
        let series = &export["metrics"][name]["series"][0];
        assert_eq!(series["stats"]["count"], 20, "{name}: {export}");
        let url = series["endpoint_url"].as_str().unwrap();
        assert_eq!(url.ends_with("/prometheus/metrics"), is_elsewhere, "{name} at {url}");
        let table = ended.out.split("Verdict").next().unwrap();
        assert!(table.contains("by the server's metrics"), "{name} below the measured latency: {table}");
    }
}

/// A server without requests so far declares its metrics and has no values: they are counted from zero.
#[test]
fn metrics_may_start_with_the_first_request() {
    needs_programs!();
    let server = Server::start("");
    let name = "vllm:time_to_first_token_seconds";
    let bodies = vec![
        format!("# HELP {name} x\n# TYPE {name} histogram\n").into_bytes(),
        first_tokens(name, 20).into_bytes(),
    ];
    let exporter = Exporter::start(bodies);
    let flags = format!("--request-count 20 --request-rate 40 --server-metrics {}", exporter.url());
    let ended = profile_across(&server, &exporter, &flags);
    let export = ended.json("server_metrics_export.json");
    assert_eq!(export["metrics"][name]["series"][0]["stats"]["count"], 20, "{export}");
}

#[test]
fn invalid_endpoints_do_not_affect_others() {
    needs_programs!();
    let server = Server::start("");
    let huge = Exporter::start(vec![vec![b'x'; 50 << 20]]);
    let garbage = Exporter::start(vec![b"[{\"iter\": 1}]".to_vec()]);
    let liar = Exporter::start(vec![b"a 1\nb NaN\n\xff\xfe{ 7\n".to_vec()]);
    let flags = format!("--server-metrics {} {} {}", huge.url(), garbage.url(), liar.url());
    let ended = profile(&server, &flags);
    ended.ended_with(0);
    assert!(ended.err.contains(&huge.url()), "the endpoint is named: {}", ended.err);
    assert!(ended.err.contains("not in Prometheus' text format"), "and why: {}", ended.err);
    assert!(ended.err.contains("not finite"), "values that are not finite: {}", ended.err);
    let export = ended.json("server_metrics_export.json");
    assert_eq!(
        export["metrics"]["mock_requests"]["series"][0]["stats"]["total"], 20.0,
        "the rest is complete"
    );
}

#[test]
fn no_metrics_are_scraped_when_disabled() {
    needs_programs!();
    let server = Server::start("");
    let ended = profile(&server, "--no-server-metrics");
    ended.ended_with(0);
    assert!(!ended.artifacts().join("server_metrics.parquet").exists(), "no rows");
    assert!(!ended.artifacts().join("server_metrics_export.json").exists(), "no export");
}
