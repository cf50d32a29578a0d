//! Goodput thresholds: limits on metrics, given by `--goodput`.

use crate::case::Case;
use crate::metric::{Flags, Kind, Metric};
use crate::registry::METRICS;

/// A metric and its limit, in the unit in which it is displayed.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// The metric.
    pub metric: &'static Metric,
    /// The number.
    pub limit: f64,
}

/// Why `--goodput` could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoodputError {
    /// A word is not `tag:number`.
    #[error("failed to read goodput threshold `{0}`: expected `tag:number`")]
    Form(String),
    /// A tag is not a metric with one value per request.
    #[error("failed to find metric `{0}` among those with a value per request")]
    Tag(String),
}

impl Threshold {
    /// Parses `request_latency:250 inter_token_latency:10`.
    ///
    /// # Errors
    /// When a word has another form or is not a metric of requests.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, GoodputError> {
        text.split_whitespace().map(Self::parse).collect()
    }

    fn parse(word: &str) -> Result<Self, GoodputError> {
        let form = || GoodputError::Form(word.to_owned());
        let (tag, number) = word.split_once(':').ok_or_else(form)?;
        let limit = number.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(form)?;
        Self::new(tag, limit)
    }

    /// A threshold on the metric with this tag.
    ///
    /// # Errors
    /// When the tag is not a metric of requests.
    pub fn new(tag: &str, limit: f64) -> Result<Self, GoodputError> {
        let metric = METRICS
            .iter()
            .copied()
            .find(|metric| metric.tag == tag && matches!(metric.kind, Kind::Record(_)))
            .ok_or_else(|| GoodputError::Tag(tag.to_owned()))?;
        Ok(Self { metric, limit })
    }

    /// Whether a request meets it; one without the metric does not.
    #[must_use]
    pub fn is_met(&self, case: &Case<'_>) -> bool {
        let Kind::Record(formula) = self.metric.kind else { return false };
        let Some(value) = formula(case) else { return false };
        // Compared in the formula's unit, in which the threshold itself is not rounded.
        let limit = self.limit * self.metric.inner_factor();
        if self.metric.flags.has(Flags::LARGER_IS_BETTER) {
            value.get() >= limit
        } else {
            value.get() <= limit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read() {
        let read = Threshold::parse_all("request_latency:250 inter_token_latency:10.5").unwrap();
        assert_eq!(read.len(), 2, "two words, two thresholds");
        assert!((read[1].limit - 10.5).abs() < 1e-12, "the number is parsed");
        for wrong in ["request_latency", "request_latency:x", "request_latency:inf"] {
            assert!(matches!(Threshold::parse_all(wrong), Err(GoodputError::Form(_))), "{wrong}");
        }
        assert!(
            matches!(Threshold::parse_all("request_count:1"), Err(GoodputError::Tag(_))),
            "not a record metric"
        );
    }
}
