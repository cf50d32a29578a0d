//! What holds for every server: all is answered, counts agree, and the verdict says how the events came.

use super::answer::Answer;
use super::findings::Findings;
use super::profile::{Outcome, REQUESTS};
use crate::say::say;
use std::time::Duration;

/// How events come from a server or through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// As they are made.
    OneByOne,
    /// Many at once.
    Together,
}

/// Whose tokenizer we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokenizer {
    /// The model's, chat template and all.
    OfTheModel,
    /// Another one for prompts; for answers it counts as the server does.
    ForAnswers,
}

/// Every request is answered, and its tokens are counted as the server counts them.
pub(super) fn answers(outcome: &Outcome, tokenizer: Tokenizer, findings: &mut Findings) {
    let answers = &outcome.answers;
    let failed = answers.iter().filter_map(|answer| answer.error.as_deref()).collect::<Vec<_>>();
    if let Some(first) = failed.first() {
        findings.differs(&format!("{} requests failed, one with {first}", failed.len()));
    }
    let answered = answers.len() - failed.len();
    if u64::try_from(answered) != Ok(REQUESTS) {
        findings.differs(&format!("{answered} of {REQUESTS} requests were answered"));
    }
    let untold = answers.iter().filter(|answer| answer.reported.usage_completion.is_none()).count();
    if untold > 0 {
        findings.differs(&format!("{untold} answers tell no usage"));
    }
    let output =
        answers.iter().filter(|it| it.reported.output_tokens != it.reported.usage_completion).count();
    let input = answers.iter().filter(|it| it.reported.input_tokens != it.reported.usage_prompt).count();
    if output > 0 {
        findings.differs(&format!("{output} answers have other output tokens than their usage tells"));
    }
    if input > 0 && tokenizer == Tokenizer::OfTheModel {
        findings.differs(&format!("{input} requests have other input tokens than their usage tells"));
    }
    let otherwise = answers.iter().filter(|answer| !is_of_its_stamps(answer)).count();
    if otherwise > 0 {
        findings.differs(&format!("{otherwise} kernel times to first token are not those of the raw stamps"));
    }
}

/// The verdict is right about how events came, and names nothing else that is the server's.
pub(super) fn verdict(outcome: &Outcome, arrival: Arrival, tokenizer: Tokenizer, findings: &mut Findings) {
    let verdict = &outcome.verdict;
    let together = outcome.answers.iter().filter(|answer| answer.came_together()).count();
    let streams = outcome.answers.len();
    say(&format!("  verdict {}", verdict.shown()));
    say(&format!("  events came together in {together} of {streams} streams"));
    if !verdict.is_consistent() {
        findings.differs(&format!("the verdict is not that of its worst reason: {}", verdict.shown()));
    }
    // A busy machine may hold up a stream, so single ones prove nothing of the server; the verdict counts them all the same.
    let is_named = verdict.names("buffered");
    if is_named != (together * 100 > streams) {
        let says = if is_named { "names" } else { "does not name" };
        findings.differs(&format!("the verdict {says} `buffered`, with {together} of {streams} streams so"));
    }
    let is_as_meant = match arrival {
        Arrival::OneByOne => together * 2 < streams,
        Arrival::Together => together * 2 > streams,
    };
    if !is_as_meant {
        findings
            .differs(&format!("{together} of {streams} streams came together, which should be {arrival:?}"));
    }
    let except: &[&str] = match tokenizer {
        Tokenizer::OfTheModel => &["buffered"],
        Tokenizer::ForAnswers => &["buffered", "input_counts_differ"],
    };
    for reason in verdict.against_the_server(except) {
        findings.differs(&format!("the verdict says {reason}"));
    }
}

/// Whether the time to first token in the report is that of the raw stamps. It has milliseconds, whose last digit may differ.
fn is_of_its_stamps(answer: &Answer) -> bool {
    match (answer.reported.ttft, answer.ttft()) {
        (Some(reported), Some(stamps)) => reported.abs_diff(stamps) < Duration::from_micros(1),
        (reported, stamps) => reported == stamps,
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::testing::answer;
    use super::super::profile::testing::outcome;
    use super::*;

    /// So many streams came together, of as many as a profile has.
    fn streams(together: u64, standing: &str, reasons: &[(&str, &str)]) -> Outcome {
        let reasons = reasons
            .iter()
            .map(|(name, standing)| serde_json::json!({"name": name, "standing": standing, "text": "why"}));
        let reasons = reasons.collect::<Vec<_>>();
        let verdict = serde_json::json!({"standing": standing, "reasons": reasons});
        let stamps = |place: u64| if place < together { [20, 20] } else { [20, 30] };
        let answers = (0..REQUESTS).map(|place| answer(&place.to_string(), &stamps(place)));
        outcome(serde_json::from_value(verdict).unwrap(), answers.collect())
    }

    #[track_caller]
    fn check(outcome: &Outcome, arrival: Arrival, expected: &[&str]) {
        let mut findings = Findings::default();
        verdict(outcome, arrival, Tokenizer::ForAnswers, &mut findings);
        assert_eq!(findings.differences(), expected);
    }

    #[test]
    fn the_verdict_is_right_about_buffers() {
        let named = [("few_samples", "valid"), ("buffered", "degraded")];
        check(&streams(0, "valid", &[("standstill", "valid")]), Arrival::OneByOne, &[]);
        check(&streams(REQUESTS, "degraded", &named), Arrival::Together, &[]);
        // A busy machine held up a few.
        check(&streams(3, "degraded", &named), Arrival::OneByOne, &[]);
        check(
            &streams(0, "degraded", &named),
            Arrival::OneByOne,
            &[": the verdict names `buffered`, with 0 of 40 streams so"],
        );
        check(
            &streams(REQUESTS, "valid", &[]),
            Arrival::OneByOne,
            &[
                ": the verdict does not name `buffered`, with 40 of 40 streams so",
                ": 40 of 40 streams came together, which should be OneByOne",
            ],
        );
    }

    #[test]
    fn the_verdict_names_nothing_else() {
        let counts = [("token_counts_differ", "degraded"), ("input_counts_differ", "valid")];
        check(
            &streams(0, "degraded", &counts),
            Arrival::OneByOne,
            &[": the verdict says token_counts_differ: why"],
        );
        check(
            &streams(0, "valid", &[("standstill", "degraded")]),
            Arrival::OneByOne,
            &[": the verdict is not that of its worst reason: valid: standstill (degraded)"],
        );
    }

    #[test]
    fn every_request_is_answered_as_its_server_tells() {
        let mut whole = streams(0, "valid", &[]);
        whole.answers.iter_mut().for_each(|answer| answer.reported.ttft = answer.ttft());
        let found = |outcome: &Outcome| {
            let mut findings = Findings::default();
            answers(outcome, Tokenizer::ForAnswers, &mut findings);
            findings.differences().to_vec()
        };
        assert!(found(&whole).is_empty(), "{:?}", found(&whole));
        let mut broken = whole.clone();
        broken.answers[0].error = Some("reset".to_owned());
        assert_eq!(found(&broken).len(), 2, "a failed request, and one answer too few");
        let mut broken = whole.clone();
        broken.answers[0].reported.usage_completion = None;
        assert_eq!(found(&broken).len(), 2, "no usage, and so another count");
        let mut broken = whole;
        broken.answers[0].reported.ttft = Some(Duration::from_secs(1));
        assert_eq!(found(&broken).len(), 1, "a time that is not that of the stamps");
    }
}
