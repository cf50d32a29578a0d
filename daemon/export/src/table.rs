//! Draws tables with box characters, as AIPerf's console shows them.

use store::{visible, visible_within};
use unicode_width::UnicodeWidthStr;

/// A table: a title, a header and rows of text.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column's name and the alignment of its cells.
#[derive(Debug)]
struct Column {
    name: String,
    side: Side,
}

/// The alignment of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Left: text.
    Left,
    /// Right: numbers and their names.
    Right,
}

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
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Text with these ANSI attributes, if colors are written.
    pub(crate) fn paint(self, attributes: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\x1b[{attributes}m{text}\x1b[0m"),
        }
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new(title: impl Into<String>, columns: &[(&str, Side)]) -> Self {
        let column = |(name, side): &(&str, Side)| Column { name: visible(name).into_owned(), side: *side };
        Self {
            title: visible_within(&title.into(), CELL_CHARACTERS_MAX),
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells are empty. Foreign text in it is escaped.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| visible_within(cell, CELL_CHARACTERS_MAX)).collect());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Draws it, no wider than `width` as far as its widest column can be wrapped.
    pub(crate) fn draw(&self, width: usize, colour: Colour) -> String {
        let widths = self.widths(width);
        let all = widths.iter().map(|width| width + 3).sum::<usize>() + 1;
        let mut text = String::new();
        let indent = all.saturating_sub(self.title.width()) / 2;
        text.push_str(&" ".repeat(indent));
        text.push_str(&colour.bold(&self.title));
        text.push('\n');
        let names = self.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        text.push_str(&rule(&widths, ["┏", "━", "┳", "┓"]));
        text.push_str(&self.lines(&names, &widths, "┃"));
        text.push_str(&rule(&widths, ["┡", "━", "╇", "┩"]));
        for row in &self.rows {
            text.push_str(&self.lines(row, &widths, "│"));
        }
        text.push_str(&rule(&widths, ["└", "─", "┴", "┘"]));
        text
    }

    fn widths(&self, most: usize) -> Vec<usize> {
        let cell = |row: &Vec<String>, place: usize| row.get(place).map_or(0, |cell| cell.width());
        let mut widths = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let widest = self.rows.iter().map(|row| cell(row, place)).max().unwrap_or(0);
                widest.max(column.name.width())
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
    fn lines(&self, cells: &[String], widths: &[usize], bar: &str) -> String {
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
            for ((cell, width), column) in wrapped.iter().zip(widths).zip(&self.columns) {
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
}

fn rule(widths: &[usize], [left, line, cross, right]: [&str; 4]) -> String {
    let parts = widths.iter().map(|width| line.repeat(width + 2)).collect::<Vec<_>>();
    format!("{left}{}{right}\n", parts.join(cross))
}

/// Wraps text at spaces into lines of at most `width`; longer words are split.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
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

    #[test]
    fn a_table_is_drawn() {
        let mut table = Table::new("Title", &[("Metric", Side::Right), ("avg", Side::Right)]);
        table.row(vec!["TTFT (ms)".to_owned(), "1.50".to_owned()]);
        let expected = "       Title\n┏━━━━━━━━━━━┳━━━━━━┓\n┃    Metric ┃  avg ┃\n┡━━━━━━━━━━━╇━━━━━━┩\n\
                        │ TTFT (ms) │ 1.50 │\n└───────────┴──────┘\n";
        assert_eq!(table.draw(80, Colour::Plain), expected, "as AIPerf draws it");
    }

    #[test]
    fn foreign_names_are_escaped() {
        let mut table = Table::new("GPU \u{1b}[2J", &[("Message", Side::Left)]);
        table.row(vec!["\u{1b}]8;;http://x\u{7}click\u{9b}2J\u{202e}".to_owned()]);
        table.row(vec!["x".repeat(1 << 20)]);
        let drawn = table.draw(80, Colour::Plain);
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
