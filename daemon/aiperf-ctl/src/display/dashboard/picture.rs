//! A picture of the screen: an SVG in the artifact directory.

use super::colours::Palette;
use super::keys::View;
use super::screen;
use super::watcher::Seen;
use anyhow::{Context, Result};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use store::Folder;

/// Writes the screen; returns the file's path.
///
/// # Errors
/// When the artifact directory does not exist yet, or cannot be written.
pub(super) fn write(seen: &Seen, view: &View, size: Size) -> Result<String> {
    let directory = Some(&seen.now.directory).filter(|directory| !directory.is_empty());
    let directory = directory.context("no run has an artifact directory yet")?;
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.width, size.height));
    // What the last key did is no part of it.
    let seen = Seen { notice: None, ..seen.clone() };
    screen::draw(&mut buffer, &seen, view, &Palette::exact());
    let name = format!("dashboard-{}.svg", clock::real().0 / 1_000_000);
    let mut file = Folder::open(Path::new(directory))?.create(&name)?;
    file.write_all(svg(&buffer).as_bytes())?;
    Ok(file.finish()?.display().to_string())
}

/// The cells as an SVG. A row's cells of one style are one text, as wide as they are.
fn svg(buffer: &Buffer) -> String {
    let Rect { width, height, .. } = buffer.area;
    let (full_width, full_height) = (u32::from(width) * CELL_WIDTH, u32::from(height) * CELL_HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{full_width}\" height=\"{full_height}\" font-family=\"monospace\" \
         font-size=\"15\" xml:space=\"preserve\">\n<rect width=\"100%\" height=\"100%\" fill=\"{BACKGROUND}\"/>\n"
    );
    for y in 0..height {
        let mut x = 0;
        while x < width {
            let first = &buffer[(x, y)];
            let end = (x..width).find(|at| !is_alike(&buffer[(*at, y)], first)).unwrap_or(width);
            let text = (x..end).map(|at| buffer[(at, y)].symbol()).collect::<String>();
            piece(&mut svg, first, &text, (x, y), end - x);
            x = end;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn is_alike(one: &Cell, other: &Cell) -> bool {
    (one.fg, one.modifier) == (other.fg, other.modifier)
}

fn piece(svg: &mut String, cell: &Cell, text: &str, (x, y): (u16, u16), columns: u16) {
    let (left, top) = (u32::from(x) * CELL_WIDTH, u32::from(y) * CELL_HEIGHT);
    let width = u32::from(columns) * CELL_WIDTH;
    let is_reversed = cell.modifier.contains(Modifier::REVERSED);
    if is_reversed {
        let rect = format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{CELL_HEIGHT}\" fill=\"{TEXT}\"/>\n"
        );
        svg.push_str(&rect);
    }
    if text.trim().is_empty() {
        return;
    }
    let fill = match cell.fg {
        _ if is_reversed => BACKGROUND.to_owned(),
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        Color::Red => BAD.to_owned(),
        _ => TEXT.to_owned(),
    };
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let opacity = if cell.modifier.contains(Modifier::DIM) { " opacity=\"0.65\"" } else { "" };
    // Browsers join spaces, and a stretched text would lose its columns.
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}");
    // Writing to a string does not fail.
    writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\" fill=\"{fill}\"{weight}{opacity} textLength=\"{width}\" \
         lengthAdjust=\"spacingAndGlyphs\">{escaped}</text>",
        top + BASELINE
    )
    .ok();
}

const CELL_WIDTH: u32 = 9;
const CELL_HEIGHT: u32 = 18;
const BASELINE: u32 = 14;
const BACKGROUND: &str = "#ffffff";
const TEXT: &str = "#1b1f24";
const BAD: &str = "#b3261e";

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    #[test]
    fn a_screen_is_valid_xml_of_its_size() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        buffer.set_string(0, 0, "a<b>&\"c\"", Style::new().fg(Color::Rgb(1, 2, 255)));
        buffer.set_string(0, 1, "top", Style::new().add_modifier(Modifier::REVERSED));
        let svg = svg(&buffer);
        assert!(svg.contains("width=\"180\" height=\"36\""), "{svg}");
        assert!(svg.contains("fill=\"#0102ff\" textLength=\"72\""), "{svg}");
        assert!(svg.contains("a&lt;b&gt;&amp;\"c\""), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2, "the background and what is reversed: {svg}");
    }
}
