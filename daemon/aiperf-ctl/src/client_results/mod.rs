//! Compares the results reported by an audited client with the kernel's measurements of the same requests.
//!
//! ```text
//! find.rs    files that the command wrote ─▶ compare: figures by definition ─┐
//!                                       └──▶ import: when it noticed events ─┼──▶ comparison.rs: table, JSON
//! records of the audit ──▶ report: of the requests that the client counts ───┘ └▶ events.rs: CSV, event by event
//! ```

mod comparison;
mod events;
mod find;

use crate::compare;
use crate::plan::Refusal;
use crate::report::Reported;
use crate::terminal::print_warning;
use anyhow::{Context, Result};
use comparison::Comparison;
pub(crate) use find::Search;
use import::Noticed;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use store::Folder;

/// Compares a command's own result with the audit's records in a directory, writes the comparison there, and returns its table;
/// `None` when the command wrote no result.
pub(crate) fn write_comparison(
    directory: &Path,
    reported: &Reported,
    result: Option<&Path>,
) -> Result<Option<String>> {
    let Some(path) = result else { return Ok(None) };
    let mut client = compare::read(&figures_file(path)?, None)
        .with_context(|| format!("failed to read the client's results in `{}`", path.display()))?;
    client.label = path.display().to_string();
    let noticed = noticed(path)?;
    let counted = noticed.iter().filter(|request| request.is_profiling);
    let counted = counted.map(|request| request.client_request_id.as_str()).collect::<HashSet<_>>();
    let comparison = if counted.is_empty() {
        Comparison::of_all(client, &reported.report)
    } else {
        let among = Reported::compute_among(directory, |request| {
            request.client_request_id.as_deref().is_some_and(|id| counted.contains(id))
        })?;
        let comparison = Comparison::of_counted(client, &among.report, counted.len());
        match events::matched(directory, &noticed)? {
            Some(delays) => comparison.with_delays(delays),
            None => comparison,
        }
    };
    let mut json = Folder::open(directory)?.create(FILE)?;
    writeln!(json, "{:#}", comparison.json()).with_context(|| format!("failed to write `{FILE}`"))?;
    json.finish()?;
    Ok(Some(comparison.text()))
}

/// The result if exactly one was found; a warning if there are several.
pub(crate) fn only(found: Vec<PathBuf>) -> Option<PathBuf> {
    let mut found = found.into_iter();
    let first = found.next()?;
    let others = found.collect::<Vec<_>>();
    if others.is_empty() {
        return Some(first);
    }
    let all = std::iter::once(&first).chain(&others).map(|path| path.display().to_string());
    let all = all.collect::<Vec<_>>().join(", ");
    print_warning(&format!("the command wrote several results ({all}): select one with --client-result"));
    None
}

/// Refuses to write the report into a directory where it would overwrite the command's own result.
pub(crate) fn refuse_to_overwrite(directory: &Path, found: &[PathBuf]) -> Result<(), Refusal> {
    let ours = directory.canonicalize().ok();
    match found.iter().find(|path| path.canonicalize().ok() == ours) {
        None => Ok(()),
        Some(path) => Err(Refusal(format!(
            "the command wrote its own result into `{0}`, and this report's files have the same names: nothing was \
             overwritten. The kernel's measurements are there too: `aiperf-ctl report {0} --artifact-dir OTHER` reports them; \
             next time give this command another --artifact-dir",
            path.display()
        ))),
    }
}

/// The file that contains a result's figures: in AIPerf's directory its summary.
fn figures_file(path: &Path) -> Result<PathBuf> {
    let summary = if path.is_dir() { import::summary(path)? } else { None };
    Ok(summary.unwrap_or_else(|| path.to_owned()))
}

/// When the client noticed each event, if it stored that.
fn noticed(path: &Path) -> Result<Vec<Noticed>> {
    let directory = if path.is_dir() { Some(path) } else { path.parent() };
    match directory.filter(|directory| import::is_foreign(directory).unwrap_or(false)) {
        Some(directory) => Ok(import::noticed(directory)?),
        None => Ok(Vec::new()),
    }
}

/// The file of the comparison.
const FILE: &str = "client_and_kernel.json";
