//! The bytes of every part of a response: heads, server-sent events, JSON bodies, and the ones that are wrong.
//!
//! The events of a stream differ only in the response's id, so they are made once per model and copied after
//! that; the sixteen digits of the id are patched in.

use crate::api::{Api, Cached, Event, Values, filled};
use crate::fault::Fault;
use crate::log::push_decimal;
use crate::request::Persistence;
use crate::script::{Inference, Part, Run};

/// How server-sent events are spelled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// What ends a line.
    pub(crate) line_end: LineEnd,
    /// What precedes each event.
    pub(crate) preamble: Preamble,
    /// The number of lines in the data of an event.
    pub(crate) data_lines: DataLines,
    /// Whether the usage chunk reports drafted tokens.
    pub(crate) drafts: bool,
    /// Whether the usage reports how much of the prompt was cached.
    pub(crate) reports_cached: bool,
}

/// What ends a line of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LineEnd {
    /// A line feed.
    Lf,
    /// A carriage return and a line feed.
    Crlf,
    /// A carriage return.
    Cr,
}

/// What precedes each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preamble {
    /// Nothing.
    None,
    /// A comment line.
    Comment,
}

/// The number of lines in the data of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataLines {
    /// One `data:` line.
    One,
    /// Two, which a client has to join.
    Two,
}

/// The bytes of the parts of one response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    spans: [Span; Part::COUNT],
}

/// Makes responses.
#[derive(Debug)]
pub(crate) struct Responder {
    style: Style,
    created: u64,
    templates: Vec<Template>,
}

/// The content of a reply that is no inference.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    /// The status.
    pub(crate) status: u16,
    /// The content type.
    pub(crate) content_type: &'a str,
    /// The body.
    pub(crate) body: &'a [u8],
    /// Whether it is logged as a body or as an error.
    pub(crate) part: Part,
    /// Whether the connection lives on.
    pub(crate) persistence: Persistence,
}

impl Pieces {
    /// Appends a part, and returns where in `out` its event ends.
    pub(crate) fn append_to(&self, part: Part, out: &mut Vec<u8>) -> usize {
        let span = self.spans[part as usize];
        let event_end = out.len() + span.event_length;
        out.extend_from_slice(&self.bytes[span.begin..span.end]);
        event_end
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.spans = [Span::default(); Part::COUNT];
    }

    fn copy_from(&mut self, other: &Self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&other.bytes);
        self.spans = other.spans;
    }

    /// Adds a part: the event and what frames it.
    fn add(&mut self, part: Part, before: &[u8], event: &[u8], after: &[u8]) {
        let begin = self.bytes.len();
        for piece in [before, event, after] {
            self.bytes.extend_from_slice(piece);
        }
        let event_length = before.len() + event.len();
        self.spans[part as usize] = Span { begin, end: self.bytes.len(), event_length };
    }

    fn length_of(&self, part: Part) -> usize {
        let span = self.spans[part as usize];
        span.end - span.begin
    }
}

impl Responder {
    /// A responder whose replies have the creation time `created`, in seconds since the Unix epoch.
    pub(crate) fn new(style: Style, created: u64) -> Self {
        Self { style, created, templates: Vec::new() }
    }

    /// Makes the parts of a streamed inference with these `runs`.
    pub(crate) fn stream(
        &mut self,
        inference: &Inference,
        model: &str,
        fault: Option<Fault>,
        runs: &[Run],
        pieces: &mut Pieces,
    ) {
        let own = if fault.is_none() {
            let template = self.cached_template(inference.api, model);
            template.fill(inference.number, pieces);
            template.own
        } else {
            let template = Template::new(self.style, self.created, inference.api, model, fault);
            template.fill(inference.number, pieces);
            template.own
        };
        for part in own.iter().filter(|part| runs.iter().any(|run| run.part == **part)) {
            let values = self.values(inference, model, token_count(runs));
            let mut event = spelled(self.style, inference.api.events(*part), &values.of());
            if self.style.drafts
                && *part == Part::Usage
                && let Some(end) = event.rfind('}')
            {
                event.insert_str(end, &drafts(values.tokens));
            }
            frame(pieces, Framing::of(fault), *part, event.as_bytes(), b"");
        }
        if fault.is_some() || inference.persistence == Persistence::Close {
            let body_length = runs
                .iter()
                .filter(|run| run.part.is_body())
                .map(|run| pieces.length_of(run.part) * usize::try_from(run.count).expect("a count fits"))
                .sum();
            let framing = Framing::of(fault);
            let head = head_of(fault, framing, EVENT_STREAM, body_length, inference.persistence);
            add_head(pieces, &head);
        }
    }

