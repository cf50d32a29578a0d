//! Draws tables with box characters, as AIPerf's console shows them.

use super::cells::shown;
use crate::view::{Cell, Column, Side, Table};
use store::{visible, visible_within};
use unicode_width::UnicodeWidthStr;

/// Whether colors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Plain,
    /// With ANSI escapes.
    Ansi,
}

impl Colour {
    /// Bold text, if colors are written.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Text with these ANSI attributes, if colors are written.
    pub(super) fn paint(self, attributes: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\x1b[{attributes}m{text}\x1b[0m"),
        }
    }
}

/// Draws a table, no wider than `width` as far as its widest column can be wrapped. Foreign text in it is escaped.
pub(super) fn draw(table: &Table, width: usize, colour: Colour) -> String {
    let title = visible_within(&table.title, CELL_CHARACTERS_MAX);
    let names = table.columns.iter().map(|column| visible(&column.name).into_owned()).collect::<Vec<_>>();
    let cell = |cell: &Cell| visible_within(&shown(cell), CELL_CHARACTERS_MAX);
    let rows = table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>()).collect::<Vec<_>>();
    let widths = widths(&names, &rows, width);
    let all = widths.iter().map(|width| width + 3).sum::<usize>() + 1;
    let mut text = String::new();
    let indent = all.saturating_sub(title.width()) / 2;
    text.push_str(&" ".repeat(indent));
    text.push_str(&colour.bold(&title));
    text.push('\n');
    text.push_str(&rule(&widths, ["┏", "━", "┳", "┓"]));
    text.push_str(&lines(&names, &widths, &table.columns, "┃"));
    text.push_str(&rule(&widths, ["┡", "━", "╇", "┩"]));
    for row in &rows {
        text.push_str(&lines(row, &widths, &table.columns, "│"));
    }
    text.push_str(&rule(&widths, ["└", "─", "┴", "┘"]));
    text
}

/// The width of each column.
fn widths(names: &[String], rows: &[Vec<String>], most: usize) -> Vec<usize> {
    let cell = |row: &Vec<String>, place: usize| row.get(place).map_or(0, |cell| cell.width());
    let mut widths = names
        .iter()
        .enumerate()
        .map(|(place, name)| {
            let widest = rows.iter().map(|row| cell(row, place)).max().unwrap_or(0);
            widest.max(name.width())
        })
        .collect::<Vec<_>>();
    let all = widths.iter().map(|width| width + 3).sum::<usize>() + 1;
    if let Some(excess) = all.checked_sub(most)
        && let Some(widest) = widths.iter_mut().max()
    {
        *widest = widest.saturating_sub(excess).max(NARROWEST);
    }
    widths
}

/// The lines of a row, as many as its longest cell needs.
fn lines(cells: &[String], widths: &[usize], columns: &[Column], bar: &str) -> String {
    let empty = String::new();
    let wrapped = widths
        .iter()
        .enumerate()
        .map(|(place, width)| wrap(cells.get(place).unwrap_or(&empty), *width))
        .collect::<Vec<_>>();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(1);
    let mut text = String::new();
    for line in 0..height {
        text.push_str(bar);
        for ((cell, width), column) in wrapped.iter().zip(widths).zip(columns) {
            let part = cell.get(line).map_or("", String::as_str);
            let space = " ".repeat(width.saturating_sub(part.width()));
            match column.side {
                Side::Left => text.extend([" ", part, &space, " ", bar]),
                Side::Right => text.extend([" ", &space, part, " ", bar]),
            }
        }
        text.push('\n');
    }
    text
}

fn rule(widths: &[usize], [left, line, cross, right]: [&str; 4]) -> String {
    let parts = widths.iter().map(|width| line.repeat(width + 2)).collect::<Vec<_>>();
    format!("{left}{}{right}\n", parts.join(cross))
}

/// Wraps text at spaces into lines of at most `width`; longer words are split.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut rest = visible(word).into_owned();
        let last = lines.last().map_or(0, |line| line.width());
        if last > 0 && last + 1 + rest.width() <= width {
            lines.last_mut().into_iter().for_each(|line| line.extend([" ", &rest]));
            continue;
        }
        if last > 0 {
            lines.push(String::new());
        }
        while rest.width() > width {
            let head = rest.chars().take(width.max(1)).collect::<String>();
            rest = rest.chars().skip(width.max(1)).collect();
            lines.last_mut().into_iter().for_each(|line| line.push_str(&head));
            lines.push(String::new());
        }
        lines.last_mut().into_iter().for_each(|line| line.push_str(&rest));
    }
    lines
}

const NARROWEST: usize = 16;
/// The full text is in the other files.
const CELL_CHARACTERS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(title: &str, columns: &[(&str, Side)], rows: &[&[&str]]) -> Table {
        let column = |(name, side): &(&str, Side)| Column { name: (*name).to_owned(), side: *side };
        let row = |row: &&[&str]| row.iter().map(|text| Cell::Text((*text).to_owned())).collect();
        Table {
            title: title.to_owned(),
            columns: columns.iter().map(column).collect(),
            rows: rows.iter().map(row).collect(),
        }
    }

    #[test]
    fn a_table_is_drawn() {
        let columns = [("Metric", Side::Right), ("avg", Side::Right)];
        let table = table("Title", &columns, &[&["TTFT (ms)", "1.50"]]);
        let expected = "       Title\n┏━━━━━━━━━━━┳━━━━━━┓\n┃    Metric ┃  avg ┃\n┡━━━━━━━━━━━╇━━━━━━┩\n\
                        │ TTFT (ms) │ 1.50 │\n└───────────┴──────┘\n";
        assert_eq!(draw(&table, 80, Colour::Plain), expected, "as AIPerf draws it");
    }

    #[test]
    fn foreign_names_are_escaped() {
        let hostile = "\u{1b}]8;;http://x\u{7}click\u{9b}2J\u{202e}";
        let long = "x".repeat(1 << 20);
        let table = table("GPU \u{1b}[2J", &[("Message", Side::Left)], &[&[hostile], &[&long]]);
        let drawn = draw(&table, 80, Colour::Plain);
        assert!(
            !drawn.chars().any(|one| one != '\n' && one.is_control()) && !drawn.contains('\u{202e}'),
            "{drawn}"
        );
        assert!(drawn.lines().count() < 30, "a long one is cut");
        assert_eq!(wrap("a\u{1b}b", 80), ["a\\u001bb"], "so is wrapped text");
    }

    #[test]
    fn long_texts_are_wrapped() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"], "at spaces");
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"], "within words");
        assert_eq!(wrap("", 3), [""], "nothing is one line");
    }
}
