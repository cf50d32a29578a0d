//! Exporters of DCGM: asked while the run goes on, their numbers stored beside those that the daemon read itself.

use crate::args::TelemetryArgs;
use crate::clock;
use crate::interrupt::Scratch;
use crate::plan::{Profile, Refusal, gpu};
use crate::say::say_warning;
use crate::trust::tls;
use anyhow::{Context, Result};
use export::parquet::concat;
use export::source;
use std::path::Path;
use std::time::Duration;
use telemetry_in::{DcgmField, Outcome, Poll, Poller};

/// Every exporter that is being asked.
pub(crate) struct GpuExporters {
    /// Each with whether the user named it, and wants to know if it is not there.
    pollers: Vec<(Poller, bool)>,
    /// Where rows wait.
    parts: Scratch,
}

impl GpuExporters {
    /// Begins to ask; `None` if nothing is to be asked.
    pub(crate) fn start(args: &TelemetryArgs, profile: &Profile) -> Result<Option<Self>> {
        let (plan, directory) = (&profile.plan, &profile.artifact_dir);
        let sources = gpu::sources(args, &plan.endpoint.urls)?;
        let usual = sources.usual_urls.into_iter().map(|url| (url, false));
        let urls = usual.chain(sources.urls.into_iter().map(|url| (url, true))).collect::<Vec<_>>();
        if urls.is_empty() {
            return Ok(None);
        }
        let more = sources.metrics_file.as_deref().map(fields).transpose()?.unwrap_or_default();
        let parts = Scratch::within(directory)?;
        let mut pollers = Vec::new();
        let tls = tls(profile)?;
        for (place, (url, is_named)) in urls.into_iter().enumerate() {
            let poll =
                Poll { url, interval: INTERVAL, now: clock::mono, insists: is_named, tls: tls.clone() };
            let poller = Poller::start_dcgm(poll, &more, parts.path(), &format!("exporter-{place}"));
            pollers.push((poller.context("failed to start a thread")?, is_named));
        }
        Ok(Some(Self { pollers, parts }))
    }

    /// Ends without a trace: there is no run that it belongs to.
    pub(crate) fn discard(self) {
        for (poller, _) in self.pollers {
            drop(poller.finish());
        }
    }

    /// Asks a last time and stores what was told; that it fails is never the run's failure.
    pub(crate) fn finish(self, directory: &Path) {
        let Self { pollers, parts } = self;
        let outcomes = pollers.into_iter().map(|(poller, is_named)| (poller.finish(), is_named));
        let outcomes = outcomes.inspect(|(outcome, is_named)| tell(outcome, *is_named)).collect::<Vec<_>>();
        let answered =
            outcomes.into_iter().map(|(outcome, _)| outcome).filter(|outcome| outcome.succeeded > 0);
        let told = answered.flat_map(|outcome| outcome.parts).collect::<Vec<_>>();
        if told.is_empty() {
            return;
        }
        let whole = directory.join("gpu.parquet");
        let own = Some(whole.clone()).filter(|path| path.is_file());
        let files = own.into_iter().chain(told).collect::<Vec<_>>();
        if let Err(error) = concat(&files, &whole) {
            say_warning(&format!("the exporters' numbers of GPUs are lost: {error}"));
        }
        drop(parts);
    }
}

/// The file with more metrics.
fn fields(file: &Path) -> Result<Vec<DcgmField>> {
    let text = source::read_text(file, FIELDS_BYTES_MAX)
        .map_err(|error| Refusal(format!("--gpu-telemetry: failed to read `{}`: {error}", file.display())))?;
    let (fields, bad_lines) = DcgmField::parse_all(&text);
    if bad_lines > 0 {
        say_warning(&format!(
            "--gpu-telemetry {}: {bad_lines} lines are not `DCGM_FI_..., gauge|counter, help` and are passed over",
            file.display()
        ));
    }
    Ok(fields)
}

fn tell(outcome: &Outcome, is_named: bool) {
    let Outcome { url, succeeded, failed, problem, not_finite, .. } = outcome;
    match problem {
        Some(problem) if *succeeded > 0 => {
            say_warning(&format!("{failed} of {} scrapes of {url} failed: {problem}", failed + succeeded));
        }
        Some(problem) if is_named => say_warning(&format!("no GPU telemetry from {url}: {problem}")),
        _ => {}
    }
    if *not_finite > 0 {
        say_warning(&format!("{url} told {not_finite} numbers that are infinite or none; they are left out"));
    }
}

/// A line a metric.
const FIELDS_BYTES_MAX: u64 = 16 << 20;
/// AIPerf's.
const INTERVAL: Duration = Duration::from_millis(333);
