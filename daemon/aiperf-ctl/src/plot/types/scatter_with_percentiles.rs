//! `scatter_with_percentiles`: a point for each request, with percentiles of the latest ones.

use super::scatter::clouds;
use super::{PlotType, index, wanted};
use crate::plot::axes::{axis, figure};
use crate::plot::config::{Quantity, Spec};
use crate::plot::one::OneRun;
use metric::{float_of, least_sample};
use picture::{Figure, Mark, Point, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("scatter_with_percentiles", draw);

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let y = wanted(spec.y.as_ref(), "y")?;
    let timestamp = Quantity::of_run("timestamp");
    let x = spec.x.as_ref().unwrap_or(&timestamp);
    let mut marks = clouds(run, x, y)?;
    let mut points = run.of_requests(&x.name, &y.name)?;
    points.sort_by(|one, other| one.x.total_cmp(&other.x));
    let window = window(points.len());
    for (name, share, colour) in PERCENTILES {
        let line = rolling(&points, window, *share);
        marks.push(Mark::new(*name, Subject::Series(*colour), Shape::Line { points: line }));
    }
    let mut figure = run.of_run(Figure { marks, ..figure(spec, axis(x), axis(y)) });
    figure.notes.push(format!("Percentiles are of the latest {window} requests, by the client's clock."));
    if (window as u64) < least_sample(0.99) {
        figure.notes.push("A p99 of so few is hardly less than their maximum.".to_owned());
    }
    Ok(figure)
}

/// How many requests each percentile is of: a twentieth of them, between AIPerf's 10 and 1000.
fn window(requests: usize) -> usize {
    (requests / 20).clamp(10, 1000).min(requests.max(1))
}

/// A percentile of each point and those before it, at up to so many places as a picture has.
fn rolling(points: &[Point], window: usize, share: f64) -> Vec<Point> {
    let every = points.len().div_ceil(PLACES).max(1);
    let at = |end: usize| {
        let latest = &points[end.saturating_sub(window - 1)..=end];
        let mut values = latest.iter().map(|point| point.y).collect::<Vec<_>>();
        values.sort_by(f64::total_cmp);
        Point::new(points[end].x, percentile(&values, share))
    };
    (0..points.len()).step_by(every).map(at).collect()
}

/// A percentile of sorted values, between neighbours in proportion, as NumPy does.
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * float_of(sorted.len().saturating_sub(1));
    let below = index(rank.floor());
    let (Some(low), Some(high)) = (sorted.get(below), sorted.get(below + 1).or_else(|| sorted.get(below)))
    else {
        return f64::NAN;
    };
    low + (high - low) * rank.fract()
}

/// Each with its share of the requests and the number of its color.
const PERCENTILES: &[(&str, f64, usize)] = &[("p50", 0.50, 0), ("p95", 0.95, 4), ("p99", 0.99, 3)];
const PLACES: usize = 800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_roll() {
        let points = (0..100_u32).map(|n| Point::new(f64::from(n), f64::from(n))).collect::<Vec<_>>();
        let line = rolling(&points, 11, 0.5);
        assert_eq!((line.len(), line[0].y, line[50].y), (100, 0.0, 45.0), "of those before");
        assert!((percentile(&[1.0, 2.0, 4.0], 0.75) - 3.0).abs() < 1e-12, "between two");
        assert_eq!((window(5), window(100), window(1_000_000)), (5, 10, 1000), "windows");
        assert!(percentile(&[], 0.5).is_nan(), "none");
    }
}
