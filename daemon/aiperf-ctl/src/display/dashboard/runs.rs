//! The runs of several that have ended, the newest first.

use super::colours::Palette;
use super::text::{cut, foreign, framed, lines};
use super::watcher::Seen;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws them.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let ended = &seen.now.ended;
    let inner =
        framed(buffer, area, &format!("Runs that ended: {}", ended.len() as u64 + seen.now.ended_before));
    let width = usize::from(inner.width);
    let widest = ended.iter().map(|ended| Span::raw(&ended.label).width()).max().unwrap_or(0);
    let column = widest.min(width / 3);
    let rows = ended.iter().rev().map(|ended| {
        let label = foreign(&ended.label, column);
        let pad = " ".repeat(column.saturating_sub(Span::raw(&label).width()));
        // The line ends with the verdict, in words.
        let rest = cut(&format!("  {}", foreign(&ended.line, width)), width.saturating_sub(column));
        let is_bad = ended.standing.is_none_or(|standing| standing == "invalid");
        let style = if is_bad { palette.bad() } else { ratatui::style::Style::new() };
        Line::from(vec![Span::raw(format!("{label}{pad}")), Span::styled(rest, style)])
    });
    lines(buffer, inner, rows);
}
