//! The numbers of each request as it ends, for whoever asks: a bounded queue that drops its oldest.

use control::LiveRequest;
use metric::{Case, Settings, values};
use record::Request;
use std::collections::VecDeque;
use std::sync::Mutex;

/// Requests that wait to be told. Nothing is kept before somebody asks.
#[derive(Debug, Default)]
pub struct EndedRequests(Mutex<Option<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<LiveRequest>,
    dropped: u64,
}

impl EndedRequests {
    /// Begins to keep requests.
    pub fn open(&self) {
        if let Ok(mut waiting) = self.0.lock() {
            waiting.get_or_insert_default();
        }
    }

    /// Takes the numbers of a request that has ended, if anybody asks.
    pub fn offer(&self, request: &Request, settings: &Settings) {
        let Ok(mut waiting) = self.0.lock() else { return };
        let Some(waiting) = waiting.as_mut() else { return };
        if waiting.requests.len() >= WAITING_MAX {
            waiting.requests.pop_front();
            waiting.dropped += 1;
        }
        let case = Case { request, settings };
        let numbers = values(&case).map(|(metric, value)| (metric.tag.to_owned(), value.get())).collect();
        waiting.requests.push_back(LiveRequest {
            phase: request.phase.clone(),
            worker: request.worker,
            model: request.model.clone(),
            error: (!case.is_valid()).then(|| request.outcome.name().to_owned()),
            http_status: request.http_status,
            values: numbers,
            dropped: waiting.dropped,
        });
    }

    /// Gives what waits.
    pub fn take(&self) -> Vec<LiveRequest> {
        let Ok(mut waiting) = self.0.lock() else { return Vec::new() };
        waiting.as_mut().map(|waiting| waiting.requests.drain(..).collect()).unwrap_or_default()
    }
}

/// Requests that wait at most.
const WAITING_MAX: usize = 10_000;
