//! Scrapes the server's own metrics during the run, reads from the kernel what a server of this host has not taken from its sockets, and
//! stores both with the run's records.

use super::scraping::{Endpoint, NOT_FINITE, Scraped, Scraping, warn_of_failures, warn_of_left_out};
use super::{Checked, Observer, Setup, Start};
use crate::plan::Profile;
use crate::terminal::{print_note, print_warning};
use anyhow::Result;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use store::parquet::concat;
use telemetry_in::{Outcome, Poller};

/// The scrapes of the server's metrics.
struct ServerMetrics<'a> {
    profile: &'a Profile,
    wanted: &'a spec::ServerMetrics,
    scraping: Option<Scraping>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let profile = setup.profile;
    let Some(wanted) = &profile.observers.server_metrics else { return Ok(None) };
    Ok(Some(Box::new(ServerMetrics { profile, wanted, scraping: None })))
}

impl Observer for ServerMetrics<'_> {
    fn start(&mut self, start: &mut Start<'_>) -> Result<()> {
        let endpoints =
            self.wanted.urls.iter().map(|url| Endpoint { url: url.clone(), insists: true }).collect();
        let mut scraping = Scraping::start(self.profile, endpoints, |poll, parts, place| {
            Poller::start(poll, parts, &format!("endpoint-{place}"))
        })?;
        let servers = start.addresses.iter().filter_map(|(_, address)| address.parse::<SocketAddr>().ok());
        for server in servers.collect::<BTreeSet<_>>() {
            scraping.add(|parts, place| {
                Poller::start_sockets(server, clock::mono, parts, &format!("endpoint-{place}"))
            })?;
        }
        self.scraping = Some(scraping);
        Ok(())
    }

    fn finish(&mut self) {
        let Some(scraped) = self.scraping.take().map(Scraping::finish) else { return };
        // That a server is elsewhere is no failure.
        let endpoints = scraped.outcomes.iter().take(self.wanted.urls.len());
        endpoints.for_each(|outcome| report(outcome, self.wanted.is_explicit));
        self.store(&scraped);
    }

    fn discard(&mut self) {
        drop(self.scraping.take().map(Scraping::finish));
    }
}

impl ServerMetrics<'_> {
    /// Stores the samples; those of an endpoint that never responded are its failures.
    fn store(&self, scraped: &Scraped) {
        let to = self.profile.artifact_dir.join("server_metrics.parquet");
        let has_samples = scraped.outcomes.iter().any(|outcome| outcome.succeeded > 0);
        let files = scraped.outcomes.iter().flat_map(|outcome| outcome.parts.clone()).collect::<Vec<_>>();
        if has_samples && let Err(error) = concat(&files, &to) {
            print_warning(&format!("the server metrics could not be stored: {error}"));
        }
    }
}

/// Warns about what is missing; a note is enough if the user named no endpoint.
fn report(outcome: &Outcome, is_explicit: bool) {
    let Outcome { url, bad_lines, not_finite, too_many, .. } = outcome;
    warn_of_failures(outcome, |problem| {
        let text = format!("no server metrics from {url}: {problem}");
        if is_explicit { print_warning(&text) } else { print_note(&text) }
    });
    warn_of_left_out(url, *bad_lines, "lines that cannot be parsed");
    warn_of_left_out(url, *not_finite, NOT_FINITE);
    warn_of_left_out(url, *too_many, "values beyond the maximum number of series");
}
