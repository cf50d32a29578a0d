//! Replies of the OpenAI APIs that answer with `choices`: of each the text, the reasoning and the tool calls.
//!
//! Each choice has texts of its own. Objects of another type mean nothing; a missing type is forgiven.

use crate::json::{Count, Present, Text, Truthy, append, ignore_scalars, is_truthy, repaired};
use crate::reply::{Choice, Extras, Reply};
use crate::spec_decode::SpecDecode;
use crate::usage::ReportedUsage;
use common::reply_event::{EventKind, UNKNOWN};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Means by an event's data.
pub(crate) fn event<'a>(data: &'a [u8], objects: &[&str]) -> Reply<'a> {
    match Answer::read(data) {
        Ok(answer) => answer.reply(data, objects),
        Err(odd) => repaired_reply(data, objects).unwrap_or_else(|| odd_event(data, &odd)),
    }
}

/// Means by JSON that only a strict parser refuses.
#[cold]
fn repaired_reply(data: &[u8], objects: &[&str]) -> Option<Reply<'static>> {
    let fixed = repaired(data)?;
    Answer::read(&fixed).ok().map(|answer| answer.reply(&fixed, objects).into_owned())
}

/// Means by a whole body.
pub(crate) fn whole<'a>(body: &'a [u8], objects: &[&str]) -> Reply<'a> {
    let mut reply = match Answer::read(body) {
        Ok(answer) => answer.reply(body, objects),
        Err(odd) => repaired_reply(body, objects)
            .unwrap_or_else(|| Reply::failed(INVALID_JSON, format!("the body is no JSON: {odd}"))),
    };
    if reply.kind.is_content() {
        reply.kind = EventKind::Body;
    } else if reply.kind != EventKind::Error {
        reply.kind = EventKind::Empty;
    }
    reply
}

/// Data that is no JSON: most often the end of the stream.
pub(crate) fn odd_event(data: &[u8], odd: &serde_json::Error) -> Reply<'static> {
    match data.trim_ascii() {
        b"[DONE]" => Reply::bare(EventKind::Done),
        b"" => Reply::bare(EventKind::Empty),
        _ => Reply::failed(INVALID_JSON, format!("an event's data is no JSON: {odd}")),
    }
}

/// What was found in an object.
#[derive(Default)]
struct Answer<'a> {
    object: Cow<'a, str>,
    first: Choice<'a>,
    others: Vec<Choice<'a>>,
    /// The choice that is being read, and how many preceded it.
    choice: Choice<'a>,
    choices: u32,
    finish_reason: Cow<'a, str>,
    usage: ReportedUsage,
    has_role: bool,
    has_error: bool,
    extras: Option<Box<Extras>>,
}

