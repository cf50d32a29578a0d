//! The screen: which panel has which part of it.

use super::colours::{Palette, bold};
use super::keys::{Panel, View};
use super::latency::what;
use super::terminal::{HEIGHT, WIDTH};
use super::text::{cut, framed, lines, styled};
use super::watcher::Seen;
use super::{gpu, header, latency, load, log, metrics, numbers, progress, runs, workers};
use crate::display::now::completed;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

/// Draws the whole screen.
pub(super) fn draw(buffer: &mut Buffer, seen: &Seen, view: &View, palette: &Palette) {
    let area = buffer.area;
    if area.width < WIDTH || area.height < HEIGHT {
        small(buffer, area, seen);
        return;
    }
    let [top, body, bottom] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    header::draw(buffer, top, seen);
    header::draw_keys(buffer, bottom, seen, view);
    match view.whole {
        Some(panel) => whole(buffer, body, panel, seen, palette),
        None if body.width >= TWO_COLUMNS => {
            let [left, right] =
                Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2).areas(body);
            column(buffer, left, seen, view, palette, Recent::Elsewhere);
            charts(buffer, right, seen, palette);
        }
        None => column(buffer, body, seen, view, palette, Recent::Here),
    }
}

/// A terminal that is too small shows the most important numbers.
fn small(buffer: &mut Buffer, area: Rect, seen: &Seen) {
    let width = usize::from(area.width);
    let progress = seen.now.progress.as_ref();
    let counts = progress.map_or_else(String::new, |progress| {
        let [completed, failed, flight] =
            [completed(progress), progress.requests_failed, progress.requests_in_flight].map(numbers::count);
        format!("{completed} completed, {failed} failed, {flight} in flight")
    });
    let size = format!("{}×{} is too small: {WIDTH}×{HEIGHT} shows more", area.width, area.height);
    let texts = [seen.now.state().to_owned(), counts, size];
    lines(buffer, area, texts.map(|text| styled(cut(&text, width), bold())));
}

/// One panel on the whole screen, with what belongs to it.
fn whole(buffer: &mut Buffer, area: Rect, panel: Panel, seen: &Seen, palette: &Palette) {
    match panel {
        Panel::Progress => {
            let height = progress::height(seen);
            let [top, rest] = Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
            progress::draw(buffer, top, seen, palette);
            if seen.now.place.is_none() && seen.now.ended.is_empty() {
                load::draw_charts(buffer, rest, seen, palette);
            } else {
                runs::draw(buffer, rest, seen, palette);
            }
        }
        Panel::Metrics => {
            let height = metrics::height(seen);
            let [top, rest] = Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
            metrics::draw(buffer, top, seen, palette);
            latency::draw_chart(buffer, rest, seen, palette);
        }
        Panel::Workers => workers::draw(buffer, area, seen, palette),
        Panel::Gpu => gpu::draw(buffer, area, seen, palette),
        Panel::Log => log::draw(buffer, area, seen, palette),
    }
}

/// Where the course of the run is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recent {
    Here,
    Elsewhere,
}

/// The overview in one column: what is most important has its room first.
fn column(buffer: &mut Buffer, area: Rect, seen: &Seen, view: &View, palette: &Palette, recent: Recent) {
    let (workers, gpus) = (workers::number(seen), gpu::number(seen));
    let log_min = if view.hides_log { 0 } else { 2 };
    let mut left = area.height;
    let mut room = |wanted: u16| {
        let given = wanted.min(left);
        left -= given;
        given
    };
    let log = room(log_min);
    let progress = room(progress::height(seen));
    let of_metrics = if area.height < ROOMY { metrics::least_height(seen) } else { metrics::height(seen) };
    let metrics = room(of_metrics);
    let recent = room(if recent == Recent::Here { 5 } else { 0 });
    // Of each table a rule that sums it up, and then a head and as many rows as there is room for.
    let mut worker = room(u16::from(workers > 0));
    let mut gpu = room(u16::from(gpus > 0));
    let mut rest = left;
    for (height, rows) in [(&mut worker, workers), (&mut gpu, gpus)] {
        let table = rows.saturating_add(1).min(TABLE_MAX).min(rest);
        if rows > 0 && table >= 2 {
            *height += table;
            rest -= table;
        }
    }
    let log = if view.hides_log { 0 } else { log + rest };
    let heights = [progress, metrics, recent, gpu, worker, log];
    let areas = Layout::vertical(heights.map(Constraint::Length)).areas::<6>(area);
    progress::draw(buffer, areas[0], seen, palette);
    metrics::draw(buffer, areas[1], seen, palette);
    last_seconds(buffer, areas[2], seen, palette);
    gpu::draw(buffer, areas[3], seen, palette);
    workers::draw(buffer, areas[4], seen, palette);
    log::draw(buffer, areas[5], seen, palette);
}

/// The last seconds as rows of bars: latency, and load.
fn last_seconds(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let title =
        format!("The last {} s: {} of each second, load", latency::RECENT, what(seen.now.progress.as_ref()));
    let inner = framed(buffer, area, &title);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2).areas(inner);
    latency::draw_rows(buffer, left, seen, palette);
    load::draw_rows(buffer, right, seen, palette);
}

/// The right column of a wide screen: charts, and the runs that ended.
fn charts(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let ended = u16::try_from(seen.now.ended.len()).unwrap_or(u16::MAX);
    let runs = if ended > 0 { ended.saturating_add(1).min(area.height / 3) } else { 0 };
    let load = load::height(seen, palette).min(area.height.saturating_sub(runs) / 2);
    let [top, latency, load] =
        Layout::vertical([Constraint::Length(runs), Constraint::Fill(1), Constraint::Length(load)])
            .areas(area);
    runs::draw(buffer, top, seen, palette);
    latency::draw_chart(buffer, latency, seen, palette);
    load::draw_charts(buffer, load, seen, palette);
}

/// From this width on, the overview has a second column with charts.
const TWO_COLUMNS: u16 = 164;
/// From this height on, every metric is shown.
const ROOMY: u16 = 30;
/// The height of a table in the overview.
const TABLE_MAX: u16 = 9;
