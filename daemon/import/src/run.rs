//! A foreign run as a whole: its description, and its requests.

use crate::budget::Budget;
use crate::config::Config;
use crate::error::ImportError;
use crate::files::{Files, json, lines};
use crate::raw::RawLines;
use crate::records::{self, Metrics};
use crate::window;
use common::clock::Anchor;
use metric::PROFILING;
use record::{Reason, Run, Standing, Verdict};
use serde_json::Value;
use spec::{Input, Phase, Plan, Shape, Tokenizer as Counting};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use store::Exchange;
use tokenizer::Tokenizer;

/// A run of another tool.
#[derive(Debug)]
pub struct Imported {
    /// Its description, in our terms.
    pub run: Run,
    /// Its requests.
    pub exchanges: Vec<Exchange>,
    /// Its own summary, `null` if there is none.
    pub summary: Value,
    /// The offset of its dates from UTC.
    pub utc_offset_seconds: i64,
    /// Notes that a reader of its results must know.
    pub warnings: Vec<String>,
}

/// State shared by lines.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    conversations: HashMap<String, u32>,
    sessions: HashMap<String, u64>,
    /// The names of the measured phases.
    measured: Vec<String>,
}

impl Seen {
    /// The number of a conversation: from its name, or else by order of appearance.
    pub(crate) fn conversation(&mut self, name: &str) -> u32 {
        let numbered = name.strip_prefix("session_").and_then(|number| number.parse().ok());
        numbered.unwrap_or_else(|| {
            let next = u32::try_from(self.conversations.len()).unwrap_or(u32::MAX);
            *self.conversations.entry(name.to_owned()).or_insert(next)
        })
    }

    /// The number of a session: by order of appearance of its correlation id, or else the line's index.
    pub(crate) fn session(&mut self, correlation: Option<&str>, place: u64) -> u64 {
        correlation.map_or(place, |name| *self.sessions.entry(name.to_owned()).or_insert(place))
    }

    /// The name of the phase in a line's metadata; without one, AIPerf's name of its kind.
    pub(crate) fn phase(&mut self, metadata: &Value) -> String {
        let kind = metadata["benchmark_phase"].as_str().unwrap_or(PROFILING);
        let name = metadata["phase_name"].as_str().unwrap_or(kind);
        if kind == PROFILING && !self.measured.iter().any(|known| known == name) {
            self.measured.push(name.to_owned());
        }
        name.to_owned()
    }
}

/// Reads the AIPerf run in a directory. Tokens are counted with `tokenizer`, or else as the run did.
///
/// # Errors
/// When there are no records, one cannot be parsed, or the run's tokenizer is not available.
pub fn read(directory: &Path, tokenizer: Option<Tokenizer>) -> Result<Imported, ImportError> {
    let files = Files::find(directory)?;
    let optional = |path: &Option<PathBuf>| path.as_deref().map_or(Ok(Value::Null), json);
    let (summary, manifest) = (optional(&files.summary)?, optional(&files.manifest)?);
    let records = || files.raw.as_deref().or(files.records.as_deref());
    let path = records().ok_or_else(|| ImportError::NoRecords(directory.to_owned()))?;
    let first = match lines(path)?.next() {
        Some(line) => parse(path, &line?)?,
        None => Value::Null,
    };
    let config = Config::of(&summary, &first);
    let mut warnings = Vec::new();
    if summary.is_null() {
        warnings.push(format!(
            "there is no summary next to the records: treated as a run of endpoint type `{}`, {}",
            config.endpoint,
            if config.streaming { "streaming" } else { "not streaming" },
        ));
    }
    let (exchanges, mut measured) = match &files.raw {
        Some(raw) => read_raw(raw, &files, &config, tokenizer, &mut warnings)?,
        None => {
            warnings.push(
                "there is no raw export: timestamps and token counts are computed from each request's metrics"
                    .to_owned(),
            );
            read_records(path)?
        }
    };
    let first =
        exchanges.iter().filter_map(|exchange| exchange.request.submitted_ns).map(|stamp| stamp.0).min();
    let utc_offset_seconds = window::utc_offset_seconds(&summary, first);
    if measured.is_empty() {
        measured.push(PROFILING.to_owned());
    }
    let busy_ns = busy_ns(&exchanges, &measured);
    let phases = window::phases(&manifest, &summary, &measured[0], utc_offset_seconds, busy_ns);
    measured.sort_by_key(|name| phases.iter().position(|phase| phase.name == *name));
    let mut run = run(&config, &summary, &measured);
    run.plan.output.export_prefix.clone_from(&files.prefix);
    run.phases = phases;
    Ok(Imported { run, exchanges, summary, utc_offset_seconds, warnings })
}

