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

pub mod audio_transcription;
mod body;
pub mod chat;
pub mod chat_embeddings;
pub mod cohere_rankings;
pub mod completions;
mod detect;
pub mod embeddings;
mod form;
pub mod hf_tei_rankings;
pub mod huggingface_generate;
pub mod image_edit;
pub mod image_generation;
pub mod image_retrieval;
mod input_text;
mod json;
mod media;
pub mod messages;
mod mp3;
pub mod nim_embeddings;
pub mod nim_rankings;
mod openai;
mod ranking;
pub mod raw;
mod reply;
pub mod responses;
pub mod solido_rag;
pub mod spec_decode;
pub mod sse;
mod target;
pub mod template;
mod usage;
mod value;
pub mod video_generation;

pub use media::Media;
pub use reply::{Choice, Extras, Reply, ReplyError};
use serde_json::{Map, Value};
use spec::Capability;
pub use spec_decode::SpecDecode;
pub use target::{Scheme, Target, TargetError, target};

/// One API.
pub trait Endpoint: Sync {
    /// What is fixed about it.
    fn metadata(&self) -> &'static Metadata;

    /// The request's fields. The last turn is the new one; those before it are its history.
    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value>;

    /// Why these turns can't be sent, if they can't.
    fn unfit(&self, _turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        None
    }

    /// The request's body as it is sent: the JSON of its fields, unless the endpoint requires another form.
    ///
    /// # Errors
    /// When these turns can't be sent.
    fn encode(&self, turns: &[Turn], plan: &spec::Endpoint) -> Result<Vec<u8>, Unfit> {
        let unfit = |why| Unfit { endpoint: self.metadata().name, why };
        if let Some(why) = self.unfit(turns, plan) {
            return Err(unfit(why));
        }
        serde_json::to_vec(&self.body(turns, plan)).map_err(|error| unfit(error.to_string()))
    }

    /// The `Content-Type` of what [`Endpoint::encode`] returns.
    fn content_type(&self, _plan: &spec::Endpoint) -> &'static str {
        JSON
    }

    /// What the data of one event means.
    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a>;

    /// What a body that is no event stream means.
    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a>;

    /// Of an API of jobs ([`Metadata::requires_polling`]): what follows a response about a job that was started at `path`.
    fn follow(&self, _path: &str, _body: &[u8], _plan: &spec::Endpoint) -> Follow {
        Follow::Nothing
    }
}

/// What follows an answer about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Nothing: the job is over, well or not.
    Nothing,
    /// It is polled again, at this path.
    Again(String),
    /// What it has made is fetched, from this path.
    Content(String),
}

/// What is fixed about an endpoint. Metrics that need what it can't do are left out of the report.
#[derive(Debug)]
pub struct Metadata {
    /// Its name on the command line.
    pub name: &'static str,
    /// Where the server offers it; `None` uses the URL as it is.
    pub path: Option<&'static str>,
    /// Where it is offered when streaming, if elsewhere.
    pub streaming_path: Option<&'static str>,
    /// The title of its metrics on the console.
    pub metrics_title: &'static str,
    /// `gen_ai.operation.name` of its requests, as AIPerf reports it.
    pub operation: &'static str,
    /// The answer can be requested as a stream of events.
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
    /// The result has to be polled until it is done.
    pub requires_polling: bool,
    /// A stream marks its end: by a finish reason, or an event that is its end.
    pub ends_streams: bool,
    /// Media are sent in the request, never by URL.
    pub requires_inline_media: bool,
    /// How the user's key is sent.
    pub key_header: KeyHeader,
    /// Headers that every request needs.
    pub headers: &'static [(&'static str, &'static str)],
}

/// How the user's key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`.
    ApiKey,
}

/// Why turns can't be sent: the plan's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to make a request for `{endpoint}`: {why}")]
pub struct Unfit {
    /// The endpoint.
    pub endpoint: &'static str,
    /// What is missing or wrong.
    pub why: String,
}

