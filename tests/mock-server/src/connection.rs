//! One client: what it has sent so far, what it is being answered, and what the socket would not take yet.
//!
//! ```text
//!   readable -> input -> request -> course (when) + pieces (what) -> write -> log
//!                          |          ^                                |
//!                        slot?        +---- timer, or writable again --+
//! ```
//!
//! Where requests wait for slots, the course begins when the scheduler says so.
//!
//! `write` is what a client measures. It reads the clock right before and right after each write(2), and does
//! nothing between the two but the system call.

use std::mem;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown, sockopt};

use crate::api::{Api, Streams};
use crate::clock::{self, MonoNs};
use crate::fault::Fault;
use crate::jobs::Job;
use crate::log::{Event, Kind, Request};
use crate::prefix_cache::{PrefixCache, Prompt, prompt_of};
use crate::request::{Body, Fields, Head, Persistence, Rejected, Route, read_body, read_fields, read_head};
use crate::respond::{CONTINUE, JSON, MODELS_JSON, Pieces, Reply, Responder, error_json, reply};
use crate::scheduler::{Served, Work};
use crate::script::{Course, Delivery, Ending, Inference, Pace, Part};
use crate::server::Shared;
use crate::timers::Token;
use crate::tls::{End, Tls};

/// One client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    tls: Option<Box<Tls>>,
    token: Token,
    number: u64,
    peer_port: u16,
    /// Bytes that no request has been made of yet.
    input: Vec<u8>,
    /// The head at the start of `input`, once it is complete, so that it is read only once.
    head: Option<Head>,
    /// When the last read returned.
    read_at: MonoNs,
    /// What the peer may still send.
    peer: Peer,
    answer: Option<Answer>,
    /// The bytes of the answer's parts; kept between answers for its memory.
    pieces: Pieces,
    /// What the answer's next write carries.
    parts: Vec<Part>,
    /// What was written of the answer, for the log.
    events: Vec<Event>,
    /// Bytes of the response stream that the socket has taken.
    written: u64,
    /// Bytes that it has not taken yet; nothing else is written before them.
    pending: Vec<u8>,
    /// The events that end in bytes not taken yet, and where they end.
    marks: Vec<Mark>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It lives on.
    Lives,
    /// It is over.
    Dies,
}

