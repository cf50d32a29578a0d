//! What a picture shows, as data: axes with units, and marks. JSON in and out, so a figure can be drawn again from its numbers.

use crate::error::PictureError;
use crate::prepare;
use serde::{Deserialize, Serialize};

/// A figure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What is seen.
    pub title: String,
    /// Of what run or runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subtitle: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis on the left.
    pub y: Axis,
    /// The vertical axis on the right, of the marks of that side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y2: Option<Axis>,
    /// What is drawn, in this order.
    pub marks: Vec<Mark>,
    /// Further plots below it on the same horizontal axis, which is then labelled below the last of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub panels: Vec<Panel>,
    /// What a reader must know of it, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why its numbers must not be used: then the figure is crossed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A plot below another one, on its horizontal axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Its vertical axis.
    pub y: Axis,
    /// What is drawn, in this order; all of it is measured on that axis.
    pub marks: Vec<Mark>,
}

/// An axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// In what; empty for a number without a unit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// How values become places.
    #[serde(default)]
    pub scale: ScaleKind,
    /// Whether it begins at zero if its scale is linear; otherwise it covers the data only.
    #[serde(default)]
    pub from_zero: bool,
    /// Where it has ticks, by name; without any, it has them at round numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// A named value of an axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The value.
    pub at: f64,
    /// Its name.
    pub name: String,
}

/// How values become places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleKind {
    /// In proportion.
    Linear,
    /// By magnitude; values that are not positive are left out.
    Log,
    /// In proportion, with ticks at whole numbers only.
    Counts,
    /// Numbered rows from the top down, each of height 1 around its number.
    Rows,
    /// By magnitude where few values are far greater than most, else in proportion.
    #[default]
    Auto,
}

/// Something drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Its name, which is written beside it; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it is of, which decides its color.
    pub subject: Subject,
    /// The vertical axis that it is measured on.
    #[serde(default, skip_serializing_if = "Side::is_left")]
    pub side: Side,
    /// Whether its points are small, so that those of a mark below them show around them. The kernel's always are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_inner: bool,
    /// Whether its line is dashed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_line_dashed: bool,
    /// Its shape with its numbers.
    #[serde(flatten)]
    pub shape: Shape,
}

/// What a mark is of: the same subject has the same color in every picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// What the client measured.
    Client,
    /// What the kernel measured.
    Kernel,
    /// What the server reports of itself.
    Server,
    /// A GPU.
    Gpu,
    /// A limit or a reference.
    Limit,
    /// What failed.
    Failed,
    /// Runs to which others are compared.
    Baseline,
    /// The first of those others.
    Treatment,
    /// One of several groups, counted from 0.
    Series(usize),
}

/// A vertical axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one on the left.
    #[default]
    Left,
    /// The one on the right.
    Right,
}

impl Side {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_left(&self) -> bool {
        matches!(self, Self::Left)
    }
}

/// The shape of a mark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shape {
    /// Points joined in their order.
    Line {
        /// The points.
        points: Vec<Point>,
    },
    /// Points that hold until the next: a value over time, or a Pareto front.
    Step {
        /// The points.
        points: Vec<Point>,
    },
    /// Single points.
    Points {
        /// The points.
        points: Vec<Point>,
    },
    /// The area between zero and points that hold until the next.
    Area {
        /// The points.
        points: Vec<Point>,
    },
    /// Bars from zero.
    Bars {
        /// The bars.
        bars: Vec<Bar>,
    },
    /// The area between two values over the horizontal axis.
    Band {
        /// From left to right.
        ranges: Vec<Range>,
    },
    /// A closed polygon, such as a confidence ellipse.
    Polygon {
        /// Its vertices; the last one is the first one.
        vertices: Vec<[f64; 2]>,
        /// Whether its edge is dashed: it is of few runs.
        #[serde(default)]
        is_dashed: bool,
    },
    /// Horizontal bars from one time to another.
    Gantt {
        /// The bars.
        spans: Vec<Span>,
    },
    /// Rectangles of one height around their places, such as those of [`ScaleKind::Rows`].
    Blocks {
        /// The rectangles.
        blocks: Vec<Block>,
        /// Their height on the vertical axis.
        height: f64,
    },
    /// A line at one value of the horizontal axis.
    Vertical {
        /// The value.
        x: f64,
    },
    /// A line at one value of the vertical axis.
    Horizontal {
        /// The value.
        y: f64,
    },
}

/// A point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// On the horizontal axis.
    pub x: f64,
    /// On the vertical axis.
    pub y: f64,
    /// What is written beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why it must not be used: then it is drawn hollow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hollow: Option<String>,
}

impl Point {
    /// A point without a label.
    #[must_use]
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, ..Self::default() }
    }
}

/// A bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// Where it begins on the horizontal axis.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its height.
    pub y: f64,
    /// How far values lie around it, both ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// Whether it is of a part of its interval only: then it is drawn hollow.
    #[serde(default)]
    pub is_partial: bool,
}

/// Two values at a place of the horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The place.
    pub x: f64,
    /// The lower value.
    pub low: f64,
    /// The upper value.
    pub high: f64,
}

/// A horizontal bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Where it begins on the horizontal axis.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its place on the vertical axis.
    pub y: f64,
}