/// The total length of the measured requests, as in AIPerf's float dates.
fn busy_ns(exchanges: &[Exchange], measured: &[String]) -> f64 {
    let requests = exchanges.iter().map(|exchange| &exchange.request);
    let counted = requests.filter(|request| measured.contains(&request.phase));
    let date = |stamp: common::clock::MonoNs| metric::float(stamp.0);
    counted
        .map(|request| date(request.ended_ns) - date(request.submitted_ns.unwrap_or(request.ended_ns)))
        .sum()
}

fn read_raw(
    path: &Path,
    files: &Files,
    config: &Config,
    tokenizer: Option<Tokenizer>,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Exchange>, Vec<String>), ImportError> {
    let counts_itself = !config.use_server_token_count;
    let (tokenizer, counted) = match (tokenizer, &files.records) {
        (Some(tokenizer), _) => (Some(tokenizer), HashMap::new()),
        (None, _) if !counts_itself => (None, HashMap::new()),
        (None, records) => match (stored_tokenizer(config, path)?, records) {
            (Some(tokenizer), _) => (Some(tokenizer), HashMap::new()),
            (None, Some(records)) => {
                warnings.push(format!(
                    "tokenizer `{}` is not available: token counts are those of `{}`",
                    tokenizer_name(config),
                    records.display()
                ));
                (None, by_request(records)?)
            }
            (None, None) => return Err(ImportError::Tokenizer(tokenizer_name(config).to_owned())),
        },
    };
    let mut understood = RawLines::new(&config.endpoint, tokenizer)?
        .without_extra(&config.extra)
        .with_chunk_counts(config.per_chunk_usage && config.use_server_token_count);
    let (mut exchanges, mut budget) = (Vec::new(), Budget::new());
    for line in lines(path)? {
        let (number, text) = line?;
        let line = parse(path, &(number, text))?;
        let place = exchanges.len() as u64;
        let mut exchange = understood.exchange(place, &line).map_err(|why| refused(path, number, why))?;
        let id = line["metadata"]["x_request_id"].as_str().unwrap_or_default();
        if let Some(metrics) = counted.get(id) {
            let usage = exchange.request.clone();
            records::counts(&mut exchange.request, &Metrics(metrics));
            exchange.request = record::Request {
                input_tokens: exchange.request.input_tokens,
                output_tokens: exchange.request.output_tokens,
                reasoning_tokens: exchange.request.reasoning_tokens,
                ..usage
            };
        }
        budget.exchange(&exchange).map_err(|why| refused(path, number, why))?;
        exchanges.push(exchange);
    }
    Ok((exchanges, understood.into_seen().measured))
}

fn read_records(path: &Path) -> Result<(Vec<Exchange>, Vec<String>), ImportError> {
    let mut seen = Seen::default();
    let (mut exchanges, mut budget) = (Vec::new(), Budget::new());
    for line in lines(path)? {
        let (number, text) = line?;
        let line = parse(path, &(number, text))?;
        let place = exchanges.len() as u64;
        let exchange =
            records::exchange(place, &line, &mut seen).map_err(|why| refused(path, number, why))?;
        budget.exchange(&exchange).map_err(|why| refused(path, number, why))?;
        exchanges.push(exchange);
    }
    Ok((exchanges, seen.measured))
}

