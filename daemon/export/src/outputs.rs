//! Writes `outputs.json`: the text of each response, with the request's main metrics.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::jsonl;
use metric::{Case, Metric, Value as Number, values};
use record::Request;
use serde_json::{Map, Value, json};
use std::io::Write;
use store::Exchange;

/// Writes the file, in the order in which requests were released.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut outputs = Vec::new();
    for (exchange, number) in artifacts.numbered()? {
        let exchange = exchange?;
        let case = Case { request: &exchange.request, settings: artifacts.settings };
        if case.is_profiling() {
            outputs.push((number, output(artifacts, &case, &exchange, number)));
        }
    }
    outputs.sort_by_key(|(number, _)| *number);
    let data = outputs.into_iter().map(|(_, output)| output).collect::<Vec<_>>();
    serde_json::to_writer_pretty(out, &json!({ "schema_version": SCHEMA_VERSION, "data": data }))?;
    Ok(())
}

fn output(artifacts: &Artifacts<'_>, case: &Case<'_>, exchange: &Exchange, session_num: u32) -> Value {
    let request: &Request = case.request;
    let date = |stamp| artifacts.settings.clock.real(stamp).0;
    let text =
        artifacts.texts.and_then(|texts| texts.response_text(exchange)).filter(|text| !text.all.is_empty());
    let shown = values(case).filter(|(metric, _)| SHOWN.contains(&metric.tag));
    let metrics = shown.map(|(metric, value)| (metric.tag.to_owned(), number(metric, value)));
    json!({
        "session_num": session_num,
        "conversation_id": jsonl::conversation_id(request),
        "turn_index": request.turn,
        "x_request_id": jsonl::request_id(artifacts, request),
        "request_start_ns": date(case.started()),
        "request_end_ns": date(case.ended_ns),
        "metrics": metrics.collect::<Map<_, _>>(),
        "response_text": text.map(|text| text.all),
    })
}

fn number(metric: &Metric, value: Number) -> Value {
    if metric.is_whole() && value.get() >= 0.0 {
        metric::whole(value.get()).into()
    } else {
        value.get().into()
    }
}

const SCHEMA_VERSION: &str = "1.0";

/// AIPerf's selection.
const SHOWN: &[&str] = &[
    "input_sequence_length",
    "output_token_count",
    "output_sequence_length",
    "request_latency",
    "time_to_first_token",
    "inter_token_latency",
];
