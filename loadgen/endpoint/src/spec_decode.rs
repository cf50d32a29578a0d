//! vLLM's speculative decoding metrics in a response (`metrics.speculative_decoding` at its root): AIPerf's checks.

use common::reply_event::{Drafts, Measure};
use serde_json::Value;

/// The draft token counts in the responses to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecDecode {
    /// One of them reports the counts.
    Reported {
        /// The counts.
        drafts: Drafts,
        /// Verifications by how many drafted tokens each accepted, from 0.
        histogram: Vec<u32>,
    },
    /// A number is missing, or they contradict each other, or several answers report them, which can't be distinguished.
    Unclear,
}

impl SpecDecode {
    /// The counts in the object; `None` where there is none, or nothing in it.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let is_reported = object.as_object().is_some_and(|object| !object.is_empty());
        is_reported.then(|| Self::read(object).unwrap_or(Self::Unclear))
    }

    /// The counts together with those of another response.
    #[must_use]
    pub fn and(self, other: Option<Self>) -> Self {
        if other.is_some() { Self::Unclear } else { self }
    }

    fn read(object: &Value) -> Option<Self> {
        let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok());
        let measure = |key: &str| object[key].as_f64().map(Measure::new);
        let drafts = Drafts {
            steps: count(&object["num_spec_steps"])?,
            accepted: count(&object["num_accepted_draft_tokens"])?,
            drafted: count(&object["num_draft_tokens"])?,
            acceptance_length: measure("mean_acceptance_length")?,
            acceptance_rate: measure("draft_acceptance_rate")?,
            reserved: 0,
        };
        let histogram =
            object["acceptance_histogram"].as_array()?.iter().map(count).collect::<Option<Vec<_>>>()?;
        let longest = &object["num_spec_tokens"];
        let has_buckets = longest.is_null()
            || longest.as_u64().is_some_and(|most| most.checked_add(1) == Some(histogram.len() as u64));
        (has_buckets && is_consistent(&drafts, &histogram) && fits_steps(&drafts, object))
            .then_some(Self::Reported { drafts, histogram })
    }
}

/// A histogram as it is stored: counts with commas between.
#[must_use]
pub fn written(histogram: &[u32]) -> String {
    histogram.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn is_consistent(drafts: &Drafts, histogram: &[u32]) -> bool {
    let steps = histogram.iter().map(|count| u64::from(*count)).sum::<u64>();
    let accepted =
        histogram.iter().zip(0_u64..).map(|(count, accepted)| u64::from(*count) * accepted).sum::<u64>();
    steps == u64::from(drafts.steps)
        && accepted == u64::from(drafts.accepted)
        && drafts.accepted <= drafts.drafted
}

/// Whether the counts of single steps add up to the same.
fn fits_steps(drafts: &Drafts, object: &Value) -> bool {
    let numbers = |key: &str| match &object[key] {
        Value::Null => Some(None),
        Value::Array(list) => list.iter().map(Value::as_u64).collect::<Option<Vec<_>>>().map(Some),
        _ => None,
    };
    let (Some(accepted), Some(drafted)) = (numbers("per_step_accepted"), numbers("per_step_drafted")) else {
        return false;
    };
    let sum = |steps: &[u64]| steps.iter().try_fold(0_u64, |sum, step| sum.checked_add(*step));
    let fits = |steps: &Option<Vec<u64>>, all: u32| {
        steps
            .as_ref()
            .is_none_or(|steps| steps.len() == drafts.steps as usize && sum(steps) == Some(u64::from(all)))
    };
    let pairs = accepted.iter().flatten().zip(drafted.iter().flatten());
    fits(&accepted, drafts.accepted)
        && fits(&drafted, drafts.drafted)
        && pairs.into_iter().all(|(a, d)| a <= d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({
            "acceptance_histogram": [1, 0, 3], "num_spec_steps": 4, "num_accepted_draft_tokens": 6,
            "num_draft_tokens": 8, "mean_acceptance_length": 2.5, "draft_acceptance_rate": 0.75, "num_spec_tokens": 2,
        })
    }

    #[test]
    fn what_vllm_reports_is_used() {
        let Some(SpecDecode::Reported { drafts, histogram }) = SpecDecode::of(&object()) else {
            panic!("it is reported")
        };
        assert_eq!(written(&histogram), "1,0,3", "with empty buckets");
        assert_eq!((drafts.steps, drafts.accepted, drafts.drafted), (4, 6, 8), "counts");
        assert_eq!(
            (drafts.acceptance_length.get(), drafts.acceptance_rate.get()),
            (Some(2.5), Some(0.75)),
            "shares"
        );
        for nothing in [json!({}), Value::Null, json!(7)] {
            assert_eq!(SpecDecode::of(&nothing), None, "{nothing} reports nothing");
        }
    }

    #[test]
    fn what_contradicts_itself_is_left_out() {
        for (key, value) in [
            ("num_spec_steps", json!(5)),
            ("num_accepted_draft_tokens", json!(7)),
            ("num_draft_tokens", json!(5)),
            ("num_spec_tokens", json!(3)),
            ("num_spec_tokens", json!(u64::MAX)),
            ("acceptance_histogram", json!([1, true, 3])),
            ("acceptance_histogram", json!("103")),
            ("mean_acceptance_length", Value::Null),
            ("per_step_accepted", json!([2, 2, 2])),
            ("per_step_accepted", json!([u64::MAX, u64::MAX, 4, 4])),
        ] {
            let mut object = object();
            object[key] = value;
            assert_eq!(SpecDecode::of(&object), Some(SpecDecode::Unclear), "{key}");
        }
        let object = SpecDecode::of(&object()).unwrap();
        assert_eq!(object.clone().and(Some(object)), SpecDecode::Unclear, "of two answers");
    }
}
