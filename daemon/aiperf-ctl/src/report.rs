//! From stored records to numbers, files and tables: the same for a run that has just ended and one of last year.

use crate::args::ReportArgs;
use crate::client::Client;
use crate::runs::fetch;
use crate::say::say;
use anyhow::{Context, Result, bail};
use export::parquet::{events, rows};
use export::{Artifacts, Colour, Stored, console, write_all};
use metric::{Analysis, Report, Settings};
use record::{Request, Run};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Computes the report of a stored run again.
pub(crate) fn run(args: &ReportArgs) -> Result<u8> {
    let given = PathBuf::from(&args.run);
    let fetched;
    let directory = if given.is_dir() {
        given
    } else {
        fetched = tempfile::tempdir().context("failed to make a temporary directory")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client::new(&args.socket);
        runtime.block_on(fetch(&client, &args.run, fetched.path())).with_context(|| {
            format!("`{}` is neither a directory nor a run that the daemon keeps", args.run)
        })?;
        fetched.path().to_owned()
    };
    let reported = Reported::compute(&directory)?;
    if let Some(to) = &args.artifact_dir {
        fs::create_dir_all(to).with_context(|| format!("failed to create `{}`", to.display()))?;
        reported.write(to)?;
    }
    reported.print()?;
    Ok(0)
}

/// A run with its numbers.
pub(crate) struct Reported {
    /// What the run says of itself.
    pub(crate) run: Run,
    /// Its numbers.
    pub(crate) report: Report,
    settings: Settings,
    stored: Stored,
    payloads: Vec<String>,
}

impl Reported {
    /// Computes the numbers of the run whose files lie in a directory.
    pub(crate) fn compute(directory: &Path) -> Result<Self> {
        let run = read_run(directory)?;
        let settings = Settings::of(&run);
        let [requests, tokens, responses] =
            ["requests", "tokens", "responses"].map(|stem| directory.join(format!("{stem}.parquet")));
        if !requests.is_file() {
            bail!("`{}` has no requests.parquet: it is no run of aiperfd", directory.display());
        }
        let mut analysis = Analysis::new(settings.clone());
        for batch in rows::<Request>(&requests)? {
            for request in batch? {
                analysis.request(&request);
            }
        }
        for batch in events(&tokens)? {
            analysis.events(&batch?);
        }
        let responses = if responses.is_file() { vec![responses] } else { Vec::new() };
        let stored = Stored { requests: vec![requests], tokens: vec![tokens], responses };
        let payloads = payloads(&directory.join("inputs.json"))?;
        Ok(Self { run, report: analysis.finish(), settings, stored, payloads })
    }

    /// Writes every file that the run wants.
    pub(crate) fn write(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        Ok(write_all(&self.artifacts(), directory)?)
    }

    /// Prints the console report, in colours only to a terminal.
    pub(crate) fn print(&self) -> Result<()> {
        let terminal = std::io::stdout().is_terminal();
        let colour =
            if terminal && std::env::var_os("NO_COLOR").is_none() { Colour::Ansi } else { Colour::Plain };
        let width =
            rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
        let width = if width < CONSOLE_WIDTH_MIN { CONSOLE_WIDTH } else { width };
        let mut text = Vec::new();
        console::write(&self.artifacts(), width, colour, &mut text)?;
        say(&String::from_utf8_lossy(&text));
        Ok(())
    }

    fn artifacts(&self) -> Artifacts<'_> {
        Artifacts {
            run: &self.run,
            report: &self.report,
            settings: &self.settings,
            exchanges: &self.stored,
            payloads: &self.payloads,
            utc_offset_seconds: 0,
        }
    }
}

/// `run.json` of a directory.
pub(crate) fn read_run(directory: &Path) -> Result<Run> {
    let path = directory.join("run.json");
    let text = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("failed to understand `{}`", path.display()))
}

/// The payloads of `inputs.json` by entry, each a JSON text; none if the file is not there.
fn payloads(path: &Path) -> Result<Vec<String>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let inputs: Inputs = serde_json::from_slice(&text)
        .with_context(|| format!("failed to understand `{}`", path.display()))?;
    Ok(inputs
        .data
        .into_iter()
        .flat_map(|session| session.payloads)
        .map(|payload| payload.to_string())
        .collect())
}

#[derive(serde::Deserialize)]
struct Inputs {
    data: Vec<Session>,
}

#[derive(serde::Deserialize)]
struct Session {
    payloads: Vec<serde_json::Value>,
}

/// The width that is taken where no terminal tells, as in the file.
const CONSOLE_WIDTH: usize = 140;
const CONSOLE_WIDTH_MIN: usize = 60;
