//! docs/DATA.md, docs/DOCTOR.md, docs/FLAGS.md, docs/METRICS.md, docs/VERDICT.md, docs/man and docs/completions are what the code says.
//! With `XTASK_DOCS=write` they are made so.

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use record::{
    Clock, ColumnInfo, GPU_METRICS, GpuKind, GpuSample, Request, Response, Row, ServerSample, Source, Token,
    Unit,
};
use std::collections::BTreeSet;
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

#[test]
fn doctor() {
    check("DOCTOR.md", &doctor::markdown());
}

#[test]
fn verdict() {
    check("VERDICT.md", &(aiperfd::verdict::markdown() + aiperf_ctl::PLUGIN_REASONS));
}

#[test]
fn man_pages() {
    let mut names = BTreeSet::new();
    for (command, section) in
        [(aiperf_ctl::command(), "1"), (aiperfd::Args::command(), "8"), (load_generator(), "8")]
    {
        let mut command = command.disable_help_subcommand(true);
        command.build();
        pages(&command, section, &mut names);
    }
    check_no_other("man", &names);
}

#[test]
fn completions() {
    let mut names = BTreeSet::new();
    for (command, name) in [(aiperf_ctl::command(), "aiperf-ctl"), (aiperfd::Args::command(), "aiperfd")] {
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            check(&format!("completions/{file}"), &aiperf_ctl::completion_script(shell, &command, name));
            names.insert(file);
        }
    }
    check_no_other("completions", &names);
}

/// Makes the page of a command, and those of its subcommands.
fn pages(command: &clap::Command, section: &str, names: &mut BTreeSet<String>) {
    for subcommand in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        pages(subcommand, section, names);
    }
    let title = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let file = format!("{title}.{section}");
    let mut page = Vec::new();
    let source = format!("aiperfd {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(title).section(section).source(source).manual("aiperfd");
    man.render(&mut page).expect("a vector takes every page");
    let page = String::from_utf8(page).expect("a page is text");
    check(&format!("man/{file}"), &readable(&page, command));
    names.insert(file);
}

/// A page whose synopsis does not name a hundred flags, and whose last section is called by what it says.
fn readable(page: &str, command: &clap::Command) -> String {
    let page = page
        .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n")
        .replace(".SH EXTRA\nExit status:\n", ".SH EXIT STATUS\n");
    let page = LAST_SECTIONS.iter().fold(page, |page, heading| unfilled(&page, heading));
    let (Some(begin), Some(end)) = (page.find(SYNOPSIS), page.find(".SH DESCRIPTION\n")) else { return page };
    if command.get_arguments().count() <= FLAGS_NAMED {
        return page;
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().replace('-', "\\-");
    format!("{}{SYNOPSIS}{usage}\n{}", &page[..begin], &page[end..])
}

/// The load generator's command line, which its program reads by hand.
fn load_generator() -> clap::Command {
    let flag = |name: &'static str, help: &'static str| {
        clap::Arg::new(name).long(name).help(help).action(clap::ArgAction::SetTrue)
    };
    clap::Command::new("aiperf-loadgen")
        .about("Sends a run's requests; aiperfd starts it, as a user without privileges")
        .disable_help_flag(true)
        .arg(
            flag("version", "Print the version, the commit and the digest of the kernel programs").short('V'),
        )
        .arg(flag("json", "Print them as JSON"))
}

/// A folder that is made has nothing else.
fn check_no_other(folder: &str, names: &BTreeSet<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(folder);
    for entry in fs::read_dir(&path).expect("the folder is there") {
        let name = entry.expect("the folder can be read").file_name().into_string().expect("names are text");
        assert!(names.contains(&name), "docs/{folder}/{name} is of no command: remove it");
    }
}

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var("XTASK_DOCS").is_ok_and(|mode| mode == "write") {
        path.parent().map(fs::create_dir_all).expect("it has a folder").expect("the folder can be made");
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
            "One row per scrape of a server's metrics (`up`), then one per number that is not what the scrape before found. Rows whose \
             `endpoint_url` begins with `sockets://` are what the kernel reports ten times a second of the sockets of a server of this \
             host: `aiperfd:accept_queue`, the connections that it has not accepted, of at most `aiperfd:accept_queue_limit`; \
             `aiperfd:unread_connections`, those with bytes that it has not read, and `aiperfd:unread_bytes`; `aiperfd:connections`. The \
             last three are absent where connections end in another network namespace than the command's.",
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
        Clock::Realtime => "Unix time",
        Clock::None => "–",
    }
}

