//! `image_retrieval`: NVIDIA NIM's detection of page elements, tables and graphics in images.

use crate::{Endpoint, Metadata, Reply, Turn, body, image_generation};
use serde_json::{Map, Value, json};

/// The endpoint.
#[derive(Debug)]
pub struct ImageRetrieval;

impl Endpoint for ImageRetrieval {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            let images = turn.images.iter().map(|image| json!({"type": "image_url", "url": image.url()}));
            body.insert("input".to_owned(), images.collect());
            body::merge_extra(&mut body, turn, plan);
        }
        body
    }

    fn unfit(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        let images = turns.last().map(|turn| turn.images.as_slice()).unwrap_or_default();
        match images {
            [] => Some(
                "a row needs an `image`; for synthetic ones set --image-width-mean and --image-height-mean"
                    .to_owned(),
            ),
            images if images.iter().any(crate::Media::is_remote) => {
                Some("images must be in the request, as data URIs".to_owned())
            }
            _ => None,
        }
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        image_generation::whole(data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        image_generation::whole(body)
    }
}

const METADATA: Metadata = Metadata {
    name: "image_retrieval",
    path: Some("/v1/infer"),
    metrics_title: "Image Retrieval Metrics",
    tokenizes_input: false,
    supports_images: true,
    requires_inline_media: true,
    ..Metadata::TEXT_IN
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Media;
    use crate::testing::{check_body, check_unfit, check_whole, plan};

    #[test]
    fn images_are_sent_inline() {
        let mut turn = Turn::user(String::new(), "m".to_owned());
        check_unfit(&ImageRetrieval, &turn, "needs an `image`");
        turn.images.push(Media::new("data:image/png;base64,AA=="));
        let expected = r#"{"input":[{"type":"image_url","url":"data:image/png;base64,AA=="}]}"#;
        check_body(&ImageRetrieval, &turn, &plan(""), expected);
        check_whole(&ImageRetrieval, r#"{"data":[{"index":0,"bounding_boxes":{}}]}"#, "body");
        turn.images.push(Media::new("http://x/y.png"));
        check_unfit(&ImageRetrieval, &turn, "as data URIs");
    }
}
