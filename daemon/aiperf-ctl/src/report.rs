//! Computes metrics, files and tables from stored records: the same for a run that has just ended, an old one, and one of
//! another tool.

use crate::args::{ConsoleArg, FormatArg, ReportArgs};
use crate::daemon::Daemon;
use crate::gpu_report;
use crate::interrupt::Scratch;
use crate::memory;
use crate::observer::network_latency::stored_mean_ms;
use crate::observer::sink::mlflow;
use crate::plan::{Refusal, output};
use crate::response_texts::ResponseTexts;
use crate::runs::fetch;
use crate::terminal::{print_result, print_warning};
use crate::tokenizer_file;
use anyhow::{Context, Result, bail};
use export::{
    Artifacts, Colour, Extent, Payloads, ServerMetrics, Texts, TimelineFormat, console, write_wanted,
};
use import::Imported;
use metric::gpu::Gpus;
use metric::{Analysis, Case, Metric, MetricResult, Report, Settings, Threshold};
use record::{Reason, Request, Row, Run, Standing, Verdict};
use serde_json::Value;
use spec::{ExportLevel, FailOn, Output};
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use store::parquet::{Limits, PartWriter, concat};
use store::{Batch, Exchanges, Folder, Names, Stored, source};
use tokenizer::Tokenizer;

/// Recomputes the report of a stored run.
pub(crate) fn run(args: &ReportArgs) -> Result<u8> {
    memory::limit();
    let given = args.input.clone().or_else(|| args.run.as_ref().map(PathBuf::from)).unwrap_or_default();
    let fetched;
    let directory = match &args.run {
        Some(id) if !given.is_dir() => {
            fetched = Scratch::anywhere()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let to = Folder::open(fetched.path())?;
            let done = runtime.block_on(async {
                let daemon = Daemon::of_run(&args.socket, id).await?;
                fetch(&daemon.client, id, &to).await
            });
            done.with_context(|| format!("`{id}` is neither a directory nor a run that a daemon stores"))?;
            fetched.path().to_owned()
        }
        _ => given,
    };
    let reported = Reported::read(&directory, args)?;
    if let Some(to) = &args.artifact_dir {
        fs::create_dir_all(to).with_context(|| format!("failed to create `{}`", to.display()))?;
        reported.write_formats(to, &args.format)?;
    }
    reported.print(args.console)?;
    if args.mlflow.mlflow_upload {
        let from = args.artifact_dir.as_deref().unwrap_or(&directory);
        mlflow::upload_again(&args.mlflow, from)?;
    }
    Ok(0)
}

/// A run with its metrics.
pub(crate) struct Reported {
    /// The run's own description.
    pub(crate) run: Run,
    /// Its metrics.
    pub(crate) report: Report,
    settings: Settings,
    exchanges: Box<dyn Exchanges>,
    payloads: Payloads,
    texts: Option<ResponseTexts>,
    server: Option<ServerMetrics>,
    gpus: Option<Gpus>,
    /// The summary of the tool that produced the run, if that is another tool.
    foreign: Option<Value>,
    /// The directory of that tool's files.
    source: Option<PathBuf>,
    utc_offset_seconds: i64,
}

impl Reported {
    /// Computes the metrics of a run of aiperfd in a directory.
    pub(crate) fn compute(directory: &Path) -> Result<Self> {
        Self::of_ours(directory, |_| Ok(()), Some(|_: &Request| true))
    }

    /// A run of aiperfd or of another tool by its records: of aiperfd's own, no metric is computed.
    pub(crate) fn without_metrics(directory: &Path) -> Result<Self> {
        if directory.join("requests.parquet").is_file() {
            return Self::of_ours(directory, |_| Ok(()), None::<fn(&Request) -> bool>);
        }
        Self::of(directory)
    }

    /// Like [`Self::compute`], for a run of aiperfd or of another tool.
    pub(crate) fn of(directory: &Path) -> Result<Self> {
        Self::read_changed(directory, None, |_| Ok(()))
    }

    /// The settings that decide how its requests count.
    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its requests, one by one.
    pub(crate) fn exchanges(&self) -> &dyn Exchanges {
        &*self.exchanges
    }

    /// Like [`Self::compute`], for a selection of the requests.
    pub(crate) fn compute_among(directory: &Path, wanted: impl Fn(&Request) -> bool) -> Result<Self> {
        Self::of_ours(directory, |_| Ok(()), Some(wanted))
    }

