//! Writes a figure as SVG: the same bytes for the same figure. Each mark has its numbers in `data-` attributes.

use crate::Canvas;
use crate::figure::{Figure, Mark, ScaleKind, Side, Subject};
use crate::layout::{AXIS, Layout, MARGIN, NAME, NOTE, SUBTITLE, SWATCH, TICK, TITLE};
use crate::marks;
use crate::number::place;
use crate::prepare::prepared;
use crate::text::{Weight, fitted, visible, width};
use crate::theme::Colours;
use std::fmt::Write;

/// The figure as SVG.
#[must_use]
pub fn svg(figure: &Figure, canvas: Canvas) -> String {
    inline(figure, canvas, "plot")
}

/// The figure as SVG that is part of a page with other ones: `id` is its own.
#[must_use]
pub fn inline(figure: &Figure, canvas: Canvas, id: &str) -> String {
    let figure = prepared(figure);
    let layout = Layout::of(&figure, canvas);
    let colours = canvas.theme.colours();
    let mut out = Writer::default();
    let (width, height) = (canvas.width, canvas.height);
    out.raw(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"'Open Sans', 'Segoe UI', Roboto, sans-serif\">"
    ));
    out.element("title", &[], &visible(&figure.title));
    out.element("desc", &[], &description(&figure));
    out.empty(
        "rect",
        &[("width", &width.to_string()), ("height", &height.to_string()), ("fill", colours.background)],
    );
    header(&mut out, &figure, &layout, colours);
    let below = figure.panels.iter().map(|panel| figure.of_panel(panel)).collect::<Vec<_>>();
    plot(&mut out, &figure, &layout, canvas, id);
    for (number, (panel, layout)) in below.iter().zip(&layout.below).enumerate() {
        plot(&mut out, panel, layout, canvas, &format!("{id}-{number}"));
    }
    horizontal(&mut out, &figure, layout.below.last().unwrap_or(&layout), colours);
    if figure.refused.is_some() {
        crossed_out(&mut out, &layout, colours);
    }
    for (at, note) in &layout.notes {
        out.text(note, MARGIN, *at, &Style::new(NOTE, colours.muted));
    }
    out.raw("</svg>");
    out.text.push('\n');
    out.text
}

/// A plot: its vertical axes, its marks, and their names.
fn plot(out: &mut Writer, figure: &Figure, layout: &Layout, canvas: Canvas, id: &str) {
    axes(out, figure, layout, canvas);
    let plot = layout.plot;
    out.raw(&format!(
        "<clipPath id=\"{id}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>",
        place(plot.left - 5.0),
        place(plot.top - 5.0),
        place(plot.width() + 10.0),
        place(plot.height() + 10.0)
    ));
    out.open("g", &[("clip-path", &format!("url(#{id})"))]);
    for mark in &figure.marks {
        marks::draw(out, mark, layout, canvas.theme);
    }
    out.close("g");
    marks::labels(out, figure, layout, canvas.theme);
    if figure.items() == 0 {
        let (x, y) = (f64::midpoint(plot.left, plot.right), f64::midpoint(plot.top, plot.bottom));
        let style = Style { anchor: "middle", ..Style::new(AXIS, canvas.theme.colours().muted) };
        out.text("no data", x, y, &style);
    }
    names(out, figure, layout, canvas);
}

/// What is seen, for readers who do not see it.
fn description(figure: &Figure) -> String {
    let mut text = format!("Horizontal: {}. Vertical: {}.", figure.x.title(), figure.y.title());
    if let Some(right) = &figure.y2 {
        text = format!("{text} Vertical on the right: {}.", right.title());
    }
    for panel in &figure.panels {
        text = format!("{text} Below, vertical: {}.", panel.y.title());
    }
    for mark in figure.all_marks().filter(|mark| !mark.name.is_empty()) {
        text = format!("{text} {}: {} items.", mark.name, mark.shape.items());
    }
    visible(&text)
}

fn header(out: &mut Writer, figure: &Figure, layout: &Layout, colours: Colours) {
    let styles = [
        Some(Style { weight: Weight::Semibold, ..Style::new(TITLE, colours.text) }),
        (!figure.subtitle.is_empty()).then(|| Style::new(SUBTITLE, colours.muted)),
        figure
            .refused
            .is_some()
            .then(|| Style { weight: Weight::Semibold, ..Style::new(SUBTITLE, colours.refused) }),
    ];
    for (style, (at, text)) in styles.into_iter().flatten().zip(&layout.header) {
        out.text(text, MARGIN, *at, &style);
    }
}

