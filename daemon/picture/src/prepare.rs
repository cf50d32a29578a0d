//! Makes a figure drawable: numbers that are not finite are left out and counted, and more points than can be seen are thinned.

use crate::figure::{Figure, Mark, Point, ScaleKind, Shape, Side};
use crate::number::short;
use crate::thin::thinned;

/// The figure as it is drawn. Preparing it again changes nothing.
pub(crate) fn prepared(figure: &Figure) -> Figure {
    let mut figure = figure.clone();
    let mut lost = 0;
    let is_log = |scale: ScaleKind| scale == ScaleKind::Log;
    let (x, left) = (is_log(figure.x.scale), is_log(figure.y.scale));
    let right = figure.y2.as_ref().map_or(left, |axis| is_log(axis.scale));
    let mut keep_finite = |marks: &mut Vec<Mark>, left: bool, right: bool| {
        marks.retain_mut(|mark| {
            let here = finite(&mut mark.shape, x, if mark.side == Side::Right { right } else { left });
            lost += here;
            // A line at no number is drawn nowhere.
            here == 0 || !matches!(mark.shape, Shape::Vertical { .. } | Shape::Horizontal { .. })
        });
    };
    keep_finite(&mut figure.marks, left, right);
    for panel in &mut figure.panels {
        let own = is_log(panel.y.scale);
        keep_finite(&mut panel.marks, own, own);
    }
    if lost > 0 {
        let (values, are) = if lost == 1 { ("value", "is") } else { ("values", "are") };
        figure
            .notes
            .push(format!("{lost} {values} that {are} no finite number on these axes {are} left out."));
    }
    let mut thinned = None;
    let below = figure.panels.iter_mut().flat_map(|panel| &mut panel.marks);
    for mark in figure.marks.iter_mut().chain(below) {
        if let Some((all, kept)) = thin(&mut mark.shape) {
            let (before, after) = thinned.unwrap_or((0, 0));
            thinned = Some((before + all, after + kept));
        }
    }
    if let Some((all, kept)) = thinned {
        figure.notes.push(format!(
            "Of {} points {} are drawn: of each of {INTERVALS} intervals the least, the greatest and some between.",
            short(crate::number::float(all)),
            short(crate::number::float(kept)),
        ));
    }
    figure
}

/// Leaves out what is not finite, or has no place on a logarithmic axis; returns how much.
fn finite(shape: &mut Shape, is_log_x: bool, is_log_y: bool) -> usize {
    let x = |number: f64| number.is_finite() && (!is_log_x || number > 0.0);
    let y = |number: f64| number.is_finite() && (!is_log_y || number > 0.0);
    let before = shape.items();
    match shape {
        Shape::Line { points }
        | Shape::Step { points }
        | Shape::Points { points }
        | Shape::Area { points } => {
            points.retain(|point| x(point.x) && y(point.y));
        }
        Shape::Bars { bars } => {
            bars.retain(|bar| x(bar.from) && x(bar.to) && y(bar.y));
            bars.iter_mut().for_each(|bar| bar.spread = bar.spread.filter(|spread| spread.is_finite()));
        }
        Shape::Band { ranges } => ranges.retain(|range| x(range.x) && y(range.low) && y(range.high)),
        Shape::Polygon { vertices, .. } => {
            // A part of an ellipse is none.
            if !vertices.iter().all(|vertex| x(vertex[0]) && y(vertex[1])) {
                vertices.clear();
                return usize::from(before > 0);
            }
        }
        Shape::Gantt { spans } => spans.retain(|span| x(span.from) && x(span.to) && y(span.y)),
        Shape::Blocks { blocks, .. } => blocks.retain(|block| x(block.from) && x(block.to) && y(block.y)),
        Shape::Vertical { x: at } => return usize::from(!x(*at)),
        Shape::Horizontal { y: at } => return usize::from(!y(*at)),
    }
    before - shape.items()
}

