//! What the response parser reports of each request: parsed, counted in tokens, and ready to be joined with kernel stamps.
//!
//! A message is a [`MessageHeader`], a fixed body for its [`Kind`], then what the body counts. All are integers
//! in fixed places, so the daemon that reads them parses nothing.

use crate::client_event::numbered;
use crate::clock::MonoNs;
use crate::id::{ConnectionId, Lineage, RequestId, SocketCookie};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The head of every message.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MessageHeader {
    /// Bytes of the message with this header.
    pub length: u32,
    /// A number of [`Kind`].
    pub kind: u32,
}

numbered! {
    /// What a message says.
    Kind: u32 {
        /// A connection was opened: [`ConnectionOpened`].
        Opened = 1 "opened";
        /// A connection was closed: [`ConnectionOpened`] again.
        Closed = 2 "closed";
        /// A stretch of a stream has a kernel stamp: [`StretchStamped`].
        Stamped = 3 "stamped";
        /// A request ended: [`RequestEnded`], its events, its texts, and with raw export the events' bytes.
        Request = 4 "request";
        /// No message follows.
        Finished = 5 "finished";
        /// Bytes of a watched connection belong to no request that will be reported: [`Passed`].
        Passed = 6 "passed";
        /// How many watched requests are open: [`InFlight`].
        InFlight = 7 "in_flight";
    }
}

numbered! {
    /// What an event of a response is.
    EventKind: u32 {
        /// Only the role of the response.
        Role = 1 "role";
        /// Reasoning text.
        Reasoning = 2 "reasoning";
        /// Response text.
        Content = 3 "content";
        /// Reasoning and response text in one event.
        ReasoningAndContent = 4 "reasoning_and_content";
        /// A piece of a tool call.
        ToolCall = 5 "tool_call";
        /// The server's token counts, and no text.
        Usage = 6 "usage";
        /// `[DONE]`.
        Done = 7 "done";
        /// An error that the server reports within the stream.
        Error = 8 "error";
        /// An event without text: a finish reason, a comment, an unknown object.
        Empty = 9 "empty";
        /// The whole body of a response that is no stream.
        Body = 10 "body";
    }
}

impl EventKind {
    /// Whether the event carries text that counts as output: its first one ends the time to first token.
    #[must_use]
    pub const fn is_content(self) -> bool {
        matches!(
            self,
            Self::Reasoning | Self::Content | Self::ReasoningAndContent | Self::ToolCall | Self::Body
        )
    }

    /// Whether the event carries response text or a tool call, as opposed to reasoning only.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Content | Self::ReasoningAndContent | Self::ToolCall | Self::Body)
    }
}

/// The body of [`Kind::Opened`] and [`Kind::Closed`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ConnectionOpened {
    /// The connection.
    pub connection: ConnectionId,
    /// Always 0.
    pub reserved: u32,
    /// The kernel's name of the socket.
    pub cookie: SocketCookie,
}

/// The body of [`Kind::Stamped`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct StretchStamped {
    /// The kernel's name of the socket.
    pub cookie: SocketCookie,
    /// [`crate::kernel_event::segment::RECEIVED`] or [`crate::kernel_event::segment::SENT`].
    pub direction: u32,
    /// Always 0.
    pub reserved: u32,
    /// The offset of the first byte that the stamp holds for.
    pub begin: u64,
    /// The offset after the last one.
    pub end: u64,
    /// The stamp.
    pub time: MonoNs,
}

/// The body of [`Kind::Passed`]: the kernel stamps of these bytes may be released.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Passed {
    /// The kernel's name of the socket.
    pub cookie: SocketCookie,
    /// No request begins before this offset of the requests' stream.
    pub sent: u64,
    /// No response begins before this offset of the responses' stream.
    pub received: u64,
    /// The latest kernel record that was read.
    pub time: MonoNs,
    /// 1 when no request of this connection will ever be reported, else 0.
    pub is_ignored: u32,
    /// Always 0.
    pub reserved: u32,
}

/// The body of [`Kind::InFlight`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct InFlight {
    /// Requests in progress.
    pub open: u64,
}

