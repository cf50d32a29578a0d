//! The log: the notes and warnings that are printed when the display closes.

use super::colours::{Palette, dim};
use super::text::{cut, foreign, framed, lines, styled};
use super::watcher::Seen;
use crate::display::now::{Message, Now};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use store::visible;

/// Draws its newest lines.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let now = &seen.now;
    let inner = framed(buffer, area, "Log");
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    let mut shown = Vec::new();
    // From the newest on, for as long as there is room.
    for message in now.messages.iter().rev() {
        if shown.len() >= height {
            break;
        }
        let mut of_message = wrapped(message, width, palette);
        if shown.is_empty() {
            // Of the newest, the start is shown where there is no room for all of it.
            of_message.truncate(height);
        }
        of_message.reverse();
        shown.extend(of_message);
    }
    shown.truncate(height);
    shown.reverse();
    if shown.is_empty() {
        shown.push(styled("no messages", dim()));
    }
    lines(buffer, inner, shown);
}

/// The whole log as text.
pub(super) fn whole(now: &Now) -> String {
    let before =
        (now.messages_before > 0).then(|| format!("({} older messages are not kept)\n", now.messages_before));
    let messages = now.messages.iter().map(|message| {
        let label = if message.is_warning { "warning: " } else { "" };
        let lines = message.text.lines().map(|line| visible(line).into_owned()).collect::<Vec<_>>();
        format!("{label}{}\n", lines.join("\n  "))
    });
    before.into_iter().chain(messages).collect()
}

/// A message in lines that fit; a long one is cut.
fn wrapped(message: &Message, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let label = if message.is_warning { Some(Span::styled("warning: ", palette.bad())) } else { None };
    let mut label = label.into_iter();
    let mut shown = Vec::new();
    for line in message.text.lines() {
        let mut rest = foreign(line, LINE_MAX);
        while shown.len() < LINES_MAX {
            let mut spans = label.by_ref().collect::<Vec<_>>();
            if !shown.is_empty() {
                spans.push(Span::raw("  "));
            }
            let room = width.saturating_sub(Line::from(spans.clone()).width());
            let part = part(&rest, room);
            let after = rest[part.len()..].trim_start().to_owned();
            spans.push(Span::styled(part, Style::new()));
            shown.push(Line::from(spans));
            if after.is_empty() || room < 10 {
                break;
            }
            rest = after;
        }
    }
    shown
}

/// What of a text fits into a line, ending with a word if it can.
fn part(text: &str, columns: usize) -> String {
    let fitting = cut(text, columns);
    if fitting == text {
        return fitting;
    }
    let fitting = fitting.trim_end_matches('…');
    let end = fitting.rfind(' ').filter(|end| *end > fitting.len() / 2).unwrap_or(fitting.len());
    fitting[..end].to_owned()
}

/// The columns of a line of a message.
const LINE_MAX: usize = 2000;
/// The lines of a message.
const LINES_MAX: usize = 20;
