//! Distributions of lengths: tokens, turns, delays, pixels, seconds.

use serde::{Deserialize, Serialize};

/// A distribution of whole numbers, of which none below 1 is drawn: a normal one, unless `form` is another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Length {
    /// Mean, before `min` and `max` are applied.
    pub mean: f64,
    /// Standard deviation of a normal distribution; 0 of others.
    pub stddev: f64,
    /// What is less becomes this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// What is more becomes this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Another form than the normal one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
}

/// The form of a distribution that is not normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Log-normal, with this median and the [`Length`]'s mean; deterministic if they are equal.
    LogNormal {
        /// Median, at most the mean.
        median: f64,
    },
    /// One of several distributions, drawn by weight.
    Peaks(Vec<Peak>),
    /// One of several values, drawn by weight.
    Points(Vec<Point>),
}

/// A distribution among several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// The distribution.
    pub length: Length,
    /// Its share, relative to the sum of weights.
    pub weight: f64,
}

/// A value among several.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The value.
    pub value: f64,
    /// Its share, relative to the sum of weights.
    pub weight: f64,
}

impl Length {
    /// A normal distribution.
    #[must_use]
    pub const fn normal(mean: f64, stddev: f64) -> Self {
        Self { mean, stddev, min: None, max: None, form: None }
    }

    /// Always the same.
    #[must_use]
    pub const fn fixed(value: f64) -> Self {
        Self::normal(value, 0.0)
    }

    /// A value, within the bounds, and no more than [`Length::longest`]. Of a normal distribution it is the first draw that is
    /// not negative.
    pub fn sample(&self, draws: &mut impl Draws) -> f64 {
        let drawn = match &self.form {
            None if self.stddev <= 0.0 => self.mean,
            None => {
                let mut normal = (0..DRAWS_MAX).map(|_| self.mean + self.stddev * draws.normal());
                normal.find(|drawn| *drawn >= 0.0).unwrap_or(0.0)
            }
            Some(Form::LogNormal { median }) => match sigma(self.mean, *median) {
                sigma if sigma > 0.0 => (median.ln() + sigma * draws.normal()).exp(),
                _ => self.mean,
            },
            Some(Form::Peaks(peaks)) => {
                let peak = chosen(peaks, |peak| peak.weight, draws.uniform());
                peak.map_or(self.mean, |peak| peak.length.sample(draws))
            }
            Some(Form::Points(points)) => {
                chosen(points, |point| point.weight, draws.uniform()).map_or(self.mean, |point| point.value)
            }
        };
        let drawn = self.min.map_or(drawn, |min| drawn.max(min));
        self.max.map_or(drawn, |max| drawn.min(max)).min(self.longest())
    }

    /// Whether every draw is the mean.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.form.is_none() && self.stddev <= 0.0
    }

    /// A value that is practically never exceeded: eight deviations above the mean. What is drawn above it becomes this.
    #[must_use]
    pub fn longest(&self) -> f64 {
        let longest = match &self.form {
            None => self.mean + DEVIATIONS * self.stddev.max(0.0),
            Some(Form::LogNormal { median }) => (median.ln() + DEVIATIONS * sigma(self.mean, *median)).exp(),
            Some(Form::Peaks(peaks)) => {
                peaks.iter().map(|peak| peak.length.longest()).fold(f64::NEG_INFINITY, f64::max)
            }
            Some(Form::Points(points)) => {
                points.iter().map(|point| point.value).fold(f64::NEG_INFINITY, f64::max)
            }
        };
        let longest = self.max.map_or(longest, |max| longest.min(max));
        self.min.map_or(longest, |min| longest.max(min))
    }

    /// The same with so much taken off every value, of which none becomes less than 1.
    #[must_use]
    pub fn less(&self, by: f64) -> Self {
        let reduced = |value: f64| (value - by).max(1.0);
        let form = self.form.as_ref().map(|form| match form {
            Form::LogNormal { median } => {
                Form::LogNormal { median: reduced(*median).min(reduced(self.mean)) }
            }
            Form::Peaks(peaks) => {
                let less = |peak: &Peak| Peak { length: peak.length.less(by), weight: peak.weight };
                Form::Peaks(peaks.iter().map(less).collect())
            }
            Form::Points(points) => {
                let less = |point: &Point| Point { value: reduced(point.value), weight: point.weight };
                Form::Points(points.iter().map(less).collect())
            }
        });
        let (min, max) = (self.min.map(reduced), self.max.map(reduced));
        Self { mean: reduced(self.mean), stddev: self.stddev, min, max, form }
    }

    /// Whether its numbers make a distribution.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), String> {
        let numbers = [Some(self.mean), Some(self.stddev), self.min, self.max];
        if numbers.iter().flatten().any(|number| !number.is_finite() || *number < 0.0) {
            return Err("its numbers must be finite and not negative".to_owned());
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return Err(format!("min {min} is more than max {max}"));
        }
        let weights = match &self.form {
            None => return Ok(()),
            Some(Form::LogNormal { median }) => {
                let is_sound = *median > 0.0 && *median <= self.mean;
                let why =
                    || format!("a median of {median} is not above 0 and at most the mean {}", self.mean);
                return is_sound.then_some(()).ok_or_else(why);
            }
            Some(Form::Peaks(peaks)) => {
                peaks.iter().try_for_each(|peak| peak.length.check())?;
                peaks.iter().map(|peak| peak.weight).collect::<Vec<_>>()
            }
            Some(Form::Points(points)) => {
                if points.iter().any(|point| !point.value.is_finite() || point.value < 0.0) {
                    return Err("its values must be finite and not negative".to_owned());
                }
                points.iter().map(|point| point.weight).collect()
            }
        };
        let is_sound = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
        if weights.is_empty() || !is_sound || weights.iter().sum::<f64>() <= 0.0 {
            return Err("its weights must be finite, not negative, and one of them above 0".to_owned());
        }
        Ok(())
    }
}

