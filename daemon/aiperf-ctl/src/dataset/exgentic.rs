//! Converts `exgentic`, recorded LLM calls of agents in sessions: each call is sent with the messages that it had.

use super::Columns;
use crate::plan::Refusal;
use chrono::{DateTime, NaiveDateTime};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Fields of the first version's rows that `--dataset-filter` supports.
pub(super) const FILTERS: &[&str] = &["harness", "source_model"];
/// Fields of the second version's rows.
pub(super) const FILTERS_V2: &[&str] = &["benchmark", "harness", "source_model"];

/// Whether a session has a field's value. Model names are compared without their provider prefix.
pub(super) fn passes(row: &Columns, field: &str, wanted: &str) -> bool {
    match field {
        "source_model" => {
            models(row).iter().any(|model| model.eq_ignore_ascii_case(without_provider(wanted)))
        }
        _ => row.get(field).and_then(Value::as_str).is_some_and(|value| value.eq_ignore_ascii_case(wanted)),
    }
}

/// The values that a session can be filtered by, shown to a user whose filter matched none.
pub(super) fn described(row: &Columns) -> String {
    let of = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or("none").to_owned();
    let models = models(row).into_iter().collect::<Vec<_>>().join("+");
    let benchmark =
        row.get("benchmark").map(|_| format!("benchmark={} ", of("benchmark"))).unwrap_or_default();
    format!("{benchmark}harness={} source_model={models}", of("harness"))
}

/// A session's calls as rows of `mooncake_trace`, in order. Each is sent after the previous one's response and the recorded
/// pause of the agent; with `replays`, each is sent at its recorded time, relative to the session's start.
///
/// # Errors
/// What is wrong, and in which span.
pub(super) fn rows(row: &Columns, replays: bool) -> Result<Vec<Value>, Refusal> {
    let session = row.get("session_id").and_then(Value::as_str).filter(|name| !name.is_empty());
    let session = session.ok_or_else(|| Refusal("--dataset-path: a row has no `session_id`".to_owned()))?;
    let spans = row.get("spans").and_then(Value::as_array);
    let spans = spans
        .ok_or_else(|| Refusal(format!("--dataset-path: session `{session}` has no list of `spans`")))?;
    let mut calls = Vec::new();
    for (number, span) in spans.iter().enumerate() {
        let call = Call::of(span)
            .map_err(|why| Refusal(format!("--dataset-path: session `{session}`, span {number}: {why}")))?;
        calls.extend(call.map(|call| (number, call)));
    }
    calls.sort_by(|(_, one), (_, other)| one.begin_ms.total_cmp(&other.begin_ms));
    let first_ms = calls.first().map_or(0.0, |(_, call)| call.begin_ms);
    let mut last_ms = None;
    let rows = calls.into_iter().map(|(number, call)| {
        let mut row = call.request;
        if replays {
            row.insert("session_id".to_owned(), Value::from(format!("{session}:{number}")));
            row.insert("timestamp".to_owned(), Value::from(call.begin_ms - first_ms));
        } else {
            row.insert("session_id".to_owned(), Value::from(session));
            if let Some(last_ms) = last_ms.replace(call.end_ms) {
                row.insert("delay".to_owned(), Value::from(f64::max(0.0, call.begin_ms - last_ms)));
            }
        }
        Value::Object(row)
    });
    Ok(rows.collect())
}

/// A recorded call with a response.
struct Call {
    begin_ms: f64,
    end_ms: f64,
    /// The request's fields.
    request: Map<String, Value>,
}

