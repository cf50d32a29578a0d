//! The realtime metrics: what the client and what the kernel measured so far.

use super::colours::{Palette, bold, dim};
use super::numbers::value;
use super::text::{framed, lines, styled};
use super::watcher::Seen;
use crate::display::now::LATENCIES;
use control::LiveStats;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

/// Its height with the rule: of the metrics that have a value.
pub(super) fn height(seen: &Seen) -> u16 {
    let rows = seen.now.progress.as_ref().map_or(0, |progress| rows(&progress.live).len());
    2 + u16::try_from(rows).unwrap_or(0)
}

/// Its height where there is little room: the last metrics are left out.
pub(super) fn least_height(seen: &Seen) -> u16 {
    height(seen).min(2 + FIRST)
}

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let inner = framed(buffer, area, "Metrics in ms, of successful requests so far");
    let empty = BTreeMap::new();
    let rows = rows(seen.now.progress.as_ref().map_or(&empty, |progress| &progress.live));
    if rows.is_empty() {
        lines(buffer, inner, [styled("no request has succeeded yet", dim())]);
        return;
    }
    let name_width = usize::from(inner.width).saturating_sub(COLUMNS.len() * COLUMN).min(44);
    let heads = COLUMNS.iter().map(|(name, _)| format!("{name:>COLUMN$}")).collect::<String>();
    let head = styled(format!("{:name_width$}{heads}", "  Metric"), bold());
    let rows = rows.into_iter().map(|(tag, stats)| {
        let name = metric::find(tag).map_or(tag, |metric| {
            if metric.header.len() + 3 > name_width { metric.short } else { metric.header }
        });
        let (mark, style) = mark(tag, palette);
        let cells =
            COLUMNS.iter().map(|(_, stat)| format!("{:>COLUMN$}", value(stat(&stats)))).collect::<String>();
        let name = format!(
            "{:width$}",
            super::text::cut(name, name_width.saturating_sub(2)),
            width = name_width - 2
        );
        Line::from(vec![Span::styled(format!("{mark} {name}"), style), Span::raw(cells)])
    });
    lines(buffer, inner, std::iter::once(head).chain(rows));
}

/// The metrics in their order: the kernel's before the client's.
fn rows(live: &BTreeMap<String, LiveStats>) -> Vec<(&str, LiveStats)> {
    let mut rows = live.iter().map(|(tag, stats)| (tag.as_str(), *stats)).collect::<Vec<_>>();
    rows.sort_by_key(|(tag, _)| LATENCIES.iter().position(|known| known == tag).unwrap_or(LATENCIES.len()));
    rows
}

/// The mark and the color of whose clock it is.
fn mark(tag: &str, palette: &Palette) -> (char, Style) {
    if tag.starts_with("kernel_") { (KERNEL_MARK, palette.kernel()) } else { (CLIENT_MARK, palette.client()) }
}

type Column = (&'static str, fn(&LiveStats) -> f64);

/// AIPerf's columns.
const COLUMNS: [Column; 7] = [
    ("avg", |stats| stats.avg_ms),
    ("min", |stats| stats.min_ms),
    ("max", |stats| stats.max_ms),
    ("p99", |stats| stats.p99_ms),
    ("p90", |stats| stats.p90_ms),
    ("p50", |stats| stats.p50_ms),
    ("std", |stats| stats.std_ms),
];
const COLUMN: usize = 8;
/// Those that are latencies, which are first.
const FIRST: u16 = 6;
/// The mark of what the kernel measured.
pub(super) const KERNEL_MARK: char = '●';
/// The mark of what the client measured.
pub(super) const CLIENT_MARK: char = '◆';
