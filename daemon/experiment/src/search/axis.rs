//! An axis of the space that is searched: which part of a configuration varies, and between which values.

use crate::{Refused, path};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What it sets.
    pub path: String,
    /// The least value.
    pub lo: f64,
    /// The greatest value.
    pub hi: f64,
    /// Of what kind values are.
    #[serde(default)]
    pub kind: Kind,
    /// How first points lie between them.
    #[serde(default)]
    pub prior: Prior,
}

/// Of what kind values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whole numbers.
    Int,
    /// Any numbers.
    #[default]
    Real,
}

/// How first points lie in a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// Evenly.
    #[default]
    Uniform,
    /// Their logarithms evenly.
    LogUniform,
}

impl Axis {
    /// Whether there are values between its bounds.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { lo, hi, .. } = *self;
        path::resolved(&self.path).map_err(|refused| Refused::why(&refused).to_owned())?;
        if !lo.is_finite() || !hi.is_finite() {
            return Err(format!("`{}`: lo ({lo}) and hi ({hi}) must be finite", self.path));
        }
        if lo >= hi {
            return Err(format!("`{}`: hi ({hi}) must be more than lo ({lo})", self.path));
        }
        if self.prior == Prior::LogUniform && lo <= 0.0 {
            return Err(format!("`{}`: a log-uniform prior needs lo above 0, not {lo}", self.path));
        }
        let is_whole = |bound: f64| bound.fract().abs() <= 0.0 && bound.abs() <= WHOLE_MAX;
        if self.kind == Kind::Int && !(is_whole(lo) && is_whole(hi)) {
            return Err(format!("`{}`: lo ({lo}) and hi ({hi}) must be whole numbers", self.path));
        }
        Ok(())
    }

    /// The value at a coordinate from 0 to 1.
    pub(super) fn at(&self, coordinate: f64) -> f64 {
        let (lo, hi) = self.stretched();
        let value = (hi - lo).mul_add(coordinate, lo);
        self.fitted(if self.prior == Prior::LogUniform { value.exp() } else { value })
    }

    /// The coordinate of a value, from 0 to 1.
    pub(super) fn coordinate(&self, value: f64) -> f64 {
        let (lo, hi) = self.stretched();
        let value = if self.prior == Prior::LogUniform { value.ln() } else { value };
        ((value - lo) / (hi - lo)).clamp(0.0, 1.0)
    }

    fn stretched(&self) -> (f64, f64) {
        match self.prior {
            Prior::Uniform => (self.lo, self.hi),
            Prior::LogUniform => (self.lo.ln(), self.hi.ln()),
        }
    }

    /// The closest value of this axis.
    pub(super) fn fitted(&self, value: f64) -> f64 {
        let value = if self.kind == Kind::Int { value.round_ties_even() } else { value };
        value.clamp(self.lo, self.hi)
    }

    /// A value as a configuration has it: a whole number without a fraction.
    pub(super) fn json(&self, value: f64) -> Value {
        let fitted = self.fitted(value);
        match self.kind {
            Kind::Real => Value::from(fitted),
            Kind::Int => {
                serde_json::from_str(&format!("{fitted:.0}")).unwrap_or_else(|_| Value::from(fitted))
            }
        }
    }
}

/// Every whole number up to this one is a number of 64 bits exactly.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(lo: f64, hi: f64, kind: Kind, prior: Prior) -> Axis {
        Axis { path: "phases.profiling.concurrency".to_owned(), lo, hi, kind, prior }
    }

    #[test]
    fn coordinates_and_values_are_each_other() {
        for prior in [Prior::Uniform, Prior::LogUniform] {
            let axis = axis(1.0, 1000.0, Kind::Real, prior);
            for coordinate in [0.0, 0.25, 0.5, 1.0] {
                let back = axis.coordinate(axis.at(coordinate));
                assert!((back - coordinate).abs() < 1e-9, "{prior:?} {coordinate} {back}");
            }
        }
        assert!((axis(1.0, 100.0, Kind::Real, Prior::LogUniform).at(0.5) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(axis(1.0, 64.0, Kind::Int, Prior::Uniform).json(32.4).to_string(), "32");
        assert_eq!(axis(1.0, 64.0, Kind::Int, Prior::Uniform).json(99.0).to_string(), "64");
        assert_eq!(axis(1.0, 64.0, Kind::Real, Prior::Uniform).json(32.0).to_string(), "32.0");
    }
}
