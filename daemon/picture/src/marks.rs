//! Draws each kind of mark.

use crate::figure::{Bar, Block, Figure, Mark, Point, Range, Shape, Side, Span, Subject};
use crate::labels::Labels;
use crate::layout::{AXIS, Layout, MARGIN, TICK};
use crate::number::{float, place};
use crate::scale::Scale;
use crate::svg::{Style, Writer, exact, label_width};
use crate::text::{Weight, fitted, visible};
use crate::theme::Theme;
use std::fmt::Write;

/// Draws a mark with its numbers.
pub(crate) fn draw(out: &mut Writer, mark: &Mark, layout: &Layout, theme: Theme) {
    let at = At { x: &layout.x, y: layout.y(mark.side) };
    let colour = theme.colour(mark.subject);
    let subject = subject(mark.subject);
    let name = visible(&mark.name);
    let side = if mark.side == Side::Right { "right" } else { "" };
    let mut attributes =
        vec![("data-name", name.as_str()), ("data-subject", subject.as_str()), ("data-side", side)];
    let numbers = numbers(&mark.shape);
    attributes.extend(numbers.iter().map(|(name, numbers)| (*name, numbers.as_str())));
    out.open("g", &attributes);
    match &mark.shape {
        Shape::Line { points } => line(out, mark, &at.path(points), colour),
        Shape::Step { points } => line(out, mark, &at.steps(points), colour),
        Shape::Points { points } => dots(out, points, &at, mark, theme),
        Shape::Area { points } => area(out, points, &at, colour),
        Shape::Bars { bars } => draw_bars(out, bars, &at, colour, theme),
        Shape::Band { ranges } => band(out, ranges, &at, colour),
        Shape::Polygon { vertices, is_dashed } => polygon(out, vertices, *is_dashed, &at, colour),
        Shape::Gantt { spans } => gantt(out, spans, &at, colour),
        Shape::Blocks { blocks, height } => draw_blocks(out, blocks, *height, &at, colour),
        Shape::Vertical { x } => {
            let x = at.x.place(*x);
            let style = [("stroke", colour), ("stroke-width", "1.5"), ("stroke-dasharray", "5 4")];
            out.line((x, layout.plot.top), (x, layout.plot.bottom), &style);
        }
        Shape::Horizontal { y } => {
            let y = at.y.place(*y);
            let style = [("stroke", colour), ("stroke-width", "1.5"), ("stroke-dasharray", "5 4")];
            out.line((layout.plot.left, y), (layout.plot.right, y), &style);
        }
    }
    out.close("g");
}

/// Writes the labels of points where they cover nothing, and those of vertical lines.
pub(crate) fn labels(out: &mut Writer, figure: &Figure, layout: &Layout, theme: Theme) {
    let colours = theme.colours();
    let points = figure.marks.iter().filter_map(|mark| match &mark.shape {
        Shape::Points { points } => Some((mark, points)),
        _ => None,
    });
    let points = points.flat_map(|(mark, points)| points.iter().map(move |point| (mark, point)));
    let at = |mark: &Mark, point: &Point| (layout.x.place(point.x), layout.y(mark.side).place(point.y));
    let mut free = Labels::within(layout.plot, points.clone().map(|(mark, point)| at(mark, point)));
    for (mark, point) in
        points.filter(|(_, point)| point.label.is_some() || point.hollow.is_some()).take(LABELS_MAX)
    {
        let text = [point.label.as_deref(), point.hollow.as_deref()].into_iter().flatten();
        let text = text.filter(|text| !text.is_empty());
        let text = fitted(&text.collect::<Vec<_>>().join(": "), TICK, Weight::Regular, LABEL_WIDTH);
        if text.is_empty() {
            continue;
        }
        let (x, y) = at(mark, point);
        if let Some((left, baseline)) = free.place(x, y, label_width(&text), TICK) {
            let colour = if point.hollow.is_some() { colours.refused } else { colours.text };
            out.text_over(&text, left, baseline, &Style::new(TICK, colour), colours.background);
        }
    }
    of_verticals(out, figure, layout, theme);
}

