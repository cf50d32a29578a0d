//! Tests a server's metrics in AIPerf's long form: labels as columns, counters and histograms as increases.

use crate::sample_run::{bare, sample_run};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use common::clock::MonoNs;
use export::{Artifacts, EXPORTERS, Payloads, ServerMetrics};
use metric::{Report, Settings, Window};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use record::ServerSample;
use std::fs;
use store::parquet::{Limits, PartWriter, concat};

fn sample(at: u64, name: &str, kind: &str, labels: &str, part: Option<&str>, value: f64) -> ServerSample {
    ServerSample {
        endpoint_url: "http://a/metrics".to_owned(),
        asked_ns: MonoNs(at - 1),
        answered_ns: MonoNs(at),
        metric_name: name.to_owned(),
        metric_type: kind.to_owned(),
        description: String::new(),
        labels: labels.to_owned(),
        part: part.map(str::to_owned),
        value: Some(value),
    }
}

fn rows() -> Vec<ServerSample> {
    let mut rows = Vec::new();
    for (at, count) in [(50, 10.0), (150, 30.0), (250, 5.0)] {
        rows.push(sample(at, "up", "gauge", "", None, 1.0));
        rows.push(sample(at, "asked", "counter", r#"{"model":"m","count":"x"}"#, None, count));
        rows.push(sample(at, "running", "gauge", r#"{"rank":"0"}"#, None, count));
        for (part, value) in
            [("0.5", count), ("+Inf", 2.0 * count), ("sum", 3.0 * count), ("count", 2.0 * count)]
        {
            rows.push(sample(at, "took_seconds", "histogram", "{}", Some(part), value));
        }
    }
    rows
}

/// Each row as `name labels value sum count le bucket`.
fn described(batch: &RecordBatch) -> Vec<String> {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let text = |name: &str, row: usize| {
        let texts = column(name).as_string::<i32>();
        if texts.is_null(row) { "-".to_owned() } else { texts.value(row).to_owned() }
    };
    let number = |name: &str, row: usize| {
        let numbers = column(name).as_primitive::<Float64Type>();
        if numbers.is_null(row) { "-".to_owned() } else { numbers.value(row).to_string() }
    };
    let row = |row: usize| {
        let texts = ["metric_name", "model", "rank"].map(|name| text(name, row));
        let numbers = ["value", "sum", "count"].map(|name| number(name, row));
        let bucket = [text("bucket_le", row), number("bucket_count", row)];
        [texts.to_vec(), numbers.to_vec(), bucket.to_vec()].concat().join(" ")
    };
    (0..batch.num_rows()).map(row).collect()
}

#[test]
fn a_servers_metrics_are_written_as_aiperf_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = PartWriter::new(folder.path(), "part", Limits::STANDARD, &[]);
    rows().into_iter().for_each(|row| writer.push(row).unwrap());
    let stored = folder.path().join("server_metrics.parquet");
    concat(&writer.finish().unwrap(), &stored).unwrap();
    let run = sample_run(0);
    let window = Window { begin: MonoNs(100), end: MonoNs(300) };
    let settings = Settings { profiling: Some(window), ..Settings::of(&run) };
    let server = ServerMetrics::read(&stored, &settings).unwrap();
    let (report, payloads) = (Report::default(), Payloads::default());
    let artifacts = Artifacts { server: Some(&server), ..bare(&run, &report, &settings, &payloads) };
    let exporter =
        EXPORTERS.iter().find(|exporter| exporter.default == "server_metrics_export.parquet").unwrap();
    let mut file = Vec::new();
    (exporter.write)(&artifacts, &mut file).unwrap();
    let path = folder.path().join("long.parquet");
    fs::write(&path, file).unwrap();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(store::source::open(&path, 1 << 30).unwrap()).unwrap();
    let names = reader.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    assert_eq!(names[5..8], ["timestamp_ns", "model", "rank"], "a label with the name of a column has none");
    let file_metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(file_metadata.iter().any(|pair| pair.key == "aiperf.label_columns"), "the file's origin");
    let batches = reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(batches.len(), 1, "few rows");
    let expected = [
        "asked m - 20 - - - -",
        "running - 0 30 - - - -",
        "took_seconds - - - 60 40 0.5 20",
        "took_seconds - - - 60 40 +Inf 40",
        "asked m - 0 - - - -",
        "running - 0 5 - - - -",
        "took_seconds - - - 0 0 0.5 0",
        "took_seconds - - - 0 0 +Inf 0",
    ];
    assert_eq!(
        described(&batches[0]),
        expected,
        "increases since the last scrape before the phase; none after a reset"
    );
    let dates = batches[0].column_by_name("timestamp_ns").unwrap().as_primitive::<Int64Type>().clone();
    assert!(dates.values().is_sorted(), "in the order of the scrapes");
}
