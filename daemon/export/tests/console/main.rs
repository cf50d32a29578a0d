//! Tests that the console report of a run with everything in it looks as it did, byte for byte: `screen.txt` and `full.txt`.
//!
//! `AIPERFD_GOLDEN=1 cargo test -p export --test console` writes both anew.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[path = "../hostile/sample_run.rs"]
mod sample_run;

use common::client_event::Outcome;
use common::clock::{DurationNs, MonoNs};
use common::id::RequestId;
use common::reply_event::EventKind;
use export::{Artifacts, Colour, Extent, Payloads, ServerMetrics, console};
use metric::gpu::{Gpus, Join};
use metric::{Analysis, Settings, Window};
use record::{GpuSample, Reason, Request, ServerSample, Standing, Token, Verdict};
use sample_run::{bare, sample_run};
use std::path::{Path, PathBuf};
use store::parquet::{Limits, PartWriter, concat};

/// Text without colors, with colors, and in a narrow terminal, one after the other.
#[test]
fn the_report_looks_as_it_did() {
    check(Extent::Screen, "screen.txt", include_str!("screen.txt"));
    check(Extent::Full, "full.txt", include_str!("full.txt"));
}

fn check(extent: Extent, name: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Vec::new();
    for (width, colour) in [(140, Colour::Plain), (100, Colour::Ansi), (40, Colour::Plain)] {
        full_run(folder.path(), |artifacts| console::write(artifacts, extent, width, colour, &mut shown));
        few_requests(|artifacts| console::write(artifacts, extent, width, colour, &mut shown));
    }
    let shown = String::from_utf8(shown).unwrap().replace('\u{1b}', "^[");
    if std::env::var_os("AIPERFD_GOLDEN").is_some() {
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/console").join(name);
        std::fs::write(golden, &shown).unwrap();
        return;
    }
    for (number, (line, expected)) in shown.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of {name}", number + 1);
    }
    assert_eq!(shown.len(), expected.len(), "the length of {name}");
}

