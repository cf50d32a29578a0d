//! `dual_axis`: two quantities over the run's time, each with an axis of its own.

use super::area::subject;
use super::{PlotType, wanted};
use crate::plot::axes::{figure, seconds};
use crate::plot::config::{Quantity, Spec, Style};
use crate::plot::one::OneRun;
use picture::{Figure, Mark, Point, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("dual_axis", draw);

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let (left, right) = (wanted(spec.y.as_ref(), "y")?, wanted(spec.y2.as_ref(), "y2")?);
    let (points, second) = (run.over_time(left)?, run.over_time(right)?);
    let resolved = Quantity { name: run.gpus.resolved(&right.name).to_owned(), ..right.clone() };
    let name = |of: &Quantity| run.axis(of).label;
    // Two quantities of one source have colors of their own.
    let (own, other) = (subject(left.source), subject(right.source));
    let other = if own == other { Subject::Series(0) } else { other };
    let marks = vec![
        Mark::new(name(&resolved), other, shape(second, spec.secondary)).on_the_right(),
        Mark::new(name(left), own, shape(points, spec.primary)),
    ];
    let figure = Figure { marks, y2: Some(run.axis(&resolved)), ..figure(spec, seconds(), run.axis(left)) };
    Ok(run.of_run(figure))
}

fn shape(points: Vec<Point>, style: Style) -> Shape {
    match (style.is_filled, style.is_step) {
        (true, _) => Shape::Area { points },
        (false, true) => Shape::Step { points },
        (false, false) => Shape::Line { points },
    }
}
