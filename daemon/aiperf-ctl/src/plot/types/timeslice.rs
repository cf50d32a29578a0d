//! `timeslice`: a bar for each time slice of the run, with its deviation; or the server's own metrics over time.

use super::{PlotType, wanted};
use crate::plot::axes::{axis, by_header, figure, has_stat, seconds};
use crate::plot::config::{Quantity, Source, Spec};
use crate::plot::one::OneRun;
use metric::{MetricResult, Slice, Stat, float};
use picture::{Bar, Figure, Mark, Point, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("timeslice", draw);

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let y = wanted(spec.y.as_ref(), "y")?;
    if y.source == Source::Server {
        let points = run.over_time(y)?;
        let marks = vec![Mark::new("", Subject::Server, Shape::Line { points })];
        return Ok(run.of_run(Figure { marks, ..figure(spec, seconds(), run.axis(y)) }));
    }
    bars(spec, run, y)
}

/// Bars of slices, with the kernel's values as points.
pub(super) fn bars(spec: &Spec, run: &OneRun, y: &Quantity) -> Result<Figure, String> {
    if run.slices.is_empty() {
        return Err(OneRun::no_slices());
    }
    let tag = by_header(&y.name).unwrap_or(&y.name);
    let stat = y.stat.unwrap_or(Stat::Avg);
    if !has_stat(tag, stat) {
        return Err(format!("`{tag}` has one number, without {}", stat.name()));
    }
    let begin = run.slices[0].begin.0;
    let seconds_of = |date: u64| float(date.saturating_sub(begin)) / 1e9;
    let bar = |slice: &Slice| {
        let result = result(slice, tag)?;
        let spread = result.stats.get(Stat::Std).map(metric::Value::get).filter(|_| stat == Stat::Avg);
        let y = result.stats.get(stat)?.get();
        let (from, to) = (seconds_of(slice.begin.0), seconds_of(slice.end.0));
        Some(Bar { from, to, y, spread, is_partial: !slice.is_complete })
    };
    let bars = run.slices.iter().filter_map(bar).collect::<Vec<_>>();
    if bars.is_empty() {
        return Err(format!("no time slice has `{tag}`"));
    }
    let by_kernel = format!("kernel_{tag}");
    let point = |slice: &Slice| {
        let y = result(slice, &by_kernel)?.stats.get(stat)?.get();
        Some(Point::new(seconds_of(u64::midpoint(slice.begin.0, slice.end.0)), y))
    };
    let kernel = run.slices.iter().filter_map(point).collect::<Vec<_>>();
    let has_spread = bars.iter().any(|bar| bar.spread.is_some());
    let is_partial = bars.iter().any(|bar| bar.is_partial);
    let name = if kernel.is_empty() { "" } else { "client" };
    let mut marks = vec![Mark::new(name, Subject::Client, Shape::Bars { bars })];
    if !kernel.is_empty() {
        marks.push(Mark::new("kernel", Subject::Kernel, Shape::Points { points: kernel }));
    }
    let of_requests = matches!(metric::find(tag).map(|metric| metric.kind), Some(metric::Kind::Record(_)));
    if let Some(whole) = run.stat(tag, stat).filter(|_| of_requests) {
        marks.push(Mark::new("whole run", Subject::Limit, Shape::Horizontal { y: whole }));
    }
    let of = Quantity { name: tag.to_owned(), stat: Some(stat), source: Source::Run };
    let mut figure = run.of_run(Figure { marks, ..figure(spec, seconds(), axis(&of)) });
    if has_spread {
        figure.notes.push("Whiskers are the standard deviation of the requests of a slice.".to_owned());
    }
    if is_partial {
        figure.notes.push("A dashed bar is a slice that the run's end cut short.".to_owned());
    }
    Ok(figure)
}

fn result<'a>(slice: &'a Slice, tag: &str) -> Option<&'a MetricResult> {
    slice.results.iter().find(|result| result.metric.tag == tag)
}
