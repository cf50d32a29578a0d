//! What is written, and where.

use crate::args::{ExportLevelArg, FailOnArg, ProfileArgs};
use common::plan::{Endpoint, ExportLevel, FailOn, Load, Output};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) fn output(args: &ProfileArgs, artifact_dir: &Path) -> Output {
    Output {
        artifact_dir: artifact_dir.display().to_string(),
        export_prefix: args.output.profile_export_prefix.clone(),
        export_level: match args.output.export_level {
            ExportLevelArg::Summary => ExportLevel::Summary,
            ExportLevelArg::Records => ExportLevel::Records,
            ExportLevelArg::Raw => ExportLevel::Raw,
        },
        fail_on: match args.timing.fail_on {
            FailOnArg::Degraded => FailOn::Degraded,
            FailOnArg::Invalid => FailOn::Invalid,
            FailOnArg::Never => FailOn::Never,
        },
        other: BTreeMap::new(),
    }
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
