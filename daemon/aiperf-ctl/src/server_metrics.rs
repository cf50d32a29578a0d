//! Scrapes the server's own metrics during the run, and stores them with its records.

use crate::args::TelemetryArgs;
use crate::clock;
use crate::interrupt::Scratch;
use crate::plan::Profile;
use crate::terminal::{print_note, print_warning};
use crate::trust::tls;
use anyhow::{Context, Result, bail};
use endpoint::{Scheme, target};
use export::parquet::concat;
use spec::Plan;
use std::path::Path;
use std::time::Duration;
use telemetry_in::{Outcome, Poll, Poller};

/// All endpoints that are being scraped.
pub(crate) struct ServerMetrics {
    pollers: Vec<Poller>,
    /// Where samples are stored until the run ends.
    parts: Scratch,
    /// Whether the user named an endpoint, in which case failures are warnings.
    is_explicit: bool,
}

impl ServerMetrics {
    /// Starts scraping; `None` if there is nothing to scrape.
    pub(crate) fn start(args: &TelemetryArgs, profile: &Profile) -> Result<Option<Self>> {
        let (plan, directory) = (&profile.plan, &profile.artifact_dir);
        if args.no_server_metrics {
            return Ok(None);
        }
        let given = args.server_metrics.as_deref().unwrap_or_default();
        let parts = Scratch::within(directory)?;
        let mut pollers = Vec::new();
        let tls = tls(profile)?;
        for (place, url) in urls(plan, given)?.into_iter().enumerate() {
            let poll = Poll { url, interval: INTERVAL, now: clock::mono, insists: true, tls: tls.clone() };
            let poller = Poller::start(poll, parts.path(), &format!("endpoint-{place}"));
            pollers.push(poller.context("failed to start a thread")?);
        }
        Ok(Some(Self { pollers, parts, is_explicit: !given.is_empty() }))
    }

    /// Stops and deletes the samples, when there is no run to store them with.
    pub(crate) fn discard(self) {
        for poller in self.pollers {
            drop(poller.finish());
        }
    }

    /// Scrapes a last time and stores the samples; a failure never fails the run.
    pub(crate) fn finish(self, directory: &Path) {
        let Self { pollers, parts, is_explicit } = self;
        let outcomes = pollers.into_iter().map(Poller::finish).collect::<Vec<_>>();
        outcomes.iter().for_each(|outcome| report(outcome, is_explicit));
        let has_samples = outcomes.iter().any(|outcome| outcome.succeeded > 0);
        let files = outcomes.into_iter().flat_map(|outcome| outcome.parts).collect::<Vec<_>>();
        if has_samples && let Err(error) = concat(&files, &directory.join("server_metrics.parquet")) {
            print_warning(&format!("the server metrics could not be stored: {error}"));
        }
        drop(parts);
    }
}

fn report(outcome: &Outcome, is_explicit: bool) {
    let Outcome { url, succeeded, failed, problem, bad_lines, not_finite, too_many, .. } = outcome;
    match problem {
        Some(problem) if *succeeded == 0 => {
            let text = format!("no server metrics from {url}: {problem}");
            if is_explicit { print_warning(&text) } else { print_note(&text) }
        }
        Some(problem) => {
            print_warning(&format!("{failed} of {} scrapes of {url} failed: {problem}", failed + succeeded))
        }
        None => {}
    }
    for (count, what) in [
        (bad_lines, "lines that cannot be parsed"),
        (not_finite, "values that are not finite"),
        (too_many, "values beyond the maximum number of series"),
    ] {
        if *count > 0 {
            print_warning(&format!("{url} exported {count} {what}; they are left out"));
        }
    }
}

/// The server's own `/metrics`, then the URLs given by the user.
fn urls(plan: &Plan, given: &[String]) -> Result<Vec<String>> {
    // A server without a port has no metrics endpoint.
    let own = plan.endpoint.urls.iter().filter(|url| !url.starts_with("unix:"));
    let own = own.map(|url| url_of(url, true));
    let given = given.iter().map(|url| url_of(url, false));
    let mut urls = Vec::new();
    for url in own.chain(given) {
        let url = url?;
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    Ok(urls)
}

/// The URL of a host's metrics: `/metrics`, unless the user gave another path.
fn url_of(url: &str, is_own: bool) -> Result<String> {
    let target = target(url, None, None)?;
    let scheme = match target.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
        Scheme::Unix => bail!("{url}: metrics are read over http and https only"),
    };
    let is_bare = is_own || target.path_and_query.trim_end_matches('/').is_empty();
    let path = if is_bare { "/metrics" } else { &target.path_and_query };
    Ok(format!("{scheme}://{}{path}", target.host_header))
}

/// AIPerf's scrape interval.
const INTERVAL: Duration = Duration::from_millis(333);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_a_url() {
        let table = [
            ("http://a:8000/v1/", true, "http://a:8000/metrics"),
            ("a:9400", false, "http://a:9400/metrics"),
            ("https://a/prometheus/metrics", false, "https://a/prometheus/metrics"),
        ];
        for (url, is_own, expected) in table {
            assert_eq!(url_of(url, is_own).unwrap(), expected, "{url}");
        }
    }
}
