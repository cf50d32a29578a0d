//! How tests write records and read messages.

use super::facts::{Facts, RequestFacts};
use super::record::{self, Next};
use super::request_table::RequestTable;
use common::client_event::{Ended, Kind, Opened, Outcome, RecordHeader, Sent, Stamped};
use common::clock::MonoNs;
use common::id::{ConnectionId, Lineage, SocketCookie};
use common::reply_event::{
    self, ConnectionOpened, Event, EventKind, Measure, MessageHeader, Passed, RequestEnded, StretchStamped,
    known,
};
use spec::Plan;
use std::fmt::Write;
use tokenizer::Tokenizer;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Records of one worker. The n-th has the time n and, unless stated otherwise, the end 1000 + n.
#[derive(Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    count: u64,
}

impl Records {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    pub(super) fn opened(&mut self, connection: u32) -> &mut Self {
        let cookie = SocketCookie(1000 + u64::from(connection));
        let body = Opened { cookie, connect_begun: MonoNs(100), local_port: 1, remote_port: 2 };
        self.add(Kind::Opened, u64::from(connection), 0, &body, b"")
    }

    pub(super) fn closed(&mut self, connection: u32) -> &mut Self {
        self.add(Kind::Closed, u64::from(connection), 0, &(), b"")
    }

    pub(super) fn stamped(&mut self, connection: u32) -> &mut Self {
        let body = Stamped { direction: 2, reserved: 0, begin: 40 };
        self.add(Kind::Stamped, u64::from(connection), 0, &body, b"")
    }

    pub(super) fn sent(&mut self, request: u64, connection: u32) -> &mut Self {
        let body = Sent {
            due: MonoNs(3),
            begin: 500,
            response_begin: 700,
            session: request * 10,
            lineage: Lineage::root(4).child(5, 6),
            connection: ConnectionId(connection),
            reused: 0,
            entry: 1,
            turn: 5,
            phase: 0,
            reserved: 0,
        };
        self.count += 1;
        let header = RecordHeader::new(
            Kind::Sent,
            request,
            MonoNs(self.count),
            600,
            u32::try_from(size_of::<Sent>()).unwrap(),
        );
        self.append(header, &body, b"")
    }

    pub(super) fn head(&mut self, request: u64, status: u16) -> &mut Self {
        let head = format!("HTTP/1.1 {status} Some Reason\r\n\r\n");
        self.add(Kind::Head, request, status, &(), head.as_bytes())
    }

    /// A head with these lines.
    pub(super) fn head_with(&mut self, request: u64, status: u16, head: &str) -> &mut Self {
        self.add(Kind::Head, request, status, &(), head.as_bytes())
    }

    /// A piece of a body that ends there on the wire, and of which each byte does if the connection is encrypted.
    pub(super) fn piece(&mut self, request: u64, bytes: &[u8], end: u64, is_sealed: bool) -> &mut Self {
        self.count += 1;
        let rest = u32::try_from(bytes.len()).unwrap();
        let header = RecordHeader::new(Kind::Body, request, MonoNs(self.count), end, rest);
        self.append(RecordHeader { detail: u16::from(is_sealed), ..header }, &(), bytes)
    }

    pub(super) fn event(&mut self, request: u64, event: &str) -> &mut Self {
        self.add(Kind::Event, request, 0, &(), event.as_bytes())
    }

    pub(super) fn body(&mut self, request: u64, piece: &str) -> &mut Self {
        self.add(Kind::Body, request, 0, &(), piece.as_bytes())
    }

    pub(super) fn ended(&mut self, request: u64, outcome: &str) -> &mut Self {
        let detail = Outcome::from_name(outcome).unwrap().number();
        self.add(Kind::Ended, request, detail, &Ended { errno: 0, reads: 9, comments: 0, reserved: 0 }, b"")
    }

    /// An end record with a number of comments without a record.
    pub(super) fn ended_with(&mut self, request: u64, outcome: &str, comments: u32) -> &mut Self {
        let detail = Outcome::from_name(outcome).unwrap().number();
        self.add(Kind::Ended, request, detail, &Ended { errno: 0, reads: 9, comments, reserved: 0 }, b"")
    }

    pub(super) fn finished(&mut self) -> &mut Self {
        self.add(Kind::Finished, 0, 0, &(), b"")
    }

