//! How tests write replies and requests down.

use crate::{Endpoint, Reply, Turn};
use common::reply_event::{Usage, known};
use std::fmt::Write;

/// Compares what an event's data means with a line such as `content <text> (reasoning) [tool call] prompt=1`.
pub(crate) fn check(endpoint: &dyn Endpoint, data: &str, expected: &str) {
    assert_eq!(described(&endpoint.event(data.as_bytes())), expected, "{data}");
}

pub(crate) fn check_body(endpoint: &dyn Endpoint, turn: &Turn, plan: &spec::Endpoint, expected: &str) {
    let body = endpoint.body(std::slice::from_ref(turn), plan);
    assert_eq!(serde_json::to_string(&body).unwrap(), expected, "body of {turn:?}");
}

/// Compares what a whole body means.
pub(crate) fn check_whole(endpoint: &dyn Endpoint, body: &str, expected: &str) {
    assert_eq!(described(&endpoint.whole(body.as_bytes())), expected, "{body}");
}

/// Compares why a turn can't be sent.
pub(crate) fn check_unfit(endpoint: &dyn Endpoint, turn: &Turn, expected: &str) {
    let error = endpoint.encode(std::slice::from_ref(turn), &plan("")).expect_err("unfit");
    assert!(error.why.contains(expected), "{error}");
}

pub(crate) fn described(reply: &Reply<'_>) -> String {
    let mut line = reply.kind.name().to_owned();
    for (open, text, close) in [
        (" <", &reply.content, ">"),
        (" (", &reply.reasoning, ")"),
        (" [", &reply.tool_call, "]"),
        (" finish=", &reply.finish_reason, ""),
    ] {
        if !text.is_empty() {
            write!(line, "{open}{text}{close}").unwrap();
        }
    }
    for choice in &reply.others {
        write!(line, " {}:", choice.index).unwrap();
        for (open, text, close) in
            [("<", &choice.content, ">"), ("(", &choice.reasoning, ")"), ("[", &choice.tool_call, "]")]
        {
            if !text.is_empty() {
                write!(line, "{open}{text}{close}").unwrap();
            }
        }
    }
    line += &usage_described(reply.usage);
    if let Some(error) = &reply.error {
        write!(line, " {}: {}", error.kind, error.message).unwrap();
    }
    line
}

pub(crate) fn usage_described(usage: Option<Usage>) -> String {
    let Some(usage) = usage else { return String::new() };
    let counts = [
        ("prompt", usage.prompt),
        ("completion", usage.completion),
        ("total", usage.total),
        ("reasoning", usage.reasoning),
        ("cache_read", usage.cache_read),
        ("cache_write", usage.cache_write),
        ("cache_miss", usage.cache_miss),
        ("prompt_audio", usage.prompt_audio),
        ("tool_prompt", usage.tool_prompt),
        ("completion_audio", usage.completion_audio),
        ("accepted_prediction", usage.accepted_prediction),
        ("rejected_prediction", usage.rejected_prediction),
    ];
    let counts = counts.iter().filter_map(|(name, count)| Some(format!(" {name}={}", known(*count)?)));
    let seconds = usage.prompt_audio_seconds.get();
    counts.chain(seconds.map(|seconds| format!(" prompt_audio_seconds={seconds}"))).collect()
}

/// A plan; `options` holds any of the words `stream` and `legacy`.
pub(crate) fn plan(options: &str) -> spec::Endpoint {
    spec::Endpoint {
        capability: None,
        kind: String::new(),
        urls: Vec::new(),
        path: None,
        models: vec!["m".to_owned()],
        model_choice: spec::ModelChoice::default(),
        streaming: options.contains("stream"),
        request_timeout_seconds: 1.0,
        use_legacy_max_tokens: options.contains("legacy"),
        use_server_token_count: false,
        trust: spec::Trust::System,
        session_header: "X-Correlation-ID".to_owned(),
        header_names: Vec::new(),
        extra_inputs: serde_json::Map::new(),
        dialect: spec::Dialect::default(),
    }
}
