//! What is written, and where.

use super::{Checked, refuse};
use crate::args::{ExportLevelArg, MetricArgs, ProfileArgs};
use common::plan::{Endpoint, ExportLevel, Load, Output};
use export::Names;
use metric::Threshold;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) fn output(args: &ProfileArgs, artifact_dir: &Path) -> Checked<Output> {
    prefix(args.output.profile_export_prefix.as_deref())?;
    let mut output = Output {
        artifact_dir: artifact_dir.display().to_string(),
        export_prefix: args.output.profile_export_prefix.clone(),
        export_level: level(args.output.export_level),
        goodput: BTreeMap::new(),
        slice_duration_seconds: None,
        show_trace_timing: false,
        export_http_trace: args.output.export_http_trace,
        export_outputs: args.output.export_outputs_json,
        steady_state: false,
        network_latency_mean_ms: args.telemetry.network_latency_mean,
        server_metrics_formats: server_metrics_formats(args),
        fail_on: args.timing.fail_on.into(),
        other: BTreeMap::new(),
    };
    metrics(&args.metrics, &mut output)?;
    Ok(output)
}

/// Whether files may be called so.
///
/// # Errors
/// When the prefix is a path, or takes the name of another file.
pub(crate) fn prefix(given: Option<&str>) -> Checked<()> {
    match Names::new(given) {
        Ok(_) => Ok(()),
        Err(error) => refuse(format!("--profile-export-prefix: {error}")),
    }
}

/// AIPerf's default: a summary for machines and one for tables.
fn server_metrics_formats(args: &ProfileArgs) -> Vec<String> {
    let given = &args.telemetry.server_metrics_formats;
    if given.is_empty() { ["json", "csv"].map(str::to_owned).to_vec() } else { given.clone() }
}

/// How much is exported.
pub(crate) const fn level(level: ExportLevelArg) -> ExportLevel {
    match level {
        ExportLevelArg::Summary => ExportLevel::Summary,
        ExportLevelArg::Records => ExportLevel::Records,
        ExportLevelArg::Raw => ExportLevel::Raw,
    }
}

/// Which metrics there are; what is not given stays as it is.
///
/// # Errors
/// When a threshold is not understood.
pub(crate) fn metrics(args: &MetricArgs, output: &mut Output) -> Checked<()> {
    if let Some(goodput) = &args.goodput {
        match Threshold::parse_all(goodput) {
            Ok(thresholds) => {
                let limits = thresholds.into_iter();
                output.goodput = limits.map(|limit| (limit.metric.tag.to_owned(), limit.limit)).collect();
            }
            Err(error) => return refuse(format!("--goodput: {error}")),
        }
    }
    output.slice_duration_seconds = args.slice_duration.or(output.slice_duration_seconds);
    output.show_trace_timing |= args.show_trace_timing;
    output.steady_state |= args.steady_state;
    Ok(())
}

/// AIPerf's layout: `artifacts/<model>-<service>-<endpoint>-<load>`.
pub(super) fn default_dir(endpoint: &Endpoint, load: &Load) -> PathBuf {
    let model = endpoint.models.first().map_or("model", String::as_str).replace(['/', ':'], "_");
    let phase = load.profiling();
    let rate = phase.and_then(|phase| phase.request_rate);
    let stimulus = match (rate, phase.and_then(|phase| phase.concurrency)) {
        (Some(rate), Some(concurrency)) => format!("concurrency{concurrency}-request_rate{rate}"),
        (Some(rate), None) => format!("request_rate{rate}"),
        (None, concurrency) => format!("concurrency{}", concurrency.unwrap_or(1)),
    };
    PathBuf::from("artifacts").join(format!("{model}-openai-{}-{stimulus}", endpoint.kind))
}