impl<'a> Answer<'a> {
    fn read(json: &'a [u8]) -> Result<Self, serde_json::Error> {
        let mut answer = Self::default();
        // A text that is known to be UTF-8 is read faster than bytes, by more than it costs to know.
        let Ok(text) = std::str::from_utf8(json) else {
            return Err(serde::de::Error::custom("the bytes are no UTF-8"));
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        Part { answer: &mut answer, place: Place::Object }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(answer)
    }

    fn reply(self, json: &'a [u8], objects: &[&str]) -> Reply<'a> {
        let object = &*self.object;
        if self.has_error || object == "error" || FAILURES.contains(&&*self.finish_reason) {
            return reported(json);
        }
        if !object.is_empty() && !objects.contains(&object) {
            return Reply::bare(EventKind::Empty);
        }
        Reply {
            kind: self.kind(),
            content: self.first.content,
            reasoning: self.first.reasoning,
            tool_call: self.first.tool_call,
            usage: self.usage.0,
            finish_reason: self.finish_reason,
            error: None,
            extras: self.extras,
            others: self.others,
        }
    }

    /// A choice is read: it is added to the answer.
    fn keep_choice(&mut self) {
        let choice = std::mem::take(&mut self.choice);
        if choice.index == 0 {
            append(&mut self.first.content, choice.content);
            append(&mut self.first.reasoning, choice.reasoning);
            append(&mut self.first.tool_call, choice.tool_call);
        } else if !choice.is_empty() {
            self.others.push(choice);
        }
    }

    fn kind(&self) -> EventKind {
        let all = || std::iter::once(&self.first).chain(&self.others);
        let calls = all().any(|choice| !choice.tool_call.is_empty());
        let answers = calls || all().any(|choice| !choice.content.is_empty());
        match (all().any(|choice| !choice.reasoning.is_empty()), answers) {
            (true, true) => EventKind::ReasoningAndContent,
            (true, false) => EventKind::Reasoning,
            (false, true) if calls => EventKind::ToolCall,
            (false, true) => EventKind::Content,
            (false, false) if self.has_role && self.finish_reason.is_empty() => EventKind::Role,
            (false, false) if self.usage.0.is_some() => EventKind::Usage,
            (false, false) => EventKind::Empty,
        }
    }
}

/// A value's place in an object. A list is read as its items, one after the other.
#[derive(Clone, Copy)]
enum Place {
    Object,
    Choice,
    Message,
    Call,
    Function,
}

/// Reads the value at a place straight into the answer; a value of an unexpected type is ignored.
struct Part<'r, 'a> {
    answer: &'r mut Answer<'a>,
    place: Place,
}

impl<'de> Part<'_, 'de> {
    const fn within(&mut self, place: Place) -> Part<'_, 'de> {
        Part { answer: self.answer, place }
    }

    fn object<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "object" => self.answer.object = map.next_value::<Text<'de>>()?.0,
                "choices" => map.next_value_seed(self.within(Place::Choice))?,
                "usage" => self.answer.usage = map.next_value()?,
                "error" => self.answer.has_error |= map.next_value::<Truthy>()?.0,
                "metrics" => self.answer.extras = extras(&map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn choice<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.answer.choice.index = self.answer.choices;
        self.answer.choices = self.answer.choices.saturating_add(1);
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "delta" | "message" => map.next_value_seed(self.within(Place::Message))?,
                "text" => append(&mut self.answer.choice.content, map.next_value::<Text<'de>>()?.0),
                "index" => match map.next_value::<Count>()?.0 {
                    UNKNOWN => {}
                    index => self.answer.choice.index = index,
                },
                "error" => self.answer.has_error |= map.next_value::<Truthy>()?.0,
                "finish_reason" => {
                    let Text(reason) = map.next_value()?;
                    if self.answer.finish_reason.is_empty() {
                        self.answer.finish_reason = reason;
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        self.answer.keep_choice();
        Ok(())
    }

    fn message<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // Reasoning arrives by either name; some servers send it by both.
        let (mut reasoning, mut reasoning_content) = (Text::default(), Text::default());
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                // A model's refusal, sent instead of an answer, is text as well.
                "content" | "refusal" => {
                    append(&mut self.answer.choice.content, map.next_value::<Text<'de>>()?.0);
                }
                "role" => self.answer.has_role |= map.next_value::<Present>()?.0,
                "reasoning_content" => reasoning_content = map.next_value()?,
                "reasoning" => reasoning = map.next_value()?,
                "tool_calls" => map.next_value_seed(self.within(Place::Call))?,
                "function_call" => map.next_value_seed(self.within(Place::Function))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let first = if reasoning_content.0.is_empty() { reasoning } else { reasoning_content };
        append(&mut self.answer.choice.reasoning, first.0);
        Ok(())
    }

    fn call<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "function" => map.next_value_seed(self.within(Place::Function))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    /// The name, then the arguments, in whichever order they come.
    fn function<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut name, mut arguments) = (Text::default(), Text::default());
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "name" => name = map.next_value()?,
                "arguments" => arguments = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        append(&mut self.answer.choice.tool_call, name.0);
        append(&mut self.answer.choice.tool_call, arguments.0);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a part of a reply")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.place {
            Place::Object => self.object(map),
            Place::Choice => self.choice(map),
            Place::Message => self.message(map),
            Place::Call => self.call(map),
            Place::Function => self.function(map),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let place = self.place;
        while list.next_element_seed(self.within(place))?.is_some() {}
        Ok(())
    }

    ignore_scalars!(());
}

/// The metrics that vLLM reports with `--per-request-spec-decode-metrics`.
#[cold]
fn extras(metrics: &serde_json::Value) -> Option<Box<Extras>> {
    let spec_decode = SpecDecode::of(&metrics["speculative_decoding"])?;
    Some(Box::new(Extras { spec_decode: Some(spec_decode), ..Extras::default() }))
}

/// An error object within a response whose status is a success, parsed in full.
#[cold]
pub(crate) fn reported(json: &[u8]) -> Reply<'static> {
    let value = serde_json::from_slice::<serde_json::Value>(json).unwrap_or_default();
    let of_choices = || {
        let choices = value.get("choices").and_then(serde_json::Value::as_array).into_iter().flatten();
        choices.filter_map(|choice| choice.get("error")).find(|error| is_truthy(error))
    };
    let error = value.get("error").filter(|error| is_truthy(error)).or_else(of_choices).unwrap_or(&value);
    let word = |key: &str| match error.get(key) {
        Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let code = word("code");
    let kind = word("type").or_else(|| code.clone()).unwrap_or_else(|| "error".to_owned());
    let message = error.as_str().map(str::to_owned).or_else(|| word("message"));
    Reply::failed(
        &kind,
        match (message, code) {
            (None, _) => value.to_string(),
            // A code that is not part of the kind or the message is added.
            (Some(message), Some(code)) if code != kind && !message.contains(&code) => {
                format!("{message} (code {code})")
            }
            (Some(message), _) => message,
        },
    )
}

/// Finish reasons by which servers report that an answer was given up (OpenRouter, vLLM).
const FAILURES: &[&str] = &["error", "abort"];
/// What data that is no JSON is called.
pub(crate) const INVALID_JSON: &str = "invalid_json";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OBJECTS: &[&str] = &["chat.completion.chunk"];

    proptest! {
        #[test]
        fn garbage_never_panics(data in prop::collection::vec(any::<u8>(), 0..200)) {
            event(&data, OBJECTS);
            whole(&data, OBJECTS);
        }

        /// A good event with a few bytes changed.
        #[test]
        fn damage_never_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let good = br#"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"hi","reasoning_content":"hm","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":null}],"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":1}}}"#;
            let mut data = good.to_vec();
            for (place, byte) in changes {
                let place = place.index(data.len());
                data[place] = byte;
            }
            event(&data, OBJECTS);
        }

        /// Whatever a text is made of, it arrives as it was sent.
        #[test]
        fn texts_round_trip(content in any::<String>(), reasoning in any::<String>()) {
            let data = serde_json::json!({"choices": [{"delta": {"content": content, "reasoning": reasoning}}]}).to_string();
            let reply = event(data.as_bytes(), OBJECTS);
            prop_assert_eq!(reply.content, content);
            prop_assert_eq!(reply.reasoning, reasoning);
        }
    }
}