impl Connection {
    /// A connection that was accepted.
    pub(crate) fn new(
        socket: OwnedFd,
        tls: Option<Box<Tls>>,
        token: Token,
        number: u64,
        peer_port: u16,
    ) -> Self {
        Self {
            socket,
            tls,
            token,
            number,
            peer_port,
            input: Vec::new(),
            head: None,
            read_at: MonoNs::default(),
            peer: Peer::Talks,
            answer: None,
            pieces: Pieces::default(),
            parts: Vec::new(),
            events: Vec::new(),
            written: 0,
            pending: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Reads all there is, and answers if a request is complete.
    ///
    /// Where a hangup was seen, the end of the stream is read too.
    pub(crate) fn on_readable(&mut self, hangup: Hangup, shared: &mut Shared) -> Fate {
        if shared.stall.is_planned() && shared.stall.covers(clock::now()) {
            shared.stall.sit_out();
        }
        let has_read = match self.tls.take() {
            None => self.read(hangup),
            Some(tls) => self.read_sealed(tls, hangup, shared),
        };
        if has_read == Fate::Dies {
            return Fate::Dies;
        }
        match self.peer {
            Peer::Ignored => {
                self.input.clear();
                Fate::Lives
            }
            Peer::GoneAfterAbandon => Fate::Dies,
            // As in real servers, who has gone is not served.
            Peer::Gone if shared.scheduler.is_some() && self.answer.is_some() => Fate::Dies,
            // A response in progress has its timer or waits for the socket; the next request follows it.
            _ if self.answer.is_some() => Fate::Lives,
            _ => self.proceed(shared),
        }
    }

    /// Writes what the socket would not accept before, and continues.
    pub(crate) fn on_writable(&mut self, shared: &mut Shared) -> Fate {
        if self.pending.is_empty() {
            return Fate::Lives;
        }
        let pending = mem::take(&mut self.pending);
        match self.write_raw(&pending, shared) {
            Fate::Lives => self.proceed(shared),
            Fate::Dies => Fate::Dies,
        }
    }

    /// Writes what is due.
    pub(crate) fn on_timer(&mut self, shared: &mut Shared) -> Fate {
        self.proceed(shared)
    }

    /// Begins the response to a request whose prefill is over.
    pub(crate) fn on_served(&mut self, served: Served, shared: &mut Shared) -> Fate {
        let Some(answer) = &mut self.answer else { return Fate::Lives };
        let Some(inference) = answer.waiting.take() else { return Fate::Lives };
        let pace = Pace { ttft: served.start.until(served.first), gap: served.gap };
        answer.course = Course::plan(&shared.script, &inference, pace, served.start);
        answer.next = Next::of(answer.course.next_write(&mut self.parts));
        if let Some(request) = &mut answer.request {
            request.served = Some(served);
        }
        self.proceed(shared)
    }

    /// Logs an answer that will not be finished.
    pub(crate) fn abandon_answer(&mut self, shared: &mut Shared) {
        let Some(answer) = self.answer.take() else { return };
        self.leave_slot(shared);
        if let Some(request) = answer.request {
            shared.log.add(request, &self.events);
            self.events.clear();
        }
    }

    /// Replies to the request to quit.
    pub(crate) fn reply_to_quit(&mut self, shared: &mut Shared) {
        self.start_reply(200, b"{}", Persistence::Close, None);
        // Whether the client is still there makes no difference any more.
        let _fate = self.proceed(shared);
    }

    /// Continues until the socket is full, the next part is not due, or there is no request left.
    fn proceed(&mut self, shared: &mut Shared) -> Fate {
        // All that is due at this instant is written; what is due later but late already waits for its turn among
        // the other connections.
        let mut instant = match self.answer.as_ref().map(|answer| answer.next) {
            Some(Next::Write(due)) => due,
            _ => self.read_at,
        };
        loop {
            if !self.pending.is_empty() {
                return Fate::Lives;
            }
            match self.answer.as_ref().map(|answer| answer.next) {
                None if self.start_answer(shared) => instant = self.read_at,
                None if self.peer == Peer::Talks => return Fate::Lives,
                None => return Fate::Dies,
                Some(Next::Slot) => return Fate::Lives,
                Some(Next::Write(due)) if due > instant => {
                    shared.timers.set(due, self.token);
                    return Fate::Lives;
                }
                Some(Next::Write(_)) => {
                    if self.write_parts(shared) == Fate::Dies {
                        return Fate::Dies;
                    }
                }
                Some(Next::End) => match self.end_answer(shared) {
                    Ending::KeepAlive => {}
                    Ending::Close => return Fate::Dies,
                    Ending::Reset => return self.reset(),
                    Ending::ShutdownWrite => {
                        self.peer = self.peer.ignored();
                        return match shutdown(&self.socket, Shutdown::Write) {
                            Ok(()) => self.peer.fate_when_ignored(),
                            Err(_) => Fate::Dies,
                        };
                    }
                    Ending::Abandon => {
                        self.peer = self.peer.ignored();
                        return self.peer.fate_when_ignored();
                    }
                },
            }
        }
    }

    fn read(&mut self, hangup: Hangup) -> Fate {
        loop {
            let known = self.head.as_ref().map_or(0, Head::length_with_body);
            self.input.reserve(known.saturating_sub(self.input.len()).max(READ_MIN));
            match rustix::io::read(&self.socket, spare_capacity(&mut self.input)) {
                Ok(0) => {
                    self.peer = self.peer.gone();
                    return Fate::Lives;
                }
                Ok(_) => {
                    self.read_at = clock::now();
                    // A read that leaves room has taken all there was, unless the end of the stream is next.
                    if self.input.len() < self.input.capacity() && hangup == Hangup::None {
                        return Fate::Lives;
                    }
                }
                Err(Errno::AGAIN) => return Fate::Lives,
                Err(Errno::INTR) => {}
                Err(_) => return Fate::Dies,
            }
        }
    }

    /// Reads all there is and decrypts it; TLS's own output is written.
    fn read_sealed(&mut self, mut tls: Box<Tls>, hangup: Hangup, shared: &mut Shared) -> Fate {
        let plain = mem::take(&mut self.input);
        let fate = self.read(hangup);
        let sealed = mem::replace(&mut self.input, plain);
        let mut out = Vec::new();
        let opened = tls.open(&sealed, &mut self.input, &mut shared.handshakes);
        // What is wrong is reported to the client, if possible.
        let result = tls.outgoing(&mut out);
        self.tls = Some(tls);
        if fate == Fate::Dies || self.write_raw(&out, shared) == Fate::Dies {
            return Fate::Dies;
        }
        if opened.is_ok() && result.is_ok() { Fate::Lives } else { Fate::Dies }
    }

    /// Makes an answer to the first request of the input; false if there is no complete one.
    fn start_answer(&mut self, shared: &mut Shared) -> bool {
        if self.input.is_empty() {
            return false;
        }
        let mut input = mem::take(&mut self.input);
        let taken = match self.answer_to(&input, shared) {
            Ok(taken) => taken,
            Err(Rejected(message)) => {
                let request = self.log_entry(shared.next_number(), None);
                let body = error_json(400, &message);
                self.start_reply(400, body.as_bytes(), Persistence::Close, Some(request));
                input.len()
            }
        };
        if taken == input.len() {
            input.clear();
        } else {
            input.drain(..taken);
        }
        self.input = input;
        self.answer.is_some()
    }

    /// Starts the response to the request at the start of `input`, and returns how many bytes the request has: `None` if it is
    /// not complete.
    fn answer_to(&mut self, input: &[u8], shared: &mut Shared) -> Result<usize, Rejected> {
        let head = match self.head.take() {
            Some(head) => head,
            None => match read_head(input)? {
                Some(head) => self.greet(head, input, shared),
                None => return Ok(0),
            },
        };
        let Some(body) = read_body(&head, &input[head.length..])? else {
            self.head = Some(head);
            return Ok(0);
        };
        let taken = head.length + body.length;
        match head.route {
            Route::Generate(api) => self.start_inference(api, head, &body, shared)?,
            Route::Video(number) => self.start_status(number, head, shared),
            Route::VideoContent(number) => self.start_content(number, head, shared),
            Route::Models => self.start_reply(200, MODELS_JSON.as_bytes(), head.persistence, None),
            Route::Head => self.start_reply(200, b"", head.persistence, None),
            Route::Version => self.start_reply(200, b"{\"version\":\"mock\"}", head.persistence, None),
            Route::Health => self.start_reply(200, b"{\"status\":\"ok\"}", head.persistence, None),
            Route::ResetCache => {
                shared.prefix_cache.iter_mut().for_each(PrefixCache::reset);
                self.start_reply(200, b"{\"status\":\"ok\"}", head.persistence, None);
            }
            Route::Metrics => {
                let metrics = shared.metrics(self.read_at);
                self.start_typed_reply("text/plain; version=0.0.4", &metrics, head.persistence, None);
            }
            Route::Log => {
                shared.save_log();
                let text = shared.log.to_text(shared.totals);
                self.start_typed_reply("application/jsonl", &text, head.persistence, None);
            }
            Route::Quit => shared.quit = Some(self.token),
            Route::Unknown => {
                let request = self.log_entry(shared.next_number(), head.request_id);
                self.start_unknown(head.persistence, request);
            }
        }
        Ok(taken)
    }

    /// Sends `100 Continue` to a client that waits for it before its body.
    fn greet(&mut self, head: Head, input: &[u8], shared: &mut Shared) -> Head {
        if head.expects_continue && input.len() == head.length {
            // A socket that fails here fails at the next read as well.
            let _fate = self.write(CONTINUE, shared);
        }
        head
    }

    fn start_inference(
        &mut self,
        api: &'static Api,
        head: Head,
        body: &Body<'_>,
        shared: &mut Shared,
    ) -> Result<(), Rejected> {
        let fields = read_fields(api, &head, &body.bytes)?;
        let mut inference = Inference {
            number: shared.next_number(),
            api,
            delivery: delivery_of(api, &head, &fields),
            tokens_max: fields.tokens_max(),
            include_usage: fields.include_usage(),
            prompt: prompt_of_length(body.bytes.len()),
            inputs: fields.inputs,
            persistence: head.persistence,
            fault: head.fault,
        };
        shared.stall.on_request(self.read_at);
        let number = inference.number;
        let mut request = self.log_entry(number, head.request_id);
        let keeps_body = shared.script.keeps_bodies;
        request.body = keeps_body.then(|| String::from_utf8_lossy(&body.bytes).into());
        let fault = shared.script.fault_of(&inference);
        let is_short = Responder::short(&inference, fault, &mut self.pieces);
        let takes_slot = !is_short && !api.is_job;
        if takes_slot {
            if shared.scheduler.as_mut().is_some_and(|scheduler| !scheduler.has_room(self.read_at)) {
                let error = error_json(503, "too many requests wait");
                self.start_reply(503, error.as_bytes(), head.persistence, Some(request));
                return Ok(());
            }
            if let Some(cache) = &mut shared.prefix_cache {
                inference.prompt = cache.look_up(&prompt_of(&body.bytes));
                request.cached_tokens = Some(inference.prompt.cached);
            }
        }
        let pace = shared.script.pace_of(&inference);
        let course = Course::plan(&shared.script, &inference, pace, self.read_at);
        let model = if fields.model.is_empty() { "mock-model" } else { &*fields.model };
        if api.is_job {
            inference.number = shared.jobs.start(Job {
                created: self.read_at,
                ready: self.read_at + shared.script.time_of_whole(&inference, pace),
                model: serde_json::to_string(model).expect("a string is always JSON"),
                fails: matches!(fault, Some(Fault::ErrorObject(_))),
            });
        }
        if !is_short {
            match inference.delivery {
                Delivery::Stream => {
                    shared.responder.stream(&inference, model, fault, course.runs(), &mut self.pieces);
                }
                Delivery::Whole => {
                    let tokens = shared.script.tokens_of(&inference);
                    shared.responder.whole(&inference, model, fault, tokens, &mut self.pieces);
                }
            }
        }
        let write_max = write_max_of(fault);
        match &mut shared.scheduler {
            Some(scheduler) if takes_slot => {
                let tokens = shared.script.tokens_of(&inference);
                let work = Work { token: self.token, prefill: pace.ttft, gap: pace.gap, tokens };
                scheduler.arrive(work, self.read_at);
                let waiting = Some(Box::new(inference));
                self.answer =
                    Some(Answer { course, next: Next::Slot, waiting, write_max, request: Some(request) });
            }
            _ => self.start(course, write_max, Some(request)),
        }
        Ok(())
    }

    /// Reports a job's status.
    fn start_status(&mut self, number: u64, head: Head, shared: &mut Shared) {
        let request_number = shared.next_number();
        let request = self.log_entry(request_number, head.request_id);
        let fault = shared.script.fault.filter(|_| request_number.is_multiple_of(shared.script.fault_every));
        let persistence =
            if fault == Some(Fault::ConnectionClose) { Persistence::Close } else { head.persistence };
        match shared.jobs.status(number, self.read_at) {
            Some(status) => self.start_reply(200, status.as_bytes(), persistence, Some(request)),
            None => self.start_unknown(persistence, request),
        }
        if fault == Some(Fault::HangUp) {
            self.answer =
                self.answer.take().map(|answer| Answer { course: answer.course.hanging_up(), ..answer });
        }
    }

    /// Sends what a job has made.
    fn start_content(&mut self, number: u64, head: Head, shared: &mut Shared) {
        let request = self.log_entry(shared.next_number(), head.request_id);
        match shared.jobs.content(number, self.read_at) {
            Some(content) => {
                self.start_typed_reply("video/mp4", &content, head.persistence, Some(request));
            }
            None => self.start_unknown(head.persistence, request),
        }
    }

    fn start_unknown(&mut self, persistence: Persistence, request: Request) {
        let body = error_json(404, "no such route");
        self.start_reply(404, body.as_bytes(), persistence, Some(request));
    }

    fn start_reply(&mut self, status: u16, body: &[u8], persistence: Persistence, request: Option<Request>) {
        let part = if status < 400 { Part::Body } else { Part::ErrorBody };
        reply(&Reply { status, content_type: JSON, body, part, persistence }, &mut self.pieces);
        self.start(Course::reply(part, persistence, self.read_at), usize::MAX, request);
    }

    fn start_typed_reply(
        &mut self,
        content_type: &str,
        body: &[u8],
        persistence: Persistence,
        request: Option<Request>,
    ) {
        reply(&Reply { status: 200, content_type, body, part: Part::Body, persistence }, &mut self.pieces);
        self.start(Course::reply(Part::Body, persistence, self.read_at), usize::MAX, request);
    }

    fn start(&mut self, mut course: Course, write_max: usize, request: Option<Request>) {
        let next = Next::of(course.next_write(&mut self.parts));
        self.answer = Some(Answer { course, next, waiting: None, write_max, request });
    }

    fn log_entry(&self, number: u64, request_id: Option<Box<str>>) -> Request {
        Request {
            request_id,
            number,
            connection: self.number,
            peer_port: self.peer_port,
            read: self.read_at,
            response_begin: self.written,
            body: None,
            cached_tokens: None,
            served: None,
        }
    }

    /// Writes the parts that are next, and looks up when those after them are due.
    fn write_parts(&mut self, shared: &mut Shared) -> Fate {
        let mut out = mem::take(&mut shared.out);
        out.clear();
        for part in &self.parts {
            let end = self.pieces.append_to(*part, &mut out);
            if let Some(kind) = part.kind() {
                self.marks
                    .push(Mark { kind, end: self.written + u64::try_from(end).expect("a length fits") });
            }
        }
        if let Some(answer) = &mut self.answer {
            answer.next = Next::of(answer.course.next_write(&mut self.parts));
        }
        let fate = self.write(&out, shared);
        shared.out = out;
        fate
    }

    /// Writes bytes, sealed if need be, and logs the events that end in them.
    fn write(&mut self, bytes: &[u8], shared: &mut Shared) -> Fate {
        let Some(tls) = &mut self.tls else { return self.write_raw(bytes, shared) };
        let mut sealed = Vec::with_capacity(bytes.len() + RECORD_ROOM);
        let Ok(ends) = tls.seal(bytes, &mut sealed) else { return Fate::Dies };
        let length = |length: usize| u64::try_from(length).expect("a length fits");
        for mark in &mut self.marks {
            // The client has an event when it has the whole of the record in which the event ends.
            let within = |end: &&End| self.written + length(end.plain) >= mark.end;
            if let Some(end) = ends.iter().find(within) {
                mark.end = self.written + length(end.sealed);
            }
        }
        self.write_raw(&sealed, shared)
    }

    /// Writes bytes as they are and logs the events that end in them; what the socket does not take is kept.
    fn write_raw(&mut self, bytes: &[u8], shared: &mut Shared) -> Fate {
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(bytes);
            return Fate::Lives;
        }
        let write_max = self.answer.as_ref().map_or(usize::MAX, |answer| answer.write_max);
        let mut rest = bytes;
        while !rest.is_empty() {
            let now = &rest[..rest.len().min(write_max)];
            let mut before = clock::now();
            if shared.stall.covers(before) {
                before = shared.stall.sit_out();
            }
            match rustix::io::write(&self.socket, now) {
                Ok(count) => {
                    let after = clock::now();
                    rest = &rest[count..];
                    let count = u64::try_from(count).expect("a length fits");
                    self.written += count;
                    shared.totals.bytes += count;
                    self.log_marks(before, after);
                }
                Err(Errno::AGAIN) => {
                    self.keep(rest, shared);
                    return Fate::Lives;
                }
                Err(Errno::INTR) => {}
                Err(_) => return Fate::Dies,
            }
        }
        Fate::Lives
    }

    #[inline]
    fn log_marks(&mut self, before: MonoNs, after: MonoNs) {
        let over = self.marks.iter().take_while(|mark| mark.end <= self.written).count();
        self.events.extend(self.marks[..over].iter().map(|mark| Event {
            before,
            after,
            end: mark.end,
            kind: mark.kind,
        }));
        if over == self.marks.len() {
            self.marks.clear();
        } else {
            self.marks.drain(..over);
        }
    }

    #[cold]
    #[inline(never)]
    fn keep(&mut self, rest: &[u8], shared: &mut Shared) {
        shared.blocked_writes += 1;
        self.pending.extend_from_slice(rest);
    }

    /// Logs the answer that is over.
    fn end_answer(&mut self, shared: &mut Shared) -> Ending {
        let Some(answer) = self.answer.take() else {
            return Ending::KeepAlive;
        };
        self.leave_slot(shared);
        if let Some(request) = answer.request {
            shared.log.add(request, &self.events);
        }
        self.events.clear();
        answer.course.ending()
    }

    /// Frees the slot of an answer that is over, if it was not due to be free already.
    fn leave_slot(&self, shared: &mut Shared) {
        if let Some(scheduler) = &mut shared.scheduler {
            scheduler.leave(self.token, clock::now());
        }
    }

    #[cold]
    #[inline(never)]
    fn reset(&self) -> Fate {
        // To linger for no time makes the close a reset.
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO)).expect("a TCP socket can linger");
        Fate::Dies
    }
}