/// Thins a shape; returns how many items it had and has.
fn thin(shape: &mut Shape) -> Option<(usize, usize)> {
    let before = shape.items();
    let most = if matches!(shape, Shape::Blocks { .. }) { BLOCKS_MAX } else { POINTS_MAX };
    if before <= most {
        return None;
    }
    match shape {
        Shape::Line { points } | Shape::Step { points } | Shape::Area { points } => {
            keep(points, 2, |point| (point.x, point.y));
        }
        Shape::Points { points } => {
            // What is labelled or refused is never thinned away.
            let is_named = |point: &Point| point.label.is_some() || point.hollow.is_some();
            let (named, mut plain): (Vec<_>, Vec<_>) = std::mem::take(points).into_iter().partition(is_named);
            keep(&mut plain, SPREAD, |point| (point.x, point.y));
            plain.extend(named.into_iter().take(POINTS_MAX));
            *points = plain;
        }
        Shape::Bars { bars } => keep(bars, 2, |bar| (bar.from, bar.y)),
        Shape::Band { ranges } => keep(ranges, 2, |range| (range.x, range.high)),
        Shape::Gantt { spans } => keep(spans, SPREAD, |span| (span.from, span.y)),
        Shape::Blocks { blocks, .. } => keep(blocks, BLOCKS_MAX / INTERVALS, |block| (block.from, block.y)),
        Shape::Polygon { .. } | Shape::Vertical { .. } | Shape::Horizontal { .. } => return None,
    }
    Some((before, shape.items()))
}

fn keep<T: Clone>(items: &mut Vec<T>, keep: usize, at: impl Fn(&T) -> (f64, f64)) {
    *items = thinned(items, INTERVALS, keep, at).into_iter().map(|place| items[place].clone()).collect();
}

/// A mark of more points is thinned.
pub const POINTS_MAX: usize = INTERVALS * SPREAD;
/// A mark of more rectangles is: those of a row hide nothing of another row, so a picture shows more of them.
const BLOCKS_MAX: usize = INTERVALS * 80;
/// Intervals of the horizontal axis: about one for each pixel of a small picture.
const INTERVALS: usize = 800;
/// Points of a cloud in each.
const SPREAD: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Subject;

    fn figure(points: Vec<Point>) -> Figure {
        Figure { marks: vec![Mark::new("", Subject::Client, Shape::Points { points })], ..Figure::default() }
    }

    #[test]
    fn what_is_no_number_is_counted() {
        let points = vec![Point::new(1.0, f64::NAN), Point::new(f64::INFINITY, 1.0), Point::new(1.0, 1.0)];
        let drawn = prepared(&figure(points));
        assert_eq!(drawn.items(), 1, "one is a point");
        assert!(drawn.notes[0].starts_with("2 values that are no finite number"), "{:?}", drawn.notes);
        assert_eq!(prepared(&drawn), drawn, "once is enough");
    }

    #[test]
    fn a_million_points_are_thinned_and_reported() {
        let points = (0..1_000_000_u32)
            .map(|n| Point::new(f64::from(n), f64::from(n.wrapping_mul(2_654_435_761) >> 12)));
        let drawn = prepared(&figure(points.collect()));
        assert_eq!(drawn.items(), POINTS_MAX, "as many as can be seen");
        assert!(drawn.notes[0].starts_with("Of 1M points 6400 are drawn"), "{:?}", drawn.notes);
        assert_eq!(prepared(&drawn), drawn, "once is enough");
    }

    #[test]
    fn a_figure_survives_json() {
        let mut before = figure(vec![Point { label: Some("a".to_owned()), ..Point::new(0.1, 1e300) }]);
        before.marks.push(Mark::new(
            "front",
            Subject::Series(2),
            Shape::Step { points: vec![Point::new(1.0, 2.0)] },
        ));
        before.marks.push(Mark::new("limit", Subject::Limit, Shape::Horizontal { y: 3.5 }).on_the_right());
        let after = Figure::from_json(&before.to_json().unwrap()).unwrap();
        assert_eq!(after, before, "the same numbers");
        assert!(Figure::from_json("{}").is_err(), "nothing");
    }
}
