//! What vLLM says of speculative decoding in a response (`metrics.speculative_decoding` at its root): AIPerf's checks.

use record::Request;
use serde_json::Value;

/// What a response says of drafted tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpecDecode {
    steps: u32,
    accepted: u32,
    drafted: u32,
    acceptance_length: f64,
    acceptance_rate: f64,
    /// Verifications by how many drafted tokens each accepted, from 0.
    histogram: Vec<u32>,
}

/// The object in an event's data or in a body, if there is one with something in it.
pub(crate) fn told(json: &str) -> Option<Value> {
    if !json.contains("\"speculative_decoding\"") {
        return None;
    }
    let mut root: Value = serde_json::from_str(json).ok()?;
    let told = root["metrics"]["speculative_decoding"].take();
    told.as_object().is_some_and(|told| !told.is_empty()).then_some(told)
}

impl SpecDecode {
    /// The object understood; `None` where a number is missing, or where its numbers contradict each other.
    pub(crate) fn of(told: &Value) -> Option<Self> {
        let count = |key: &str| told[key].as_u64().and_then(|count| u32::try_from(count).ok());
        let bucket = |count: &Value| count.as_u64().and_then(|count| u32::try_from(count).ok());
        let histogram =
            told["acceptance_histogram"].as_array()?.iter().map(bucket).collect::<Option<Vec<_>>>()?;
        let spec = Self {
            steps: count("num_spec_steps")?,
            accepted: count("num_accepted_draft_tokens")?,
            drafted: count("num_draft_tokens")?,
            acceptance_length: told["mean_acceptance_length"].as_f64()?,
            acceptance_rate: told["draft_acceptance_rate"].as_f64()?,
            histogram,
        };
        let longest = &told["num_spec_tokens"];
        let has_buckets =
            longest.is_null() || longest.as_u64().is_some_and(|most| most + 1 == spec.histogram.len() as u64);
        (has_buckets && spec.is_consistent() && spec.fits_steps(told)).then_some(spec)
    }

    fn is_consistent(&self) -> bool {
        let steps = self.histogram.iter().map(|count| u64::from(*count)).sum::<u64>();
        let accepted = self.histogram.iter().zip(0_u64..);
        let accepted = accepted.map(|(count, accepted)| u64::from(*count) * accepted).sum::<u64>();
        steps == u64::from(self.steps)
            && accepted == u64::from(self.accepted)
            && self.accepted <= self.drafted
    }

    /// Whether what is told step by step adds up to the same.
    fn fits_steps(&self, told: &Value) -> bool {
        let numbers = |key: &str| match &told[key] {
            Value::Null => Some(None),
            Value::Array(list) => list.iter().map(Value::as_u64).collect::<Option<Vec<_>>>().map(Some),
            _ => None,
        };
        let (Some(accepted), Some(drafted)) = (numbers("per_step_accepted"), numbers("per_step_drafted"))
        else {
            return false;
        };
        let fits = |steps: &Option<Vec<u64>>, sum: u32| {
            steps.as_ref().is_none_or(|steps| {
                steps.len() == self.steps as usize && steps.iter().sum::<u64>() == u64::from(sum)
            })
        };
        let pairs = accepted.iter().flatten().zip(drafted.iter().flatten());
        fits(&accepted, self.accepted)
            && fits(&drafted, self.drafted)
            && pairs.into_iter().all(|(a, d)| a <= d)
    }

    /// Writes the numbers into the request.
    pub(crate) fn fill(&self, request: &mut Request) {
        request.spec_decode_steps = Some(self.steps);
        request.spec_decode_accepted_tokens = Some(self.accepted);
        request.spec_decode_draft_tokens = Some(self.drafted);
        request.spec_decode_acceptance_length = Some(self.acceptance_length);
        request.spec_decode_acceptance_rate = Some(self.acceptance_rate);
        let counts = self.histogram.iter().map(u32::to_string).collect::<Vec<_>>();
        request.spec_decode_histogram = Some(counts.join(","));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::id::RequestId;
    use serde_json::json;

    fn object() -> Value {
        json!({
            "acceptance_histogram": [1, 0, 3], "num_spec_steps": 4, "num_accepted_draft_tokens": 6,
            "num_draft_tokens": 8, "mean_acceptance_length": 2.5, "draft_acceptance_rate": 0.75, "num_spec_tokens": 2,
        })
    }

    #[test]
    fn what_vllm_tells_is_taken() {
        let body = json!({"choices": [], "metrics": {"speculative_decoding": object()}}).to_string();
        let spec = SpecDecode::of(&told(&body).unwrap()).unwrap();
        let mut request = Request::blank(RequestId(0));
        spec.fill(&mut request);
        assert_eq!(request.spec_decode_histogram.as_deref(), Some("1,0,3"), "with empty buckets");
        assert_eq!(
            (request.spec_decode_steps, request.spec_decode_draft_tokens),
            (Some(4), Some(8)),
            "counts"
        );
        assert_eq!(told("{\"metrics\":{\"speculative_decoding\":{}}}"), None, "nothing is told");
        assert_eq!(told("{}"), None, "nor here");
    }

    #[test]
    fn what_contradicts_itself_is_left_out() {
        for (key, value) in [
            ("num_spec_steps", json!(5)),
            ("num_accepted_draft_tokens", json!(7)),
            ("num_draft_tokens", json!(5)),
            ("num_spec_tokens", json!(3)),
            ("acceptance_histogram", json!([1, true, 3])),
            ("acceptance_histogram", json!("103")),
            ("mean_acceptance_length", Value::Null),
            ("per_step_accepted", json!([2, 2, 2])),
        ] {
            let mut told = object();
            told[key] = value;
            assert_eq!(SpecDecode::of(&told), None, "{key}");
        }
    }
}
