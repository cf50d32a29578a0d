//! A run's configuration, from its own summary; without one, guessed from its first record.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What decides how records are parsed and counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    pub(crate) endpoint: String,
    pub(crate) urls: Vec<String>,
    pub(crate) models: Vec<String>,
    pub(crate) streaming: bool,
    pub(crate) use_server_token_count: bool,
    pub(crate) per_chunk_usage: bool,
    pub(crate) tokenizer: Option<String>,
    pub(crate) slos: BTreeMap<String, f64>,
    pub(crate) slice_duration_seconds: Option<f64>,
    pub(crate) show_trace_timing: bool,
    /// The round trip that was subtracted from latencies, in milliseconds.
    pub(crate) network_rtt_ms: Option<f64>,
    pub(crate) artifact_dir: String,
    pub(crate) command_line: String,
    pub(crate) random_seed: u64,
    /// The measured phases, in order.
    pub(crate) loads: Vec<Load>,
    /// Keys that the user added to every request.
    pub(crate) extra: Vec<String>,
}

/// The load of a phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) name: String,
    pub(crate) shape: String,
    pub(crate) request_rate: Option<f64>,
    pub(crate) concurrency: Option<u64>,
    pub(crate) request_count: Option<u64>,
    pub(crate) duration_seconds: Option<f64>,
}

impl Config {
    /// From the summary, and from the first record where the summary lacks a value.
    pub(crate) fn of(summary: &Value, first: &Value) -> Self {
        let config = &summary["input_config"];
        let endpoint = &config["endpoint"];
        let artifacts = &config["artifacts"];
        let is_known = config.is_object();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let slos = config["slos"].as_object().into_iter().flatten();
        let guessed_stream = requested_stream(first);
        Self {
            endpoint: endpoint["type"].as_str().map_or_else(|| guess_endpoint(first), str::to_owned),
            urls: strings(&endpoint["urls"]),
            models: models(config, first),
            streaming: endpoint["streaming"].as_bool().unwrap_or(!is_known && guessed_stream),
            use_server_token_count: endpoint["use_server_token_count"].as_bool().unwrap_or(false),
            per_chunk_usage: endpoint["per_chunk_usage"].as_bool().unwrap_or(false),
            tokenizer: config["tokenizer"]["name"].as_str().map(str::to_owned),
            slos: slos.filter_map(|(tag, limit)| Some((tag.clone(), limit.as_f64()?))).collect(),
            slice_duration_seconds: artifacts["slice_duration"].as_f64(),
            show_trace_timing: artifacts["show_trace_timing"].as_bool().unwrap_or(false),
            network_rtt_ms: summary["network_rtt"]["avg"].as_f64(),
            artifact_dir: text(&artifacts["dir"]),
            command_line: text(&summary["run_info"]["cli_command"]),
            random_seed: summary["run_info"]["random_seed"].as_u64().unwrap_or(0),
            loads: measured(config).map(load).collect(),
            extra: endpoint["extra"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect(),
        }
    }
}

/// The measured phases.
fn measured(config: &Value) -> impl Iterator<Item = &Value> {
    let phases = config["phases"].as_array().map_or(&[][..], Vec::as_slice);
    let is_warmup = |phase: &Value| {
        let kind = phase["kind"].as_str().or_else(|| phase["name"].as_str());
        kind == Some("warmup") || phase["exclude_from_results"] == true
    };
    phases.iter().filter(move |phase| !is_warmup(phase))
}

fn load(phase: &Value) -> Load {
    Load {
        name: phase["name"].as_str().unwrap_or("profiling").to_owned(),
        shape: phase["type"].as_str().unwrap_or("unknown").to_owned(),
        request_rate: phase["rate"].as_f64(),
        concurrency: phase["concurrency"].as_u64(),
        request_count: phase["requests"].as_u64(),
        duration_seconds: phase["duration"].as_f64(),
    }
}

fn models(config: &Value, first: &Value) -> Vec<String> {
    let items = config["models"]["items"].as_array().into_iter().flatten();
    let named = items.filter_map(|item| item["name"].as_str().or_else(|| item.as_str()));
    let mut models = named.map(str::to_owned).collect::<Vec<_>>();
    if models.is_empty() {
        models.extend(first["payload"]["model"].as_str().map(str::to_owned));
    }
    models
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether a record's request was for a streamed response; without its payload, its metrics show it.
fn requested_stream(record: &Value) -> bool {
    record["payload"]["stream"].as_bool().unwrap_or_else(|| {
        let headers = record["request_headers"].as_object();
        let accepts = headers.and_then(|headers| header(headers, "accept"));
        accepts == Some("text/event-stream") || !record["metrics"]["time_to_first_token"].is_null()
    })
}

fn header<'a>(headers: &'a Map<String, Value>, wanted: &str) -> Option<&'a str> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| value.as_str())
}

/// Guesses the endpoint by the payload.
fn guess_endpoint(record: &Value) -> String {
    let payload = &record["payload"];
    let shapes = [
        ("prompt", "completions"),
        ("inputs", "huggingface_generate"),
        ("passages", "nim_rankings"),
        ("documents", "cohere_rankings"),
        ("texts", "hf_tei_rankings"),
    ];
    if !payload["messages"].is_null() {
        return "chat".to_owned();
    }
    if payload["input"].is_array() || payload["input"].is_string() {
        let is_response = payload["stream"].is_boolean() || payload["input"][0].is_object();
        return if is_response { "responses" } else { "embeddings" }.to_owned();
    }
    let shape = shapes.iter().find(|(key, _)| !payload[*key].is_null());
    shape.map_or("chat", |(_, name)| *name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_summary_has_the_configuration() {
        let summary = json!({
            "input_config": {
                "models": {"items": [{"name": "a"}]},
                "endpoint": {"type": "completions", "streaming": true, "urls": ["http://h"]},
                "phases": [{"name": "warmup", "kind": "warmup"}, {"name": "profiling", "type": "poisson", "rate": 2.5}],
                "slos": {"request_latency": 250},
                "artifacts": {"slice_duration": 1.0},
                "tokenizer": {"name": "t"},
            },
            "run_info": {"cli_command": "aiperf profile", "random_seed": 7},
        });
        let config = Config::of(&summary, &Value::Null);
        assert_eq!((config.endpoint.as_str(), config.streaming), ("completions", true), "the endpoint");
        assert_eq!(config.slos["request_latency"].to_bits(), 250.0_f64.to_bits(), "a threshold");
        assert_eq!(config.loads[0].request_rate, Some(2.5), "of the measured phase");
        assert_eq!((config.random_seed, config.tokenizer.as_deref()), (7, Some("t")), "the rest");
    }

    #[test]
    fn without_a_summary_the_first_record_is_used() {
        let check = |record: Value, endpoint: &str, streaming: bool| {
            let config = Config::of(&Value::Null, &record);
            assert_eq!((config.endpoint.as_str(), config.streaming), (endpoint, streaming), "{record}");
        };
        check(json!({"payload": {"messages": [], "stream": true}}), "chat", true);
        check(json!({"payload": {"prompt": "x", "stream": false}}), "completions", false);
        check(json!({"payload": {"input": ["x"]}}), "embeddings", false);
        check(json!({"metrics": {"time_to_first_token": {"value": 1}}}), "chat", true);
    }
}
