//! The requests and responses of each API, in one table: paths, required fields, and replies as their documentation has them.
//!
//! A reply contains `@id` (sixteen digits), `@created`, `@model` (a JSON string), `@text` (all tokens), `@prompt`, `@tokens`
//! and `@total` (counts), `@prompt_details` and `@input_details` (how much of the prompt was cached, if that is reported), and
//! `@n` (the place of an item).

use crate::log::push_decimal;
use crate::script::Part;

/// One API.
#[derive(Debug)]
pub(crate) struct Api {
    /// Its path.
    pub(crate) path: &'static str,
    /// How a stream is requested.
    pub(crate) streams: Streams,
    /// Fields that a request must have; where several are joined by `|`, one of them.
    pub(crate) required: &'static [&'static str],
    /// What the parts of a stream are.
    pub(crate) parts: &'static [(Part, &'static [Event])],
    /// Whether a stream ends with the usage even if it is not requested.
    pub(crate) always_reports_usage: bool,
    /// A reply that is no stream: the text before its items, an item, and the text after them. There are as many items as
    /// the request has inputs.
    pub(crate) whole: [&'static str; 3],
    /// What the reply's body is.
    pub(crate) content_type: &'static str,
    /// Whether the result is made later, and has to be polled.
    pub(crate) is_job: bool,
}

/// How a stream is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// By `"stream": true`.
    Field,
    /// By the path.
    Always,
    /// By `Accept: text/event-stream`.
    Accept,
    /// Not at all.
    Never,
}

/// A server-sent event.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its name, if it has one.
    pub(crate) name: Option<&'static str>,
    /// Its data.
    pub(crate) data: &'static str,
}

/// The values of placeholders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    /// Sixteen characters.
    pub(crate) id: &'a str,
    /// In seconds since the Unix epoch.
    pub(crate) created: u64,
    /// The model's name as JSON.
    pub(crate) model: &'a str,
    /// Tokens of the request.
    pub(crate) prompt: u64,
    /// Those of them that were cached.
    pub(crate) cached: Cached,
    /// Tokens of the reply.
    pub(crate) tokens: u64,
}

/// Tokens of a request that were cached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cached {
    /// The server doesn't say.
    NotReported,
    /// So many.
    Tokens(u64),
}

impl PartialEq for Api {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Api {}

impl Api {
    /// The API at a path.
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        APIS.iter().find(|api| api.path == path)
    }

    /// The events of a part; none if its streams don't have it.
    pub(crate) fn events(&self, part: Part) -> &'static [Event] {
        self.parts.iter().find(|(known, _)| *known == part).map_or(&[], |(_, events)| *events)
    }

    /// Whether its streams have a part.
    pub(crate) fn has(&self, part: Part) -> bool {
        !self.events(part).is_empty()
    }
}

impl Event {
    /// Whether it is another one in each reply, beyond the id.
    pub(crate) fn is_of_one_reply(&self) -> bool {
        ["@text", "@prompt", "@tokens", "@total"].iter().any(|placeholder| self.data.contains(placeholder))
    }
}

