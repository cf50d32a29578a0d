//! Renders documents for a terminal: one screen that ends with the verdict, or every table.
//!
//! ```text
//! screen.rs   80 columns, 24 lines: latencies, client overhead, throughput, errors, verdict
//! full.rs     every table, and the verdict; profile_export_console.txt is this one
//! table.rs cells.rs   tables, and the numbers in them
//! ```

mod cells;
mod full;
mod screen;
mod table;

pub(crate) use cells::shown;
pub use table::Colour;

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::view;
use std::io::Write;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What fits on one screen.
    Screen,
    /// Every table.
    Full,
}

/// Writes `profile_export_console.txt`: every table, 140 columns, no colors.
pub(crate) fn write_file(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    write(artifacts, Extent::Full, FILE_WIDTH, Colour::Plain, out)
}

/// Writes the console report for a terminal of this width.
///
/// # Errors
/// When the output cannot be written.
pub fn write(
    artifacts: &Artifacts<'_>,
    extent: Extent,
    width: usize,
    colour: Colour,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    match extent {
        Extent::Screen => screen::write(&view::overview(artifacts), width, colour, out),
        Extent::Full => full::write(&view::full(artifacts), width, colour, out),
    }
}

/// Sections that belong to no report, such as a comparison, for a terminal of this width.
#[must_use]
pub fn sections(sections: &[view::Section], width: usize, colour: Colour) -> String {
    full::sections(sections, width, colour)
}

/// The width of the file.
pub const FILE_WIDTH: usize = 140;
