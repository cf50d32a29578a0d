//! `image_edit`: the OpenAI Images API, images from images and text.

use crate::{Endpoint, Metadata, Reply, Turn, Unfit, body, form, image_generation};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct ImageEdit;

impl Endpoint for ImageEdit {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    /// The form's fields. Those that make up the upload are not the user's to change.
    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body::merge_extra(&mut body, turn, plan);
            body.retain(|key, _| !RESERVED.contains(&key.as_str()));
            for (key, value) in image_generation::fields(turn) {
                body.entry(key).or_insert(value);
            }
            if let Some(image) = turn.images.first() {
                let field = if image.is_remote() { "url" } else { "image" };
                body.insert(field.to_owned(), Value::from(image.url()));
            }
        }
        body
    }

    fn unfit(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        let image = turns.last().and_then(|turn| turn.images.first());
        match image {
            None => Some(
                "a row needs an `image`; for synthetic ones set --image-width-mean and --image-height-mean"
                    .to_owned(),
            ),
            Some(image) if image.is_remote() || (image.data().is_some() && image.bytes().is_some()) => None,
            Some(_) => Some("its image is neither a URL nor a data URI in Base64".to_owned()),
        }
    }

    fn encode(&self, turns: &[Turn], plan: &spec::Endpoint) -> Result<Vec<u8>, Unfit> {
        let unfit = |why| Unfit { endpoint: METADATA.name, why };
        if let Some(why) = self.unfit(turns, plan) {
            return Err(unfit(why));
        }
        let mut fields = self.body(turns, plan);
        fields.remove("image");
        let images = turns.last().map(|turn| turn.images.as_slice()).unwrap_or_default();
        let files = images.iter().filter_map(|image| {
            let (kind, _) = image.data()?;
            let name = format!("image.{}", kind.rsplit('/').next().unwrap_or("png"));
            Some(form::File { field: "image", name, kind, bytes: image.bytes()? })
        });
        form::encoded(&fields, &files.collect::<Vec<_>>()).map_err(unfit)
    }

    fn content_type(&self, _plan: &spec::Endpoint) -> &'static str {
        form::CONTENT_TYPE
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        image_generation::whole(data)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        image_generation::whole(body)
    }
}

const METADATA: Metadata = Metadata {
    name: "image_edit",
    path: Some("/v1/images/edits"),
    metrics_title: "Image Edit Metrics",
    produces_images: true,
    tokenizes_input: false,
    supports_images: true,
    requires_form_data: true,
    requires_inline_media: true,
    ..Metadata::TEXT_IN
};
const RESERVED: [&str; 4] = ["prompt", "image", "url", "mask"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Media;
    use crate::testing::{check_unfit, check_whole, plan};

    #[test]
    fn a_form_with_an_image() {
        let mut turn = Turn::user("add a hat".to_owned(), "m".to_owned());
        check_unfit(&ImageEdit, &turn, "needs an `image`");
        turn.images.push(Media::new("data:image/png;base64,aGk="));
        turn.extra = serde_json::from_str(r#"{"prompt":"no","size":"1x1","n":2}"#).unwrap();
        let bytes = ImageEdit.encode(&[turn.clone()], &plan("")).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        for part in [
            "name=\"size\"\r\n\r\n1x1\r\n",
            "name=\"n\"\r\n\r\n2\r\n",
            "name=\"prompt\"\r\n\r\nadd a hat\r\n",
            "name=\"image\"; filename=\"image.png\"\r\nContent-Type: image/png\r\n\r\nhi\r\n",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        turn.images = vec![Media::new("http://x/y.png")];
        let text = String::from_utf8(ImageEdit.encode(&[turn], &plan("")).unwrap()).unwrap();
        assert!(text.contains("name=\"url\"\r\n\r\nhttp://x/y.png"), "by URL: {text}");
        check_whole(&ImageEdit, r#"{"data":[{"b64_json":"AA=="}]}"#, "body");
    }
}
