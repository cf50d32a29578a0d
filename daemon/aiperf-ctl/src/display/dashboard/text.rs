//! Texts on the screen: foreign ones are escaped, and all of them fit.

use super::colours::{bold, dim};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use store::visible;
use unicode_width::UnicodeWidthChar;

/// A foreign text in at most so many columns, with an ellipsis where it was cut, and without anything that a terminal executes.
pub(super) fn foreign(text: &str, columns: usize) -> String {
    // More characters than that are never shown.
    let shown = text.chars().take(columns + 1).collect::<String>();
    cut(&visible(&shown), columns)
}

/// A text in at most so many columns.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let width = |one: char| one.width().unwrap_or(0);
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let kept = text.chars().take_while(|one| {
        let fits = width(*one) <= left;
        left = left.saturating_sub(width(*one));
        fits
    });
    let mut kept = kept.collect::<String>();
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// A panel's frame: a rule with its title; what is left is the panel's own.
pub(super) fn framed(buffer: &mut Buffer, area: Rect, title: &str) -> Rect {
    if area.height == 0 || area.width < 4 {
        return Rect { height: 0, ..area };
    }
    let width = usize::from(area.width);
    let title = format!(" {} ", cut(title, width.saturating_sub(5)));
    let rule = "─".repeat(width.saturating_sub(2 + Span::raw(&title).width()));
    let line =
        Line::from(vec![Span::styled("──", dim()), Span::styled(title, bold()), Span::styled(rule, dim())]);
    buffer.set_line(area.x, area.y, &line, area.width);
    Rect { y: area.y + 1, height: area.height - 1, ..area }
}

/// Lines from the top of an area; those beyond it are left out.
pub(super) fn lines(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        buffer.set_line(area.x, y, &line, area.width);
    }
}

/// A line in one style.
pub(super) fn styled(text: impl Into<String>, style: Style) -> Line<'static> {
    Line::from(Span::styled(text.into(), style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_execute_nothing_and_fit() {
        assert_eq!(foreign("a\u{1b}[31mb", 20), "a\\u001b[31mb", "escaped");
        assert_eq!(foreign("0123456789", 5), "0123…", "cut");
        assert_eq!(foreign("日本語", 5), "日本…", "two columns each");
        assert_eq!(foreign("日本語", 4), "日…", "not half of one");
        assert_eq!(cut("abc", 0), "", "no room");
    }
}
