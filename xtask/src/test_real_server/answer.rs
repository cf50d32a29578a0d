//! One request and its answer, of `profile_export.jsonl` and `profile_export_raw.jsonl`.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A request with its answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The request's `X-Request-ID`.
    pub(super) id: String,
    /// Why it failed.
    pub(super) error: Option<String>,
    /// The kernel's stamp of its last byte, on the monotonic clock.
    sent_ns: u64,
    /// Of the answer's head, what our server's or proxy's headers say, names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    /// As they came.
    pub(super) events: Vec<Event>,
    /// What was reported of it.
    pub(super) reported: Reported,
}

/// Figures of a request in the report.
#[derive(Clone, Debug, Default)]
pub(super) struct Reported {
    /// From the kernel's stamps.
    pub(super) ttft: Option<Duration>,
    /// By our tokenizer.
    pub(super) input_tokens: Option<u64>,
    /// By our tokenizer.
    pub(super) output_tokens: Option<u64>,
    /// By the server's `usage`.
    pub(super) usage_prompt: Option<u64>,
    /// By the server's `usage`.
    pub(super) usage_completion: Option<u64>,
}

/// An event of a stream.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// The kernel's stamp of its last byte, on the monotonic clock.
    pub(super) at_ns: u64,
    /// What it says; null if it is no JSON.
    pub(super) data: Value,
}

impl Answer {
    /// From a line of each file.
    pub(super) fn new(record: &Value, raw: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let id = text(&record["metadata"]["x_request_id"]).context("a record has no id")?;
        let error = (!record["error"].is_null()).then(|| record["error"].to_string());
        let headers = raw["response_headers"].as_object().into_iter().flatten();
        Ok(Self {
            error,
            sent_ns: raw["sent_kernel_ns"].as_u64().unwrap_or(0),
            headers: headers
                .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), text(value)?)))
                .collect(),
            events: events(raw).with_context(|| format!("of request {id}"))?,
            reported: Reported::of(&record["metrics"]),
            id,
        })
    }

    /// When each event with text came.
    pub(super) fn content(&self) -> impl Iterator<Item = u64> + '_ {
        self.events.iter().filter(|event| event.has_text()).map(|event| event.at_ns)
    }

    /// From its last byte leaving to its first event with text, by the raw stamps.
    pub(super) fn ttft(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.content().next()?.checked_sub(self.sent_ns)?))
    }

    /// Whether its events came at once, or at least four at a time.
    pub(super) fn came_together(&self) -> bool {
        let arrivals = self.content().collect::<Vec<_>>();
        let pieces = 1 + arrivals.windows(2).filter(|pair| pair[0] != pair[1]).count();
        arrivals.len() > 1 && (pieces == 1 || pieces * 4 <= arrivals.len())
    }
}

impl Reported {
    fn of(metrics: &Value) -> Self {
        let value = |name: &str| &metrics[name]["value"];
        let ttft = value("kernel_time_to_first_token").as_f64();
        Self {
            ttft: ttft.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok()),
            input_tokens: value("input_sequence_length").as_u64(),
            output_tokens: value("output_sequence_length").as_u64(),
            usage_prompt: value("usage_prompt_tokens").as_u64(),
            usage_completion: value("usage_completion_tokens").as_u64(),
        }
    }
}

impl Event {
    fn has_text(&self) -> bool {
        let delta = &self.data["choices"][0]["delta"];
        ["content", "reasoning_content"]
            .iter()
            .any(|key| delta[*key].as_str().is_some_and(|it| !it.is_empty()))
    }
}

/// Events with their stamps.
fn events(raw: &Value) -> Result<Vec<Event>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (responses, stamps) = (list(&raw["responses"]), list(&raw["responses_kernel_ns"]));
    if responses.len() != stamps.len() {
        bail!("{} events have {} stamps of the kernel", responses.len(), stamps.len());
    }
    let event = |(response, stamp): (&Value, &Value)| {
        let packets = list(&response["packets"]);
        let data = packets.iter().find(|packet| packet["name"] == "data");
        let data = data.and_then(|packet| serde_json::from_str(packet["value"].as_str()?).ok());
        Ok(Event {
            at_ns: stamp.as_u64().context("an event has no stamp of the kernel")?,
            data: data.unwrap_or_default(),
        })
    };
    responses.iter().zip(&stamps).map(event).collect()
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// An answer whose events with text came at these times, sent at 5.
    pub(in super::super) fn answer(id: &str, stamps: &[u64]) -> Answer {
        let event = |text: &str| serde_json::json!({"choices": [{"delta": {"content": text}}]});
        let packet =
            |text: &str| serde_json::json!({"packets": [{"name": "data", "value": event(text).to_string()}]});
        let responses = std::iter::once(packet("")).chain(stamps.iter().map(|_| packet(" a")));
        let responses = responses.collect::<Vec<_>>();
        let stamps = std::iter::once(&6).chain(stamps).collect::<Vec<_>>();
        let raw = serde_json::json!({"sent_kernel_ns": 5, "response_headers": {"Content-Encoding": "gzip"},
            "responses": responses, "responses_kernel_ns": stamps});
        let metrics = serde_json::json!({"output_sequence_length": {"value": 2}, "usage_completion_tokens": {"value": 2},
            "kernel_time_to_first_token": {"value": 0.5}});
        let record = serde_json::json!({"metadata": {"x_request_id": id}, "metrics": metrics});
        Answer::new(&record, &raw).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::answer;
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let read = answer("a", &[10, 20]);
        assert_eq!(read.content().collect::<Vec<_>>(), [10, 20], "the role's event has no text");
        assert_eq!(read.ttft(), Some(Duration::from_nanos(5)), "from the last byte sent");
        assert_eq!(read.reported.ttft, Some(Duration::from_micros(500)), "milliseconds");
        assert_eq!(read.headers["content-encoding"], "gzip", "lower case");
        assert_eq!(read.reported.usage_completion, Some(2), "usage");
    }

    #[test]
    fn events_that_came_together() {
        let together = |stamps: &[u64]| answer("a", stamps).came_together();
        assert!(together(&[10, 10]), "at once");
        assert!(together(&[10, 10, 10, 10, 20, 20, 20, 20]), "four at a time");
        assert!(!together(&[10, 10, 20, 20]), "two at a time");
        assert!(!together(&[10]), "one alone");
    }

    #[test]
    fn an_event_without_a_stamp_is_an_error() {
        let raw = serde_json::json!({"responses": [{"packets": []}], "responses_kernel_ns": []});
        assert!(Answer::new(&serde_json::json!({"metadata": {"x_request_id": "a"}}), &raw).is_err());
    }
}
