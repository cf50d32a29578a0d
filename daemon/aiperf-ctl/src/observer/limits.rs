//! Ends a run as soon as it certainly misses a limit: the rest of it would say nothing more.

use super::{Checked, Following, Observer, Setup};
use crate::follow::Run;
use anyhow::Result;
use control::{LiveRequest, Status, Stop};
use spec::WatchedLimit;
use statistics::{Of, dependence, wilson};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

struct Limits<'a> {
    limits: &'a [WatchedLimit],
    missed: Arc<Mutex<Option<String>>>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let limits = setup.profile.observers.limits.as_slice();
    Ok((!limits.is_empty()).then(|| Box::new(Limits { limits, missed: Arc::default() }) as Box<dyn Observer>))
}

impl Observer for Limits<'_> {
    fn follow<'a>(&'a mut self, run: &'a Run) -> Following<'a> {
        Box::pin(async {
            let client = run.daemon.client.clone();
            let (lines, stop) = (format!("{}/requests", run.path()), format!("{}/stop", run.path()));
            let mut lines = client.lines(&lines).await?;
            let mut watched = self.limits.iter().cloned().map(Watched::of).collect::<Vec<_>>();
            let missed = Arc::clone(&self.missed);
            Ok(Some(tokio::spawn(async move {
                while let Ok(Some(request)) = lines.next::<LiveRequest>().await {
                    let found = watched.iter_mut().find_map(|watched| {
                        watched.is_missed_after(&request).then(|| watched.limit.name.clone())
                    });
                    let Some(found) = found else { continue };
                    // A run that has ended meanwhile was measured to its end.
                    let stopped: Result<Status> = client.post(&stop, &Stop::Drain).await;
                    if stopped.is_ok() {
                        *missed.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
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

    fn missed(&self) -> Option<String> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A limit with what requests said about it.
struct Watched {
    limit: WatchedLimit,
    /// Of each request that counts, 1 if it breaks the limit.
    broken: Vec<f64>,
    seen: u64,
    /// How many requests count when it is looked at next.
    next: usize,
}

impl Watched {
    const fn of(limit: WatchedLimit) -> Self {
        Self { limit, broken: Vec::new(), seen: 0, next: FEWEST }
    }

    /// Whether the limit is certainly missed, after this request.
    ///
    /// It is looked at after ever more requests, so that the chance of a mistake stays bounded over all looks.
    fn is_missed_after(&mut self, request: &LiveRequest) -> bool {
        if request.is_warmup {
            return false;
        }
        self.seen += 1;
        if self.seen <= self.limit.skipped || self.broken.len() >= MOST {
            return false;
        }
        let value = self.limit.metric.as_ref().and_then(|metric| request.values.get(metric));
        let is_broken = match (&request.error, value) {
            (Some(_), _) => true,
            (None, Some(value)) => value > self.limit.threshold,
            (None, None) => false,
        };
        self.broken.push(f64::from(u8::from(is_broken)));
        if self.broken.len() < self.next {
            return false;
        }
        self.next = self.next + self.next / 4;
        let n = metric::float_of(self.broken.len());
        let share = self.broken.iter().sum::<f64>() / n;
        if share <= self.limit.share {
            return false;
        }
        let deviations = self.broken.iter().map(|broken| broken - share).collect::<Vec<_>>();
        let inflation = dependence(&deviations, Of::Requests).inflation;
        let (low, _) = wilson(share, n / inflation, ERROR);
        low > self.limit.share
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
        let request = serde_json::json!({
            "phase": "profiling",
            "worker": 0,
            "error": error,
            "http_status": 200,
            "values": serde_json::Map::from_iter(values.iter().map(|(tag, value)| ((*tag).to_owned(), (*value).into()))),
            "dropped": 0,
        });
        serde_json::from_value(request).unwrap()
    }

    /// After how many requests a limit of 5 % above 100 is missed, of requests with these values in turn.
    fn missed_after(values: &[f64], skipped: u64) -> Option<usize> {
        let limit = WatchedLimit {
            name: "limit".to_owned(),
            metric: Some("request_latency".to_owned()),
            threshold: 100.0,
            share: 0.05,
            skipped,
        };
        let mut watched = Watched::of(limit);
        (0..10_000).find(|place| {
            let value = values[place % values.len()];
            watched.is_missed_after(&request(&[("request_latency", value)], None))
        })
    }

    #[test]
    fn what_is_certain_ends_early() {
        assert!(missed_after(&[200.0], 0).is_some_and(|after| after < 100), "every request breaks it");
        assert!(missed_after(&[200.0, 50.0], 0).is_some_and(|after| after < 200), "every second one");
        let rarely = [&[200.0][..], &[50.0; 24]].concat();
        assert_eq!(missed_after(&rarely, 0), None, "4 % may break it");
        assert!(missed_after(&[200.0], 500).is_some_and(|after| after > 500), "the beginning does not count");
    }

    #[test]
    fn a_failed_request_breaks_every_limit() {
        let limit =
            WatchedLimit { name: "limit".to_owned(), metric: None, threshold: 0.0, share: 0.01, skipped: 0 };
        let mut watched = Watched::of(limit);
        let failed = request(&[], Some("refused"));
        assert!((0..200).any(|_| watched.is_missed_after(&failed)), "failures");
        let warmup = LiveRequest { is_warmup: true, ..failed };
        assert!(!watched.is_missed_after(&warmup), "a warm-up is no part of the results");
    }
}
