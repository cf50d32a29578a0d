//! Whether a series keeps one level, by the means of up to 32 consecutive batches of its values.
//!
//! Requests of a loaded server resemble their neighbours, so their scatter understates how far a mean may be off; the means of
//! long batches are nearly independent (Conway 1963; Law and Carson 1979). On them there are three tests, and any may reject:
//!
//! * Cramér–von Mises on the cumulative sums (Heidelberger and Welch 1983, "Simulation run length control in the presence of an
//!   initial transient", Operations Research 31(6)): any departure from one level.
//! * Student's t of the least-squares line, its error enlarged for the residuals' lag-1 correlation (Bartlett 1946): a drift.
//! * The lag-1 correlation of the batch means (von Neumann's ratio; Fishman 1978): a queue without a level to return to.

use super::Course;
use super::mser::mean;
use crate::confidence::t_critical;
use crate::value::float_of;

/// How sure a test must be to reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Of a part of the run that was chosen without regard to its values: 0.5 % false alarms for each test.
    Usual,
    /// Of the rest after a cut that was chosen by its values: 10 % and 5 %.
    AfterCut,
}

/// A test that rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The cumulative sums.
    Level,
    /// The line.
    Drift,
    /// The correlation.
    Dependence,
}

/// The test that rejects a single level, if the quarters' means differ by enough to matter.
pub(super) fn change(values: &[f64], strictness: Strictness) -> Option<Change> {
    let batches = batch_means(values);
    if !is_relevant(values) || batches.len() < LEAST_BATCHES {
        return None;
    }
    let (critical, confidence) = match strictness {
        Strictness::Usual => (0.869, 0.995),
        Strictness::AfterCut => (0.347, 0.95),
    };
    let tests = [
        (Change::Level, cramer_von_mises(&batches) > critical),
        (Change::Drift, drift(&batches, confidence).is_some()),
        (Change::Dependence, correlation(&batches) > DEPENDENT),
    ];
    tests.into_iter().find(|(_, rejects)| *rejects).map(|(change, _)| change)
}

/// How a series changes: its course, and the means of the quarters between which it does.
pub(super) fn course(values: &[f64]) -> (Course, f64, f64) {
    let [first, .., last] = quarters(values);
    match drift(&batch_means(values), 0.95) {
        Some(true) if first < last => (Course::Grows, first, last),
        Some(false) if first > last => (Course::Falls, first, last),
        _ => {
            let [least, most] = extremes(values);
            (Course::Wanders, least, most)
        }
    }
}

/// Whether a change is over within the first half: a line up to a knee and a level from there fit better than one line by an F
/// of 6 or more (two-phase regression: Hinkley 1971, Lerman 1980).
pub(super) fn settles_early(values: &[f64]) -> bool {
    let batches = batch_means(values);
    let count = float_of(batches.len());
    let with_knee = |knee: usize| {
        let line = |place: usize| float_of(knee.saturating_sub(place));
        Line::of(&batches, line).residuals
    };
    let best = (1..=batches.len() / 2).map(with_knee).fold(f64::INFINITY, f64::min);
    let gain = Line::of(&batches, float_of).residuals - best;
    gain * (count - 3.0) > best * LEAST_F
}

/// Whether the means of the quarters differ by more than 5 % of the whole's mean.
fn is_relevant(values: &[f64]) -> bool {
    let [least, most] = extremes(values);
    most - least > RELEVANT * mean(values).abs()
}

fn extremes(values: &[f64]) -> [f64; 2] {
    let quarters = quarters(values);
    [
        quarters.into_iter().fold(f64::INFINITY, f64::min),
        quarters.into_iter().fold(f64::NEG_INFINITY, f64::max),
    ]
}

fn quarters(values: &[f64]) -> [f64; 4] {
    std::array::from_fn(|place| mean(share(values, place, 4)))
}

/// The means of up to 32 batches of at least five values each.
fn batch_means(values: &[f64]) -> Vec<f64> {
    let count = (values.len() / LEAST_IN_BATCH).min(MOST_BATCHES);
    (0..count).map(|place| mean(share(values, place, count))).collect()
}

/// One of `count` parts of equal length.
fn share(values: &[f64], place: usize, count: usize) -> &[f64] {
    &values[place * values.len() / count..(place + 1) * values.len() / count]
}

/// The integral of the squared Brownian bridge that the cumulative sums approach; zero without scatter.
fn cramer_von_mises(batches: &[f64]) -> f64 {
    let centre = mean(batches);
    let (mut sum, mut squares, mut scatter) = (0.0, 0.0, 0.0);
    for batch in batches {
        let offset = batch - centre;
        sum += offset;
        squares += sum * sum;
        scatter += offset * offset;
    }
    if scatter > 0.0 { squares / (float_of(batches.len()) * scatter) } else { 0.0 }
}

/// Whether the batch means rise or fall with this confidence; `None` if they may do neither.
fn drift(batches: &[f64], confidence: f64) -> Option<bool> {
    let line = Line::of(batches, float_of);
    let freedom = batches.len().checked_sub(2).filter(|freedom| *freedom > 0)?;
    let offsets = batches.iter().enumerate().map(|(place, batch)| batch - line.at(float_of(place)));
    let dependence = correlation(&offsets.collect::<Vec<_>>()).clamp(0.0, MOST_DEPENDENCE);
    let error = (line.residuals / float_of(freedom) / line.spread).sqrt();
    let enlarged = error * ((1.0 + dependence) / (1.0 - dependence)).sqrt();
    let critical = t_critical(freedom as u64 + 1, confidence)?;
    (line.slope.abs() > critical * enlarged).then_some(line.slope > 0.0)
}

/// The lag-1 correlation; zero without scatter.
fn correlation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let offsets = || values.iter().map(|value| value - centre);
    let scatter = offsets().map(|offset| offset * offset).sum::<f64>();
    let product = offsets().zip(offsets().skip(1)).map(|(one, next)| one * next).sum::<f64>();
    if scatter > 0.0 { product / scatter } else { 0.0 }
}

/// A least-squares line.
struct Line {
    middle: f64,
    level: f64,
    slope: f64,
    /// The sum of the squared residuals.
    residuals: f64,
    /// The sum of the squared distances from the middle.
    spread: f64,
}

impl Line {
    /// Of values over `x` of their index.
    fn of(values: &[f64], x: impl Fn(usize) -> f64) -> Self {
        let places = (0..values.len()).map(x).collect::<Vec<_>>();
        let (middle, level) = (mean(&places), mean(values));
        let pairs =
            || places.iter().map(|place| place - middle).zip(values.iter().map(|value| value - level));
        let spread = pairs().map(|(place, _)| place * place).sum::<f64>();
        let slope = pairs().map(|(place, value)| place * value).sum::<f64>() / spread;
        let slope = if slope.is_finite() { slope } else { 0.0 };
        let residuals = pairs().map(|(place, value)| (value - slope * place).powi(2)).sum();
        Self { middle, level, slope, residuals, spread }
    }

    fn at(&self, place: f64) -> f64 {
        self.level + self.slope * (place - self.middle)
    }
}

/// A difference of means that matters, as a share of the mean.
pub(super) const RELEVANT: f64 = 0.05;

const MOST_BATCHES: usize = 32;
const LEAST_BATCHES: usize = 5;
const LEAST_IN_BATCH: usize = 5;

/// Batch means with a greater lag-1 correlation have no level that they return to within the part.
const DEPENDENT: f64 = 0.75;

/// Greater correlations of residuals are taken as this one.
const MOST_DEPENDENCE: f64 = 0.9;

const LEAST_F: f64 = 6.0;
