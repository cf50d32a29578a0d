//! `scatter_line`: two numbers of each run, joined within each group by their labels if these are numbers, such as a load's, and
//! else by the first number.

use super::{PlotType, wanted};
use crate::plot::axes::{axis, figure};
use crate::plot::config::{Quantity, Spec};
use crate::plot::groups::{Group, groups, missing, points};
use crate::plot::many::Many;
use picture::{Figure, Mark, Point, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_many("scatter_line", draw);

fn draw(spec: &Spec, many: &Many) -> Result<Figure, String> {
    compared(spec, many, |points, _, _| Shape::Line { points: joined(points) })
}

/// The usable points in the order in which they are joined.
fn joined(points: &[Point]) -> Vec<Point> {
    let mut usable = points.iter().filter(|point| point.hollow.is_none()).collect::<Vec<_>>();
    let load = |point: &Point| point.label.as_ref()?.parse::<f64>().ok();
    if usable.iter().all(|point| load(point).is_some()) {
        usable
            .sort_by(|one, other| load(one).unwrap_or_default().total_cmp(&load(other).unwrap_or_default()));
    }
    usable.into_iter().map(|point| Point::new(point.x, point.y)).collect()
}

/// Points of all groups by both clocks, each with a line through them.
pub(super) fn compared(
    spec: &Spec,
    many: &Many,
    line: impl Fn(&[Point], &Quantity, &Quantity) -> Shape,
) -> Result<Figure, String> {
    let (x, y) = (wanted(spec.x.as_ref(), "x")?, wanted(spec.y.as_ref(), "y")?);
    let groups = groups(spec, many);
    let kernel = by_the_kernel(many, x, y).filter(|_| groups.len() <= GROUPS_OF_BOTH);
    let mut marks = Vec::new();
    let mut left_out = 0;
    for group in &groups {
        let (by_client, without) = points(spec, group, x, y);
        left_out += without;
        let (subject, name) = client_of(group, kernel.is_some());
        add(&mut marks, subject, &name, by_client, |points| line(points, x, y));
        if let Some((x, y)) = &kernel {
            let (by_kernel, _) = points(spec, group, x, y);
            let (subject, name) = kernel_of(group, groups.len());
            add(&mut marks, subject, &name, by_kernel, |points| line(points, x, y));
            // One label of each run is enough.
            if let Some(Mark { shape: Shape::Points { points }, is_inner, .. }) = marks.last_mut() {
                points.iter_mut().for_each(|point| point.label = None);
                *is_inner = true;
            }
        }
    }
    if marks.is_empty() {
        return Err(missing(many, [x, y]));
    }
    let mut figure = Figure { marks, subtitle: many.about(), ..figure(spec, axis(x), axis(y)) };
    if left_out > 0 {
        figure.notes.push(format!("{left_out} runs are left out: they lack one of the numbers."));
    }
    Ok(figure)
}

fn add(
    marks: &mut Vec<Mark>,
    subject: Subject,
    name: &str,
    points: Vec<Point>,
    line: impl Fn(&[Point]) -> Shape,
) {
    if points.is_empty() {
        return;
    }
    marks.push(Mark::new("", subject, line(&points)));
    marks.push(Mark::new(name, subject, Shape::Points { points }));
}

/// The quantities by the kernel's clock, if it measured any of them in these runs.
fn by_the_kernel(many: &Many, x: &Quantity, y: &Quantity) -> Option<(Quantity, Quantity)> {
    let is_there = |of: &Quantity| many.runs.iter().any(|run| run.number(of).is_some());
    let twin = |of: &Quantity| of.by_the_kernel().filter(|kernel| is_there(kernel));
    let (kernel_x, kernel_y) = (twin(x), twin(y));
    if kernel_x.is_none() && kernel_y.is_none() {
        return None;
    }
    Some((kernel_x.unwrap_or_else(|| x.clone()), kernel_y.unwrap_or_else(|| y.clone())))
}

fn client_of(group: &Group<'_>, has_kernel: bool) -> (Subject, String) {
    match (has_kernel, group.name.is_empty()) {
        (false, _) => (group.subject, group.name.clone()),
        (true, true) => (Subject::Client, "client".to_owned()),
        (true, false) => (group.subject, format!("{}: client", group.name)),
    }
}

/// Of several groups the kernel's points have colors of their own, after those of the groups.
fn kernel_of(group: &Group<'_>, groups: usize) -> (Subject, String) {
    if group.name.is_empty() {
        return (Subject::Kernel, "kernel".to_owned());
    }
    let number = match group.subject {
        Subject::Series(number) => number,
        _ => 0,
    };
    (Subject::Series(number + groups), format!("{}: kernel", group.name))
}

/// More groups than these are drawn by the client's clock only: colors would be the same again.
const GROUPS_OF_BOTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_joined_in_their_order() {
        let point = |label: &str, x: f64| Point { label: Some(label.to_owned()), ..Point::new(x, 0.0) };
        let order = |points: &[Point]| joined(points).iter().map(|point| point.x).collect::<Vec<_>>();
        assert_eq!(
            order(&[point("8", 1.0), point("4", 2.0), point("16", 3.0)]),
            [2.0, 1.0, 3.0],
            "by their number"
        );
        assert_eq!(order(&[point("b", 1.0), point("a", 2.0)]), [1.0, 2.0], "by place");
        let hollow = Point { hollow: Some("late".to_owned()), ..point("1", 9.0) };
        assert_eq!(order(&[hollow, point("2", 1.0)]), [1.0], "what must not be used is not joined");
    }
}