const fn source(source: Source) -> &'static str {
    match source {
        Source::Schedule => "schedule",
        Source::HotCore => "hot core",
        Source::ResponseParser => "response parser",
        Source::Kernel => "kernel",
        Source::Join => "join",
        Source::Server => "server",
        Source::Scraper => "scraper",
        Source::Collector => "collector",
        Source::Driver => "driver",
    }
}

/// A page whose section of this heading keeps its lines as they are.
fn unfilled(page: &str, heading: &str) -> String {
    let Some((before, section)) = page.split_once(heading) else { return page.to_owned() };
    let end = section.find("\n.SH ").map_or(section.len(), |end| end + 1);
    let (section, after) = section.split_at(end);
    format!("{before}{heading}.nf\n{}\n.fi\n{after}", section.trim_end())
}

const LAST_SECTIONS: [&str; 2] = [".SH EXAMPLES\n", ".SH EXIT STATUS\n"];
const SYNOPSIS: &str = ".SH SYNOPSIS\n";
/// Flags that a synopsis names one by one.
const FLAGS_NAMED: usize = 20;

const GPU_HEAD: &str = "
The metrics by name. AIPerf's have its names and units; of a counter the run's share is the difference. Where a call
fails, a row has the call's name in place of the metric and the error as its text, once. Names with `_sample` are the driver's own
samples, each with its own time; `nvidia_power_usage` is what the driver averages over a second on most chips since
Ampere, `nvidia_power_instant` is not. `nvidia_throttle_reasons` are the bits of `nvmlClocksEventReasons`.

| metric | name | unit | kind | whose |
| --- | --- | --- | --- | --- |
";

const HEAD: &str = "# Data

Made by `cargo xtask docs` from `daemon/record`; do not edit. Each file is Parquet; its key-value metadata
(`aiperfd.*`) holds the schema's version, the run's id and timestamp source, the kernel, the processor, and one moment on
both clocks (`aiperfd.clock_mono_ns`, `aiperfd.clock_real_ns`), by which stamps become dates.

Stamps are nanoseconds on `CLOCK_MONOTONIC`, the clock of `bpf_ktime_get_ns`. A column that may be absent is null where
there is no value; nothing is ever filled in. Sources: the *schedule* decides, the *hot core* sends and reads, the
*response parser* parses what was read, the *kernel* stamps segments (by the run's timestamp source), the *join* matches
stamps to bytes, the *server* responds, the *scraper* reads its metrics, the *collector* polls a GPU's *driver*. `run.json`
next to these files holds the plan, the host, counters of loss and the verdict.

Rows are in the order in which requests ended; the events of a request are next to each other, by their place in the
response. A row group has 262,144 rows, with the least and the greatest value of each column. Integers are delta-encoded
(`DELTA_BINARY_PACKED`), texts are in a dictionary, everything is compressed with Zstandard: an event takes 7
bytes, a request 44 (20,000 requests of 500 events). pyarrow, DuckDB and Polars read the same from them (`daemon/store/tests/readers`).

```sql
-- time to first token by the kernel, in milliseconds, with DuckDB
SELECT quantile_cont((first_token_kernel_ns - kernel_sent_last_ns) / 1e6, [0.5, 0.99]) FROM 'requests.parquet';
```
";
