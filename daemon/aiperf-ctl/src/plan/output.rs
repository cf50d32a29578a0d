//! Plans what is written, and where.

use super::{Planned, refuse};
use crate::args::{ExportLevelArg, MetricArgs, ProfileArgs};
use metric::Threshold;
use spec::{Endpoint, ExportLevel, Load, Output};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::Names;

pub(super) fn output(args: &ProfileArgs, artifact_dir: &Path) -> Planned<Output> {
    // An empty prefix means the default names.
    let export_prefix = args.output.profile_export_prefix.clone().filter(|prefix| !prefix.is_empty());
    prefix(export_prefix.as_deref())?;
    let mut output = Output {
        artifact_dir: artifact_dir.display().to_string(),
        export_prefix,
        export_level: level(args.output.export_level),
        without_html: args.output.no_report_html,
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
    let streams = args.endpoint.streaming
        && endpoint::by_name(&args.endpoint.endpoint_type)
            .is_none_or(|endpoint| endpoint.metadata().supports_streaming);
    if let Some(tag) = output.goodput.keys().find(|tag| !streams && is_of_streams(tag)) {
        return refuse(format!("--goodput: {tag} is measured of streams only: add --streaming"));
    }
    Ok(output)
}

/// Whether a metric is measured for streams only.
fn is_of_streams(tag: &str) -> bool {
    metric::find(tag).is_some_and(|metric| metric.flags.has(metric::Flags::STREAMING_ONLY))
}

/// Checks that files may have this prefix.
///
/// # Errors
/// When the prefix is a path, or gives a file the name of another artifact.
pub(crate) fn prefix(given: Option<&str>) -> Planned<()> {
    match Names::new(given) {
        Ok(_) => Ok(()),
        Err(error) => refuse(format!("--profile-export-prefix: {error}")),
    }
}

/// AIPerf's default: a JSON summary and a CSV table.
fn server_metrics_formats(args: &ProfileArgs) -> Vec<String> {
    let given = &args.telemetry.server_metrics_formats;
    if given.is_empty() { ["json", "csv"].map(str::to_owned).to_vec() } else { given.clone() }
}

/// The export level.
pub(crate) const fn level(level: ExportLevelArg) -> ExportLevel {
    match level {
        ExportLevelArg::Summary => ExportLevel::Summary,
        ExportLevelArg::Records => ExportLevel::Records,
        ExportLevelArg::Raw => ExportLevel::Raw,
    }
}

/// Sets the metrics that are given; the others stay unchanged.
///
/// # Errors
/// When a threshold cannot be parsed.
pub(crate) fn metrics(args: &MetricArgs, output: &mut Output) -> Planned<()> {
    if let Some(goodput) = &args.goodput {
        match Threshold::parse_all(goodput) {
            Ok(thresholds) => {
                let limits = thresholds.into_iter();
                output.goodput = limits.map(|limit| (limit.metric.tag.to_owned(), limit.limit)).collect();
            }
            Err(error) => return refuse(format!("--goodput: {error}{}", suggested(goodput))),
        }
    }
    output.slice_duration_seconds = args.slice_duration.or(output.slice_duration_seconds);
    output.show_trace_timing |= args.show_trace_timing;
    output.steady_state |= args.steady_state;
    Ok(())
}

/// A suggestion for the first unknown metric.
fn suggested(goodput: &str) -> String {
    let is_known = |tag: &str| Threshold::new(tag, 0.0).is_ok();
    let unknown =
        goodput.split_whitespace().filter_map(|word| word.split_once(':')).find(|(tag, _)| !is_known(tag));
    let Some((tag, limit)) = unknown else { return String::new() };
    let short = SHORT_NAMES.iter().find(|(short, _)| tag.eq_ignore_ascii_case(short)).map(|(_, tag)| *tag);
    let near = || {
        let known = metric::METRICS.iter().map(|metric| metric.tag).filter(|known| is_known(known));
        let near = known.map(|known| (strsim::levenshtein(tag, known), known)).min();
        near.filter(|(distance, _)| *distance <= 3).map(|(_, known)| known)
    };
    short.or_else(near).map_or_else(String::new, |known| format!("; did you mean {known}:{limit}?"))
}

/// Common short names of metrics.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("ttft", "time_to_first_token"),
    ("ttst", "time_to_second_token"),
    ("itl", "inter_token_latency"),
    ("tpot", "inter_token_latency"),
    ("e2e", "request_latency"),
    ("e2el", "request_latency"),
    ("latency", "request_latency"),
    ("osl", "output_sequence_length"),
    ("isl", "input_sequence_length"),
];

/// AIPerf's layout: `artifacts/<model>-<service>-<endpoint>-<load>`.
pub(super) fn default_dir(endpoint: &Endpoint, load: &Load) -> PathBuf {
    let model = endpoint.models.first().map_or("model", String::as_str).replace(['/', ':'], "_");
    // A name that is neither hidden nor longer than file systems allow.
    let visible = model.strip_prefix('.').map_or_else(|| model.clone(), |rest| format!("_{rest}"));
    let model = visible.get(..visible.floor_char_boundary(MODEL_BYTES_MAX)).unwrap_or_default();
    let phase = load.profiling();
    let rate = phase.and_then(|phase| phase.request_rate);
    let stimulus = match (rate, phase.and_then(|phase| phase.concurrency)) {
        (Some(rate), Some(concurrency)) => format!("concurrency{concurrency}-request_rate{rate}"),
        (Some(rate), None) => format!("request_rate{rate}"),
        (None, concurrency) => format!("concurrency{}", concurrency.unwrap_or(1)),
    };
    PathBuf::from("artifacts").join(format!("{model}-openai-{}-{stimulus}", endpoint.kind))
}

/// The default directory of a sweep.
pub(crate) fn sweep_dir(endpoint: &Endpoint) -> PathBuf {
    let one = default_dir(endpoint, &Load { phases: Vec::new(), ..Load::of(spec::Phase::closed(1, 1)) });
    let name = one.file_name().unwrap_or_default().to_string_lossy().into_owned();
    one.with_file_name(name.replace("-concurrency1", "-sweep"))
}

/// Maximum bytes of a model's name in a directory's name, which also contains the endpoint and the load.
const MODEL_BYTES_MAX: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Phase;

    #[test]
    fn a_directory_is_named_after_the_model() {
        let check = |model: &str, expected: &str| {
            let mut endpoint = spec::Plan::unknown().endpoint;
            "chat".clone_into(&mut endpoint.kind);
            endpoint.models = vec![model.to_owned()];
            let directory = default_dir(&endpoint, &Load::of(Phase::new("", spec::Shape::Concurrency)));
            assert_eq!(
                directory,
                Path::new("artifacts").join(format!("{expected}-openai-chat-concurrency1")),
                "{model}"
            );
        };
        check("org/model:7b", "org_model_7b");
        check("../../up", "_._.._up");
        check(".", "_");
        check(&"\u{e4}".repeat(100), &"\u{e4}".repeat(75));
    }

    #[test]
    fn likely_metrics_are_suggested() {
        let check = |given: &str, expected: &str| assert_eq!(suggested(given), expected, "{given}");
        check("itl:10", "; did you mean inter_token_latency:10?");
        check("request_latency:5 TTFT:10", "; did you mean time_to_first_token:10?");
        check("inter_token_latncy:10", "; did you mean inter_token_latency:10?");
        check("colour:10", "");
    }
}
