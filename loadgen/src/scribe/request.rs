//! What has been understood of one request so far.

use super::asked::Facts;
use common::client_event::{RecordHeader, Sent};
use common::id::ConnectionId;
use common::reply_event::{Event, EventKind, RequestEnded, UNKNOWN, known};
use endpoint::{Endpoint, Extras, Reply, ReplyError, SpecDecode, spec_decode, sse};
use tokenizer::Tokenizer;

/// A request whose end has not been read.
#[derive(Default)]
pub(super) struct Request {
    /// The message, as far as it is known.
    pub(super) told: RequestEnded,
    /// Until the request ends, an event's `tokens` and `reserved` hold the lengths of both texts at its end.
    pub(super) events: Vec<Event>,
    /// The connection on which its answer comes, if it is another one.
    pub(super) moved_to: Option<ConnectionId>,
    /// The response's head.
    pub(super) head: Vec<u8>,
    /// The body; of a stream its events' bytes, if they are kept.
    pub(super) body: Vec<u8>,
    /// The first error that the stream reported.
    pub(super) error: Option<ReplyError>,
    pub(super) has_content: bool,
    /// What its answer means and what it asked, where that was told with it.
    pub(super) known: Option<(&'static dyn Endpoint, Facts)>,
    /// How whoever sent it calls it and the model, where that is not us.
    pub(super) names: Names,
    spec_decode: Option<SpecDecode>,
    /// Bytes of the body that came, and the last piece of it.
    body_bytes: usize,
    last_piece: Event,
    answer: String,
    reasoning: String,
}

/// What a request that somebody else sent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The model that it asks.
    pub model: String,
    /// Its `X-Request-ID`.
    pub client_request_id: String,
    /// Its body, where payloads are kept.
    pub payload: Vec<u8>,
}

/// What is kept of a response besides its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keep {
    /// Texts, because tokens are counted.
    pub(super) texts: bool,
    /// Every byte, for the raw export.
    pub(super) raw: bool,
}

impl Request {
    /// Makes it another request's, its memory kept.
    pub(super) fn clear(&mut self) {
        let mut kept = std::mem::take(self);
        for bytes in [&mut kept.head, &mut kept.body] {
            bytes.clear();
            bytes.shrink_to(KEPT_BYTES);
        }
        for text in [&mut kept.answer, &mut kept.reasoning] {
            text.clear();
            text.shrink_to(KEPT_BYTES);
        }
        kept.events.clear();
        kept.events.shrink_to(KEPT_BYTES / size_of::<Event>());
        let Self { events, head, body, answer, reasoning, .. } = kept;
        *self = Self { events, head, body, answer, reasoning, ..Self::default() };
    }

    /// It was handed to the kernel.
    pub(super) fn sent(&mut self, header: &RecordHeader, sent: &Sent) {
        self.told.session = sent.session;
        self.told.due = sent.due;
        self.told.submitted = header.time;
        self.told.sent_begin = sent.begin;
        self.told.sent_end = header.end;
        self.told.response_begin = sent.response_begin;
        self.told.connection = sent.connection;
        self.told.reused = sent.reused;
        self.told.entry = sent.entry;
        self.told.turn = sent.turn;
        self.told.phase = sent.phase;
    }

    /// The response's head came.
    pub(super) fn head(&mut self, header: &RecordHeader, bytes: &[u8]) {
        self.told.status = u32::from(header.detail);
        self.told.head_reaped = header.time;
        self.told.head_end = header.end;
        self.head.clear();
        self.head.extend_from_slice(bytes);
    }

    /// An event of the stream came.
    pub(super) fn event(&mut self, header: &RecordHeader, bytes: &[u8], endpoint: &dyn Endpoint, keep: Keep) {
        if !self.is_success() {
            self.keep_refusal(bytes, keep);
            return self.push(header, EventKind::Error, bytes.len());
        }
        if keep.raw {
            self.body.extend_from_slice(bytes);
        }
        let fields = sse::fields(bytes);
        let reply = match fields.error() {
            Some(reply) => reply,
            None if fields.data.is_empty() => Reply::bare(EventKind::Empty),
            None => endpoint.event(&fields.data),
        };
        let kind = self.take_in(reply, keep);
        self.push(header, kind, bytes.len());
    }

    /// A piece of a body that is no stream came.
    pub(super) fn piece(&mut self, header: &RecordHeader, bytes: &[u8], keep: Keep) {
        if self.is_success() {
            self.body.extend_from_slice(bytes);
        } else {
            self.keep_refusal(bytes, keep);
        }
        self.body_bytes += bytes.len();
        self.last_piece = Event { reaped: header.time, end: header.end, ..Event::default() };
    }

