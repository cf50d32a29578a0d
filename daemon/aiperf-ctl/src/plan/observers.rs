//! Plans what observes a run besides the daemon, where results are sent meanwhile, and what its servers must do before it.

use super::gpu::{GpuSources, sources};
use super::{Planned, Refusal, refuse};
use crate::args::{CacheArg, EndpointArgs, TelemetryArgs};
use endpoint::{Scheme, target};
use spec::{
    CacheState, Endpoint, GpuExporters, Mlflow, NetworkLatency, Observers, Otlp, Preparation, Profiler,
    Readiness, ServerCall, ServerMetrics, Stream, WaitForModel,
};
use std::path::Path;

/// What observes the run, with the secrets of its URLs.
pub(super) fn observers(
    args: &TelemetryArgs,
    server: &EndpointArgs,
    endpoint: &Endpoint,
) -> Planned<Observers> {
    let GpuSources { urls: named, usual_urls: usual, metrics_file, .. } = sources(args, &endpoint.urls)?;
    let metrics_file = metrics_file.as_deref().map(Path::display).map(|file| file.to_string());
    let exporters = GpuExporters { usual, named, metrics_file };
    let has_exporters = !(exporters.usual.is_empty() && exporters.named.is_empty());
    Ok(Observers {
        server_metrics: if args.no_server_metrics { None } else { Some(server_metrics(args, endpoint)?) },
        gpu_exporters: has_exporters.then_some(exporters),
        network_latency: args.network_latency_automatic.then(|| NetworkLatency {
            interval_seconds: args.network_latency_ping_interval.unwrap_or(PING_SECONDS),
        }),
        profiler: profiler(server),
        stream: stream(args, endpoint)?,
        limits: Vec::new(),
        plugins: None,
    })
}

/// What the servers must do before the run, with the secrets of URLs.
pub(super) fn preparation(args: &EndpointArgs) -> Preparation {
    let mode = match args.wait_for_model_mode.as_str() {
        "models" => Readiness::Models,
        "inference" => Readiness::Inference,
        _ => Readiness::Both,
    };
    let (timeout_seconds, interval_seconds) = (args.wait_for_model_timeout, args.wait_for_model_interval);
    // Its other flags imply it.
    let resets = args.reset_kv_cache
        || args.reset_kv_cache_path.is_some()
        || args.reset_kv_cache_timeout_seconds.is_some();
    let reset = || {
        call(args.reset_kv_cache_path.as_deref(), "/reset_prefix_cache", args.reset_kv_cache_timeout_seconds)
    };
    Preparation {
        wait_for_model: (timeout_seconds > 0.0).then_some(WaitForModel {
            mode,
            timeout_seconds,
            interval_seconds,
        }),
        reset_kv_cache: resets.then(reset),
        cache: match args.cache {
            CacheArg::AsIs => None,
            CacheArg::Cold => Some(CacheState::Cold),
            CacheArg::Warm => Some(CacheState::Warm),
        },
    }
}

fn profiler(args: &EndpointArgs) -> Option<Profiler> {
    let (start, stop) = (&args.server_profiler_start_path, &args.server_profiler_stop_path);
    let timeout = args.server_profiler_timeout_seconds;
    // Its other flags imply it.
    let is_wanted = args.server_profiler || start.is_some() || stop.is_some() || timeout.is_some();
    is_wanted.then(|| Profiler {
        start: call(start.as_deref(), "/start_profile", timeout),
        stop: call(stop.as_deref(), "/stop_profile", timeout),
    })
}

fn call(path: Option<&str>, usual: &str, timeout: Option<f64>) -> ServerCall {
    let timeout_seconds = timeout.unwrap_or(CALL_SECONDS);
    ServerCall { path: path.unwrap_or(usual).to_owned(), timeout_seconds }
}

