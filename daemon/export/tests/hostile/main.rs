//! Feeds extreme records through the analysis and every exporter: nothing panics, nothing infinite or undefined is written, and
//! JSON stays readable.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod long_form;
mod sample_run;

use common::client_event::Outcome;
use common::clock::{DurationNs, MonoNs};
use common::id::RequestId;
use common::reply_event::EventKind;
use export::{Artifacts, EXPORTERS, Payloads, ResponseText, Texts, TimelineFormat, timeline, write_wanted};
use metric::gpu::{Gpus, Join};
use metric::{Analysis, Live, Settings, Threshold, Window};
use proptest::prelude::*;
use record::{GPU_METRICS, GPU_TEXTS, GpuSample, Request, Response, Token};
use sample_run::bare;
use store::Exchange;

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn extreme_records_never_produce_invalid_files(
        exchanges in proptest::collection::vec(exchange(), 0..12),
        windowed in any::<bool>(),
        sliced in any::<bool>(),
        tokens_first in any::<bool>(),
        epoch in prop_oneof![Just(0), Just(1_790_000_000_000_000_000), Just(u64::MAX)],
    ) {
        let mut run = sample_run::sample_run(epoch);
        run.figures.clear();
        run.verdict.reasons[0].figures[0].value = f64::NAN;
        let mut settings = Settings::of(&run);
        settings.slice_duration = sliced.then_some(DurationNs(1));
        settings.profiling = windowed.then_some(Window { begin: MonoNs(9), end: MonoNs(5) });
        settings.goodput = Threshold::parse_all("request_latency:250 output_token_throughput_per_user:1").unwrap();
        settings.show_trace_timing = true;
        let phase = |name: &str, begin, end| (name.to_owned(), Window { begin: MonoNs(begin), end: MonoNs(end) });
        settings.phases = vec![phase("../up", 9, 5), phase("warmup", 0, u64::MAX), phase("profiling", 1, 2)];
        let exchanges = exchanges.into_iter().zip(0..).map(|(exchange, id)| numbered(exchange, id));
        let exchanges = exchanges.collect::<Vec<_>>();
        check(&run, &settings, &exchanges, tokens_first);
    }

    #[test]
    fn extreme_gpu_samples_never_produce_invalid_files(
        samples in proptest::collection::vec(gpu_sample(), 0..60),
        exchanges in proptest::collection::vec(exchange(), 0..6),
        window in any::<(u64, u64)>(),
    ) {
        let run = sample_run::sample_run(0);
        let mut settings = Settings::of(&run);
        settings.profiling = Some(Window { begin: MonoNs(window.0), end: MonoNs(window.1) });
        let gpus = Gpus::of(samples.into_iter().map(Ok::<_, ()>)).unwrap();
        let mut report = Analysis::new(settings.clone()).finish();
        if let Some(mut join) = Join::new(&gpus, &settings) {
            for exchange in &exchanges {
                join.request(&exchange.request);
                exchange.tokens.iter().for_each(|token| join.event(token.into()));
            }
            report.add(join.finish(&report.clone(), Some(2)));
        }
        let payloads = Payloads::default();
        honest(&Artifacts { gpus: Some(&gpus), ..bare(&run, &report, &settings, &payloads) });
    }
}

fn check(run: &record::Run, settings: &Settings, exchanges: &Vec<Exchange>, tokens_first: bool) {
    let mut analysis = Analysis::new(settings.clone());
    let mut live = Live::new(settings.clone());
    for exchange in exchanges {
        live.request(&exchange.request);
        if tokens_first {
            analysis.tokens(&exchange.tokens);
        }
        analysis.request(&exchange.request);
        if !tokens_first {
            analysis.tokens(&exchange.tokens);
        }
    }
    assert!(
        live.stats().all(|live| live.p99_ms.is_finite() && live.std_ms.is_finite()),
        "live statistics are finite"
    );
    let report = analysis.finish();
    let payloads = Payloads::new(vec![vec!["{\"messages\":[]}".to_owned(); 2]; 3]);
    honest(&Artifacts {
        exchanges,
        texts: Some(&Echo),
        utc_offset_seconds: -3600,
        ..bare(run, &report, settings, &payloads)
    });
}

