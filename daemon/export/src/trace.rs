//! Writes `trace_data` of a line of `profile_export.jsonl`: the stages of the HTTP exchange by AIPerf's keys, as dates.
//!
//! AIPerf's chunks are segments when sending and reads when receiving. Names are resolved before a run, and a request is
//! submitted only when it has a connection, so there are no waits for either.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::line::Line;
use crate::raw;
use common::clock::MonoNs;
use metric::{Case, Value, whole};
use store::Exchange;

/// Writes the object's keys; unknown values have none.
pub(crate) fn write(
    line: &mut Line,
    artifacts: &Artifacts<'_>,
    exchange: &Exchange,
) -> Result<(), ExportError> {
    let request = &exchange.request;
    let case = Case { request, settings: artifacts.settings };
    let date = |stamp: MonoNs| artifacts.settings.clock.real(stamp).0;
    line.put("trace_type", TYPE)?;
    let head = exchange.responses.iter().find(|response| response.index.is_none());
    line.object("request_headers", |line| raw::request_headers(line, artifacts, exchange))?;
    if let Some(head) = head {
        line.object("response_headers", |line| raw::response_headers(line, head))?;
    }
    let moments = [
        ("request_send_start_ns", request.submitted_ns),
        ("request_send_end_ns", request.kernel_sent_last_ns),
        ("response_receive_start_ns", request.head_reaped_ns),
        ("response_headers_received_ns", request.head_reaped_ns),
        ("response_receive_end_ns", request.head_reaped_ns.map(|_| request.ended_ns)),
        ("error_timestamp_ns", (!case.is_valid()).then_some(request.ended_ns)),
        ("tcp_connect_start_ns", request.connect_begun_ns),
        ("tcp_connect_end_ns", request.connected_ns),
        ("connection_reused_ns", request.submitted_ns.filter(|_| request.connection_reused)),
    ];
    for (key, moment) in moments {
        if let Some(moment) = moment {
            line.put(key, &date(moment))?;
        }
    }
    if let Some(segments) = request.sent_segments {
        line.put("request_chunks_count", &segments)?;
    }
    line.put("request_bytes_total", &request.sent_bytes)?;
    if let Some(status) = request.http_status {
        line.put("response_status_code", &status)?;
    }
    line.put("response_chunks_count", &request.reads)?;
    line.put("response_bytes_total", &request.received_bytes)?;
    spans(line, &case)
}

fn spans(line: &mut Line, case: &Case<'_>) -> Result<(), ExportError> {
    let received = case.head_reaped_ns.and_then(|head| Value::span(head, case.ended_ns));
    let spans = [
        (
            "connecting_ns",
            case.connect_begun_ns.zip(case.connected_ns).and_then(|(from, to)| Value::span(from, to)),
        ),
        ("sending_ns", case.since_submitted(case.kernel_sent_last_ns)),
        ("waiting_ns", case.since_sent(case.head_reaped_ns)),
        ("receiving_ns", received.map(|whole| if case.reads <= 1 { Value::ZERO } else { whole })),
        ("duration_ns", case.since_submitted(Some(case.ended_ns))),
    ];
    for (key, span) in spans {
        if let Some(span) = span {
            line.put(key, &whole(span.get()))?;
        }
    }
    Ok(())
}

const TYPE: &str = "aiperfd";
