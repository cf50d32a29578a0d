//! Writes one screen: the load, the results, the client's overhead, errors, and the verdict.
//!
//! Everything else is in the file that [`super::full`] writes.

use super::{VIEW_STATS, VIEWS, View, from_server, grouped, number, of_histogram};
use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::table::{Colour, wrap};
use metric::server::Twin;
use metric::{Report, Stat};
use record::{Reason, Run, Standing, Streamed};
use std::io::Write;
use store::visible_within;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Writes the screen: no line is wider than `width`, and there are at most [`LINES_MAX`].
pub(super) fn write(
    artifacts: &Artifacts<'_>,
    width: usize,
    colour: Colour,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let width = width.clamp(NARROWEST, WIDEST);
    let mut marked = false;
    let mut lines = vec![String::new()];
    lines.extend(head(artifacts, width, colour));
    lines.push(String::new());
    lines.extend(latencies(artifacts, width, colour, &mut marked));
    lines.extend(totals(artifacts.report));
    lines.extend(errors(artifacts.report, width));
    lines.extend(exports(artifacts.run, width));
    if marked {
        lines.push("* too few requests for this percentile: another run may well differ".to_owned());
    }
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
    let room = LINES_MAX.saturating_sub(lines.len());
    lines.extend(verdict(artifacts.run, room, width, colour));
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The load, the target, the duration, and the timestamp source.
fn head(artifacts: &Artifacts<'_>, width: usize, colour: Colour) -> Vec<String> {
    let run = artifacts.run;
    let endpoint = &run.plan.endpoint;
    let models = endpoint.models.join(", ");
    let urls = endpoint.urls.join(", ");
    let mut what = vec![run.source.clone()];
    what.extend(Some(models).filter(|models| !models.is_empty()));
    what.extend(Some(endpoint.kind.clone()).filter(|_| run.plan.watch.is_none()));
    what.extend(Some(urls).filter(|urls| !urls.is_empty()).map(|urls| format!("at {urls}")));
    let seconds = metric::float(artifacts.report.end.0.saturating_sub(artifacts.report.begin.0)) / 1e9;
    let requests = grouped_count(artifacts.report.requests);
    let mut how =
        format!("{requests} requests in {seconds:.2} s, {}timestamps: {}", load(run), run.timestamps);
    if let Some(why) = &run.timestamps_reason {
        how.push_str(&format!(" ({why})"));
    }
    vec![colour.bold(&cut(&what.join("  "), width)), cut(&how, width)]
}

/// The load of the first measured phase, if it has one.
fn load(run: &Run) -> String {
    let Some(phase) = run.plan.load.profiling().filter(|_| run.plan.watch.is_none()) else {
        return String::new();
    };
    let mut text = String::new();
    if let Some(concurrency) = phase.concurrency {
        text.push_str(&format!("concurrency {concurrency}, "));
    }
    if let Some(rate) = phase.request_rate {
        text.push_str(&format!("{rate} requests/s ({}), ", phase.shape));
    }
    text
}

/// The available latencies, from kernel timestamps if there are any, with the client's overhead.
fn latencies(artifacts: &Artifacts<'_>, width: usize, colour: Colour, marked: &mut bool) -> Vec<String> {
    let report = artifacts.report;
    let mut rows = Vec::new();
    for View { label, client, kernel, added } in VIEWS {
        let Some(result) = report.get(kernel).or_else(|| report.get(client)) else { continue };
        rows.push(row(label, VIEW_STATS.map(|stat| number(result, stat, marked)), width));
        if let Some(added) = report.get(added) {
            rows.push(row(
                "  added by the client",
                VIEW_STATS.map(|stat| number(added, stat, marked)),
                width,
            ));
        }
        if let Some((_, server)) = from_server(artifacts, Twin::Client(client)).next() {
            let numbers = VIEW_STATS.map(|stat| of_histogram(server, stat, 1e3));
            rows.push(row("  by the server's metrics", numbers, width));
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let kernel = VIEWS.iter().any(|view| report.get(view.kernel).is_some());
    let whose = if kernel { "Measured by the kernel" } else { "Measured by the client" };
    let names = VIEW_STATS.map(|stat| stat.name().to_owned());
    let mut lines = vec![colour.bold(&row(whose, names, width))];
    lines.append(&mut rows);
    lines.push(String::new());
    lines
}

fn row(label: &str, cells: [String; VIEW_STATS.len()], width: usize) -> String {
    let room = width - CELL * cells.len();
    let mut text = cut(label, room);
    text.push_str(&" ".repeat(room.saturating_sub(text.width())));
    for cell in cells {
        text.push_str(&format!("{cell:>CELL$}"));
    }
    text
}

/// Throughputs and lengths.
fn totals(report: &Report) -> Vec<String> {
    let of = |tag: &str, stat: Stat| report.stat(tag, stat).map(|value| grouped(value.get()));
    let with = |parts: &[(&str, Option<String>)]| {
        let parts = parts.iter().filter_map(|(label, value)| Some(format!("{label} {}", value.as_ref()?)));
        parts.collect::<Vec<_>>().join("   ")
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
    [rates, lengths].into_iter().filter(|line| !line.is_empty()).collect()
}

/// The number of failed requests, and the most frequent errors.
fn errors(report: &Report, width: usize) -> Vec<String> {
    if report.failed == 0 {
        return Vec::new();
    }
    let (failed, all) = (grouped_count(report.failed), grouped_count(report.requests));
    let mut lines = vec![format!("{failed} of {all} requests failed:")];
    for error in report.errors.iter().take(ERRORS_SHOWN) {
        let code = error.code.map_or_else(String::new, |code| format!("{code} "));
        let text = format!("  {} x {code}{}: {}", error.count, error.kind, error.message);
        lines.push(cut(text.trim_end_matches(": "), width));
    }
    let rest = report.errors.len().saturating_sub(ERRORS_SHOWN);
    if rest > 0 {
        lines.push(format!("  and {rest} other errors"));
    }
    lines
}

/// Exporters that did not receive everything.
fn exports(run: &Run, width: usize) -> Vec<String> {
    let missed = run.streamed.iter().filter(|export| export.failed > 0 || export.dropped > 0);
    // The counts come first: an address may be of any length.
    let missed = missed.flat_map(|export| {
        let Streamed { to, succeeded, failed, dropped, .. } = export;
        let all = failed + succeeded;
        wrap(
            &format!("{dropped} dropped, {failed} of {all} exports failed: {to}; the files are complete"),
            width,
        )
    });
    missed.take(EXPORTS_SHOWN).collect()
}

/// The verdict with its reasons, worst first, limited to the available lines.
fn verdict(run: &Run, room: usize, width: usize, colour: Colour) -> Vec<String> {
    let attributes = match run.verdict.standing {
        Standing::Valid => "1;32",
        Standing::Degraded => "1;33",
        Standing::Invalid => "1;31",
    };
    let mut lines = vec![format!("Verdict: {}", colour.paint(attributes, run.verdict.standing.name()))];
    let reasons = &run.verdict.reasons;
    for (place, reason) in reasons.iter().enumerate() {
        let text = explained(reason, width);
        // One line lists the names of the reasons that do not fit.
        let is_last = place + 1 == reasons.len();
        if lines.len() + text.len() + usize::from(!is_last) > room {
            let names = reasons[place..].iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
            lines.push(cut(&format!("  - and {}", visible_within(&names.join(", "), TEXT_MAX)), width));
            break;
        }
        lines.extend(text);
    }
    lines
}

fn explained(reason: &Reason, width: usize) -> Vec<String> {
    let text =
        format!("{}: {}", visible_within(&reason.name, TEXT_MAX), visible_within(&reason.text, TEXT_MAX));
    let mut parts = wrap(&text, width - 4);
    if parts.len() > REASON_LINES {
        parts.truncate(REASON_LINES);
        if let Some(last) = parts.last_mut() {
            *last = cut(&format!("{last} ..."), width - 4);
        }
    }
    let first = |place: usize| if place == 0 { "  - " } else { "    " };
    parts.iter().enumerate().map(|(place, part)| format!("{}{part}", first(place))).collect()
}

/// Foreign text, escaped and cut to a width.
fn cut(text: &str, width: usize) -> String {
    let text = visible_within(text, TEXT_MAX);
    if text.width() <= width {
        return text;
    }
    let mut room = width.saturating_sub(3);
    let fits = text.chars().take_while(|one| {
        let needed = one.width().unwrap_or(0);
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    });
    format!("{}...", fits.collect::<String>())
}

fn grouped_count(count: u64) -> String {
    let text = grouped(metric::float(count));
    text.strip_suffix(".00").unwrap_or(&text).to_owned()
}

/// 24 with the two lines about the files, and the prompt.
const LINES_MAX: usize = 21;
const NARROWEST: usize = 78;
const WIDEST: usize = 100;
/// Width of a column of numbers.
const CELL: usize = 10;
const ERRORS_SHOWN: usize = 2;
/// Maximum lines of exporters.
const EXPORTS_SHOWN: usize = 4;
/// Maximum lines of a reason.
const REASON_LINES: usize = 3;
const TEXT_MAX: usize = 2000;
