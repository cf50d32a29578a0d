//! A request under the run's settings, which decide which timestamps and counts the formulas use.

use crate::metric::{Flags, Metric};
use crate::settings::Settings;
use crate::value::Value;
use common::clock::{MonoNs, RealNs};
use record::Request;
use std::ops::Deref;

/// A request under the run's settings.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The request.
    pub request: &'a Request,
    /// The run's settings.
    pub settings: &'a Settings,
}

impl Deref for Case<'_> {
    type Target = Request;

    fn deref(&self) -> &Request {
        self.request
    }
}

impl Case<'_> {
    /// Whether it counts as successful: it ended without an error, with content, and its timestamps are in order.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.succeeded()
            && self.content_events > 0
            && matches!((self.submitted_ns, self.last_token_reaped_ns), (Some(begin), Some(end)) if begin < end)
            || self.is_valid_by_kernel()
    }

    /// Like [`Self::is_valid`], for a request of another process that only the kernel observed.
    fn is_valid_by_kernel(&self) -> bool {
        self.succeeded()
            && self.content_events > 0
            && self.submitted_ns.is_none()
            && matches!((self.kernel_sent_first_ns, self.last_token_kernel_ns), (Some(begin), Some(end)) if begin < end)
    }

    /// When its last token was received: by the client, or by the kernel if the client is not aiperfd's.
    #[must_use]
    pub fn last_token(&self) -> Option<MonoNs> {
        self.last_token_reaped_ns
            .or_else(|| self.last_token_kernel_ns.filter(|_| self.submitted_ns.is_none()))
    }

    /// Whether it belongs to the results, not to the warmup.
    #[must_use]
    pub fn is_profiling(&self) -> bool {
        self.profiling_index().is_some()
    }

    /// The index of its phase among the measured ones; `None` for a warmup.
    #[must_use]
    pub fn profiling_index(&self) -> Option<usize> {
        self.settings.measured.iter().position(|name| *name == self.phase)
    }

    /// Whether a metric of the run can have a value for this request: a response in one body has none of the streaming metrics.
    #[must_use]
    pub fn has(&self, metric: &Metric) -> bool {
        self.event_stream != Some(false) || !metric.flags.has(Flags::STREAMING_ONLY)
    }

    /// Whether a whole streamed response arrived in one event: then there is no time between its tokens.
    #[must_use]
    pub fn is_single_event(&self) -> bool {
        self.event_stream == Some(true) && self.content_events < 2
    }

    /// When it was released to be sent, once the schedule and every limit allowed it: AIPerf's `credit_issued_ns`. The wait for
    /// a limit is between its due time and this.
    #[must_use]
    pub fn released(&self) -> MonoNs {
        if self.settings.is_import {
            return self.due_ns;
        }
        self.connect_begun_ns.or(self.submitted_ns).unwrap_or(self.due_ns)
    }

    /// When it started: its submission to the kernel, or the closest known time if it was never submitted.
    #[must_use]
    pub fn started(&self) -> MonoNs {
        self.submitted_ns.or(self.connect_begun_ns).unwrap_or(self.due_ns)
    }

    /// The nanoseconds from its submission to the kernel to `later`.
    #[must_use]
    pub fn since_submitted(&self, later: Option<MonoNs>) -> Option<Value> {
        Value::span(self.submitted_ns?, later?)
    }

    /// The nanoseconds from when it was due to `later`.
    #[must_use]
    pub fn since_due(&self, later: Option<MonoNs>) -> Option<Value> {
        Value::span(self.due_ns, later?)
    }

    /// The nanoseconds from the sending of its last byte to `later`.
    #[must_use]
    pub fn since_sent(&self, later: Option<MonoNs>) -> Option<Value> {
        Value::span(self.kernel_sent_last_ns?, later?)
    }

    /// A timestamp as a date.
    #[must_use]
    pub fn date(&self, stamp: MonoNs) -> RealNs {
        self.settings.clock.real(stamp)
    }

    /// Verifications of draft tokens by how many each accepted, without the counts that are zero.
    pub fn accepted_drafts(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let counts = self.request.spec_decode_histogram.iter().flat_map(|counts| counts.split(','));
        let counts = (0..).zip(counts).filter_map(|(accepted, count)| Some((accepted, count.parse().ok()?)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// The maximum number of draft tokens that a verification can accept.
    #[must_use]
    pub fn most_drafts(&self) -> Option<u32> {
        let buckets = self.request.spec_decode_histogram.as_ref()?.split(',').count();
        u32::try_from(buckets).ok()?.checked_sub(1)
    }

    /// Tokens of the input.
    #[must_use]
    pub fn input_length(&self) -> Option<u32> {
        if self.settings.use_server_token_count { self.usage_prompt_tokens } else { self.input_tokens }
    }

    /// Tokens of the answer without reasoning; zero means no value.
    #[must_use]
    pub fn answer_length(&self) -> Option<u32> {
        self.answer_count().filter(|count| *count > 0)
    }

    /// Like [`Self::answer_length`], with zero as a count.
    fn answer_count(&self) -> Option<u32> {
        if self.settings.use_server_token_count {
            let reasoning = self.usage_reasoning_tokens.unwrap_or(0);
            self.usage_completion_tokens.map(|all| all.saturating_sub(reasoning))
        } else {
            self.output_tokens
        }
    }

    /// Tokens of the reasoning; by our own count, zero means no value.
    #[must_use]
    pub fn reasoning_length(&self) -> Option<u32> {
        if self.settings.use_server_token_count {
            self.usage_reasoning_tokens
        } else {
            self.reasoning_tokens.filter(|count| *count > 0)
        }
    }

    /// Tokens of answer and reasoning.
    #[must_use]
    pub fn output_length(&self) -> Option<u32> {
        match (self.answer_count(), self.reasoning_length()) {
            (None, None) => None,
            (answer, reasoning) => Some(answer.unwrap_or(0).saturating_add(reasoning.unwrap_or(0))),
        }
    }
}