    /// Like [`Self::compute`], for a run of aiperfd or of another tool, with the changes set by flags.
    fn read(directory: &Path, args: &ReportArgs) -> Result<Self> {
        Self::read_changed(directory, args.tokenizer.as_deref(), |output| {
            output::metrics(&args.metrics, output)?;
            // What is asked for by name is written.
            output.without_html &= !args.format.contains(&FormatArg::Html);
            for (tag, limit) in &output.goodput {
                Threshold::new(tag, *limit)
                    .context("the run's own goodput thresholds: override them with --goodput")?;
            }
            if args.profile_export_prefix.is_some() {
                output::prefix(args.profile_export_prefix.as_deref())?;
                output.export_prefix.clone_from(&args.profile_export_prefix);
            }
            if let Some(level) = args.export_level {
                output.export_level = output::level(level);
            }
            Ok(())
        })
    }

    fn read_changed(
        directory: &Path,
        counting: Option<&str>,
        change: impl FnOnce(&mut Output) -> Result<()>,
    ) -> Result<Self> {
        if !directory.is_dir() {
            return Err(Refusal(format!("`{}` is not a directory", directory.display())).into());
        }
        if directory.join("requests.parquet").is_file() {
            if counting.is_some() {
                return Err(Refusal(
                    "--tokenizer is for runs of other tools: this run's records contain its token counts"
                        .to_owned(),
                )
                .into());
            }
            return Self::of_ours(directory, change, Some(|_: &Request| true));
        }
        if directory.join("run.json").is_file() {
            let shown = directory.display();
            return Err(
                Refusal(format!("`{shown}` holds a run of aiperfd whose requests.parquet is gone")).into()
            );
        }
        if !import::is_foreign(directory)? {
            return Err(Refusal(format!(
                "`{}` contains no run: neither requests.parquet of aiperfd, nor profile_export_raw.jsonl[.gz] or \
                 profile_export.jsonl[.gz] of AIPerf",
                directory.display()
            ))
            .into());
        }
        Self::of_foreign(directory, import::read(directory, tokenizer(counting)?)?, change)
    }

    /// With the metrics of the requests that are wanted, or with none.
    fn of_ours(
        directory: &Path,
        change: impl FnOnce(&mut Output) -> Result<()>,
        wanted: Option<impl Fn(&Request) -> bool>,
    ) -> Result<Self> {
        let mut run = read_run(directory)?;
        let output = &mut run.plan.output;
        let measured = stored_mean_ms(directory, &Names::new(output.export_prefix.as_deref())?)?;
        output.network_latency_mean_ms = output.network_latency_mean_ms.or(measured);
        change(output)?;
        let settings = Settings::of(&run);
        let [requests, tokens, responses] =
            ["requests", "tokens", "responses"].map(|stem| directory.join(format!("{stem}.parquet")));
        if !requests.is_file() {
            bail!("`{}` has no requests.parquet: it is not a run of aiperfd", directory.display());
        }
        let mut analysis = Analysis::new(settings.clone());
        let stored = Stored { requests: vec![requests], tokens: vec![tokens], responses: Vec::new() };
        if let Some(wanted) = wanted {
            store::feed(&stored.requests, &stored.tokens, |batch| match batch {
                Batch::Requests(requests) => {
                    let wanted = requests.iter().filter(|request| wanted(request));
                    wanted.for_each(|request| analysis.request(request));
                }
                Batch::Events(events) => analysis.events(&events),
            })?;
        }
        let responses = if responses.is_file() { vec![responses] } else { Vec::new() };
        let server = directory.join("server_metrics.parquet");
        let server = server.is_file().then(|| ServerMetrics::read(&server, &settings)).transpose()?;
        let stored = Stored { responses, ..stored };
        let payloads = match run.plan.output.export_level {
            ExportLevel::Raw => Payloads::read(&directory.join("inputs.json"))?,
            ExportLevel::Summary | ExportLevel::Records => Payloads::default(),
        };
        let texts = if stored.responses.is_empty() { None } else { ResponseTexts::of(&run.plan) };
        let mut report = analysis.finish();
        let gpus = gpu_report::add(directory, &run.plan, &settings, &mut report);
        Ok(Self {
            run,
            report,
            settings,
            exchanges: Box::new(stored),
            payloads,
            texts,
            server,
            gpus,
            foreign: None,
            source: None,
            utc_offset_seconds: 0,
        })
    }

