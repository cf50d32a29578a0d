//! A request with round numbers, computed by hand, and the check that every metric's test uses.

use crate::case::Case;
use crate::metric::{Kind, Metric};
use crate::settings::Settings;
use crate::totals::Totals;
use crate::value::Value;
use common::clock::{Anchor, MonoNs};
use common::id::RequestId;
use record::Request;
use spec::Capability;

/// A run with streamed responses, counted by our tokenizer, with a single clock.
pub(crate) fn settings() -> Settings {
    Settings {
        streaming: true,
        is_import: false,
        capability: Capability::TEXT,
        use_server_token_count: false,
        fixed_schedule: false,
        show_trace_timing: false,
        network_rtt_ms: None,
        goodput: Vec::new(),
        slice_duration: None,
        profiling: None,
        warmup: None,
        measured: vec![crate::PROFILING.to_owned()],
        phases: Vec::new(),
        steady_state: false,
        clock: Anchor::default(),
    }
}

/// Due at 100 ms, submitted at 101, sent at 102, first token at 120 (read at 122), last at 200 (read at 202).
pub(crate) fn request() -> Request {
    let at = |millis: u64| Some(MonoNs(millis * 1_000_000));
    Request {
        due_ns: MonoNs(100_000_000),
        submitted_ns: at(101),
        kernel_sent_first_ns: at(102),
        kernel_sent_last_ns: at(102),
        head_kernel_received_ns: at(110),
        head_reaped_ns: at(111),
        first_event_kernel_ns: at(112),
        first_event_reaped_ns: at(113),
        first_token_kernel_ns: at(120),
        first_token_reaped_ns: at(122),
        second_token_kernel_ns: at(130),
        second_token_reaped_ns: at(133),
        first_answer_kernel_ns: at(130),
        first_answer_reaped_ns: at(133),
        last_token_kernel_ns: at(200),
        last_token_reaped_ns: at(202),
        kernel_received_last_ns: at(203),
        ended_ns: MonoNs(204_000_000),
        events: 12,
        content_events: 9,
        sent_bytes: 2048,
        received_bytes: 4096,
        sent_segments: Some(1),
        received_segments: Some(7),
        event_segments: Some(6),
        reads: 7,
        smoothed_rtt_us: Some(150),
        retransmits: Some(1),
        http_status: Some(200),
        input_tokens: Some(20),
        output_tokens: Some(8),
        reasoning_tokens: Some(3),
        requested_output_tokens: Some(10),
        usage_prompt_tokens: Some(25),
        usage_completion_tokens: Some(10),
        usage_total_tokens: Some(35),
        usage_reasoning_tokens: Some(2),
        usage_prompt_cache_read_tokens: Some(5),
        ..Request::blank(RequestId(0))
    }
}

/// Checks a metric's value for the sample request after an edit.
#[track_caller]
pub(crate) fn check<R>(metric: &Metric, edit: fn(&mut Request) -> R, expected: Option<f64>) {
    check_under(&settings(), metric, edit, expected);
}

/// Like [`check`], with the server's token counts.
#[track_caller]
pub(crate) fn check_by_server<R>(metric: &Metric, edit: fn(&mut Request) -> R, expected: Option<f64>) {
    check_under(&Settings { use_server_token_count: true, ..settings() }, metric, edit, expected);
}

/// Checks a derived metric's value for these totals.
#[track_caller]
pub(crate) fn check_derived(metric: &Metric, totals: &[(&'static str, f64)], expected: Option<f64>) {
    let Kind::Derived(formula) = metric.kind else { panic!("{} is not derived", metric.tag) };
    let mut all = Totals::new(crate::totals::Observed::Benchmark);
    for (tag, number) in totals {
        all.put(tag, Value::new(*number).unwrap());
    }
    compare(metric, formula(&all), expected);
}

#[track_caller]
fn check_under<R>(settings: &Settings, metric: &Metric, edit: fn(&mut Request) -> R, expected: Option<f64>) {
    let mut request = request();
    edit(&mut request);
    let case = Case { request: &request, settings };
    let (Kind::Record(formula) | Kind::Sum(formula) | Kind::Minimum(formula) | Kind::Maximum(formula)) =
        metric.kind
    else {
        panic!("{} has no number per request", metric.tag)
    };
    compare(metric, formula(&case), expected);
}

#[track_caller]
fn compare(metric: &Metric, got: Option<Value>, expected: Option<f64>) {
    let got = got.map(Value::get);
    let same = match (got, expected) {
        (Some(got), Some(expected)) => (got - expected).abs() <= 1e-9 * expected.abs(),
        (got, expected) => got.is_none() && expected.is_none(),
    };
    assert!(same, "{}: got {got:?}, expected {expected:?}", metric.tag);
}
