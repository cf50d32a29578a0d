//! The rows of a comparison, each with its judgement: which are shown, and all of them judged as one table.

use super::side::{Side, variation};
use metric::{Group, METRICS, Metric, Needs, Reason, Stat};
use statistics::{Judgement, Question, RELEVANT_POINTS, Relevant, difference, judge, newcombe};

/// A statistic of a metric.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) metric: &'static Metric,
    pub(super) stat: &'static str,
    /// For each side but the first: whether it differs from the first. `None` for facts of single runs.
    pub(super) judgements: Vec<Option<Judgement>>,
}

impl Row {
    /// What it is called in documents.
    pub(super) fn key(&self) -> String {
        format!("{}.{}", self.metric.tag, self.stat)
    }

    /// The same with its unit.
    pub(super) fn name(&self) -> String {
        format!("{} ({})", self.key(), self.metric.display.name())
    }

    /// The judgement of a side, of which the first has none.
    pub(super) fn judgement(&self, place: usize) -> Option<&Judgement> {
        self.judgements.get(place.checked_sub(1)?)?.as_ref()
    }
}

/// What is taken for granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assumed {
    /// The least shift that matters, as a share.
    pub(super) relevant: f64,
    /// The standard deviation over runs that single runs are allowed, as a share.
    pub(super) variation: f64,
}

/// What fits on one screen: the latencies of both views, the rates and the failures.
pub(super) fn is_on_screen(tag: &str, stat: &str) -> bool {
    ON_SCREEN.iter().any(|(shown, stats)| *shown == tag && stats.contains(&stat))
}

/// What `--console full` shows: latencies, lengths and rates, by the commonly compared statistics.
pub(super) fn is_usual(tag: &str, stat: &str) -> bool {
    let is_usual_stat = ["avg", "p50", "p90", "p99"].contains(&stat);
    let group = metric::find(tag).map(|metric| metric.group);
    is_usual_stat && matches!(group, Some(Group::Main | Group::Kernel | Group::Client))
}

/// The rows of these sides: metrics in the registry's order of which at least one side has a figure.
///
/// If sides fail differently, latencies in which failures are infinite are there too.
pub(super) fn rows(sides: &[Side], assumed: Assumed, wanted: impl Fn(&str, &str) -> bool) -> Vec<Row> {
    rows_of_all(&[sides], assumed, wanted).pop().unwrap_or_default()
}

/// The rows of several comparisons, all of them judged as one table.
pub(super) fn rows_of_all(
    comparisons: &[&[Side]],
    assumed: Assumed,
    wanted: impl Fn(&str, &str) -> bool,
) -> Vec<Vec<Row>> {
    let asked = comparisons.iter().map(|sides| asked(sides, assumed, &wanted)).collect::<Vec<_>>();
    let questions = asked.iter().flatten().flat_map(|row| row.questions.iter().flatten().copied());
    let mut judged = judge(&questions.collect::<Vec<_>>()).into_iter();
    let mut judge_row = |Asked { metric, stat, questions }| {
        let judgements = questions.into_iter().map(|question| question.and_then(|_| judged.next()));
        Row { metric, stat, judgements: judgements.collect() }
    };
    asked.into_iter().map(|rows| rows.into_iter().map(&mut judge_row).collect()).collect()
}

/// A row before it is judged.
struct Asked {
    metric: &'static Metric,
    stat: &'static str,
    questions: Vec<Option<Question>>,
}

fn asked(sides: &[Side], assumed: Assumed, wanted: impl Fn(&str, &str) -> bool) -> Vec<Asked> {
    let rates = sides.iter().map(|side| side.failures().map(|(share, _)| share)).collect::<Vec<_>>();
    let fail_differently =
        rates.windows(2).any(|pair| pair[0].map(f64::to_bits) != pair[1].map(f64::to_bits));
    let is_wanted = |tag: &str, stat: &str| {
        let of_successes = tag.strip_prefix(WITH_FAILURES);
        wanted(tag, stat) || (fail_differently && of_successes.is_some_and(|of| wanted(of, stat)))
    };
    let mut rows = Vec::new();
    for metric in METRICS.iter().copied() {
        for stat in Stat::ALL.map(Stat::name) {
            let is_there = sides.iter().any(|side| side.figure(metric.tag, stat).is_some());
            if is_there && is_wanted(metric.tag, stat) {
                rows.push(Asked { metric, stat, questions: questions(sides, metric, stat, assumed) });
            }
        }
    }
    rows
}

/// What is asked of each side but the first; `None` for facts.
fn questions(sides: &[Side], metric: &Metric, stat: &str, assumed: Assumed) -> Vec<Option<Question>> {
    let Some((base, others)) = sides.split_first() else { return Vec::new() };
    others.iter().map(|other| question(base, other, metric, stat, assumed)).collect()
}

/// What is asked of a statistic of two sides; `None` for facts.
fn question(base: &Side, other: &Side, metric: &Metric, stat: &str, assumed: Assumed) -> Option<Question> {
    if metric.tag == FAILURES {
        let shares = base.failures().zip(other.failures());
        let found = shares.map(|(base, other)| newcombe(base, other).times(100.0));
        let difference = found.ok_or(Needs::of(Reason::NoSample));
        // A failure is not small.
        return Some(Question { difference, relevant: RELEVANT_POINTS * 100.0, least: 0.0 });
    }
    let (Some(first), Some(second)) = (base.sample(metric.tag, stat), other.sample(metric.tag, stat)) else {
        let difference = Err(Needs::of(Reason::NoSample));
        return Some(Question { difference, relevant: 0.0, least: 0.0 });
    };
    let is_fact = first.within.is_none() || second.within.is_none();
    if is_fact && first.values.len().max(second.values.len()) < 2 {
        return None;
    }
    let relevant = Relevant::Share(assumed.relevant).of(base.figure(metric.tag, stat)?.value);
    let variation = variation(metric.tag, assumed.variation);
    let difference = difference(first.judged(), second.judged(), variation);
    Some(Question { difference, relevant, least: relevant })
}

/// The share of requests that failed, in percent.
pub(super) const FAILURES: &str = "request_error_rate";

/// What the tag of a metric with failures as infinities begins with.
pub(super) const WITH_FAILURES: &str = "adj_";

const ON_SCREEN: &[(&str, &[&str])] = &[
    ("time_to_first_token", &["p50", "p99"]),
    ("kernel_time_to_first_token", &["p50", "p99"]),
    ("inter_token_latency", &["p50", "p99"]),
    ("kernel_inter_token_latency", &["p50", "p99"]),
    ("request_latency", &["p50", "p99"]),
    ("kernel_request_latency", &["p50", "p99"]),
    ("output_token_throughput", &["avg"]),
    ("request_throughput", &["avg"]),
    (FAILURES, &["avg"]),
];
