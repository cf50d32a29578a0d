//! Scrapes DCGM exporters during the run, and stores their samples with those that the daemon reads itself.

use super::scraping::{Endpoint, NOT_FINITE, Scraping, warn_of_failures, warn_of_left_out};
use super::{Checked, Observer, Setup, Start};
use crate::plan::{Profile, Refusal};
use crate::terminal::print_warning;
use anyhow::Result;
use std::path::Path;
use store::parquet::concat;
use store::source;
use telemetry_in::{DcgmField, Outcome, Poller};

/// The exporters of the run's GPUs.
struct GpuExporters<'a> {
    profile: &'a Profile,
    /// Each URL with whether the user named it, in which case failures are reported.
    exporters: Vec<(String, bool)>,
    /// A file that defines more metrics.
    metrics_file: Option<&'a Path>,
    scraping: Option<Scraping>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let profile = setup.profile;
    let Some(wanted) = &profile.observers.gpu_exporters else { return Ok(None) };
    let with = |urls: &[String], is_named| urls.iter().map(|url| (url.clone(), is_named)).collect::<Vec<_>>();
    let exporters = [with(&wanted.usual, false), with(&wanted.named, true)].concat();
    let metrics_file = wanted.metrics_file.as_deref().map(Path::new);
    Ok(Some(Box::new(GpuExporters { profile, exporters, metrics_file, scraping: None })))
}

impl Observer for GpuExporters<'_> {
    fn start(&mut self, _start: &mut Start<'_>) -> Result<()> {
        let more = self.metrics_file.map(fields).transpose()?.unwrap_or_default();
        let endpoint = |(url, is_named): &(String, bool)| Endpoint { url: url.clone(), insists: *is_named };
        let endpoints = self.exporters.iter().map(endpoint).collect();
        let scraping = Scraping::start(self.profile, endpoints, |poll, parts, place| {
            Poller::start_dcgm(poll, &more, parts, &format!("exporter-{place}"))
        });
        self.scraping = Some(scraping?);
        Ok(())
    }

    fn finish(&mut self) {
        let Some(scraped) = self.scraping.take().map(Scraping::finish) else { return };
        for (outcome, (_, is_named)) in scraped.outcomes.iter().zip(&self.exporters) {
            report(outcome, *is_named);
        }
        self.store(&scraped.outcomes);
    }

    fn discard(&mut self) {
        drop(self.scraping.take().map(Scraping::finish));
    }
}

impl GpuExporters<'_> {
    /// Appends the samples of exporters that responded to the daemon's.
    fn store(&self, outcomes: &[Outcome]) {
        let successful = outcomes.iter().filter(|outcome| outcome.succeeded > 0);
        let scraped = successful.flat_map(|outcome| outcome.parts.clone()).collect::<Vec<_>>();
        if scraped.is_empty() {
            return;
        }
        let whole = self.profile.artifact_dir.join("gpu.parquet");
        let own = Some(whole.clone()).filter(|path| path.is_file());
        let files = own.into_iter().chain(scraped).collect::<Vec<_>>();
        if let Err(error) = concat(&files, &whole) {
            print_warning(&format!("the exporters' GPU samples are lost: {error}"));
        }
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
    warn_of_failures(outcome, |problem| {
        if is_named {
            print_warning(&format!("no GPU telemetry from {}: {problem}", outcome.url));
        }
    });
    warn_of_left_out(&outcome.url, outcome.not_finite, NOT_FINITE);
}

/// Maximum size of the file, with one line per metric.
const FIELDS_BYTES_MAX: u64 = 16 << 20;
