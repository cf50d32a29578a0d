//! What observes a run besides the daemon, where its results are sent meanwhile, and what its servers must do before it.
//!
//! The client alone carries this out, as the user. It is part of the plan so that `run.json` describes the whole run; in a plan, URLs
//! have no secrets ([`Observers::shown`]).

use crate::url::shown;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What observes a run besides the daemon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observers {
    /// The server's own metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_metrics: Option<ServerMetrics>,
    /// Exporters of GPU metrics. What the daemon reads of its own host's GPUs is [`crate::Gpu`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_exporters: Option<GpuExporters>,
    /// Round trips to the server without requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_latency: Option<NetworkLatency>,
    /// The server's own profiler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiler: Option<Profiler>,
    /// Systems that receive results while the run goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream>,
    /// Limits on which the run ends as soon as it certainly misses one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<WatchedLimit>,
    /// Plugins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugins: Option<Plugins>,
}

/// Programs of others that are called about a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plugins {
    /// What the user asks for.
    pub wanted: Vec<Plugin>,
    /// The interpreter of those in Python, if it is not the usual one.
    pub python: Option<String>,
    /// Seconds that a call may take, if they are not the usual ones.
    pub timeout_seconds: Option<f64>,
    /// The names of those that are given secrets.
    pub allowed: Vec<String>,
    /// The one that reads the dataset.
    pub dataset_loader: Option<String>,
}

/// A plugin, a package of several, or a program, as the user names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plugin {
    /// A component's name, `kind.name`, a class, a package, or a path.
    pub name: String,
    /// Its configuration.
    pub config: Map<String, Value>,
}

/// A limit on a share of requests: a percentile, or failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchedLimit {
    /// What a reader calls it.
    pub name: String,
    /// The metrics that a request is judged by, in the unit in which they are shown: by the first one that it has, and not at all if
    /// it has none. Without metrics, a request breaks the limit by failing.
    pub metrics: Vec<String>,
    /// The greatest value of a request that keeps it.
    pub threshold: f64,
    /// The share of requests that may break it.
    pub share: f64,
    /// Requests at the beginning that do not count, because the load has only begun.
    pub skipped: u64,
    /// Whether the run also ends as soon as every limit is certainly kept.
    pub ends_when_kept: bool,
}

/// Scrapes of Prometheus endpoints of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetrics {
    /// The endpoints: each server's own, then those that the user named.
    pub urls: Vec<String>,
    /// Whether the user named one, and needs to know why there is nothing to be read.
    pub is_explicit: bool,
}

/// Scrapes of DCGM exporters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuExporters {
    /// Exporters at their default addresses, which are scraped if they respond.
    pub usual: Vec<String>,
    /// Exporters that the user named.
    pub named: Vec<String>,
    /// A file that defines more of their metrics.
    pub metrics_file: Option<String>,
}

/// Measurements of the network's round trip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkLatency {
    /// Seconds from one measurement to the next.
    pub interval_seconds: f64,
}

/// Requests that start and stop the server's profiler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profiler {
    /// Before the run.
    pub start: ServerCall,
    /// After it.
    pub stop: ServerCall,
}

/// A POST request to each server that must succeed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerCall {
    /// The path on each server, or a URL, which is requested once.
    pub path: String,
    /// Seconds until it has failed.
    pub timeout_seconds: f64,
}

/// What is sent to other systems while a run goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// Each finished request's numbers.
    pub metrics: bool,
    /// The run's counters and percentiles so far.
    pub timing: bool,
    /// A span per request with its stages.
    pub spans: bool,
    /// The value of `gen_ai.provider.name`.
    pub provider: String,
    /// An OpenTelemetry collector.
    pub otlp: Option<Otlp>,
    /// An MLflow server.
    pub mlflow: Option<Mlflow>,
}

/// An OpenTelemetry collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Otlp {
    /// Its address, as the user gave it.
    pub url: String,
    /// Resource attributes besides this program's own.
    pub resource_attributes: Vec<(String, String)>,
}

/// A run in MLflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mlflow {
    /// The tracking server.
    pub tracking_uri: String,
    /// The experiment that it belongs to.
    pub experiment: String,
    /// Its name, if the user chose one.
    pub run_name: Option<String>,
    /// Tags besides this program's own.
    pub tags: Vec<(String, String)>,
    /// The run that it is part of.
    pub parent_run_id: Option<String>,
    /// Patterns of the files that are uploaded; empty for the usual ones.
    pub artifact_globs: Vec<String>,
}

/// What must be so before a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preparation {
    /// Each model responds on each server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for_model: Option<WaitForModel>,
    /// Each server's prefix cache is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_kv_cache: Option<ServerCall>,
    /// What the run is to find in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheState>,
}

