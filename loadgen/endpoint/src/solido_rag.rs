//! `solido_rag`: retrieval-augmented answers of a Solido server.

use crate::{Endpoint, Metadata, Reply, Turn, body, value};
use common::reply_event::EventKind;
use serde_json::{Map, Value, json};

/// The endpoint.
#[derive(Debug)]
pub struct SolidoRag;

impl Endpoint for SolidoRag {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("query".to_owned(), turn.contents().collect());
            body.insert("filters".to_owned(), json!({"family": "Solido", "tool": "SDE"}));
            body.insert("inference_model".to_owned(), Value::from(turn.model.as_str()));
            body::merge_extra(&mut body, turn, plan);
        }
        body
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        let reply = |value: Value| {
            let content = value::text(&value, "/content");
            let kind = if content.is_empty() { EventKind::Empty } else { EventKind::Content };
            Reply { kind, ..Reply::body(content, None) }
        };
        value::event(data).map_or_else(|odd| *odd, reply)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        let reply = |value: Value| match value::text(&value, "/content") {
            content if content.is_empty() => Reply::bare(EventKind::Empty),
            content => Reply::body(content, None),
        };
        value::whole(body).map_or_else(|odd| *odd, reply)
    }
}

const METADATA: Metadata = Metadata { name: "solido_rag", path: Some("/rag/api/prompt"), ..Metadata::TEXT };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_body, check_whole, plan};

    #[test]
    fn a_question_and_its_answer() {
        let turn = Turn::user("what?".to_owned(), "m".to_owned());
        check_body(
            &SolidoRag,
            &turn,
            &plan(""),
            r#"{"query":["what?"],"filters":{"family":"Solido","tool":"SDE"},"inference_model":"m"}"#,
        );
        check(&SolidoRag, r#"{"content":"this","sources":null}"#, "content <this>");
        check_whole(&SolidoRag, r#"{"content":"this","sources":[{"x":1}]}"#, "body <this>");
        check_whole(&SolidoRag, r#"{"sources":[]}"#, "empty");
    }
}