/// Each server's own `/metrics`, then the URLs of the flags.
fn server_metrics(args: &TelemetryArgs, endpoint: &Endpoint) -> Planned<ServerMetrics> {
    let given = args.server_metrics.as_deref().unwrap_or_default();
    // A server without a port has no metrics endpoint.
    let own = endpoint.urls.iter().filter(|url| !url.starts_with("unix:"));
    let own = own.map(|url| metrics_url(url, true));
    let mut urls = Vec::new();
    for url in own.chain(given.iter().map(|url| metrics_url(url, false))) {
        let url = url?;
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    Ok(ServerMetrics { urls, is_explicit: !given.is_empty() })
}

/// The URL of a host's metrics: `/metrics`, unless the user gave another path.
fn metrics_url(url: &str, is_own: bool) -> Planned<String> {
    let target = target(url, None, None).map_err(|error| Refusal(format!("--server-metrics: {error}")))?;
    let scheme = match target.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
        Scheme::Unix => {
            return refuse(format!("--server-metrics: {url}: metrics are read over http and https only"));
        }
    };
    let is_bare = is_own || target.path_and_query.trim_end_matches('/').is_empty();
    let path = if is_bare { "/metrics" } else { &target.path_and_query };
    Ok(format!("{scheme}://{}{path}", target.host_header))
}

fn stream(args: &TelemetryArgs, endpoint: &Endpoint) -> Planned<Option<Stream>> {
    let has = |name: &str| args.stream.iter().any(|given| given == name);
    if has("spans") && args.otel_url.is_none() {
        return refuse("--stream spans needs --otel-url: MLflow does not accept spans");
    }
    let (otlp, mlflow) = (otlp(args)?, mlflow(args)?);
    if otlp.is_none() && mlflow.is_none() {
        return Ok(None);
    }
    let all = args.stream.is_empty() || has("default");
    Ok(Some(Stream {
        metrics: all || has("metrics"),
        timing: all || has("timing"),
        spans: has("spans"),
        provider: provider(args, endpoint)?,
        otlp,
        mlflow,
    }))
}

/// The model's provider, by default derived from the server's name.
fn provider(args: &TelemetryArgs, endpoint: &Endpoint) -> Planned<String> {
    if let Some(given) = &args.gen_ai_provider {
        return Ok(given.clone());
    }
    let url = endpoint.urls.first().map_or("", String::as_str);
    let server = target(url, None, None).map_err(|error| Refusal(format!("--url: {error}")))?;
    Ok(telemetry_out::provider(&server.host).to_owned())
}

fn otlp(args: &TelemetryArgs) -> Planned<Option<Otlp>> {
    let Some(url) = args.otel_url.clone() else { return Ok(None) };
    telemetry_out::Endpoint::parse(&url).map_err(|error| Refusal(format!("--otel-url: {error}")))?;
    let pairs = args.otel_resource_attributes.iter();
    let resource_attributes = pairs
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
            _ => refuse(format!("--otel-resource-attributes: `{pair}` is not key=value")),
        })
        .collect::<Planned<_>>()?;
    Ok(Some(Otlp { url, resource_attributes }))
}

fn mlflow(args: &TelemetryArgs) -> Planned<Option<Mlflow>> {
    let Some(uri) = &args.mlflow_tracking_uri else { return Ok(None) };
    if uri.starts_with("file:") {
        return refuse(format!(
            "--mlflow-tracking-uri {uri}: runs are logged to an MLflow server, not to files: start one on that directory by \
             `mlflow server --backend-store-uri {uri} --host 127.0.0.1`, and give http://127.0.0.1:5000"
        ));
    }
    Ok(Some(Mlflow {
        tracking_uri: uri.clone(),
        experiment: args.mlflow_experiment.clone().unwrap_or_else(|| EXPERIMENT.to_owned()),
        run_name: args.mlflow_run_name.clone(),
        tags: args.mlflow_tags.iter().map(|tag| mlflow_tag(tag)).collect::<Planned<_>>()?,
        parent_run_id: args.mlflow_parent_run_id.clone(),
        artifact_globs: args.mlflow_artifact_globs.clone(),
    }))
}

fn mlflow_tag(tag: &str) -> Planned<(String, String)> {
    match tag.split_once(':') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => refuse(format!("--mlflow-tag: `{tag}` is not key:value")),
    }
}

