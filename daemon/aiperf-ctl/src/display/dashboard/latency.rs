//! The latency of the last second over time: the kernel's and the client's, as two marks.

use super::bars::{bars, most};
use super::colours::{Palette, dim};
use super::metrics::{CLIENT_MARK, KERNEL_MARK};
use super::numbers::{time, value};
use super::text::{framed, lines, styled};
use super::watcher::Seen;
use crate::display::course::Course;
use crate::display::now::At;
use control::Progress;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

/// A series: whose, which percentile, and its color.
struct Series {
    mark: char,
    name: &'static str,
    number: fn(&At) -> Option<f64>,
    style: Style,
}

/// Draws rows of bars over the last seconds.
pub(super) fn draw_rows(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let course = Course(&seen.now.points);
    let columns = usize::from(area.width).saturating_sub(NAME + VALUE);
    let all = series(palette).map(|one| {
        let numbers = course.series(columns, RECENT, |course, time| course.of(time, one.number));
        (one, numbers)
    });
    // One scale for all four, so that they can be compared.
    let greatest = most(all.iter().flat_map(|(_, numbers)| numbers));
    let is_known = |numbers: &[Option<f64>]| numbers.iter().any(Option::is_some);
    let is_any_known = all.iter().any(|(_, numbers)| is_known(numbers));
    // Of a command that only observes, the client's numbers are not known.
    let known = all.into_iter().filter(|(_, numbers)| is_known(numbers) || !is_any_known);
    let rows = known.map(|(one, numbers)| {
        let newest = course.last().and_then(|last| (one.number)(last));
        let newest = newest.map(|number| format!("{} ms", value(number))).unwrap_or_default();
        let name = format!("{} {}", one.mark, one.name);
        Line::from(vec![
            Span::styled(format!("{name:NAME$}{:columns$}", bars(&numbers, greatest)), one.style),
            Span::raw(format!("{newest:>VALUE$}")),
        ])
    });
    lines(buffer, area, rows);
}

/// Draws a chart over the whole run.
pub(super) fn draw_chart(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let inner = framed(buffer, area, &format!("{} of each second, ms", what(seen.now.progress.as_ref())));
    let points = &seen.now.points;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        lines(buffer, inner, [styled("no request has been sent yet", dim())]);
        return;
    };
    let all = series(palette).map(|one| {
        let number = one.number;
        let points = points.iter().filter_map(|at| number(at).map(|number| (at.seconds, number)));
        (one, points.collect::<Vec<_>>())
    });
    let greatest = all.iter().flat_map(|(_, points)| points).map(|(_, number)| *number).fold(0.0, f64::max);
    if greatest <= 0.0 || inner.height < 4 {
        lines(buffer, inner, [styled("no request has succeeded yet", dim())]);
        return;
    }
    let [legend, chart] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(inner);
    let known = all.iter().filter(|(_, points)| !points.is_empty());
    let spans = known.flat_map(|(one, points)| {
        let newest = points.last().map(|(_, number)| format!(" {}", value(*number))).unwrap_or_default();
        [Span::styled(format!("{} {}", one.mark, one.name), one.style), Span::raw(format!("{newest}   "))]
    });
    lines(buffer, legend, [Line::from(spans.collect::<Vec<_>>())]);
    let sets = all.iter().rev().map(|(one, points)| {
        let marker = Marker::Custom(one.mark);
        Dataset::default().marker(marker).graph_type(GraphType::Scatter).style(one.style).data(points)
    });
    let (from, to) = (first.seconds, last.seconds.max(first.seconds + 1.0));
    let times = Axis::default().bounds([from, to]).labels([time(from), time(to)]).style(dim());
    let values =
        Axis::default().bounds([0.0, greatest]).labels(["0".to_owned(), value(greatest)]).style(dim());
    Chart::new(sets.collect()).x_axis(times).y_axis(values).legend_position(None).render(chart, buffer);
}

/// What is measured of each request: the time to its first token, or its latency where nothing is streamed.
pub(super) fn what(progress: Option<&Progress>) -> &'static str {
    let is_streamed = progress.is_some_and(|progress| {
        ["time_to_first_token", "kernel_time_to_first_token"]
            .iter()
            .any(|tag| progress.live.contains_key(*tag))
    });
    if is_streamed { "TTFT" } else { "Latency" }
}

fn series(palette: &Palette) -> [Series; 4] {
    let (kernel, client) = (palette.kernel(), palette.client());
    [
        Series {
            mark: KERNEL_MARK,
            name: "kernel p50",
            number: |at| at.kernel_ms.map(|ms| ms.0),
            style: kernel,
        },
        Series {
            mark: CLIENT_MARK,
            name: "client p50",
            number: |at| at.client_ms.map(|ms| ms.0),
            style: client,
        },
        Series { mark: '○', name: "kernel p99", number: |at| at.kernel_ms.map(|ms| ms.1), style: kernel },
        Series { mark: '◇', name: "client p99", number: |at| at.client_ms.map(|ms| ms.1), style: client },
    ]
}

/// The columns of a series' name.
pub(super) const NAME: usize = 13;
/// The columns of its newest value.
pub(super) const VALUE: usize = 11;
/// The seconds that rows show.
pub(super) const RECENT: f64 = 30.0;
