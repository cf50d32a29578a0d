//! Writes `profile_export_raw.jsonl`: a line per request with its payload and every event as received, with both timestamps.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::jsonl;
use crate::line::Line;
use crate::payloads::Sent;
use metric::Case;
use record::{Response, Token};
use std::io::Write;
use store::Exchange;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut line = Line::default();
    let mut sent = Sent::new(artifacts.payloads, artifacts.texts, !artifacts.report.branches.is_empty());
    for (exchange, number) in artifacts.numbered()? {
        let exchange = exchange?;
        let request = &exchange.request;
        let case = Case { request, settings: artifacts.settings };
        line.start();
        line.object("metadata", |line| jsonl::metadata(line, artifacts, request, number))?;
        line.put("start_perf_ns", &case.started().0)?;
        if let Some(sent) = request.kernel_sent_last_ns {
            line.put("sent_kernel_ns", &sent.0)?;
        }
        line.object("request_headers", |line| request_headers(line, artifacts, &exchange))?;
        if let Some(status) = request.http_status {
            line.put("status", &status)?;
        }
        let head = exchange.responses.iter().find(|response| response.index.is_none());
        if let Some(head) = head {
            line.object("response_headers", |line| response_headers(line, head))?;
        }
        line.array("responses", |line| responses(line, &exchange))?;
        // As a separate key, because readers of AIPerf's records allow no further keys within them.
        let kernel = exchange.tokens.iter().map(|token| token.kernel_received_ns.map(|stamp| stamp.0));
        let kernel = kernel.collect::<Vec<_>>();
        if kernel.iter().any(Option::is_some) {
            line.put("responses_kernel_ns", &kernel)?;
        }
        if !case.is_valid() {
            line.object("error", |line| jsonl::error(line, request))?;
        }
        line.put_json("payload", sent.next(&exchange).as_deref().unwrap_or("null"))?;
        line.end_into(out)?;
    }
    Ok(())
}

/// The request's headers; the user's own may contain keys, so only their names are written.
pub(crate) fn request_headers(
    line: &mut Line,
    artifacts: &Artifacts<'_>,
    exchange: &Exchange,
) -> Result<(), ExportError> {
    let request = &exchange.request;
    let endpoint = &artifacts.run.plan.endpoint;
    line.put("User-Agent", &format!("aiperfd/{}", artifacts.run.version))?;
    line.put("X-Request-ID", &jsonl::request_id(artifacts, request))?;
    line.put("X-Correlation-ID", &jsonl::correlation_id(artifacts, request.session))?;
    line.put("Accept", if endpoint.streaming { "text/event-stream" } else { "application/json" })?;
    line.put("Content-Type", "application/json")?;
    endpoint.header_names.iter().try_for_each(|name| line.put(name, REDACTED))
}

pub(crate) fn response_headers(line: &mut Line, head: &Response) -> Result<(), ExportError> {
    let text = String::from_utf8_lossy(&head.data);
    let headers = text.lines().skip(1).filter_map(|header| header.split_once(':'));
    for (name, value) in headers {
        let is_secret = SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        line.put(name, if is_secret { REDACTED } else { value.trim() })?;
    }
    Ok(())
}

fn responses(line: &mut Line, exchange: &Exchange) -> Result<(), ExportError> {
    for token in &exchange.tokens {
        let response = exchange.response(token);
        line.item(|line| {
            line.put("perf_ns", &token.reaped_ns.0)?;
            match response {
                Some(response) => content(line, token, response),
                None => Ok(()),
            }
        })?;
    }
    Ok(())
}

fn content(line: &mut Line, token: &Token, response: &Response) -> Result<(), ExportError> {
    let text = String::from_utf8_lossy(&response.data);
    if token.kind == common::reply_event::EventKind::Body || !is_event(&text) {
        line.put("text", &text)?;
        let is_json = text.trim_start().starts_with(['{', '[']);
        return line.put("content_type", if is_json { "application/json" } else { "text/plain" });
    }
    line.array("packets", |line| {
        for field in text.lines().filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once(':').unwrap_or((field, ""));
            let name = if name.is_empty() { "comment" } else { name };
            line.item(|line| {
                line.put("name", name)?;
                line.put("value", value.strip_prefix(' ').unwrap_or(value))
            })?;
        }
        Ok(())
    })
}

/// Whether the bytes are an event of a stream: lines of event fields. A whole body is not, whatever it contains.
fn is_event(text: &str) -> bool {
    let is_field = |line: &str| {
        let name = line.split_once(':').map_or(line, |(name, _)| name);
        ["", "data", "event", "id", "retry"].contains(&name)
    };
    text.lines().all(is_field)
}

const REDACTED: &str = "<redacted>";

const SECRET_HEADERS: &[&str] = &["set-cookie", "authorization", "proxy-authorization", "x-api-key"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_body_is_not_an_event() {
        let check = |text: &str, expected: bool| assert_eq!(is_event(text), expected, "{text}");
        check("data: {\"a\":1}", true);
        check("event: ping\ndata", true);
        check(": keep-alive", true);
        check("{\"error\":{\"message\":\"no\"}}", false);
        check("{\n  \"id\": 3\n}", false);
        check("<html>", false);
    }
}