/// The labels of vertical lines, above the plot if it is a panel, and one below the other where two would meet.
fn of_verticals(out: &mut Writer, figure: &Figure, layout: &Layout, theme: Theme) {
    let title = label_width(&layout.y_title(&figure.y, Side::Left)) * AXIS / TICK;
    let mut taken = vec![(0.0, MARGIN + title + TICK, layout.axes_at)];
    let inside = (0..MOST_BELOW).map(|line| layout.plot.top + 12.0 + float(line) * (TICK + 2.0));
    let above = layout.is_stacked.then_some(layout.axes_at);
    let lines = above.into_iter().chain(inside).collect::<Vec<_>>();
    for mark in figure.marks.iter().filter(|mark| !mark.name.is_empty()) {
        let Shape::Vertical { x } = mark.shape else { continue };
        let text = fitted(&mark.name, TICK, Weight::Regular, LABEL_WIDTH);
        let (x, wide) = (layout.x.place(x), label_width(&text));
        let is_left = x + wide + 8.0 < layout.plot.right;
        let (x, anchor, left) =
            if is_left { (x + 5.0, "start", x + 5.0) } else { (x - 5.0, "end", x - 5.0 - wide) };
        let is_free = |y: &&f64| {
            !taken.iter().any(|(from, to, at)| left < *to && *from < left + wide && (at - **y).abs() < TICK)
        };
        let y = lines.iter().find(is_free).copied().unwrap_or(layout.plot.bottom);
        taken.push((left, left + wide, y));
        let style = Style { anchor, ..Style::new(TICK, theme.colour(mark.subject)) };
        out.text_over(&text, x, y, &style, theme.colours().background);
    }
}

/// Whether a mark is drawn as points.
pub(crate) const fn is_of_points(mark: &Mark) -> bool {
    matches!(mark.shape, Shape::Points { .. })
}

/// Whether a mark is a line, whose end a reader can follow to its name.
pub(crate) const fn is_of_line(mark: &Mark) -> bool {
    matches!(mark.shape, Shape::Line { .. } | Shape::Step { .. } | Shape::Horizontal { .. })
}

/// The size of a mark's points, of the usual one: those of the kernel are drawn over those of the client, which show around them.
pub(crate) fn share(mark: &Mark) -> f64 {
    match mark.subject {
        Subject::Client => 1.3,
        Subject::Kernel => 0.8,
        _ if mark.is_inner => 0.8,
        _ => 1.0,
    }
}

/// Width and dashes of a mark's line.
pub(crate) fn stroke(mark: &Mark) -> (&'static str, &'static str) {
    match (&mark.shape, mark.subject) {
        (Shape::Horizontal { .. } | Shape::Vertical { .. }, _) => ("1.5", "5 4"),
        (Shape::Band { .. } | Shape::Area { .. } | Shape::Bars { .. }, _) => ("7", ""),
        (Shape::Blocks { height, .. }, _) => (if *height < THIN { "3" } else { "9" }, ""),
        (Shape::Gantt { .. }, _) => ("4", ""),
        (_, Subject::Limit) => ("1.5", "5 4"),
        _ if mark.is_line_dashed => ("1.5", "6 3"),
        // Many steps would be one area.
        (shape, _) if shape.items() > LINE_POINTS_MAX => ("1", ""),
        _ => ("2", ""),
    }
}

fn subject(of: Subject) -> String {
    match of {
        Subject::Series(number) => format!("series-{number}"),
        Subject::Client => "client".to_owned(),
        Subject::Kernel => "kernel".to_owned(),
        Subject::Server => "server".to_owned(),
        Subject::Gpu => "gpu".to_owned(),
        Subject::Limit => "limit".to_owned(),
        Subject::Failed => "failed".to_owned(),
        Subject::Baseline => "baseline".to_owned(),
        Subject::Treatment => "treatment".to_owned(),
    }
}

/// The numbers of a shape, by attribute.
fn numbers(shape: &Shape) -> Vec<(&'static str, String)> {
    match shape {
        Shape::Line { points }
        | Shape::Step { points }
        | Shape::Points { points }
        | Shape::Area { points } => vec![
            ("data-x", exact(points.iter().map(|point| point.x))),
            ("data-y", exact(points.iter().map(|point| point.y))),
        ],
        Shape::Bars { bars } => vec![
            ("data-from", exact(bars.iter().map(|bar| bar.from))),
            ("data-to", exact(bars.iter().map(|bar| bar.to))),
            ("data-y", exact(bars.iter().map(|bar| bar.y))),
        ],
        Shape::Band { ranges } => vec![
            ("data-x", exact(ranges.iter().map(|range| range.x))),
            ("data-low", exact(ranges.iter().map(|range| range.low))),
            ("data-high", exact(ranges.iter().map(|range| range.high))),
        ],
        Shape::Polygon { vertices, .. } => vec![
            ("data-x", exact(vertices.iter().map(|vertex| vertex[0]))),
            ("data-y", exact(vertices.iter().map(|vertex| vertex[1]))),
        ],
        Shape::Gantt { spans } => vec![
            ("data-from", exact(spans.iter().map(|span| span.from))),
            ("data-to", exact(spans.iter().map(|span| span.to))),
            ("data-y", exact(spans.iter().map(|span| span.y))),
        ],
        Shape::Blocks { blocks, .. } => vec![
            ("data-from", exact(blocks.iter().map(|block| block.from))),
            ("data-to", exact(blocks.iter().map(|block| block.to))),
            ("data-y", exact(blocks.iter().map(|block| block.y))),
        ],
        Shape::Vertical { x } => vec![("data-x", exact([*x].into_iter()))],
        Shape::Horizontal { y } => vec![("data-y", exact([*y].into_iter()))],
    }
}

