//! Requests with each stage and each event, for a page on which a reader looks closer: all of them, or a sample that has the slowest
//! and the failed.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::series::{Series, of_gpus, of_server};
use crate::view::{Sample, Stages};
use record::{Request, Token};
use serde::Serialize;
use std::fmt::Write;
use store::visible_within;

/// What can be looked at. Times are whole microseconds since the first request was due; a stage that nobody saw is absent.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::html) struct Explorer {
    /// How many requests the run has.
    of: u64,
    /// Whether the stages are the kernel's.
    is_kernel: bool,
    /// How many of the requests have no events, because there would be too many.
    without_events: usize,
    /// The requests, by when they were due.
    requests: Vec<Row>,
    /// What else was measured, on the same axis.
    series: Vec<Curve>,
    /// How many more of those there are.
    series_left_out: usize,
}

/// A request: the names are short, for there are many of them.
#[derive(Clone, Debug, Default, Serialize)]
struct Row {
    /// Its number.
    id: u64,
    /// Its session and its turn.
    at: (u64, u32),
    /// When it was due, submitted, sent, answered first, answered last, and done.
    t: [Option<u64>; 6],
    /// Segments that were sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<u32>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Its tokens in and out.
    tokens: (Option<u32>, Option<u32>),
    /// When its events arrived: microseconds since the one before (the first since it was due) in base 36, `*3` behind it where three
    /// share one segment, joined by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    events: String,
}

/// A curve that holds each value until the next.
#[derive(Clone, Debug, Serialize)]
struct Curve {
    name: String,
    unit: &'static str,
    is_gpu: bool,
    points: Vec<(u64, f64)>,
}

/// The requests to be looked at; none of a run without.
pub(in crate::html) fn explorer(
    artifacts: &Artifacts<'_>,
    sample: &Sample,
) -> Result<Option<Explorer>, ExportError> {
    if sample.of == 0 {
        return Ok(None);
    }
    let mut made = Explorer { of: sample.of, ..Explorer::default() };
    let mut left = EVENTS_MAX;
    // Events are read of a run that has not too many: to find those of a few requests all must be read.
    if sample.events <= EVENTS_READ_MAX {
        for exchange in artifacts.exchanges.iter()? {
            let exchange = exchange?;
            if sample.ids.contains(&exchange.request.request_id.0) {
                made.put(&exchange.request, &exchange.tokens, sample.begin, &mut left);
            }
        }
    } else {
        for request in artifacts.exchanges.requests()? {
            let request = request?;
            if sample.ids.contains(&request.request_id.0) {
                made.put(&request, &[], sample.begin, &mut 0);
            }
        }
    }
    made.requests.sort_by_key(|row| (row.t[0], row.id));
    let mut gpus = of_gpus(artifacts);
    gpus.retain(|series| OF_GPUS.iter().any(|name| series.name.ends_with(name)));
    let mut all = of_server(artifacts)?;
    all.append(&mut gpus);
    made.series_left_out = all.len().saturating_sub(CURVES_MAX);
    all.truncate(CURVES_MAX);
    made.series = all.into_iter().map(|series| Curve::of(series, sample.begin)).collect();
    Ok(Some(made))
}

impl Explorer {
    fn put(&mut self, request: &Request, tokens: &[Token], begin: u64, left: &mut usize) {
        let stages = Stages::of(request);
        let since = |at: u64| at.saturating_sub(begin) / 1000;
        self.is_kernel |= request.kernel_sent_last_ns.is_some();
        let is_shown = tokens.len() <= *left;
        if is_shown {
            *left -= tokens.len();
        }
        self.without_events += usize::from(!is_shown || (tokens.is_empty() && request.events > 0));
        let error = (!matches!(request.outcome, common::client_event::Outcome::Ok)).then(|| {
            let kind = request.error_type.as_deref().unwrap_or_else(|| request.outcome.name());
            visible_within(kind, NAME_MAX)
        });
        let [submitted, sent, first, last, ended] = stages.ends();
        self.requests.push(Row {
            id: stages.request(),
            at: stages.place(),
            t: [Some(stages.due), submitted, sent, first, last, ended].map(|at| at.map(since)),
            again: request.retransmits.filter(|count| *count > 0),
            error,
            tokens: (request.input_tokens.or(request.usage_prompt_tokens), request.output_tokens),
            events: if is_shown { events(tokens, stages.due) } else { String::new() },
        });
    }
}

