//! The steady state of a run in words and as JSON, or why it has none.

use crate::summary;
use common::clock::RealNs;
use metric::Report;
use metric::Steady;
use metric::steady::{Course, LEAST, Quantity, Unsteady};
use serde_json::{Value, json};

/// As JSON: the interval with its results, or the reason.
pub(crate) fn document(report: &Report) -> Value {
    match &report.steady {
        None => Value::Null,
        Some(Ok(steady)) => json!({
            "rule": RULE,
            "start_ns": steady.slice.begin.0,
            "end_ns": steady.slice.end.0,
            "requests_in_flight": steady.in_flight,
            "request_count": steady.slice.requests,
            "excluded_startup": steady.startup,
            "excluded_drain": steady.drain,
            "metrics": summary::metrics(&steady.slice.results),
            "intervals_95": summary::intervals(&steady.slice.results),
            "too_few_samples": summary::too_few(&steady.slice.results),
        }),
        Some(Err(unsteady)) => {
            let mut document = json!({ "rule": RULE, "cause": cause(unsteady), "reason": reason(unsteady) });
            if let Unsteady::Changes { of, from, to, .. } = unsteady {
                let (tag, unit, factor) = quantity(*of);
                document["quantity"] =
                    json!({ "tag": tag, "unit": unit, "from": from * factor, "to": to * factor });
            }
            document
        }
    }
}

/// In a sentence or two.
pub(crate) fn text(report: &Report) -> Option<String> {
    Some(match report.steady.as_ref()? {
        Err(unsteady) => format!("Steady state: none; {}.", reason(unsteady)),
        Ok(Steady { slice, in_flight, startup, drain }) => {
            let seconds = |to: RealNs| metric::float(to.0.saturating_sub(report.begin.0)) / 1e9;
            format!(
                "Steady state: from {:.3} s to {:.3} s of the run, with {in_flight} requests usually in flight. It \
                 includes the {} requests that started in it; {startup} before it and {drain} after it are left out.",
                seconds(slice.begin),
                seconds(slice.end),
                slice.requests,
            )
        }
    })
}

/// Why there is no steady state.
fn reason(unsteady: &Unsteady) -> String {
    match unsteady {
        Unsteady::TooFew { requests } => {
            format!("the run has {requests} requests, and {LEAST} are the least to tell by: make it longer")
        }
        Unsteady::TooShort { requests } => format!(
            "only {requests} requests started between the first burst and the drain, and {LEAST} are the least to tell \
             by: make the run longer"
        ),
        Unsteady::Changes { of, how, from, to } => {
            let (name, advice) = match (of, how) {
                (Quantity::Latency, Course::Grows) => ("latency grows", SLOWS),
                (Quantity::FirstToken, Course::Grows) => ("time to first token grows", SLOWS),
                (Quantity::InFlight, Course::Grows) => ("the number of requests in flight grows", SLOWS),
                (Quantity::Latency, Course::Falls) => ("latency falls", WARMS),
                (Quantity::FirstToken, Course::Falls) => ("time to first token falls", WARMS),
                (Quantity::InFlight, Course::Falls) => ("the number of requests in flight falls", WARMS),
                (Quantity::Latency, Course::Wanders) => ("latency keeps no level", WANDERS),
                (Quantity::FirstToken, Course::Wanders) => ("time to first token keeps no level", WANDERS),
                (Quantity::InFlight, Course::Wanders) => {
                    ("the number of requests in flight keeps no level", WANDERS)
                }
            };
            let (_, unit, factor) = quantity(*of);
            let unit = if *of == Quantity::InFlight { String::new() } else { format!(" {unit}") };
            let between = if *how == Course::Wanders {
                "it is between quarters of the run that average"
            } else {
                "from its first quarter to its last it goes from"
            };
            let joint = if *how == Course::Wanders { "and" } else { "to" };
            format!("{name}: {between} {:.1} {joint} {:.1}{unit}; {advice}", from * factor, to * factor)
        }
    }
}

fn cause(unsteady: &Unsteady) -> &'static str {
    match unsteady {
        Unsteady::TooFew { .. } => "too_few_requests",
        Unsteady::TooShort { .. } => "too_short",
        Unsteady::Changes { how: Course::Grows, .. } => "grows",
        Unsteady::Changes { how: Course::Falls, .. } => "falls",
        Unsteady::Changes { how: Course::Wanders, .. } => "wanders",
    }
}

/// The metric's tag, its unit, and the factor to it.
const fn quantity(of: Quantity) -> (&'static str, &'static str, f64) {
    match of {
        Quantity::Latency => ("request_latency", "ms", 1e-6),
        Quantity::FirstToken => ("time_to_first_token", "ms", 1e-6),
        Quantity::InFlight => ("requests_in_flight", "requests", 1.0),
    }
}

const RULE: &str = "Requests that started after the first burst, ramp-up and warm-up and before the drain, if latency, time to \
                    first token and the number in flight keep one level from one to the other. Rates are per second of that \
                    interval. docs/STEADY_STATE.md has the methods.";

const SLOWS: &str = "the load is more than the server completes, or the server slows down";
const WARMS: &str = "the run ends before this settles: make it longer, or warm up first";
const WANDERS: &str = "make the run longer";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unsteady: Unsteady, expected: &str) {
        let report = Report { steady: Some(Err(unsteady)), ..Report::default() };
        assert_eq!(text(&report).as_deref(), Some(expected), "{unsteady:?}");
        assert_eq!(document(&report)["cause"], cause(&unsteady), "{unsteady:?}");
    }

    #[test]
    fn reasons_are_sentences_with_numbers() {
        let changes = |of, how, from, to| Unsteady::Changes { of, how, from, to };
        check(
            Unsteady::TooFew { requests: 7 },
            "Steady state: none; the run has 7 requests, and 50 are the least to tell by: make it longer.",
        );
        check(
            changes(Quantity::Latency, Course::Grows, 1.25e7, 4e7),
            "Steady state: none; latency grows: from its first quarter to its last it goes from 12.5 to 40.0 ms; the load is \
             more than the server completes, or the server slows down.",
        );
        check(
            changes(Quantity::InFlight, Course::Wanders, 3.0, 9.0),
            "Steady state: none; the number of requests in flight keeps no level: it is between quarters of the run that \
             average 3.0 and 9.0; make the run longer.",
        );
    }
}
