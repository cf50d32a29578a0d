//! What a run's verdict needs of its requests, summed up as they are joined.

use crate::verdict::Requests;
use common::client_event::Outcome;
use common::clock::{DurationNs, MonoNs};
use join::Joined;
use record::{Request, Token};
use std::collections::BTreeMap;

/// Sums over requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Events of all requests.
    pub events: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// How the requests of each phase ended.
    pub phases: BTreeMap<String, Phase>,
    /// What the client added to first tokens, in ns.
    pub overheads_ns: Vec<u64>,
    /// Kernel times to first token, in ns.
    pub kernel_ttfts_ns: Vec<u64>,
    /// The longest time from the arrival of bytes to their read.
    pub longest_unread: DurationNs,
    /// Events that were read before they arrived, by more than [`CLOCKS_DIFFER`].
    pub read_before_arrival: u64,
}

/// The requests of one phase.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// How they ended.
    pub requests: Requests,
    /// When the last of them ended.
    pub ended: MonoNs,
    /// Sessions whose first request is among them.
    pub sessions: u64,
    /// When the first of their bytes left, by the kernel's stamp.
    pub kernel_sent_first: Option<MonoNs>,
    /// When the last byte of their responses arrived.
    pub kernel_received_last: Option<MonoNs>,
}

impl Tally {
    /// Counts a request that ended.
    pub fn take(&mut self, joined: &Joined) {
        let request = &joined.request;
        self.events += u64::from(request.events);
        self.retransmits += u64::from(request.retransmits.unwrap_or(0));
        if !self.phases.contains_key(&request.phase) {
            self.phases.insert(request.phase.clone(), Phase::default());
        }
        if let Some(phase) = self.phases.get_mut(&request.phase) {
            phase.ended = phase.ended.max(request.ended_ns);
            phase.sessions += u64::from(request.turn == 0);
            let sent = request.kernel_sent_first_ns;
            phase.kernel_sent_first = phase.kernel_sent_first.into_iter().chain(sent).min();
            phase.kernel_received_last = phase.kernel_received_last.max(request.kernel_received_last_ns);
            phase.requests.take(joined);
        }
        for token in &joined.tokens {
            self.unread(token.kernel_received_ns, token.reaped_ns.stamped());
        }
        self.overhead(request);
    }

    fn unread(&mut self, arrived: Option<MonoNs>, read: Option<MonoNs>) {
        let Some((arrived, read)) = arrived.zip(read) else { return };
        let unread = read - arrived;
        self.longest_unread = self.longest_unread.max(unread);
        self.read_before_arrival += u64::from(unread < CLOCKS_DIFFER);
    }

    fn overhead(&mut self, request: &Request) {
        let (Some(kernel), Some(reaped)) = (request.first_token_kernel_ns, request.first_token_reaped_ns)
        else {
            return;
        };
        let (Some(sent), Some(submitted)) = (request.kernel_sent_last_ns, request.submitted_ns) else {
            return;
        };
        // A sample of the first requests serves a verdict; a run of millions must not grow.
        if self.kernel_ttfts_ns.len() < SAMPLES_MAX {
            self.kernel_ttfts_ns.push((kernel - sent).0.max(0).unsigned_abs());
            let overhead = (reaped - kernel) + (sent - submitted);
            self.overheads_ns.push(overhead.0.max(0).unsigned_abs());
        }
    }
}

impl Requests {
    /// Counts one that ended.
    fn take(&mut self, joined: &Joined) {
        let request = &joined.request;
        self.ended += 1;
        match request.outcome {
            Outcome::Ok => self.completed(joined),
            Outcome::Cancelled | Outcome::Interrupted => {}
            _ => {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| failure(request));
            }
        }
    }

    fn completed(&mut self, joined: &Joined) {
        let request = &joined.request;
        self.completed += 1;
        let ours = request.output_tokens.map(|answer| answer + request.reasoning_tokens.unwrap_or(0));
        let servers = request.usage_completion_tokens;
        if let Some((ours, servers)) = ours.zip(servers) {
            self.output_compared += 1;
            self.output_differs += u64::from(differ(ours, servers));
            self.output_tokens.0 += u64::from(ours);
            self.output_tokens.1 += u64::from(servers);
        }
        if let Some((ours, servers)) = request.input_tokens.zip(request.usage_prompt_tokens) {
            self.input_compared += 1;
            self.input_differs += u64::from(differ(ours, servers));
            self.input_tokens.0 += u64::from(ours);
            self.input_tokens.1 += u64::from(servers);
        }
        let is_whole = request.event_stream != Some(true);
        let tokens = servers.or(ours).unwrap_or(0).max(request.content_events);
        if tokens < 2 && !is_whole {
            return;
        }
        self.streams += 1;
        if is_whole || request.content_events < 2 {
            self.not_streamed += 1;
        } else if arrived_together(request, &joined.tokens) {
            self.buffered += 1;
        }
    }
}