/// What a run finds in the server's prefix cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheState {
    /// Nothing of its prompts.
    Cold,
    /// All its prompts.
    Warm,
}

/// How to wait for models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitForModel {
    /// What shows that a model is ready.
    pub mode: Readiness,
    /// Seconds until it is too late.
    pub timeout_seconds: f64,
    /// Seconds from one attempt to the next.
    pub interval_seconds: f64,
}

/// What shows that a model is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// `/v1/models` lists it.
    Models,
    /// It responds to a request for one token.
    Inference,
    /// Both.
    Both,
}

impl Observers {
    /// As it may be stored and shown: without the secrets of URLs.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        shown.server_metrics.iter_mut().flat_map(|metrics| &mut metrics.urls).for_each(hide);
        if let Some(GpuExporters { usual, named, .. }) = &mut shown.gpu_exporters {
            usual.iter_mut().chain(named).for_each(hide);
        }
        if let Some(Profiler { start, stop }) = &mut shown.profiler {
            [start, stop].into_iter().for_each(|call| hide(&mut call.path));
        }
        if let Some(Stream { otlp, mlflow, .. }) = &mut shown.stream {
            otlp.iter_mut().for_each(|otlp| hide(&mut otlp.url));
            mlflow.iter_mut().for_each(|mlflow| hide(&mut mlflow.tracking_uri));
        }
        let configs = shown.plugins.iter_mut().flat_map(|plugins| &mut plugins.wanted);
        configs.for_each(|plugin| plugin.config.iter_mut().for_each(hide_value));
        shown
    }
}

/// A value of a plugin's configuration is any text: one whose name speaks of a secret is not shown.
fn hide_value((name, value): (&String, &mut Value)) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(hide_value),
        Value::Null | Value::Bool(_) => {}
        value if is_secret(name) => *value = "<redacted>".into(),
        Value::String(text) => hide(text),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_value((name, item))),
        Value::Number(_) => {}
    }
}

/// Whether a name is that of something secret: a key, a token, a password.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

const SECRET_WORDS: &[&str] =
    &["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH", "COOKIE"];

impl Preparation {
    /// As it may be stored and shown: without the secrets of URLs.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        shown.reset_kv_cache.iter_mut().for_each(|call| hide(&mut call.path));
        shown
    }

    /// Whether there is nothing to prepare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn hide(url: &mut String) {
    *url = shown(url);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_url_shows_its_secrets() {
        let url = || "http://user:hush@host/x?api-key=hush".to_owned();
        let call = || ServerCall { path: url(), timeout_seconds: 1.0 };
        let observers = Observers {
            server_metrics: Some(ServerMetrics { urls: vec![url()], is_explicit: true }),
            gpu_exporters: Some(GpuExporters { usual: vec![url()], named: vec![url()], metrics_file: None }),
            network_latency: Some(NetworkLatency { interval_seconds: 1.0 }),
            profiler: Some(Profiler { start: call(), stop: call() }),
            stream: Some(Stream {
                metrics: true,
                timing: true,
                spans: false,
                provider: "p".to_owned(),
                otlp: Some(Otlp { url: url(), resource_attributes: Vec::new() }),
                mlflow: Some(Mlflow {
                    tracking_uri: url(),
                    experiment: "e".to_owned(),
                    run_name: None,
                    tags: Vec::new(),
                    parent_run_id: None,
                    artifact_globs: Vec::new(),
                }),
            }),
            limits: Vec::new(),
            plugins: Some(Plugins {
                wanted: vec![Plugin {
                    name: "p".to_owned(),
                    config: serde_json::from_str(
                        r#"{"file": "a.log", "api_key": "hush", "to": {"password": 7, "names": ["a"]}}"#,
                    )
                    .expect("JSON"),
                }],
                python: None,
                timeout_seconds: None,
                allowed: Vec::new(),
                dataset_loader: None,
            }),
        };
        let preparation = Preparation { reset_kv_cache: Some(call()), ..Preparation::default() };
        let stored = [
            serde_json::to_string(&observers.shown()).expect("JSON"),
            serde_json::to_string(&preparation.shown()).expect("JSON"),
        ];
        assert_eq!(stored.concat().matches("<redacted>@host").count(), 8, "each is there: {stored:?}");
        let shown = serde_json::from_str::<Value>(&stored[0]).expect("JSON");
        let expected =
            r#"{"file": "a.log", "api_key": "<redacted>", "to": {"password": "<redacted>", "names": ["a"]}}"#;
        let expected = serde_json::from_str::<Value>(expected).expect("JSON");
        assert_eq!(shown["plugins"]["wanted"][0]["config"], expected, "{stored:?}");
        assert!(!stored.concat().contains("hush"), "{stored:?}");
    }
}