/// Puts values in place of placeholders.
pub(crate) fn filled(template: &str, values: &Values<'_>, out: &mut String) {
    let mut rest = template;
    while let Some(at) = rest.find('@') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = PLACEHOLDERS.iter().find(|(name, _)| rest.starts_with(name));
        match known {
            Some((name, put)) => {
                put(values, out);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('@');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}

type Put = fn(&Values<'_>, &mut String);

const PLACEHOLDERS: &[(&str, Put)] = &[
    ("@id", |values, out| out.push_str(values.id)),
    ("@created", |values, out| number(values.created, out)),
    ("@model", |values, out| out.push_str(values.model)),
    ("@text", |values, out| {
        for _ in 0..values.tokens {
            out.push_str(TOKEN);
        }
    }),
    ("@prompt_details", |values, out| cached("prompt_tokens_details", values, out)),
    ("@input_details", |values, out| cached("input_tokens_details", values, out)),
    ("@prompt", |values, out| number(values.prompt, out)),
    ("@tokens", |values, out| number(values.tokens, out)),
    ("@total", |values, out| number(values.prompt + values.tokens, out)),
];

/// Adds the field of the usage that says how much was cached.
fn cached(name: &str, values: &Values<'_>, out: &mut String) {
    if let Cached::Tokens(cached) = values.cached {
        out.push_str(&format!(r#","{name}":{{"cached_tokens":{cached}}}"#));
    }
}

fn number(number: u64, out: &mut String) {
    let mut digits = Vec::with_capacity(20);
    push_decimal(number, &mut digits);
    out.push_str(str::from_utf8(&digits).expect("digits are text"));
}

const fn data(data: &'static str) -> Event {
    Event { name: None, data }
}

const fn named(name: &'static str, data: &'static str) -> Event {
    Event { name: Some(name), data }
}

/// The text of a token.
const TOKEN: &str = " tok";

const JSON: &str = "application/json";

/// An API that answers with one JSON object.
const WHOLE: Api = Api {
    path: "",
    streams: Streams::Never,
    required: &[],
    parts: &[],
    always_reports_usage: false,
    whole: ["", "", ""],
    content_type: JSON,
    is_job: false,
};

macro_rules! chat_event {
    ($delta:literal, $finish:literal) => {
        &[data(concat!(
            r#"{"id":"chatcmpl-@id","object":"chat.completion.chunk","created":@created,"model":@model,"#,
            r#""choices":[{"index":0,"delta":"#,
            $delta,
            r#","logprobs":null,"finish_reason":"#,
            $finish,
            "}]}"
        ))]
    };
}

macro_rules! completions_event {
    ($finish:literal) => {
        &[data(concat!(
            r#"{"id":"cmpl-@id","object":"text_completion","created":@created,"model":@model,"#,
            r#""choices":[{"index":0,"text":" tok","logprobs":null,"finish_reason":"#,
            $finish,
            "}]}"
        ))]
    };
}

/// Every API. The first two are what most clients use.
pub(crate) static APIS: [Api; 16] = [
    Api {
        path: "/v1/chat/completions",
        streams: Streams::Field,
        parts: &[
            (Part::Role, chat_event!(r#"{"role":"assistant","content":""}"#, "null")),
            (Part::Reasoning, chat_event!(r#"{"reasoning_content":" tok"}"#, "null")),
            (Part::Token, chat_event!(r#"{"content":" tok"}"#, "null")),
            (Part::Last, chat_event!(r#"{"content":" tok"}"#, r#""stop""#)),
            (Part::LastReasoning, chat_event!(r#"{"reasoning_content":" tok"}"#, r#""stop""#)),
            (
                Part::Usage,
                &[data(concat!(
                    r#"{"id":"chatcmpl-@id","object":"chat.completion.chunk","created":@created,"model":@model,"#,
                    r#""choices":[],"usage":{"prompt_tokens":@prompt,"completion_tokens":@tokens,"#,
                    r#""total_tokens":@total@prompt_details}}"#
                ))],
            ),
            (Part::Done, &[data("[DONE]")]),
        ],
        whole: [
            concat!(
                r#"{"id":"chatcmpl-@id","object":"chat.completion","created":@created,"model":@model,"choices":[{"#,
                r#""index":0,"message":{"role":"assistant","content":"@text"},"logprobs":null,"#,
                r#""finish_reason":"stop"}],"usage":{"prompt_tokens":@prompt,"completion_tokens":@tokens,"#,
                r#""total_tokens":@total@prompt_details}}"#
            ),
            "",
            "",
        ],
        ..WHOLE
    },
    Api {
        path: "/v1/completions",
        streams: Streams::Field,
        parts: &[
            (Part::Token, completions_event!("null")),
            (Part::Last, completions_event!(r#""stop""#)),
            (
                Part::Usage,
                &[data(concat!(
                    r#"{"id":"cmpl-@id","object":"text_completion","created":@created,"model":@model,"#,
                    r#""choices":[],"usage":{"prompt_tokens":@prompt,"completion_tokens":@tokens,"#,
                    r#""total_tokens":@total@prompt_details}}"#
                ))],
            ),
            (Part::Done, &[data("[DONE]")]),
        ],
        whole: [
            concat!(
                r#"{"id":"cmpl-@id","object":"text_completion","created":@created,"model":@model,"choices":[{"#,
                r#""index":0,"text":"@text","logprobs":null,"finish_reason":"stop"}],"usage":{"#,
                r#""prompt_tokens":@prompt,"completion_tokens":@tokens,"total_tokens":@total@prompt_details}}"#
            ),
            "",
            "",
        ],
        ..WHOLE
    },
    Api {
        path: "/v1/responses",
        streams: Streams::Field,
        required: &["input", "model"],
        always_reports_usage: true,
        parts: &[
            (
                Part::Role,
                &[
                    named(
                        "response.created",
                        concat!(
                            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_@id","#,
                            r#""object":"response","created_at":@created,"status":"in_progress","model":@model,"#,
                            r#""output":[],"usage":null}}"#
                        ),
                    ),
                    named(
                        "response.output_item.added",
                        concat!(
                            r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"#,
                            r#""id":"msg_@id","type":"message","status":"in_progress","role":"assistant","#,
                            r#""content":[]}}"#
                        ),
                    ),
                ],
            ),
            (
                Part::Reasoning,
                &[named(
                    "response.reasoning_text.delta",
                    r#"{"type":"response.reasoning_text.delta","item_id":"rs_@id","output_index":0,"content_index":0,"delta":" tok"}"#,
                )],
            ),
            (Part::Token, RESPONSES_DELTA),
            (Part::Last, RESPONSES_DELTA),
            (
                Part::Usage,
                &[
                    named(
                        "response.output_text.done",
                        r#"{"type":"response.output_text.done","item_id":"msg_@id","output_index":0,"content_index":0,"text":"@text"}"#,
                    ),
                    named(
                        "response.completed",
                        concat!(
                            r#"{"type":"response.completed","response":{"id":"resp_@id","object":"response","#,
                            r#""created_at":@created,"status":"completed","model":@model,"output":[],"usage":{"#,
                            r#""input_tokens":@prompt,"output_tokens":@tokens,"total_tokens":@total@input_details}}}"#
                        ),
                    ),
                ],
            ),
        ],
        whole: [
            concat!(
                r#"{"id":"resp_@id","object":"response","created_at":@created,"status":"completed","model":@model,"#,
                r#""output":[{"id":"msg_@id","type":"message","status":"completed","role":"assistant","content":[{"#,
                r#""type":"output_text","text":"@text","annotations":[]}]}],"usage":{"input_tokens":@prompt,"#,
                r#""output_tokens":@tokens,"total_tokens":@total@input_details}}"#
            ),
            "",
            "",
        ],
        ..WHOLE
    },
    Api {
        path: "/v1/messages",
        streams: Streams::Field,
        required: &["model", "messages", "max_tokens"],
        always_reports_usage: true,
        parts: &[
            (
                Part::Role,
                &[
                    named(
                        "message_start",
                        concat!(
                            r#"{"type":"message_start","message":{"id":"msg_@id","type":"message","role":"assistant","#,
                            r#""content":[],"model":@model,"stop_reason":null,"stop_sequence":null,"usage":{"#,
                            r#""input_tokens":@prompt,"output_tokens":1}}}"#
                        ),
                    ),
                    named(
                        "content_block_start",
                        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                    ),
                    named("ping", r#"{"type":"ping"}"#),
                ],
            ),
            (
                Part::Reasoning,
                &[named(
                    "content_block_delta",
                    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" tok"}}"#,
                )],
            ),
            (Part::Token, MESSAGES_DELTA),
            (Part::Last, MESSAGES_DELTA),
            (
                Part::Usage,
                &[
                    named("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
                    named(
                        "message_delta",
                        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":@tokens}}"#,
                    ),
                ],
            ),
            (Part::Done, &[named("message_stop", r#"{"type":"message_stop"}"#)]),
        ],
        whole: [
            concat!(
                r#"{"id":"msg_@id","type":"message","role":"assistant","model":@model,"content":[{"type":"text","#,
                r#""text":"@text"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":@prompt,"#,
                r#""output_tokens":@tokens}}"#
            ),
            "",
            "",
        ],
        ..WHOLE
    },
    Api {
        path: "/v1/embeddings",
        required: &["input|messages", "model"],
        whole: [
            r#"{"object":"list","model":@model,"data":["#,
            r#"{"object":"embedding","index":@n,"embedding":[0.0125,-0.5,0.25]}"#,
            r#"],"usage":{"prompt_tokens":@prompt,"total_tokens":@prompt}}"#,
        ],
        ..WHOLE
    },
    Api {
        path: "/v1/ranking",
        required: &["model", "query", "passages"],
        whole: [r#"{"rankings":["#, r#"{"index":@n,"logit":1.5}"#, "]}"],
        ..WHOLE
    },
    Api {
        path: "/v2/rerank",
        required: &["model", "query", "documents"],
        whole: [
            r#"{"id":"@id","results":["#,
            r#"{"index":@n,"relevance_score":0.75}"#,
            r#"],"meta":{"api_version":{"version":"2"}}}"#,
        ],
        ..WHOLE
    },
    Api {
        path: "/rerank",
        required: &["query", "texts"],
        whole: ["[", r#"{"index":@n,"score":0.75}"#, "]"],
        ..WHOLE
    },
    Api {
        path: "/generate",
        required: &["inputs", "parameters"],
        whole: [r#"{"generated_text":"@text"}"#, "", ""],
        ..WHOLE
    },
    Api {
        path: "/generate_stream",
        streams: Streams::Always,
        required: &["inputs", "parameters"],
        parts: &[
            (
                Part::Token,
                &[data(
                    r#"{"index":1,"token":{"id":5,"text":" tok","logprob":-0.5,"special":false},"generated_text":null,"details":null}"#,
                )],
            ),
            (
                Part::Last,
                &[data(
                    r#"{"index":1,"token":{"id":5,"text":" tok","logprob":-0.5,"special":false},"generated_text":"@text","details":{"finish_reason":"length","generated_tokens":@tokens,"seed":null}}"#,
                )],
            ),
        ],
        whole: [r#"{"generated_text":"@text"}"#, "", ""],
        ..WHOLE
    },
    Api {
        path: "/rag/api/prompt",
        streams: Streams::Accept,
        required: &["query", "filters", "inference_model"],
        parts: &[
            (Part::Token, &[data(r#"{"content":" tok","sources":null}"#)]),
            (Part::Last, &[data(r#"{"content":" tok","sources":[{"title":"a manual"}]}"#)]),
        ],
        whole: [r#"{"content":"@text","sources":[{"title":"a manual"}]}"#, "", ""],
        ..WHOLE
    },
    Api {
        path: "/v1/images/generations",
        streams: Streams::Field,
        required: &["prompt", "model"],
        parts: &[
            (
                Part::Token,
                &[named(
                    "image_generation.partial_image",
                    r#"{"type":"image_generation.partial_image","b64_json":"iVBORw==","created_at":@created,"size":"1024x1024","partial_image_index":0}"#,
                )],
            ),
            (
                Part::Last,
                &[named(
                    "image_generation.completed",
                    r#"{"type":"image_generation.completed","b64_json":"iVBORw==","created_at":@created,"size":"1024x1024","usage":{"input_tokens":@prompt,"output_tokens":100,"total_tokens":@total}}"#,
                )],
            ),
        ],
        whole: [
            r#"{"created":@created,"size":"1024x1024","data":["#,
            r#"{"b64_json":"iVBORw=="}"#,
            r#"],"usage":{"input_tokens":@prompt,"output_tokens":100,"total_tokens":@total}}"#,
        ],
        ..WHOLE
    },
    Api {
        path: "/v1/images/edits",
        required: &["prompt", "model", "image|url"],
        whole: [r#"{"created":@created,"data":["#, r#"{"b64_json":"iVBORw=="}"#, "]}"],
        ..WHOLE
    },
    Api {
        path: "/v1/infer",
        required: &["input"],
        whole: [
            r#"{"data":["#,
            r#"{"index":@n,"bounding_boxes":{"table":[{"x_min":0.25,"y_min":0.5,"x_max":0.75,"y_max":1.0,"confidence":0.5}]}}"#,
            "]}",
        ],
        ..WHOLE
    },
    Api {
        path: "/v1/audio/transcriptions",
        required: &["file", "model"],
        whole: [r#"{"text":"@text"}"#, "", ""],
        ..WHOLE
    },
    Api {
        path: "/v1/videos",
        required: &["prompt", "model"],
        whole: [
            r#"{"id":"video_@id","object":"video","created_at":@created,"status":"queued","model":@model,"progress":0,"seconds":"4","size":"720x1280"}"#,
            "",
            "",
        ],
        is_job: true,
        ..WHOLE
    },
];

const RESPONSES_DELTA: &[Event] = &[named(
    "response.output_text.delta",
    r#"{"type":"response.output_text.delta","item_id":"msg_@id","output_index":0,"content_index":0,"delta":" tok"}"#,
)];

const MESSAGES_DELTA: &[Event] = &[named(
    "content_block_delta",
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" tok"}}"#,
)];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn check(template: &str) {
        for cached in [Cached::NotReported, Cached::Tokens(1)] {
            let values =
                Values { id: "0000000000000007", created: 5, model: "\"m\"", prompt: 2, cached, tokens: 3 };
            let mut text = String::new();
            filled(&template.replace("@n", "1"), &values, &mut text);
            assert!(text == "[DONE]" || serde_json::from_str::<Value>(&text).is_ok(), "{text} is no JSON");
            assert!(!text.contains('@'), "{text} has a placeholder left");
        }
    }

    #[test]
    fn every_reply_is_json() {
        for api in &APIS {
            check(&api.whole.concat());
            api.parts.iter().flat_map(|(_, events)| *events).for_each(|event| check(event.data));
        }
    }

    #[test]
    fn each_path_is_one_api() {
        for api in &APIS {
            assert_eq!(Api::at(api.path), Some(api), "{}", api.path);
        }
    }
}
