//! Writes `profile_export.jsonl`: a line per request with its metadata and its metrics, written while they are read.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::line::Line;
use crate::trace;
use common::client_event::Outcome;
use common::clock::MonoNs;
use metric::{Case, Kind, List, METRICS, Metric, PROFILING, Settings, WARMUP, float, values};
use record::Request;
use std::borrow::Cow;
use std::io::Write;
use store::Exchange;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut line = Line::default();
    for (exchange, number) in artifacts.numbered()? {
        line.start();
        fields(&mut line, artifacts, &exchange?, number)?;
        line.end_into(out)?;
    }
    Ok(())
}

/// Passes on each request of a measured phase as a line of JSON that ends with a line feed, with the phase's place among the measured
/// ones, until `take` returns false: the file's fields, after those that processors written for AIPerf read, `latency_ms`, `ttft_ms`,
/// `status`, `timestamp` (seconds since 1970) and `phase`.
///
/// # Errors
/// When the run's records cannot be read.
pub fn rows(artifacts: &Artifacts<'_>, take: &mut dyn FnMut(u32, &[u8]) -> bool) -> Result<(), ExportError> {
    let mut line = Line::default();
    let mut measured = Vec::new();
    for (exchange, number) in artifacts.numbered()? {
        let exchange = exchange?;
        let case = Case { request: &exchange.request, settings: artifacts.settings };
        if !case.is_profiling() {
            continue;
        }
        let name = &exchange.request.phase;
        let set = measured.iter().position(|phase| phase == name).unwrap_or_else(|| {
            measured.push(name.clone());
            measured.len() - 1
        });
        line.start();
        line.put("phase", name)?;
        line.put("status", if case.is_valid() { "success" } else { "error" })?;
        let seconds = float(artifacts.settings.clock.real(case.started()).0) / 1e9;
        line.put("timestamp", &seconds)?;
        for (key, tag) in [("latency_ms", "request_latency"), ("ttft_ms", "time_to_first_token")] {
            let value = values(&case).find(|(metric, _)| metric.tag == tag);
            if let Some((_, value)) = value.filter(|_| case.is_valid()) {
                line.put(key, &value.get())?;
            }
        }
        fields(&mut line, artifacts, &exchange, number)?;
        let mut row = Vec::new();
        line.end_into(&mut row)?;
        if !take(u32::try_from(set).unwrap_or(u32::MAX), &row) {
            break;
        }
    }
    Ok(())
}

fn fields(
    line: &mut Line,
    artifacts: &Artifacts<'_>,
    exchange: &Exchange,
    number: u32,
) -> Result<(), ExportError> {
    let case = Case { request: &exchange.request, settings: artifacts.settings };
    match &exchange.foreign {
        Some(foreign) => line.put_json("metadata", &foreign.metadata)?,
        None => line.object("metadata", |line| metadata(line, artifacts, &exchange.request, number))?,
    }
    line.object("metrics", |line| metrics(line, &case, exchange))?;
    if artifacts.run.plan.output.export_http_trace && exchange.request.sent_bytes > 0 {
        line.object("trace_data", |line| trace::write(line, artifacts, exchange))?;
    }
    if case.is_valid() && exchange.request.spec_decode_steps.is_some() {
        line.object("spec_decode_acceptance", |line| accepted_drafts(line, &case))?;
    }
    match exchange.foreign.as_ref().and_then(|foreign| foreign.error.as_deref()) {
        Some(error) => line.put_json("error", error),
        None if case.is_valid() => Ok(()),
        None => line.object("error", |line| error(line, &exchange.request)),
    }
}

/// The request's identity and times by AIPerf's keys; times are nanoseconds since the epoch.
pub(crate) fn metadata(
    line: &mut Line,
    artifacts: &Artifacts<'_>,
    request: &Request,
    number: u32,
) -> Result<(), ExportError> {
    let correlation = |session| correlation_id(artifacts, session);
    let root = request.root_session.unwrap_or(request.session);
    let case = Case { request, settings: artifacts.settings };
    let date = |stamp: MonoNs| artifacts.settings.clock.real(stamp).0;
    let kind = if case.is_profiling() { PROFILING } else { WARMUP };
    line.put("session_num", &number)?;
    line.put("x_request_id", &request_id(artifacts, request))?;
    line.put("x_correlation_id", &correlation(request.session))?;
    line.put("conversation_id", &conversation_id(request))?;
    line.put("turn_index", &request.turn)?;
    line.put("credit_issued_ns", &date(case.released()))?;
    line.put("request_start_ns", &date(case.started()))?;
    if let Some(head) = request.head_reaped_ns {
        line.put("request_ack_ns", &date(head))?;
    }
    line.put("request_end_ns", &date(request.ended_ns))?;
    line.put("worker_id", &format!("worker_{}", request.worker))?;
    line.put("record_processor_id", "record_processor_0")?;
    line.put("benchmark_phase", kind)?;
    let phase = artifacts.run.phases.iter().position(|phase| phase.name == request.phase).unwrap_or(0);
    line.put("phase_index", &phase)?;
    if let Some(index) = case.profiling_index() {
        line.put("profiling_index", &index)?;
    }
    line.put("phase_name", &request.phase)?;
    line.put("phase_kind", kind)?;
    line.put("was_cancelled", &(request.outcome == Outcome::Cancelled))?;
    line.put("context_overflow_skip", &false)?;
    line.put("agent_depth", &request.depth.unwrap_or(0))?;
    if let Some(parent) = request.parent_session {
        line.put("parent_correlation_id", &correlation(parent))?;
    }
    line.put("root_correlation_id", &correlation(root))
}

