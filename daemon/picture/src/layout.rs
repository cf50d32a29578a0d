//! Where everything of a figure goes: header, axes with their scales, the names of marks, notes.

use crate::Canvas;
use crate::figure::{Axis, Figure, Mark, ScaleKind, Shape, Side};
use crate::labels::{Rect, spread};
use crate::number::{float, short, whole};
use crate::scale::{Scale, Ticks};
use crate::text::{Weight, fitted, width};

/// A figure with its places.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The rectangle in which marks are drawn.
    pub(crate) plot: Rect,
    pub(crate) x: Scale,
    pub(crate) x_ticks: Ticks,
    pub(crate) left: Scale,
    pub(crate) left_ticks: Ticks,
    pub(crate) right: Option<(Scale, Ticks)>,
    /// Texts of the header, from top to bottom: title, subtitle, refusal.
    pub(crate) header: Vec<(f64, String)>,
    /// The baseline of the vertical axes' labels.
    pub(crate) axes_at: f64,
    /// Notes with their baselines.
    pub(crate) notes: Vec<(f64, String)>,
    /// Names of marks beside the plot.
    pub(crate) names: Vec<Name>,
    /// Whether plots stand one below the other.
    pub(crate) is_stacked: bool,
    /// Those of its panels, from top to bottom.
    pub(crate) below: Vec<Self>,
}

/// Where a plot is on the vertical.
#[derive(Clone, Copy, Debug)]
struct Frame {
    axes_at: f64,
    top: f64,
    bottom: f64,
}

/// The vertical axes of a plot, with their ticks.
struct Verticals {
    left: (Scale, Ticks),
    right: Option<(Scale, Ticks)>,
}

impl Verticals {
    fn of(figure: &Figure, Frame { top, bottom, .. }: Frame) -> Self {
        let vertical = |side: Side, axis: &Axis| {
            let marks = || figure.marks.iter().filter(move |mark| mark.side == side || figure.y2.is_none());
            let scale = Scale::covering(
                axis,
                values(marks(), Shape::each_y),
                marks().any(|mark| mark.shape.stands_on_zero()),
            );
            let scale = scale.between(bottom, top);
            let ticks = match axis.places.as_slice() {
                [] => scale.ticks((bottom - top) / if bottom - top > PANEL { 52.0 } else { 33.0 }),
                places => scale.named(places, TICK),
            };
            (scale, ticks)
        };
        let right = figure.y2.as_ref().map(|axis| vertical(Side::Right, axis));
        Self { left: vertical(Side::Left, &figure.y), right }
    }
}

/// The height of a picture in which a figure has room: of a usual one, and more for many rows and for panels.
pub(crate) fn height(figure: &Figure, usual: u32) -> u32 {
    let panels = (PANEL + PANEL_GAP) * float(figure.panels.len());
    let plot = if figure.y.scale == ScaleKind::Rows {
        let mut rows = 0.0_f64;
        figure.marks.iter().for_each(|mark| mark.shape.each_y(&mut |y| rows = rows.max(y.abs())));
        let least = ROW_HEIGHTS.iter().find(|(most, _)| rows <= *most).map_or(LEAST_ROW, |(_, high)| *high);
        let around = 28.0 + 19.0 * 2.0 + 38.0 + X_AXIS + NOTE_LINE * float(figure.notes.len().min(NOTES_MAX));
        around + (rows * least).max(LEAST_PLOT)
    } else {
        f64::from(usual)
    };
    u32::try_from(whole((plot + panels).min(HIGHEST))).unwrap_or(usual)
}

/// The plot and the panels below it, from top to bottom.
fn frames(axes_at: f64, bottom: f64, panels: usize) -> Vec<Frame> {
    let each = PANEL + PANEL_GAP;
    let own = Frame { axes_at, top: axes_at + 12.0, bottom: bottom - each * float(panels) };
    let of_panel = |place: usize| {
        let bottom = bottom - each * float(panels - 1 - place);
        Frame { axes_at: bottom - PANEL - 12.0, top: bottom - PANEL, bottom }
    };
    std::iter::once(own).chain((0..panels).map(of_panel)).collect()
}

fn widest(ticks: &Ticks) -> f64 {
    ticks.ticks.iter().map(|tick| width(&tick.label, TICK, Weight::Regular)).fold(0.0, f64::max)
}

/// The name of a mark beside the plot.
#[derive(Debug)]
pub(crate) struct Name {
    /// Which mark it is of; `None` for the number of those that have no room.
    pub(crate) mark: Option<usize>,
    pub(crate) text: String,
    /// Where its mark is.
    pub(crate) anchor: f64,
    /// Where it is itself.
    pub(crate) at: f64,
    /// The left end of what is drawn before it.
    pub(crate) left: f64,
}

