//! Figures as data, and their renderers. Pure: the same figure gives the same bytes.
//!
//! ```text
//! figure.rs   what is shown: axes, marks, notes ──▶ prepare.rs   what is no number is left out, and too much is thinned (thin.rs)
//!                 │  JSON in and out                    │
//!                 ▼                                     ▼
//! uncertainty.rs  benchmark points with intervals   layout.rs   where everything goes: scale.rs, text.rs
//! ellipse.rs      confidence ellipses                   │
//!                                                       ├──▶ svg.rs   marks.rs: one function a kind of mark
//!                                                       └──▶ png.rs   the same SVG, rasterized with the font that is compiled in
//! ```
//!
//! A new kind of mark is a variant of [`Shape`], its extent in `figure.rs` and a function in `marks.rs`.
#![forbid(unsafe_code)]

mod ellipse;
mod error;
mod figure;
mod labels;
mod layout;
mod marks;
mod number;
mod png;
mod prepare;
mod scale;
mod svg;
mod text;
mod theme;
mod thin;
mod uncertainty;

pub use ellipse::{Covariance, axis_aligned_ellipse, confidence_ellipse};
pub use error::PictureError;
pub use figure::{
    Axis, Bar, Block, Figure, Mark, Panel, Place, Point, Range, ScaleKind, Shape, Side, Span, Subject,
};
pub use number::short;
pub use png::png;
pub use prepare::POINTS_MAX;
pub use svg::{inline, svg};
pub use theme::Theme;
pub use uncertainty::{BenchmarkPoint, Uncertainty, UncertaintySeries};

/// The size of a picture in its own units, and its colors. Text is 13 units high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Its colors.
    pub theme: Theme,
}

impl Canvas {
    /// The usual size: twice as wide as high.
    #[must_use]
    pub const fn new(theme: Theme) -> Self {
        Self { width: 960, height: 480, theme }
    }

    /// One in which this figure has room: higher for many rows, and for panels.
    #[must_use]
    pub fn fitting(figure: &Figure, theme: Theme) -> Self {
        Self { height: layout::height(figure, Self::new(theme).height), ..Self::new(theme) }
    }
}