/// A run of two phases with GPUs, server metrics, failures, spans that were dropped, and a verdict of several reasons.
fn full_run(folder: &Path, show: impl FnOnce(&Artifacts<'_>) -> Result<(), export::ExportError>) {
    let mut run = sample_run(1_790_000_000_000_000_000);
    run.timestamps_reason = Some("the kernel has no BTF\u{1b}[2J".to_owned());
    run.plan.load.phases[0].request_rate = Some(20.0);
    let reason = |name: &str, standing, text: String| Reason {
        name: name.to_owned(),
        standing,
        text,
        figures: Vec::new(),
    };
    run.verdict = Verdict::from_reasons(vec![
        reason("late_requests", Standing::Degraded, "Requests were sent late. ".repeat(12)),
        reason("kernel_loss", Standing::Invalid, "The kernel lost stamps.".to_owned()),
        reason("few_requests", Standing::Degraded, "p99 needs 662 completed requests.".to_owned()),
    ]);
    let mut settings = Settings::of(&run);
    let window = |begin: u64, end: u64| Window { begin: MonoNs(begin), end: MonoNs(end) };
    settings.measured = vec!["profiling".to_owned(), "second".to_owned()];
    settings.profiling = Some(window(900_000_000, 9_000_000_000));
    settings.phases = vec![
        ("profiling".to_owned(), window(900_000_000, 5_000_000_000)),
        ("second".to_owned(), window(5_000_000_000, 9_000_000_000)),
    ];
    settings.show_trace_timing = true;
    let gpus = Gpus::of(gpu_samples().into_iter().map(Ok::<_, ()>)).unwrap();
    let mut analysis = Analysis::new(settings.clone());
    let mut join = Join::new(&gpus, &settings).unwrap();
    for id in 0..900 {
        let (request, tokens) = (request(id), (0..EVENTS).map(|index| token(id, index)).collect::<Vec<_>>());
        join.request(&request);
        tokens.iter().for_each(|token| join.event(token.into()));
        analysis.request(&request);
        analysis.tokens(&tokens);
    }
    let mut report = analysis.finish();
    report.add(join.finish(&report.clone(), Some(4)));
    let mut writer = PartWriter::new(folder, "part", Limits::STANDARD, &[]);
    server_samples().into_iter().for_each(|row| writer.push(row).unwrap());
    let stored = folder.join("server_metrics.parquet");
    concat(&writer.finish().unwrap(), &stored).unwrap();
    let server = ServerMetrics::read(&stored, &settings).unwrap();
    let payloads = Payloads::default();
    let base = bare(&run, &report, &settings, &payloads);
    show(&Artifacts { server: Some(&server), gpus: Some(&gpus), ..base }).unwrap();
}

/// A run with a dozen requests, whose high percentiles are marked, and nothing else.
fn few_requests(show: impl FnOnce(&Artifacts<'_>) -> Result<(), export::ExportError>) {
    let mut run = sample_run(0);
    run.streamed.clear();
    run.verdict = Verdict::from_reasons(Vec::new());
    let settings = Settings { steady_state: false, ..Settings::of(&run) };
    let mut analysis = Analysis::new(settings.clone());
    for id in (0..1000).step_by(83) {
        let kernel = Request { first_token_kernel_ns: None, kernel_sent_last_ns: None, ..request(id) };
        analysis.request(&kernel);
        analysis.tokens(&(0..EVENTS).map(|index| token(id, index)).collect::<Vec<_>>());
    }
    let (report, payloads) = (analysis.finish(), Payloads::default());
    show(&bare(&run, &report, &settings, &payloads)).unwrap();
}

/// Pseudo-random numbers that are the same in each run.
const fn scatter(id: u64, salt: u64) -> u64 {
    let mixed = (id ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40
}

fn at(id: u64, index: u32) -> u64 {
    1_000_000_000 + id * 8_000_000 + 20_000_000 + u64::from(index) * 7_000_000 + scatter(id, index.into()) / 8
}

fn token(id: u64, index: u32) -> Token {
    let kernel = at(id, index);
    let reaped = kernel + 20_000 + scatter(id, 77) / 256;
    Token {
        kernel_received_ns: Some(MonoNs(kernel)),
        segment: Some(index.into()),
        events_in_segment: Some(1),
        tokens: Some(1),
        ..Token::noticed(RequestId(id), index, EventKind::Content, MonoNs(reaped))
    }
}

fn request(id: u64) -> Request {
    let due = 1_000_000_000 + id * 8_000_000;
    let mono = |time: u64| Some(MonoNs(time));
    let reaped = |index: u32| Some(token(id, index).reaped_ns);
    let last = EVENTS - 1;
    let failed = id % 97 == 5;
    Request {
        phase: if due < 5_000_000_000 { "profiling" } else { "second" }.to_owned(),
        due_ns: MonoNs(due),
        connect_begun_ns: mono(due + 1000),
        connected_ns: mono(due + 90_000),
        submitted_ns: mono(due + 100_000 + scatter(id, 1) / 64),
        kernel_sent_first_ns: mono(due + 300_000),
        kernel_sent_last_ns: mono(due + 300_000 + scatter(id, 2) / 64),
        head_kernel_received_ns: mono(at(id, 0) - 9000),
        head_reaped_ns: mono(at(id, 0)),
        first_event_kernel_ns: mono(at(id, 0)),
        first_event_reaped_ns: reaped(0),
        first_token_kernel_ns: mono(at(id, 0)),
        first_token_reaped_ns: reaped(0),
        second_token_kernel_ns: mono(at(id, 1)),
        second_token_reaped_ns: reaped(1),
        first_answer_kernel_ns: mono(at(id, 0)),
        first_answer_reaped_ns: reaped(0),
        last_token_kernel_ns: mono(at(id, last)),
        last_token_reaped_ns: reaped(last),
        kernel_received_last_ns: mono(at(id, last)),
        ended_ns: MonoNs(token(id, last).reaped_ns.0 + 1000),
        events: EVENTS,
        content_events: EVENTS,
        sent_bytes: 900,
        received_bytes: 2400,
        sent_segments: Some(1),
        received_segments: Some(EVENTS),
        reads: EVENTS,
        smoothed_rtt_us: Some(90),
        retransmits: Some(0),
        http_status: Some(if failed { 503 } else { 200 }),
        outcome: if failed { Outcome::HttpStatus } else { Outcome::Ok },
        error_type: failed.then(|| "Unavailable".to_owned()),
        error_message: failed.then(|| format!("overloaded\u{1b}[31m {} {}", "very ".repeat(40), id % 2)),
        input_tokens: Some(200),
        output_tokens: Some(EVENTS),
        requested_output_tokens: Some(EVENTS),
        usage_prompt_tokens: Some(201),
        usage_completion_tokens: Some(EVENTS),
        usage_total_tokens: Some(201 + EVENTS),
        spec_decode_steps: Some(3),
        spec_decode_accepted_tokens: Some(9),
        spec_decode_draft_tokens: Some(15),
        spec_decode_acceptance_length: Some(4.0),
        spec_decode_acceptance_rate: Some(0.6),
        spec_decode_histogram: Some("1,0,1,0,0,0,0,0,0,1".to_owned()),
        ..Request::blank(RequestId(id))
    }
}

fn gpu_samples() -> Vec<GpuSample> {
    let mut samples = Vec::new();
    for tick in 0..100_u32 {
        let at = u64::from(tick) * 100_000_000;
        let tick = f64::from(tick);
        let values = [
            ("nvidia_energy_consumption", 0.000_03 * tick),
            ("nvidia_power_usage", 300.0 + tick % 7.0),
            ("nvidia_power_instant", 310.0 + tick % 5.0),
            ("nvidia_sm_clock", 1410.0),
            ("nvidia_gpu_utilization", tick % 100.0),
        ];
        for (metric, value) in values {
            samples.push(gpu_sample(at, metric, Some(value), None));
        }
        samples.push(gpu_sample(at, "gpu_model_name", None, Some("NVIDIA H100 \u{1b}[2J")));
    }
    samples
}

fn gpu_sample(at: u64, metric: &str, value: Option<f64>, text: Option<&str>) -> GpuSample {
    GpuSample {
        source: "nvml".to_owned(),
        gpu_index: 0,
        mig_index: None,
        gpu_uuid: "GPU-0".to_owned(),
        pid: None,
        metric: metric.to_owned(),
        asked_ns: MonoNs(at),
        answered_ns: MonoNs(at + DurationNs::from_millis(1).0.unsigned_abs()),
        sampled_ns: MonoNs(at),
        value,
        text: text.map(str::to_owned),
    }
}

fn server_samples() -> Vec<ServerSample> {
    let mut rows = Vec::new();
    let sample = |at: u64, name: &str, kind: &str, part: Option<&str>, value: f64| ServerSample {
        endpoint_url: "http://a/metrics".to_owned(),
        asked_ns: MonoNs(at - 1),
        answered_ns: MonoNs(at),
        metric_name: name.to_owned(),
        metric_type: kind.to_owned(),
        description: String::new(),
        labels: String::new(),
        part: part.map(str::to_owned),
        value: Some(value),
    };
    for (at, count) in [(800_000_000, 0.0), (4_000_000_000, 400.0), (8_900_000_000, 900.0)] {
        rows.push(sample(at, "up", "gauge", None, 1.0));
        rows.push(sample(at, "vllm:num_requests_running", "gauge", None, count / 100.0));
        for name in ["vllm:time_to_first_token_seconds", "vllm:request_queue_time_seconds"] {
            for (part, share) in [("0.01", 0.2), ("0.02", 0.7), ("0.05", 0.95), ("+Inf", 1.0)] {
                rows.push(sample(at, name, "histogram", Some(part), count * share));
            }
            rows.push(sample(at, name, "histogram", Some("sum"), count * 0.021));
            rows.push(sample(at, name, "histogram", Some("count"), count));
        }
    }
    rows
}

/// Events of each response.
const EVENTS: u32 = 6;
