//! Builds the overview: the latencies, throughputs and lengths, failures, exports, and the verdict.

use super::latencies::{LATENCIES, LATENCY_STATS, Latency, from_server, of_histogram};
use super::{Cell, Document, Failures, Figures, Note, Section, Side, Table, Topic, head};
use crate::artifacts::Artifacts;
use metric::server::Twin;
use metric::{Report, Stat};
use record::{Run, Scaled, Streamed};

/// The overview of a run.
#[must_use]
pub fn overview(artifacts: &Artifacts<'_>) -> Document {
    let report = artifacts.report;
    let latencies = latencies(artifacts);
    let too_few = latencies.has_too_few_samples().then(|| {
        let text = "another run may well differ: requests are few, or depend on each other".to_owned();
        Note { topic: Topic::TooFewSamples, text }
    });
    let table = Some(latencies).filter(|table| !table.rows.is_empty()).map(Section::Table);
    let sections = table.into_iter().chain(totals(report).map(Section::Figures));
    let sections = sections.chain((report.failed > 0).then(|| Section::Failures(Failures::of(report))));
    let sections = sections.chain(scaled(artifacts.run).map(Section::Note));
    let sections = sections.chain(exports(artifacts.run).map(Section::Note));
    Document {
        head: head(artifacts),
        sections: sections.chain(too_few.map(Section::Note)).collect(),
        verdict: artifacts.run.verdict.clone(),
    }
}

/// The available latencies, from kernel timestamps if there are any, with the client's overhead.
fn latencies(artifacts: &Artifacts<'_>) -> Table {
    let report = artifacts.report;
    let kernel = LATENCIES.iter().any(|view| report.get(view.kernel).is_some());
    let whose = if kernel { "Measured by the kernel" } else { "Measured by the client" };
    let columns = LATENCY_STATS.map(|stat| (stat.name(), Side::Right));
    let columns = [(whose, Side::Left)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("", &columns);
    for Latency { label, client, kernel, added } in LATENCIES {
        let Some(result) = report.get(kernel).or_else(|| report.get(client)) else { continue };
        table.row([Cell::text(*label)].into_iter().chain(LATENCY_STATS.map(|stat| Cell::stat(result, stat))));
        if let Some(added) = report.get(added) {
            let numbers = LATENCY_STATS.map(|stat| Cell::stat(added, stat));
            table.row([Cell::Detail("added by the client")].into_iter().chain(numbers));
        }
        if let Some((_, server)) = from_server(artifacts, Twin::Client(client)).next() {
            let numbers = LATENCY_STATS.map(|stat| of_histogram(server, stat, 1e3));
            table.row([Cell::Detail("by the server's metrics")].into_iter().chain(numbers));
        }
    }
    table
}

/// Throughputs and lengths.
fn totals(report: &Report) -> impl Iterator<Item = Figures> {
    let of = |tag: &str, stat: Stat| report.stat(tag, stat).map(|value| value.get());
    let with = |parts: &[(&str, Option<f64>)]| {
        let known = parts.iter().filter(|(_, value)| value.is_some());
        let figures = known.map(|(label, value)| ((*label).to_owned(), Cell::number(*value)));
        Figures { title: None, figures: figures.collect() }
    };
    let completed = report.get("request_latency").or_else(|| report.get("kernel_request_latency"));
    let rates = with(&[
        ("Requests/s", completed.and_then(|_| of("request_throughput", Stat::Avg))),
        ("Output tokens/s", of("output_token_throughput", Stat::Avg)),
        ("In flight", completed.and_then(|_| of("effective_concurrency", Stat::Avg))),
    ]);
    let lengths = with(&[
        ("Tokens per request: in", of("input_sequence_length", Stat::Avg)),
        ("out", of("output_sequence_length", Stat::Avg)),
    ]);
    [rates, lengths].into_iter().filter(|line| !line.figures.is_empty())
}

/// How phases that changed their own load ended.
pub(super) fn scaled(run: &Run) -> impl Iterator<Item = Note> {
    run.adaptive_scale.iter().map(|scaled| {
        let Scaled { phase, control, reason, windows, void_windows, kernel_windows, .. } = scaled;
        let found = match (scaled.sustained, scaled.last_passing, scaled.first_failing) {
            (Some(value), ..) if scaled.sustain_windows == 0 => {
                format!("{control} {value} keeps the limits, and was not held for a window")
            }
            (Some(value), ..) if scaled.sustain_windows == scaled.sustain_passed => {
                format!("{control} {value} was sustained")
            }
            (Some(value), ..) => {
                let (windows, passed) = (scaled.sustain_windows, scaled.sustain_passed);
                format!("{control} {value} was held, and {passed} of {windows} windows kept the limits")
            }
            (None, Some(value), None) => format!("{control} {value} keeps the limits, and nothing above it was tried"),
            (None, Some(value), Some(_)) => format!("{control} {value} keeps the limits"),
            (None, None, _) => format!("no {control} that was tried keeps the limits"),
        };
        let failing = scaled.first_failing.map_or_else(String::new, |value| format!("; {value} misses a limit"));
        let why = match reason.as_str() {
            "sustain_duration_completed" => "it was held for long enough".to_owned(),
            "max_control_value_reached_without_saturation" => "its greatest value was reached".to_owned(),
            "no_sustainable_concurrency_found" => "its least value misses a limit".to_owned(),
            "sustain_failed_after_recovery" => "a limit was missed twice in a row while it was held".to_owned(),
            "sustain_failed_sla_unrecoverable" => "a limit was missed at the least value while it was held".to_owned(),
            "client_limited" => "this client was the limit, and the server may do more".to_owned(),
            "phase_stopped" => "the phase was over".to_owned(),
            "phase_cancelled" => "the run was stopped".to_owned(),
            other => other.to_owned(),
        };
        let clock = match kernel_windows {
            0 => "the client's clock".to_owned(),
            count if *count == windows - void_windows => "the kernel's clock".to_owned(),
            count => format!("the kernel's clock in {count} of them"),
        };
        let void = match void_windows {
            0 => String::new(),
            count => format!(", {count} of them void because of this client"),
        };
        let text = format!(
            "adaptive_scale `{phase}`: {found}{failing}. It ended because {why} ({reason}); {windows} windows{void}, by {clock}"
        );
        Note { topic: Topic::AdaptiveScale, text }
    })
}

/// Exporters that did not receive everything.
fn exports(run: &Run) -> impl Iterator<Item = Note> {
    let missed = run.streamed.iter().filter(|export| export.failed > 0 || export.dropped > 0);
    // The counts come first: an address may be of any length.
    missed.map(|Streamed { to, succeeded, failed, dropped, .. }| {
        let all = failed + succeeded;
        let text =
            format!("{dropped} dropped, {failed} of {all} exports failed: {to}; the files are complete");
        Note { topic: Topic::Stream, text }
    })
}
