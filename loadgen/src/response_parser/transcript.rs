//! The text of a session so far, as its input tokens are counted: texts, or messages for a chat template.

use endpoint::Turn;
use serde_json::{Value, json};
use tokenizer::{ChatTemplate, Tokenizer};

/// The text of a session so far.
#[derive(Clone, Debug)]
pub(super) enum Transcript {
    /// Joined by spaces.
    Texts(String),
    /// In the API's own form, the tools that may be called, and bytes of the texts among them.
    Messages(Vec<Value>, Option<Value>, usize),
}

impl Transcript {
    pub(super) const fn of_texts() -> Self {
        Self::Texts(String::new())
    }

    pub(super) const fn of_messages() -> Self {
        Self::Messages(Vec::new(), None, 0)
    }

    /// Bytes of its texts.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Texts(text) => text.len(),
            Self::Messages(.., bytes) => *bytes,
        }
    }

    /// Adds a turn.
    pub(super) fn add(&mut self, turn: &Turn) {
        match self {
            Self::Texts(text) => {
                let more = turn.input_text();
                if !text.is_empty() && !more.is_empty() {
                    text.push(' ');
                }
                text.push_str(&more);
            }
            Self::Messages(messages, tools, bytes) => {
                *bytes += turn.contents().map(str::len).sum::<usize>();
                let message = |role: &str, text: &str| json!({"role": role, "content": text});
                messages.extend(turn.system.iter().map(|text| message("system", text)));
                messages.extend(turn.context.iter().map(|text| message("user", text)));
                match &turn.messages {
                    Some(given) => messages.extend(given.iter().cloned()),
                    None => messages.push(message(&turn.role, &turn.own_text())),
                }
                if turn.tools.is_some() {
                    tools.clone_from(&turn.tools);
                }
            }
        }
    }

    /// Its tokens; `None` if its texts are too long to be counted, or if the template refuses its messages: another way to
    /// count them would give a number that looks comparable and is not.
    pub(super) fn tokens(
        &self,
        tokenizer: Option<&Tokenizer>,
        template: Option<&ChatTemplate>,
    ) -> Option<u32> {
        let tokenizer = tokenizer?;
        match self {
            Self::Texts(text) => tokenizer.try_count(text),
            Self::Messages(messages, tools, _) => {
                let shown = template?.rendered(messages, tools.as_ref()).ok()?;
                tokenizer.try_count(&shown)
            }
        }
    }
}
