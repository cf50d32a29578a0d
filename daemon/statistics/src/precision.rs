//! How sure a number is: an interval, or what it would need to have one.

use crate::number::{short, whole};
use std::fmt;

/// A number, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its interval, or why there is none.
    pub interval: Result<Interval, Needs>,
}

/// A 95 % confidence interval, in the unit of its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// How many independent values would be as sure.
    pub effective: f32,
    /// Degrees of freedom of the error.
    pub freedom: f32,
    /// How it was computed.
    pub method: Method,
}

/// How an interval was computed; docs/STATISTICS.md has each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Student's t of a mean over requests, adjusted for autocorrelation and skewness.
    Mean,
    /// The same for a sum divided by another: means over gaps by request, rates, energy per request.
    Ratio,
    /// Order statistics, at ranks for as many values as the sample is worth.
    OrderStatistics,
    /// Wilson's score interval of a share.
    Wilson,
    /// Student's t over runs.
    Runs,
    /// Student's t from a mean, a deviation and a count: no order in time is known, so independence is assumed.
    Independent,
}

/// Why a number has no interval, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Why.
    pub reason: Reason,
    /// How many more requests are needed, if more requests help.
    pub more_requests: Option<u64>,
}

/// Why a number has no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are too few requests for it.
    TooFew,
    /// Requests depend on each other so much that this run is worth too few.
    Dependent,
    /// Only the number is known, not what it is of.
    NoSample,
    /// More values than are kept in their order.
    TooMany,
    /// So many requests failed that it may be infinite.
    Failures,
}

impl Method {
    /// Its name, in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "skewness-adjusted t",
            Self::Ratio => "skewness-adjusted t of a ratio",
            Self::OrderStatistics => "order statistics",
            Self::Wilson => "Wilson score",
            Self::Runs => "t over runs",
            Self::Independent => "t of independent requests",
        }
    }
}

impl Needs {
    /// Nothing that more requests would change.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        Self { reason, more_requests: None }
    }

    /// So many more requests; none if they are too many to be a forecast.
    pub(crate) fn more(reason: Reason, requests: f64) -> Self {
        let more_requests = (requests < MOST_FORECAST).then(|| whole(requests.ceil().max(1.0)));
        Self { reason, more_requests }
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason, self.more_requests) {
            (Reason::TooFew, Some(more)) => write!(out, "too few requests: needs {more} more"),
            (Reason::TooFew, None) => out.write_str("too few requests"),
            (Reason::Dependent, Some(more)) => {
                write!(
                    out,
                    "requests depend on each other: needs {more} more at this correlation, or {RUNS} runs"
                )
            }
            (Reason::Dependent, None) => write!(out, "requests depend on each other: needs {RUNS} runs"),
            (Reason::NoSample, _) => out.write_str("its requests are unknown"),
            (Reason::TooMany, _) => out.write_str("more values than are kept in their order"),
            (Reason::Failures, _) => out.write_str("so many requests failed that it may be infinite"),
        }
    }
}

impl Interval {
    /// Wilson's interval of a share, from as many independent requests.
    #[must_use]
    pub fn of_share(low: f64, high: f64, effective: f64) -> Self {
        Self { low, high, effective: short(effective), freedom: f32::INFINITY, method: Method::Wilson }
    }
}

/// More requests than this are no forecast.
const MOST_FORECAST: f64 = 1e9;

/// The interval, unless an end is infinite.
pub(crate) fn finite(interval: Interval) -> Result<Interval, Needs> {
    let is_finite = interval.low.is_finite() && interval.high.is_finite();
    if is_finite { Ok(interval) } else { Err(Needs::of(Reason::Failures)) }
}

/// So many runs have an interval over them that is not much wider than that of many: 2.8 standard errors to each side.
const RUNS: u32 = 5;