/// When events arrived, in a text.
fn events(tokens: &[Token], due: u64) -> String {
    let arrival =
        |token: &Token| token.kernel_received_ns.unwrap_or(token.reaped_ns).0.saturating_sub(due) / 1000;
    let mut text = String::new();
    let (mut before, mut place) = (0, 0);
    while let Some(token) = tokens.get(place) {
        let at = arrival(token);
        let together = tokens[place..].iter().take_while(|other| {
            token.segment.is_some() && other.segment == token.segment && arrival(other) == at
        });
        let together = together.count().max(1);
        if place > 0 {
            text.push(',');
        }
        base_36(&mut text, at.saturating_sub(before));
        if together > 1 {
            // A text takes everything.
            write!(text, "*{together}").ok();
        }
        (before, place) = (at.max(before), place + together);
    }
    text
}

fn base_36(text: &mut String, mut number: u64) {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
        if number == 0 {
            break;
        }
    }
    text.extend(digits.iter().rev());
}

impl Curve {
    /// A series, with so many points that a page can hold them: of each stretch its first, least and greatest.
    fn of(series: Series, begin: u64) -> Self {
        let Series { name, unit, is_gpu, points } = series;
        let points = points.into_iter().map(|(at, value)| (at.saturating_sub(begin) / 1000, value));
        let points = points.collect::<Vec<_>>();
        let apart = points.len().div_ceil(POINTS_MAX / 3).max(1);
        let stretches = points.chunks(apart).flat_map(|stretch| {
            let by = |one: &&(u64, f64), other: &&(u64, f64)| one.1.total_cmp(&other.1);
            let (least, most) = (stretch.iter().min_by(by), stretch.iter().max_by(by));
            let mut kept = stretch.first().into_iter().chain(least).chain(most).copied().collect::<Vec<_>>();
            kept.sort_by_key(|(at, _)| *at);
            kept.dedup();
            kept
        });
        Self { name: visible_within(&name, NAME_MAX), unit, is_gpu, points: stretches.collect() }
    }
}

/// Events that a page holds, and those that are read for it.
const EVENTS_MAX: usize = 200_000;
const EVENTS_READ_MAX: u64 = 2_000_000;
/// Curves, and points of one.
const CURVES_MAX: usize = 40;
const POINTS_MAX: usize = 1500;
const NAME_MAX: usize = 80;
/// What is shown of GPUs.
const OF_GPUS: &[&str] = &["nvidia_power_usage", "nvidia_gpu_utilization", "amd_power", "amd_gfx_activity"];

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::MonoNs;
    use common::id::RequestId;
    use common::reply_event::EventKind;

    fn token(index: u32, at_us: u64, segment: Option<u64>) -> Token {
        Token {
            kernel_received_ns: Some(MonoNs(at_us * 1000)),
            segment,
            ..Token::noticed(RequestId(1), index, EventKind::Content, MonoNs(at_us * 1000 + 5000))
        }
    }

    #[test]
    fn events_are_a_short_text_with_what_shares_a_segment() {
        let tokens = [
            token(0, 1000, Some(1)),
            token(1, 1035, Some(2)),
            token(2, 1035, Some(2)),
            token(3, 1035, Some(2)),
            token(4, 1036, Some(3)),
        ];
        assert_eq!(events(&tokens, 0), "rs,z*3,1", "27*36+28 is 1000, z is 35");
        assert_eq!(events(&tokens, 2_000_000), "0,0*3,0", "never before it was due");
        assert_eq!(events(&[], 0), "");
        assert_eq!(
            events(&[token(0, 36, None), token(1, 36, None)], 0),
            "10,0",
            "without segments none is shared"
        );
    }

    #[test]
    fn a_long_curve_keeps_its_extremes() {
        let mut points = (0..100_000_u64).map(|at| (at * 1000, 1.0)).collect::<Vec<_>>();
        points[54_321].1 = 9.0;
        points[77_777].1 = -9.0;
        let series = Series { name: "x".to_owned(), unit: "W", is_gpu: true, points };
        let curve = Curve::of(series, 0);
        assert!(curve.points.len() <= POINTS_MAX, "{}", curve.points.len());
        let values = || curve.points.iter().map(|(_, value)| *value);
        let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
        assert!((least + 9.0).abs() < 1e-9 && (most - 9.0).abs() < 1e-9, "{least} to {most}");
        assert!(curve.points.is_sorted_by_key(|(at, _)| *at), "in order");
        assert_eq!(curve.points[0].0, 0, "from the start");
    }
}
