//! `image_generation`: the OpenAI Images API, images from text.

use crate::{Endpoint, Metadata, Reply, Turn, body, value};
use common::reply_event::EventKind;
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct ImageGeneration;

impl Endpoint for ImageGeneration {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.extend(fields(turn));
            if plan.streaming {
                body.insert("stream".to_owned(), Value::Bool(true));
            }
            body::merge_extra(&mut body, turn, plan);
        }
        body
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        let reply = |value: Value| {
            let has_image = value.get("b64_json").is_some_and(Value::is_string);
            let kind = if has_image { EventKind::Content } else { EventKind::Empty };
            Reply { usage: value::usage(&value), ..Reply::bare(kind) }
        };
        value::event(data).map_or_else(|odd| *odd, reply)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        whole(body)
    }
}

/// The fields of a request to the Images API, whether an image is made or edited.
pub(crate) fn fields(turn: &Turn) -> [(String, Value); 4] {
    [
        ("prompt".to_owned(), Value::from(turn.joined())),
        ("model".to_owned(), Value::from(turn.model.as_str())),
        ("response_format".to_owned(), Value::from("b64_json")),
        ("n".to_owned(), Value::from(1)),
    ]
}

/// A list of images.
pub(crate) fn whole(body: &[u8]) -> Reply<'static> {
    let reply = |value: Value| match value::items(&value, "data").next() {
        Some(_) => Reply::body(String::new(), value::usage(&value)),
        None => Reply::bare(EventKind::Empty),
    };
    value::whole(body).map_or_else(|odd| *odd, reply)
}

const METADATA: Metadata = Metadata {
    name: "image_generation",
    path: Some("/v1/images/generations"),
    metrics_title: "Image Generation Metrics",
    supports_streaming: true,
    produces_images: true,
    ..Metadata::TEXT_IN
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_body, check_whole, plan};

    #[test]
    fn images_are_requested_and_received() {
        let turn = Turn::user("a cat".to_owned(), "m".to_owned());
        let expected = r#"{"prompt":"a cat","model":"m","response_format":"b64_json","n":1"#;
        check_body(&ImageGeneration, &turn, &plan(""), &format!("{expected}}}"));
        check_body(&ImageGeneration, &turn, &plan("stream"), &format!("{expected},\"stream\":true}}"));
        check_whole(
            &ImageGeneration,
            r#"{"created":1,"data":[{"b64_json":"AA=="}],"usage":{"total_tokens":7}}"#,
            "body total=7",
        );
        check_whole(&ImageGeneration, r#"{"data":[]}"#, "empty");
        check(
            &ImageGeneration,
            r#"{"type":"image_generation.partial_image","b64_json":"AA==","partial_image_index":0}"#,
            "content",
        );
        check(&ImageGeneration, r#"{"type":"image_generation.queued"}"#, "empty");
    }
}