/// Nothing infinite or undefined is written, and JSON stays readable.
fn honest(artifacts: &Artifacts<'_>) {
    events(artifacts);
    for exporter in EXPORTERS.iter().filter(|exporter| !exporter.default.starts_with("server_")) {
        let mut out = Vec::new();
        (exporter.write)(artifacts, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for word in ["NaN", "nan,", "inf,", "inf\n", "Infinity", "SECRET"] {
            assert!(!text.contains(word), "{} contains {word}", exporter.default);
        }
        match exporter.default.rsplit_once('.') {
            Some((_, "json")) => no_null(&serde_json::from_str(&text).unwrap()),
            Some((_, "jsonl")) => text.lines().for_each(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }),
            Some((_, "html")) => {
                let mut again = Vec::new();
                (exporter.write)(artifacts, &mut again).unwrap();
                assert_eq!(again, text.as_bytes(), "the same run gives the same page");
                self_contained(&text);
            }
            _ => {}
        }
    }
}

/// The events of a run's timeline, in Chrome's format; in Perfetto's it is written too.
fn events(artifacts: &Artifacts<'_>) -> Vec<serde_json::Value> {
    let mut perfetto = Vec::new();
    timeline(artifacts, TimelineFormat::Perfetto, &mut perfetto).unwrap();
    assert!(packets(&perfetto) >= 4, "a descriptor for each group");
    let mut chrome = Vec::new();
    timeline(artifacts, TimelineFormat::Chrome, &mut chrome).unwrap();
    let json = serde_json::from_slice::<serde_json::Value>(&chrome).unwrap();
    json["traceEvents"].as_array().unwrap().clone()
}

/// The packets of a trace: fields 1 with a length, one after the other.
fn packets(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some((0x0a, rest)) = bytes.split_first() {
        let last = rest.iter().position(|byte| byte & 0x80 == 0).unwrap();
        let length =
            rest[..=last].iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
        bytes = &rest[last + 1 + length..];
        count += 1;
    }
    assert!(bytes.is_empty(), "nothing else is in it");
    count
}

/// What a timeline shows of a request is what its record says.
#[test]
fn the_slices_of_a_timeline_are_those_of_the_records() {
    let run = sample_run::sample_run(0);
    let settings = Settings::of(&run);
    let mono = |at: u64| Some(MonoNs(at));
    let request = |id: u64, due: u64| Request {
        request_id: RequestId(id),
        session: 7,
        turn: u32::try_from(id).unwrap(),
        due_ns: MonoNs(due),
        submitted_ns: mono(due + 2_000),
        kernel_sent_first_ns: mono(due + 5_000),
        kernel_sent_last_ns: mono(due + 6_000),
        first_token_kernel_ns: mono(due + 40_000),
        kernel_received_last_ns: mono(due + 90_000),
        ended_ns: MonoNs(due + 95_000),
        outcome: Outcome::Ok,
        ..Request::default()
    };
    let exchange = |request| Exchange { request, tokens: Vec::new(), responses: Vec::new(), foreign: None };
    let exchanges = vec![exchange(request(0, 1_000_000)), exchange(request(1, 1_200_000))];
    let report = Analysis::new(settings.clone()).finish();
    let payloads = Payloads::default();
    let events = events(&Artifacts { exchanges: &exchanges, ..bare(&run, &report, &settings, &payloads) });
    let slices = events.iter().filter(|event| event["ph"] == "X");
    let slices = slices.map(|event| {
        (event["name"].as_str().unwrap(), event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap())
    });
    let slices = slices.collect::<Vec<_>>();
    let of_one = [("send", 5.0, 1.0), ("wait", 6.0, 34.0), ("stream", 40.0, 50.0)];
    let expected = [0.0, 200.0].into_iter().enumerate().flat_map(|(id, due)| {
        let stages = of_one.map(|(name, from, length)| (name, due + from, length));
        let [request, turn] = [["request 0", "turn 0"], ["request 1", "turn 1"]][id];
        [(request, due + 2.0, 93.0)].into_iter().chain(stages).chain([(turn, due, 95.0)])
    });
    assert_eq!(slices, expected.collect::<Vec<_>>(), "microseconds since the first one was due");
    let flows = events.iter().filter(|event| event["ph"] == "s" || event["ph"] == "f");
    assert_eq!(flows.count(), 4, "each request's two tracks are joined");
    let in_flight =
        events.iter().filter(|event| event["ph"] == "C").map(|event| event["args"]["value"].as_f64());
    assert_eq!(in_flight.collect::<Vec<_>>(), [Some(1.0), Some(0.0), Some(1.0), Some(0.0)]);
}