/// The body of [`Kind::Request`]. Counts that are not known are [`UNKNOWN`], stamps that are not are zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RequestEnded {
    /// The request.
    pub request: RequestId,
    /// The session that it belongs to.
    pub session: u64,
    /// Where that session stands in its tree.
    pub lineage: Lineage,
    /// The socket that carried it.
    pub cookie: SocketCookie,
    /// The socket that carried the response, if it was another one, else 0: then offsets of the response count there.
    pub answer_cookie: SocketCookie,
    /// When the schedule wanted it sent.
    pub due: MonoNs,
    /// When its connect was handed to the kernel, if it opened its connection.
    pub connect_begun: MonoNs,
    /// When that connect was reaped.
    pub connected: MonoNs,
    /// When it was handed to the kernel.
    pub submitted: MonoNs,
    /// When the response's head was reaped.
    pub head_reaped: MonoNs,
    /// When it ended, well or not.
    pub ended: MonoNs,
    /// The offset of its first byte in the sent stream.
    pub sent_begin: u64,
    /// The offset after its last byte in the sent stream.
    pub sent_end: u64,
    /// The offset of the response's first byte in the received stream.
    pub response_begin: u64,
    /// The offset after the response's head, or 0.
    pub head_end: u64,
    /// The offset after the last byte that was received of it.
    pub response_end: u64,
    /// The connection.
    pub connection: ConnectionId,
    /// 1 when the connection had carried a request before, else 0.
    pub reused: u32,
    /// The worker that sent it.
    pub worker: u32,
    /// Which conversation of the input it is from.
    pub entry: u32,
    /// The turn within the session, from 0.
    pub turn: u32,
    /// The HTTP status, or 0.
    pub status: u32,
    /// A number of [`crate::client_event::Outcome`].
    pub outcome: u32,
    /// Reads in which the response came.
    pub reads: u32,
    /// Input tokens by our tokenizer.
    pub input_tokens: u32,
    /// Response tokens by our tokenizer, tool calls included.
    pub output_tokens: u32,
    /// Reasoning tokens by our tokenizer.
    pub reasoning_tokens: u32,
    /// Output tokens that the request asked for.
    pub requested_tokens: u32,
    /// Images in the request.
    pub images: u32,
    /// Output tokens of the first event with content by the server's count in it, or 0.
    pub first_chunk_tokens: u32,
    /// The server's own counts.
    pub usage: Usage,
    /// Seconds of sound in the request.
    pub audio_seconds: Measure,
    /// Seconds that the server says a video took.
    pub video_seconds: Measure,
    /// Mebibytes that the server says a video took.
    pub video_megabytes: Measure,
    /// What the server says of drafted tokens.
    pub drafts: Drafts,
    /// How many [`Event`]s follow.
    pub events: u32,
    /// Bytes of the error's type (UTF-8), which follow the events.
    pub error_type_length: u32,
    /// Bytes of the error's message (UTF-8), which follow its type.
    pub error_message_length: u32,
    /// Bytes of the model's name in the request (UTF-8), which follow the error's message.
    pub model_length: u32,
    /// Bytes of the request's `X-Request-ID` (UTF-8), which follow the model's name.
    pub client_request_id_length: u32,
    /// Bytes of the drafts' histogram (UTF-8), which follow the `X-Request-ID`.
    pub histogram_length: u32,
    /// Bytes of the conversation's own name in the input (UTF-8), which follow the histogram; none where it has none.
    pub conversation_length: u32,
    /// Bytes of the request's body, which follow the conversation's name; none unless payloads are kept.
    pub payload_length: u32,
    /// Bytes of raw data, which follow the payload: the response's head, then each event's, by [`Event::bytes`].
    pub raw_length: u32,
    /// Bytes of the response's head among the raw data.
    pub raw_head_length: u32,
    /// The phase's place in the plan.
    pub phase: u32,
    /// Events without data (comments, keep-alives), which are no [`Event`]s.
    pub bare_events: u32,
    /// Events with data that were not kept because there were too many: no [`Event`]s either.
    pub events_left_out: u32,
    /// [`EVENT_STREAM`] or [`ONE_BODY`], or 0 where nothing of the body came.
    pub body: u32,
    /// Bytes of the response that were not kept because there were too many, whether parsed or raw.
    pub bytes_left_out: u64,
}

/// The response is a stream of events.
pub const EVENT_STREAM: u32 = 1;
/// The response is one body.
pub const ONE_BODY: u32 = 2;

/// A number that need not be whole, as the bits of a float; none where none was reported.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Measure(u64);

impl Measure {
    /// None was reported.
    pub const UNKNOWN: Self = Self(f64::NAN.to_bits());

    /// A measure; unknown when it is not finite.
    #[must_use]
    pub const fn new(number: f64) -> Self {
        if number.is_finite() { Self(number.to_bits()) } else { Self::UNKNOWN }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> Option<f64> {
        let number = f64::from_bits(self.0);
        if number.is_finite() { Some(number) } else { None }
    }
}

impl Default for Measure {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl core::fmt::Debug for Measure {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.get().fmt(out)
    }
}

/// What a server says of the tokens that a small model drafted for a large one to verify.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Drafts {
    /// Tokens per verification: accepted ones and one more.
    pub acceptance_length: Measure,
    /// The share of drafted tokens that were accepted.
    pub acceptance_rate: Measure,
    /// Verifications, or [`UNKNOWN`].
    pub steps: u32,
    /// Drafted tokens that were accepted, or [`UNKNOWN`].
    pub accepted: u32,
    /// Drafted tokens, or [`UNKNOWN`].
    pub drafted: u32,
    /// Always 0.
    pub reserved: u32,
}

