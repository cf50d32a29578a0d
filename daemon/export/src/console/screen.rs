//! Writes a document on one screen: the load, the results, the client's overhead, errors, and the verdict.
//!
//! Everything else is in the file that [`super::full`] writes.

use super::cells::{grouped_count, shown};
use super::full::attributes;
use super::table::{Colour, wrap};
use crate::error::ExportError;
use crate::view::{Document, Failures, Figures, Head, Note, Section, Table, Topic};
use record::{Reason, Verdict};
use std::io::Write;
use store::{visible, visible_within};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Writes the screen: no line is wider than `width`, and there are at most [`LINES_MAX`].
pub(super) fn write(
    document: &Document,
    width: usize,
    colour: Colour,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let width = width.clamp(NARROWEST, WIDEST);
    let mut lines = vec![String::new()];
    lines.extend(head(&document.head, width, colour));
    lines.push(String::new());
    let mut room_for_streams = STREAMS_SHOWN;
    for section in &document.sections {
        match section {
            Section::Table(table) => lines.extend(self::table(table, width, colour)),
            Section::Figures(figures) => lines.push(line_of(figures)),
            Section::Failures(failures) => lines.extend(self::failures(failures, width)),
            Section::Note(Note { topic: Topic::TooFewSamples, text }) => {
                lines.push(format!("* {}", visible(text)));
            }
            Section::Note(Note { topic: Topic::AdaptiveScale, text }) => lines.extend(wrap(text, width)),
            Section::Note(Note { text, .. }) => {
                let mut wrapped = wrap(text, width);
                wrapped.truncate(room_for_streams);
                room_for_streams -= wrapped.len();
                lines.append(&mut wrapped);
            }
        }
    }
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
    let room = LINES_MAX.saturating_sub(lines.len());
    lines.extend(verdict(&document.verdict, room, width, colour));
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The load, the target, the duration, and the timestamp source.
fn head(head: &Head, width: usize, colour: Colour) -> Vec<String> {
    let Head { what, requests, seconds, load, timestamps, timestamps_reason } = head;
    let load = load.iter().map(|part| format!("{part}, ")).collect::<String>();
    let requests = grouped_count(*requests);
    let mut how = format!("{requests} requests in {seconds:.2} s, {load}timestamps: {timestamps}");
    if let Some(why) = timestamps_reason {
        how.push_str(&format!(" ({why})"));
    }
    vec![colour.bold(&cut(&what.join("  "), width)), cut(&how, width)]
}

/// A table without lines between its cells, whose first column takes the room that is left.
fn table(table: &Table, width: usize, colour: Colour) -> Vec<String> {
    let names = table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let mut lines = vec![colour.bold(&row(&names, width))];
    lines.extend(table.rows.iter().map(|cells| row(&cells.iter().map(shown).collect::<Vec<_>>(), width)));
    lines.push(String::new());
    lines
}

fn row(cells: &[String], width: usize) -> String {
    let Some((label, cells)) = cells.split_first() else { return String::new() };
    let room = width.saturating_sub(CELL * cells.len());
    let mut text = cut(label, room);
    text.push_str(&" ".repeat(room.saturating_sub(text.width())));
    for cell in cells {
        text.push_str(&format!("{:>CELL$}", visible(cell)));
    }
    text
}

fn line_of(figures: &Figures) -> String {
    let each = figures.figures.iter().map(|(label, value)| format!("{label} {}", shown(value)));
    visible(&each.collect::<Vec<_>>().join("   ")).into_owned()
}

/// The number of failed requests, and the most frequent errors.
fn failures(Failures { failed, requests, errors }: &Failures, width: usize) -> Vec<String> {
    let (failed, all) = (grouped_count(*failed), grouped_count(*requests));
    let mut lines = vec![format!("{failed} of {all} requests failed:")];
    for error in errors.iter().take(ERRORS_SHOWN) {
        let code = error.code.map_or_else(String::new, |code| format!("{code} "));
        let text = format!("  {} x {code}{}: {}", error.count, error.kind, error.message);
        lines.push(cut(text.trim_end_matches(": "), width));
    }
    let rest = errors.len().saturating_sub(ERRORS_SHOWN);
    if rest > 0 {
        lines.push(format!("  and {rest} other errors"));
    }
    lines
}

/// The verdict with its reasons, worst first, limited to the available lines.
fn verdict(
    Verdict { standing, reasons }: &Verdict,
    room: usize,
    width: usize,
    colour: Colour,
) -> Vec<String> {
    let mut lines = vec![format!("Verdict: {}", colour.paint(attributes(*standing), standing.name()))];
    for (place, reason) in reasons.iter().enumerate() {
        let text = explained(reason, width);
        // One line lists the names of the reasons that do not fit.
        let is_last = place + 1 == reasons.len();
        if lines.len() + text.len() + usize::from(!is_last) > room {
            let names = |rest: &[Reason]| {
                let names = rest.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
                visible_within(&names.join(", "), TEXT_MAX)
            };
            lines.push(match (place, &reasons[1..]) {
                // The first is the verdict's, so what it says is never left out.
                (0, []) => cut(&format!("  - {}: {}", reason.name, reason.text), width),
                (0, rest) => {
                    let others = cut(&format!(" (and {})", names(rest)), width / 2);
                    let first = cut(&format!("  - {}: {}", reason.name, reason.text), width - others.width());
                    format!("{first}{others}")
                }
                _ => cut(&format!("  - and {}", names(&reasons[place..])), width),
            });
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

/// 24 with the two lines about the files, and the prompt.
const LINES_MAX: usize = 21;
const NARROWEST: usize = 78;
const WIDEST: usize = 100;
/// Width of a column of numbers.
const CELL: usize = 10;
const ERRORS_SHOWN: usize = 2;
/// Maximum lines about exporters that did not receive everything.
const STREAMS_SHOWN: usize = 4;
/// Maximum lines of a reason.
const REASON_LINES: usize = 3;
const TEXT_MAX: usize = 2000;