/// The input of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// The message's role: `user` unless the input has another.
    pub role: String,
    /// The texts.
    pub texts: Vec<Text>,
    /// Images.
    pub images: Vec<Media>,
    /// Audio clips.
    pub audios: Vec<Media>,
    /// Videos.
    pub videos: Vec<Media>,
    /// The model that is requested.
    pub model: String,
    /// Maximum number of output tokens, if it is sent to the server.
    pub max_tokens: Option<u32>,
    /// Of a conversation's first turn: the system prompt.
    pub system: Option<String>,
    /// Of a conversation's first turn: a user message before it that is not answered.
    pub context: Option<String>,
    /// Messages in the API's own form, instead of texts and media.
    pub messages: Option<Vec<Value>>,
    /// Tools that may be called, in the API's own form; they hold for later turns too.
    pub tools: Option<Value>,
    /// The whole body, JSON that is sent as it is.
    pub payload: Option<String>,
    /// Merged into the request's JSON last.
    pub extra: Map<String, Value>,
    /// Of an answer: by what the server knows it.
    pub response_id: Option<String>,
}

/// One text of a turn, or several of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What the text is for, where an endpoint distinguishes texts: `query`, `passages`; else empty.
    pub name: String,
    /// The text, or the texts that are sent in one request.
    pub contents: Vec<String>,
}

impl Metadata {
    /// An endpoint that reads text and writes text, as a stream if one is requested.
    pub(crate) const TEXT: Self = Self {
        name: "",
        path: None,
        streaming_path: None,
        metrics_title: "LLM Metrics",
        operation: "chat",
        supports_streaming: true,
        produces_tokens: true,
        produces_images: false,
        produces_videos: false,
        tokenizes_input: true,
        supports_audio: false,
        supports_images: false,
        supports_videos: false,
        consumes_system_message: false,
        requires_form_data: false,
        requires_polling: false,
        ends_streams: false,
        requires_inline_media: false,
        key_header: KeyHeader::Bearer,
        headers: &[],
    };

    /// An endpoint that reads text and answers with something else, whole.
    pub(crate) const TEXT_IN: Self = Self { supports_streaming: false, produces_tokens: false, ..Self::TEXT };

    /// What of it decides the metrics of a run.
    #[must_use]
    pub const fn capability(&self) -> Capability {
        Capability {
            produces_tokens: self.produces_tokens,
            tokenizes_input: self.tokenizes_input,
            supports_audio: self.supports_audio,
            supports_images: self.supports_images,
            produces_videos: self.produces_videos,
        }
    }

    /// The path of a request.
    #[must_use]
    pub fn path(&self, plan: &spec::Endpoint) -> Option<&'static str> {
        if plan.streaming && self.streaming_path.is_some() { self.streaming_path } else { self.path }
    }
}

impl Turn {
    /// A user's message.
    #[must_use]
    pub fn user(text: String, model: String) -> Self {
        let texts = vec![Text { name: String::new(), contents: vec![text] }];
        Self { role: "user".to_owned(), texts, model, ..Self::default() }
    }

