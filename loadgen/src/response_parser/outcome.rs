//! How a request ended, as outcome and error message: kinds of errors that AIPerf's users know keep their names.

use super::request::{MESSAGE_BYTES, Request};
use crate::secrets::Secrets;
use crate::wire::http::Malformed;
use common::client_event::{ON_PURPOSE, Outcome};
use std::io;

/// How a request ended, with the error's type and message; both are empty when it succeeded.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) error_type: String,
    pub(super) error_message: String,
}

/// Judges by the outcome that the hot core recorded and by what was parsed of the response. No secret is in its messages.
pub(super) fn judge(
    outcome: Outcome,
    request: &mut Request,
    errno: u32,
    timeout_seconds: f64,
    secrets: &Secrets,
) -> Verdict {
    if secrets.are_forgotten() {
        forget_text(request);
    }
    let (outcome, error_type, error_message) = match outcome {
        Outcome::Ok if request.error.is_none() && request.has_content => {
            return Verdict { outcome, error_type: String::new(), error_message: String::new() };
        }
        Outcome::Interrupted => (outcome, named(outcome), INTERRUPTED.to_owned()),
        Outcome::Ok | Outcome::StreamError | Outcome::Empty => match request.error.take() {
            Some(error) => (Outcome::StreamError, error.kind, error.message),
            None => (Outcome::Empty, NO_CONTENT_TYPE.to_owned(), no_content(request)),
        },
        Outcome::HttpStatus => (outcome, reason(request), refusal(request, secrets)),
        Outcome::Redirect => (outcome, reason(request), redirect(request)),
        Outcome::Cancelled if errno == ON_PURPOSE => {
            (outcome, CANCELLED_TYPE.to_owned(), CANCELLED_ON_PURPOSE.to_owned())
        }
        Outcome::Cancelled => (outcome, CANCELLED_TYPE.to_owned(), CANCELLED.to_owned()),
        Outcome::Timeout => {
            (outcome, named(outcome), format!("no complete response within {timeout_seconds} s"))
        }
        Outcome::ConnectFailed => (outcome, named(outcome), with_cause("failed to connect", errno)),
        Outcome::SendFailed => (outcome, named(outcome), with_cause("failed to send the request", errno)),
        // A server of another protocol often closes the connection at the first request.
        Outcome::Reset if request.report.status == 0 && request.report.reused == 0 => {
            let reset = with_cause("the connection was reset before the response started", errno);
            (outcome, named(outcome), format!("{reset}; {OTHER_PROTOCOL}"))
        }
        Outcome::Reset => (outcome, named(outcome), with_cause("the connection was reset", errno)),
        Outcome::Truncated if request.is_cut_off => (outcome, named(outcome), UNFINISHED.to_owned()),
        Outcome::Truncated => (
            outcome,
            named(outcome),
            "the server closed the connection before the response was whole".to_owned(),
        ),
        Outcome::ClosedEarly => {
            let closed = "the server closed the connection before the response started";
            (outcome, named(outcome), format!("{closed}; {OTHER_PROTOCOL}"))
        }
        Outcome::TlsFailed => {
            (outcome, named(outcome), "TLS failed: see --ca-certificate and --insecure".to_owned())
        }
        Outcome::Malformed => (outcome, named(outcome), Malformed::from_number(errno).to_string()),
    };
    let (error_type, error_message) =
        (secrets.redacted_text(error_type), secrets.redacted_text(error_message));
    Verdict { outcome, error_type, error_message }
}

/// Leaves out the server's text: it may hold a key that is not known any more.
#[cold]
fn forget_text(request: &mut Request) {
    request.head.clear();
    if let Some(error) = &mut request.error {
        WITHHELD.clone_into(&mut error.message);
        "error".clone_into(&mut error.kind);
    }
    request.body.clear();
    for event in &mut request.events {
        event.bytes = 0;
    }
    if !request.is_success() {
        request.body.extend_from_slice(WITHHELD.as_bytes());
    }
}

fn named(outcome: Outcome) -> String {
    outcome.name().to_owned()
}

fn with_cause(what: &str, errno: u32) -> String {
    match i32::try_from(errno) {
        Ok(errno) if errno > 0 => format!("{what}: {}", io::Error::from_raw_os_error(errno)),
        _ => what.to_owned(),
    }
}

fn no_content(request: &Request) -> String {
    match request.events.len() {
        0 => "the response is empty".to_owned(),
        1 => "the response holds no content that the endpoint knows".to_owned(),
        count => format!("none of the response's {count} events holds content that the endpoint knows"),
    }
}

/// The reason phrase of the status line.
fn reason(request: &Request) -> String {
    let line = request.head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let reason = words.nth(2).unwrap_or_default().trim_ascii();
    if reason.is_empty() {
        return format!("HTTP {}", request.report.status);
    }
    String::from_utf8_lossy(reason).into_owned()
}