impl Layout {
    /// Places a prepared figure.
    pub(crate) fn of(figure: &Figure, canvas: Canvas) -> Self {
        let (wide, high) = (f64::from(canvas.width), f64::from(canvas.height));
        let header = header(figure, wide);
        let axes_at = header.last().map_or(0.0, |(at, _)| *at) + 26.0;
        let notes = notes(&figure.notes, wide, high);
        let bottom = notes.first().map_or(high - 4.0, |(at, _)| at - NOTE - 2.0) - X_AXIS;
        let below = figure.panels.iter().map(|panel| figure.of_panel(panel)).collect::<Vec<_>>();
        let all = std::iter::once(figure).chain(&below);
        let frames = frames(axes_at, bottom, below.len());
        let verticals =
            all.clone().zip(&frames).map(|(figure, frame)| Verticals::of(figure, *frame)).collect::<Vec<_>>();
        let edge = verticals.iter().map(|one| MARGIN + widest(&one.left.1) + 8.0).fold(40.0, f64::max);
        let names = all.clone().map(named).collect::<Vec<_>>();
        let gutters = all.clone().zip(&names).flat_map(|(figure, names)| {
            names.iter().map(|mark| width(&fitted_name(figure, *mark, wide), NAME, Weight::Regular))
        });
        let gutter = gutters.fold(0.0, f64::max);
        let second = verticals[0].right.as_ref().map_or(0.0, |(_, ticks)| widest(ticks) + 10.0);
        let is_named = names.iter().any(|names| !names.is_empty());
        let end = wide - MARGIN - second - if is_named { gutter + SWATCH + 10.0 } else { 6.0 };
        let right = end.max(edge + 50.0);
        let x = Scale::covering(&figure.x, values(figure.all_marks(), Shape::each_x), false);
        let x = x.between(edge, right);
        let x_ticks = match figure.x.places.as_slice() {
            [] => x.ticks((right - edge) / 105.0),
            places => x.named(places, NAMED_APART),
        };
        let parts = all.zip(&frames).zip(verticals).zip(&names);
        let mut layouts = parts.map(|(((figure, frame), Verticals { left, right: second_axis }), names)| {
            let mut layout = Self {
                plot: Rect { left: edge, top: frame.top, right, bottom: frame.bottom },
                x: x.clone(),
                x_ticks: x_ticks.clone(),
                left: left.0,
                left_ticks: left.1,
                right: second_axis,
                header: Vec::new(),
                axes_at: frame.axes_at,
                notes: Vec::new(),
                names: Vec::new(),
                is_stacked: frames.len() > 1,
                below: Vec::new(),
            };
            layout.names = layout.named(figure, names, wide, right + second + 8.0);
            layout
        });
        let first = layouts.next();
        let below = layouts.collect();
        // The first is the figure's own.
        first.map(|first| Self { header, notes, below, ..first }).expect("a figure has a plot")
    }

    /// The scale of a mark's vertical axis.
    pub(crate) fn y(&self, side: Side) -> &Scale {
        match (&self.right, side) {
            (Some((scale, _)), Side::Right) => scale,
            _ => &self.left,
        }
    }

    /// The title of the horizontal axis, which states what differs from the usual.
    pub(crate) fn x_title(&self, axis: &Axis) -> String {
        title(axis, &self.x, &self.x_ticks)
    }

    /// The title of a vertical axis.
    pub(crate) fn y_title(&self, axis: &Axis, side: Side) -> String {
        match (&self.right, side) {
            (Some((scale, ticks)), Side::Right) => title(axis, scale, ticks),
            _ => title(axis, &self.left, &self.left_ticks),
        }
    }

    /// Names of marks at the height of their ends.
    fn named(&self, figure: &Figure, named: &[usize], wide: f64, left: f64) -> Vec<Name> {
        let room = whole(self.plot.height() / LINE).max(1);
        let shown = if named.len() > room { &named[..room - 1] } else { named };
        let mut names = shown.iter().map(|number| {
            let mark = &figure.marks[*number];
            let anchor = end(mark).map_or(self.plot.top, |y| self.y(mark.side).place(y));
            Name { mark: Some(*number), text: fitted_name(figure, *number, wide), anchor, at: anchor, left }
        });
        let mut names = names.by_ref().collect::<Vec<_>>();
        if shown.len() < named.len() {
            let text = format!("and {} more", named.len() - shown.len());
            names.push(Name { mark: None, text, anchor: self.plot.bottom, at: self.plot.bottom, left });
        }
        let anchors = names.iter().map(|name| name.anchor).collect::<Vec<_>>();
        let places = spread(&anchors, LINE, self.plot.top + 6.0, self.plot.bottom - 4.0);
        names.iter_mut().zip(places).for_each(|(name, at)| name.at = at);
        names
    }
}

fn header(figure: &Figure, wide: f64) -> Vec<(f64, String)> {
    let room = wide - 2.0 * MARGIN;
    let mut lines = vec![(28.0, fitted(&figure.title, TITLE, Weight::Semibold, room))];
    let mut add = |text: &str, weight| {
        let at = lines.last().map_or(28.0, |(at, _)| *at) + 19.0;
        lines.push((at, fitted(text, SUBTITLE, weight, room)));
    };
    if !figure.subtitle.is_empty() {
        add(&figure.subtitle, Weight::Regular);
    }
    if let Some(why) = &figure.refused {
        add(&format!("Not to be used: {why}"), Weight::Semibold);
    }
    lines
}

