//! Parses a client's request: the head, the length of its body, and the few body fields that matter.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::Api;
use crate::fault::Fault;
use crate::form;

/// The kind of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// An inference.
    Generate(&'static Api),
    /// `GET /v1/videos/video_NUMBER`.
    Video(u64),
    /// `GET /v1/videos/video_NUMBER/content`.
    VideoContent(u64),
    /// `GET /v1/models`.
    Models,
    /// `GET /version`.
    Version,
    /// `GET /health`.
    Health,
    /// `GET /metrics`.
    Metrics,
    /// `POST /reset_prefix_cache`.
    ResetCache,
    /// `GET /mock/log`.
    Log,
    /// `POST /mock/quit`.
    Quit,
    /// `HEAD` of anything.
    Head,
    /// Anything else.
    Unknown,
}

/// A request head.
#[derive(Debug)]
pub(crate) struct Head {
    /// Bytes of the head, with the blank line.
    pub(crate) length: usize,
    /// The kind of the reply.
    pub(crate) route: Route,
    /// The fault that the query selects.
    pub(crate) fault: Option<Fault>,
    /// The value of `X-Request-ID`.
    pub(crate) request_id: Option<Box<str>>,
    /// Whether the connection is to live on after the reply.
    pub(crate) persistence: Persistence,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// Whether the client accepts events.
    pub(crate) accepts_events: bool,
    /// What parts the fields of a form; none for a body that is no form.
    boundary: Option<Box<str>>,
    body: BodyLength,
}

/// Whether a connection outlives a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It serves the next request.
    KeepAlive,
    /// It is closed.
    Close,
}

/// A request that no reply but an error fits to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected(pub(crate) String);

/// A whole body that has come.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    /// The body without chunk framing.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Bytes that it took in the stream.
    pub(crate) length: usize,
}

/// The fields of an inference request that change the reply.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fields<'a> {
    /// The name of the model, echoed in every chunk.
    #[serde(borrow)]
    pub(crate) model: Cow<'a, str>,
    /// Whether the reply is a stream.
    pub(crate) stream: Option<bool>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    stream_options: Option<StreamOptions>,
    /// How many inputs there are, each of which has an answer of its own.
    #[serde(skip)]
    pub(crate) inputs: u32,
}

/// Reads a head, if all of it has come.
pub(crate) fn read_head(bytes: &[u8]) -> Result<Option<Head>, Rejected> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let status = httparse::ParserConfig::default()
        .parse_request_with_uninit_headers(&mut parsed, bytes, &mut headers)
        .map_err(|error| Rejected(format!("failed to read the request head: {error}")))?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let (route, fault) = read_target(parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default())?;
    let persistence = if parsed.version == Some(0) { Persistence::Close } else { Persistence::KeepAlive };
    let mut head = Head {
        length,
        route,
        fault,
        request_id: None,
        persistence,
        expects_continue: false,
        accepts_events: false,
        boundary: None,
        body: BodyLength::Known(0),
    };
    for header in parsed.headers {
        head.take_header(header)?;
    }
    Ok(Some(head))
}

/// Reads the body of `head` from the bytes that follow it, if all of it has come.
pub(crate) fn read_body<'a>(head: &Head, bytes: &'a [u8]) -> Result<Option<Body<'a>>, Rejected> {
    match head.body {
        BodyLength::Known(length) => {
            Ok(bytes.get(..length).map(|bytes| Body { bytes: Cow::Borrowed(bytes), length }))
        }
        BodyLength::Chunked => read_chunks(bytes),
    }
}

/// Reads the fields of an inference request.
pub(crate) fn read_fields<'a>(api: &Api, head: &Head, body: &'a [u8]) -> Result<Fields<'a>, Rejected> {
    if let Some(boundary) = &head.boundary {
        let form = form::fields(body, boundary).map_err(Rejected)?;
        return of_fields(api, &form);
    }
    let odd = |error| Rejected(format!("failed to read the request body as JSON: {error}"));
    if api.required.is_empty() {
        return Ok(Fields { inputs: 1, ..serde_json::from_slice(body).map_err(odd)? });
    }
    of_fields(api, &serde_json::from_slice(body).map_err(odd)?)
}