/// The metrics of each request by the request's id.
fn by_request(path: &Path) -> Result<HashMap<String, Value>, ImportError> {
    let (mut found, mut budget) = (HashMap::new(), Budget::new());
    for line in lines(path)? {
        let (number, text) = line?;
        budget.take(text.len() * VALUE_FACTOR).map_err(|why| refused(path, number, why))?;
        let mut line = parse(path, &(number, text))?;
        if let Some(id) = line["metadata"]["x_request_id"].as_str().map(str::to_owned) {
            found.insert(id, line["metrics"].take());
        }
    }
    Ok(found)
}

pub(crate) fn parse(path: &Path, (number, text): &(usize, String)) -> Result<Value, ImportError> {
    serde_json::from_str(text).map_err(|error| refused(path, *number, error.to_string()))
}

fn refused(path: &Path, line: usize, why: String) -> ImportError {
    ImportError::Line { path: path.to_owned(), line, why }
}

fn tokenizer_name(config: &Config) -> &str {
    config
        .tokenizer
        .as_deref()
        .or_else(|| config.models.first().map(String::as_str))
        .unwrap_or("(none named)")
}

/// The tokenizer that the run names, if it is on this machine: a directory, or in Hugging Face's cache.
fn stored_tokenizer(config: &Config, records: &Path) -> Result<Option<Tokenizer>, ImportError> {
    let name = tokenizer_name(config);
    if name == "builtin" {
        return Ok(Some(Tokenizer::builtin()));
    }
    let sibling = records.parent().map(|parent| parent.join(name));
    let folders = [Some(PathBuf::from(name)), sibling].into_iter().flatten().chain(cached(name));
    let mut candidates = folders.map(|folder| folder.join("tokenizer.json"));
    match candidates.find(|path| path.is_file()) {
        Some(path) => {
            let bytes = store::source::read(&path, TOKENIZER_BYTES_MAX).map_err(ImportError::disk(&path))?;
            Tokenizer::from_json(&bytes)
                .map(Some)
                .map_err(|source| ImportError::TokenizerFile { path, source })
        }
        None => Ok(None),
    }
}

/// The snapshots of a model in Hugging Face's cache.
fn cached(name: &str) -> Vec<PathBuf> {
    let home = std::env::var_os("HF_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/huggingface")));
    let model = format!("models--{}", name.replace('/', "--"));
    let snapshots =
        home.and_then(|home| std::fs::read_dir(home.join("hub").join(model).join("snapshots")).ok());
    let entries = snapshots.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn run(config: &Config, summary: &Value, measured: &[String]) -> Run {
    let text = |key: &str| summary[key].as_str().map(str::to_owned);
    let reason = Reason {
        name: "foreign_stamps".to_owned(),
        standing: Standing::Degraded,
        text: "Every timestamp is the other tool's own, taken when its process noticed the event, with an unknown delay; \
               measure with aiperf-ctl profile to know."
            .to_owned(),
        figures: Vec::new(),
    };
    Run {
        schema_version: record::SCHEMA_VERSION.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: None,
        kernel_object: None,
        run_id: text("benchmark_id").unwrap_or_else(|| "000000000000".to_owned()),
        source: "import".to_owned(),
        plan: plan(config, measured),
        host: record::Host::default(),
        doctor: Vec::new(),
        timestamps: "user".to_owned(),
        timestamps_reason: Some("AIPerf's own timestamps".to_owned()),
        clock_begin: Anchor::default(),
        clock_end: Anchor::default(),
        phases: Vec::new(),
        was_cancelled: summary["was_cancelled"].as_bool().unwrap_or(false),
        is_complete: summary["is_complete"].as_bool().unwrap_or_else(|| !summary.is_null()),
        incomplete_reason: text("incomplete_reason"),
        loss: record::Loss::default(),
        counters: BTreeMap::new(),
        figures: BTreeMap::new(),
        gpu: Vec::new(),
        streamed: Vec::new(),
        steered: Vec::new(),
        adaptive_scale: Vec::new(),
        plugins: Vec::new(),
        client: None,
        verdict: Verdict::from_reasons(vec![reason]),
    }
}

