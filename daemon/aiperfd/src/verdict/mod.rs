//! Whether a run may be trusted: evidence in, reasons out; pure.
//!
//! ```text
//! Evidence ──▶ RULES: load · requests · records · client · host · gpu ──▶ reasons with levels ──▶ the worst is the verdict
//! ```
//!
//! A new reason is one [`Rule`] in the file of its subject, and one line in [`RULES`]; docs/VERDICT.md is made of both.

mod client;
mod docs;
mod gpu;
mod host;
mod load;
mod records;
mod requests;
#[cfg(test)]
mod testing;

use crate::stopped::Stopped;
pub use docs::markdown;
use record::{Figure, Reason, Standing, Verdict};
use std::collections::BTreeMap;

/// What is known of a run when it ends. Shares are between 0 and 1; requests are those of the measured phases unless stated
/// otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Whether the requests are watched ones of other clients.
    pub is_watch: bool,
    /// Requests that were due, in all phases.
    pub due: u64,
    /// Requests that were sent, in all phases.
    pub sent: u64,
    /// Requests submitted more than a millisecond late, in all phases.
    pub late: u64,
    /// How the recorded requests ended.
    pub requests: Requests,
    /// The same of the warm-up.
    pub warmup: Requests,
    /// Whether the shape schedules requests, so that a late request violates the plan.
    pub open_loop: bool,
    /// The limit on requests in flight that the plan sets, which can hold a schedule back.
    pub concurrency_limit: Option<u32>,
    /// Whether the numbers are made with the server's token counts.
    pub uses_server_tokens: bool,
    /// How our tokens are counted: `builtin` or a tokenizer's name; none where they are not.
    pub tokenizer: Option<String>,
    /// Events with content.
    pub events: u64,
    /// Events without a kernel stamp, although the timestamp source has stamps.
    pub unmatched_events: u64,
    /// Requests whose own bytes have no kernel stamp, although the timestamp source has stamps.
    pub unmatched_requests: u64,
    /// Whether the timestamp source has kernel stamps at all.
    pub kernel_stamps: bool,
    /// Records that were dropped because the kernel's ring was full.
    pub kernel_ring_full: u64,
    /// Other packets that the probes could not report.
    pub kernel_unreported: u64,
    /// Times that a hot core had to wait for the collector.
    pub client_ring_full: u64,
    /// Times that no prepared request was there.
    pub starved: u64,
    /// Messages that arrived damaged.
    pub damaged: u64,
    /// Segments retransmitted.
    pub retransmits: u64,
    /// Median of the latency that the client view would pollute: kernel time to first token, in ms.
    pub kernel_ttft_p50_ms: Option<f64>,
    /// 99th percentile of what the client added to the first token's time, in ms.
    pub client_overhead_p99_ms: Option<f64>,
    /// The longest time in which the load generator did not run although it had something to do, in ms.
    pub standstill_ms: f64,
    /// How long the measured phases took, in ms.
    pub measured_ms: f64,
    /// Events that were read before they arrived, by more than clocks may differ.
    pub read_before_arrival: u64,
    /// Share of the time in which a hot core had work, the busiest one's.
    pub hot_core_busy: Option<f64>,
    /// How far the real-time clock moved against the monotonic one, in ms.
    pub clock_step_ms: f64,
    /// Share of processor time that the hypervisor took.
    pub steal: f64,
    /// Share of a hot core's time that other processes took, the worst core's.
    pub foreign_on_hot_core: f64,
    /// Share of the time in which a hot core's sibling thread was busy, the worst one's.
    pub sibling_busy: f64,
    /// The frequency governor of the hot cores.
    pub governor: Option<String>,
    /// Why the run ended before its plan was done.
    pub stopped: Option<Stopped>,
    /// Bounds that responses or inputs exceeded, and how much was left out, by name.
    pub exceeded: BTreeMap<String, u64>,
    /// What was found in other clients' traffic and could not be parsed, with how often.
    pub not_followed: Vec<(String, u64)>,
    /// Why clocks of a GPU were low, with the share of the time.
    pub gpu_throttled: Vec<(&'static str, f64)>,
    /// Numbers of GPUs that were dropped.
    pub gpu_samples_lost: u64,
    /// Share of the times at which GPUs could not be read because the time before took too long.
    pub gpu_rounds_missed: f64,
    /// Whether a call to a GPU's driver did not return.
    pub gpu_hung: bool,
}