/// A rectangle from one value of the horizontal axis to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Where it begins on the horizontal axis.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its middle on the vertical axis.
    pub y: f64,
    /// What it is, for readers who point at it or do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Figure {
    /// The figure as JSON: prepared as for drawing, so that its numbers are those of the picture.
    ///
    /// # Errors
    /// None that a caller can cause: numbers that are not finite are left out before.
    pub fn to_json(&self) -> Result<String, PictureError> {
        serde_json::to_string_pretty(&prepare::prepared(self)).map_err(PictureError::Json)
    }

    /// A figure from its JSON.
    ///
    /// # Errors
    /// When the text is not a figure.
    pub fn from_json(text: &str) -> Result<Self, PictureError> {
        serde_json::from_str(text).map_err(PictureError::Json)
    }

    /// How many points, bars and vertices it has.
    #[must_use]
    pub fn items(&self) -> usize {
        self.all_marks().map(|mark| mark.shape.items()).sum()
    }

    /// The marks of all its plots.
    pub(crate) fn all_marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter().chain(self.panels.iter().flat_map(|panel| &panel.marks))
    }

    /// A panel as a figure of its own, on this one's horizontal axis.
    pub(crate) fn of_panel(&self, panel: &Panel) -> Self {
        Self { x: self.x.clone(), y: panel.y.clone(), marks: panel.marks.clone(), ..Self::default() }
    }
}

impl Axis {
    /// An axis that begins at zero.
    #[must_use]
    pub fn new(label: impl Into<String>, unit: impl Into<String>) -> Self {
        let (label, unit) = (label.into(), unit.into());
        Self { label, unit, scale: ScaleKind::Auto, from_zero: true, places: Vec::new() }
    }

    /// The label with the unit.
    pub(crate) fn title(&self) -> String {
        if self.unit.is_empty() { self.label.clone() } else { format!("{} ({})", self.label, self.unit) }
    }
}

impl Mark {
    /// A mark on the left axis.
    #[must_use]
    pub fn new(name: impl Into<String>, subject: Subject, shape: Shape) -> Self {
        Self { name: name.into(), subject, side: Side::Left, is_inner: false, is_line_dashed: false, shape }
    }

    /// The same with a dashed line.
    #[must_use]
    pub fn dashed(self) -> Self {
        Self { is_line_dashed: true, ..self }
    }

    /// The same on the right axis.
    #[must_use]
    pub fn on_the_right(self) -> Self {
        Self { side: Side::Right, ..self }
    }
}

impl Shape {
    /// How many points, bars or vertices it has.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::Line { points }
            | Self::Step { points }
            | Self::Points { points }
            | Self::Area { points } => points.len(),
            Self::Bars { bars } => bars.len(),
            Self::Band { ranges } => ranges.len(),
            Self::Polygon { vertices, .. } => vertices.len(),
            Self::Gantt { spans } => spans.len(),
            Self::Blocks { blocks, .. } => blocks.len(),
            Self::Vertical { .. } | Self::Horizontal { .. } => 1,
        }
    }

    /// Passes on every value that it has on the horizontal axis.
    pub(crate) fn each_x(&self, take: &mut dyn FnMut(f64)) {
        match self {
            Self::Line { points }
            | Self::Step { points }
            | Self::Points { points }
            | Self::Area { points } => {
                points.iter().for_each(|point| take(point.x));
            }
            Self::Bars { bars } => bars.iter().flat_map(|bar| [bar.from, bar.to]).for_each(take),
            Self::Band { ranges } => ranges.iter().for_each(|range| take(range.x)),
            Self::Polygon { vertices, .. } => vertices.iter().for_each(|vertex| take(vertex[0])),
            Self::Gantt { spans } => spans.iter().flat_map(|span| [span.from, span.to]).for_each(take),
            Self::Blocks { blocks, .. } => {
                blocks.iter().flat_map(|block| [block.from, block.to]).for_each(take);
            }
            Self::Vertical { x } => take(*x),
            Self::Horizontal { .. } => {}
        }
    }

    /// Passes on every value that it has on the vertical axis.
    pub(crate) fn each_y(&self, take: &mut dyn FnMut(f64)) {
        match self {
            Self::Line { points }
            | Self::Step { points }
            | Self::Points { points }
            | Self::Area { points } => {
                points.iter().for_each(|point| take(point.y));
            }
            Self::Bars { bars } => {
                bars.iter().flat_map(|bar| [bar.y, bar.y + bar.spread.unwrap_or(0.0)]).for_each(take);
            }
            Self::Band { ranges } => ranges.iter().flat_map(|range| [range.low, range.high]).for_each(take),
            Self::Polygon { vertices, .. } => vertices.iter().for_each(|vertex| take(vertex[1])),
            Self::Gantt { spans } => spans.iter().for_each(|span| take(span.y)),
            Self::Blocks { blocks, .. } => blocks.iter().for_each(|block| take(block.y)),
            Self::Horizontal { y } => take(*y),
            Self::Vertical { .. } => {}
        }
    }

    /// Whether it stands on zero of the vertical axis.
    pub(crate) const fn stands_on_zero(&self) -> bool {
        matches!(self, Self::Bars { .. } | Self::Area { .. })
    }
}
