//! What responses say, for the exporters that write it: whoever knows the run's endpoint tells them.

use crate::artifacts::Exchange;
use serde_json::Value;

/// Somebody who understands the responses of the run's endpoint.
pub trait Texts {
    /// What a response says; none where its bytes were not kept.
    fn said(&self, exchange: &Exchange) -> Option<Said>;

    /// An answer as a message of the next request; none where requests hold no messages.
    fn message(&self, answer: &str) -> Option<Value>;
}

/// What a response says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Reasoning, tool calls and answer in the order in which they came.
    pub all: String,
    /// What the session's next turn is sent with: the answer, or the reasoning if there was nothing else.
    pub answer: String,
}
