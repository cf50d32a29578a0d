//! Parses a line of `profile_export_raw.jsonl` to a request with its events.

use crate::content::{Api, Content};
use crate::error::ImportError;
use crate::prompt::Prompt;
use crate::run::Seen;
use common::client_event::Outcome;
use common::clock::MonoNs;
use common::id::RequestId;
use record::{Request, Token};
use serde_json::Value;
use store::{Exchange, ForeignRequest};
use tokenizer::Tokenizer;

/// A parser of the lines of a raw export.
pub struct RawLines {
    api: Api,
    tokenizer: Option<Tokenizer>,
    seen: Seen,
    /// The keys by which a request limits its output length.
    length_keys: Vec<&'static str>,
    per_chunk_usage: bool,
}

impl RawLines {
    /// For a run of this endpoint type; without a tokenizer, only the server's counts are used.
    ///
    /// # Errors
    /// When the endpoint's responses cannot be parsed.
    pub fn new(endpoint: &str, tokenizer: Option<Tokenizer>) -> Result<Self, ImportError> {
        let api = Api::of(endpoint)?;
        Ok(Self {
            api,
            tokenizer,
            seen: Seen::default(),
            length_keys: MAX_TOKENS.to_vec(),
            per_chunk_usage: false,
        })
    }

    /// Keys that the user added to every request are not AIPerf's own length.
    pub(crate) fn without_extra(mut self, extra: &[String]) -> Self {
        self.length_keys.retain(|key| !extra.iter().any(|extra| extra == key));
        self
    }

    /// Sets whether the server reported the tokens of each chunk.
    pub(crate) const fn with_chunk_counts(mut self, reported: bool) -> Self {
        self.per_chunk_usage = reported;
        self
    }

    /// The state shared by all lines.
    pub(crate) fn into_seen(self) -> Seen {
        self.seen
    }

    /// Parses a line to a request with its events.
    ///
    /// # Errors
    /// Which field is missing.
    pub fn exchange(&mut self, place: u64, line: &Value) -> Result<Exchange, String> {
        let mut request = identity(place, line, &mut self.seen)?;
        let submitted = request.submitted_ns.unwrap_or(request.due_ns);
        let start = line["start_perf_ns"].as_u64().ok_or("it has no `start_perf_ns`")?;
        let mut content = Content::default();
        let mut tokens = Vec::new();
        for response in line["responses"].as_array().into_iter().flatten() {
            let perf = response["perf_ns"].as_u64().ok_or("a response has no `perf_ns`")?;
            let reaped = MonoNs(submitted.0.saturating_add_signed(MonoNs(perf).since(MonoNs(start)).0));
            let index = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
            let kind = content.add(self.api, response);
            tokens.push(Token::noticed(request.request_id, index, kind, reaped));
        }
        let payload = &line["payload"];
        request.http_status = request.http_status.or_else(|| small(&line["status"]));
        request.requested_output_tokens = self.length_keys.iter().find_map(|key| small(&payload[key]));
        milestones(&mut request, &tokens);
        let count = self.tokenizer.as_ref().map(|tokenizer| |text: &str| tokenizer.count(text));
        request.input_tokens = count.as_ref().and_then(|count| Prompt::of(payload).count(count));
        if request.succeeded() {
            content.counts(&mut request, count.as_ref().map(|count| count as &dyn Fn(&str) -> u32));
            if self.per_chunk_usage {
                content.first_chunk(&mut request);
            }
            request.images = Prompt::images(payload);
            if matches!(self.api, Api::Data) && count.is_some() {
                request.output_tokens = Some(0);
            }
        }
        Ok(Exchange { request, tokens, responses: Vec::new(), foreign: Some(foreign(line)) })
    }
}

impl std::fmt::Debug for RawLines {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RawLines").field("tokenizer", &self.tokenizer).finish_non_exhaustive()
    }
}

/// The identity, times and outcome of a line's request.
pub(crate) fn identity(place: u64, line: &Value, seen: &mut Seen) -> Result<Request, String> {
    let metadata = &line["metadata"];
    let date = |key: &str| metadata[key].as_u64().map(MonoNs);
    let needed = |key: &str| date(key).ok_or_else(|| format!("it has no `metadata.{key}`"));
    let submitted = needed("request_start_ns")?;
    let conversation = metadata["conversation_id"].as_str().unwrap_or_default();
    let mut request = Request {
        session: seen.session(metadata["x_correlation_id"].as_str(), place),
        turn: small(&metadata["turn_index"]).unwrap_or(0),
        entry: seen.conversation(conversation),
        conversation: (!conversation.is_empty()).then(|| conversation.to_owned()),
        phase: seen.phase(metadata),
        due_ns: date("credit_issued_ns").unwrap_or(submitted),
        submitted_ns: Some(submitted),
        head_reaped_ns: date("request_ack_ns"),
        ended_ns: needed("request_end_ns")?,
        ..Request::blank(RequestId(place))
    };
    let error = &line["error"];
    if error.is_object() {
        let code = small(&error["code"]);
        let cancelled = metadata["was_cancelled"].as_bool().unwrap_or(false);
        request.outcome = match code {
            Some(CLIENT_CLOSED_REQUEST) if cancelled => Outcome::Cancelled,
            Some(_) => Outcome::HttpStatus,
            None => Outcome::Truncated,
        };
        request.http_status = code.filter(|_| request.outcome == Outcome::HttpStatus);
        request.error_type = error["type"].as_str().map(str::to_owned);
        request.error_message = error["message"].as_str().map(str::to_owned);
    }
    Ok(request)
}