    fn of_foreign(
        directory: &Path,
        imported: Imported,
        change: impl FnOnce(&mut Output) -> Result<()>,
    ) -> Result<Self> {
        let Imported { mut run, exchanges, summary, utc_offset_seconds, warnings } = imported;
        warnings.iter().for_each(|warning| print_warning(warning));
        change(&mut run.plan.output)?;
        let settings = Settings::of(&run);
        let mut analysis = Analysis::new(settings.clone());
        for exchange in &exchanges {
            analysis.request(&exchange.request);
            analysis.tokens(&exchange.tokens);
        }
        Ok(Self {
            run,
            report: analysis.finish(),
            settings,
            exchanges: Box::new(exchanges),
            payloads: Payloads::default(),
            texts: None,
            server: None,
            gpus: None,
            foreign: Some(summary),
            source: Some(directory.to_owned()),
            utc_offset_seconds,
        })
    }

    /// A run with these requests, for tests.
    #[cfg(test)]
    pub(crate) fn of_requests(run: Run, requests: Vec<Request>) -> Result<Self> {
        let exchange =
            |request| store::Exchange { request, tokens: Vec::new(), responses: Vec::new(), foreign: None };
        let imported = Imported {
            run,
            exchanges: requests.into_iter().map(exchange).collect(),
            summary: Value::Null,
            utc_offset_seconds: 0,
            warnings: Vec::new(),
        };
        Self::of_foreign(Path::new(""), imported, |_| Ok(()))
    }

    /// Writes its timeline.
    pub(crate) fn timeline(&self, format: TimelineFormat, out: &mut dyn Write) -> Result<()> {
        Ok(export::timeline(&self.artifacts(), format, out)?)
    }

