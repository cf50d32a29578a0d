//! Writes `server_metrics_export.jsonl`: each scrape with changed values, also of the warmup, in AIPerf's layout.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::server::labels;
use metric::server::{Entry, Key, Scrape, State};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let Some(server) = artifacts.server else { return Ok(()) };
    let mut written = Ok(());
    server.replay(|scrape, entries| {
        if written.is_ok() && scrape.problem.is_none() && scrape.is_news {
            written = line(artifacts, scrape, entries, out);
        }
    })?;
    written
}

fn line(
    artifacts: &Artifacts<'_>,
    scrape: &Scrape,
    entries: &BTreeMap<Key, Entry>,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut metrics = Map::new();
    for (key, entry) in entries {
        let Some(sample) = sample(key, entry) else { continue };
        let samples = metrics.entry(key.name.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(samples) = samples {
            samples.push(sample);
        }
    }
    let clock = artifacts.settings.clock;
    let line = json!({
        "endpoint_url": scrape.endpoint_url,
        "timestamp_ns": clock.real(scrape.received).0,
        "endpoint_latency_ns": scrape.received.0.saturating_sub(scrape.sent.0),
        "metrics": metrics,
        "request_sent_ns": clock.real(scrape.sent).0,
    });
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)?;
    Ok(())
}

fn sample(key: &Key, entry: &Entry) -> Option<Value> {
    let mut sample = Map::new();
    let labels = labels(&key.labels);
    if !labels.is_empty() {
        sample.insert("labels".to_owned(), labels.into());
    }
    match &entry.state {
        State::Scalar(value) => {
            sample.insert("value".to_owned(), (*value)?.into());
        }
        State::Histogram { sum, count, buckets } => {
            let buckets = buckets.iter().map(|(le, count)| (le.clone(), (*count).into()));
            sample.insert("buckets".to_owned(), buckets.collect::<Map<_, _>>().into());
            sample.insert("sum".to_owned(), (*sum).into());
            sample.insert("count".to_owned(), (*count).into());
        }
    }
    Some(Value::Object(sample))
}