    /// The texts that are not empty, in order.
    pub fn contents(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().flat_map(|text| &text.contents).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The texts of one name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &str> {
        let texts = self.texts.iter().filter(move |text| text.name == name);
        texts.flat_map(|text| &text.contents).map(String::as_str)
    }

    /// The number of images in it, those in messages of the API's own form included.
    #[must_use]
    pub fn image_count(&self) -> u32 {
        let parts =
            self.messages.iter().flatten().filter_map(|message| message["content"].as_array()).flatten();
        let is_image = |part: &&Value| part["type"].as_str().is_some_and(|kind| IMAGE_PARTS.contains(&kind));
        u32::try_from(self.images.len() + parts.filter(is_image).count()).unwrap_or(u32::MAX)
    }

    /// Seconds of its first audio clip, as AIPerf counts them; known of WAV and MP3 whose bytes are here.
    #[must_use]
    pub fn audio_seconds(&self) -> Option<f64> {
        self.audios.first()?.seconds()
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

/// What APIs call a part of a message that is an image.
const IMAGE_PARTS: &[&str] = &["image_url", "input_image", "image"];

/// The body of a request as it is sent: one that the input has as a whole is sent as it is, whatever the endpoint.
///
/// # Errors
/// When these turns can't be sent.
pub fn encoded(endpoint: &dyn Endpoint, turns: &[Turn], plan: &spec::Endpoint) -> Result<Vec<u8>, Unfit> {
    let Some(payload) = whole_body(turns) else { return endpoint.encode(turns, plan) };
    if endpoint.content_type(plan) != JSON {
        let why = "its requests are forms, and the input's bodies are JSON that is sent as it is".to_owned();
        return Err(Unfit { endpoint: endpoint.metadata().name, why });
    }
    Ok(payload.as_bytes().to_vec())
}

/// The fields of that body.
#[must_use]
pub fn fields(endpoint: &dyn Endpoint, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
    let whole = whole_body(turns).and_then(|payload| serde_json::from_str(payload).ok());
    whole.unwrap_or_else(|| endpoint.body(turns, plan))
}

/// The body that the last turn has as a whole.
fn whole_body(turns: &[Turn]) -> Option<&str> {
    turns.last()?.payload.as_deref()
}

/// The content type of bodies unless an endpoint has another.
const JSON: &str = "application/json";

/// The endpoint that has this name on the command line.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.metadata().name == name).copied()
}

/// The endpoint of a plan, which lives as long as the program: a program handles one run.
///
/// # Errors
/// When the plan's settings for requests and replies are invalid.
pub fn of_plan(plan: &spec::Endpoint) -> Result<&'static dyn Endpoint, Unfit> {
    match plan.kind.as_str() {
        "template" => template::configured(plan),
        "raw" => raw::configured(plan),
        kind => {
            by_name(kind).ok_or_else(|| Unfit { endpoint: "", why: format!("there is no endpoint `{kind}`") })
        }
    }
}

/// Every endpoint.
pub const ENDPOINTS: &[&dyn Endpoint] = &[
    &chat::Chat,
    &completions::Completions,
    &responses::Responses,
    &messages::Messages,
    &embeddings::Embeddings,
    &chat_embeddings::ChatEmbeddings,
    &nim_embeddings::NimEmbeddings,
    &nim_rankings::NimRankings,
    &cohere_rankings::CohereRankings,
    &hf_tei_rankings::HfTeiRankings,
    &huggingface_generate::HuggingfaceGenerate,
    &solido_rag::SolidoRag,
    &image_generation::ImageGeneration,
    &image_edit::ImageEdit,
    &image_retrieval::ImageRetrieval,
    &video_generation::VideoGeneration,
    &audio_transcription::AudioTranscription,
    &raw::Raw,
    &template::Template,
];

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
    fn whole_bodies_are_sent_as_they_are_whatever_the_endpoint() {
        let body = r#"{"b": 1,  "a":[2]}"#;
        let turn = Turn { payload: Some(body.to_owned()), ..Turn::default() };
        for endpoint in ENDPOINTS {
            let (name, plan) = (endpoint.metadata().name, testing::plan("stream"));
            let sent = encoded(*endpoint, std::slice::from_ref(&turn), &plan);
            if endpoint.content_type(&plan) == JSON {
                assert_eq!(sent.as_deref(), Ok(body.as_bytes()), "{name}: nothing is merged");
            } else {
                assert!(sent.is_err_and(|unfit| unfit.why.contains("forms")), "{name}: no form");
            }
            let fields = fields(*endpoint, std::slice::from_ref(&turn), &plan);
            assert_eq!(fields["a"], serde_json::json!([2]), "{name}: the same in inputs.json");
        }
    }

    #[test]
    fn texts_are_joined_by_a_space() {
        let mut turn = Turn::user("one".to_owned(), "m".to_owned());
        turn.texts.push(Text { name: "x".to_owned(), contents: vec![String::new(), "two".to_owned()] });
        assert_eq!(turn.joined(), "one two", "empty texts are no texts");
    }
}
