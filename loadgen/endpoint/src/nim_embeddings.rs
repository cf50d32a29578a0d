//! `nim_embeddings`: NVIDIA NIM's embeddings of texts and images.

use crate::{Endpoint, Metadata, Reply, Turn, embeddings};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct NimEmbeddings;

impl Endpoint for NimEmbeddings {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let input = turns.last().map(|turn| input(turn).map(Value::from).collect());
        embeddings::with_input(turns, plan, input.unwrap_or_default())
    }

    fn unfit(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        let turn = turns.last()?;
        let (texts, images) = (turn.contents().count(), turn.images.len());
        (texts > 0 && images > 0 && texts != images)
            .then(|| format!("it requires one image per text; there are {texts} texts and {images} images"))
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        embeddings::whole(data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        embeddings::whole(body)
    }
}

/// Texts, images, or of both a text and its image together.
fn input(turn: &Turn) -> impl Iterator<Item = String> {
    let mut texts = turn.contents();
    let mut images = turn.images.iter().map(crate::Media::url);
    std::iter::from_fn(move || match (texts.next(), images.next()) {
        (None, None) => None,
        (Some(text), Some(image)) => Some(format!("{text} {image}")),
        (one, other) => one.or(other).map(str::to_owned),
    })
}

const METADATA: Metadata = Metadata {
    name: "nim_embeddings",
    path: Some("/v1/embeddings"),
    metrics_title: "Embeddings Metrics",
    supports_images: true,
    ..Metadata::TEXT_IN
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Media;
    use crate::testing::{check_body, check_unfit, check_whole, plan};

    #[test]
    fn texts_and_images_are_paired() {
        let mut turn = Turn::user("a cat".to_owned(), "m".to_owned());
        turn.images.push(Media::new("data:image/png;base64,AA=="));
        let expected = r#"{"model":"m","input":["a cat data:image/png;base64,AA=="]}"#;
        check_body(&NimEmbeddings, &turn, &plan(""), expected);
        turn.images.push(Media::new("data:image/png;base64,AA=="));
        check_unfit(&NimEmbeddings, &turn, "1 texts and 2 images");
        check_whole(&NimEmbeddings, r#"{"data":[{"object":"embedding","embedding":[1]}]}"#, "body");
    }
}
