//! Writes a document with every section below the other.

use super::cells::shown;
use super::table::{Colour, draw, wrap};
use crate::error::ExportError;
use crate::view::{Cell, Column, Document, Failures, Figures, Head, Note, Section, Side, Table, Topic};
use metric::ErrorCount;
use record::{Standing, Verdict};
use std::io::Write;
use store::{visible, visible_within};

/// Writes the document for a terminal of this width.
pub(super) fn write(
    document: &Document,
    width: usize,
    colour: Colour,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    writeln!(out)?;
    out.write_all(sections(&document.sections, width, colour).as_bytes())?;
    out.write_all(verdict(&document.verdict, &document.head, width, colour).as_bytes())?;
    Ok(())
}

/// Sections, one below the other.
pub(super) fn sections(sections: &[Section], width: usize, colour: Colour) -> String {
    let text = |section: &Section| match section {
        Section::Table(table) => format!("\n{}", draw(table, width, colour)),
        Section::Figures(figures) => format!("\n{}\n", line_of(figures)),
        Section::Failures(failures) => format!("\n{}", draw(&errors(failures), width, colour)),
        Section::Note(note) => note_of(note, width),
    };
    sections.iter().map(text).collect()
}

/// Every error with its count.
fn errors(failures: &Failures) -> Table {
    let columns =
        [("Code", Side::Right), ("Type", Side::Right), ("Message", Side::Left), ("Count", Side::Right)];
    let row = |error: &ErrorCount| {
        let code = error.code.map_or(Cell::Absent, |code| Cell::Count(code.into()));
        let [kind, message] = [&error.kind, &error.message].map(|text| Cell::Text(text.clone()));
        vec![code, kind, message, Cell::Count(error.count)]
    };
    Table {
        title: "aiperfd | Error Summary".to_owned(),
        columns: columns.map(|(name, side)| Column { name: name.to_owned(), side }).to_vec(),
        rows: failures.errors.iter().map(row).collect(),
    }
}

fn line_of(figures: &Figures) -> String {
    let each = figures.figures.iter().map(|(label, value)| format!("{label}: {}", shown(value)));
    let each = each.collect::<Vec<_>>().join("   ");
    let line = match &figures.title {
        Some(title) => format!("{title}:  {each}"),
        None => each,
    };
    visible(&line).into_owned()
}

fn note_of(Note { topic, text }: &Note, width: usize) -> String {
    let lines = || wrap(text, width.saturating_sub(1).max(20)).join("\n");
    match topic {
        Topic::SteadyState | Topic::Comparison | Topic::AdaptiveScale => format!("\n{}\n", lines()),
        Topic::LeftOut | Topic::Stream => format!("{}\n", lines()),
        Topic::TooFewSamples => format!("\n* {}\n", visible(text)),
    }
}

fn verdict(Verdict { standing, reasons }: &Verdict, head: &Head, width: usize, colour: Colour) -> String {
    let mut text = format!("\nVerdict: {}", colour.paint(attributes(*standing), standing.name()));
    text.push_str(&format!("    Timestamps: {}", visible_within(&head.timestamps, NAME_CHARACTERS_MAX)));
    if let Some(reason) = &head.timestamps_reason {
        text.push_str(&format!(" ({})", visible_within(reason, TEXT_CHARACTERS_MAX)));
    }
    text.push('\n');
    for reason in reasons {
        let name = visible_within(&reason.name, NAME_CHARACTERS_MAX);
        let line = format!("{name}: {}", visible_within(&reason.text, TEXT_CHARACTERS_MAX));
        for (place, part) in wrap(&line, width.saturating_sub(4).max(20)).into_iter().enumerate() {
            text.push_str(if place == 0 { "  - " } else { "    " });
            text.push_str(&part);
            text.push('\n');
        }
    }
    text
}

/// The color of a verdict.
pub(super) const fn attributes(standing: Standing) -> &'static str {
    match standing {
        Standing::Valid => "1;32",
        Standing::Degraded => "1;33",
        Standing::Invalid => "1;31",
    }
}

/// Foreign names and texts are cut to this length.
const NAME_CHARACTERS_MAX: usize = 64;
const TEXT_CHARACTERS_MAX: usize = 2000;
