//! `percentile_bands`: the median over the run's time with bands up to p95 and p99; of a server's gauge its least and greatest.

use super::scatter_with_percentiles::percentile;
use super::{PlotType, index, wanted};
use crate::plot::axes::{axis, figure, seconds};
use crate::plot::config::{Quantity, Source, Spec};
use crate::plot::one::OneRun;
use crate::plot::server::{Window, quantile};
use metric::float_of;
use picture::{Axis, Figure, Mark, Point, Range, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("percentile_bands", draw);

/// What is known of an interval of time.
struct Band {
    at: f64,
    low: Option<f64>,
    p50: f64,
    p95: f64,
    p99: f64,
}

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let y = wanted(spec.y.as_ref(), "y")?;
    let (bands, subject, names, axis) = match y.source {
        Source::Server => of_server(run, y)?,
        _ => {
            let points = run.over_time(y)?;
            (of_points(&points), Subject::Client, ["p50", "up to p95", "up to p99"], axis(y))
        }
    };
    if bands.is_empty() {
        return Err(format!("`{}` has no values over time", y.name));
    }
    let range = |low: fn(&Band) -> f64, high: fn(&Band) -> f64| {
        let range = |band: &Band| Range { x: band.at, low: low(band), high: high(band) };
        Shape::Band { ranges: bands.iter().map(range).collect() }
    };
    let mut marks = vec![
        // The inner band lies on the outer one, which makes it darker.
        Mark::new(names[2], subject, range(|band| band.low.unwrap_or(band.p50), |band| band.p99)),
        Mark::new(names[1], subject, range(|band| band.low.unwrap_or(band.p50), |band| band.p95)),
    ];
    let line = bands.iter().map(|band| Point::new(band.at, band.p50)).collect();
    marks.push(Mark::new(names[0], subject, Shape::Line { points: line }));
    marks.retain(|mark| !mark.name.is_empty());
    Ok(run.of_run(Figure { marks, ..figure(spec, seconds(), axis) }))
}

/// Requests by equal intervals of time, in each of which about fifty ended.
fn of_points(points: &[Point]) -> Vec<Band> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let count = (points.len() / 50).clamp(1, 100);
    let width = ((last.x - first.x) / float_of(count)).max(1e-9);
    let mut values = vec![Vec::new(); count];
    for point in points {
        values[(index((point.x - first.x) / width)).min(count - 1)].push(point.y);
    }
    let bands = values.into_iter().enumerate().filter(|(_, values)| !values.is_empty()).map(
        |(number, mut values)| {
            values.sort_by(f64::total_cmp);
            Band {
                at: first.x + width * (float_of(number) + 0.5),
                low: None,
                p50: percentile(&values, 0.50),
                p95: percentile(&values, 0.95),
                p99: percentile(&values, 0.99),
            }
        },
    );
    bands.collect()
}

type Known = (Vec<Band>, Subject, [&'static str; 3], Axis);

fn of_server(run: &OneRun, y: &Quantity) -> Result<Known, String> {
    let series = run.server.selected(&y.name)?;
    let [series] = series.as_slice() else {
        return Err(format!("`{}` selects {} series: choose one by {{label=value}}", y.name, series.len()));
    };
    let is_histogram = series.windows.iter().any(|window| !window.buckets.is_empty());
    let band = |window: &Window| {
        let of = |share: f64| quantile(&window.buckets, share).unwrap_or(window.value);
        if is_histogram {
            return Band { at: window.at, low: None, p50: of(0.50), p95: of(0.95), p99: of(0.99) };
        }
        let high = window.max.unwrap_or(window.value);
        Band { at: window.at, low: window.min, p50: window.value, p95: high, p99: high }
    };
    let bands = series.windows.iter().map(band).collect();
    let names =
        if is_histogram { ["p50", "up to p95", "up to p99"] } else { ["mean", "least to greatest", ""] };
    Ok((bands, Subject::Server, names, Axis::new(y.name.clone(), series.unit.clone())))
}
