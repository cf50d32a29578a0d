//! Exports each request as a span, by the semantic conventions for clients of generative AI, with an event for each of its
//! stages.
//!
//! The trace's id is the request's `X-Request-ID`, so records and spans can be matched.

use super::Strategy;
use super::requests::{attributes, seconds};
use crate::sender::{Event, Server};
use crate::sink::{Instruments, Span};
use control::LiveRequest;
use metric::whole;
use opentelemetry::KeyValue;

/// The strategy.
pub(super) struct Spans {
    common: Vec<KeyValue>,
    name: String,
}

impl Spans {
    pub(super) fn new(common: &[KeyValue], server: Option<&Server>) -> Self {
        let word = |key: &str| {
            let found = common.iter().find(|attribute| attribute.key.as_str() == key);
            found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
        };
        let name = format!("{} {}", word("gen_ai.operation.name"), word("gen_ai.request.model"));
        let mut common = common.to_vec();
        if let Some(Server { host, port }) = server {
            common.push(KeyValue::new("server.address", host.clone()));
            common.push(KeyValue::new("server.port", i64::from(*port)));
        }
        Self { common, name: name.trim().to_owned() }
    }

    fn attributes(&self, request: &LiveRequest) -> Vec<KeyValue> {
        let mut attributes = attributes(&self.common, request);
        attributes.push(KeyValue::new("aiperf.request.id", request.id.clone()));
        let status = request.http_status.map(i64::from);
        attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
        for (tag, name) in TOKENS {
            let count = request.values.get(tag).and_then(|count| i64::try_from(whole(count)).ok());
            attributes.extend(count.map(|count| KeyValue::new(*name, count)));
        }
        let metric = metric::find(FIRST_TOKEN);
        let first = request.values.get(FIRST_TOKEN).zip(metric);
        let first = first.map(|(value, metric)| seconds(value, metric.display));
        attributes.extend(first.map(|first| KeyValue::new("gen_ai.response.time_to_first_chunk", first)));
        attributes
    }

    /// From its submission to the kernel, or its due time if it was never submitted, to its end.
    fn span(&self, request: &LiveRequest) -> Option<Span> {
        let stages = &request.stages;
        let trace_id = u128::from_str_radix(&request.id.replace('-', ""), 16).ok()?;
        // Half of the id is enough to distinguish the spans of one trace, of which there is one.
        let span_id = u64::try_from(trace_id & u128::from(u64::MAX)).ok()?;
        Some(Span {
            trace_id,
            span_id,
            name: self.name.clone(),
            started_ns: stages.get("submitted").or_else(|| stages.get("due"))?.0,
            ended_ns: stages.get("ended")?.0,
            attributes: self.attributes(request),
            events: stages.iter().map(|(stage, at)| (format!("aiperf.{stage}"), at.0)).collect(),
            error: request.error.clone(),
        })
    }
}

impl Strategy for Spans {
    fn supports(&self, event: &Event) -> bool {
        matches!(event, Event::Request(_))
    }

    fn process(&mut self, event: &Event, instruments: &mut dyn Instruments) {
        let Event::Request(request) = event else { return };
        if let Some(span) = self.span(request) {
            instruments.span(&span);
        }
    }
}

const FIRST_TOKEN: &str = "time_to_first_token";
/// Token counts by tag, and their attribute names:
/// <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#inference>
const TOKENS: &[(&str, &str)] = &[
    ("input_sequence_length", "gen_ai.usage.input_tokens"),
    ("output_sequence_length", "gen_ai.usage.output_tokens"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> LiveRequest {
        serde_json::from_str(text).unwrap()
    }

    const SENT: &str = r#"{"id":"0a0b0c0d-0000-8000-8000-000000000007","phase":"profiling","worker":0,"error":null,
        "http_status":200,"values":{"time_to_first_token":20.0,"output_sequence_length":4.0},
        "stages":{"due":1000,"submitted":2000,"first_token_kernel":3000,"ended":9000},"dropped":0}"#;

    fn spans() -> Spans {
        let common = [("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "m")];
        let server = Server { host: "a".to_owned(), port: 80 };
        Spans::new(&common.map(|(key, value)| KeyValue::new(key, value)), Some(&server))
    }

    #[test]
    fn a_span_is_as_long_as_its_request() {
        let span = spans().span(&request(SENT)).unwrap();
        assert_eq!(span.trace_id, 0x0a0b_0c0d_0000_8000_8000_0000_0000_0007, "the X-Request-ID");
        assert_eq!((span.name.as_str(), span.started_ns, span.ended_ns), ("chat m", 2000, 9000), "{span:?}");
        assert_eq!(span.events[2], ("aiperf.first_token_kernel".to_owned(), 3000), "{span:?}");
        for expected in [
            KeyValue::new("server.port", 80),
            KeyValue::new("gen_ai.usage.output_tokens", 4),
            KeyValue::new("gen_ai.response.time_to_first_chunk", 0.02),
            KeyValue::new("http.response.status_code", 200),
        ] {
            assert!(span.attributes.contains(&expected), "{expected:?} is not in {span:?}");
        }
    }

    #[test]
    fn an_unsent_request_starts_at_its_due_time() {
        let refused =
            SENT.replace("\"submitted\":2000,", "").replace("\"error\":null", "\"error\":\"connect\"");
        let span = spans().span(&request(&refused)).unwrap();
        assert_eq!((span.started_ns, span.error.as_deref()), (1000, Some("connect")), "{span:?}");
    }
}