/// A page loads nothing, runs only the script that its policy names, and closes what it opens.
fn self_contained(page: &str) {
    let scripts = page.matches("<script").count();
    let of_page =
        [page.matches("<script>").count(), page.matches("<script type=\"application/json\"").count()];
    assert_eq!(scripts, of_page.iter().sum::<usize>(), "no other scripts");
    assert_eq!(of_page[0], of_page[1], "the script has its data");
    assert_eq!(of_page[0], page.matches("; script-src 'sha256-").count(), "the policy names it");
    assert_eq!(page.matches("</script>").count(), scripts, "nothing in the data ends the element");
    for word in ["<link", "<img", "<iframe", " style=", " src=", "url(http", "@import"] {
        assert!(!page.contains(word), "it has {word}");
    }
    for element in ["svg", "table", "tr", "td", "section", "figure", "details", "main", "ul", "li"] {
        let count = |text: &str| page.matches(text).count();
        let opened = count(&format!("<{element}>")) + count(&format!("<{element} "));
        assert_eq!(opened, count(&format!("</{element}>")), "{element}");
    }
}

fn gpu_sample() -> impl Strategy<Value = GpuSample> {
    let names =
        GPU_METRICS.iter().map(|metric| metric.name).chain(GPU_TEXTS.iter().copied()).chain(["a \"b\n"]);
    let name = proptest::sample::select(names.collect::<Vec<_>>());
    let value = proptest::option::of(prop_oneof![any::<f64>(), 0.0..1000.0_f64]);
    let source = prop_oneof![Just("nvml"), Just("http://a/metrics")];
    let text = proptest::option::of(prop_oneof![Just("x (W)"), Just("a, \"b\"\n")]);
    let at = prop_oneof![any::<u64>(), 0..1000_u64];
    (name, value, source, text, at, 0..3_u32).prop_map(|(metric, value, source, text, at, gpu_index)| {
        GpuSample {
            source: source.to_owned(),
            gpu_index,
            mig_index: (gpu_index == 2).then_some(1),
            gpu_uuid: format!("GPU-{gpu_index}"),
            pid: None,
            metric: metric.to_owned(),
            asked_ns: MonoNs(at),
            answered_ns: MonoNs(at.saturating_add(5)),
            sampled_ns: MonoNs(at),
            value,
            text: text.map(str::to_owned),
        }
    })
}

/// The files of phases use the same writers; this test checks that each stays in its directory.
#[test]
fn phases_stay_in_their_folders() {
    let run = sample_run::sample_run(0);
    let mut settings = Settings::of(&run);
    let window = Window { begin: MonoNs(9), end: MonoNs(5) };
    settings.phases = ["../up", "profiling"].map(|name| (name.to_owned(), window)).to_vec();
    let report = Analysis::new(settings.clone()).finish();
    let payloads = Payloads::default();
    let artifacts = bare(&run, &report, &settings, &payloads);
    let folder = tempfile::tempdir().unwrap();
    let written = write_wanted(&artifacts, folder.path(), |_| true).unwrap();
    let manifest = store::source::read(&folder.path().join("phase_manifest.json"), 1 << 20).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(
        manifest["phases"][0]["metrics_json"], "phases/___up.0/profile_export_aiperf.json",
        "{manifest}"
    );
    assert!(written.iter().all(|path| path.starts_with(folder.path()) && path.is_file()), "{written:?}");
}

/// Returns the last bytes of every response as its text.
struct Echo;

impl Texts for Echo {
    fn response_text(&self, exchange: &Exchange) -> Option<ResponseText> {
        let text = String::from_utf8_lossy(&exchange.responses.last()?.data).into_owned();
        Some(ResponseText { all: text.clone(), answer: text })
    }

    fn message(&self, answer: &str) -> Option<serde_json::Value> {
        Some(serde_json::json!({"role": "assistant", "content": answer}))
    }
}

/// For summaries: a metric without a value has no key.
fn no_null(document: &serde_json::Value) {
    for (tag, metric) in document.as_object().unwrap() {
        if let Some(metric) = metric.as_object().filter(|metric| metric.contains_key("unit")) {
            assert!(metric.values().all(|value| !value.is_null()), "{tag} contains null");
        }
    }
}

