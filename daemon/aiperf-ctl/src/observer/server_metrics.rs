//! Scrapes the server's own metrics during the run, and stores them with its records.

use super::scraping::{Endpoint, NOT_FINITE, Scraped, Scraping, warn_of_failures, warn_of_left_out};
use super::{Checked, Observer, Setup, Start};
use crate::plan::Profile;
use crate::terminal::{print_note, print_warning};
use anyhow::{Result, bail};
use endpoint::{Scheme, target};
use spec::Plan;
use store::parquet::concat;
use telemetry_in::{Outcome, Poller};

/// The endpoints with the server's metrics.
struct ServerMetrics<'a> {
    profile: &'a Profile,
    urls: Vec<String>,
    /// Whether the user named an endpoint, in which case failures are warnings.
    is_explicit: bool,
    scraping: Option<Scraping>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let (args, profile) = (&setup.args.telemetry, setup.profile);
    if args.no_server_metrics {
        return Ok(None);
    }
    let given = args.server_metrics.as_deref().unwrap_or_default();
    let urls = urls(&profile.plan, given)?;
    Ok(Some(Box::new(ServerMetrics { profile, urls, is_explicit: !given.is_empty(), scraping: None })))
}

impl Observer for ServerMetrics<'_> {
    fn start(&mut self, _start: &mut Start<'_>) -> Result<()> {
        let endpoints = self.urls.iter().map(|url| Endpoint { url: url.clone(), insists: true }).collect();
        let scraping = Scraping::start(self.profile, endpoints, |poll, parts, place| {
            Poller::start(poll, parts, &format!("endpoint-{place}"))
        });
        self.scraping = Some(scraping?);
        Ok(())
    }

    fn finish(&mut self) {
        let Some(scraped) = self.scraping.take().map(Scraping::finish) else { return };
        scraped.outcomes.iter().for_each(|outcome| report(outcome, self.is_explicit));
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
