//! A report as a document: tables, figures and notes, and the verdict. What is shown, and not how it looks.
//!
//! ```text
//! Artifacts ─┬─▶ overview.rs  what fits on one screen ─┐
//!            └─▶ full.rs      every table              ├─▶ Document ──▶ one renderer each: console/
//!                             gpus.rs latencies.rs ────┘
//!            └─▶ pictures.rs  figures of its requests, as data
//! ```
//!
//! It knows no width, no colour and no markup, and texts in it are as foreign as they came: a renderer formats numbers and
//! escapes texts for what it writes to.

mod full;
mod gpus;
mod latencies;
mod moments;
mod overview;
mod pictures;
mod sample;

pub use full::full;
pub use overview::overview;
pub(crate) use pictures::Stages;
pub use pictures::{Pictures, pictures};
pub use sample::Sample;

use crate::artifacts::Artifacts;
use metric::{ErrorCount, Interval, MetricResult, Needs, Reason, Report, Stat};
use record::{Run, Verdict};

/// A report.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is about.
    pub head: Head,
    /// Its sections, in order.
    pub sections: Vec<Section>,
    /// Whether the numbers may be used.
    pub verdict: Verdict,
}

/// What was measured, and how.
#[derive(Clone, Debug)]
pub struct Head {
    /// Source, models, endpoint type and URLs, as far as they are known.
    pub what: Vec<String>,
    /// Requests of the measured phases.
    pub requests: u64,
    /// How long they took.
    pub seconds: f64,
    /// The load of the first measured phase.
    pub load: Vec<String>,
    /// The timestamp source.
    pub timestamps: String,
    /// Why a better one was not available.
    pub timestamps_reason: Option<String>,
}

/// A section of a report.
#[derive(Clone, Debug)]
pub enum Section {
    /// A table with at least one row.
    Table(Table),
    /// Single numbers.
    Figures(Figures),
    /// The requests that failed.
    Failures(Failures),
    /// A remark.
    Note(Note),
}

/// A title, columns and rows.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its title; empty if its first column has one.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, which may have fewer cells than there are columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A column's name and the alignment of its cells.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The alignment.
    pub side: Side,
}

/// The alignment of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Left: text.
    Left,
    /// Right: numbers and their names.
    Right,
}

/// A cell of a table, or the value of a figure.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A name of a row that belongs to the one above.
    Detail(&'static str),
    /// A count.
    Count(u64),
    /// A number.
    Number(Number),
    /// A number of any magnitude, such as megajoules of a short run.
    Quantity(f64),
    /// A share in percent.
    Percent(f64),
    /// The two ends of a confidence interval.
    Interval(f64, f64),
    /// A change in percent, with its sign.
    Change(f64),
    /// A change in the metric's unit, with its sign.
    Shift(f64),
    /// There is no value.
    Absent,
}

/// A number, and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// Its value.
    pub value: f64,
    /// How far it can be trusted.
    pub certainty: Certainty,
}

/// How far a number can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It is the value.
    Exact,
    /// The sample is too small for this percentile.
    TooFewSamples,
    /// It is an estimate within a bucket.
    Estimate,
    /// The value is at most this.
    AtMost,
    /// The value is greater than this.
    MoreThan,
}

/// Single numbers that belong together.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What they are, if their labels do not say it.
    pub title: Option<String>,
    /// Each with its label.
    pub figures: Vec<(String, Cell)>,
}

/// The requests that failed.
#[derive(Clone, Debug)]
pub struct Failures {
    /// Their number.
    pub failed: u64,
    /// The number of all requests.
    pub requests: u64,
    /// Why they failed, the most frequent error first.
    pub errors: Vec<ErrorCount>,
}

/// A remark on the run.
#[derive(Clone, Debug)]
pub struct Note {
    /// What it is about.
    pub topic: Topic,
    /// The remark.
    pub text: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The run's steady state.
    SteadyState,
    /// How a phase that changed its own load ended.
    AdaptiveScale,
    /// Time slices and gaps that are left out.
    LeftOut,
    /// An exporter that did not receive everything.
    Stream,
    /// Numbers of [`Certainty::TooFewSamples`].
    TooFewSamples,
    /// What a comparison's answers mean.
    Comparison,
}