/// The line's own fields.
pub(crate) fn foreign(line: &Value) -> ForeignRequest {
    let error = &line["error"];
    ForeignRequest {
        metadata: line["metadata"].to_string(),
        error: error.is_object().then(|| error.to_string()),
    }
}

/// The request's timestamps that follow from its events.
pub(crate) fn milestones(request: &mut Request, tokens: &[Token]) {
    let content = || tokens.iter().filter(|token| token.kind.is_content()).map(|token| token.reaped_ns);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    request.events = count(tokens.len());
    request.content_events = count(content().count());
    request.first_event_reaped_ns = tokens.first().map(|token| token.reaped_ns);
    request.first_token_reaped_ns = content().next();
    request.second_token_reaped_ns = content().nth(1);
    request.last_token_reaped_ns = content().next_back();
    request.first_answer_reaped_ns =
        tokens.iter().find(|token| token.kind.is_answer()).map(|token| token.reaped_ns);
}

pub(crate) fn small(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

/// AIPerf's status code for cancelled requests.
const CLIENT_CLOSED_REQUEST: u32 = 499;

/// The keys by which requests limit the output length.
const MAX_TOKENS: &[&str] = &["max_completion_tokens", "max_tokens", "max_output_tokens"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line() -> Value {
        let event = |content: &str, perf: u64| {
            let data =
                json!({"object": "chat.completion.chunk", "choices": [{"delta": {"content": content}}]});
            json!({"perf_ns": perf, "packets": [{"name": "data", "value": data.to_string()}]})
        };
        json!({
            "metadata": {
                "session_num": 3, "x_correlation_id": "s", "conversation_id": "session_000007", "turn_index": 1, "credit_issued_ns": 900,
                "request_start_ns": 1000, "request_end_ns": 1500, "benchmark_phase": "profiling",
            },
            "start_perf_ns": 50,
            "status": 200,
            "responses": [event("a", 150), event("b c", 250)],
            "payload": {"messages": [{"role": "user", "content": "x y"}], "max_completion_tokens": 12},
        })
    }

    #[test]
    fn a_line_is_a_request() {
        let mut lines = RawLines::new("chat", Some(Tokenizer::builtin())).unwrap();
        let Exchange { request, tokens, foreign, .. } = lines.exchange(4, &line()).unwrap();
        assert_eq!((request.session, request.turn, request.entry), (4, 1, 7), "who");
        assert_eq!(tokens.iter().map(|token| token.reaped_ns.0).collect::<Vec<_>>(), [1100, 1200], "when");
        let lengths = (request.input_tokens, request.output_tokens, request.requested_output_tokens);
        assert_eq!(lengths, (Some(2), Some(2), Some(12)), "the lengths");
        let later = lines.exchange(5, &line()).unwrap().request;
        assert_eq!(later.session, 4, "of the same session");
        assert!(foreign.unwrap().metadata.contains("session_000007"), "its own fields");
    }

    #[test]
    fn a_failure_keeps_its_code() {
        let check = |error: Value, cancelled: bool, outcome, code| {
            let mut line = line();
            line["error"] = error;
            line["metadata"]["was_cancelled"] = cancelled.into();
            let request = RawLines::new("chat", None).unwrap().exchange(0, &line).unwrap().request;
            assert_eq!((request.outcome, request.error_code()), (outcome, code), "{line}");
        };
        check(json!({"code": 503, "type": "T"}), false, Outcome::HttpStatus, Some(503));
        check(json!({"code": 499, "type": "RequestCancellationError"}), true, Outcome::Cancelled, Some(499));
        check(json!({"type": "T"}), true, Outcome::Truncated, None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut lines = RawLines::new("chat", None).unwrap();
        let mut refused = |key: &str| {
            let mut line = line();
            match key {
                "start_perf_ns" => line[key] = Value::Null,
                _ => line["metadata"][key] = Value::Null,
            }
            lines.exchange(0, &line).unwrap_err()
        };
        for key in ["start_perf_ns", "request_start_ns", "request_end_ns"] {
            assert!(refused(key).contains(key), "{key} is missing");
        }
        assert!(lines.exchange(0, &Value::Null).is_err(), "not an object");
    }
}
