//! The first line, what is measured and its state, and the last, the keys.

use super::colours::{bold, dim};
use super::keys::View;
use super::numbers::time;
use super::text::{cut, foreign, styled};
use super::watcher::Seen;
use crate::terminal::program;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// Draws the first line.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, seen: &Seen) {
    let progress = seen.now.progress.as_ref();
    let elapsed =
        progress.map(|progress| format!("  {}", time(progress.elapsed_seconds))).unwrap_or_default();
    let state = format!(" {}{elapsed} ", seen.now.state());
    let state_width = Span::raw(&state).width();
    let room = usize::from(area.width).saturating_sub(state_width + program().len() + 4);
    let parts = seen.now.title.iter().map(|part| foreign(part, room)).collect::<Vec<_>>();
    let title = cut(&parts.join(" · "), room);
    buffer.set_style(area, bold().add_modifier(Modifier::REVERSED));
    let line = Line::from(vec![Span::raw(format!(" {}  ", program())), Span::raw(title)]);
    buffer.set_line(area.x, area.y, &line, area.width);
    let right = area.right().saturating_sub(u16::try_from(state_width).unwrap_or(area.width));
    buffer.set_line(right, area.y, &Line::raw(state), area.width);
}

/// Draws the last line: what the last key did, or the keys.
pub(super) fn draw_keys(buffer: &mut Buffer, area: Rect, seen: &Seen, view: &View) {
    let width = usize::from(area.width);
    if let Some(notice) = &seen.notice {
        buffer.set_line(area.x, area.y, &styled(foreign(notice, width), bold()), area.width);
        return;
    }
    let stop = match seen.signals {
        0 => "stop",
        1 => "now",
        _ => "quit",
    };
    let log = if view.hides_log { "show" } else { "hide" };
    let whole = if view.whole.is_some() { "esc" } else { "1" };
    let keys = [
        (whole, "all"),
        ("2", "progress"),
        ("3", "metrics"),
        ("4", "workers"),
        ("5", "GPU"),
        ("6", "log"),
        ("l", log),
        ("c", "copy"),
        ("^S", "save"),
        ("^C", stop),
    ];
    let gap = if width >= 110 { "   " } else { " " };
    let spans = keys.into_iter().enumerate().flat_map(|(place, (key, does))| {
        let gap = if place > 0 { gap } else { "" };
        [Span::styled(format!("{gap}{key}"), bold()), Span::styled(format!(" {does}"), dim())]
    });
    buffer.set_line(area.x, area.y, &Line::from(spans.collect::<Vec<_>>()), area.width);
}
