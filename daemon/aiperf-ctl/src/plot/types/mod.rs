//! The types of plots, one file each: AIPerf's names. A new one is a file here and a line in [`PLOT_TYPES`].

mod area;
mod dual_axis;
mod histogram;
mod latency_throughput_uncertainty;
mod pareto;
mod percentile_bands;
mod request_timeline;
mod scatter;
mod scatter_line;
mod scatter_with_percentiles;
mod timeslice;

use super::config::{Quantity, Spec};
use super::many::Many;
use super::one::OneRun;
use picture::Figure;

/// A type of plots.
#[derive(Debug)]
pub(super) struct PlotType {
    /// Its name in a configuration.
    pub(super) name: &'static str,
    /// How it is drawn.
    pub(super) draw: Draw,
}

/// What a plot is of. Without a figure there is a reason that a user understands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    /// One run.
    One(fn(&Spec, &OneRun) -> Result<Figure, String>),
    /// Several runs.
    Many(fn(&Spec, &Many) -> Result<Figure, String>),
}

/// Every type.
pub(super) const PLOT_TYPES: &[PlotType] = &[
    area::TYPE,
    dual_axis::TYPE,
    histogram::TYPE,
    latency_throughput_uncertainty::TYPE,
    pareto::TYPE,
    percentile_bands::TYPE,
    request_timeline::TYPE,
    scatter::TYPE,
    scatter_line::TYPE,
    scatter_with_percentiles::TYPE,
    timeslice::TYPE,
];

impl PlotType {
    const fn of_one(name: &'static str, draw: fn(&Spec, &OneRun) -> Result<Figure, String>) -> Self {
        Self { name, draw: Draw::One(draw) }
    }

    const fn of_many(name: &'static str, draw: fn(&Spec, &Many) -> Result<Figure, String>) -> Self {
        Self { name, draw: Draw::Many(draw) }
    }
}

/// What an axis shows.
fn wanted<'a>(of: Option<&'a Quantity>, axis: &str) -> Result<&'a Quantity, String> {
    of.ok_or_else(|| format!("its configuration has no `{axis}`"))
}

/// The whole part of a number that is not negative, as an index.
fn index(number: f64) -> usize {
    usize::try_from(metric::whole(number)).unwrap_or(usize::MAX)
}