/// How requests ended, as far as a verdict needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Requests that ended, well or not.
    pub ended: u64,
    /// Those that succeeded.
    pub completed: u64,
    /// Those that failed. One that was cancelled, on purpose or because the run ended, has not failed.
    pub failed: u64,
    /// The error of the first that failed.
    pub first_failure: Option<String>,
    /// Completed ones that requested a stream of several tokens.
    pub streams: u64,
    /// Those among them that got their answer as one body or in one event.
    pub not_streamed: u64,
    /// Those among them whose events arrived together, in far fewer pieces than there are events.
    pub buffered: u64,
    /// Completed ones with output tokens counted by us and by the server.
    pub output_compared: u64,
    /// Those among them whose two counts are too far apart.
    pub output_differs: u64,
    /// Output tokens of those that were compared: ours and the server's.
    pub output_tokens: (u64, u64),
    /// Completed ones with input tokens counted by us and by the server.
    pub input_compared: u64,
    /// Those among them whose two counts are too far apart.
    pub input_differs: u64,
    /// Input tokens of those that were compared: ours and the server's.
    pub input_tokens: (u64, u64),
}

impl Requests {
    /// Adds those of another phase, which is later.
    pub fn add(&mut self, later: &Self) {
        self.ended += later.ended;
        self.completed += later.completed;
        self.failed += later.failed;
        if self.first_failure.is_none() {
            self.first_failure.clone_from(&later.first_failure);
        }
        self.streams += later.streams;
        self.not_streamed += later.not_streamed;
        self.buffered += later.buffered;
        self.output_compared += later.output_compared;
        self.output_differs += later.output_differs;
        self.output_tokens.0 += later.output_tokens.0;
        self.output_tokens.1 += later.output_tokens.1;
        self.input_compared += later.input_compared;
        self.input_differs += later.input_differs;
        self.input_tokens.0 += later.input_tokens.0;
        self.input_tokens.1 += later.input_tokens.1;
    }
}

/// The verdict on the evidence.
#[must_use]
pub fn judge(evidence: &Evidence) -> Verdict {
    let reasons = RULES.iter().flat_map(|rules| rules.iter()).filter_map(|rule| {
        let Found { level, text, figures } = (rule.check)(evidence)?;
        let text = if level > Standing::Valid { format!("{text}; {}", rule.cure) } else { text };
        Some(Reason { name: rule.name.to_owned(), standing: level, text, figures })
    });
    Verdict::from_reasons(reasons.collect())
}

/// One reason that a run may have.
struct Rule {
    /// Its stable name.
    name: &'static str,
    /// Its threshold, and its level.
    threshold: &'static str,
    /// What it is and what causes it.
    cause: &'static str,
    /// What to do about it.
    cure: &'static str,
    check: fn(&Evidence) -> Option<Found>,
}

/// A reason that a run has.
struct Found {
    level: Standing,
    text: String,
    figures: Vec<Figure>,
}

impl Rule {
    /// A rule without its texts.
    const fn new(name: &'static str, check: fn(&Evidence) -> Option<Found>) -> Self {
        Self { name, threshold: "", cause: "", cure: "", check }
    }

    const fn threshold(self, threshold: &'static str) -> Self {
        Self { threshold, ..self }
    }

    const fn cause(self, cause: &'static str) -> Self {
        Self { cause, ..self }
    }

    const fn cure(self, cure: &'static str) -> Self {
        Self { cure, ..self }
    }
}

/// Every rule, in the order of docs/VERDICT.md.
const RULES: &[&[&Rule]] =
    &[load::RULES, requests::RULES, records::RULES, client::RULES, host::RULES, gpu::RULES];

fn found(level: Standing, text: impl Into<String>, figures: &[(&str, f64, &str)]) -> Found {
    let figures = figures
        .iter()
        .filter(|(_, value, _)| value.is_finite())
        .map(|(name, value, unit)| Figure {
            name: (*name).to_owned(),
            value: *value,
            unit: (*unit).to_owned(),
        })
        .collect();
    Found { level, text: text.into(), figures }
}

fn degraded(text: impl Into<String>, figures: &[(&str, f64, &str)]) -> Found {
    found(Standing::Degraded, text, figures)
}

fn invalid(text: impl Into<String>, figures: &[(&str, f64, &str)]) -> Found {
    found(Standing::Invalid, text, figures)
}

/// A note: it does not lower the verdict.
fn note(text: impl Into<String>, figures: &[(&str, f64, &str)]) -> Found {
    found(Standing::Valid, text, figures)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return if part == 0 { 0.0 } else { 1.0 };
    }
    number(part) / number(whole)
}

/// A share for readers: whole percents where that is precise enough.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 || percent.fract() == 0.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay far below 2^53")]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_its_texts() {
        let rules = || RULES.iter().flat_map(|rules| rules.iter());
        let names = rules().map(|rule| rule.name).collect::<BTreeSet<_>>();
        assert_eq!(names.len(), rules().count(), "each name is of one rule");
        for rule in rules() {
            let texts = [rule.threshold, rule.cause, rule.cure];
            assert!(texts.iter().all(|text| !text.is_empty()), "{} has all of its texts", rule.name);
        }
    }
}