fn numbered(mut exchange: Exchange, id: u64) -> Exchange {
    exchange.request.request_id = RequestId(id);
    exchange.tokens.iter_mut().for_each(|token| token.request_id = RequestId(id));
    exchange.responses.iter_mut().for_each(|response| response.request_id = RequestId(id));
    exchange
}

fn stamp() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX - 1),
        Just(i64::MAX.unsigned_abs()),
        1_000_000_000..1_000_000_100_u64,
        any::<u64>(),
    ]
}

fn maybe_stamp() -> impl Strategy<Value = Option<MonoNs>> {
    proptest::option::of(stamp().prop_map(MonoNs))
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(2), Just(u32::MAX), any::<u32>()]
}

fn maybe_count() -> impl Strategy<Value = Option<u32>> {
    proptest::option::of(count())
}

fn exchange() -> impl Strategy<Value = Exchange> {
    (request(), proptest::collection::vec(token(), 0..8), proptest::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(request, tokens, data)| {
            let response =
                |index: Option<u32>| Response { request_id: request.request_id, index, data: data.clone() };
            let responses = [None, Some(0), Some(1)].map(response).to_vec();
            Exchange { request, tokens, responses, foreign: None }
        })
}

fn request() -> impl Strategy<Value = Request> {
    let stamps = (stamp(), stamp(), proptest::collection::vec(maybe_stamp(), 17));
    let counts = (proptest::collection::vec(maybe_count(), 12), proptest::collection::vec(count(), 5));
    let outcome =
        prop_oneof![3 => Just(Outcome::Ok), 1 => Just(Outcome::HttpStatus), 1 => Just(Outcome::Timeout)];
    let phase = prop_oneof![3 => Just("profiling"), 1 => Just("warmup")];
    (stamps, counts, outcome, phase, ".{0,8}").prop_map(
        |((due, ended, some), (maybe, counts), outcome, phase, text)| Request {
            phase: phase.to_owned(),
            due_ns: MonoNs(due),
            ended_ns: MonoNs(ended),
            connect_begun_ns: some[0],
            connected_ns: some[1],
            submitted_ns: some[2],
            kernel_sent_first_ns: some[3],
            kernel_sent_last_ns: some[4],
            head_kernel_received_ns: some[5],
            head_reaped_ns: some[6],
            first_event_kernel_ns: some[7],
            first_event_reaped_ns: some[8],
            first_token_kernel_ns: some[9],
            first_token_reaped_ns: some[10],
            second_token_kernel_ns: some[11],
            second_token_reaped_ns: some[12],
            first_answer_kernel_ns: some[13],
            first_answer_reaped_ns: some[14],
            last_token_kernel_ns: some[15],
            last_token_reaped_ns: some[16],
            connection_reused: due % 2 == 0,
            events: counts[0],
            content_events: counts[1],
            reads: counts[2],
            sent_bytes: u64::from(counts[3]),
            entry: counts[4],
            received_segments: maybe[0],
            smoothed_rtt_us: maybe[1],
            retransmits: maybe[2],
            input_tokens: maybe[3],
            output_tokens: maybe[4],
            reasoning_tokens: maybe[5],
            requested_output_tokens: maybe[6],
            usage_prompt_tokens: maybe[7],
            usage_completion_tokens: maybe[8],
            usage_reasoning_tokens: maybe[9],
            http_status: maybe[10],
            usage_prompt_cache_read_tokens: maybe[11],
            outcome,
            error_type: (due % 3 == 0).then(|| text.clone()),
            error_message: (due % 2 == 0).then_some(text),
            ..Request::blank(RequestId(0))
        },
    )
}

fn token() -> impl Strategy<Value = Token> {
    let kinds = EventKind::ALL.iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
    (stamp(), maybe_stamp(), proptest::sample::select(kinds), count()).prop_map(
        |(reaped, kernel, kind, index)| Token {
            request_id: RequestId(0),
            index,
            kind,
            kernel_received_ns: kernel,
            reaped_ns: MonoNs(reaped),
            end_offset: reaped,
            bytes: index,
            segment: None,
            events_in_segment: None,
            tokens: None,
            unmatched: None,
        },
    )
}
