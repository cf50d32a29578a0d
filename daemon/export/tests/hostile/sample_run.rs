//! A run's description for tests: everything that exporters read of `run.json`.

use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use export::{Artifacts, Payloads};
use metric::{Report, Settings};
use record::{Figure, Host, Loss, Reason, Run, Standing, Streamed, Verdict};
use spec::{
    Endpoint, ExportLevel, FailOn, Input, Length, Load, ModelChoice, Output, Phase as LoadPhase, Plan,
    Timestamps, Tokenizer, Wait, Workers,
};
use std::collections::BTreeMap;
use store::Exchange;

/// A streamed chat run whose timestamps count from `epoch_ns`.
pub(crate) fn sample_run(epoch_ns: u64) -> Run {
    let clock = Anchor { mono_ns: MonoNs(0), real_ns: RealNs(epoch_ns), uncertainty_ns: DurationNs(40) };
    let figure = Figure { name: "late_p99".to_owned(), value: 2.5, unit: "ms".to_owned() };
    let reason = Reason {
        name: "late_requests".to_owned(),
        standing: Standing::Degraded,
        text: "Requests were sent later than scheduled; give the load generator a core of its own."
            .to_owned(),
        figures: vec![figure],
    };
    Run {
        schema_version: record::SCHEMA_VERSION.to_owned(),
        version: "0.1.0".to_owned(),
        commit: None,
        kernel_object: None,
        run_id: "bc99d7e4a1bf".to_owned(),
        source: "profile".to_owned(),
        plan: sample_plan(),
        host: Host::default(),
        doctor: Vec::new(),
        timestamps: "ebpf".to_owned(),
        timestamps_reason: None,
        clock_begin: clock,
        clock_end: clock,
        phases: Vec::new(),
        was_cancelled: false,
        is_complete: true,
        incomplete_reason: None,
        loss: Loss::default(),
        counters: BTreeMap::new(),
        figures: BTreeMap::new(),
        gpu: Vec::new(),
        streamed: vec![Streamed {
            to: "OTel collector at http://localhost:4318 (spans)".to_owned(),
            failed: 1,
            dropped: 7,
            problem: Some("it refused".to_owned()),
            ..Streamed::default()
        }],
        steered: Vec::new(),
        adaptive_scale: Vec::new(),
        plugins: Vec::new(),
        client: None,
        verdict: Verdict::from_reasons(vec![reason]),
    }
}

/// A run and its metrics without anything else.
pub(crate) fn bare<'a>(
    run: &'a Run,
    report: &'a Report,
    settings: &'a Settings,
    payloads: &'a Payloads,
) -> Artifacts<'a> {
    const NONE: &Vec<Exchange> = &Vec::new();
    Artifacts {
        run,
        report,
        settings,
        exchanges: NONE,
        payloads,
        texts: None,
        utc_offset_seconds: 0,
        server: None,
        gpus: None,
        foreign: None,
    }
}

fn sample_plan() -> Plan {
    Plan {
        endpoint: Endpoint {
            capability: None,
            kind: "chat".to_owned(),
            urls: vec!["http://user:SECRET@127.0.0.1:8000".to_owned()],
            path: None,
            models: vec!["mock".to_owned()],
            model_choice: ModelChoice::default(),
            streaming: true,
            request_timeout_seconds: 21600.0,
            use_legacy_max_tokens: false,
            use_server_token_count: false,
            trust: spec::Trust::System,
            session_header: "X-Correlation-ID".to_owned(),
            header_names: vec!["Authorization".to_owned()],
            extra_inputs: serde_json::Map::new(),
            dialect: spec::Dialect::default(),
        },
        tokenizer: Tokenizer::Builtin,
        input: Input::Synthetic {
            entries: 60,
            input_tokens: Length::normal(40.0, 10.0),
            output_tokens: None,
            made: Default::default(),
        },
        load: Load::of(LoadPhase::closed(4, 60)),
        workers: Workers { cpus: Vec::new(), workers: 1, wait: Wait::Block },
        timestamps: Timestamps::Auto,
        output: Output {
            artifact_dir: "artifacts".to_owned(),
            export_prefix: None,
            export_level: ExportLevel::Raw,
            without_html: false,
            goodput: BTreeMap::new(),
            slice_duration_seconds: None,
            show_trace_timing: false,
            export_http_trace: true,
            export_outputs: true,
            steady_state: true,
            network_latency_mean_ms: Some(0.5),
            server_metrics_formats: Vec::new(),
            fail_on: FailOn::Invalid,
            other: BTreeMap::new(),
        },
        random_seed: 3,
        command_line: "aiperf-ctl profile".to_owned(),
        ..Plan::unknown()
    }
}
