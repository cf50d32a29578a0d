//! What an audited client said of its own measurement, beside what the kernel saw of the same requests.
//!
//! ```text
//! find.rs    files that the command left ──▶ compare: figures by definition ─┐
//!                                       └──▶ import: when it noticed what ───┼──▶ beside.rs: table, JSON
//! records of the audit ──▶ report: of the requests that the client counts ───┘ └▶ events.rs: CSV, event by event
//! ```

mod beside;
mod events;
mod find;

use crate::compare;
use crate::plan::Refusal;
use crate::report::Reported;
use crate::say::say_warning;
use anyhow::{Context, Result};
use beside::Beside;
use export::Folder;
pub(crate) use find::Search;
use import::Noticed;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Sets what a command wrote beside the audit's records in a directory, writes files there, and gives the table; nothing
/// when the command left no result.
pub(crate) fn set_beside(
    directory: &Path,
    reported: &Reported,
    result: Option<&Path>,
) -> Result<Option<String>> {
    let Some(path) = result else { return Ok(None) };
    let mut client = compare::read(&said_in(path)?, None)
        .with_context(|| format!("failed to read what the client said in `{}`", path.display()))?;
    client.label = path.display().to_string();
    let noticed = noticed(path)?;
    let counted = noticed.iter().filter(|request| request.is_profiling);
    let counted = counted.map(|request| request.client_request_id.as_str()).collect::<HashSet<_>>();
    let beside = if counted.is_empty() {
        Beside::of_all(client, &reported.report)
    } else {
        let among = Reported::compute_among(directory, |request| {
            request.client_request_id.as_deref().is_some_and(|id| counted.contains(id))
        })?;
        let beside = Beside::of_counted(client, &among.report, counted.len());
        match events::matched(directory, &noticed)? {
            Some(delays) => beside.with_delays(delays),
            None => beside,
        }
    };
    let mut json = Folder::open(directory)?.create(FILE)?;
    writeln!(json, "{:#}", beside.json()).with_context(|| format!("failed to write `{FILE}`"))?;
    json.finish()?;
    Ok(Some(beside.text()))
}

/// Which of the results that were found is the one; a warning when that can't be told.
pub(crate) fn only(found: Vec<PathBuf>) -> Option<PathBuf> {
    let mut found = found.into_iter();
    let first = found.next()?;
    let others = found.collect::<Vec<_>>();
    if others.is_empty() {
        return Some(first);
    }
    let all = std::iter::once(&first).chain(&others).map(|path| path.display().to_string());
    let all = all.collect::<Vec<_>>().join(", ");
    say_warning(&format!("the command left several results ({all}): name one with --client-result"));
    None
}

/// A result that would be lost when the report is written into the same directory.
pub(crate) fn refuse_to_overwrite(directory: &Path, found: &[PathBuf]) -> Result<(), Refusal> {
    let ours = directory.canonicalize().ok();
    match found.iter().find(|path| path.canonicalize().ok() == ours) {
        None => Ok(()),
        Some(path) => Err(Refusal(format!(
            "the command wrote its own result into `{0}`, and this report's files have the same names: nothing of it was \
             touched. What the kernel saw is there too: `aiperf-ctl report {0} --artifact-dir OTHER` reports it; next \
             time give this command another --artifact-dir",
            path.display()
        ))),
    }
}

/// The file in which a result says its figures: of AIPerf's directory its summary.
fn said_in(path: &Path) -> Result<PathBuf> {
    let summary = if path.is_dir() { import::summary(path)? } else { None };
    Ok(summary.unwrap_or_else(|| path.to_owned()))
}

/// When the client noticed what, where it keeps that.
fn noticed(path: &Path) -> Result<Vec<Noticed>> {
    let directory = if path.is_dir() { Some(path) } else { path.parent() };
    match directory.filter(|directory| import::is_foreign(directory).unwrap_or(false)) {
        Some(directory) => Ok(import::noticed(directory)?),
        None => Ok(Vec::new()),
    }
}

/// Where the comparison lies.
const FILE: &str = "client_and_kernel.json";