    /// All pieces of the body are there.
    pub(super) fn body_is_whole(&mut self, endpoint: &dyn Endpoint, keep: Keep) {
        if self.body_bytes == 0 {
            return;
        }
        let body = std::mem::take(&mut self.body);
        let kind =
            if self.is_success() { self.take_in(endpoint.whole(&body), keep) } else { EventKind::Error };
        self.body = body;
        let header =
            RecordHeader { time: self.last_piece.reaped, end: self.last_piece.end, ..Default::default() };
        self.push(&header, kind, self.body_bytes);
    }

    /// Counts tokens: all together, and for each event those whose last byte it brought.
    pub(super) fn count_tokens(&mut self, tokenizer: Option<&Tokenizer>) {
        let Some(tokenizer) = tokenizer else {
            for event in &mut self.events {
                (event.tokens, event.reserved) = (UNKNOWN, 0);
            }
            (self.told.output_tokens, self.told.reasoning_tokens) = (UNKNOWN, UNKNOWN);
            return;
        };
        let answer = tokenizer.ends(&self.answer);
        let reasoning = tokenizer.ends(&self.reasoning);
        self.told.output_tokens = narrow(answer.len());
        self.told.reasoning_tokens = narrow(reasoning.len());
        let (mut answer, mut reasoning) = (answer.into_iter().peekable(), reasoning.into_iter().peekable());
        for event in &mut self.events {
            let answer_end = event.tokens as usize;
            let reasoning_end = event.reserved as usize;
            let mut tokens = 0;
            while answer.next_if(|end| *end <= answer_end && answer_end > 0).is_some() {
                tokens += 1;
            }
            while reasoning.next_if(|end| *end <= reasoning_end && reasoning_end > 0).is_some() {
                tokens += 1;
            }
            (event.tokens, event.reserved) = (tokens, 0);
        }
    }

    /// Takes the server's counts for ours.
    pub(super) fn take_server_counts(&mut self) {
        let usage = &self.told.usage;
        let reasoning = known(usage.reasoning);
        let output = known(usage.completion).map(|all| all.saturating_sub(reasoning.unwrap_or(0)));
        self.told.input_tokens = usage.prompt;
        self.told.output_tokens = output.unwrap_or(UNKNOWN);
        self.told.reasoning_tokens = reasoning.unwrap_or(UNKNOWN);
    }

    /// Takes what was told of drafted tokens into the message; gives the histogram that goes with it.
    pub(super) fn drafts_histogram(&mut self) -> String {
        let Some(SpecDecode::Told { drafts, histogram }) = &self.spec_decode else { return String::new() };
        self.told.drafts = *drafts;
        spec_decode::written(histogram)
    }

    /// What later turns of the session are sent with: the answer, or the reasoning if there was nothing else.
    pub(super) fn answered(&self) -> &str {
        if self.answer.is_empty() { &self.reasoning } else { &self.answer }
    }

    pub(super) const fn is_success(&self) -> bool {
        self.told.status / 100 == 2
    }

    #[inline]
    fn take_in(&mut self, reply: Reply<'_>, keep: Keep) -> EventKind {
        self.has_content |= reply.kind.is_content();
        if let Some(usage) = reply.usage {
            if reply.kind.is_content() && self.told.first_chunk_tokens == 0 {
                self.told.first_chunk_tokens = known(usage.completion).unwrap_or(0);
            }
            self.told.usage.update(&usage);
        }
        if keep.texts {
            self.answer.push_str(&reply.content);
            self.answer.push_str(&reply.tool_call);
            self.reasoning.push_str(&reply.reasoning);
        }
        if let Some(extras) = reply.extras {
            self.take_extras(*extras);
        }
        if reply.error.is_some() && self.error.is_none() {
            self.error = reply.error;
        }
        reply.kind
    }

    #[cold]
    fn take_extras(&mut self, Extras { spec_decode, video_seconds, video_megabytes }: Extras) {
        if let Some(told) = spec_decode {
            self.spec_decode = Some(told.and(self.spec_decode.take()));
        }
        (self.told.video_seconds, self.told.video_megabytes) = (video_seconds, video_megabytes);
    }

    #[inline]
    fn push(&mut self, header: &RecordHeader, kind: EventKind, bytes: usize) {
        self.events.push(Event {
            reaped: header.time,
            end: header.end,
            kind: kind.number(),
            tokens: narrow(self.answer.len()),
            bytes: narrow(bytes),
            reserved: narrow(self.reasoning.len()),
        });
    }

    /// Of a refusal, only as much as the error's message needs, unless every byte is kept.
    #[cold]
    fn keep_refusal(&mut self, bytes: &[u8], keep: Keep) {
        let room = if keep.raw { bytes.len() } else { MESSAGE_BYTES.saturating_sub(self.body.len()) };
        self.body.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }
}

/// Texts and events of one response stay far below 4 GiB.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Bytes of a refusal's body that become the error's message.
pub(super) const MESSAGE_BYTES: usize = 1024;
/// Memory that is kept of each buffer for the next request.
const KEPT_BYTES: usize = 256 << 10;
