//! Warns about GPU telemetry that is missing.

use crate::args::TelemetryArgs;
use crate::plan::gpu;
use crate::terminal::{print_note, print_warning};
use record::Run;

/// Warns before the run about requested telemetry that is not available.
pub(crate) fn warn_before(args: &TelemetryArgs, urls: &[String]) {
    if gpu::wants_dashboard(args) {
        print_note(
            "--gpu-telemetry dashboard: the dashboard is not implemented; the report's tables show the GPUs",
        );
    }
    let names_local = args.gpu_telemetry.iter().flatten().any(|item| item == "pynvml" || item == "amdsmi");
    if names_local && !urls.iter().all(|url| gpu::is_local(url)) {
        print_warning(
            "--gpu-telemetry samples the GPUs of the daemon's host, but the server is on another host",
        );
    }
}

/// Warns after the run about sources that failed, and why.
pub(crate) fn warn_after(run: &Run) {
    let is_explicit = run.plan.gpu.as_ref().is_some_and(|gpu| gpu.is_explicit);
    let has_gpus = run.gpu.iter().any(|source| source.gpus > 0);
    for source in &run.gpu {
        let Some(problem) = &source.problem else { continue };
        // Without a request for GPU telemetry, a host without GPUs is not a problem.
        if source.gpus > 0 || source.did_hang || (is_explicit && !has_gpus) {
            print_warning(&format!("GPU telemetry by {}: {problem}", source.source));
        }
    }
}
