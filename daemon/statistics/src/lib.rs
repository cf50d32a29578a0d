//! Says how sure a number is, and whether two numbers differ: for requests that depend on each other, skewed or few. Pure.
//!
//! ```text
//! distribution.rs  the normal and Student's t        series.rs      how much a series depends on its own past
//! batches.rs       a sample in time order, summed up in up to 1024 batches
//! interval.rs      means, ratios and percentiles of batches     precision.rs   an interval, or what it would need
//! proportion.rs    shares of failures                 runs.rs        runs as the unit
//! difference.rs    two estimates: difference, error, probability
//! family.rs        many comparisons together          answer.rs      yes, no, or can't tell; gates
//! judgement.rs     the rows of a table, judged together
//! shift.rs         how far two distributions are apart, everywhere at once
//! ```
//!
//! docs/STATISTICS.md has the source of each method, and what they cover on simulated and real data.
#![forbid(unsafe_code)]

mod answer;
mod batches;
mod difference;
mod distribution;
mod family;
mod interval;
mod judgement;
mod number;
mod precision;
mod proportion;
mod runs;
mod series;
mod shift;

pub use answer::{Answer, Gate, RELEVANT_POINTS, Relevant, answer, gate};
pub use batches::{Batches, cycles};
pub use difference::{Difference, Spread, between};
pub use distribution::{normal_quantile, t_quantile};
pub use family::holm;
pub use interval::{Assessed, FEWEST_FOR_MEAN, Ranks, least_sample};
pub use judgement::{Judgement, Question, RUN_VARIATION, Side, difference, judge};
pub use precision::{Estimate, Interval, Method, Needs, Reason};
pub use proportion::{newcombe, wilson};
pub use runs::{mean_of_runs, welch};
pub use series::{Dependence, Of, dependence, dependence_of_rate};
pub use shift::{Distribution, Shift, shifts};
