//! What one event of a response, or a whole response, means.

use crate::spec_decode::SpecDecode;
use common::reply_event::{EventKind, Measure, Usage};
use std::borrow::Cow;

/// The meaning of an event's data or of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// What it is.
    pub kind: EventKind,
    /// Answer text.
    pub content: Cow<'a, str>,
    /// Reasoning text.
    pub reasoning: Cow<'a, str>,
    /// Names and arguments of tool calls.
    pub tool_call: Cow<'a, str>,
    /// The server's token counts, if it reported any.
    pub usage: Option<Usage>,
    /// Why the answer ends here; empty when it does not.
    pub finish_reason: Cow<'a, str>,
    /// The error that it reports.
    pub error: Option<ReplyError>,
    /// Metadata that few servers send.
    pub extras: Option<Box<Extras>>,
    /// Of an API with several answers at once: the texts of those after the first, whose texts are the reply's own.
    pub others: Vec<Choice<'a>>,
}

/// The texts of one of several answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Which one, from 0.
    pub index: u32,
    /// Answer text.
    pub content: Cow<'a, str>,
    /// Reasoning text.
    pub reasoning: Cow<'a, str>,
    /// Names and arguments of tool calls.
    pub tool_call: Cow<'a, str>,
}

/// Metadata that few servers send besides texts and counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// What became of drafted tokens.
    pub spec_decode: Option<SpecDecode>,
    /// Seconds that a video took.
    pub video_seconds: Measure,
    /// Mebibytes that a video took.
    pub video_megabytes: Measure,
    /// By what the server knows the answer, where later requests may build on it.
    pub response_id: Option<String>,
}

/// An error that a server reports in a response whose status is a success, or in an error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyError {
    /// What the server calls this kind of error.
    pub kind: String,
    /// What happened.
    pub message: String,
}

impl Reply<'_> {
    /// The same, whatever it was read from.
    #[cold]
    #[must_use]
    pub(crate) fn into_owned(self) -> Reply<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let others = self.others.into_iter().map(|choice| Choice {
            index: choice.index,
            content: owned(choice.content),
            reasoning: owned(choice.reasoning),
            tool_call: owned(choice.tool_call),
        });
        Reply {
            kind: self.kind,
            content: owned(self.content),
            reasoning: owned(self.reasoning),
            tool_call: owned(self.tool_call),
            usage: self.usage,
            finish_reason: owned(self.finish_reason),
            error: self.error,
            extras: self.extras,
            others: others.collect(),
        }
    }
}

impl Choice<'_> {
    /// Whether it has no content.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.content.is_empty() && self.reasoning.is_empty() && self.tool_call.is_empty()
    }
}

impl Reply<'static> {
    /// Nothing but its kind.
    #[must_use]
    pub const fn bare(kind: EventKind) -> Self {
        Self {
            kind,
            content: Cow::Borrowed(""),
            reasoning: Cow::Borrowed(""),
            tool_call: Cow::Borrowed(""),
            usage: None,
            finish_reason: Cow::Borrowed(""),
            error: None,
            extras: None,
            others: Vec::new(),
        }
    }

    /// A whole answer.
    #[must_use]
    pub(crate) fn body(content: String, usage: Option<Usage>) -> Self {
        Self { content: Cow::Owned(content), usage, ..Self::bare(EventKind::Body) }
    }

    /// An error.
    #[cold]
    #[must_use]
    pub fn failed(kind: &str, message: String) -> Self {
        let error = Some(ReplyError { kind: kind.to_owned(), message });
        Self { error, ..Self::bare(EventKind::Error) }
    }
}