    /// Makes the head and the body of an inference that is not streamed.
    pub(crate) fn whole(
        &self,
        inference: &Inference,
        model: &str,
        fault: Option<Fault>,
        tokens: u32,
        pieces: &mut Pieces,
    ) {
        pieces.clear();
        let body = whole(&self.values(inference, model, tokens.into()).of(), inference);
        let framing = if fault == Some(Fault::BadChunk) { Framing::Chunked } else { Framing::Length };
        pieces.add(Part::Body, b"", body.as_bytes(), b"");
        pieces.add(Part::BrokenChunk, BROKEN_SIZE, body.as_bytes(), b"\r\n");
        pieces.add(Part::Interim, INTERIM, b"", b"");
        let head = head_of(fault, framing, inference.api.content_type, body.len(), inference.persistence);
        add_head(pieces, &head);
    }

    /// Makes the parts of a response that a fault cuts short; false if `fault` does not.
    pub(crate) fn short(inference: &Inference, fault: Option<Fault>, pieces: &mut Pieces) -> bool {
        pieces.clear();
        match fault {
            Some(Fault::Never | Fault::AcceptClose) => {}
            Some(Fault::Garbage) => pieces.add(Part::ErrorBody, b"", &garbage(inference.number), b""),
            Some(Fault::Status(status)) => {
                let body = error_json(status, "the mock server's script demands this");
                let persistence = inference.persistence;
                reply(
                    &Reply {
                        status,
                        content_type: JSON,
                        body: body.as_bytes(),
                        part: Part::ErrorBody,
                        persistence,
                    },
                    pieces,
                );
            }
            Some(Fault::Redirect(_) | Fault::Empty) => {
                let head = head_of(fault, Framing::Length, JSON, 0, inference.persistence);
                add_head(pieces, &head);
            }
            _ => return false,
        }
        true
    }

    fn values(&self, inference: &Inference, model: &str, tokens: u64) -> Own {
        Own {
            id: String::from_utf8_lossy(&id_digits(inference.number)).into_owned(),
            created: self.created,
            model: serde_json::to_string(model).expect("a string is always JSON"),
            prompt: inference.prompt.tokens,
            cached: if self.style.reports_cached {
                Cached::Tokens(inference.prompt.cached)
            } else {
                Cached::NotReported
            },
            tokens,
        }
    }

    fn cached_template(&mut self, api: &'static Api, model: &str) -> &Template {
        let known = self.templates.iter().position(|template| template.api == api && template.model == model);
        let index = known.unwrap_or_else(|| {
            if self.templates.len() == TEMPLATES_MAX {
                self.templates.clear();
            }
            self.templates.push(Template::new(self.style, self.created, api, model, None));
            self.templates.len() - 1
        });
        &self.templates[index]
    }
}

/// Makes the head and the body of a reply that is no inference.
pub(crate) fn reply(reply: &Reply<'_>, pieces: &mut Pieces) {
    pieces.clear();
    pieces.add(reply.part, b"", reply.body, b"");
    let mut head = first_line(reply.status);
    head.push_str(&format!(
        "content-type: {}\r\ncontent-length: {}\r\n",
        reply.content_type,
        reply.body.len()
    ));
    push_persistence(reply.persistence, &mut head);
    add_head(pieces, &head);
}

/// The JSON of an error.
pub(crate) fn error_json(status: u16, message: &str) -> String {
    let message = serde_json::to_string(message).expect("a string is always JSON");
    format!(
        "{{\"error\":{{\"message\":{message},\"type\":\"{}\",\"param\":null,\"code\":{status}}}}}",
        reason(status)
    )
}

/// The list of models.
pub(crate) const MODELS_JSON: &str = concat!(
    r#"{"object":"list","data":[{"id":"mock-model","object":"model","created":0,"#,
    r#""owned_by":"mock-server"}]}"#
);

/// The content type of JSON.
pub(crate) const JSON: &str = "application/json";

/// What a client that expects it receives before it sends its body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Where in the bytes a part lies, and how far its event reaches into it.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    begin: usize,
    end: usize,
    event_length: usize,
}

/// How the body of a response is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Chunked,
    Length,
    UntilClose,
}

impl Framing {
    fn of(fault: Option<Fault>) -> Self {
        match fault {
            Some(Fault::ConnectionClose) => Self::UntilClose,
            Some(Fault::ContentLength) => Self::Length,
            _ => Self::Chunked,
        }
    }
}

/// The parts of a stream before the response's id is known.
#[derive(Debug)]
struct Template {
    api: &'static Api,
    model: String,
    pieces: Pieces,
    ids: Vec<usize>,
    /// Parts that differ in more than the id.
    own: &'static [Part],
}

