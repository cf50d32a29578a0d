//! What has been understood of one request so far.

use super::asked::Facts;
use super::room::Room;
use crate::bounds::{
    BODY_BYTES_MAX, ERROR_BYTES_MAX, ERROR_TYPE_BYTES_MAX, EVENTS_MAX, HISTOGRAM_BYTES_MAX, RAW_BYTES_MAX,
    TEXT_BYTES_MAX,
};
use crate::secrets::Secrets;
use common::client_event::{RecordHeader, Sent};
use common::id::ConnectionId;
use common::reply_event::{EVENT_STREAM, Event, EventKind, ONE_BODY, RequestEnded, UNKNOWN, known};
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
    /// Whether the record of its beginning was read.
    pub(super) is_begun: bool,
    /// How whoever sent it calls it and the model, where that is not us.
    pub(super) names: Names,
    spec_decode: Option<SpecDecode>,
    /// Bytes of the body that came, and the last piece of it.
    body_bytes: u64,
    last_piece: Event,
    answer: String,
    reasoning: String,
    /// What it takes of the room that all open requests share.
    held: usize,
    /// Whether some of its texts were left out: then their tokens can't be counted.
    lacks_text: bool,
    /// Whether some of its body, or of its raw bytes, was left out: then nothing more of it is kept.
    lacks_bytes: bool,
    /// Memory that it keeps for the next one.
    pub(super) kept: usize,
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep<'a> {
    /// Texts, because tokens are counted.
    pub(super) texts: bool,
    /// Every byte, for the raw export.
    pub(super) raw: bool,
    /// What is never kept.
    pub(super) secrets: &'a Secrets,
}

impl Request {
    /// Makes it another request's, its memory kept as far as `may_keep` allows.
    pub(super) fn clear(&mut self, room: &mut Room) {
        room.give_back(self.held);
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
        let texts = answer.capacity() + reasoning.capacity();
        let kept = head.capacity() + body.capacity() + texts + events.capacity() * size_of::<Event>();
        if room.may_keep(kept) {
            *self = Self { events, head, body, answer, reasoning, kept, ..Self::default() };
        }
    }

    /// It was handed to the kernel.
    pub(super) fn sent(&mut self, header: &RecordHeader, sent: &Sent) {
        self.is_begun = true;
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
        // A head has a bound where it is cut.
        self.head.extend_from_slice(bytes);
    }

    /// An event of the stream came.
    pub(super) fn event(
        &mut self,
        header: &RecordHeader,
        bytes: &[u8],
        endpoint: &dyn Endpoint,
        keep: Keep<'_>,
        room: &mut Room,
    ) {
        self.told.body = EVENT_STREAM;
        if !self.is_success() {
            let kept = self.keep_refusal(bytes, keep, room);
            return self.push(header, EventKind::Error, if keep.raw { kept } else { bytes.len() }, room);
        }
        let fields = sse::fields(bytes);
        let reply = match fields.error() {
            Some(reply) => reply,
            // One that opens the response tells when that began; others tell nothing.
            None if fields.data.is_empty() && !self.events.is_empty() => {
                self.told.bare_events = self.told.bare_events.saturating_add(1);
                return;
            }
            None if fields.data.is_empty() => Reply::bare(EventKind::Empty),
            None => endpoint.event(&fields.data),
        };
        let length = if keep.raw { self.keep_raw(bytes, keep.secrets, room) } else { bytes.len() };
        let kind = self.take_in(reply, keep, room);
        self.push(header, kind, length, room);
    }

    /// A piece of a body that is no stream came.
    pub(super) fn piece(&mut self, header: &RecordHeader, bytes: &[u8], keep: Keep<'_>, room: &mut Room) {
        if self.is_success() {
            let most = BODY_BYTES_MAX.saturating_sub(self.body.len());
            let taken = if self.lacks_bytes { 0 } else { self.take_room(bytes.len().min(most), room) };
            self.body.extend_from_slice(&bytes[..taken]);
            self.leave_out(bytes.len() - taken);
        } else {
            self.keep_refusal(bytes, keep, room);
        }
        self.body_bytes += bytes.len() as u64;
        self.last_piece = Event { reaped: header.time, end: header.end, ..Event::default() };
    }