/// The scales of a mark.
struct At<'a> {
    x: &'a Scale,
    y: &'a Scale,
}

impl At<'_> {
    /// Straight lines between points.
    fn path(&self, points: &[Point]) -> String {
        self.through(points.iter().map(|point| (point.x, point.y)))
    }

    /// Lines that hold each value until the next point.
    fn steps(&self, points: &[Point]) -> String {
        let mut path = String::new();
        for point in points {
            let (x, y) = (place(self.x.place(point.x)), place(self.y.place(point.y)));
            let step = if path.is_empty() { format!("M{x} {y}") } else { format!("H{x}V{y}") };
            path.push_str(&step);
        }
        path
    }

    fn through(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in points {
            let command = if path.is_empty() { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            write!(path, "{command}{} {}", place(self.x.place(x)), place(self.y.place(y))).ok();
        }
        path
    }
}

fn line(out: &mut Writer, mark: &Mark, path: &str, colour: &str) {
    let (wide, dash) = stroke(mark);
    let style = [("stroke-width", wide), ("stroke-linejoin", "round"), ("stroke-dasharray", dash)];
    out.empty("path", &[&[("d", path), ("fill", "none"), ("stroke", colour)], &style[..]].concat());
}

fn dots(out: &mut Writer, points: &[Point], at: &At<'_>, of: &Mark, theme: Theme) {
    let colour = theme.colour(of.subject);
    let (radius, opacity) = match points.len() {
        0..=60 => (4.5, "1"),
        61..=1000 => (2.8, "0.6"),
        _ => (2.0, "0.4"),
    };
    let radius = radius * share(of);
    out.open("g", &[("fill", colour), ("fill-opacity", opacity)]);
    for point in points {
        let (x, y, radius) = (place(at.x.place(point.x)), place(at.y.place(point.y)), place(radius));
        let place = [("cx", x.as_str()), ("cy", y.as_str()), ("r", radius.as_str())];
        let hollow = [
            ("fill", theme.colours().background),
            ("fill-opacity", "1"),
            ("stroke", colour),
            ("stroke-width", "2"),
        ];
        let title =
            [point.label.as_deref(), point.hollow.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        let style = if point.hollow.is_some() { &hollow[..] } else { &[] };
        let attributes = [&place[..], style].concat();
        if title.is_empty() {
            out.empty("circle", &attributes);
        } else {
            out.open("circle", &attributes);
            out.element("title", &[], &visible(&title.join(": ")));
            out.close("circle");
        }
    }
    out.close("g");
}

fn area(out: &mut Writer, points: &[Point], at: &At<'_>, colour: &str) {
    let top = at.steps(points);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let ground = place(at.y.ground());
    let (left, right) = (place(at.x.place(first.x)), place(at.x.place(last.x)));
    let filled = format!("{top}L{right} {ground}L{left} {ground}Z");
    out.empty("path", &[("d", &filled), ("fill", colour), ("fill-opacity", "0.25")]);
    out.empty("path", &[("d", &top), ("fill", "none"), ("stroke", colour), ("stroke-width", "1.5")]);
}

fn draw_bars(out: &mut Writer, bars: &[Bar], at: &At<'_>, colour: &str, theme: Theme) {
    let ground = at.y.ground();
    for bar in bars {
        let (from, to, y) = (at.x.place(bar.from), at.x.place(bar.to), at.y.place(bar.y));
        let gap = if to - from > 4.0 { 1.0 } else { 0.0 };
        let (left, top) = (place(from + gap), place(y.min(ground)));
        let (wide, high) = (place((to - from - 2.0 * gap).max(0.5)), place((ground - y).abs()));
        let opacity = if bar.is_partial { "0.25" } else { "0.8" };
        let edge = if bar.is_partial { colour } else { "" };
        let dash = if bar.is_partial { "3 2" } else { "" };
        let rect = [("x", left.as_str()), ("y", &top), ("width", &wide), ("height", &high)];
        let style =
            [("fill", colour), ("fill-opacity", opacity), ("stroke", edge), ("stroke-dasharray", dash)];
        out.empty("rect", &[&rect[..], &style[..]].concat());
    }
    let spread = bars.iter().filter_map(|bar| Some((bar, bar.spread?)));
    for (bar, spread) in spread {
        let x = f64::midpoint(at.x.place(bar.from), at.x.place(bar.to));
        let (low, high) = (at.y.place((bar.y - spread).max(0.0)), at.y.place(bar.y + spread));
        let style = [("stroke", theme.colours().text), ("stroke-opacity", "0.55")];
        out.line((x, low), (x, high), &style);
        out.line((x - 3.0, low), (x + 3.0, low), &style);
        out.line((x - 3.0, high), (x + 3.0, high), &style);
    }
}

fn band(out: &mut Writer, ranges: &[Range], at: &At<'_>, colour: &str) {
    let there = ranges.iter().map(|range| (range.x, range.high));
    let back = ranges.iter().rev().map(|range| (range.x, range.low));
    let path = at.through(there.chain(back));
    if !path.is_empty() {
        out.empty("path", &[("d", &format!("{path}Z")), ("fill", colour), ("fill-opacity", "0.22")]);
    }
}

fn polygon(out: &mut Writer, vertices: &[[f64; 2]], is_dashed: bool, at: &At<'_>, colour: &str) {
    let path = at.through(vertices.iter().map(|vertex| (vertex[0], vertex[1])));
    let (dash, opacity) = if is_dashed { ("5 4", "0.08") } else { ("", "0.16") };
    if !path.is_empty() {
        let style = [("fill-opacity", opacity), ("stroke", colour), ("stroke-dasharray", dash)];
        out.empty("path", &[&[("d", format!("{path}Z").as_str()), ("fill", colour)], &style[..]].concat());
    }
}

fn gantt(out: &mut Writer, spans: &[Span], at: &At<'_>, colour: &str) {
    let (wide, opacity) = match spans.len() {
        0..=60 => ("4", "0.9"),
        61..=600 => ("2", "0.75"),
        _ => ("1", "0.5"),
    };
    let mut path = String::new();
    for span in spans {
        let (from, to) = (at.x.place(span.from), at.x.place(span.to));
        // Writing to a String cannot fail. What is shorter than a pixel is drawn as one.
        write!(path, "M{} {}H{}", place(from), place(at.y.place(span.y)), place(to.max(from + 0.8))).ok();
    }
    if !path.is_empty() {
        let style = [("stroke", colour), ("stroke-width", wide), ("stroke-opacity", opacity)];
        out.empty("path", &[&[("d", path.as_str()), ("fill", "none")], &style[..]].concat());
    }
}

/// Rectangles: one path, but for those with a label, which are shown to readers who point at them.
fn draw_blocks(out: &mut Writer, blocks: &[Block], height: f64, at: &At<'_>, colour: &str) {
    let opacity = if height < THIN { "0.45" } else { "0.9" };
    out.open("g", &[("fill", colour), ("fill-opacity", opacity)]);
    let mut path = String::new();
    for block in blocks {
        let (from, to) = (at.x.place(block.from), at.x.place(block.to));
        let (top, bottom) = (at.y.place(block.y - height / 2.0), at.y.place(block.y + height / 2.0));
        let (left, top, high) = (place(from), place(top.min(bottom)), place((bottom - top).abs().max(0.5)));
        // What is shorter than a pixel is drawn as one.
        let wide = place((to - from).max(0.8));
        match &block.label {
            Some(label) => {
                let rect = [("x", left.as_str()), ("y", &top), ("width", &wide), ("height", &high)];
                out.open("rect", &rect);
                out.element("title", &[], &visible(label));
                out.close("rect");
            }
            // Writing to a String cannot fail.
            None => {
                write!(path, "M{left} {top}h{wide}v{high}h-{wide}z").ok();
            }
        }
    }
    if !path.is_empty() {
        out.empty("path", &[("d", path.as_str())]);
    }
    out.close("g");
}

/// Rectangles of a smaller height are drawn as what lies between others.
const THIN: f64 = 0.25;
/// A line through more points is thin.
const LINE_POINTS_MAX: usize = 300;
/// Points that are labelled, at most.
const LABELS_MAX: usize = 300;
/// Lines of labels of vertical lines, at most.
const MOST_BELOW: usize = 6;
/// The widest label of a point.
const LABEL_WIDTH: f64 = 220.0;
