//! Tests the Grafana dashboard's queries with a real Prometheus that scrapes the daemon during a run.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::cgroup::Own;
use end_to_end::client::Run;
use end_to_end::daemon::Daemon;
use end_to_end::needs_probes;
use end_to_end::patience::until;
use end_to_end::server::Server;
use end_to_end::watched::lacks;
use serde_json::Value;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A Prometheus that scrapes one address every second, stopped on drop.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: aiperfd, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        let address = free();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}")).arg("--enable-feature=exemplar-storage");
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { process, address, _directory: directory }
    }

    /// The result of a query.
    fn query(&self, path: &str, query: &str) -> Option<Value> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let mut response =
            ureq::get(url).query("query", query).query("start", "0").query("end", "9999999999").call();
        let text = response.as_mut().ok()?.body_mut().read_to_string().unwrap();
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["status"], "success", "{query}: {result}");
        Some(result["data"].clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The queries of the packaged dashboard.
fn queries() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grafana.json");
    let dashboard: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_query_of_the_dashboard_has_a_result() {
    needs_probes!();
    if lacks("prometheus") {
        return;
    }
    let group = Own::make();
    let server = Server::start_in(&group, "");
    let (address, state) = (free(), tempfile::tempdir().unwrap());
    let config = format!(
        "[[observe]]\nname = \"llm\"\nunit = \"{}\"\n[publish]\nlisten = \"{address}\"\n",
        group.name()
    );
    let daemon = Daemon::configured(state.path(), Some(&config));
    let prometheus = Prometheus::start(address);
    until("the server to be observed", || {
        let watching = prometheus.query("query", "aiperfd_watching > 0")?;
        (!watching["result"].as_array()?.is_empty()).then_some(())
    });
    let flags = "--concurrency 4 --request-rate 50 --benchmark-duration 6";
    let ended = Run::profile(&server.url(), flags).with(&daemon).end();
    ended.ended_with(0);
    // The tutorial's query is among them.
    let tutorial = "histogram_quantile(0.99, sum(rate(gen_ai_client_operation_duration_bucket[1m])) by (le, gen_ai_request_model))";
    let queries = queries();
    assert!(queries.iter().any(|query| query == tutorial), "the tutorial's query is not in {queries:?}");
    for query in queries {
        let data = until(&format!("a result of {query}"), || {
            let data = prometheus.query("query", &query)?;
            (!data["result"].as_array()?.is_empty()).then_some(data)
        });
        for series in data["result"].as_array().unwrap() {
            let value = series["value"][1].as_str().unwrap().parse::<f64>().unwrap();
            assert!(value.is_finite(), "{query}: {series}");
        }
    }
    let examples =
        prometheus.query("query_exemplars", "aiperf_kernel_time_to_first_token_seconds_bucket").unwrap();
    let labels = &examples[0]["exemplars"][0]["labels"];
    assert!(labels["request_id"].is_string(), "a slow request is identified: {examples}");
}
