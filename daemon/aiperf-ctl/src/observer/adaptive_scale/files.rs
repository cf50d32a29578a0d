//! AIPerf's files of phases that change their own load: `adaptive_scale_manifest.json`, and for each phase what happened in order
//! (`adaptive_scale_events.jsonl`) and how it ended (`adaptive_scale_summary.json`), both in `phases/<name>`.
//!
//! What AIPerf does not have is in `client` and `clock` of windows.

use super::Scaling;
use super::collected::Taken;
use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use common::clock::RealNs;
use experiment::adaptive_scale::{Client, Event, Judged, Stage, statistic, status};
use serde_json::{Map, Value, json};
use spec::{Control, ScaleStep};
use std::io::Write;
use std::path::Path;
use store::Folder;

/// An entry of a phase's journal.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// When it was written, on the real clock.
    pub(super) at: RealNs,
    pub(super) event: Event,
    /// The window that it is about.
    pub(super) window: Option<Window>,
}

/// What is left of a window once it is assessed.
#[derive(Clone, Debug)]
pub(super) struct Window {
    iteration: usize,
    value: f64,
    judged: Judged,
    succeeded: usize,
    errors: usize,
    cancelled: usize,
    throughput: f64,
    seconds: f64,
    begin: RealNs,
    end: RealNs,
    client: Client,
    by_kernel: usize,
    /// p50, p95 and p99 of latencies, of times to the first token, and of those between tokens; zero without any.
    percentiles: [[f64; 3]; 3],
    average_ms: f64,
}

impl Window {
    pub(super) fn of(iteration: usize, value: f64, taken: &Taken, judged: Judged) -> Self {
        let window = &taken.window;
        let sorted = |mut values: Vec<f64>| {
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        let all = [
            sorted(window.requests.iter().map(|one| one.latency_ms).collect()),
            sorted(window.requests.iter().filter_map(|one| one.ttft_ms).collect()),
            sorted(window.requests.iter().filter_map(|one| one.itl_ms).collect()),
        ];
        let number = |values: &[f64], stat| if values.is_empty() { 0.0 } else { statistic(values, stat) };
        Self {
            iteration,
            value,
            judged,
            succeeded: window.requests.len(),
            errors: window.errors,
            cancelled: window.cancelled,
            throughput: window.throughput(),
            seconds: window.seconds,
            begin: taken.begin,
            end: taken.end,
            client: window.client,
            by_kernel: taken.by_kernel,
            average_ms: number(&all[0], "avg"),
            percentiles: all.map(|values| ["p50", "p95", "p99"].map(|stat| number(&values, stat))),
        }
    }

    /// Whether every request was judged by the kernel's time.
    pub(super) const fn is_by_kernel(&self) -> bool {
        self.succeeded > 0 && self.by_kernel == self.succeeded
    }

    const fn total(&self) -> usize {
        self.succeeded + self.errors + self.cancelled
    }

    /// What of it was this client's.
    fn client(&self) -> Value {
        let Client { total_ms, own_ms, sent, late, dropped, of_earlier_value, .. } = self.client;
        json!({
            "share": self.client.share(),
            "requests_ms": total_ms,
            "client_ms": own_ms,
            "sent": sent,
            "sent_late": late,
            "dropped": dropped,
            "of_earlier_value": of_earlier_value,
            "void": self.judged == Judged::Void,
            "void_reason": self.client.void(),
        })
    }

    /// Whose time it was judged by.
    const fn clock(&self) -> &'static str {
        match self.by_kernel {
            0 => "client",
            _ if self.is_by_kernel() => "kernel",
            _ => "mixed",
        }
    }

    fn candidate(&self) -> Value {
        let [latency, ttft, itl] = self.percentiles;
        let mut fields = json!({
            "adaptive_iteration": self.iteration,
            "candidate_value": number(self.value),
            "control_value": number(self.value),
            "start_ts": date(self.begin),
            "end_ts": date(self.end),
            "duration_s": self.seconds,
            "request_count": self.total(),
            "error_count": self.errors,
            "cancelled": self.cancelled,
            "success_count": self.succeeded,
            "success_rate": if self.total() == 0 { 0.0 } else { metric::float_of(self.succeeded) / metric::float_of(self.total()) },
            "throughput_rps": self.throughput,
            "accepted": self.judged.rejection().is_none(),
            "rejection_reason": self.judged.rejection(),
            "latency_avg_ms": self.average_ms,
            "client": self.client(),
            "clock": self.clock(),
        });
        for (name, values) in [("latency", latency), ("ttft", ttft), ("itl", itl)] {
            for (stat, value) in ["p50", "p95", "p99"].into_iter().zip(values) {
                fields[format!("{name}_{stat}_ms")] = value.into();
            }
        }
        fields
    }
}