/// A session's id as sent in the header.
pub(crate) fn correlation_id(artifacts: &Artifacts<'_>, session: u64) -> String {
    let header = common::id::RequestId(session).session_header(run_number(artifacts));
    String::from_utf8_lossy(&header).into_owned()
}

/// The server's counts of draft tokens, by AIPerf's keys.
fn accepted_drafts(line: &mut Line, case: &Case<'_>) -> Result<(), ExportError> {
    line.put("engine", "vllm")?;
    let ratios = [
        ("mean_acceptance_length", case.spec_decode_acceptance_length),
        ("draft_acceptance_rate", case.spec_decode_acceptance_rate),
    ];
    for (key, ratio) in ratios {
        if let Some(ratio) = ratio.filter(|ratio| ratio.is_finite()) {
            line.put(key, &ratio)?;
        }
    }
    line.object("acceptance_histogram", |line| {
        case.accepted_drafts().try_for_each(|(accepted, count)| line.put(&accepted.to_string(), &count))
    })?;
    let counts = [
        ("num_accepted_draft_tokens", case.spec_decode_accepted_tokens),
        ("num_draft_tokens", case.spec_decode_draft_tokens),
        ("num_spec_steps", case.spec_decode_steps),
        ("num_spec_tokens", case.most_drafts()),
        ("completion_tokens", case.usage_completion_tokens),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            line.put(key, &count)?;
        }
    }
    Ok(())
}

/// The request's id as sent in the header.
pub(crate) fn request_id(artifacts: &Artifacts<'_>, request: &Request) -> String {
    String::from_utf8_lossy(&request.request_id.header(run_number(artifacts))).into_owned()
}

/// The conversation's name in `inputs.json`.
pub(crate) fn conversation_id(request: &Request) -> Cow<'_, str> {
    match &request.conversation {
        Some(own) => Cow::Borrowed(own),
        None => Cow::Owned(format!("session_{:06}", request.entry)),
    }
}

fn run_number(artifacts: &Artifacts<'_>) -> u64 {
    u64::from_str_radix(&artifacts.run.run_id, 16).unwrap_or(0)
}

/// The request's error.
pub(crate) fn error(line: &mut Line, request: &Request) -> Result<(), ExportError> {
    if let Some(code) = request.error_code() {
        line.put("code", &code)?;
    }
    let outcome = match request.outcome {
        Outcome::Ok => Outcome::Empty,
        outcome => outcome,
    };
    line.put("type", request.error_type.as_deref().unwrap_or_else(|| outcome.name()))?;
    line.put("message", request.error_message.as_deref().unwrap_or_default())
}

fn metrics(line: &mut Line, case: &Case<'_>, exchange: &Exchange) -> Result<(), ExportError> {
    for (metric, value) in values(case) {
        line.object(metric.tag, |line| {
            if metric.is_whole() && value.get() >= 0.0 {
                line.put("value", &metric::whole(value.get()))?;
            } else {
                line.put("value", &value.get())?;
            }
            line.put("unit", metric.display.name())
        })?;
    }
    if case.is_valid() {
        for (metric, list) in lists(case.settings) {
            let numbers = gaps(list, exchange);
            if !numbers.is_empty() {
                let shown = numbers.into_iter().map(|gap| float(gap) * metric.display_factor());
                line.object(metric.tag, |line| {
                    line.put("value", &shown.collect::<Vec<_>>())?;
                    line.put("unit", metric.display.name())
                })?;
            }
        }
    }
    Ok(())
}

fn lists(settings: &Settings) -> impl Iterator<Item = (&'static Metric, List)> {
    METRICS.iter().copied().filter(|metric| settings.apply(metric)).filter_map(|metric| match metric.kind {
        Kind::List(list) if !metric.is_hidden() => Some((metric, list)),
        _ => None,
    })
}

/// The values of a list metric of one request, in nanoseconds.
fn gaps(list: List, exchange: &Exchange) -> Vec<u64> {
    let content = || exchange.tokens.iter().filter(|token| token.kind.is_content());
    let between = |pairs: Vec<Option<u64>>| {
        pairs.windows(2).filter_map(|pair| pair[1]?.checked_sub(pair[0]?)).collect::<Vec<_>>()
    };
    match list {
        List::InterChunk => {
            between(content().map(|token| token.reaped_ns.stamped().map(|stamp| stamp.0)).collect())
        }
        List::KernelInterChunk => {
            between(content().map(|token| token.kernel_received_ns.map(|stamp| stamp.0)).collect())
        }
        List::ReceiveOverhead => {
            let waited = |token: &record::Token| token.reaped_ns.0.checked_sub(token.kernel_received_ns?.0);
            exchange.tokens.iter().filter_map(waited).collect()
        }
    }
}