fn axes(out: &mut Writer, figure: &Figure, layout: &Layout, canvas: Canvas) {
    let colours = canvas.theme.colours();
    let plot = layout.plot;
    let tick = Style::new(TICK, colours.muted);
    out.open("g", &[("stroke", colours.grid), ("stroke-width", "1")]);
    if layout.is_stacked {
        // What is below each other is at the same time.
        for tick in &layout.x_ticks.ticks {
            let x = layout.x.place(tick.value);
            out.line((x, plot.top), (x, plot.bottom), &[]);
        }
    }
    for tick in layout.left_ticks.ticks.iter().filter(|_| figure.y.scale != ScaleKind::Rows) {
        let y = layout.left.place(tick.value);
        out.line((plot.left, y), (plot.right, y), &[]);
    }
    out.close("g");
    out.line((plot.left, plot.bottom), (plot.right, plot.bottom), &[("stroke", colours.axis)]);
    for one in &layout.left_ticks.ticks {
        let at = layout.left.place(one.value) + 4.0;
        out.text(&one.label, plot.left - 8.0, at, &Style { anchor: "end", ..tick });
    }
    if let Some((scale, ticks)) = &layout.right {
        for one in &ticks.ticks {
            out.text(&one.label, plot.right + 8.0, scale.place(one.value) + 4.0, &tick);
        }
    }
    let own = |side: Side| axis_colour(figure, side, canvas).unwrap_or(colours.text);
    let room = if figure.y2.is_some() { 0.45 } else { 0.9 } * f64::from(canvas.width);
    let title = |axis, side| fitted(&layout.y_title(axis, side), AXIS, Weight::Regular, room);
    let style = Style::new(AXIS, own(Side::Left));
    out.text(&title(&figure.y, Side::Left), MARGIN, layout.axes_at, &style);
    if let Some(axis) = &figure.y2 {
        let style = Style { anchor: "end", ..Style::new(AXIS, own(Side::Right)) };
        out.text(&title(axis, Side::Right), f64::from(canvas.width) - MARGIN, layout.axes_at, &style);
    }
}

/// The horizontal axis, below the last plot.
fn horizontal(out: &mut Writer, figure: &Figure, layout: &Layout, colours: Colours) {
    let plot = layout.plot;
    let tick = Style { anchor: "middle", ..Style::new(TICK, colours.muted) };
    for one in &layout.x_ticks.ticks {
        let x = layout.x.place(one.value);
        out.line((x, plot.bottom), (x, plot.bottom + 4.0), &[("stroke", colours.axis)]);
        out.text(&one.label, x, plot.bottom + 18.0, &tick);
    }
    let x = f64::midpoint(plot.left, plot.right);
    let text = fitted(&layout.x_title(&figure.x), AXIS, Weight::Regular, plot.width());
    out.text(&text, x, plot.bottom + 37.0, &Style { anchor: "middle", ..Style::new(AXIS, colours.text) });
}

/// With two vertical axes, each has the color of what is measured on it, if that is one thing.
fn axis_colour(figure: &Figure, side: Side, canvas: Canvas) -> Option<&'static str> {
    figure.y2.as_ref()?;
    let mut subjects = figure.marks.iter().filter(|mark| mark.side == side).map(|mark| mark.subject);
    let first = subjects.next()?;
    subjects.all(|subject| subject == first || subject == Subject::Limit).then(|| canvas.theme.colour(first))
}

fn names(out: &mut Writer, figure: &Figure, layout: &Layout, canvas: Canvas) {
    let colours = canvas.theme.colours();
    for name in &layout.names {
        let mark = name.mark.map(|number| &figure.marks[number]);
        if let Some(mark) = mark {
            let colour = canvas.theme.colour(mark.subject);
            let is_far = (name.anchor - name.at).abs() > 4.0 && marks::is_of_line(mark);
            if is_far && mark.side == Side::Left && layout.right.is_none() {
                let from = (layout.plot.right + 1.0, name.anchor);
                let to = (name.left - 1.0, name.at);
                out.line(
                    from,
                    to,
                    &[("stroke", colour), ("stroke-width", "0.75"), ("stroke-opacity", "0.6")],
                );
            }
            swatch(out, mark, name.left, name.at, colour);
        }
        let colour = if mark.is_some() { colours.text } else { colours.muted };
        out.text(&name.text, name.left + SWATCH, name.at + 4.5, &Style::new(NAME, colour));
    }
}