    /// Writes every file that the run is configured with.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        self.write_formats(directory, &[])
    }

    /// Writes the files in these formats, or all; for another tool's run also its records.
    fn write_formats(&self, directory: &Path, formats: &[FormatArg]) -> Result<()> {
        let is_wanted = |name: &str| {
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            formats.is_empty() || formats.iter().any(|format| format.extension() == ending)
        };
        write_wanted(&self.artifacts(), directory, is_wanted)?;
        let Some(source) = &self.source else { return Ok(()) };
        if is_wanted("requests.parquet") {
            self.write_records(directory)?;
        }
        if formats.is_empty() {
            let output = &self.run.plan.output;
            let names = Names::new(output.export_prefix.as_deref())?;
            import::copy_exchanges(source, directory, &names, output.export_level == ExportLevel::Raw)?;
        }
        Ok(())
    }

    /// Writes the files that `aiperf-ctl report` needs to read the run from there.
    fn write_records(&self, directory: &Path) -> Result<()> {
        let parts = Scratch::within(directory)?;
        let mut requests = PartWriter::new(parts.path(), "requests", Limits::STANDARD, &[]);
        let mut tokens = PartWriter::new(parts.path(), "tokens", Limits::STANDARD, &[]);
        for exchange in self.exchanges.iter()? {
            let exchange = exchange?;
            for token in exchange.tokens {
                tokens.push(token)?;
            }
            requests.push(exchange.request)?;
        }
        finish(requests, &directory.join("requests.parquet"))?;
        finish(tokens, &directory.join("tokens.parquet"))?;
        let mut file = Folder::open(directory)?.create("run.json")?;
        serde_json::to_writer_pretty(&mut file, &self.run)?;
        file.finish()?;
        Ok(())
    }

    /// Passes on each request of a measured phase as a row for plugins: the phase's place among them, and a line of JSON.
    pub(crate) fn each_row(&self, take: &mut dyn FnMut(u32, &[u8]) -> Result<()>) -> Result<()> {
        let mut failed = None;
        let done = export::rows(&self.artifacts(), &mut |set, row| match take(set, row) {
            Ok(()) => true,
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        failed.map_or(Ok(()), Err)?;
        Ok(done?)
    }

    /// `profile_export_aiperf.json` and `run.json`.
    pub(crate) fn summary_and_run(&self) -> Result<(Value, Value)> {
        let mut summary = Vec::new();
        export::write_summary(&self.artifacts(), &mut summary)?;
        Ok((serde_json::from_slice(&summary)?, serde_json::to_value(&self.run)?))
    }

    /// Adds plugins to the run's description, and to its verdict what they failed at: files that have either, or their digest, are
    /// written again.
    pub(crate) fn add_plugins(
        &mut self,
        plugins: Vec<record::Plugin>,
        reasons: Vec<Reason>,
        directory: &Path,
    ) -> Result<()> {
        self.run.plugins = plugins;
        let known = std::mem::take(&mut self.run.verdict.reasons);
        self.run.verdict = Verdict::from_reasons(known.into_iter().chain(reasons).collect());
        let mut file = Folder::open(directory)?.create("run.json")?;
        serde_json::to_writer_pretty(&mut file, &self.run)?;
        file.finish()?;
        // What has a line for each request has no verdict.
        let has_verdict = |name: &str| !name.ends_with(".jsonl") && !name.ends_with(".parquet");
        write_wanted(&self.artifacts(), directory, has_verdict)?;
        Ok(())
    }

    /// Passes on each metric value of each completed request of the phase `profiling`, in the displayed unit.
    pub(crate) fn each_number(&self, mut take: impl FnMut(&'static Metric, f64)) -> Result<()> {
        for exchange in self.exchanges.iter()? {
            let exchange = exchange?;
            let case = Case { request: &exchange.request, settings: &self.settings };
            if case.is_profiling() && case.is_valid() {
                metric::values(&case).for_each(|(metric, value)| take(metric, value.get()));
            }
        }
        Ok(())
    }

    /// Prints the console report, with colors only on a terminal.
    pub(crate) fn print(&self, console: ConsoleArg) -> Result<()> {
        let (width, colour) = terminal(console);
        print_result(&self.shown(console, width, colour)?);
        Ok(())
    }

    /// The report without colors, for standard error.
    pub(crate) fn text(&self, console: ConsoleArg) -> Result<String> {
        let width = match console {
            ConsoleArg::Summary => CLOSING_WIDTH,
            ConsoleArg::Full => CONSOLE_WIDTH,
        };
        self.shown(console, width, Colour::Plain)
    }

    /// What the server's own metrics say, if they were read.
    pub(crate) fn server_summaries(&self) -> Option<&metric::server::Summaries> {
        Some(&self.server.as_ref()?.summaries)
    }

    /// A run in one line, for a list of runs.
    pub(crate) fn line(&self) -> String {
        let report = &self.report;
        let reasons = self.run.verdict.reasons.iter().filter(|reason| reason.standing > Standing::Valid);
        let names = reasons.map(|reason| reason.name.as_str()).collect::<Vec<_>>().join(", ");
        let names = if names.is_empty() { names } else { format!(" ({names})") };
        let (requests, failed) = (report.requests, report.failed);
        format!("{requests} requests, {failed} failed: {}{names}", self.run.verdict.standing.name())
    }

    /// The reason that no request completed, if none did.
    pub(crate) fn no_response(&self) -> Option<String> {
        let report = &self.report;
        let is_so = report.failed == report.requests;
        let first = report.errors.first().map(|error| format!("{}: {}", error.kind, error.message));
        is_so.then(|| first.unwrap_or_else(|| "no request was sent".to_owned()))
    }

    /// The line that states where the files are.
    pub(crate) fn closing(&self, directory: &Path) -> Result<String> {
        let names = Names::new(self.run.plan.output.export_prefix.as_deref())?;
        let console = names.file("profile_export_console.txt", "_console.txt");
        let (results, tables) =
            (format!("Results: {}", directory.display()), format!("every table: {console}"));
        let one_line = format!("{results} ({tables})");
        Ok(if one_line.len() <= CLOSING_WIDTH { one_line } else { format!("{results}\n         {tables}") })
    }

    /// Whether the verdict is at the level of `--fail-on`, or worse.
    pub(crate) fn fails(&self, fail_on: FailOn) -> bool {
        let standing = self.run.verdict.standing;
        match fail_on {
            FailOn::Degraded => standing >= Standing::Degraded,
            FailOn::Invalid => standing >= Standing::Invalid,
            FailOn::Never => false,
        }
    }

    fn shown(&self, console: ConsoleArg, width: usize, colour: Colour) -> Result<String> {
        let extent = match console {
            ConsoleArg::Summary => Extent::Screen,
            ConsoleArg::Full => Extent::Full,
        };
        let mut text = Vec::new();
        console::write(&self.artifacts(), extent, width, colour, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn artifacts(&self) -> Artifacts<'_> {
        Artifacts {
            run: &self.run,
            report: &self.report,
            settings: &self.settings,
            exchanges: &*self.exchanges,
            payloads: &self.payloads,
            texts: self.texts.as_ref().map(|texts| texts as &dyn Texts),
            utc_offset_seconds: self.utc_offset_seconds,
            server: self.server.as_ref(),
            gpus: self.gpus.as_ref(),
            foreign: self.foreign.as_ref(),
        }
    }
}

/// The width of the terminal, or that of the files without one, and whether it has colors.
pub(crate) fn terminal(console: ConsoleArg) -> (usize, Colour) {
    let terminal = std::io::stdout().is_terminal();
    let colour =
        if terminal && std::env::var_os("NO_COLOR").is_none() { Colour::Ansi } else { Colour::Plain };
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    match console {
        ConsoleArg::Full if width < CONSOLE_WIDTH_MIN => (CONSOLE_WIDTH, colour),
        _ => (width, colour),
    }
}

/// Whether a directory contains records, of aiperfd or of another tool.
pub(crate) fn holds_records(directory: &Path) -> Result<bool> {
    Ok(directory.join("requests.parquet").is_file() || import::is_foreign(directory)?)
}

/// The results of the run in a directory, and the verdict if it is a run of aiperfd, which needs no tokenizer.
pub(crate) fn figures(
    directory: &Path,
    tokenizer: Option<&str>,
) -> Result<(Vec<MetricResult>, Option<String>)> {
    let is_ours = directory.join("requests.parquet").is_file();
    let tokenizer = tokenizer.filter(|_| !is_ours);
    let reported = Reported::read_changed(directory, tokenizer, |_| Ok(()))?;
    let verdict = is_ours.then(|| reported.run.verdict.standing.name().to_owned());
    Ok((reported.report.results, verdict))
}

/// Passes on the numbers of each request of the run in a directory, as [`figures`] reads it; returns the verdict of a run of aiperfd.
pub(crate) fn numbers(
    directory: &Path,
    tokenizer: Option<&str>,
    take: impl FnMut(&'static Metric, f64),
) -> Result<Option<Verdict>> {
    let is_ours = directory.join("requests.parquet").is_file();
    let tokenizer = tokenizer.filter(|_| !is_ours);
    let reported = Reported::read_changed(directory, tokenizer, |_| Ok(()))?;
    reported.each_number(take)?;
    Ok(is_ours.then_some(reported.run.verdict))
}

fn finish<R: Row>(writer: PartWriter<R>, path: &Path) -> Result<()> {
    Ok(concat(&writer.finish()?, path)?)
}

/// The tokenizer that `--tokenizer` names.
fn tokenizer(given: Option<&str>) -> Result<Option<Tokenizer>> {
    let path = match given {
        None => return Ok(None),
        Some("builtin") => return Ok(Some(Tokenizer::builtin())),
        Some(path) => Path::new(path),
    };
    let path = if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() };
    let bytes = source::read(&path, tokenizer_file::BYTES_MAX)
        .map_err(|error| Refusal(format!("--tokenizer: failed to read `{}`: {error}", path.display())))?;
    let tokenizer = Tokenizer::from_json(&bytes)
        .map_err(|error| Refusal(format!("--tokenizer `{}`: {error}", path.display())))?;
    Ok(Some(tokenizer))
}

/// Reads a directory's `run.json`.
pub(crate) fn read_run(directory: &Path) -> Result<Run> {
    let path = directory.join("run.json");
    let text =
        source::read(&path, RUN_BYTES_MAX).with_context(|| format!("failed to read `{}`", path.display()))?;
    let mut run: Run =
        serde_json::from_slice(&text).with_context(|| format!("failed to parse `{}`", path.display()))?;
    let endpoint = &mut run.plan.endpoint;
    // Runs of earlier versions name their endpoint only.
    if endpoint.capability.is_none() {
        endpoint.capability = endpoint::by_name(&endpoint.kind).map(|known| known.metadata().capability());
    }
    Ok(run)
}

/// Maximum size of the file, which has a plan with its phases, and the host's properties.
pub(crate) const RUN_BYTES_MAX: u64 = 64 << 20;
/// Width without a terminal, as in the file.
const CONSOLE_WIDTH: usize = 140;
const CONSOLE_WIDTH_MIN: usize = 60;
/// Width of a terminal; longer last lines are split in two.
const CLOSING_WIDTH: usize = 80;