impl Call {
    /// `None` for a span that is not a model call, failed, or had no tokens.
    fn of(span: &Value) -> Result<Option<Self>, String> {
        let attributes = &span["attributes"];
        let is_call = match span["type"].as_str() {
            Some(kind) => kind == "llm_call",
            None => attributes["gen_ai.operation.name"] == "chat",
        };
        let tokens = |kind: &str| {
            let key = format!("gen_ai.usage.{kind}_tokens");
            attributes[&key].as_u64().ok_or_else(|| format!("`{key}` is not a number of tokens"))
        };
        if !is_call || span["status"]["code"] == FAILED || tokens("input")? == 0 || tokens("output")? == 0 {
            return Ok(None);
        }
        let (begin_ms, end_ms) = (moment(span, "start_time")?, moment(span, "end_time")?);
        if end_ms < begin_ms {
            return Err("it ends before it starts".to_owned());
        }
        let most = match &attributes["gen_ai.request.max_tokens"] {
            Value::Null => tokens("output")?,
            most => most
                .as_u64()
                .filter(|most| *most > 0)
                .ok_or("`gen_ai.request.max_tokens` is not a number above 0")?,
        };
        let mut messages = instructions(&attributes["gen_ai.system_instructions"])?;
        for message in list(&attributes["gen_ai.input.messages"], "gen_ai.input.messages")? {
            messages.append(&mut api_messages(&message)?);
        }
        if messages.is_empty() {
            return Err("`gen_ai.input.messages` is empty".to_owned());
        }
        let mut request = Map::new();
        request.insert("messages".to_owned(), Value::from(messages));
        let tools = tools(&attributes["gen_ai.tool.definitions"])?;
        request.extend(tools.map(|tools| ("tools".to_owned(), tools)));
        request.insert("output_length".to_owned(), Value::from(most));
        let extra = extra(attributes);
        if !extra.is_empty() {
            request.insert("extra".to_owned(), Value::Object(extra));
        }
        Ok(Some(Self { begin_ms, end_ms, request }))
    }
}

/// The models of a session, without their provider prefixes.
fn models(row: &Columns) -> BTreeSet<&str> {
    let models = row.get("models").and_then(Value::as_array).into_iter().flatten();
    models.filter_map(Value::as_str).map(without_provider).collect()
}

fn without_provider(model: &str) -> &str {
    let begins =
        |prefix: &&&str| model.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    PROVIDERS.iter().find(begins).map_or(model, |prefix| &model[prefix.len()..])
}

/// Milliseconds since 1970; a time without a zone is interpreted as UTC.
fn moment(span: &Value, field: &str) -> Result<f64, String> {
    let text = span[field].as_str().ok_or_else(|| format!("it has no `{field}`"))?;
    let naive = || {
        let text = text.trim_end_matches('Z').replace(' ', "T");
        NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").map(|moment| moment.and_utc())
    };
    let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()).or_else(|_| naive());
    let moment = moment.map_err(|error| format!("`{field}` is not a valid time: {error}"))?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 stay below 2^53")]
    Ok(moment.timestamp_micros() as f64 / 1000.0)
}

/// A list of objects, which may be encoded as JSON text.
fn list(value: &Value, field: &str) -> Result<Vec<Value>, String> {
    let wrong = || format!("`{field}` is not a JSON list of objects");
    let list = match value {
        Value::String(text) => {
            serde_json::from_str::<Vec<Value>>(text).map_err(|error| format!("{}: {error}", wrong()))?
        }
        Value::Array(list) => list.clone(),
        _ => return Err(wrong()),
    };
    if list.iter().all(Value::is_object) { Ok(list) } else { Err(wrong()) }
}

/// The system instructions: text, or the parts of a message.
fn instructions(value: &Value) -> Result<Vec<Value>, String> {
    let text = match value {
        Value::Null => return Ok(Vec::new()),
        Value::String(text) => text,
        _ => return Err("`gen_ai.system_instructions` is not text".to_owned()),
    };
    match list(value, "gen_ai.system_instructions") {
        _ if text.is_empty() => Ok(Vec::new()),
        Ok(parts) => api_messages(&json!({ "role": "system", "parts": parts })),
        Err(_) => Ok(vec![json!({ "role": "system", "content": text })]),
    }
}