    /// All pieces of the body are there.
    pub(super) fn body_is_whole(&mut self, endpoint: &dyn Endpoint, keep: Keep<'_>, room: &mut Room) {
        if self.body_bytes == 0 {
            return;
        }
        self.told.body = ONE_BODY;
        let body = std::mem::take(&mut self.body);
        let kind = match self.is_success() {
            true if self.lacks_bytes => self.take_in(too_large(), keep, room),
            true => self.take_in(endpoint.whole(&body), keep, room),
            false => EventKind::Error,
        };
        self.body = body;
        let length = if keep.raw {
            self.redact_body(keep.secrets);
            self.body.len()
        } else {
            usize::try_from(self.body_bytes).unwrap_or(usize::MAX)
        };
        let header =
            RecordHeader { time: self.last_piece.reaped, end: self.last_piece.end, ..Default::default() };
        self.push(&header, kind, length, room);
    }

    /// Counts tokens: all together, and for each event those whose last byte it brought.
    ///
    /// Tells whether there was a text that the tokenizer can't count.
    pub(super) fn count_tokens(&mut self, tokenizer: Option<&Tokenizer>) -> bool {
        let ends = tokenizer.filter(|_| !self.lacks_text).and_then(|tokenizer| {
            Some((tokenizer.try_ends(&self.answer)?, tokenizer.try_ends(&self.reasoning)?))
        });
        let Some((answer, reasoning)) = ends else {
            for event in &mut self.events {
                (event.tokens, event.reserved) = (UNKNOWN, 0);
            }
            (self.told.output_tokens, self.told.reasoning_tokens) = (UNKNOWN, UNKNOWN);
            return tokenizer.is_some();
        };
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
        false
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
        let written = spec_decode::written(histogram);
        if written.len() > HISTOGRAM_BYTES_MAX { String::new() } else { written }
    }

    /// What later turns of the session are sent with: the answer, or the reasoning if there was nothing else.
    pub(super) fn answered(&self) -> &str {
        if self.answer.is_empty() { &self.reasoning } else { &self.answer }
    }

    pub(super) const fn is_success(&self) -> bool {
        self.told.status / 100 == 2
    }

    /// Whether anything of it was left out.
    pub(super) const fn exceeds(&self) -> bool {
        self.told.events_left_out > 0 || self.told.bytes_left_out > 0
    }

    /// Where what is known of its response ends.
    pub(super) fn latest_end(&self) -> u64 {
        let events = self.events.last().map_or(0, |event| event.end);
        let told = &self.told;
        [events, self.last_piece.end, told.head_end, told.response_begin].into_iter().max().unwrap_or(0)
    }

    /// Leaves out of the raw export what is too much of a body that is no stream.
    pub(super) fn limit_raw(&mut self) {
        if self.body.len() > RAW_BYTES_MAX {
            let surplus = self.body.len() - RAW_BYTES_MAX;
            self.body.truncate(RAW_BYTES_MAX);
            self.leave_out(surplus);
            if let Some(event) = self.events.last_mut() {
                event.bytes = narrow(RAW_BYTES_MAX);
            }
        }
    }

    #[inline]
    fn take_in(&mut self, reply: Reply<'_>, keep: Keep<'_>, room: &mut Room) -> EventKind {
        self.has_content |= reply.kind.is_content();
        if let Some(usage) = reply.usage {
            if reply.kind.is_content() && self.told.first_chunk_tokens == 0 {
                self.told.first_chunk_tokens = known(usage.completion).unwrap_or(0);
            }
            self.told.usage.update(&usage);
        }
        if keep.texts {
            self.take_text(reply.content.len() + reply.tool_call.len() + reply.reasoning.len(), room);
            if !self.lacks_text {
                self.answer.push_str(&reply.content);
                self.answer.push_str(&reply.tool_call);
                self.reasoning.push_str(&reply.reasoning);
            }
        }
        if let Some(extras) = reply.extras {
            self.take_extras(*extras);
        }
        if self.error.is_none()
            && let Some(ReplyError { kind, message }) = reply.error
        {
            let (kind, message) =
                (shortened(kind, ERROR_TYPE_BYTES_MAX), shortened(message, ERROR_BYTES_MAX));
            self.error = Some(ReplyError { kind, message });
        }
        reply.kind
    }

