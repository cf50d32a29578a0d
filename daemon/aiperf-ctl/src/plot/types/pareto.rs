//! `pareto`: two numbers of each run, with the runs that no other one beats on both.

use super::PlotType;
use super::scatter_line::compared;
use crate::plot::config::{Quantity, Spec};
use crate::plot::many::Many;
use metric::{Flags, find};
use picture::{Figure, Point, Shape};

pub(super) const TYPE: PlotType = PlotType::of_many("pareto", draw);

fn draw(spec: &Spec, many: &Many) -> Result<Figure, String> {
    let mut figure = compared(spec, many, |points, x, y| Shape::Step {
        points: front(points, is_more_better(x), is_more_better(y)),
    })?;
    figure.notes.insert(0, "The line is the front: no run is better on both axes than one on it.".to_owned());
    Ok(figure)
}

/// Whether more of it is better.
fn is_more_better(of: &Quantity) -> bool {
    of.name == "output_token_throughput_per_gpu"
        || find(&of.name).is_some_and(|metric| metric.flags.has(Flags::LARGER_IS_BETTER))
}

/// The usable points that no other one beats on both axes, in the order in which a step function goes through them: each holds
/// until the next, towards what is worse on the horizontal axis.
fn front(points: &[Point], is_more_x: bool, is_more_y: bool) -> Vec<Point> {
    let direction = |value: f64, is_more: bool| if is_more { value } else { -value };
    let mut usable = points.iter().filter(|point| point.hollow.is_none()).cloned().collect::<Vec<_>>();
    // From the best on the horizontal axis; of equal ones the better on the vertical axis first.
    usable.sort_by(|one, other| {
        let x = direction(other.x, is_more_x).total_cmp(&direction(one.x, is_more_x));
        x.then(direction(other.y, is_more_y).total_cmp(&direction(one.y, is_more_y)))
    });
    let mut best = f64::NEG_INFINITY;
    usable.retain(|point| {
        let value = direction(point.y, is_more_y);
        let is_on_it = value > best;
        best = best.max(value);
        is_on_it
    });
    usable.into_iter().map(|point| Point::new(point.x, point.y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_nothing_beats() {
        let hollow = Point { hollow: Some("late".to_owned()), ..Point::new(1.0, 100.0) };
        let points =
            [(1.0, 10.0), (2.0, 30.0), (3.0, 20.0), (3.0, 40.0), (4.0, 40.0)].map(|(x, y)| Point::new(x, y));
        let points = points.into_iter().chain([hollow]).collect::<Vec<_>>();
        let check = |is_more_x, is_more_y, expected: &[(f64, f64)]| {
            let front = front(&points, is_more_x, is_more_y).into_iter().map(|point| (point.x, point.y));
            assert_eq!(front.collect::<Vec<_>>(), expected, "more x {is_more_x}, more y {is_more_y}");
        };
        check(false, true, &[(1.0, 10.0), (2.0, 30.0), (3.0, 40.0)]);
        check(true, true, &[(4.0, 40.0)]);
        check(true, false, &[(4.0, 40.0), (3.0, 20.0), (1.0, 10.0)]);
        check(false, false, &[(1.0, 10.0)]);
        assert!(front(&[], true, true).is_empty(), "none");
    }
}
