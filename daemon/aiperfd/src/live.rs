//! The numbers of each request as it ends, for whoever asks: a bounded queue that drops its oldest.

use control::LiveRequest;
use metric::{Case, Settings, values};
use record::Request;
use std::collections::VecDeque;
use std::sync::Mutex;

/// Requests that wait to be told, for each of those who may ask. Nothing is kept before somebody asks.
#[derive(Debug, Default)]
pub struct EndedRequests(Mutex<[Option<Waiting>; EARS]>);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ear {
    /// A client, over the control socket.
    Client,
    /// The publishing process.
    Publisher,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<LiveRequest>,
    dropped: u64,
}

impl EndedRequests {
    /// Begins to keep requests.
    pub fn open(&self, ear: Ear) {
        if let Ok(mut waiting) = self.0.lock() {
            waiting[ear as usize].get_or_insert_default();
        }
    }

    /// Takes the numbers of a request that has ended, if anybody asks.
    pub fn offer(&self, request: &Request, settings: &Settings) {
        let Ok(mut waiting) = self.0.lock() else { return };
        if waiting.iter().all(Option::is_none) {
            return;
        }
        let case = Case { request, settings };
        let told = LiveRequest {
            id: request.client_request_id.clone().unwrap_or_else(|| request.request_id.0.to_string()),
            phase: request.phase.clone(),
            worker: request.worker,
            model: request.model.clone(),
            error: (!case.is_valid()).then(|| request.outcome.name().to_owned()),
            http_status: request.http_status,
            values: values(&case).map(|(metric, value)| (metric.tag.to_owned(), value.get())).collect(),
            dropped: 0,
        };
        for waiting in waiting.iter_mut().flatten() {
            if waiting.requests.len() >= WAITING_MAX {
                waiting.requests.pop_front();
                waiting.dropped += 1;
            }
            waiting.requests.push_back(LiveRequest { dropped: waiting.dropped, ..told.clone() });
        }
    }

    /// Gives what waits.
    pub fn take(&self, ear: Ear) -> Vec<LiveRequest> {
        let Ok(mut waiting) = self.0.lock() else { return Vec::new() };
        waiting[ear as usize].as_mut().map(|waiting| waiting.requests.drain(..).collect()).unwrap_or_default()
    }
}

const EARS: usize = 2;
/// Requests that wait at most.
const WAITING_MAX: usize = 10_000;