fn plan(config: &Config, measured: &[String]) -> Plan {
    let mut plan = Plan::unknown();
    plan.endpoint.kind.clone_from(&config.endpoint);
    plan.endpoint.capability =
        endpoint::by_name(&config.endpoint).map(|endpoint| endpoint.metadata().capability());
    plan.endpoint.urls.clone_from(&config.urls);
    plan.endpoint.models.clone_from(&config.models);
    plan.endpoint.streaming = config.streaming;
    plan.endpoint.use_server_token_count = config.use_server_token_count;
    plan.tokenizer = match tokenizer_name(config) {
        _ if config.use_server_token_count => Counting::None,
        "builtin" => Counting::Builtin,
        name => Counting::File { name: name.to_owned() },
    };
    plan.input = Input::File {
        format: "aiperf".to_owned(),
        name: "inputs.json".to_owned(),
        output_tokens: None,
        change: Default::default(),
    };
    plan.load.phases = measured.iter().map(|name| phase(config, name)).collect();
    plan.output.artifact_dir.clone_from(&config.artifact_dir);
    plan.output.goodput.clone_from(&config.slos);
    plan.output.slice_duration_seconds = config.slice_duration_seconds;
    plan.output.show_trace_timing = config.show_trace_timing;
    plan.output.network_latency_mean_ms = config.network_rtt_ms;
    plan.random_seed = config.random_seed;
    plan.command_line.clone_from(&config.command_line);
    plan
}

/// A measured phase, as it was configured.
fn phase(config: &Config, name: &str) -> Phase {
    let load = config.loads.iter().find(|load| load.name == name).or_else(|| config.loads.first());
    let Some(load) = load else { return Phase::new(name, Shape::named("unknown")) };
    Phase {
        request_rate: load.request_rate,
        concurrency: load.concurrency.and_then(|most| u32::try_from(most).ok()),
        request_count: load.request_count,
        duration_seconds: load.duration_seconds,
        ..Phase::new(name, Shape::named(&load.shape))
    }
}

/// Maximum memory of parsed JSON per byte of its text.
const VALUE_FACTOR: usize = 16;
/// Several times the size of the largest published `tokenizer.json`.
const TOKENIZER_BYTES_MAX: u64 = 512 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn phases_have_the_names_in_the_lines() {
        let mut seen = Seen::default();
        let mut check =
            |metadata: Value, expected: &str| assert_eq!(seen.phase(&metadata), expected, "{metadata}");
        check(json!({"benchmark_phase": "warmup", "phase_name": "cold"}), "cold");
        check(json!({"benchmark_phase": "warmup"}), "warmup");
        check(json!({"benchmark_phase": "profiling", "phase_name": "few"}), "few");
        check(json!({"benchmark_phase": "profiling"}), "profiling");
        check(json!({}), "profiling");
        assert_eq!(seen.measured, ["few", "profiling"], "each once");
    }

    #[test]
    fn a_measured_phase_has_its_configured_load() {
        let summary = json!({"input_config": {"phases": [
            {"name": "cold", "kind": "warmup", "type": "concurrency", "concurrency": 9},
            {"name": "few", "kind": "profiling", "type": "concurrency", "concurrency": 1},
            {"name": "many", "kind": "profiling", "type": "poisson", "rate": 8.0},
        ]}});
        let config = Config::of(&summary, &Value::Null);
        assert_eq!(phase(&config, "few").concurrency, Some(1), "by its name");
        let many = phase(&config, "many");
        assert_eq!((many.shape.name(), many.request_rate), ("poisson", Some(8.0)), "by its name");
    }
}
