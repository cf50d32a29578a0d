//! Scrapes DCGM exporters during the run, and stores their samples with those that the daemon reads itself.

use crate::args::TelemetryArgs;
use crate::clock;
use crate::interrupt::Scratch;
use crate::plan::{Profile, Refusal, gpu};
use crate::terminal::print_warning;
use crate::trust::tls;
use anyhow::{Context, Result};
use export::parquet::concat;
use export::source;
use std::path::Path;
use std::time::Duration;
use telemetry_in::{DcgmField, Outcome, Poll, Poller};

/// All exporters that are being scraped.
pub(crate) struct GpuExporters {
    /// Each with whether the user named it, in which case failures are reported.
    pollers: Vec<(Poller, bool)>,
    /// Where samples are stored until the run ends.
    parts: Scratch,
}

impl GpuExporters {
    /// Starts scraping; `None` if there is nothing to scrape.
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

    /// Stops and deletes the samples, when there is no run to store them with.
    pub(crate) fn discard(self) {
        for (poller, _) in self.pollers {
            drop(poller.finish());
        }
    }

    /// Scrapes a last time and stores the samples; a failure never fails the run.
    pub(crate) fn finish(self, directory: &Path) {
        let Self { pollers, parts } = self;
        let outcomes = pollers.into_iter().map(|(poller, is_named)| (poller.finish(), is_named));
        let outcomes = outcomes.inspect(|(outcome, is_named)| report(outcome, *is_named)).collect::<Vec<_>>();
        let successful =
            outcomes.into_iter().map(|(outcome, _)| outcome).filter(|outcome| outcome.succeeded > 0);
        let scraped = successful.flat_map(|outcome| outcome.parts).collect::<Vec<_>>();
        if scraped.is_empty() {
            return;
        }
        let whole = directory.join("gpu.parquet");
        let own = Some(whole.clone()).filter(|path| path.is_file());
        let files = own.into_iter().chain(scraped).collect::<Vec<_>>();
        if let Err(error) = concat(&files, &whole) {
            print_warning(&format!("the exporters' GPU samples are lost: {error}"));
        }
        drop(parts);
    }
}

/// Parses the file that defines more metrics.
fn fields(file: &Path) -> Result<Vec<DcgmField>> {
    let text = source::read_text(file, FIELDS_BYTES_MAX)
        .map_err(|error| Refusal(format!("--gpu-telemetry: failed to read `{}`: {error}", file.display())))?;
    let (fields, bad_lines) = DcgmField::parse_all(&text);
    if bad_lines > 0 {
        print_warning(&format!(
            "--gpu-telemetry {}: {bad_lines} lines are not `DCGM_FI_..., gauge|counter, help` and are ignored",
            file.display()
        ));
    }
    Ok(fields)
}

fn report(outcome: &Outcome, is_named: bool) {
    let Outcome { url, succeeded, failed, problem, not_finite, .. } = outcome;
    match problem {
        Some(problem) if *succeeded > 0 => {
            print_warning(&format!("{failed} of {} scrapes of {url} failed: {problem}", failed + succeeded));
        }
        Some(problem) if is_named => print_warning(&format!("no GPU telemetry from {url}: {problem}")),
        _ => {}
    }
    if *not_finite > 0 {
        print_warning(&format!("{url} exported {not_finite} values that are not finite; they are left out"));
    }
}

/// Maximum size of the file, with one line per metric.
const FIELDS_BYTES_MAX: u64 = 16 << 20;
/// AIPerf's scrape interval.
const INTERVAL: Duration = Duration::from_millis(333);