    /// Takes room for texts; once there is none, no text of this response is taken any more.
    #[inline]
    fn take_text(&mut self, length: usize, room: &mut Room) {
        let there = self.answer.len() + self.reasoning.len();
        if !self.lacks_text && there + length <= TEXT_BYTES_MAX && room.take(length) {
            self.held += length;
        } else if length > 0 {
            self.lacks_text = true;
            self.told.bytes_left_out += length as u64;
        }
    }

    #[cold]
    fn take_extras(&mut self, Extras { spec_decode, video_seconds, video_megabytes }: Extras) {
        if let Some(told) = spec_decode {
            self.spec_decode = Some(told.and(self.spec_decode.take()));
        }
        (self.told.video_seconds, self.told.video_megabytes) = (video_seconds, video_megabytes);
    }

    #[inline]
    fn push(&mut self, header: &RecordHeader, kind: EventKind, bytes: usize, room: &mut Room) {
        let event = Event {
            reaped: header.time,
            end: header.end,
            kind: kind.number(),
            tokens: narrow(self.answer.len()),
            bytes: narrow(bytes),
            reserved: narrow(self.reasoning.len()),
        };
        if self.events.len() < EVENTS_MAX && room.take(size_of::<Event>()) {
            self.held += size_of::<Event>();
            self.events.push(event);
        } else {
            self.replace_last(event);
        }
    }

    /// There are too many events: the last row is that of the last one, so that the response ends when it did.
    #[cold]
    fn replace_last(&mut self, event: Event) {
        self.told.events_left_out = self.told.events_left_out.saturating_add(1);
        match self.events.last_mut() {
            // Its raw bytes stay where they are.
            Some(last) => *last = Event { bytes: last.bytes, ..event },
            None => self.events.push(event),
        }
    }

    /// Keeps an event's bytes for the raw export; gives how many. Once there was no room, none is kept any more.
    fn keep_raw(&mut self, bytes: &[u8], secrets: &Secrets, room: &mut Room) -> usize {
        let redacted = secrets.redacted(bytes);
        let fits = self.body.len() + redacted.len() <= RAW_BYTES_MAX && self.events.len() < EVENTS_MAX;
        if !self.lacks_bytes && fits && room.take(redacted.len()) {
            self.held += redacted.len();
            self.body.extend_from_slice(&redacted);
            return redacted.len();
        }
        self.lacks_bytes = true;
        self.leave_out(bytes.len());
        0
    }

    /// Of a refusal, only as much as the error's message needs, unless every byte is kept; gives how many were.
    #[cold]
    fn keep_refusal(&mut self, bytes: &[u8], keep: Keep<'_>, room: &mut Room) -> usize {
        if keep.raw {
            return self.keep_raw(bytes, keep.secrets, room);
        }
        // A key that begins within the message must be there whole to be found.
        let most = (MESSAGE_BYTES + keep.secrets.longest()).saturating_sub(self.body.len());
        let taken = self.take_room(bytes.len().min(most), room);
        self.body.extend_from_slice(&bytes[..taken]);
        taken
    }

    fn redact_body(&mut self, secrets: &Secrets) {
        if let std::borrow::Cow::Owned(redacted) = secrets.redacted(&self.body) {
            self.body = redacted;
        }
        if self.lacks_bytes && self.is_success() {
            // The end of what is there may be the beginning of a key.
            self.body.truncate(self.body.len().saturating_sub(secrets.longest()));
        }
    }

    fn take_room(&mut self, bytes: usize, room: &mut Room) -> usize {
        let taken = if room.take(bytes) { bytes } else { 0 };
        self.held += taken;
        taken
    }

    fn leave_out(&mut self, bytes: usize) {
        self.lacks_bytes |= bytes > 0;
        self.told.bytes_left_out += bytes as u64;
    }
}

/// What a body means that is too large to be parsed.
#[cold]
fn too_large() -> Reply<'static> {
    let most = BODY_BYTES_MAX >> 20;
    Reply::failed(
        "response_too_large",
        format!("the body is larger than {most} MiB, or too many are open at once"),
    )
}

/// A text that is no longer than `most` bytes.
fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.shrink_to_fit();
    }
    text
}

/// Texts and events of one response have bounds far below 4 GiB.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Bytes of a refusal's body that become the error's message.
pub(super) const MESSAGE_BYTES: usize = 1024;
/// Memory that is kept of each buffer for the next request.
const KEPT_BYTES: usize = 256 << 10;
