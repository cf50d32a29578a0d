//! Counts of watched traffic, by name: what was followed, and what was not and why.

use super::requests::NotFollowed;
use std::collections::{BTreeMap, BTreeSet};

/// Counts of watched traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    named: BTreeMap<String, u64>,
    /// The requested models, by the names in the requests.
    pub models: BTreeSet<String>,
}

impl Counts {
    /// Adds to the count of this name.
    pub(super) fn add(&mut self, name: &str, more: u64) {
        match self.named.get_mut(name) {
            Some(count) => *count += more,
            None => {
                self.named.insert(name.to_owned(), more);
            }
        }
    }

    /// A connection, or what was left of it, is not followed.
    pub(super) fn not_followed(&mut self, why: NotFollowed) {
        self.add(&format!("{NOT_FOLLOWED}{why}"), 1);
    }

    /// A model was requested; only a bounded number of names is kept.
    pub(super) fn model(&mut self, name: &str) {
        if !name.is_empty() && self.models.len() < MODELS_MAX && !self.models.contains(name) {
            self.models.insert(name.to_owned());
        }
    }

    /// All of it by name.
    #[must_use]
    pub const fn named(&self) -> &BTreeMap<String, u64> {
        &self.named
    }
}

/// Connections that were seen.
pub(super) const CONNECTIONS: &str = "watched_connections";
/// Connections that were open before, and were picked up at a request.
pub(super) const PICKED_UP: &str = "watched_connections_picked_up";
/// Requests that name no model: they are followed and not recorded.
pub(super) const OTHER_REQUESTS: &str = "watched_requests_of_other_paths";
/// Events whose start or end was not captured.
pub(super) const EVENTS_CUT: &str = "watched_not_followed_events_cut";
/// Responses with a content coding that is not decoded, or of which a part was not captured.
pub(super) const COMPRESSED: &str = "watched_not_followed_compressed_response";
/// Bytes that answer no request that was seen.
pub(super) const UNASKED: &str = "watched_not_followed_unasked_bytes";
/// Responses that are no HTTP/1.1.
pub(super) const MALFORMED: &str = "watched_not_followed_malformed_response";
/// The prefix of the names of counts of what can't be followed.
pub(super) const NOT_FOLLOWED: &str = "watched_not_followed_";
const MODELS_MAX: usize = 64;
