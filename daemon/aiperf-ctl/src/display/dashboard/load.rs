//! The load over time: requests in flight, requests and tokens in a second, and the power of the GPUs.

use super::bars::{bars, most};
use super::colours::{Palette, dim};
use super::latency::{NAME, RECENT, VALUE};
use super::numbers::rate;
use super::text::{framed, lines, styled};
use super::watcher::Seen;
use crate::display::course::Course;
use metric::{float, whole};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Sparkline, Widget};

/// A series, with a scale of its own.
struct Series {
    name: &'static str,
    unit: &'static str,
    number: Number,
    style: Style,
}

/// A number of a run's course, at a time.
type Number = fn(Course<'_>, f64) -> Option<f64>;

/// Draws rows of bars over the last seconds.
pub(super) fn draw_rows(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let course = Course(&seen.now.points);
    let columns = usize::from(area.width).saturating_sub(NAME + VALUE);
    let rows = series(seen, palette).into_iter().map(|one| {
        let numbers = course.series(columns, RECENT, one.number);
        let newest = newest(&one, &numbers);
        let bars = bars(&numbers, most(&numbers));
        Line::from(vec![
            Span::styled(format!("{:NAME$}{bars:columns$}", one.name), one.style),
            Span::raw(format!("{newest:>VALUE$}")),
        ])
    });
    lines(buffer, area, rows);
}

/// Draws charts over the whole run, one below the other.
pub(super) fn draw_charts(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let course = Course(&seen.now.points);
    let inner = framed(buffer, area, "Load over the whole run");
    let Some(last) = course.last() else {
        lines(buffer, inner, [styled("no request has been sent yet", dim())]);
        return;
    };
    let all = series(seen, palette);
    let areas = Layout::vertical(all.iter().map(|_| Constraint::Fill(1))).split(inner);
    for (one, area) in all.iter().zip(areas.iter()) {
        let numbers = course.series(usize::from(area.width), last.seconds.max(1.0), one.number);
        let (newest, greatest) = (newest(one, &numbers), most(&numbers));
        let [head, bars] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(*area);
        let name = Span::styled(one.name, one.style);
        let text = format!(" {newest}, at most {}", rate(greatest));
        lines(buffer, head, [Line::from(vec![name, Span::raw(text)])]);
        // Sparklines have whole numbers: in thousandths of the greatest.
        let parts = numbers
            .iter()
            .map(|number| number.filter(|_| greatest > 0.0).map(|number| whole(number / greatest * 1000.0)));
        let absent = Style::new();
        Sparkline::default()
            .data(parts)
            .max(1000)
            .style(one.style)
            .absent_value_style(absent)
            .render(bars, buffer);
    }
}

/// The height of the charts with the rule.
pub(super) fn height(seen: &Seen, palette: &Palette) -> u16 {
    1 + series(seen, palette).iter().map(|_| CHART).sum::<u16>()
}

fn newest(one: &Series, numbers: &[Option<f64>]) -> String {
    let newest = numbers.last().copied().flatten();
    newest.map(|number| format!("{}{}", rate(number), one.unit)).unwrap_or_default()
}

/// At most four, of what there is.
fn series(seen: &Seen, palette: &Palette) -> Vec<Series> {
    let last = seen.now.points.last();
    let plain = Style::new();
    let mut all = Vec::new();
    // A command that only observes does not know what is in flight.
    if seen.now.sends() {
        let number: Number = |course, time| course.of(time, |at| Some(float(at.in_flight)));
        all.push(Series { name: "in flight", unit: "", number, style: plain });
    }
    let number: Number = |course, time| course.rate(time, |at| at.completed + at.failed);
    all.push(Series { name: "requests/s", unit: "", number, style: plain });
    if last.is_some_and(|last| last.output_tokens > 0) {
        let number: Number = |course, time| course.rate(time, |at| at.output_tokens);
        all.push(Series { name: "tokens/s", unit: "", number, style: plain });
    }
    if last.is_some_and(|last| last.watts.is_some()) {
        let number: Number = |course, time| course.of(time, |at| at.watts);
        all.push(Series { name: "GPU power", unit: " W", number, style: palette.gpu() });
    }
    if seen.now.progress.as_ref().is_some_and(|progress| progress.requests_failed > 0) {
        let number: Number = |course, time| course.rate(time, |at| at.failed);
        all.push(Series { name: "failures/s", unit: "", number, style: palette.bad() });
    }
    all.truncate(4);
    all
}

/// The height of a chart with its name.
const CHART: u16 = 5;
