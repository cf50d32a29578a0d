//! `chat_embeddings`: embeddings of a chat, as vLLM offers them for images and texts.

use crate::chat::Chat;
use crate::{Endpoint, Metadata, Reply, Turn, detect};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct ChatEmbeddings;

impl Endpoint for ChatEmbeddings {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        Chat.body(turns, plan)
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        detect::whole(data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        detect::whole(body)
    }
}

const METADATA: Metadata = Metadata {
    name: "chat_embeddings",
    path: Some("/v1/embeddings"),
    metrics_title: "Embeddings Metrics",
    supports_audio: true,
    supports_images: true,
    supports_videos: true,
    consumes_system_message: true,
    ..Metadata::TEXT_IN
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_body, check_whole, plan};

    #[test]
    fn a_chat_is_sent_and_embeddings_are_received() {
        let turn = Turn::user("hi".to_owned(), "m".to_owned());
        let expected = r#"{"messages":[{"role":"user","content":"hi"}],"model":"m","stream":false}"#;
        check_body(&ChatEmbeddings, &turn, &plan(""), expected);
        check_whole(&ChatEmbeddings, r#"{"data":[{"object":"embedding","embedding":[1.0]}]}"#, "body");
        check_whole(&ChatEmbeddings, r#"{"embeddings":[[1.0]]}"#, "body");
    }
}
