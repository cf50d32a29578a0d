//! Runs `aiperf-ctl compare`: runs compared metric by metric, matched by definition, with the significance of differences.
//!
//! ```text
//! summary.rs   AIPerf's JSON ─┐
//! vllm.rs      vLLM's JSON ───┼──▶ figures.rs: a run ──▶ side.rs: one run or several ──▶ rows.rs: judged ──▶ table.rs
//! guidellm.rs  GuideLLM's ────┤                                                     └──▶ gate.rs: --fail-if
//! report       our records ───┘
//! curves/      sweeps: a side for each variation, and one for the curve
//! samples.rs   each request's latencies ──▶ page.rs: verdicts, the table, distributions and how far they are apart
//! ```
//!
//! Another tool's metric is mapped to the tag with the same definition (docs/METRICS.md), whatever its name.

mod curves;
mod figures;
mod gate;
mod guidellm;
mod limit;
mod page;
mod rows;
mod samples;
mod side;
mod summary;
mod table;
mod vllm;

use crate::args::{CompareArgs, CompareFormat, ConsoleArg, Unsure};
use crate::memory;
use crate::output_file;
use crate::plan::Refusal;
use crate::report;
use crate::terminal::{print_result, print_warning};
use crate::{GATE, UNSURE};
use anyhow::{Context, Result};
use curves::{Curves, is_sweep};
use export::view::Section;
use export::{Colour, console};
pub(crate) use figures::{Figure, Figures};
use gate::{Condition, Outcome};
pub(crate) use limit::{Judgeable, ends};
use rows::Assumed;
use serde_json::Value;
use side::Side;
use statistics::Gate;
use std::path::{Path, PathBuf};
use store::source;