    /// Padding of this many bytes, of which only the first 8 are written.
    pub(super) fn padding(&mut self, length: u32) -> &mut Self {
        self.bytes.extend_from_slice([length, 0].as_bytes());
        self.bytes.resize(self.bytes.len() + length as usize - 8, 0xaa);
        self
    }

    pub(super) fn feed(&self, table: &mut RequestTable<Vec<u8>>) {
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() {
            match record::next(rest).unwrap() {
                Next::Record { header, bytes, stride } => {
                    table.record(3, &header, bytes).unwrap();
                    rest = &rest[stride..];
                }
                Next::Padding { stride } => rest = &rest[stride..],
                Next::Partial { .. } => panic!("a part of a record"),
            }
        }
    }

    fn add(
        &mut self,
        kind: Kind,
        id: u64,
        detail: u16,
        body: &(impl IntoBytes + Immutable),
        bytes: &[u8],
    ) -> &mut Self {
        self.count += 1;
        let rest = u32::try_from(size_of_val(body) + bytes.len()).unwrap();
        let header = RecordHeader::new(kind, id, MonoNs(self.count), 1000 + self.count, rest);
        self.append(RecordHeader { detail, ..header }, body, bytes)
    }

    fn append(
        &mut self,
        header: RecordHeader,
        body: &(impl IntoBytes + Immutable),
        bytes: &[u8],
    ) -> &mut Self {
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(body.as_bytes());
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self
    }
}

/// A message, taken apart.
pub(super) struct Message {
    line: String,
    pub(super) report: Option<RequestEnded>,
    pub(super) events: Vec<Event>,
    pub(super) error: (String, String),
    pub(super) raw: String,
}

impl Message {
    /// It as text.
    pub(super) fn line(&self) -> &str {
        &self.line
    }
}

/// A request table that writes to memory; `options` are the endpoint's name and perhaps `server` or `chunks`: where token
/// counts are from.
pub(super) fn table(options: &str, tokenizer: Option<Tokenizer>) -> RequestTable<Vec<u8>> {
    let (name, rest) = options.split_once(' ').unwrap_or((options, ""));
    let facts = RequestFacts::knowing(
        1,
        5,
        Facts {
            conversation: Some("a".into()),
            input_tokens: Some(21),
            requested_tokens: Some(31),
            audio_seconds: Measure::new(1.5),
            images: 2,
        },
    );
    RequestTable::new(Vec::new(), endpoint::by_name(name).unwrap(), tokenizer, facts, &plan(rest))
}

/// The messages for records that are fed at once.
pub(super) fn understand(records: &Records, options: &str, tokenizer: Option<Tokenizer>) -> Vec<Message> {
    let mut table = table(options, tokenizer);
    records.feed(&mut table);
    table.finish().unwrap();
    messages(&table.into_replies())
}

pub(super) fn check(messages: &[Message], expected: &[&str]) {
    let lines = messages.iter().map(|message| message.line.as_str()).collect::<Vec<_>>();
    assert_eq!(lines, expected, "messages");
}

/// The fixed part of the n-th request among the messages.
pub(super) fn request_ended(messages: &[Message], place: usize) -> RequestEnded {
    messages.iter().filter_map(|message| message.report).nth(place).unwrap()
}

pub(super) fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let (header, _) = MessageHeader::read_from_prefix(bytes).unwrap();
        let (message, rest) = bytes.split_at(header.length as usize);
        messages.push(message_of(reply_event::Kind::from_number(header.kind).unwrap(), &message[8..]));
        bytes = rest;
    }
    messages
}

fn message_of(kind: reply_event::Kind, body: &[u8]) -> Message {
    let line = match kind {
        reply_event::Kind::Opened | reply_event::Kind::Closed => {
            let opened = ConnectionOpened::read_from_bytes(body).unwrap();
            format!("{} {} cookie {}", kind.name(), opened.connection.0, opened.cookie.0)
        }
        reply_event::Kind::Stamped => {
            let StretchStamped { cookie, direction, begin, end, time, .. } =
                StretchStamped::read_from_bytes(body).unwrap();
            format!("stamped cookie {} {direction} {begin}..{end} at {}", cookie.0, time.0)
        }
        reply_event::Kind::Request => return request_of(body),
        reply_event::Kind::Passed => {
            let passed = Passed::read_from_bytes(body).unwrap();
            format!("passed cookie {} {} {}", passed.cookie.0, passed.sent, passed.received)
        }
        reply_event::Kind::InFlight => "in flight".to_owned(),
        reply_event::Kind::Finished => "finished".to_owned(),
    };
    Message { line, report: None, events: Vec::new(), error: Default::default(), raw: String::new() }
}