/// Reads the fields of an API that insists on some.
fn of_fields(api: &Api, fields: &Map<String, Value>) -> Result<Fields<'static>, Rejected> {
    let lacks = |wanted: &&&str| wanted.split('|').all(|name| fields.get(name).is_none_or(Value::is_null));
    if let Some(lacking) = api.required.iter().find(lacks) {
        return Err(Rejected(format!("the request lacks `{lacking}`")));
    }
    let number =
        |name: &str| fields.get(name).and_then(Value::as_u64).and_then(|count| count.try_into().ok());
    let of_parameters = fields.get("parameters").and_then(|parameters| parameters.get("max_new_tokens"));
    let model = fields.get("model").or_else(|| fields.get("inference_model")).and_then(Value::as_str);
    let lists = ["input", "passages", "documents", "texts"];
    let inputs = lists.iter().find_map(|name| fields.get(*name)?.as_array()).map_or(1, Vec::len);
    Ok(Fields {
        model: Cow::Owned(model.unwrap_or_default().to_owned()),
        stream: fields.get("stream").and_then(Value::as_bool),
        max_tokens: number("max_tokens")
            .or_else(|| number("max_output_tokens"))
            .or_else(|| of_parameters.and_then(Value::as_u64)?.try_into().ok()),
        inputs: u32::try_from(inputs).unwrap_or(u32::MAX),
        ..Fields::default()
    })
}

impl Head {
    /// How many bytes head and body take together, as far as that is known.
    pub(crate) fn length_with_body(&self) -> usize {
        match self.body {
            BodyLength::Known(length) => self.length + length,
            BodyLength::Chunked => self.length,
        }
    }

    fn take_header(&mut self, header: &httparse::Header<'_>) -> Result<(), Rejected> {
        let (name, value) = (header.name, header.value);
        if name.eq_ignore_ascii_case("content-length") {
            let length = str::from_utf8(value).ok().and_then(|text| text.trim().parse::<usize>().ok());
            match length {
                Some(length) if length <= BODY_LENGTH_MAX => self.body = self.body.or_known(length),
                _ => return Err(Rejected("content-length is no number or too large".to_owned())),
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.body = BodyLength::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            if value.eq_ignore_ascii_case(b"close") {
                self.persistence = Persistence::Close;
            } else if value.eq_ignore_ascii_case(b"keep-alive") {
                self.persistence = Persistence::KeepAlive;
            }
        } else if name.eq_ignore_ascii_case("expect") {
            self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
        } else if name.eq_ignore_ascii_case("accept") {
            self.accepts_events = value.eq_ignore_ascii_case(b"text/event-stream");
        } else if name.eq_ignore_ascii_case("content-type") {
            self.boundary = form::boundary(value);
        } else if name.eq_ignore_ascii_case("x-request-id") {
            self.request_id = Some(String::from_utf8_lossy(value).into());
        }
        Ok(())
    }
}

impl Fields<'_> {
    /// The client's maximum number of tokens.
    pub(crate) fn tokens_max(&self) -> Option<u32> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// Whether the client requests a usage chunk.
    pub(crate) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true))
    }
}

#[derive(Clone, Copy, Debug)]
enum BodyLength {
    Known(usize),
    Chunked,
}

impl BodyLength {
    /// Chunks take precedence over a content length.
    fn or_known(self, length: usize) -> Self {
        match self {
            Self::Known(_) => Self::Known(length),
            Self::Chunked => Self::Chunked,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: Option<bool>,
}

fn read_target(method: &str, target: &str) -> Result<(Route, Option<Fault>), Rejected> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let route = match method {
        // No reply to HEAD has a body, whatever the path.
        "HEAD" => Route::Head,
        _ => route(method, path),
    };
    let fault = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("fault="))
        .map(|text| text.replace("%3A", ":").replace("%3a", ":").parse())
        .transpose()
        .map_err(Rejected)?;
    Ok((route, fault))
}