/// What stands before a name: a piece of its mark.
fn swatch(out: &mut Writer, mark: &Mark, left: f64, at: f64, colour: &str) {
    let right = left + SWATCH - 6.0;
    if marks::is_of_points(mark) {
        let radius = place(4.0 * marks::share(mark));
        let middle = place(f64::midpoint(left, right));
        out.empty("circle", &[("cx", &middle), ("cy", &place(at)), ("r", &radius), ("fill", colour)]);
        return;
    }
    let (wide, dash) = marks::stroke(mark);
    out.line(
        (left, at),
        (right, at),
        &[("stroke", colour), ("stroke-width", wide), ("stroke-dasharray", dash)],
    );
}

/// The cross over a figure that must not be used.
fn crossed_out(out: &mut Writer, layout: &Layout, colours: Colours) {
    let plot = layout.plot;
    let style = [("stroke", colours.refused), ("stroke-width", "5"), ("stroke-opacity", "0.45")];
    out.open("g", &[("data-refused", "true")]);
    out.line((plot.left, plot.top), (plot.right, plot.bottom), &style);
    out.line((plot.left, plot.bottom), (plot.right, plot.top), &style);
    out.close("g");
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) size: f64,
    pub(crate) colour: &'static str,
    pub(crate) weight: Weight,
    pub(crate) anchor: &'static str,
}

impl Style {
    pub(crate) const fn new(size: f64, colour: &'static str) -> Self {
        Self { size, colour, weight: Weight::Regular, anchor: "start" }
    }
}

/// An SVG document in the making. Every text and attribute is escaped here.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// Markup of our own.
    fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn open(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.begin(tag, attributes);
        self.text.push('>');
    }

    pub(crate) fn close(&mut self, tag: &str) {
        self.raw("</");
        self.raw(tag);
        self.raw(">\n");
    }

    /// An element without content; attributes without a value are left out.
    pub(crate) fn empty(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.begin(tag, attributes);
        self.raw("/>\n");
    }

    pub(crate) fn element(&mut self, tag: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(tag, attributes);
        self.escaped(text);
        self.close(tag);
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), attributes: &[(&str, &str)]) {
        let places = [from.0, from.1, to.0, to.1].map(place);
        let ends = ["x1", "y1", "x2", "y2"].into_iter().zip(places.iter().map(String::as_str));
        let all = ends.chain(attributes.iter().copied()).collect::<Vec<_>>();
        self.empty("line", &all);
    }

    /// A text over marks, with an edge in the color of the background.
    pub(crate) fn text_over(&mut self, text: &str, x: f64, y: f64, style: &Style, background: &str) {
        let edge = [
            ("stroke", background),
            ("stroke-width", "3"),
            ("stroke-linejoin", "round"),
            ("paint-order", "stroke"),
        ];
        self.styled(text, x, y, style, &edge);
    }

    pub(crate) fn text(&mut self, text: &str, x: f64, y: f64, style: &Style) {
        self.styled(text, x, y, style, &[]);
    }

    fn styled(&mut self, text: &str, x: f64, y: f64, style: &Style, more: &[(&str, &str)]) {
        let (x, y, size) = (place(x), place(y), place(style.size));
        let weight = if style.weight == Weight::Regular { "" } else { style.weight.number() };
        let anchor = if style.anchor == "start" { "" } else { style.anchor };
        let own = [
            ("x", x.as_str()),
            ("y", &y),
            ("font-size", &size),
            ("font-weight", weight),
            ("text-anchor", anchor),
            ("fill", style.colour),
        ];
        self.element("text", &[&own[..], more].concat(), text);
    }

    fn begin(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.raw("<");
        self.raw(tag);
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            self.raw(" ");
            self.raw(name);
            self.raw("=\"");
            self.escaped(value);
            self.raw("\"");
        }
    }

    fn escaped(&mut self, text: &str) {
        for one in text.chars() {
            match one {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                other => self.text.push(other),
            }
        }
    }
}

/// Numbers of an attribute: exact, with spaces between.
pub(crate) fn exact(numbers: impl Iterator<Item = f64>) -> String {
    let mut text = String::new();
    for number in numbers {
        let gap = if text.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        write!(text, "{gap}{number}").ok();
    }
    text
}

/// The width of a point's label.
pub(crate) fn label_width(text: &str) -> f64 {
    width(text, TICK, Weight::Regular)
}