/// Whether the client will send no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// It has not.
    None,
    /// It has.
    Seen,
}

/// What the peer may still send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// Requests.
    Talks,
    /// Nothing; its earlier requests are still answered.
    Gone,
    /// Nothing that is listened to but its end.
    Ignored,
    /// Nothing, and nothing is sent to it either.
    GoneAfterAbandon,
}

impl Peer {
    fn gone(self) -> Self {
        match self {
            Self::Talks | Self::Gone => Self::Gone,
            Self::Ignored | Self::GoneAfterAbandon => Self::GoneAfterAbandon,
        }
    }

    fn ignored(self) -> Self {
        match self {
            Self::Talks | Self::Ignored => Self::Ignored,
            Self::Gone | Self::GoneAfterAbandon => Self::GoneAfterAbandon,
        }
    }

    fn fate_when_ignored(self) -> Fate {
        if self == Self::GoneAfterAbandon { Fate::Dies } else { Fate::Lives }
    }
}

/// A response in progress.
#[derive(Debug)]
struct Answer {
    course: Course,
    next: Next,
    /// What was requested, as long as it waits for a slot.
    waiting: Option<Box<Inference>>,
    /// The most bytes that one write may carry.
    write_max: usize,
    /// The line in the log; none for what is not logged.
    request: Option<Request>,
}

