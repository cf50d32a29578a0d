//! Ends a run as soon as it is certain that it misses a limit, or keeps all: the rest of it would say nothing more.

use super::{Checked, Following, Observer, Setup};
use crate::follow::Run;
use anyhow::Result;
use control::{LiveRequest, Status, Stop};
use serde::{Deserialize, Serialize};
use spec::WatchedLimit;
use statistics::{Of, dependence, wilson};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is certain of a run's limits before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Certain {
    /// This one is missed.
    Missed(String),
    /// All are kept.
    Kept,
}

struct Limits<'a> {
    limits: &'a [WatchedLimit],
    certain: Arc<Mutex<Option<Certain>>>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let limits = setup.profile.observers.limits.as_slice();
    Ok((!limits.is_empty())
        .then(|| Box::new(Limits { limits, certain: Arc::default() }) as Box<dyn Observer>))
}

impl Observer for Limits<'_> {
    fn follow<'a>(&'a mut self, run: &'a Run) -> Following<'a> {
        Box::pin(async {
            let client = run.daemon.client.clone();
            let (lines, stop) = (format!("{}/requests", run.path()), format!("{}/stop", run.path()));
            let mut lines = client.lines(&lines).await?;
            let mut watched = self.limits.iter().cloned().map(Watched::of).collect::<Vec<_>>();
            let certain = Arc::clone(&self.certain);
            Ok(Some(tokio::spawn(async move {
                while let Ok(Some(request)) = lines.next::<LiveRequest>().await {
                    // What is left out is not left out by chance: a sample with holes makes nothing certain.
                    if request.dropped > 0 {
                        return;
                    }
                    watched.iter_mut().for_each(|watched| watched.add(&request));
                    if watched.iter().all(|watched| watched.broken.len() >= MOST) {
                        // It will not be certain soon, and the stream costs this client time.
                        return;
                    }
                    let Some(found) = certain_of(&watched) else { continue };
                    // A run that has ended meanwhile was measured to its end.
                    let stopped: Result<Status> = client.post(&stop, &Stop::Drain).await;
                    if stopped.is_ok() {
                        *certain.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                    }
                    break;
                }
                // Requests in flight may end, so that they do not count as failed; a server that is far behind is not waited for.
                let rest = async { while let Ok(Some(_)) = lines.next::<LiveRequest>().await {} };
                if tokio::time::timeout(PATIENCE, rest).await.is_err() {
                    let _stopped: Result<Status> = client.post(&stop, &Stop::Now).await;
                    while let Ok(Some(_)) = lines.next::<LiveRequest>().await {}
                }
            })))
        })
    }

    fn certain(&self) -> Option<Certain> {
        self.certain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is certain of all limits together.
fn certain_of(watched: &[Watched]) -> Option<Certain> {
    if let Some(missed) = watched.iter().find(|watched| watched.is_kept == Some(false)) {
        return Some(Certain::Missed(missed.limit.name.clone()));
    }
    let is_kept = |watched: &Watched| watched.limit.ends_when_kept && watched.is_kept == Some(true);
    watched.iter().all(is_kept).then_some(Certain::Kept)
}

/// A limit with what requests show about it.
struct Watched {
    limit: WatchedLimit,
    /// Of each request that counts, 1 if it breaks the limit.
    broken: Vec<f64>,
    seen: u64,
    /// How many requests count when it is looked at next.
    next: usize,
    /// Whether it is kept, if that is certain.
    is_kept: Option<bool>,
}

impl Watched {
    const fn of(limit: WatchedLimit) -> Self {
        Self { limit, broken: Vec::new(), seen: 0, next: FEWEST, is_kept: None }
    }

    /// Adds a request, and sees whether anything is certain now.
    ///
    /// It is looked at after ever more requests, so that the chance of a mistake stays bounded over all looks.
    fn add(&mut self, request: &LiveRequest) {
        if request.is_warmup {
            return;
        }
        self.seen += 1;
        if self.seen <= self.limit.skipped || self.broken.len() >= MOST || self.is_kept.is_some() {
            return;
        }
        let value = self.limit.metrics.iter().find_map(|metric| request.values.get(metric));
        let is_broken = match (&request.error, value) {
            (Some(_), _) => true,
            (None, Some(value)) => value > self.limit.threshold,
            (None, None) if self.limit.metrics.is_empty() => false,
            // It is not known whether it does.
            (None, None) => return,
        };
        self.broken.push(f64::from(u8::from(is_broken)));
        if self.broken.len() < self.next {
            return;
        }
        self.next = self.next + self.next / 4;
        let n = metric::float_of(self.broken.len());
        let share = self.broken.iter().sum::<f64>() / n;
        let deviations = self.broken.iter().map(|broken| broken - share).collect::<Vec<_>>();
        let inflation = dependence(&deviations, Of::Requests).inflation;
        let (low, high) = wilson(share, n / inflation, ERROR);
        self.is_kept = match self.limit.share {
            allowed if low > allowed => Some(false),
            allowed if high < allowed => Some(true),
            _ => None,
        };
    }
}

/// How long requests in flight are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Fewer requests say nothing.
const FEWEST: usize = 60;
/// A limit that is not missed after so many requests is not missed surely soon.
const MOST: usize = 200_000;
/// The chance of a mistake at one look: some ten looks make 1 %.
const ERROR: f64 = 0.002;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(values: &[(&str, f64)], error: Option<&str>) -> LiveRequest {
        let values = values.iter().map(|(tag, value)| ((*tag).to_owned(), (*value).into()));
        let request = serde_json::json!({
            "phase": "profiling",
            "worker": 0,
            "error": error,
            "http_status": 200,
            "values": serde_json::Map::from_iter(values),
            "dropped": 0,
        });
        serde_json::from_value(request).unwrap()
    }

    fn limit(skipped: u64) -> WatchedLimit {
        WatchedLimit {
            name: "limit".to_owned(),
            metrics: vec!["kernel_request_latency".to_owned(), "request_latency".to_owned()],
            threshold: 100.0,
            share: 0.05,
            skipped,
            ends_when_kept: true,
        }
    }

    /// What is certain of a limit of 5 % above 100, and after how many requests, of requests with these values in turn.
    fn certain_after(values: &[f64], skipped: u64) -> Option<(bool, usize)> {
        let mut watched = Watched::of(limit(skipped));
        (0..10_000).find_map(|place| {
            watched.add(&request(&[("request_latency", values[place % values.len()])], None));
            watched.is_kept.map(|is_kept| (is_kept, place))
        })
    }

    #[test]
    fn what_is_certain_is_known_early() {
        let check = |values: &[f64], skipped, is_kept, least, most| {
            let (found, after) = certain_after(values, skipped).unwrap();
            assert!(found == is_kept && (least..most).contains(&after), "{values:?}: {found} after {after}");
        };
        check(&[200.0], 0, false, 0, 100);
        check(&[200.0, 50.0], 0, false, 0, 200);
        check(&[200.0], 500, false, 500, 600);
        check(&[50.0], 0, true, 180, 300);
        // One in 21 is not surely less than one in 20.
        assert_eq!(certain_after(&[&[200.0][..], &[50.0; 20]].concat(), 0), None, "too close");
    }

    #[test]
    fn a_failed_request_breaks_every_limit() {
        let failures = WatchedLimit { metrics: Vec::new(), share: 0.01, ..limit(0) };
        let mut watched = Watched::of(failures.clone());
        let failed = request(&[], Some("refused"));
        (0..200).for_each(|_| watched.add(&failed));
        assert_eq!(watched.is_kept, Some(false), "failures");
        let mut watched = Watched::of(failures);
        let warmup = LiveRequest { is_warmup: true, ..failed };
        (0..200).for_each(|_| watched.add(&warmup));
        assert_eq!(watched.is_kept, None, "a warm-up is no part of the results");
    }

    #[test]
    fn a_request_without_the_metric_says_nothing() {
        let is_kept = |values: &[(&str, f64)]| {
            let mut watched = Watched::of(limit(0));
            (0..1000).for_each(|_| watched.add(&request(values, None)));
            watched.is_kept
        };
        assert_eq!(is_kept(&[]), None, "no time at all");
        assert_eq!(is_kept(&[("request_latency", 200.0)]), Some(false), "the client's, without the kernel's");
        let both = [("kernel_request_latency", 50.0), ("request_latency", 200.0)];
        assert_eq!(is_kept(&both), Some(true), "the kernel's");
    }

    #[test]
    fn all_limits_must_be_kept() {
        let watched = |is_kept, ends_when_kept| {
            let limit = WatchedLimit { ends_when_kept, ..limit(0) };
            Watched { is_kept, ..Watched::of(limit) }
        };
        let check = |first, second, ends, expected| {
            assert_eq!(certain_of(&[watched(first, ends), watched(second, ends)]), expected);
        };
        let missed = || Some(Certain::Missed("limit".to_owned()));
        check(Some(true), Some(true), true, Some(Certain::Kept));
        check(Some(true), Some(true), false, None);
        check(Some(true), None, true, None);
        check(None, Some(false), false, missed());
    }
}
