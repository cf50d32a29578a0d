//! docs/DATA.md, docs/FLAGS.md and docs/METRICS.md are what the code says. With `XTASK_DOCS=write` they are made so.

use record::{
    Clock, ColumnInfo, GPU_METRICS, GpuKind, GpuSample, Request, Response, Row, ServerSample, Source, Token,
    Unit,
};
use std::fmt::Write;
use std::fs;
use std::path::Path;

#[test]
fn data() {
    check("DATA.md", &data_markdown());
}

#[test]
fn metrics() {
    check("METRICS.md", &metric::docs::markdown());
}

#[test]
fn flags() {
    check("FLAGS.md", &aiperf_ctl::flags_markdown());
}

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var("XTASK_DOCS").is_ok_and(|mode| mode == "write") {
        fs::write(&path, expected).expect("the folder of documents can be written to");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{name} is not what the code says: run `cargo xtask docs`");
}

fn data_markdown() -> String {
    let mut text = String::from(HEAD);
    for (file, about, columns) in [
        ("requests.parquet", "One row per request.", Request::columns()),
        ("tokens.parquet", "One row per event of a response.", Token::columns()),
        (
            "responses.parquet",
            "One row per event and per response head; only with `--export-level raw`.",
            Response::columns(),
        ),
        (
            "server_metrics.parquet",
            "One row per scrape of a server's metrics (`up`), then one per number that is not what the scrape before found.",
            ServerSample::columns(),
        ),
        (
            "gpu.parquet",
            "One row per number that was read of a GPU; only of runs in which GPUs were read.",
            GpuSample::columns(),
        ),
    ] {
        write!(text, "\n## {file}\n\n{about}\n\n").expect("a string takes every text");
        text.push_str("| column | type | may be absent | unit | clock | source | what it says |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
        for column in columns {
            text.push_str(&row(&column));
        }
    }
    gpu_metrics(&mut text);
    text
}

/// The names in the column `metric` of gpu.parquet.
fn gpu_metrics(text: &mut String) {
    text.push_str(GPU_HEAD);
    for metric in GPU_METRICS {
        let kind = match metric.kind {
            GpuKind::Gauge => "gauge",
            GpuKind::Counter => "counter",
            GpuKind::Bits => "bits",
        };
        let whose = if metric.is_aiperf { "AIPerf's" } else { "ours" };
        writeln!(text, "| `{}` | {} | {} | {kind} | {whose} |", metric.name, metric.header, metric.unit)
            .expect("a string takes every text");
    }
}

fn row(column: &ColumnInfo) -> String {
    let absent = if column.nullable { "yes" } else { "no" };
    format!(
        "| `{}` | {:?} | {absent} | {} | {} | {} | {} |\n",
        column.name,
        column.data_type,
        unit(column.unit),
        clock(column.clock),
        source(column.source),
        column.text.trim(),
    )
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds => "ns",
        Unit::Microseconds => "µs",
        Unit::Seconds => "s",
        Unit::Megabytes => "MB",
        Unit::Bytes => "bytes",
        Unit::Tokens => "tokens",
        Unit::Count => "count",
        Unit::Identity => "identity",
        Unit::Plain => "–",
    }
}

const fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Monotonic => "monotonic",
        Clock::None => "–",
    }
}

const fn source(source: Source) -> &'static str {
    match source {
        Source::Schedule => "schedule",
        Source::HotCore => "hot core",
        Source::Scribe => "scribe",
        Source::Kernel => "kernel",
        Source::Join => "join",
        Source::Server => "server",
        Source::Scraper => "scraper",
        Source::Collector => "collector",
        Source::Driver => "driver",
    }
}

const GPU_HEAD: &str = "
The metrics by name. AIPerf's have its names and units; of a counter the run's share is the difference. Where a call
fails, a row has the call's name in place of the metric and says why, once. Names with `_sample` are the driver's own
samples, each with its own time; `nvidia_power_usage` is what the driver averages over a second on most chips since
Ampere, `nvidia_power_instant` is not. `nvidia_throttle_reasons` are the bits of `nvmlClocksEventReasons`.

| metric | name | unit | kind | whose |
| --- | --- | --- | --- | --- |
";

const HEAD: &str = "# Data

Made by `cargo xtask docs` from `daemon/record`; do not edit. Each file is Parquet; its key-value metadata
(`aiperfd.*`) holds the schema's version, the run's id and rung, the kernel, the processor, and one moment on both
clocks (`aiperfd.clock_mono_ns`, `aiperfd.clock_real_ns`), by which stamps become dates.

Stamps are nanoseconds on `CLOCK_MONOTONIC`, the clock of `bpf_ktime_get_ns`. A column that may be absent is null where
there is no value; nothing is ever filled in. Sources: the *schedule* decides, the *hot core* sends and reads, the
*scribe* parses what was read, the *kernel* stamps segments (by the run's rung), the *join* matches stamps to bytes, the
*server* says, the *scraper* asks it for its metrics, the *collector* asks a GPU's *driver*. `run.json` beside these files holds the plan, the host, counters of loss and the verdict.

Rows stand in the order in which requests ended; the events of a request are next to each other, by their place in the
response. A row group has 262,144 rows, with the least and the greatest value of each column. Integers are delta-encoded
(`DELTA_BINARY_PACKED`), texts stand in a dictionary, everything is compressed with Zstandard: an event takes 7
bytes, a request 44 (20,000 requests of 500 events). pyarrow, DuckDB and Polars read the same from them (`daemon/export/tests/readers`).

```sql
-- time to first token by the kernel, in milliseconds, with DuckDB
SELECT quantile_cont((first_token_kernel_ns - kernel_sent_last_ns) / 1e6, [0.5, 0.99]) FROM 'requests.parquet';
```
";