fn notes(notes: &[String], wide: f64, high: f64) -> Vec<(f64, String)> {
    let mut texts = notes.iter().take(NOTES_MAX).cloned().collect::<Vec<_>>();
    if let (true, Some(last)) = (notes.len() > NOTES_MAX, texts.last_mut()) {
        *last = format!("{last} And {} more notes: see the data.", notes.len() - NOTES_MAX);
    }
    let first = high - 12.0 - NOTE_LINE * float(texts.len().saturating_sub(1));
    let fit = |(number, text): (usize, &String)| {
        (first + NOTE_LINE * float(number), fitted(text, NOTE, Weight::Regular, wide - 2.0 * MARGIN))
    };
    texts.iter().enumerate().map(fit).collect()
}

/// The marks whose names are written beside the plot: each name of a subject once.
fn named(figure: &Figure) -> Vec<usize> {
    let mut named = Vec::<usize>::new();
    for (number, mark) in figure.marks.iter().enumerate() {
        let is_new = |other: &usize| {
            let other = &figure.marks[*other];
            other.name != mark.name || other.subject != mark.subject
        };
        let has_place = !matches!(mark.shape, Shape::Vertical { .. });
        if !mark.name.is_empty() && has_place && named.iter().all(is_new) {
            named.push(number);
        }
    }
    named
}

fn fitted_name(figure: &Figure, mark: usize, wide: f64) -> String {
    fitted(&figure.marks[mark].name, NAME, Weight::Regular, wide * 0.24)
}

fn values<'a>(marks: impl Iterator<Item = &'a Mark>, each: fn(&Shape, &mut dyn FnMut(f64))) -> Vec<f64> {
    let mut values = Vec::new();
    marks.for_each(|mark| each(&mark.shape, &mut |value| values.push(value)));
    values
}

/// The height at which a mark ends on the right.
fn end(mark: &Mark) -> Option<f64> {
    match &mark.shape {
        Shape::Points { points } => {
            // That of a cloud is the middle of its end.
            let mut last = points.iter().map(|point| (point.x, point.y)).collect::<Vec<_>>();
            last.sort_by(|one, other| one.0.total_cmp(&other.0));
            let begin = last.len() - (last.len() / 10).clamp(1.min(last.len()), 200);
            let mut heights = last[begin..].iter().map(|(_, y)| *y).collect::<Vec<_>>();
            heights.sort_by(f64::total_cmp);
            heights.get(heights.len() / 2).copied()
        }
        Shape::Line { points } | Shape::Step { points } | Shape::Area { points } => {
            points.last().map(|point| point.y)
        }
        Shape::Bars { bars } => bars.last().map(|bar| bar.y),
        Shape::Band { ranges } => ranges.last().map(|range| f64::midpoint(range.low, range.high)),
        Shape::Gantt { spans } => spans.last().map(|span| span.y),
        // Of many rows none is the one to name.
        Shape::Blocks { .. } => None,
        Shape::Polygon { vertices, .. } => vertices.first().map(|vertex| vertex[1]),
        Shape::Horizontal { y } => Some(*y),
        Shape::Vertical { .. } => None,
    }
}

fn title(axis: &Axis, scale: &Scale, ticks: &Ticks) -> String {
    let mut title = axis.title();
    if let Some(offset) = ticks.offset {
        let exact =
            if offset.fract() == 0.0 && offset.abs() < 1e15 { format!("{offset}") } else { short(offset) };
        title = format!("{title}, from {exact}");
    }
    if scale.is_log() { format!("{title}, logarithmic") } else { title }
}

/// The free edge of a picture.
pub(crate) const MARGIN: f64 = 16.0;
/// Sizes of texts.
pub(crate) const TITLE: f64 = 18.0;
pub(crate) const SUBTITLE: f64 = 13.0;
pub(crate) const AXIS: f64 = 13.0;
pub(crate) const TICK: f64 = 12.0;
pub(crate) const NAME: f64 = 13.0;
pub(crate) const NOTE: f64 = 11.0;
/// The width of what is drawn before a name.
pub(crate) const SWATCH: f64 = 20.0;
/// Height of ticks and title of the horizontal axis.
const X_AXIS: f64 = 42.0;
/// Height of a name.
const LINE: f64 = 17.0;
const NOTE_LINE: f64 = 15.0;
const NOTES_MAX: usize = 5;
/// Height of a panel, and of what is between it and the plot above it.
const PANEL: f64 = 130.0;
const PANEL_GAP: f64 = 36.0;
/// The least height of a plot of rows.
const LEAST_PLOT: f64 = 60.0;
/// Of so many rows at most, each is so high.
const ROW_HEIGHTS: [(f64, f64); 4] = [(12.0, 24.0), (40.0, 14.0), (80.0, 10.0), (120.0, 7.0)];
const LEAST_ROW: f64 = 5.0;
/// No picture is higher.
const HIGHEST: f64 = 3000.0;
/// The least distance of names on the horizontal axis.
const NAMED_APART: f64 = 60.0;
