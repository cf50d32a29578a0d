//! `audio_transcription`: the OpenAI Transcriptions API, text from audio.

use crate::{Endpoint, Metadata, Reply, Turn, Unfit, body, form, value};
use common::reply_event::EventKind;
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct AudioTranscription;

impl Endpoint for AudioTranscription {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    /// The form's fields besides the audio.
    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body::merge_extra(&mut body, turn, plan);
            body.remove("file");
        }
        body
    }

    fn unfit(&self, turns: &[Turn], _plan: &spec::Endpoint) -> Option<String> {
        let audio = turns.last().and_then(|turn| turn.audios.first());
        match audio {
            None => Some("a row needs an `audio`; for synthetic ones set --audio-length-mean".to_owned()),
            Some(audio) if audio.is_remote() || audio.bytes().is_none() => {
                Some("its audio is neither `format,BASE64` nor a data URI".to_owned())
            }
            Some(_) => None,
        }
    }

    fn encode(&self, turns: &[Turn], plan: &spec::Endpoint) -> Result<Vec<u8>, Unfit> {
        let unfit = |why| Unfit { endpoint: METADATA.name, why };
        if let Some(why) = self.unfit(turns, plan) {
            return Err(unfit(why));
        }
        let audio = turns.last().and_then(|turn| turn.audios.first());
        let kind = audio.map(|audio| format!("audio/{}", audio.audio().0)).unwrap_or_default();
        let files = audio.iter().filter_map(|audio| {
            let name = format!("audio.{}", audio.audio().0);
            Some(form::File { field: "file", name, kind: &kind, bytes: audio.bytes()? })
        });
        form::encoded(&self.body(turns, plan), &files.collect::<Vec<_>>()).map_err(unfit)
    }

    fn content_type(&self, _plan: &spec::Endpoint) -> &'static str {
        form::CONTENT_TYPE
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        self.whole(data)
    }

    /// JSON with a text, or the text itself.
    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        let text = match body.trim_ascii_start().first() {
            Some(b'{') => match value::whole(body) {
                Ok(value) => value::text(&value, "/text"),
                Err(odd) => return *odd,
            },
            _ => String::from_utf8_lossy(body).trim().to_owned(),
        };
        if text.is_empty() { Reply::bare(EventKind::Empty) } else { Reply::body(text, None) }
    }
}

const METADATA: Metadata = Metadata {
    name: "audio_transcription",
    path: Some("/v1/audio/transcriptions"),
    metrics_title: "Audio Transcription Metrics",
    tokenizes_input: false,
    supports_audio: true,
    requires_form_data: true,
    requires_inline_media: true,
    ..Metadata::TEXT_IN
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Media;
    use crate::testing::{check_unfit, check_whole, plan};

    #[test]
    fn a_form_with_audio() {
        let mut turn = Turn::user(String::new(), "m".to_owned());
        check_unfit(&AudioTranscription, &turn, "needs an `audio`");
        turn.audios.push(Media::new("wav,aGk="));
        let text = String::from_utf8(AudioTranscription.encode(&[turn], &plan("")).unwrap()).unwrap();
        let part = "name=\"file\"; filename=\"audio.wav\"\r\nContent-Type: audio/wav\r\n\r\nhi\r\n";
        assert!(text.contains(part), "{text}");
        check_whole(&AudioTranscription, r#"{"text":"hello there"}"#, "body <hello there>");
        check_whole(&AudioTranscription, "hello there\n", "body <hello there>");
        check_whole(&AudioTranscription, r#"{"text":""}"#, "empty");
    }
}