impl Default for Drafts {
    fn default() -> Self {
        Self {
            acceptance_length: Measure::UNKNOWN,
            acceptance_rate: Measure::UNKNOWN,
            steps: UNKNOWN,
            accepted: UNKNOWN,
            drafted: UNKNOWN,
            reserved: 0,
        }
    }
}

/// Token counts as the server reported them, each [`UNKNOWN`] when it did not.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Usage {
    /// Seconds of sound in the prompt.
    pub prompt_audio_seconds: Measure,
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of the completion, reasoning included.
    pub completion: u32,
    /// Both.
    pub total: u32,
    /// Reasoning tokens among the completion's.
    pub reasoning: u32,
    /// Prompt tokens read from a cache.
    pub cache_read: u32,
    /// Prompt tokens written to a cache.
    pub cache_write: u32,
    /// Prompt tokens that missed the cache.
    pub cache_miss: u32,
    /// Audio tokens of the prompt.
    pub prompt_audio: u32,
    /// Prompt tokens of tool use.
    pub tool_prompt: u32,
    /// Audio tokens of the completion.
    pub completion_audio: u32,
    /// Predicted tokens that were accepted.
    pub accepted_prediction: u32,
    /// Predicted tokens that were rejected.
    pub rejected_prediction: u32,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            prompt_audio_seconds: Measure::UNKNOWN,
            prompt: UNKNOWN,
            completion: UNKNOWN,
            total: UNKNOWN,
            reasoning: UNKNOWN,
            cache_read: UNKNOWN,
            cache_write: UNKNOWN,
            cache_miss: UNKNOWN,
            prompt_audio: UNKNOWN,
            tool_prompt: UNKNOWN,
            completion_audio: UNKNOWN,
            accepted_prediction: UNKNOWN,
            rejected_prediction: UNKNOWN,
        }
    }
}

impl Usage {
    /// Takes what is newly reported: some servers report input tokens at a stream's start and output tokens at its end.
    pub fn update(&mut self, newer: &Self) {
        let Self {
            prompt_audio_seconds,
            prompt,
            completion,
            total,
            reasoning,
            cache_read,
            cache_write,
            cache_miss,
            prompt_audio,
            tool_prompt,
            completion_audio,
            accepted_prediction,
            rejected_prediction,
        } = self;
        if newer.prompt_audio_seconds != Measure::UNKNOWN {
            *prompt_audio_seconds = newer.prompt_audio_seconds;
        }
        for (count, newer) in [
            (prompt, newer.prompt),
            (completion, newer.completion),
            (total, newer.total),
            (reasoning, newer.reasoning),
            (cache_read, newer.cache_read),
            (cache_write, newer.cache_write),
            (cache_miss, newer.cache_miss),
            (prompt_audio, newer.prompt_audio),
            (tool_prompt, newer.tool_prompt),
            (completion_audio, newer.completion_audio),
            (accepted_prediction, newer.accepted_prediction),
            (rejected_prediction, newer.rejected_prediction),
        ] {
            if newer != UNKNOWN {
                *count = newer;
            }
        }
    }
}

/// One event of a response.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Event {
    /// When the read that completed it was reaped.
    pub reaped: MonoNs,
    /// The offset after its last byte in the received stream.
    pub end: u64,
    /// A number of [`EventKind`].
    pub kind: u32,
    /// Output tokens that end in it, by our tokenizer; [`UNKNOWN`] without one.
    pub tokens: u32,
    /// Bytes of the event's data.
    pub bytes: u32,
    /// Always 0.
    pub reserved: u32,
}

/// No message is longer: what would make it longer is left out and counted before it is written.
pub const MESSAGE_BYTES_MAX: u32 = 64 << 20;

/// A count that was not reported.
pub const UNKNOWN: u32 = u32::MAX;

/// A count, unless it is [`UNKNOWN`].
#[must_use]
pub const fn known(count: u32) -> Option<u32> {
    if count == UNKNOWN { None } else { Some(count) }
}

const _: () = assert!(size_of::<Event>() == 32, "the layout that response parser and daemon agree on");
const _: () = assert!(size_of::<Passed>() == 40, "the layout that response parser and daemon agree on");
const _: () =
    assert!(size_of::<RequestEnded>() == 384, "the layout that response parser and daemon agree on");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_unknown_until_reported() {
        let usage = Usage::default();
        assert_eq!(known(usage.prompt), None, "not reported");
        assert_eq!(known(usage.rejected_prediction), None, "not reported");
    }
}
