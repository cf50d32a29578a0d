//! `area`: a quantity over the run's time, filled down to zero.

use super::{PlotType, wanted};
use crate::plot::axes::{figure, seconds};
use crate::plot::config::{Source, Spec};
use crate::plot::one::OneRun;
use picture::{Figure, Mark, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("area", draw);

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let y = wanted(spec.y.as_ref(), "y")?;
    let points = run.over_time(y)?;
    let marks = vec![Mark::new("", subject(y.source), Shape::Area { points })];
    Ok(run.of_run(Figure { marks, ..figure(spec, seconds(), run.axis(y)) }))
}

/// What measures a quantity.
pub(super) const fn subject(source: Source) -> Subject {
    match source {
        Source::Run | Source::Timeslices => Subject::Client,
        Source::Gpu => Subject::Gpu,
        Source::Server => Subject::Server,
    }
}
