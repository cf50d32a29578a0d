//! Writes `server_metrics_export.parquet`: a server's own metrics in AIPerf's long form, with a column for each label.
//!
//! Counters and histograms are written as increases since the last scrape before the measured phase. The file is built in
//! memory, compressed with Zstandard where AIPerf uses Snappy.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::json::AIPERF_VERSION;
use crate::server::{ServerMetrics, labels};
use crate::summary;
use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use common::clock::MonoNs;
use metric::server::{Entry, Key, Scrape, State, unit};
use parquet::arrow::arrow_writer::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use store::StoreError;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let Some(server) = artifacts.server else { return Ok(()) };
    let begin = artifacts.settings.profiling.map_or(MonoNs(0), |window| window.begin);
    let mut seen = Seen::default();
    server.replay(|scrape, entries| seen.take(scrape, entries, begin))?;
    let schema = schema(&seen.labels);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("aiperfd ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata(artifacts, server, &seen)))
        .build();
    let path = Path::new("server_metrics_export.parquet");
    let failed = |source| StoreError::Parquet { path: path.to_owned(), source };
    let written = rows(artifacts, server, &seen, begin, &schema, properties);
    out.write_all(&written?.map_err(failed)?)?;
    Ok(())
}

/// What must be known of the metrics before the first row is written.
#[derive(Default)]
struct Seen {
    labels: BTreeSet<String>,
    kinds: BTreeMap<String, u64>,
    /// Each series by endpoint, at its last value before the phase, or else its first value.
    references: BTreeMap<(String, Key), State>,
}

impl Seen {
    fn take(&mut self, scrape: &Scrape, entries: &BTreeMap<Key, Entry>, begin: MonoNs) {
        for (key, entry) in entries.iter().filter(|(_, entry)| entry.is_news) {
            let place = (scrape.endpoint_url.clone(), key.clone());
            let is_new = !self.references.contains_key(&place);
            if is_new {
                *self.kinds.entry(entry.kind.clone()).or_default() += 1;
                let names = labels(&key.labels).into_iter().map(|(name, _)| name);
                self.labels.extend(names.filter(|name| !RESERVED.contains(&name.as_str())));
            }
            if is_new || scrape.received < begin {
                self.references.insert(place, entry.state.clone());
            }
        }
    }
}

fn schema(labels: &BTreeSet<String>) -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let mut fields = vec![text("endpoint_url", true), text("metric_name", true), text("metric_type", true)];
    fields.extend([text("unit", true), text("description", true)]);
    fields.push(Field::new("timestamp_ns", DataType::Int64, true));
    fields.extend(labels.iter().map(|label| text(label, true)));
    fields.extend(["value", "sum", "count"].map(|name| Field::new(name, DataType::Float64, true)));
    fields.extend([text("bucket_le", true), Field::new("bucket_count", DataType::Float64, true)]);
    Arc::new(Schema::new(fields))
}

type Encoded = Result<Vec<u8>, parquet::errors::ParquetError>;

fn rows(
    artifacts: &Artifacts<'_>,
    server: &ServerMetrics,
    seen: &Seen,
    begin: MonoNs,
    schema: &SchemaRef,
    properties: WriterProperties,
) -> Result<Encoded, ExportError> {
    let mut writer = match ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties)) {
        Ok(writer) => writer,
        Err(error) => return Ok(Err(error)),
    };
    let mut batch = Batch::new(seen);
    let mut written = Ok(());
    server.replay(|scrape, entries| {
        if written.is_err() || scrape.problem.is_some() || !scrape.is_news || scrape.received < begin {
            return;
        }
        let at = artifacts.settings.clock.real(scrape.received).0.cast_signed();
        for (key, entry) in entries {
            batch.series(&scrape.endpoint_url, at, key, entry, seen);
        }
        if batch.rows >= BATCH_ROWS {
            written = batch.take(schema).and_then(|batch| writer.write(&batch));
        }
    })?;
    let closed = written.and_then(|()| writer.write(&batch.take(schema)?)).and_then(|()| writer.into_inner());
    Ok(closed)
}

/// Rows that are encoded together, column by column.
struct Batch {
    texts: [StringBuilder; 5],
    timestamps: Int64Builder,
    labels: Vec<(String, StringBuilder)>,
    numbers: [Float64Builder; 3],
    bounds: StringBuilder,
    bucket_counts: Float64Builder,
    rows: usize,
}

impl Batch {
    fn new(seen: &Seen) -> Self {
        Self {
            texts: Default::default(),
            timestamps: Int64Builder::new(),
            labels: seen.labels.iter().map(|label| (label.clone(), StringBuilder::new())).collect(),
            numbers: Default::default(),
            bounds: StringBuilder::new(),
            bucket_counts: Float64Builder::new(),
            rows: 0,
        }
    }

