//! `scatter`: a point for each request, by the client's clock and by the kernel's; or for each scrape of the server.

use super::{PlotType, wanted};
use crate::plot::axes::{axis, figure, seconds};
use crate::plot::config::{Quantity, Source, Spec};
use crate::plot::one::OneRun;
use picture::{Figure, Mark, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("scatter", draw);

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let y = wanted(spec.y.as_ref(), "y")?;
    if y.source != Source::Run {
        let points = run.over_time(y)?;
        let subject = if y.source == Source::Gpu { Subject::Gpu } else { Subject::Server };
        let marks = vec![Mark::new("", subject, Shape::Points { points })];
        return Ok(run.of_run(Figure { marks, ..figure(spec, seconds(), run.axis(y)) }));
    }
    let request_number = Quantity::of_run("request_number");
    let x = spec.x.as_ref().unwrap_or(&request_number);
    let marks = clouds(run, x, y)?;
    Ok(run.of_run(Figure { marks, ..figure(spec, axis(x), axis(y)) }))
}

/// The points of all requests: by both clocks where the kernel's is known.
pub(super) fn clouds(run: &OneRun, x: &Quantity, y: &Quantity) -> Result<Vec<Mark>, String> {
    let client = run.of_requests(&x.name, &y.name)?;
    let kernel = y.by_the_kernel().and_then(|kernel| run.of_requests(&x.name, &kernel.name).ok());
    let kernel = kernel.filter(|points| !points.is_empty());
    let name = if kernel.is_some() { "client" } else { "" };
    let mut marks = vec![Mark::new(name, Subject::Client, Shape::Points { points: client })];
    marks.extend(kernel.map(|points| Mark::new("kernel", Subject::Kernel, Shape::Points { points })));
    Ok(marks)
}
