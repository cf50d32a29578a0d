//! Interface to the texts of responses, for the exporters that write them: implemented for the run's endpoint.

use serde_json::Value;
use store::Exchange;

/// Extracts texts from the responses of the run's endpoint.
pub trait Texts {
    /// The text of a response; `None` if its bytes were not stored.
    fn response_text(&self, exchange: &Exchange) -> Option<ResponseText>;

    /// A response as a message of the next request; `None` if requests contain no messages.
    fn message(&self, answer: &str) -> Option<Value>;
}

/// The text of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseText {
    /// Reasoning, tool calls and content, in the order received.
    pub all: String,
    /// The text that the session's next turn includes: the content, or the reasoning if there is no content.
    pub answer: String,
}