fn route(method: &str, path: &str) -> Route {
    if method == "POST"
        && let Some(api) = Api::at(path)
    {
        return Route::Generate(api);
    }
    if method == "GET"
        && let Some(rest) = path.strip_prefix("/v1/videos/video_")
    {
        let (number, is_content) =
            rest.strip_suffix("/content").map_or((rest, false), |number| (number, true));
        return match number.parse() {
            Ok(number) if is_content => Route::VideoContent(number),
            Ok(number) => Route::Video(number),
            Err(_) => Route::Unknown,
        };
    }
    let known = ROUTES.iter().find(|known| known.0 == method && known.1 == path);
    known.map_or(Route::Unknown, |(_, _, route)| *route)
}

/// Removes the chunk framing of a body; trailers are skipped.
fn read_chunks(bytes: &[u8]) -> Result<Option<Body<'_>>, Rejected> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let parsed = httparse::parse_chunk_size(&bytes[at..])
            .map_err(|error| Rejected(format!("the request body has a malformed chunk: {error}")))?;
        let httparse::Status::Complete((head, size)) = parsed else {
            return Ok(None);
        };
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= BODY_LENGTH_MAX)
            .ok_or_else(|| Rejected("the request body has a chunk that is too large".to_owned()))?;
        at += head;
        if size == 0 {
            return Ok(end_of_trailers(&bytes[at..])
                .map(|length| Body { bytes: Cow::Owned(content), length: at + length }));
        }
        match bytes.get(at..at + size + CRLF.len()) {
            Some(chunk) if chunk.ends_with(CRLF) => content.extend_from_slice(&chunk[..size]),
            Some(_) => return Err(Rejected("the request body has a malformed chunk".to_owned())),
            None => return Ok(None),
        }
        at += size + CRLF.len();
    }
}

/// The length of the trailers with the blank line that ends them.
fn end_of_trailers(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(CRLF) {
        return Some(CRLF.len());
    }
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 2 * CRLF.len())
}

const ROUTES: &[(&str, &str, Route)] = &[
    ("GET", "/v1/models", Route::Models),
    ("GET", "/version", Route::Version),
    ("GET", "/health", Route::Health),
    ("POST", "/reset_prefix_cache", Route::ResetCache),
    ("POST", "/start_profile", Route::Health),
    ("POST", "/stop_profile", Route::Health),
    ("GET", "/metrics", Route::Metrics),
    ("GET", "/mock/log", Route::Log),
    ("POST", "/mock/quit", Route::Quit),
];

const CRLF: &[u8] = b"\r\n";

/// More headers than any client of ours sends.
const HEADERS_MAX: usize = 100;

