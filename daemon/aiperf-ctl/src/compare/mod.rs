//! Runs `aiperf-ctl compare`: runs compared metric by metric, matched by definition, with the significance of differences.
//!
//! ```text
//! summary.rs   AIPerf's JSON ─┐
//! vllm.rs      vLLM's JSON ───┼──▶ figures.rs: by tag and statistic ──▶ noise.rs ──▶ table.rs
//! guidellm.rs  GuideLLM's ────┤                                    └──▶ gate.rs: --fail-if
//! report       our records ───┘
//! ```
//!
//! Another tool's metric is mapped to the tag with the same definition (docs/METRICS.md), whatever its name.

mod figures;
mod gate;
mod guidellm;
mod noise;
mod summary;
mod table;
mod vllm;

use crate::GATE;
use crate::args::{CompareArgs, CompareFormat, ConsoleArg};
use crate::memory;
use crate::plan::Refusal;
use crate::report;
use crate::terminal::{print_result, print_warning};
use anyhow::{Context, Result};
pub(crate) use figures::Figures;
use gate::Gate;
use serde_json::Value;
use std::path::Path;
use store::source;

/// Compares the runs; returns the exit status.
pub(crate) fn run(args: &CompareArgs) -> Result<u8> {
    memory::limit();
    let gates = args.fail_if.iter().map(|text| Gate::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let runs = args.runs.iter().map(|path| read(path, args.tokenizer.as_deref()));
    let runs = runs.collect::<Result<Vec<_>>>()?;
    let wanted = |tag: &str, stat: &str| {
        let named = |name: &String| *name == tag || name.split_once('.') == Some((tag, stat));
        match args.console {
            _ if !args.metrics.is_empty() => args.metrics.iter().any(named),
            ConsoleArg::Summary if args.format == CompareFormat::Table => table::is_on_screen(tag, stat),
            _ => table::is_usual(tag, stat),
        }
    };
    print_result(&match args.format {
        CompareFormat::Table => table::draw(&runs, wanted),
        CompareFormat::Json => format!("{:#}\n", table::json(&runs, wanted)),
    });
    let mut failed = false;
    for gate in &gates {
        for verdict in gate.judge(&runs)? {
            failed = true;
            print_warning(&verdict);
        }
    }
    Ok(if failed { GATE } else { 0 })
}

/// Whether a document is a tool's, and a reader of its figures.
type Reader = (fn(&Value) -> bool, fn(String, &Value) -> Figures);

/// The figures of a run, whichever tool produced it.
pub(crate) fn read(path: &Path, tokenizer: Option<&str>) -> Result<Figures> {
    let label = path.display().to_string();
    if path.is_dir() {
        if report::holds_records(path)? {
            let (results, verdict) = report::figures(path, tokenizer)?;
            let mut figures = Figures::of_report(label, &results);
            figures.verdict = verdict;
            return Ok(figures);
        }
        let inside = path.join("profile_export_aiperf.json");
        if inside.is_file() {
            return read(&inside, tokenizer);
        }
        return Err(
            Refusal(format!("`{label}` contains neither records nor profile_export_aiperf.json")).into()
        );
    }
    let text = source::read(path, DOCUMENT_BYTES_MAX)
        .map_err(|error| Refusal(format!("failed to read `{label}`: {error}")))?;
    let document: Value =
        serde_json::from_slice(&text).with_context(|| format!("failed to parse `{label}`"))?;
    match of_document(&label, &document) {
        Some(figures) => Ok(figures),
        None => Err(Refusal(format!(
            "`{label}` is not one of: profile_export_aiperf.json, a result of `vllm bench serve`, GuideLLM's JSON"
        ))
        .into()),
    }
}

/// The figures of a document, if a supported tool produced it.
pub(crate) fn of_document(label: &str, document: &Value) -> Option<Figures> {
    let readers: [Reader; 3] =
        [(guidellm::is_it, guidellm::read), (vllm::is_it, vllm::read), (summary::is_it, summary::read)];
    let (_, read) = readers.iter().find(|(is_it, _)| is_it(document))?;
    Some(read(label.to_owned(), document))
}

/// Maximum size of a document; the largest are GuideLLM's, which contain every request.
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;