impl Template {
    fn new(style: Style, created: u64, api: &'static Api, model: &str, fault: Option<Fault>) -> Self {
        let framing = Framing::of(fault);
        let mut pieces = Pieces::default();
        let quoted = serde_json::to_string(model).expect("a string is always JSON");
        let values = Values {
            id: UNKNOWN_ID,
            created,
            model: &quoted,
            prompt: 0,
            cached: Cached::NotReported,
            tokens: 0,
        };
        let end_of_body: &[u8] = match (framing, fault) {
            (Framing::Chunked, Some(Fault::Trailers)) => {
                b"0\r\nx-mock-trailer: one\r\nx-mock-time: 0\r\n\r\n"
            }
            (Framing::Chunked, _) => b"0\r\n\r\n",
            _ => b"",
        };
        for (part, events) in api.parts {
            let event = spelled(style, events, &values);
            let after = if *part == Part::Done { end_of_body } else { b"" };
            frame(&mut pieces, framing, *part, event.as_bytes(), after);
            if *part == Part::Last {
                pieces.add(Part::BrokenChunk, BROKEN_SIZE, event.as_bytes(), b"\r\n");
            }
        }
        let error_name = matches!(fault, Some(Fault::ErrorEvent(_))).then_some("error");
        let error = sse(style, error_name, &error_json(500, "the mock server's script demands this"));
        frame(&mut pieces, framing, Part::Error, error.as_bytes(), b"");
        pieces.add(Part::End, end_of_body, b"", b"");
        pieces.add(Part::Interim, INTERIM, b"", b"");
        add_head(&mut pieces, &head_of(fault, framing, EVENT_STREAM, 0, Persistence::KeepAlive));
        let ids = memchr::memmem::find_iter(&pieces.bytes, UNKNOWN_ID).collect();
        let is_own = |part: &Part| api.events(*part).iter().any(Event::is_of_one_reply);
        let own: &[Part] = match (is_own(&Part::Role), is_own(&Part::Last)) {
            (true, _) => &[Part::Role, Part::Usage],
            (_, true) => &[Part::Last],
            _ => &[Part::Usage],
        };
        Self { api, model: model.to_owned(), pieces, ids, own }
    }

    fn fill(&self, number: u64, pieces: &mut Pieces) {
        pieces.copy_from(&self.pieces);
        let digits = id_digits(number);
        for at in &self.ids {
            pieces.bytes[*at..at + ID_DIGITS].copy_from_slice(&digits);
        }
    }
}

/// Adds an event in the framing of the body; `after` follows the framing.
fn frame(pieces: &mut Pieces, framing: Framing, part: Part, event: &[u8], after: &[u8]) {
    if framing == Framing::Chunked {
        let size = format!("{:x}\r\n", event.len());
        pieces.add(part, size.as_bytes(), event, &[b"\r\n", after].concat());
    } else {
        pieces.add(part, b"", event, after);
    }
}

/// Spells a server-sent event.
fn sse(style: Style, name: Option<&str>, data: &str) -> String {
    let end = match style.line_end {
        LineEnd::Lf => "\n",
        LineEnd::Crlf => "\r\n",
        LineEnd::Cr => "\r",
    };
    let comment = match style.preamble {
        Preamble::Comment => format!(": ping{end}"),
        Preamble::None => String::new(),
    };
    let name = name.map(|name| format!("event: {name}{end}")).unwrap_or_default();
    match (style.data_lines, data.split_once(',')) {
        (DataLines::Two, Some((first, rest))) => {
            format!("{comment}{name}data: {first},{end}data: {rest}{end}{end}")
        }
        _ => format!("{comment}{name}data: {data}{end}{end}"),
    }
}

/// The events of a part, one after the other.
fn spelled(style: Style, events: &[Event], values: &Values<'_>) -> String {
    let mut text = String::new();
    for event in events {
        let mut data = String::new();
        filled(event.data, values, &mut data);
        text.push_str(&sse(style, event.name, &data));
    }
    text
}

/// The metadata of a reply.
struct Own {
    id: String,
    created: u64,
    model: String,
    prompt: u64,
    cached: Cached,
    tokens: u64,
}

impl Own {
    fn of(&self) -> Values<'_> {
        let Self { id, created, model, prompt, cached, tokens } = self;
        Values { id, created: *created, model, prompt: *prompt, cached: *cached, tokens: *tokens }
    }
}

