//! `request_timeline`: a bar for each request, in which it waits for its first token and then generates.

use super::{PlotType, wanted};
use crate::plot::axes::{axis, figure, seconds};
use crate::plot::config::Spec;
use crate::plot::one::OneRun;
use picture::{Figure, Mark, Point, Shape, Span, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("request_timeline", draw);

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let y = wanted(spec.y.as_ref(), "y")?;
    let columns = &run.columns;
    let (heights, waits) = (columns.get(&y.name)?, columns.get("time_to_first_token")?);
    let (mut waiting, mut generating, mut kernel, mut wrong) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (place, (height, wait)) in heights.iter().zip(waits).enumerate() {
        let (start, end) = (columns.start[place], columns.end[place]);
        let first = start + wait / 1e3;
        if !height.is_finite() || !first.is_finite() {
            continue;
        }
        // Both are rounded: a response in one event ends with its first token.
        if first > end + ROUNDING {
            wrong += 1;
            continue;
        }
        let first = first.min(end);
        waiting.push(Span { from: start, to: first, y: *height });
        generating.push(Span { from: first, to: end, y: *height });
        let received = columns.first_token_kernel[place];
        kernel.extend(received.is_finite().then(|| Point::new(received, *height)));
    }
    if waiting.is_empty() {
        return Err("no request has a first token".to_owned());
    }
    let mut marks = vec![
        Mark::new("generates", Subject::Series(2), Shape::Gantt { spans: generating }),
        Mark::new("waits, by the client", Subject::Client, Shape::Gantt { spans: waiting }),
    ];
    if !kernel.is_empty() {
        marks.push(Mark::new("first token, kernel", Subject::Kernel, Shape::Points { points: kernel }));
    }
    let mut figure = run.of_run(Figure { marks, ..figure(spec, seconds(), axis(y)) });
    // From zero on, bars that differ by little would lie on each other.
    figure.y.from_zero = false;
    if wrong > 0 {
        figure.notes.push(format!("{wrong} requests are left out whose first token is after their end."));
    }
    Ok(figure)
}

/// Seconds that two times may differ by and be one.
const ROUNDING: f64 = 1e-6;