/// Writes the files of these phases.
///
/// # Errors
/// When the disk refuses one.
pub(super) fn write(directory: &Path, run_id: &str, phases: &[Scaling]) -> Result<()> {
    let folder = Folder::open(directory)?;
    let within = folder.within("phases")?;
    for phase in phases {
        let folder = within.within(&phase.phase.name)?;
        let mut file = folder.create(EVENTS)?;
        for entry in &phase.journal {
            serde_json::to_writer(&mut file, &sorted(event(phase, run_id, entry)))?;
            file.write_all(b"\n")?;
        }
        file.finish()?;
        whole(&folder, SUMMARY, summary(phase))?;
    }
    let entries = phases.iter().map(|phase| {
        let name = &phase.phase.name;
        let mut entry = place(phase);
        entry.insert("events_path".to_owned(), format!("phases/{name}/{EVENTS}").into());
        entry.insert("summary_path".to_owned(), format!("phases/{name}/{SUMMARY}").into());
        entry.into()
    });
    let entries = entries.collect::<Vec<Value>>();
    whole(&folder, MANIFEST, json!({ "schema_version": SCHEMA_VERSION, "adaptive_phases": entries }))
}

fn whole(folder: &Folder, name: &str, value: Value) -> Result<()> {
    let mut file = folder.create(name)?;
    serde_json::to_writer_pretty(&mut file, &sorted(value))?;
    file.write_all(b"\n")?;
    file.finish()?;
    Ok(())
}

/// The same with its keys in order, as AIPerf writes them.
fn sorted(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}