fn request_of(body: &[u8]) -> Message {
    let (report, mut rest) = RequestEnded::read_from_prefix(body).unwrap();
    let mut events = Vec::new();
    for _ in 0..report.events {
        let (event, after) = Event::read_from_prefix(rest).unwrap();
        events.push(event);
        rest = after;
    }
    let (error_type, rest) = rest.split_at(report.error_type_length as usize);
    let (error_message, rest) = rest.split_at(report.error_message_length as usize);
    let (_, rest) = rest.split_at(report.histogram_length as usize);
    let (conversation, raw) = rest.split_at(report.conversation_length as usize);
    assert_eq!(conversation, &b"a"[..conversation.len()], "the conversation's own name, if it has one");
    let named = [report.model_length, report.client_request_id_length, report.payload_length];
    assert_eq!(named, [0; 3], "only requests of other clients have names");
    assert_eq!(raw.len(), report.raw_length as usize, "nothing after the raw bytes");
    let [error_type, error_message, raw] =
        [error_type, error_message, raw].map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    let count = |count| known(count).map_or_else(|| "?".to_owned(), |count: u32| count.to_string());
    let outcome = Outcome::from_number(u16::try_from(report.outcome).unwrap()).unwrap();
    let mut line = format!("request {}: {}, {}", report.request.0, outcome.name(), report.status);
    if !error_type.is_empty() {
        write!(line, ", {error_type}: {error_message}").unwrap();
    }
    line += "; events";
    for event in &events {
        assert_eq!(event.reserved, 0, "reserved");
        write!(line, " {}({})", EventKind::from_number(event.kind).unwrap().name(), count(event.tokens))
            .unwrap();
    }
    let (output, reasoning) = (count(report.output_tokens), count(report.reasoning_tokens));
    let (input, requested) = (count(report.input_tokens), count(report.requested_tokens));
    write!(line, "; output {output}, reasoning {reasoning}, input {input}, requested {requested}").unwrap();
    if let (Some(prompt), Some(completion)) = (known(report.usage.prompt), known(report.usage.completion)) {
        write!(line, "; usage {prompt} {completion}").unwrap();
    }
    Message { line, report: Some(report), events, error: (error_type, error_message), raw }
}

fn plan(options: &str) -> Plan {
    Plan {
        endpoint: spec::Endpoint {
            capability: None,
            kind: "chat".to_owned(),
            urls: Vec::new(),
            path: None,
            models: vec!["m".to_owned()],
            model_choice: spec::ModelChoice::default(),
            streaming: true,
            request_timeout_seconds: 6.0,
            use_legacy_max_tokens: false,
            use_server_token_count: options == "server",
            trust: spec::Trust::System,
            session_header: "X-Correlation-ID".to_owned(),
            header_names: Vec::new(),
            extra_inputs: serde_json::Map::new(),
            dialect: spec::Dialect { per_chunk_usage: options == "chunks", ..spec::Dialect::default() },
        },
        tokenizer: spec::Tokenizer::None,
        input: spec::Input::Synthetic {
            entries: 1,
            input_tokens: spec::Length::fixed(1.0),
            output_tokens: None,
            made: Default::default(),
        },
        load: spec::Load::of(spec::Phase::closed(1, 1)),
        workers: spec::Workers { cpus: Vec::new(), workers: 1, wait: spec::Wait::Block },
        timestamps: spec::Timestamps::Auto,
        output: spec::Output {
            artifact_dir: String::new(),
            export_prefix: None,
            export_level: spec::ExportLevel::Records,
            without_html: false,
            goodput: std::collections::BTreeMap::new(),
            slice_duration_seconds: None,
            show_trace_timing: false,
            export_http_trace: false,
            export_outputs: false,
            steady_state: false,
            network_latency_mean_ms: None,
            server_metrics_formats: Vec::new(),
            fail_on: spec::FailOn::Invalid,
            other: std::collections::BTreeMap::new(),
        },
        random_seed: 7,
        ..Plan::unknown()
    }
}
