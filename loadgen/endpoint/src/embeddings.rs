//! `embeddings`: the OpenAI Embeddings API.

use crate::{Endpoint, Metadata, Reply, Turn, body, value};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct Embeddings;

impl Endpoint for Embeddings {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let input = turns.last().map(|turn| turn.contents().collect());
        with_input(turns, plan, input.unwrap_or_default())
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        whole(data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        whole(body)
    }
}

/// The request for one input or several.
pub(crate) fn with_input(turns: &[Turn], plan: &spec::Endpoint, input: Value) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(turn) = turns.last() {
        body.insert("model".to_owned(), Value::from(turn.model.as_str()));
        body.insert("input".to_owned(), input);
        body::merge_extra(&mut body, turn, plan);
    }
    body
}

/// Embeddings, all of which must be such.
pub(crate) fn whole(body: &[u8]) -> Reply<'static> {
    let value = match value::whole(body) {
        Ok(value) => value,
        Err(odd) => return *odd,
    };
    let mut embeddings = value::items(&value, "data").peekable();
    let are_embeddings =
        embeddings.peek().is_some() && embeddings.all(|item| value::text(item, "/object") == "embedding");
    if !are_embeddings {
        return Reply::failed(
            "invalid_embedding",
            "the response's `data` is no list of embeddings".to_owned(),
        );
    }
    Reply::body(String::new(), value::usage(&value))
}

const METADATA: Metadata = Metadata {
    name: "embeddings",
    operation: "embeddings",
    path: Some("/v1/embeddings"),
    metrics_title: "Embeddings Metrics",
    ..Metadata::TEXT_IN
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_body, check_whole, plan};

    #[test]
    fn bodies() {
        let mut turn = Turn::user("one".to_owned(), "m".to_owned());
        turn.texts[0].contents.push("two".to_owned());
        turn.extra = serde_json::from_str(r#"{"dimensions":3}"#).unwrap();
        check_body(&Embeddings, &turn, &plan(""), r#"{"model":"m","input":["one","two"],"dimensions":3}"#);
    }

    #[test]
    fn replies() {
        check_whole(
            &Embeddings,
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-0.2]}],"model":"m","usage":{"prompt_tokens":2,"total_tokens":2}}"#,
            "body prompt=2 total=2",
        );
        let refused = "error invalid_embedding: the response's `data` is no list of embeddings";
        check_whole(&Embeddings, r#"{"data":[{"object":"cat"}]}"#, refused);
        check_whole(&Embeddings, r#"{"data":[]}"#, refused);
    }
}