/// The source of random numbers.
pub trait Draws {
    /// From 0 to below 1, all as likely.
    fn uniform(&mut self) -> f64;

    /// Normal, with mean 0 and deviation 1.
    fn normal(&mut self) -> f64;
}

/// One of several by weight, of a draw from 0 to 1.
fn chosen<T>(all: &[T], weight: impl Fn(&T) -> f64, drawn: f64) -> Option<&T> {
    let drawn = drawn * all.iter().map(&weight).sum::<f64>();
    let mut below = 0.0;
    let found = all.iter().find(|one| {
        below += weight(one);
        drawn < below
    });
    found.or_else(|| all.last())
}

/// The standard deviation of the logarithm, of the log-normal distribution with this mean and median.
fn sigma(mean: f64, median: f64) -> f64 {
    if median < mean { (2.0 * (mean / median).ln()).sqrt() } else { 0.0 }
}

/// A normal draw is as far from the mean once in 10^15.
const DEVIATIONS: f64 = 8.0;
/// After so many negative draws 0 is taken.
const DRAWS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normal_distribution_is_stored_as_ever() {
        let json = serde_json::to_value(Length::normal(5.0, 1.0)).unwrap();
        assert_eq!(json, serde_json::json!({"mean": 5.0, "stddev": 1.0}), "nothing else");
        assert_eq!(serde_json::from_value::<Length>(json).unwrap(), Length::normal(5.0, 1.0), "and read");
    }

    #[test]
    fn other_forms_are_stored_and_bounded() {
        let skewed = Length { form: Some(Form::LogNormal { median: 192.0 }), ..Length::fixed(512.0) };
        let peak = |length, weight| Peak { length, weight };
        let form = Form::Peaks(vec![peak(Length::normal(128.0, 20.0), 60.0), peak(skewed.clone(), 40.0)]);
        let mixed = Length { form: Some(form), max: Some(4096.0), ..Length::fixed(281.6) };
        let json = serde_json::to_string(&mixed).unwrap();
        assert_eq!(serde_json::from_str::<Length>(&json).unwrap(), mixed, "{json}");
        assert_eq!(mixed.check(), Ok(()), "sound");
        assert!((mixed.longest() - 4096.0).abs() < 1e-9, "no more than its maximum");
        let sigma = sigma(512.0, 192.0);
        assert!((skewed.longest() - 192.0 * (8.0 * sigma).exp()).abs() < 1.0, "eight deviations");
        assert!((Length::normal(10.0, 2.0).longest() - 26.0).abs() < 1e-9, "of a normal one too");
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let check = |length: Length, expected: &str| {
            let why = length.check().unwrap_err();
            assert!(why.contains(expected), "{length:?}: {why}");
        };
        check(Length::normal(f64::NAN, 0.0), "finite");
        check(Length::normal(1.0, -1.0), "not negative");
        check(Length { min: Some(3.0), max: Some(2.0), ..Length::fixed(1.0) }, "min 3 is more than max 2");
        let form = |form| Length { form: Some(form), ..Length::fixed(10.0) };
        check(form(Form::LogNormal { median: 11.0 }), "at most the mean 10");
        check(form(Form::Peaks(Vec::new())), "weights");
        check(form(Form::Points(vec![Point { value: 1.0, weight: 0.0 }])), "weights");
    }

    #[test]
    fn a_wrapper_shortens_every_form() {
        let form = Form::Points(vec![Point { value: 30.0, weight: 1.0 }, Point { value: 3.0, weight: 1.0 }]);
        let less = Length { form: Some(form), ..Length::fixed(16.5) }.less(10.0);
        let Some(Form::Points(points)) = less.form else { panic!("points") };
        assert_eq!(points.iter().map(|point| point.value).collect::<Vec<_>>(), [20.0, 1.0], "at least one");
    }
}
