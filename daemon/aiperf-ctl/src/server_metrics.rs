//! The server's own metrics: asked while the run goes on, stored beside its records.

use crate::args::TelemetryArgs;
use crate::clock;
use crate::interrupt::Scratch;
use crate::plan::Profile;
use crate::say::{say_aside, say_warning};
use crate::trust::tls;
use anyhow::{Context, Result, bail};
use endpoint::{Scheme, target};
use export::parquet::concat;
use spec::Plan;
use std::path::Path;
use std::time::Duration;
use telemetry_in::{Outcome, Poll, Poller};

/// Everything that is being asked.
pub(crate) struct ServerMetrics {
    pollers: Vec<Poller>,
    /// Where rows wait.
    parts: Scratch,
    /// Whether the user named an endpoint, and wants to know if it is not there.
    is_explicit: bool,
}

impl ServerMetrics {
    /// Begins to ask; `None` if nothing is to be asked.
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

    /// Ends without a trace: there is no run that it belongs to.
    pub(crate) fn discard(self) {
        for poller in self.pollers {
            drop(poller.finish());
        }
    }

    /// Asks a last time and stores what was said; that it fails is never the run's failure.
    pub(crate) fn finish(self, directory: &Path) {
        let Self { pollers, parts, is_explicit } = self;
        let outcomes = pollers.into_iter().map(Poller::finish).collect::<Vec<_>>();
        outcomes.iter().for_each(|outcome| tell(outcome, is_explicit));
        let answered = outcomes.iter().any(|outcome| outcome.succeeded > 0);
        let files = outcomes.into_iter().flat_map(|outcome| outcome.parts).collect::<Vec<_>>();
        if answered && let Err(error) = concat(&files, &directory.join("server_metrics.parquet")) {
            say_warning(&format!("the server's metrics are lost: {error}"));
        }
        drop(parts);
    }
}

fn tell(outcome: &Outcome, is_explicit: bool) {
    let Outcome { url, succeeded, failed, problem, bad_lines, not_finite, too_many, .. } = outcome;
    match problem {
        Some(problem) if *succeeded == 0 => {
            let text = format!("no server metrics from {url}: {problem}");
            if is_explicit { say_warning(&text) } else { say_aside(&text) }
        }
        Some(problem) => {
            say_warning(&format!("{failed} of {} scrapes of {url} failed: {problem}", failed + succeeded))
        }
        None => {}
    }
    for (count, what) in [
        (bad_lines, "lines that are not understood"),
        (not_finite, "numbers that are infinite or none"),
        (too_many, "numbers more than there is room for"),
    ] {
        if *count > 0 {
            say_warning(&format!("{url} told {count} {what}; they are left out"));
        }
    }
}

/// The server's own `/metrics`, then those that the user gave.
fn urls(plan: &Plan, given: &[String]) -> Result<Vec<String>> {
    // What is not on a port is asked for nothing but the load.
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

/// The address of a host's metrics: `/metrics`, unless the user names another path.
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

/// AIPerf's.
const INTERVAL: Duration = Duration::from_millis(333);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_an_address() {
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
