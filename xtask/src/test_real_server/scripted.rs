//! The scripted server's account of what it wrote when, held against what came through a proxy.

use super::answer::Answer;
use super::findings::Findings;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What it says of one request, on the monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    /// When it had been read.
    read_ns: u64,
    /// Right before the write of each token.
    tokens_ns: Vec<u64>,
}

/// By `X-Request-ID`.
pub(super) fn served(log: &str) -> Result<BTreeMap<String, Served>> {
    let mut served = BTreeMap::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).context("the scripted server's log is no JSON")?;
        // The last line is a summary.
        let Some(events) = line["events"].as_array() else { continue };
        let id = line["request_id"].as_str().context("a request of the log has no id")?;
        let tokens = events.iter().filter(|event| event[0] == "token");
        let one = Served {
            read_ns: line["read_ns"].as_u64().context("a request of the log was never read")?,
            tokens_ns: tokens.filter_map(|event| event[1].as_u64()).collect(),
        };
        served.insert(id.to_owned(), one);
    }
    Ok(served)
}

/// Requests, events and tokens are those of the log, and none came before it was written.
pub(super) fn compare(answers: &[Answer], served: &BTreeMap<String, Served>, findings: &mut Findings) {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let pairs = answers.iter().filter_map(|answer| Some((answer, served.get(&answer.id)?)));
    let pairs = pairs.collect::<Vec<_>>();
    findings.equal("requests", count(answers.len()), count(served.len()));
    if pairs.len() < answers.len() {
        findings.differs(&format!("{} requests reached no server", answers.len() - pairs.len()));
    }
    let written = served.values().map(|one| count(one.tokens_ns.len())).sum();
    let events = answers.iter().map(|answer| count(answer.content().count())).sum();
    findings.equal("events with text", events, written);
    let tokens = answers.iter().filter_map(|answer| answer.reported.output_tokens).sum();
    findings.equal("output tokens", tokens, written);
    let uneven = pairs.iter().filter(|(answer, one)| answer.content().count() != one.tokens_ns.len()).count();
    if uneven > 0 {
        findings.differs(&format!("{uneven} answers have other events than were written"));
    }
    let early = |(answer, one): &(&Answer, &Served)| {
        answer.content().zip(&one.tokens_ns).filter(|(came, written)| came < written).count()
    };
    let early = pairs.iter().map(early).sum::<usize>();
    if early > 0 {
        findings.differs(&format!("{early} events came before they were written"));
    }
    let ttft = pairs.iter().filter_map(|(answer, one)| {
        let servers = one.tokens_ns.first()?.checked_sub(one.read_ns)?;
        Some((answer.reported.ttft?, Duration::from_nanos(servers)))
    });
    findings.not_less("kernel TTFT", &ttft.collect::<Vec<_>>(), RESOLUTION);
}

/// Both are of the kernel's monotonic clock; milliseconds in JSON lose less.
const RESOLUTION: Duration = Duration::from_micros(1);

#[cfg(test)]
mod tests {
    use super::super::answer::testing::answer;
    use super::*;

    const LOG: &str = concat!(
        r#"{"request_id":"a","connection":1,"read_ns":7,"response_begin":0,"events":[["head",8,8,1],["token",9,9,2],"#,
        r#"["token",15,16,3],["done",16,16,4]]}"#,
        "\n",
        r#"{"summary":{"requests":1}}"#,
        "\n",
    );

    #[track_caller]
    fn check(answers: &[Answer], expected: &[&str]) {
        let mut findings = Findings::default();
        compare(answers, &served(LOG).unwrap(), &mut findings);
        assert_eq!(findings.differences(), expected);
    }

    #[test]
    fn a_log_is_read() {
        let expected = Served { read_ns: 7, tokens_ns: vec![9, 15] };
        assert_eq!(served(LOG).unwrap(), BTreeMap::from([("a".to_owned(), expected)]));
        assert!(served("no JSON").is_err(), "a broken log");
    }

    #[test]
    fn what_came_is_what_was_written() {
        check(&[answer("a", &[10, 20])], &[]);
        check(&[answer("a", &[10, 14])], &[": 1 events came before they were written"]);
        check(
            &[answer("a", &[10, 20, 30])],
            &[
                ": events with text: 3, but the server counts 2",
                ": 1 answers have other events than were written",
            ],
        );
        check(
            &[answer("b", &[10, 20])],
            &[": 1 requests reached no server", ": kernel TTFT: the server reported nothing to compare with"],
        );
    }
}
