//! Measures the cost of analysis, live percentiles and Parquet: `cargo run --release -p export --example cost -- [requests]
//! [events each]`.
#![expect(clippy::print_stdout, reason = "the program prints its results")]

mod clock;

use clock::Moment;
use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use common::id::RequestId;
use common::reply_event::EventKind;
use metric::{Analysis, Live, Settings, float, float_of};
use record::{Request, Row, Token};
use spec::Capability;
use std::path::{Path, PathBuf};
use store::parquet::{Limits, PartWriter, concat};
use store::{Batch, StoreError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let requests = arguments.next().transpose()?.unwrap_or(1_000_000);
    let events = u32::try_from(arguments.next().transpose()?.unwrap_or(10))?;
    let directory = std::env::temp_dir().join(format!("aiperf-cost-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;

    let tokens = write(
        &directory,
        "tokens",
        (0..requests).flat_map(|id| (0..events).map(move |index| token(id, index))),
    )?;
    let stored = write(&directory, "requests", (0..requests).map(|id| request(id, events)))?;
    let start = Moment::now();
    let joined = directory.join("tokens.parquet");
    concat(&tokens, &joined)?;
    println!("concat: {:.2} s", start.elapsed().as_secs_f64());

    live(requests, events);
    analyse(&stored, &joined)?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

fn write<R: Row>(
    directory: &Path,
    stem: &str,
    rows: impl Iterator<Item = R>,
) -> Result<Vec<PathBuf>, StoreError> {
    let mut writer = PartWriter::new(directory, stem, Limits::STANDARD, &[]);
    let start = Moment::now();
    let mut count = 0;
    for row in rows {
        writer.push(row)?;
        count += 1;
    }
    let parts = writer.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = parts.iter().filter_map(|part| part.metadata().ok()).map(|file| file.len()).sum::<u64>();
    let each = (seconds * 1e9 / float(count), float(bytes) / float(count));
    println!("{stem}: {count} rows in {seconds:.2} s, {:.0} ns and {:.1} bytes per row", each.0, each.1);
    Ok(parts)
}

/// The live percentiles of a running benchmark.
fn live(requests: u64, events: u32) {
    let sample = (0..1000).map(|id| request(id, events)).collect::<Vec<_>>();
    let mut live = Live::new(settings());
    let start = Moment::now();
    for _ in 0..requests / 1000 {
        sample.iter().for_each(|request| live.request(request));
        // As often as at 1,000 requests per second.
        std::hint::black_box(live.stats().count());
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("live: {:.3} s, {:.0} ns per request", seconds, seconds * 1e9 / float(live.requests().max(1)));
}

fn analyse(requests: &[PathBuf], tokens: &Path) -> Result<(), StoreError> {
    let start = Moment::now();
    let mut analysis = Analysis::new(settings());
    store::feed(requests, &[tokens.to_owned()], |batch| match batch {
        Batch::Requests(requests) => requests.iter().for_each(|request| analysis.request(request)),
        Batch::Events(events) => analysis.events(&events),
    })?;
    println!("read and fed: {:.2} s, {}", start.elapsed().as_secs_f64(), memory());
    let finishing = Moment::now();
    let report = analysis.finish();
    println!(
        "finish: {:.2} s, {} results",
        finishing.elapsed().as_secs_f64(),
        float_of(report.results.len())
    );
    println!("analysis: {:.2} s", start.elapsed().as_secs_f64());
    println!("{}", memory());
    Ok(())
}

/// The peak memory of the process so far.
#[expect(clippy::disallowed_methods, reason = "the path is fixed and in the kernel's file system")]
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    most.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn settings() -> Settings {
    Settings {
        streaming: true,
        capability: Capability::TEXT,
        use_server_token_count: false,
        is_import: false,
        fixed_schedule: false,
        show_trace_timing: false,
        network_rtt_ms: None,
        goodput: Vec::new(),
        slice_duration: None,
        profiling: None,
        warmup: None,
        measured: vec![metric::PROFILING.to_owned()],
        phases: Vec::new(),
        steady_state: false,
        clock: Anchor {
            mono_ns: MonoNs(0),
            real_ns: RealNs(1_790_000_000_000_000_000),
            uncertainty_ns: DurationNs(40),
        },
    }
}

/// Pseudo-random numbers that are the same in each run.
const fn scatter(id: u64, salt: u64) -> u64 {
    let mixed = (id ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40
}

const fn at(id: u64, index: u32) -> u64 {
    1_000_000_000 + id * 50_000 + 20_000_000 + index as u64 * 7_000_000 + scatter(id, index as u64) / 8
}

fn token(id: u64, index: u32) -> Token {
    let kernel = at(id, index);
    Token {
        request_id: RequestId(id),
        index,
        kind: EventKind::Content,
        kernel_received_ns: Some(MonoNs(kernel)),
        reaped_ns: MonoNs(kernel + 20_000 + scatter(id, 77) / 256),
        end_offset: u64::from(index + 1) * 210 + scatter(id, 78) % 16,
        bytes: 210,
        segment: Some(u64::from(index)),
        events_in_segment: Some(1),
        tokens: Some(1),
        unmatched: None,
    }
}

fn request(id: u64, events: u32) -> Request {
    let due = 1_000_000_000 + id * 50_000;
    let mono = |time: u64| Some(MonoNs(time));
    let reaped = |index: u32| token(id, index).reaped_ns.0;
    let last = events.saturating_sub(1);
    Request {
        due_ns: MonoNs(due),
        submitted_ns: mono(due + scatter(id, 1) / 64),
        kernel_sent_first_ns: mono(due + 300_000),
        kernel_sent_last_ns: mono(due + 300_000 + scatter(id, 2) / 64),
        head_kernel_received_ns: mono(at(id, 0) - 9000),
        head_reaped_ns: mono(at(id, 0)),
        first_event_kernel_ns: mono(at(id, 0)),
        first_event_reaped_ns: mono(reaped(0)),
        first_token_kernel_ns: mono(at(id, 0)),
        first_token_reaped_ns: mono(reaped(0)),
        second_token_kernel_ns: mono(at(id, 1)),
        second_token_reaped_ns: mono(reaped(1)),
        first_answer_kernel_ns: mono(at(id, 0)),
        first_answer_reaped_ns: mono(reaped(0)),
        last_token_kernel_ns: mono(at(id, last)),
        last_token_reaped_ns: mono(reaped(last)),
        kernel_received_last_ns: mono(at(id, last)),
        ended_ns: MonoNs(reaped(last) + 1000),
        events,
        content_events: events,
        sent_bytes: 900,
        received_bytes: 2400,
        sent_segments: Some(1),
        received_segments: Some(events),
        reads: events,
        smoothed_rtt_us: Some(90),
        retransmits: Some(0),
        http_status: Some(200),
        input_tokens: Some(200),
        output_tokens: Some(events),
        requested_output_tokens: Some(events),
        usage_prompt_tokens: Some(201),
        usage_completion_tokens: Some(events),
        usage_total_tokens: Some(201 + events),
        ..Request::blank(RequestId(id))
    }
}