/// Compares the sides; returns the exit status.
pub(crate) fn run(args: &CompareArgs) -> Result<u8> {
    memory::limit();
    let conditions = args.fail_if.iter().map(|text| Condition::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let wanted = |tag: &str, stat: &str| {
        let named = |name: &String| *name == tag || name.split_once('.') == Some((tag, stat));
        match args.console {
            _ if !args.metrics.is_empty() => args.metrics.iter().any(named),
            ConsoleArg::Summary if args.format != CompareFormat::Json => rows::is_on_screen(tag, stat),
            _ => rows::is_usual(tag, stat),
        }
    };
    let assumed = Assumed { relevant: args.relevant_shift / 100.0, variation: args.run_variation / 100.0 };
    let tokenizer = args.tokenizer.as_deref();
    if args.format == CompareFormat::Html {
        page::check(args.runs.len())?;
    }
    if are_sweeps(&args.runs)? {
        let curves = Curves::read(&args.runs, tokenizer, assumed, wanted)?;
        let (sections, json) = (|| curves.sections(assumed), || curves.json(assumed));
        print(args, sections, json, || Ok(page::of_sweeps(&args.runs, &sections(), &json())))?;
        return status(args, &conditions, |condition| curves.judge(condition, assumed));
    }
    let sides = args.runs.iter().map(|path| side(path, tokenizer)).collect::<Result<Vec<_>>>()?;
    let rows = rows::rows(&sides, assumed, wanted);
    print(
        args,
        || table::sections(&sides, &rows, assumed),
        || table::json(&sides, &rows, assumed),
        || page::of_runs(&args.runs, tokenizer, &sides, &rows, assumed),
    )?;
    status(args, &conditions, |condition| condition.judge(&sides, assumed.variation, 1))
}

/// Whether the sides are sweeps.
///
/// # Errors
/// When some are, and others are not.
fn are_sweeps(paths: &[PathBuf]) -> Result<bool, Refusal> {
    let Some(sweep) = paths.iter().find(|path| is_sweep(path)) else { return Ok(false) };
    match paths.iter().find(|path| !is_sweep(path)) {
        None => Ok(true),
        Some(other) => Err(Refusal(format!(
            "`{}` is a sweep and `{}` is not: compare sweeps with sweeps, and runs with runs",
            sweep.display(),
            other.display()
        ))),
    }
}

/// Prints the comparison in its format, or writes it to the user's file.
fn print(
    args: &CompareArgs,
    sections: impl Fn() -> Vec<Section>,
    json: impl Fn() -> Value,
    page: impl Fn() -> Result<String>,
) -> Result<()> {
    let text = match args.format {
        CompareFormat::Table => {
            let (width, colour) = report::terminal(ConsoleArg::Full);
            let colour = if args.output.is_some() { Colour::Plain } else { colour };
            console::sections(&sections(), width, colour)
        }
        CompareFormat::Json => format!("{:#}\n", json()),
        CompareFormat::Html => page()?,
    };
    match &args.output {
        Some(path) => {
            output_file::write(path, "--output", text.as_bytes())?;
            print_result(&format!("Saved: {}\n", path.display()));
        }
        None => print_result(&text),
    }
    Ok(())
}

/// The exit status of all conditions; what they say is printed.
fn status(
    args: &CompareArgs,
    conditions: &[Condition],
    judge: impl Fn(&Condition) -> Result<Vec<Outcome>, Refusal>,
) -> Result<u8> {
    let mut worst = 0;
    for condition in conditions {
        for outcome in judge(condition)? {
            worst = worst_of(worst, status_of(&outcome, args.fail_if_unsure));
            if !outcome.text.is_empty() {
                print_warning(&outcome.text);
            }
        }
    }
    Ok(worst)
}

/// The exit status of an outcome.
fn status_of(outcome: &Outcome, unsure: Unsure) -> u8 {
    match (outcome.gate, unsure) {
        (Gate::Holds, _) | (Gate::CantTell, Unsure::Fail) => GATE,
        (Gate::HoldsNot, _) | (Gate::CantTell, Unsure::Pass) => 0,
        (Gate::CantTell, Unsure::Value) => {
            if outcome.by_value {
                GATE
            } else {
                0
            }
        }
        (Gate::CantTell, Unsure::Status) => UNSURE,
    }
}

/// A failure is worse than what can't be decided, and that than nothing.
const fn worst_of(first: u8, second: u8) -> u8 {
    match (first, second) {
        (GATE, _) | (_, GATE) => GATE,
        (UNSURE, _) | (_, UNSURE) => UNSURE,
        _ => 0,
    }
}

/// A side: one run, or the runs that `--num-profile-runs` made.
fn side(path: &Path, tokenizer: Option<&str>) -> Result<Side> {
    let runs = runs_below(path)?;
    if runs.is_empty() {
        return Ok(Side::of(read(path, tokenizer)?));
    }
    let runs = runs.iter().map(|run| read(run, tokenizer)).collect::<Result<Vec<_>>>()?;
    Ok(Side { label: path.display().to_string(), runs })
}

/// The directories of repeated runs below this one, in their order; those without results are left out.
fn runs_below(path: &Path) -> Result<Vec<PathBuf>> {
    let below = path.join("profile_runs");
    if !below.is_dir() {
        return Ok(Vec::new());
    }
    let failed = || format!("failed to read `{}`", below.display());
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(&below).with_context(failed)? {
        let run = entry.with_context(failed)?.path();
        let holds = run.is_dir() && (report::holds_records(&run)? || run.join(SUMMARY).is_file());
        runs.extend(holds.then_some(run));
    }
    runs.sort();
    Ok(runs)
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
        let inside = path.join(SUMMARY);
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

/// AIPerf's summary of a run.
const SUMMARY: &str = "profile_export_aiperf.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_status() {
        let outcome = |gate, by_value| Outcome { gate, by_value, text: String::new() };
        let check = |gate, unsure, by_value, expected| {
            assert_eq!(
                status_of(&outcome(gate, by_value), unsure),
                expected,
                "{gate:?} {unsure:?} {by_value}"
            );
        };
        check(Gate::Holds, Unsure::Pass, true, GATE);
        check(Gate::HoldsNot, Unsure::Fail, false, 0);
        check(Gate::CantTell, Unsure::Status, true, UNSURE);
        check(Gate::CantTell, Unsure::Pass, true, 0);
        check(Gate::CantTell, Unsure::Fail, false, GATE);
        check(Gate::CantTell, Unsure::Value, true, GATE);
        check(Gate::CantTell, Unsure::Value, false, 0);
        assert_eq!(worst_of(worst_of(0, UNSURE), GATE), GATE, "a failure is the worst");
        assert_eq!(worst_of(UNSURE, 0), UNSURE, "then what can't be decided");
    }
}
