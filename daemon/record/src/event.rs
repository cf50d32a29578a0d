//! An event as analyses read it: a few columns of a [`Token`].

use crate::token::Token;
use common::clock::MonoNs;
use common::id::RequestId;

/// The columns of an event that metrics use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The request that it belongs to.
    pub request_id: RequestId,
    /// When it was read.
    pub reaped_ns: MonoNs,
    /// When it arrived at the kernel.
    pub kernel_received_ns: Option<MonoNs>,
    /// Whether it carries text, reasoning or a tool call.
    pub is_content: bool,
}

impl From<&Token> for Event {
    fn from(token: &Token) -> Self {
        Self {
            request_id: token.request_id,
            reaped_ns: token.reaped_ns,
            kernel_received_ns: token.kernel_received_ns,
            is_content: token.kind.is_content(),
        }
    }
}