/// The server's error message in an error response.
fn refusal(request: &Request, secrets: &Secrets) -> String {
    String::from_utf8_lossy(&secrets.redacted_up_to(&request.body, MESSAGE_BYTES)).into_owned()
}

fn redirect(request: &Request) -> String {
    let lines = request.head.split(|byte| *byte == b'\n');
    let mut fields =
        lines.filter_map(|line| Some(line.split_at(line.iter().position(|byte| *byte == b':')?)));
    let location = fields.find(|(name, _)| name.eq_ignore_ascii_case(b"location"));
    let location = location.map_or(&b""[..], |(_, value)| value[1..].trim_ascii());
    if location.is_empty() {
        return "the server redirects, which is not followed".to_owned();
    }
    format!("the server redirects to {}, which is not followed", String::from_utf8_lossy(location))
}

/// What may be wrong with a server that sends nothing at all.
const OTHER_PROTOCOL: &str =
    "does it serve HTTP/1.1 without TLS on this port? (https:// for TLS; HTTP/2 alone is not supported)";
/// What is wrong with a stream that does not end as others do.
const UNFINISHED: &str =
    "the stream ended without a finish_reason or [DONE], which others of this server have: it was cut off";
/// AIPerf's names.
const NO_CONTENT_TYPE: &str = "InvalidInferenceResultError";
const CANCELLED_TYPE: &str = "RequestCancellationError";
const CANCELLED_ON_PURPOSE: &str = "the request was cancelled as --request-cancellation-rate requires";
const CANCELLED: &str = "the run ended while the request was in flight";
const INTERRUPTED: &str = "the daemon ended before the response was whole";
const WITHHELD: &str = "not kept: it may hold a key, which is not known any more";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: Outcome, head: &str, body: &str, errno: u32, expected: [&str; 2]) {
        let mut request = Request::default();
        request.head.extend_from_slice(head.as_bytes());
        request.body.extend_from_slice(body.as_bytes());
        request.report.status = 503;
        let verdict = judge(outcome, &mut request, errno, 1.5, &Secrets::default());
        assert_eq!(
            [verdict.error_type.as_str(), verdict.error_message.as_str()],
            expected,
            "{outcome:?} {head:?}"
        );
    }

    #[test]
    fn error_messages() {
        use crate::wire::http::HEADERS_MAX;
        use crate::wire::http::Malformed::{EventTooLarge, HeadTooLarge};
        use Outcome::*;
        let head = "HTTP/1.1 503 Service Unavailable\r\nLocation:  /x \r\n\r\n";
        check(HttpStatus, head, "busy", 0, ["Service Unavailable", "busy"]);
        check(HttpStatus, "HTTP/1.1 503\r\n\r\n", "", 0, ["HTTP 503", ""]);
        check(HttpStatus, head, &"x".repeat(2000), 0, ["Service Unavailable", &"x".repeat(1024)]);
        check(
            Redirect,
            head,
            "",
            0,
            ["Service Unavailable", "the server redirects to /x, which is not followed"],
        );
        check(Redirect, "", "", 0, ["HTTP 503", "the server redirects, which is not followed"]);
        check(Timeout, "", "", 0, ["timeout", "no complete response within 1.5 s"]);
        let refused = "failed to connect: Connection refused (os error 111)";
        check(ConnectFailed, "", "", 111, ["connect_failed", refused]);
        let many = format!("the response's head is larger than 64 KiB or has more than {HEADERS_MAX} lines");
        check(Malformed, "", "", HeadTooLarge.number(), ["malformed_response", &many]);
        let large = "an event of the response is larger than 4 MiB";
        check(Malformed, "", "", EventTooLarge.number(), ["malformed_response", large]);
        check(Malformed, "", "", 0, ["malformed_response", "what arrived is no HTTP/1.1 response"]);
        check(Reset, "", "", 0, ["connection_reset", "the connection was reset"]);
        let mut silent = Request::default();
        let verdict = judge(Reset, &mut silent, 104, 1.5, &Secrets::default());
        assert!(verdict.error_message.contains("(os error 104); does it serve"), "{}", verdict.error_message);
        silent.report.reused = 1;
        let verdict = judge(Reset, &mut silent, 104, 1.5, &Secrets::default());
        assert!(
            !verdict.error_message.contains("does it serve"),
            "it responded before: {}",
            verdict.error_message
        );
        check(Ok, "", "", 0, ["InvalidInferenceResultError", "the response is empty"]);
        check(
            Cancelled,
            "",
            "",
            0,
            ["RequestCancellationError", "the run ended while the request was in flight"],
        );
    }
}
