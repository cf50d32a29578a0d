//! What a user should know of how the GPUs were read.

use crate::args::TelemetryArgs;
use crate::plan::gpu;
use crate::say::{say_aside, say_warning};
use record::Run;

/// Says what the flags ask for and is not there, before the run.
pub(crate) fn tell_before(args: &TelemetryArgs, urls: &[String]) {
    if gpu::wants_dashboard(args) {
        say_aside("--gpu-telemetry dashboard: there is no dashboard; the report's tables show the GPUs");
    }
    let names_local = args.gpu_telemetry.iter().flatten().any(|item| item == "pynvml" || item == "amdsmi");
    if names_local && !urls.iter().all(|url| gpu::is_local(url)) {
        say_warning("--gpu-telemetry reads the GPUs of the daemon's host, and the server is on another one");
    }
}

/// Says how the GPUs were read, after the run: what is missing, and why.
pub(crate) fn tell_after(run: &Run) {
    let is_explicit = run.plan.gpu.as_ref().is_some_and(|gpu| gpu.is_explicit);
    let has_gpus = run.gpu.iter().any(|source| source.gpus > 0);
    for source in &run.gpu {
        let Some(problem) = &source.problem else { continue };
        // That a host has no GPUs is no news to who did not ask for any.
        if source.gpus > 0 || source.did_hang || (is_explicit && !has_gpus) {
            say_warning(&format!("GPU telemetry by {}: {problem}", source.source));
        }
    }
}