/// How the reply to a request is delivered.
fn delivery_of(api: &Api, head: &Head, fields: &Fields<'_>) -> Delivery {
    let is_stream = match api.streams {
        Streams::Field => fields.stream == Some(true),
        Streams::Accept => head.accepts_events,
        Streams::Always => true,
        Streams::Never => false,
    };
    if is_stream { Delivery::Stream } else { Delivery::Whole }
}

/// The most bytes that one write may carry.
fn write_max_of(fault: Option<Fault>) -> usize {
    match fault {
        Some(Fault::Trickle) => 1,
        Some(Fault::Split(bytes)) => usize::try_from(bytes.max(1)).expect("a length fits"),
        _ => usize::MAX,
    }
}

/// What a response waits for.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// A slot, and then its prefill.
    Slot,
    /// The instant at which the next parts are due.
    Write(MonoNs),
    /// Nothing: all is written.
    End,
}

impl Next {
    fn of(due: Option<MonoNs>) -> Self {
        due.map_or(Self::End, Self::Write)
    }
}

/// An event in the bytes that are on their way.
#[derive(Clone, Copy, Debug)]
struct Mark {
    kind: Kind,
    end: u64,
}

/// The prompt of a request whose body has so many bytes, where none are looked into.
fn prompt_of_length(bytes: usize) -> Prompt {
    Prompt { tokens: u64::try_from(bytes / BYTES_PER_PROMPT_TOKEN).expect("a length fits"), cached: 0 }
}

/// What records add to a write of ordinary length.
const RECORD_ROOM: usize = 256;

/// The least room to read into.
const READ_MIN: usize = 4096;

/// The prompt is taken to have one token for every four bytes of the request's body.
const BYTES_PER_PROMPT_TOKEN: usize = 4;