/// Converts a recorded message to messages of the Chat Completions API: tool results become separate messages.
fn api_messages(message: &Value) -> Result<Vec<Value>, String> {
    let (role, parts) = match (message["role"].as_str(), message["parts"].as_array()) {
        (Some("developer"), Some(parts)) => ("system", parts),
        (Some(role), Some(parts)) => (role, parts),
        _ => return Err("a message has no `role` or no `parts`".to_owned()),
    };
    let mut messages = Vec::new();
    let mut open = OpenMessage::default();
    for part in parts {
        let text = |field: &str| part[field].as_str().unwrap_or_default();
        match part["type"].as_str() {
            Some("text") => open.content.push_str(text("content")),
            Some("thinking") => open.reasoning.push_str(text("thinking")),
            Some("tool_call") => open.calls.push(json!({
                "id": part["id"],
                "type": "function",
                "function": { "name": part["name"], "arguments": as_text(&part["arguments"]) },
            })),
            Some("tool_call_response") => {
                messages.extend(std::mem::take(&mut open).message(role));
                let content = as_text(&part["result"]);
                messages.push(json!({ "role": "tool", "tool_call_id": part["id"], "content": content }));
            }
            other => return Err(format!("a message has a part of kind `{}`", other.unwrap_or("none"))),
        }
    }
    messages.extend(open.message(role));
    if messages.is_empty() {
        messages.push(json!({ "role": role, "content": "" }));
    }
    Ok(messages)
}

/// The parts of the current message that were read so far.
#[derive(Default)]
struct OpenMessage {
    content: String,
    reasoning: String,
    calls: Vec<Value>,
}

impl OpenMessage {
    fn message(self, role: &str) -> Option<Value> {
        if self.content.is_empty() && self.reasoning.is_empty() && self.calls.is_empty() {
            return None;
        }
        let mut message = json!({ "role": role, "content": self.content });
        if !self.reasoning.is_empty() {
            message["reasoning_content"] = Value::from(self.reasoning);
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = Value::from(self.calls);
        }
        Some(message)
    }
}

/// Text unchanged, anything else as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The tools of a call, in the form of the Chat Completions API.
fn tools(value: &Value) -> Result<Option<Value>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let mut tools = Vec::new();
    for tool in list(value, "gen_ai.tool.definitions")? {
        if tool["type"] != "function" {
            return Err(format!("a tool has the unsupported type {}", tool["type"]));
        }
        let fields =
            ["name", "description", "parameters"].map(|field| (field.to_owned(), tool[field].clone()));
        tools.push(json!({ "type": "function", "function": Map::from_iter(fields) }));
    }
    Ok((!tools.is_empty()).then(|| Value::from(tools)))
}

/// Other parameters of a call's request.
fn extra(attributes: &Value) -> Map<String, Value> {
    let mut extra = Map::new();
    let temperature = &attributes["gen_ai.request.temperature"];
    if temperature.is_number() {
        extra.insert("temperature".to_owned(), temperature.clone());
    }
    let stop = &attributes["gen_ai.request.stop_sequences"];
    if stop.as_array().is_some_and(|stop| !stop.is_empty()) {
        extra.insert("stop".to_owned(), stop.clone());
    }
    extra
}

/// The status of a span that failed (OpenTelemetry's `STATUS_CODE_ERROR`).
const FAILED: u64 = 2;
/// Provider prefixes of model names.
const PROVIDERS: &[&str] = &["openai/azure/", "azure/", "aws/", "gcp/"];

#[cfg(test)]
mod tests {
    use super::*;