impl Failures {
    fn of(report: &Report) -> Self {
        Self { failed: report.failed, requests: report.requests, errors: report.errors.clone() }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, columns: &[(&str, Side)]) -> Self {
        let column = |(name, side): &(&str, Side)| Column { name: (*name).to_owned(), side: *side };
        Self { title: title.into(), columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// A table of metrics, with a column for each statistic.
    fn of_stats(title: impl Into<String>, stats: &[Stat]) -> Self {
        let stats = stats.iter().map(|stat| (stat.name(), Side::Right));
        Self::new(title, &[("Metric", Side::Right)].into_iter().chain(stats).collect::<Vec<_>>())
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether a percentile in it has too few samples.
    fn has_too_few_samples(&self) -> bool {
        let is_doubtful = |cell: &Cell| matches!(cell, Cell::Number(number) if number.certainty == Certainty::TooFewSamples);
        self.rows.iter().flatten().any(is_doubtful)
    }
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An exact number, if there is one.
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Self::Absent, |value| Self::Number(Number { value, certainty: Certainty::Exact }))
    }

    /// The ends of an interval, or what it would need.
    fn interval(precision: Result<Interval, Needs>) -> Self {
        match precision {
            Ok(Interval { low, high, .. }) => Self::Interval(low, high),
            Err(Needs { more_requests: Some(more), .. }) => Self::Text(format!("needs {more} more")),
            Err(Needs { reason: Reason::Dependent, .. }) => Self::text("dependent"),
            Err(Needs { reason: Reason::TooFew, .. }) => Self::text("too few"),
            Err(Needs { reason: Reason::TooMany, .. }) => Self::text("too many"),
            Err(Needs { reason: Reason::NoSample | Reason::Failures, .. }) => Self::text("unknown"),
        }
    }

    /// A statistic of a metric.
    fn stat(result: &MetricResult, stat: Stat) -> Self {
        let Some(value) = result.stats.get(stat) else { return Self::Absent };
        let certainty = if result.stats.supports(stat) { Certainty::Exact } else { Certainty::TooFewSamples };
        Self::Number(Number { value: value.get(), certainty })
    }
}

/// The load, the target, the duration, and the timestamp source.
fn head(artifacts: &Artifacts<'_>) -> Head {
    let (run, report) = (artifacts.run, artifacts.report);
    let endpoint = &run.plan.endpoint;
    let models = endpoint.models.join(", ");
    let urls = endpoint.urls.iter().map(|url| spec::url::shown(url)).collect::<Vec<_>>().join(", ");
    let mut what = vec![run.source.clone()];
    what.extend(Some(models).filter(|models| !models.is_empty()));
    what.extend(Some(endpoint.kind.clone()).filter(|_| run.plan.watch.is_none()));
    what.extend(Some(urls).filter(|urls| !urls.is_empty()).map(|urls| format!("at {urls}")));
    Head {
        what,
        requests: report.requests,
        seconds: metric::float(report.end.0.saturating_sub(report.begin.0)) / 1e9,
        load: load(run),
        timestamps: run.timestamps.clone(),
        timestamps_reason: run.timestamps_reason.clone(),
    }
}

/// The load of the first measured phase, if it has one.
fn load(run: &Run) -> Vec<String> {
    let phase = run.plan.load.profiling().filter(|_| run.plan.watch.is_none());
    let concurrency = phase.and_then(|phase| phase.concurrency);
    let concurrency = concurrency.map(|concurrency| format!("concurrency {concurrency}"));
    let rate = phase.and_then(|phase| Some(format!("{} requests/s ({})", phase.request_rate?, phase.shape)));
    concurrency.into_iter().chain(rate).collect()
}

/// The metric's name with its unit.
fn label(result: &MetricResult) -> Cell {
    Cell::Text(format!("{} ({})", result.metric.header, result.metric.display.name()))
}