/// Whether a stream's events arrived at once, or many at a time.
fn arrived_together(request: &Request, tokens: &[Token]) -> bool {
    let content = || tokens.iter().filter(|token| token.kind.is_content());
    let arrival = |token: &Token| token.kernel_received_ns.or_else(|| token.reaped_ns.stamped());
    let mut last = None;
    let pieces =
        content().filter(|token| std::mem::replace(&mut last, arrival(token)) != arrival(token)).count();
    let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
    pieces == 1 || pieces.saturating_mul(EVENTS_AT_A_TIME) <= request.content_events
}

/// What a request failed with, in a line.
fn failure(request: &Request) -> String {
    let kind = request.error_type.as_deref().unwrap_or_else(|| request.outcome.name());
    let status = request.http_status.filter(|_| request.error_code().is_some());
    let status = status.map_or_else(String::new, |status| format!("HTTP {status} "));
    let message = request.error_message.as_deref().unwrap_or_default();
    let line = format!("{status}{kind}: {message}");
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    line.trim_end_matches(':').chars().take(FAILURE_CHARACTERS).collect()
}

/// Whether two counts are further apart than AIPerf tolerates (`usage_discrepancy_count`): 10 % of ours.
fn differ(ours: u32, servers: u32) -> bool {
    u64::from(ours.abs_diff(servers)) * 10 > u64::from(ours)
}

/// Requests that the verdict's percentiles are taken of.
const SAMPLES_MAX: usize = 1 << 18;
/// So many events for each arrival are more than a stream that is sent token by token has.
const EVENTS_AT_A_TIME: u32 = 4;
/// An arrival may be stamped after its read by as much: the kernel's stamps are of the same clock, taken before.
const CLOCKS_DIFFER: DurationNs = DurationNs::from_millis(-1);
/// A first failure is cut there.
const FAILURE_CHARACTERS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use common::id::RequestId;
    use common::reply_event::EventKind;

    fn streamed(arrivals: &[u64]) -> Joined {
        let mut request = Request::blank(RequestId(1));
        request.content_events = u32::try_from(arrivals.len()).unwrap();
        request.event_stream = Some(true);
        let tokens = arrivals.iter().zip(0..).map(|(at, index)| Token {
            kernel_received_ns: Some(MonoNs(*at)),
            ..Token::noticed(RequestId(1), index, EventKind::Content, MonoNs(*at + 5))
        });
        Joined { tokens: tokens.collect(), request }
    }

    fn sums(joined: &Joined) -> Requests {
        let mut requests = Requests::default();
        requests.take(joined);
        requests
    }

    #[test]
    fn streams_by_how_they_arrived() {
        let check = |arrivals: &[u64], expected: (u64, u64, u64)| {
            let found = sums(&streamed(arrivals));
            assert_eq!((found.streams, found.not_streamed, found.buffered), expected, "{arrivals:?}");
        };
        check(&[10, 20, 30, 40, 50], (1, 0, 0));
        check(&[10, 10, 20, 20, 30], (1, 0, 0));
        check(&[10, 10, 10, 10], (1, 0, 1));
        check(&[10, 10, 10, 10, 20, 20, 20, 20], (1, 0, 1));
        check(&[10], (0, 0, 0));
        let mut whole = streamed(&[10]);
        whole.request.usage_completion_tokens = Some(16);
        assert_eq!(sums(&whole).not_streamed, 1, "one event with many tokens");
        whole.request.event_stream = Some(false);
        assert_eq!(sums(&whole).not_streamed, 1, "a body with many tokens");
        whole.request.usage_completion_tokens = None;
        assert_eq!(sums(&whole).not_streamed, 1, "a body of an unknown number");
    }

    #[test]
    fn failures_and_what_is_none() {
        let mut joined = streamed(&[]);
        joined.request.outcome = Outcome::Cancelled;
        assert_eq!(sums(&joined).failed, 0, "cancelled is not failed");
        joined.request.outcome = Outcome::HttpStatus;
        joined.request.http_status = Some(503);
        joined.request.error_type = Some("Service Unavailable".to_owned());
        joined.request.error_message = Some("busy\n  now".to_owned());
        let found = sums(&joined);
        assert_eq!(found.failed, 1, "a refusal");
        assert_eq!(
            found.first_failure.as_deref(),
            Some("HTTP 503 Service Unavailable: busy now"),
            "in a line"
        );
    }

    #[test]
    fn counts_that_are_far_apart() {
        for (ours, servers, expected) in
            [(100, 110, false), (100, 111, true), (52, 20, true), (0, 1, true), (0, 0, false)]
        {
            assert_eq!(differ(ours, servers), expected, "{ours} and {servers}");
        }
    }

    #[test]
    fn what_lay_unread() {
        let mut tally = Tally::default();
        let mut joined = streamed(&[10, 2_000_000]);
        joined.tokens[1].reaped_ns = MonoNs(900_000);
        joined.tokens[0].reaped_ns = MonoNs(4_000_000_010);
        tally.take(&joined);
        assert_eq!(tally.longest_unread, DurationNs(4_000_000_000), "the longest");
        assert_eq!(tally.read_before_arrival, 1, "one was read before it arrived");
    }
}