    fn span(begin: &str, end: &str, more: &[(&str, Value)]) -> Value {
        let mut attributes = json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#,
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 5,
        });
        more.iter().for_each(|(key, value)| attributes[format!("gen_ai.{key}")] = value.clone());
        json!({ "type": "llm_call", "start_time": begin, "end_time": end, "attributes": attributes })
    }

    fn session(spans: &[Value]) -> Columns {
        let row = json!({
            "session_id": "s", "harness": "tool_calling", "models": ["openai/azure/Kimi-K2.5"], "spans": spans,
        });
        row.as_object().unwrap().clone()
    }

    #[test]
    fn calls_are_sent_in_order_with_what_they_had() {
        let mut failed = span("2026-01-01T00:00:50Z", "2026-01-01T00:00:51Z", &[]);
        failed["status"] = json!({ "code": 2 });
        let mut tool = span("2026-01-01T00:00:52Z", "2026-01-01T00:00:53Z", &[]);
        tool["type"] = json!("tool_call");
        let empty =
            span("2026-01-01T00:00:54Z", "2026-01-01T00:00:55Z", &[("usage.output_tokens", json!(0))]);
        let late = span("2026-01-01T00:00:20.5+00:00", "2026-01-01 00:00:21", &[]);
        let controls = [
            ("request.max_tokens", json!(512)),
            ("request.temperature", json!(0.7)),
            ("request.stop_sequences", json!(["END"])),
            ("system_instructions", json!("be kind")),
            ("tool.definitions", json!([{"type": "function", "name": "f", "parameters": {}}])),
        ];
        let early = span("2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z", &controls);
        let row = session(&[late, failed, tool, early, empty]);
        let hi = json!({"role": "user", "content": "hi"});
        let first = json!({
            "messages": [{"role": "system", "content": "be kind"}, hi],
            "tools": [{"type": "function", "function": {"name": "f", "description": null, "parameters": {}}}],
            "output_length": 512, "extra": {"temperature": 0.7, "stop": ["END"]}, "session_id": "s",
        });
        let second = json!({"messages": [hi], "output_length": 5, "session_id": "s", "delay": 10_500.0});
        assert_eq!(rows(&row, false).unwrap(), [first, second], "one after the other");
        let replayed = rows(&row, true).unwrap();
        let when = replayed.iter().map(|row| (&row["session_id"], &row["timestamp"], row.get("delay")));
        let expected = [(json!("s:3"), json!(0.0)), (json!("s:0"), json!(20_500.0))];
        let expected = expected.iter().map(|(name, at)| (name, at, None));
        assert!(when.eq(expected), "each separately at its time: {replayed:?}");
    }

    #[test]
    fn messages_become_those_of_the_api() {
        let check = |message: Value, expected: Value| {
            assert_eq!(Value::from(api_messages(&message).unwrap()), expected, "{message}")
        };
        check(
            json!({"role": "developer", "parts": [{"type": "text", "content": "policy"}]}),
            json!([{"role": "system", "content": "policy"}]),
        );
        check(
            json!({"role": "assistant", "parts": [
                {"type": "thinking", "thinking": "hm"}, {"type": "text", "content": "calling"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {"q": "x"}}]}),
            json!([{"role": "assistant", "content": "calling", "reasoning_content": "hm", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"q\":\"x\"}"}}]}]),
        );
        check(
            json!({"role": "user", "parts": [
                {"type": "tool_call_response", "id": "1", "result": ["ok"]}, {"type": "text", "content": "go on"}]}),
            json!([{"role": "tool", "tool_call_id": "1", "content": "[\"ok\"]"}, {"role": "user", "content": "go on"}]),
        );
        check(json!({"role": "user", "parts": []}), json!([{"role": "user", "content": ""}]));
        let odd = api_messages(&json!({"role": "user", "parts": [{"type": "smell"}]})).unwrap_err();
        assert!(odd.contains("`smell`"), "{odd}");
    }

    #[test]
    fn sessions_are_filtered_by_their_fields() {
        let row = session(&[]);
        let check = |field: &str, wanted: &str, expected: bool| {
            assert_eq!(passes(&row, field, wanted), expected, "{field}={wanted}");
        };
        check("source_model", "Kimi-K2.5", true);
        check("source_model", "azure/kimi-k2.5", true);
        check("source_model", "gpt-4.1", false);
        check("harness", "tool_calling", true);
        check("harness", "claude_code", false);
        check("benchmark", "swebench", false);
        assert_eq!(described(&row), "harness=tool_calling source_model=Kimi-K2.5", "for the user");
    }

    #[test]
    fn errors_name_the_session_and_the_span() {
        let check = |span: Value, expected: &str| {
            let refused = rows(&session(&[span]), false).unwrap_err().to_string();
            assert!(refused.contains("session `s`, span 0") && refused.contains(expected), "{refused}");
        };
        let (begin, end) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z");
        check(span(end, begin, &[]), "ends before");
        check(span("yesterday", end, &[]), "`start_time` is not a valid time");
        check(span(begin, end, &[("usage.input_tokens", json!("9"))]), "`gen_ai.usage.input_tokens`");
        check(span(begin, end, &[("request.max_tokens", json!(true))]), "`gen_ai.request.max_tokens`");
        check(span(begin, end, &[("input.messages", json!("["))]), "`gen_ai.input.messages`");
        assert!(rows(&Columns::new(), false).is_err(), "no session");
    }
}
