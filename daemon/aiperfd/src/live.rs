//! The numbers of each request as it ends, for whoever asks: a bounded queue that drops its oldest.

use control::{ByName, LiveRequest};
use metric::{Case, Settings, values};
use record::{Request, STAGES};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Requests that wait to be told, for each of those who may ask. Nothing is kept before somebody asks.
#[derive(Debug, Default)]
pub struct EndedRequests {
    ears: Mutex<[Option<Waiting>; EARS]>,
    /// The number of the run that sends them, from which their ids are made.
    run: Option<u64>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ear {
    /// A client, over the control socket.
    Client,
    /// The publishing process.
    Publisher,
}

/// What is told of each request.
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

    /// Begins to keep requests.
    pub fn open(&self, ear: Ear, detail: Detail) {
        if let Ok(mut ears) = self.ears.lock() {
            ears[ear as usize].get_or_insert_default().detail = detail;
        }
    }

    /// Takes the numbers of a request that has ended, if anybody asks.
    pub fn offer(&self, request: &Request, settings: &Settings) {
        let Ok(mut ears) = self.ears.lock() else { return };
        if ears.iter().all(Option::is_none) {
            return;
        }
        let case = Case { request, settings };
        let told = LiveRequest {
            id: self.id(request),
            phase: request.phase.clone(),
            is_warmup: !case.is_profiling(),
            worker: request.worker,
            model: request.model.clone(),
            error: (!case.is_valid()).then(|| request.outcome.name().to_owned()),
            http_status: request.http_status,
            values: values(&case).map(|(metric, value)| (metric, value.get())).collect(),
            stages: ByName::default(),
            dropped: 0,
        };
        for waiting in ears.iter_mut().flatten() {
            if waiting.requests.len() >= WAITING_MAX {
                waiting.requests.pop_front();
                waiting.dropped += 1;
            }
            let stages = match waiting.detail {
                Detail::Numbers => ByName::default(),
                Detail::Stages => {
                    let passed = STAGES.iter().filter_map(|stage| Some((stage, (stage.of)(request)?)));
                    passed.map(|(stage, at)| (stage, settings.clock.real(at))).collect()
                }
            };
            waiting.requests.push_back(LiveRequest { stages, dropped: waiting.dropped, ..told.clone() });
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

    /// Gives what waits.
    pub fn take(&self, ear: Ear) -> Vec<LiveRequest> {
        let Ok(mut ears) = self.ears.lock() else { return Vec::new() };
        ears[ear as usize].as_mut().map(|waiting| waiting.requests.drain(..).collect()).unwrap_or_default()
    }
}

const EARS: usize = 2;
/// Requests that wait at most.
const WAITING_MAX: usize = 10_000;