/// Which phase it is.
fn place(phase: &Scaling) -> Map<String, Value> {
    let kind = if phase.phase.is_warmup { "warmup" } else { "profiling" };
    let fields = json!({
        "phase_index": phase.place,
        "profiling_index": phase.profiling,
        "phase_name": phase.phase.name,
        "phase_kind": kind,
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// What is common to events and the summary: the control, its value, and the first limit.
fn common(phase: &Scaling, value: f64) -> Value {
    // How many users there are at a moment is known to the load generator alone.
    let actual = Some(number(value)).filter(|_| phase.scale.control != Control::Users);
    let first = phase.scale.limits.first();
    let policy = match phase.scale.step {
        ScaleStep::SlaMargin { .. } => "sla_margin",
        ScaleStep::FixedPercentStep { .. } => "fixed_percent_step",
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "control_variable": phase.scale.control.name(),
        "control_value": number(value),
        "control": {"target_value": number(value), "actual_value": actual},
        "sla_metric": first.map(|limit| &limit.metric_tag),
        "sla_stat": first.map(|limit| &limit.stat),
        "sla_op": first.map(|limit| &limit.op),
        "sla_bound": first.map(|limit| limit.threshold),
        "strategy_type": "ramp_until_fail",
        "step_policy": policy,
    })
}

/// A line of the journal.
fn event(phase: &Scaling, run_id: &str, entry: &Entry) -> Value {
    let Entry { at, event, window } = entry;
    let count = |of: fn(&Window) -> usize| window.as_ref().map_or(0, of);
    let name = |place: usize| phase.scale.limits.get(place).map(key);
    let values = event.values.iter().enumerate();
    let values =
        values.filter_map(|(place, value)| Some((name(place)?, finite(*value)))).collect::<Map<_, _>>();
    let mut fields = common(phase, event.after);
    let more = json!({
        "timestamp": at,
        "timestamp_ns": at,
        "timestamp_utc": date(*at),
        "event": event.kind.name(),
        "phase": event.stage.name(),
        "control_value_before": number(event.before),
        "control_value_after": number(event.after),
        "boundary_value": event.boundary.map(number),
        "last_passing_value": event.last_passing.map(number),
        "first_failing_value": event.first_failing.map(number),
        "sla_value": event.primary.map(finite),
        "sla_values": values,
        "binding_sla": event.binding.and_then(name),
        "throughput": window.as_ref().map_or(0.0, |window| window.throughput),
        "sample_count": count(|window| window.succeeded),
        "completed": count(|window| window.succeeded),
        "sent": count(Window::total),
        "in_flight": null,
        "cancelled": count(|window| window.cancelled),
        "errored": count(|window| window.errors),
        "error_count": count(|window| window.errors),
        "sla_passed": event.passed,
        "step_size": event.step.map(number),
        "reason": event.reason,
        "client": window.as_ref().map(Window::client),
        "clock": window.as_ref().map(Window::clock),
    });
    let correlation = json!({
        "run_id": run_id,
        "phase_id": phase.phase.name,
        "phase_start_ts": null,
        "phase_end_ts": null,
        "adaptive_iteration": event.iteration,
        "candidate_value": number(event.before),
        "accepted_value": number(event.after),
        "fault_window_id": null,
    });
    for part in [more, correlation, place(phase).into()] {
        extend(&mut fields, part);
    }
    fields
}

fn summary(phase: &Scaling) -> Value {
    let controller = &phase.controller;
    let [boundary, passing, failing] = controller.found().map(|value| value.map(number));
    let (windows, passed) = controller.sustain_windows();
    let reason = controller.completed();
    let last = phase.journal.iter().rev().find(|entry| entry.event.stage == Stage::Complete);
    let last = last.and_then(|entry| entry.window.as_ref());
    let count = |of: fn(&Window) -> usize| last.map_or(0, of);
    let (base, multiplier, percent) = match phase.scale.step {
        ScaleStep::SlaMargin { base, multiplier_max } => (base, multiplier_max, 25.0),
        ScaleStep::FixedPercentStep { percent } => (10, 4, percent),
    };
    let mut fields = common(phase, controller.current());
    let more = json!({
        "status": status(reason.unwrap_or_default()),
        "boundary_value": boundary,
        "last_passing_value": passing,
        "first_failing_value": failing,
        "result": {"last_passing_value": passing, "first_failing_value": failing, "boundary_value": boundary},
        "sustain_started_at": controller.sustained_since().map(|_| phase.sustained),
        "sustain_duration_seconds": phase.scale.sustain_seconds,
        "completed_reason": reason,
        "sla_passed_during_sustain": windows > 0 && windows == passed,
        "sustain_windows": windows,
        "sustain_passed_windows": passed,
        "totals": {
            "sent": count(Window::total),
            "completed": count(|window| window.succeeded),
            "errored": count(|window| window.errors),
            "cancelled": count(|window| window.cancelled),
        },
        "throughput": last.map_or(0.0, |window| window.throughput),
        "candidates": phase.windows.iter().map(Window::candidate).collect::<Vec<_>>(),
        "base_step": base,
        "max_step_multiplier": multiplier,
        "step_percent": percent,
        "void_windows": controller.void_windows(),
        "clock": phase.scale.clock,
    });
    let sla = json!({
        "metric": fields["sla_metric"],
        "stat": fields["sla_stat"],
        "op": fields["sla_op"],
        "bound": fields["sla_bound"],
    });
    fields["sla"] = sla;
    extend(&mut fields, more);
    extend(&mut fields, place(phase).into());
    fields
}

fn extend(fields: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (fields, more) {
        fields.extend(more);
    }
}

/// AIPerf's name of a limit.
fn key(limit: &spec::ScaleLimit) -> String {
    let spec::ScaleLimit { metric_tag, stat, op, threshold } = limit;
    format!("{metric_tag}:{stat}:{op}:{threshold}")
}

/// A number that is whole without a fraction, as AIPerf writes it.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and exact below this")]
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).into() } else { finite(value) }
}

/// A number, or nothing for one that is infinite.
fn finite(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn date(at: RealNs) -> String {
    let moment = DateTime::from_timestamp_nanos(i64::try_from(at.0).unwrap_or(i64::MAX));
    moment.to_rfc3339_opts(SecondsFormat::Micros, true)
}

const SCHEMA_VERSION: u32 = 2;
/// The list of a run's phases that change their own load.
pub(crate) const MANIFEST: &str = "adaptive_scale_manifest.json";
/// What happened in a phase.
pub(crate) const EVENTS: &str = "adaptive_scale_events.jsonl";
/// How a phase ended.
pub(crate) const SUMMARY: &str = "adaptive_scale_summary.json";
