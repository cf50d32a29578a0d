//! The numbers of each request as it ends, for subscribers: a bounded queue that drops its oldest.

use crate::threads::lock;
use control::{ByName, LiveRequest};
use metric::{Case, Settings, values};
use record::{Request, STAGES};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Ended requests that wait, for each subscriber. Nothing is kept before a subscriber opens its queue.
#[derive(Debug, Default)]
pub struct EndedRequests {
    subscribers: Mutex<[Option<Waiting>; SUBSCRIBERS]>,
    /// The number of the run that sends them, from which their ids are made.
    run: Option<u64>,
}

/// The reader of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscriber {
    /// A client, over the control socket.
    Client,
    /// The publishing process.
    Publisher,
    /// The client that steers the run.
    Steering,
}

/// What a subscriber receives of each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Its numbers.
    #[default]
    Numbers,
    /// The moments of its stages too.
    Stages,
}

#[derive(Debug, Default)]
struct Waiting {
    detail: Detail,
    requests: VecDeque<LiveRequest>,
    dropped: u64,
}

impl EndedRequests {
    /// Those of a run that sends requests, by its number.
    #[must_use]
    pub fn of_run(number: u64) -> Self {
        Self { run: Some(number), ..Self::default() }
    }

    /// Opens a subscriber's queue.
    pub fn open(&self, subscriber: Subscriber, detail: Detail) {
        lock(&self.subscribers)[subscriber as usize].get_or_insert_default().detail = detail;
    }

    /// Queues the numbers of a request that has ended, if there is any subscriber.
    pub fn offer(&self, request: &Request, settings: &Settings) {
        let mut subscribers = lock(&self.subscribers);
        if subscribers.iter().all(Option::is_none) {
            return;
        }
        let case = Case { request, settings };
        let ended = LiveRequest {
            id: self.id(request),
            phase: request.phase.clone(),
            is_warmup: !case.is_profiling(),
            worker: request.worker,
            model: request.model.clone(),
            error: (!case.is_valid()).then(|| request.outcome.name().to_owned()),
            http_status: request.http_status,
            values: values(&case).map(|(metric, value)| (metric.tag, value.get())).collect(),
            stages: ByName::default(),
            dropped: 0,
        };
        for waiting in subscribers.iter_mut().flatten() {
            if waiting.requests.len() >= WAITING_MAX {
                waiting.requests.pop_front();
                waiting.dropped += 1;
            }
            let stages = match waiting.detail {
                Detail::Numbers => ByName::default(),
                Detail::Stages => {
                    let passed = STAGES.iter().filter_map(|stage| Some((stage, (stage.of)(request)?)));
                    passed.map(|(stage, at)| (stage.name, settings.clock.real(at))).collect()
                }
            };
            waiting.requests.push_back(LiveRequest { stages, dropped: waiting.dropped, ..ended.clone() });
        }
    }

    /// Its `X-Request-ID`, or its number.
    fn id(&self, request: &Request) -> String {
        match (&request.client_request_id, self.run) {
            (Some(id), _) => id.clone(),
            (None, Some(run)) => String::from_utf8_lossy(&request.request_id.header(run)).into_owned(),
            (None, None) => request.request_id.0.to_string(),
        }
    }

    /// Removes and returns what waits.
    pub fn take(&self, subscriber: Subscriber) -> Vec<LiveRequest> {
        let mut subscribers = lock(&self.subscribers);
        let waiting = subscribers[subscriber as usize].as_mut();
        waiting.map(|waiting| waiting.requests.drain(..).collect()).unwrap_or_default()
    }
}

const SUBSCRIBERS: usize = 3;
/// Requests that wait at most.
const WAITING_MAX: usize = 10_000;