/// More than any prompt: 1 GiB.
const BODY_LENGTH_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::APIS;

    /// Reads head and body, and compares route, fault, body and the bytes that are left over.
    #[track_caller]
    fn check(request: &str, expected: Option<(Route, Option<Fault>, &str, usize)>) {
        let bytes = request.as_bytes();
        let head = read_head(bytes).expect("the request is well formed");
        let read = head.as_ref().and_then(|head| {
            let body = read_body(head, &bytes[head.length..]).expect("the body is well formed")?;
            let rest = bytes.len() - head.length - body.length;
            Some((head.route, head.fault, String::from_utf8(body.bytes.into_owned()).expect("text"), rest))
        });
        let expected = expected.map(|(route, fault, body, rest)| (route, fault, body.to_owned(), rest));
        assert_eq!(read, expected, "the request {request:?}");
    }

    #[test]
    fn a_body_ends_at_its_length() {
        let chat = Route::Generate(&APIS[0]);
        check(
            "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}GE",
            Some((chat, None, "{}", 2)),
        );
        check("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{", None);
        check("GET /health HTTP/1.1\r\n\r\n", Some((Route::Health, None, "", 0)));
        check("HEAD /v1/models HTTP/1.1\r\n\r\n", Some((Route::Head, None, "", 0)));
        check("GET /health HTTP/1.1\r\n", None);
    }

    #[test]
    fn chunks_are_joined() {
        let head = "POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let route = Route::Generate(&APIS[1]);
        check(&format!("{head}1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\nX"), Some((route, None, "{}", 1)));
        check(&format!("{head}2;a=b\r\n{{}}\r\n0\r\na: b\r\n\r\n"), Some((route, None, "{}", 0)));
        check(&format!("{head}2\r\n{{}}\r\n0\r\n"), None);
        check(&format!("{head}2\r\n{{}}"), None);
    }

    #[test]
    fn the_query_may_select_a_fault() {
        let chat = Route::Generate(&APIS[0]);
        let request = |query| format!("POST /v1/chat/completions?{query} HTTP/1.1\r\n\r\n");
        check(&request("a=b&fault=reset:3"), Some((chat, Some(Fault::Reset(3)), "", 0)));
        check(&request("fault=status%3A429"), Some((chat, Some(Fault::Status(429)), "", 0)));
        let refused = read_head(request("fault=x").as_bytes()).expect_err("no such fault");
        assert_eq!(refused, Rejected("unknown fault `x`".to_owned()), "the reason");
    }

    /// Reads a body of an API, and compares model, tokens and inputs, or the reason why it is refused.
    #[track_caller]
    fn check_fields(
        path: &str,
        content_type: &str,
        body: &str,
        expected: Result<(&str, Option<u32>, u32), &str>,
    ) {
        let request = format!("POST {path} HTTP/1.1\r\ncontent-type: {content_type}\r\n\r\n");
        let head = read_head(request.as_bytes()).expect("a head").expect("all of it");
        let api = Api::at(path).expect("an API");
        let fields = read_fields(api, &head, body.as_bytes());
        let found = fields.as_ref().map(|fields| (&*fields.model, fields.tokens_max(), fields.inputs));
        assert_eq!(found.map_err(|refused| refused.0.as_str()), expected, "{path} {body}");
    }

    #[test]
    fn an_api_insists_on_its_fields() {
        let json = "application/json";
        check_fields(
            "/v1/responses",
            json,
            r#"{"input":"x","model":"m","max_output_tokens":3}"#,
            Ok(("m", Some(3), 1)),
        );
        check_fields("/v1/responses", json, r#"{"model":"m"}"#, Err("the request lacks `input`"));
        check_fields("/v1/embeddings", json, r#"{"input":["x","y"],"model":"m"}"#, Ok(("m", None, 2)));
        check_fields(
            "/generate",
            json,
            r#"{"inputs":"x","parameters":{"max_new_tokens":4}}"#,
            Ok(("", Some(4), 1)),
        );
        let form = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b\r\nContent-Disposition: \
                    form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--b--\r\n";
        let of_form = "multipart/form-data; boundary=b";
        check_fields("/v1/audio/transcriptions", of_form, form, Ok(("m", None, 1)));
        check_fields("/v1/images/edits", of_form, form, Err("the request lacks `prompt`"));
        check_fields(
            "/v1/audio/transcriptions",
            of_form,
            "--c",
            Err("the form does not start with its boundary"),
        );
    }

    #[test]
    fn fields_that_do_not_matter_are_skipped() {
        let head =
            read_head(b"POST /v1/chat/completions HTTP/1.1\r\n\r\n").expect("a head").expect("all of it");
        let fields = read_fields(
            &APIS[0],
            &head,
            br#"{"model":"a\/b","messages":[{"content":"x"}],"stream":true,"max_tokens":3,
                "max_completion_tokens":null,"stream_options":{"include_usage":true,"x":1}}"#,
        )
        .expect("the body is JSON");
        assert_eq!(fields.model, "a/b", "the model");
        assert_eq!(fields.tokens_max(), Some(3), "the tokens");
        assert_eq!((fields.stream, fields.include_usage()), (Some(true), true), "stream and usage");
    }
}