/// As if two tokens were drafted for each verification, of which the first was right.
fn drafts(tokens: u64) -> String {
    let steps = tokens / 2;
    format!(
        ",\"metrics\":{{\"speculative_decoding\":{{\"num_spec_tokens\":2,\"num_spec_steps\":{steps},\
         \"num_accepted_draft_tokens\":{steps},\"num_draft_tokens\":{},\"acceptance_histogram\":[0,{steps},0],\
         \"mean_acceptance_length\":2.0,\"draft_acceptance_rate\":0.5}}}}",
        2 * steps
    )
}

/// A reply that is no stream.
fn whole(values: &Values<'_>, inference: &Inference) -> String {
    let [before, item, after] = inference.api.whole;
    let mut text = String::new();
    filled(before, values, &mut text);
    for place in 0..if item.is_empty() { 0 } else { inference.inputs } {
        if place > 0 {
            text.push(',');
        }
        filled(&item.replace("@n", &place.to_string()), values, &mut text);
    }
    filled(after, values, &mut text);
    text
}

fn token_count(runs: &[Run]) -> u64 {
    runs.iter().filter(|run| run.part.is_token()).map(|run| u64::from(run.count)).sum()
}

/// The head of a `200 OK`, or whatever the fault makes of it.
fn head_of(
    fault: Option<Fault>,
    framing: Framing,
    content_type: &str,
    body_length: usize,
    persistence: Persistence,
) -> String {
    let mut head = match fault {
        Some(Fault::BadStatusLine) => "HTTP/one.one OK, fine\r\n".to_owned(),
        Some(Fault::Redirect(status)) => first_line(status) + "location: /v1/elsewhere\r\n",
        _ => first_line(200),
    };
    head.push_str(&format!("content-type: {content_type}\r\n"));
    if content_type == EVENT_STREAM {
        head.push_str("cache-control: no-cache\r\n");
    }
    match framing {
        Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        Framing::Length => head.push_str(&format!("content-length: {body_length}\r\n")),
        Framing::UntilClose => {}
    }
    match fault {
        Some(Fault::OversizedHead) => head.push_str(&format!("x-mock-padding: {}\r\n", "x".repeat(1 << 20))),
        Some(Fault::ManyHeaders) => {
            for number in 0..1000 {
                head.push_str(&format!("x-mock-{number}: {number}\r\n"));
            }
        }
        Some(Fault::Trailers) => head.push_str("trailer: x-mock-trailer, x-mock-time\r\n"),
        _ => {}
    }
    let closes = matches!(fault, Some(Fault::ConnectionClose));
    push_persistence(if closes { Persistence::Close } else { persistence }, &mut head);
    head
}

fn first_line(status: u16) -> String {
    format!("HTTP/1.1 {status} {}\r\n", reason(status))
}

/// Ends a head.
fn push_persistence(persistence: Persistence, head: &mut String) {
    head.push_str(match persistence {
        Persistence::KeepAlive => "\r\n",
        Persistence::Close => "connection: close\r\n\r\n",
    });
}

/// Adds a head, and both of its halves in case they are needed.
fn add_head(pieces: &mut Pieces, head: &str) {
    let begin = pieces.bytes.len();
    pieces.add(Part::Head, b"", head.as_bytes(), b"");
    let middle = head.len() / 2;
    pieces.spans[Part::HeadHalf as usize] = Span { begin, end: begin + middle, event_length: middle };
    pieces.spans[Part::HeadRest as usize] =
        Span { begin: begin + middle, end: begin + head.len(), event_length: head.len() - middle };
}

/// Random bytes, none of which start like HTTP.
fn garbage(seed: u64) -> Vec<u8> {
    let mut random = seed;
    let bytes = (0..1024).map(|_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random.to_be_bytes()[0]
    });
    std::iter::once(0xff).chain(bytes).collect()
}

/// The number in decimal with zeroes in front.
fn id_digits(number: u64) -> [u8; ID_DIGITS] {
    let mut digits = [b'0'; ID_DIGITS];
    let mut text = Vec::with_capacity(20);
    push_decimal(number, &mut text);
    let length = text.len().min(ID_DIGITS);
    digits[ID_DIGITS - length..].copy_from_slice(&text[text.len() - length..]);
    digits
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    }
}

/// Digits of the number in a response's id.
const ID_DIGITS: usize = 16;

/// Placeholder for those digits until they are known: nothing else has these characters.
const UNKNOWN_ID: &str = "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}";

const EVENT_STREAM: &str = "text/event-stream";

const BROKEN_SIZE: &[u8] = b"zz\r\n";

const INTERIM: &[u8] =
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";

/// More models than a benchmark uses at once.
const TEMPLATES_MAX: usize = 64;