    /// One row for a gauge or counter, one row per bucket for a histogram.
    fn series(&mut self, url: &str, at: i64, key: &Key, entry: &Entry, seen: &Seen) {
        let reference = seen.references.get(&(url.to_owned(), key.clone()));
        match (&entry.state, reference) {
            (State::Scalar(Some(value)), reference) => {
                let before = match reference {
                    Some(State::Scalar(Some(before))) if entry.kind == "counter" => *before,
                    _ => 0.0,
                };
                let value = if entry.kind == "counter" { (value - before).max(0.0) } else { *value };
                self.row(url, at, key, entry, [Some(value), None, None], None);
            }
            (
                State::Histogram { sum, count, buckets },
                Some(State::Histogram { sum: sum_before, count: count_before, buckets: before }),
            ) => {
                let numbers =
                    [None, Some((sum - sum_before).max(0.0)), Some((count - count_before).max(0.0))];
                for (bound, count) in buckets {
                    let before =
                        before.iter().find(|(other, _)| other == bound).map_or(0.0, |(_, count)| *count);
                    self.row(url, at, key, entry, numbers, Some((bound, (count - before).max(0.0))));
                }
            }
            _ => {}
        }
    }

    fn row(
        &mut self,
        url: &str,
        at: i64,
        key: &Key,
        entry: &Entry,
        numbers: [Option<f64>; 3],
        bucket: Option<(&str, f64)>,
    ) {
        let unit = unit(&key.name, &entry.description);
        let texts = [Some(url), Some(&key.name), Some(&entry.kind), unit, Some(&entry.description)];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_option(text);
        }
        self.timestamps.append_value(at);
        let values = labels(&key.labels);
        for (label, builder) in &mut self.labels {
            builder.append_option(values.get(label).and_then(Value::as_str));
        }
        for (builder, number) in self.numbers.iter_mut().zip(numbers) {
            builder.append_option(number);
        }
        self.bounds.append_option(bucket.map(|(bound, _)| bound));
        self.bucket_counts.append_option(bucket.map(|(_, count)| count));
        self.rows += 1;
    }

    fn take(&mut self, schema: &SchemaRef) -> parquet::errors::Result<RecordBatch> {
        self.rows = 0;
        let mut columns = Vec::<ArrayRef>::new();
        columns.extend(self.texts.iter_mut().map(|builder| -> ArrayRef { Arc::new(builder.finish()) }));
        columns.push(Arc::new(self.timestamps.finish()));
        columns.extend(self.labels.iter_mut().map(|(_, builder)| -> ArrayRef { Arc::new(builder.finish()) }));
        columns.extend(self.numbers.iter_mut().map(|builder| -> ArrayRef { Arc::new(builder.finish()) }));
        columns.push(Arc::new(self.bounds.finish()));
        columns.push(Arc::new(self.bucket_counts.finish()));
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

/// The file's origin, by AIPerf's keys; those specific to Python are left out.
fn metadata(artifacts: &Artifacts<'_>, server: &ServerMetrics, seen: &Seen) -> Vec<KeyValue> {
    let run = artifacts.run;
    let mut pairs = Vec::new();
    let mut put = |key: &str, value: String| pairs.push(KeyValue::new(format!("aiperf.{key}"), value));
    put("schema_version", "1.0".to_owned());
    put("version", AIPERF_VERSION.to_owned());
    put("benchmark_id", run.run_id.clone());
    put("exporter", "aiperfd".to_owned());
    put("hostname", run.host.hostname.clone());
    if let Some(window) = artifacts.settings.profiling {
        let date = |stamp| artifacts.settings.clock.real(stamp).0.to_string();
        put("time_filter_start_ns", date(window.begin));
        put("time_filter_end_ns", date(window.end));
        put("profiling_duration_ns", window.length().0.to_string());
        put("profiling_duration_seconds", window.length().as_seconds().to_string());
    }
    put("input_config", summary::input_config(artifacts).to_string());
    put("model_names", json!(run.plan.endpoint.models).to_string());
    let phase = run.plan.load.profiling();
    let concurrency = phase.and_then(|phase| phase.concurrency);
    put("concurrency", concurrency.map_or_else(|| "None".to_owned(), |users| users.to_string()));
    if let Some(rate) = phase.and_then(|phase| phase.request_rate) {
        put("request_rate", rate.to_string());
    }
    let urls = server.summaries.endpoints.keys().collect::<Vec<_>>();
    put("endpoint_urls", json!(urls).to_string());
    put("endpoint_count", urls.len().to_string());
    put("label_columns", json!(seen.labels).to_string());
    put("label_count", seen.labels.len().to_string());
    put("metric_count", seen.kinds.values().sum::<u64>().to_string());
    put("metric_type_counts", json!(seen.kinds).to_string());
    put("schema_note", NOTE.to_owned());
    pairs
}

const NOTE: &str = "Label columns vary by endpoint/model. Use union_by_name=true for cross-file queries.";

/// Column names that labels must not have.
const RESERVED: &[&str] = &[
    "endpoint_url",
    "metric_name",
    "metric_type",
    "unit",
    "description",
    "timestamp_ns",
    "value",
    "sum",
    "count",
    "bucket_le",
    "bucket_count",
];

/// Rows that are encoded together, rounded up to a scrape.
const BATCH_ROWS: usize = 10_000;
