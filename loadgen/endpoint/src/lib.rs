//! What each API expects as a request and means by a reply: bytes and meaning, without I/O or a clock.
//!
//! ```text
//! Turn ──▶ Endpoint::body ──▶ JSON of the request
//! response ──▶ sse::fields ──▶ Endpoint::event ──▶ Reply      one event of a stream
//!          └─────────────────▶ Endpoint::whole ──▶ Reply      a body that is no stream
//! ```
//!
//! A new endpoint is one file with one implementation of [`Endpoint`] and one line in [`ENDPOINTS`].

#![forbid(unsafe_code)]

mod body;
pub mod chat;
pub mod completions;
mod json;
mod openai;
mod reply;
pub mod sse;
mod target;
mod usage;

use common::plan;
pub use reply::{Reply, ReplyError};
use serde_json::{Map, Value};
pub use target::{Scheme, Target, TargetError, target};

/// One API.
pub trait Endpoint: Sync {
    /// What is fixed about it.
    fn metadata(&self) -> &'static Metadata;

    /// The request's JSON. The last turn is the one that is asked; those before it are its history.
    fn body(&self, turns: &[Turn], plan: &plan::Endpoint) -> Map<String, Value>;

    /// What the data of one event means.
    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a>;

    /// What a body that is no event stream means.
    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a>;
}

/// What is fixed about an endpoint. Metrics that need what it can't do are left out of the report.
#[derive(Debug)]
pub struct Metadata {
    /// Its name on the command line.
    pub name: &'static str,
    /// Where the server offers it; `None` takes the URL as it is.
    pub path: Option<&'static str>,
    /// Where it is offered when streaming, if elsewhere.
    pub streaming_path: Option<&'static str>,
    /// The title of its metrics on the console.
    pub metrics_title: &'static str,
    /// The answer can be asked for as a stream of events.
    pub supports_streaming: bool,
    /// The answer is made of tokens.
    pub produces_tokens: bool,
    /// The answer is images.
    pub produces_images: bool,
    /// The answer is video.
    pub produces_videos: bool,
    /// The input is made of tokens.
    pub tokenizes_input: bool,
    /// The input may hold audio.
    pub supports_audio: bool,
    /// The input may hold images.
    pub supports_images: bool,
    /// The input may hold video.
    pub supports_videos: bool,
    /// A system message has its place in the request.
    pub consumes_system_message: bool,
    /// The request is a form, not JSON.
    pub requires_form_data: bool,
    /// The answer has to be asked for again until it is done.
    pub requires_polling: bool,
    /// Media are sent in the request, never by URL.
    pub requires_inline_media: bool,
}

/// What one request asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who speaks: `user` unless the input says otherwise.
    pub role: String,
    /// The texts.
    pub texts: Vec<Text>,
    /// The model that is asked.
    pub model: String,
    /// Most output tokens, if the server is told.
    pub max_tokens: Option<u32>,
    /// Merged into the request's JSON last.
    pub extra: Map<String, Value>,
}

/// One text of a turn, or several of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What the text is for, where an endpoint tells texts apart: `query`, `passages`; else empty.
    pub name: String,
    /// The text, or the texts that are sent in one request.
    pub contents: Vec<String>,
}

impl Metadata {
    /// The path of a request.
    #[must_use]
    pub fn path(&self, plan: &plan::Endpoint) -> Option<&'static str> {
        if plan.streaming && self.streaming_path.is_some() { self.streaming_path } else { self.path }
    }
}

impl Turn {
    /// What a user says.
    #[must_use]
    pub fn user(text: String, model: String) -> Self {
        let texts = vec![Text { name: String::new(), contents: vec![text] }];
        Self { role: "user".to_owned(), texts, model, max_tokens: None, extra: Map::new() }
    }

    /// The texts that are not empty, in order.
    pub fn contents(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().flat_map(|text| &text.contents).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// All texts joined by a space: what input tokens are counted in.
    #[must_use]
    pub fn joined(&self) -> String {
        let mut joined = String::new();
        for (place, text) in self.contents().enumerate() {
            if place > 0 {
                joined.push(' ');
            }
            joined.push_str(text);
        }
        joined
    }
}

/// The endpoint that has this name on the command line.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.metadata().name == name).copied()
}

/// Every endpoint.
pub const ENDPOINTS: &[&dyn Endpoint] = &[&chat::Chat, &completions::Completions];

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_found_by_name() {
        for endpoint in ENDPOINTS {
            let name = endpoint.metadata().name;
            let found = by_name(name).unwrap();
            assert!(std::ptr::eq(found.metadata(), endpoint.metadata()), "another endpoint is called {name}");
        }
        assert!(by_name("telepathy").is_none(), "no such endpoint");
    }

    #[test]
    fn texts_are_joined_by_a_space() {
        let mut turn = Turn::user("one".to_owned(), "m".to_owned());
        turn.texts.push(Text { name: "x".to_owned(), contents: vec![String::new(), "two".to_owned()] });
        assert_eq!(turn.joined(), "one two", "empty texts are no texts");
    }
}