/// AIPerf's default interval.
const PING_SECONDS: f64 = 1.0;
/// AIPerf's default timeout of a request to the server apart from the load.
const CALL_SECONDS: f64 = 30.0;
/// AIPerf's default experiment.
const EXPERIMENT: &str = "aiperf";

#[cfg(test)]
mod tests {
    use super::super::testing::profile_of;
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn metrics_have_a_url() {
        let table = [
            ("http://a:8000/v1/", true, "http://a:8000/metrics"),
            ("a:9400", false, "http://a:9400/metrics"),
            ("https://a/prometheus/metrics", false, "https://a/prometheus/metrics"),
        ];
        for (url, is_own, expected) in table {
            assert_eq!(metrics_url(url, is_own).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn tags_are_pairs() {
        assert_eq!(
            mlflow_tag("team: a:b").unwrap(),
            ("team".to_owned(), "a:b".to_owned()),
            "at the first colon"
        );
        assert!(mlflow_tag("team").is_err() && mlflow_tag(":a").is_err(), "not a pair");
    }

    #[track_caller]
    fn check(flags: &str, place: &str, expected: &Value) {
        let (_, profile) = profile_of(&format!("--model m --url http://10.0.0.1:8000 {flags}")).unwrap();
        let plan = serde_json::to_value(&profile.plan).unwrap();
        assert_eq!(plan.pointer(place).unwrap_or(&Value::Null), expected, "{flags}: {plan:#}");
    }

    #[test]
    fn the_plan_holds_what_observes_the_run() {
        check("--no-server-metrics --no-gpu-telemetry", "/observers", &json!({}));
        check("", "/preparation", &Value::Null);
        check(
            "--server-metrics a:1/x?api-key=hush",
            "/observers/server_metrics",
            &json!({
                "urls": ["http://10.0.0.1:8000/metrics", "http://a:1/x?api-key=[redacted]"], "is_explicit": true
            }),
        );
        check("--network-latency-automatic", "/observers/network_latency/interval_seconds", &json!(1.0));
        check(
            "--server-profiler-stop-path /stop",
            "/observers/profiler",
            &json!({
                "start": {"path": "/start_profile", "timeout_seconds": 30.0},
                "stop": {"path": "/stop", "timeout_seconds": 30.0},
            }),
        );
        check(
            "--reset-kv-cache-timeout-seconds 3",
            "/preparation/reset_kv_cache",
            &json!({
                "path": "/reset_prefix_cache", "timeout_seconds": 3.0
            }),
        );
        check(
            "--wait-for-model-timeout 9 --wait-for-model-mode both",
            "/preparation/wait_for_model",
            &json!({
                "mode": "both", "timeout_seconds": 9.0, "interval_seconds": 5.0
            }),
        );
        let otlp = "--otel-url http://u:hush@10.0.0.2:4318 --otel-resource-attributes a=b --stream spans";
        check(
            otlp,
            "/observers/stream",
            &json!({
                "metrics": false, "timing": false, "spans": true, "provider": "_OTHER",
                "otlp": {"url": "http://<redacted>@10.0.0.2:4318", "resource_attributes": [["a", "b"]]},
                "mlflow": null,
            }),
        );
        let mlflow = "--mlflow-tracking-uri http://10.0.0.2:5000 --mlflow-tag team:x";
        check(mlflow, "/observers/stream/mlflow/tags", &json!([["team", "x"]]));
    }

    #[test]
    fn wrong_settings_are_named() {
        let refused = |flags: &str| profile_of(&format!("--model m {flags}")).map(|_| ()).unwrap_err();
        for (flags, expected) in [
            ("--stream spans --mlflow-tracking-uri http://10.0.0.2:5000", "--stream spans needs --otel-url"),
            ("--otel-url http://10.0.0.2:4318 --otel-resource-attributes x", "`x` is not key=value"),
            ("--mlflow-tracking-uri file:///tmp/x", "runs are logged to an MLflow server"),
            ("--server-metrics unix:///tmp/x", "metrics are read over http and https only"),
        ] {
            let why = refused(flags);
            assert!(why.contains(expected), "{flags}: {why}");
        }
    }
}
