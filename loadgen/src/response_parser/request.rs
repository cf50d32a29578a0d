//! One open request: what has been parsed of its response so far.

use super::decoding::{Decoded, Decoding, Failure};
use super::facts::Facts;
use super::room::Room;
use super::tokens::{CHOICES_MAX, Ends, Other};
use crate::bounds::{
    BODY_BYTES_MAX, ERROR_BYTES_MAX, ERROR_TYPE_BYTES_MAX, EVENTS_MAX, HISTOGRAM_BYTES_MAX, RAW_BYTES_MAX,
    TEXT_BYTES_MAX,
};
use crate::secrets::Secrets;
use crate::wire::coding::Coding;
use common::client_event::{RecordHeader, Sent};
use common::id::ConnectionId;
use common::reply_event::{EVENT_STREAM, Event, EventKind, ONE_BODY, RequestEnded, UNKNOWN, known};
use endpoint::{Choice, Endpoint, Extras, Reply, ReplyError, SpecDecode, spec_decode, sse};
use tokenizer::Tokenizer;

/// A request whose end has not been read.
#[derive(Default)]
pub(super) struct Request {
    /// The message, as far as it is known.
    pub(super) report: RequestEnded,
    /// Until the request ends, an event's `tokens` and `reserved` hold the lengths of both texts at its end.
    pub(super) events: Vec<Event>,
    /// The connection on which its response arrives, if it is another one.
    pub(super) moved_to: Option<ConnectionId>,
    /// The response's head.
    pub(super) head: Vec<u8>,
    /// The body; of a stream its events' bytes, if they are kept.
    pub(super) body: Vec<u8>,
    /// The first error that the stream reported.
    pub(super) error: Option<ReplyError>,
    pub(super) has_content: bool,
    /// The endpoint and the facts, if they were given with the request.
    pub(super) known: Option<(&'static dyn Endpoint, Facts)>,
    /// Whether the record of its start was read.
    pub(super) has_start: bool,
    /// The names that its sender gave it and its model, if the sender is another client.
    pub(super) names: Names,
    spec_decode: Option<SpecDecode>,
    /// Of a compressed body.
    decoding: Option<Box<Decoding>>,
    /// Bytes of the body so far, and its last piece.
    body_bytes: u64,
    last_piece: Event,
    answer: String,
    reasoning: String,
    /// If several answers were requested: the texts of those after the first.
    others: Vec<Other>,
    others_bytes: usize,
    /// Whether its stream had an end marker, and whether it should have had one and did not.
    pub(super) has_end: bool,
    pub(super) is_cut_off: bool,
    /// Bytes that it uses of the room that all open requests share.
    held: usize,
    /// Whether some of its texts were left out: then their tokens can't be counted.
    lacks_text: bool,
    /// Whether some of its body, or of its raw bytes, was left out: then no more of it is kept.
    lacks_bytes: bool,
    /// Bytes of buffers that it keeps for the next request.
    pub(super) kept: usize,
}

/// The names in a request that another client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The model that it requests.
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
        room.give_back_decoder(self.decoding.as_ref().map_or(0, |decoding| decoding.memory()));
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
        self.has_start = true;
        self.report.session = sent.session;
        self.report.lineage = sent.lineage;
        self.report.due = sent.due;
        self.report.submitted = header.time;
        self.report.sent_begin = sent.begin;
        self.report.sent_end = header.end;
        self.report.response_begin = sent.response_begin;
        self.report.connection = sent.connection;
        self.report.reused = sent.reused;
        self.report.entry = sent.entry;
        self.report.turn = sent.turn;
        self.report.phase = sent.phase;
    }

    /// The response's head arrived.
    pub(super) fn head(&mut self, header: &RecordHeader, bytes: &[u8]) {
        self.report.status = u32::from(header.detail);
        self.report.head_reaped = header.time;
        self.report.head_end = header.end;
        self.head.clear();
        // A head has a bound where it is cut.
        self.head.extend_from_slice(bytes);
        self.decoding = Decoding::of(bytes, self.is_success()).map(Box::new);
    }

    /// An event of the stream arrived.
    pub(super) fn event(
        &mut self,
        header: &RecordHeader,
        bytes: &[u8],
        endpoint: &dyn Endpoint,
        keep: Keep<'_>,
        room: &mut Room,
    ) {
        self.report.body = EVENT_STREAM;
        if !self.is_success() {
            let kept = self.keep_refusal(bytes, keep, room);
            return self.push(header, EventKind::Error, if keep.raw { kept } else { bytes.len() }, room);
        }
        let fields = sse::fields(bytes);
        let reply = match fields.error() {
            Some(reply) => Some(reply),
            None if fields.data.is_empty() => None,
            None => fields.meaning(endpoint),
        };
        // A comment, a keep-alive or an event without data is not part of the answer, even as the first event.
        let Some(reply) = reply else {
            self.report.bare_events = self.report.bare_events.saturating_add(1);
            return;
        };
        let length = if keep.raw { self.keep_raw(bytes, keep.secrets, room) } else { bytes.len() };
        let kind = self.take_in(reply, keep, room);
        self.push(header, kind, length, room);
    }

    /// A piece of a body arrived that is no stream, or is compressed.
    pub(super) fn piece(
        &mut self,
        header: &RecordHeader,
        bytes: &[u8],
        endpoint: &dyn Endpoint,
        keep: Keep<'_>,
        room: &mut Room,
    ) {
        match self.decoding.take() {
            Some(decoding) => self.coded_piece(decoding, header, bytes, endpoint, keep, room),
            None => self.plain_piece(header, bytes, keep, room),
        }
    }

    /// A piece of a compressed body arrived: what it decodes to ended where the compressed bytes did from which it was decoded.
    #[cold]
    fn coded_piece(
        &mut self,
        mut decoding: Box<Decoding>,
        header: &RecordHeader,
        bytes: &[u8],
        endpoint: &dyn Endpoint,
        keep: Keep<'_>,
        room: &mut Room,
    ) {
        // Of an encrypted connection no byte was there before the last one of its record.
        let is_sealed = header.detail != 0;
        decoding.prepare(bytes, room);
        decoding.feed(bytes, |decoded, behind| {
            let end = header.end.saturating_sub(if is_sealed { 0 } else { behind as u64 });
            self.decoded(decoded, &RecordHeader { end, ..*header }, endpoint, keep, room);
        });
        decoding.account(room);
        self.decoding = Some(decoding);
        self.last_piece = Event { reaped: header.time, end: header.end, ..Event::default() };
    }

    fn decoded(
        &mut self,
        decoded: Decoded<'_>,
        header: &RecordHeader,
        endpoint: &dyn Endpoint,
        keep: Keep<'_>,
        room: &mut Room,
    ) {
        match decoded {
            Decoded::Event(event) => self.event(header, event, endpoint, keep, room),
            Decoded::Piece(piece) => self.plain_piece(header, piece, keep, room),
        }
    }

    /// A compressed body is complete: decodes the rest of it. If it can't be decoded, the request failed; for the body of an
    /// error response the error message states it.
    #[cold]
    fn coding_ended(
        &mut self,
        mut decoding: Box<Decoding>,
        endpoint: &dyn Endpoint,
        keep: Keep<'_>,
        room: &mut Room,
    ) -> bool {
        let header = RecordHeader {
            time: self.last_piece.reaped,
            end: self.last_piece.end,
            ..RecordHeader::default()
        };
        decoding.finish(|decoded| self.decoded(decoded, &header, endpoint, keep, room));
        let failure = decoding.failure();
        if let Some(failure) = failure {
            let (_, name) = Coding::of_head(&self.head);
            let message = failure.message(&String::from_utf8_lossy(name));
            if self.is_success() {
                let kind = "content_encoding".to_owned();
                self.error.get_or_insert(ReplyError { kind, message });
            } else {
                self.body.clear();
                self.body.extend_from_slice(message.as_bytes());
            }
        }
        self.decoding = Some(decoding);
        failure == Some(Failure::NoRoom)
    }

    /// A piece of a body arrived that is no stream.
    fn plain_piece(&mut self, header: &RecordHeader, bytes: &[u8], keep: Keep<'_>, room: &mut Room) {
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

    /// All pieces of the body are there; returns whether they could not be decoded because too many others were being decoded.
    pub(super) fn body_is_whole(&mut self, endpoint: &dyn Endpoint, keep: Keep<'_>, room: &mut Room) -> bool {
        let has_no_room =
            self.decoding.take().is_some_and(|decoding| self.coding_ended(decoding, endpoint, keep, room));
        if self.body_bytes == 0 {
            return has_no_room;
        }
        self.report.body = ONE_BODY;
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
        has_no_room
    }

    /// Counts tokens: all together, and for each event those whose last byte it brought.
    ///
    /// Returns whether there was a text that the tokenizer can't count.
    pub(super) fn count_tokens(&mut self, tokenizer: Option<&Tokenizer>) -> bool {
        let counted =
            tokenizer.filter(|_| !self.lacks_text).and_then(|tokenizer| self.tokens_by_event(tokenizer));
        let (answer, reasoning) = counted.unwrap_or_else(|| {
            for event in &mut self.events {
                (event.tokens, event.reserved) = (UNKNOWN, 0);
            }
            (UNKNOWN, UNKNOWN)
        });
        (self.report.output_tokens, self.report.reasoning_tokens) = (answer, reasoning);
        tokenizer.is_some() && counted.is_none()
    }

    /// Sets each event's tokens, those of all answers together; returns the numbers of answer and of reasoning tokens.
    fn tokens_by_event(&mut self, tokenizer: &Tokenizer) -> Option<(u32, u32)> {
        let (mut answer, mut reasoning, mut ends) = Ends::of(tokenizer, &self.answer, &self.reasoning)?;
        let others = self.others.iter().map(|other| other.counted(tokenizer)).collect::<Option<Vec<_>>>()?;
        for event in &mut self.events {
            (event.tokens, event.reserved) = (ends.up_to(event.tokens, event.reserved), 0);
        }
        let last = self.events.len().saturating_sub(1);
        for other in others {
            answer = answer.saturating_add(other.answer);
            reasoning = reasoning.saturating_add(other.reasoning);
            for (event, tokens) in other.brought {
                // Tokens without an event of their own arrived with the last one.
                if let Some(event) = self.events.get_mut(last.min(event as usize)) {
                    event.tokens = event.tokens.saturating_add(tokens);
                }
            }
        }
        Some((answer, reasoning))
    }

    /// Uses the server's counts as ours.
    pub(super) fn take_server_counts(&mut self) {
        let usage = &self.report.usage;
        let reasoning = known(usage.reasoning);
        let output = known(usage.completion).map(|all| all.saturating_sub(reasoning.unwrap_or(0)));
        self.report.input_tokens = usage.prompt;
        self.report.output_tokens = output.unwrap_or(UNKNOWN);
        self.report.reasoning_tokens = reasoning.unwrap_or(UNKNOWN);
    }

    /// Copies the reported draft token counts into the message; returns the histogram that belongs to them.
    pub(super) fn drafts_histogram(&mut self) -> String {
        let Some(SpecDecode::Reported { drafts, histogram }) = &self.spec_decode else {
            return String::new();
        };
        self.report.drafts = *drafts;
        let written = spec_decode::written(histogram);
        if written.len() > HISTOGRAM_BYTES_MAX { String::new() } else { written }
    }

    /// The text that later turns of the session contain: the answer, or the reasoning if there was nothing else.
    pub(super) fn answered(&self) -> &str {
        if self.answer.is_empty() { &self.reasoning } else { &self.answer }
    }

    /// Whether it is a stream that succeeded and has content.
    pub(super) fn is_answering_stream(&self) -> bool {
        self.is_success() && self.body_bytes == 0 && self.has_content && self.error.is_none()
    }

    pub(super) const fn is_success(&self) -> bool {
        self.report.status / 100 == 2
    }

    /// Whether anything of it was left out.
    pub(super) const fn exceeds(&self) -> bool {
        self.report.events_left_out > 0 || self.report.bytes_left_out > 0
    }

    /// The end of what is known of its response.
    pub(super) fn latest_end(&self) -> u64 {
        let events = self.events.last().map_or(0, |event| event.end);
        let report = &self.report;
        [events, self.last_piece.end, report.head_end, report.response_begin].into_iter().max().unwrap_or(0)
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
        let is_first = reply.kind.is_content() && !self.has_content;
        self.has_content |= reply.kind.is_content();
        self.has_end |= reply.kind == EventKind::Done || !reply.finish_reason.is_empty();
        if let Some(usage) = reply.usage {
            if is_first {
                // A later count is of more than the first chunk.
                self.report.first_chunk_tokens = known(usage.completion).unwrap_or(0);
            }
            self.report.usage.update(&usage);
        }
        if keep.texts {
            self.take_text(reply.content.len() + reply.tool_call.len() + reply.reasoning.len(), room);
            if !self.lacks_text {
                self.answer.push_str(&reply.content);
                self.answer.push_str(&reply.tool_call);
                self.reasoning.push_str(&reply.reasoning);
            }
            if !reply.others.is_empty() {
                self.take_others(&reply.others, room);
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

    /// Takes room for texts; once there is none, no more text of this response is kept.
    #[inline]
    fn take_text(&mut self, length: usize, room: &mut Room) {
        let there = self.answer.len() + self.reasoning.len() + self.others_bytes;
        if !self.lacks_text && there + length <= TEXT_BYTES_MAX && room.take(length) {
            self.held += length;
        } else if length > 0 {
            self.lacks_text = true;
            self.report.bytes_left_out += length as u64;
        }
    }

    /// Adds the texts of answers after the first.
    #[cold]
    fn take_others(&mut self, others: &[Choice<'_>], room: &mut Room) {
        let event = narrow(self.events.len());
        for choice in others {
            let length = choice.content.len() + choice.tool_call.len() + choice.reasoning.len();
            self.take_text(length + Other::MARK_BYTES, room);
            if self.lacks_text {
                return;
            }
            self.others_bytes += length;
            // More than any API returns are counted as one.
            let place = (choice.index.min(CHOICES_MAX) as usize).saturating_sub(1);
            if self.others.len() <= place {
                self.others.resize_with(place + 1, Other::default);
            }
            if let Some(other) = self.others.get_mut(place) {
                other.take(choice, event);
            }
        }
    }

    #[cold]
    fn take_extras(&mut self, Extras { spec_decode, video_seconds, video_megabytes, .. }: Extras) {
        if let Some(report) = spec_decode {
            self.spec_decode = Some(report.and(self.spec_decode.take()));
        }
        (self.report.video_seconds, self.report.video_megabytes) = (video_seconds, video_megabytes);
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
        self.report.events_left_out = self.report.events_left_out.saturating_add(1);
        match self.events.last_mut() {
            // Its raw bytes stay where they are.
            Some(last) => *last = Event { bytes: last.bytes, ..event },
            None => self.events.push(event),
        }
    }

    /// Keeps an event's bytes for the raw export; returns how many. Once there was no room, none is kept any more.
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

    /// Of an error response, keeps only as much as the error's message needs, unless every byte is kept; returns how many were.
    #[cold]
    fn keep_refusal(&mut self, bytes: &[u8], keep: Keep<'_>, room: &mut Room) -> usize {
        if keep.raw {
            return self.keep_raw(bytes, keep.secrets, room);
        }
        // A key that starts within the message must be there whole to be found.
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
            // The end of what is there may be the start of a key.
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
        self.report.bytes_left_out += bytes as u64;
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
