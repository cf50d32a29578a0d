//! Scrapes several endpoints during a run: what the observers of the server's metrics and of GPU exporters have in common.

use crate::interrupt::Scratch;
use crate::plan::Profile;
use crate::terminal::print_warning;
use crate::trust::tls;
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;
use telemetry_in::{Outcome, Poll, Poller};

/// An endpoint to scrape.
pub(super) struct Endpoint {
    pub(super) url: String,
    /// Whether scraping continues if the first scrape fails.
    pub(super) insists: bool,
}

/// Endpoints that are being scraped.
pub(super) struct Scraping {
    pollers: Vec<Poller>,
    /// Where samples are stored until the run ends.
    parts: Scratch,
}

/// What was scraped.
pub(super) struct Scraped {
    /// In the order of the endpoints.
    pub(super) outcomes: Vec<Outcome>,
    /// The files of the outcomes, which are deleted with this value.
    _parts: Scratch,
}

impl Scraping {
    /// Starts to scrape each endpoint, by a poller with a place among them.
    ///
    /// # Errors
    /// When the run's directory is not writable, or no thread can be started.
    pub(super) fn start(
        profile: &Profile,
        endpoints: Vec<Endpoint>,
        poller: impl Fn(Poll, &Path, usize) -> std::io::Result<Poller>,
    ) -> Result<Self> {
        let parts = Scratch::within(&profile.artifact_dir)?;
        let tls = tls(profile)?;
        let mut pollers = Vec::new();
        for (place, Endpoint { url, insists }) in endpoints.into_iter().enumerate() {
            let poll = Poll { url, interval: INTERVAL, now: clock::mono, insists, tls: tls.clone() };
            pollers.push(poller(poll, parts.path(), place).context("failed to start a thread")?);
        }
        Ok(Self { pollers, parts })
    }

    /// Adds a poller that scrapes something else.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn add(&mut self, poller: impl FnOnce(&Path, usize) -> std::io::Result<Poller>) -> Result<()> {
        let place = self.pollers.len();
        self.pollers.push(poller(self.parts.path(), place).context("failed to start a thread")?);
        Ok(())
    }

    /// Scrapes a last time.
    pub(super) fn finish(self) -> Scraped {
        let outcomes = self.pollers.into_iter().map(Poller::finish).collect();
        Scraped { outcomes, _parts: self.parts }
    }
}

/// Warns about failed scrapes of an endpoint; if none succeeded, `nothing` reports the reason.
pub(super) fn warn_of_failures(outcome: &Outcome, nothing: impl FnOnce(&str)) {
    let Outcome { url, succeeded, failed, problem, .. } = outcome;
    match problem {
        Some(problem) if *succeeded == 0 => nothing(problem),
        Some(problem) => {
            print_warning(&format!("{failed} of {} scrapes of {url} failed: {problem}", failed + succeeded));
        }
        None => {}
    }
}

/// Warns about what an endpoint exported and no file contains.
pub(super) fn warn_of_left_out(url: &str, count: u64, what: &str) {
    if count > 0 {
        print_warning(&format!("{url} exported {count} {what}; they are left out"));
    }
}

/// What cannot be stored, in the words of [`warn_of_left_out`].
pub(super) const NOT_FINITE: &str = "values that are not finite";
/// AIPerf's scrape interval.
const INTERVAL: Duration = Duration::from_millis(333);
