//! How the requests ended: failures, answers that were not streamed, token counts that disagree, too few of them.

use super::{Evidence, Found, Rule, degraded, found, invalid, note, number, percent, share};
use record::Standing;

/// The rules.
pub(super) const RULES: &[&Rule] = &[
    &NOTHING_COMPLETED,
    &REQUESTS_FAILED,
    &WARMUP_FAILED,
    &NOT_STREAMED,
    &BUFFERED,
    &TOKEN_COUNTS_DIFFER,
    &INPUT_COUNTS_DIFFER,
    &FEW_SAMPLES,
];

const NOTHING_COMPLETED: Rule = Rule::new("nothing_completed", nothing_completed)
    .threshold("invalid when no request of the measured phases succeeded or failed")
    .cause("The run was stopped, or every request was cancelled, before one was answered.")
    .cure("let the run last longer than one answer");

fn nothing_completed(evidence: &Evidence) -> Option<Found> {
    let requests = &evidence.requests;
    let is_so = evidence.sent > 0 && requests.completed == 0 && requests.failed == 0 && !evidence.is_watch;
    let figures = [("sent", number(evidence.sent), "requests")];
    is_so.then(|| invalid("no request was answered", &figures))
}

const REQUESTS_FAILED: Rule = Rule::new("requests_failed", requests_failed)
    .threshold("noted when one failed; degraded above 1 % of the requests that succeeded or failed; invalid above 10 %")
    .cause(
        "Failed requests are in no latency: above 1 % the 99th percentile, above 10 % the 90th is that of the \
         successful requests alone.",
    )
    .cure("see the errors in the report, and the server's log");

fn requests_failed(evidence: &Evidence) -> Option<Found> {
    let requests = &evidence.requests;
    let failed = share(requests.failed, requests.failed + requests.completed);
    let level = match failed {
        failed if failed > INVALID_FAILURES => Standing::Invalid,
        failed if failed > DEGRADED_FAILURES => Standing::Degraded,
        _ => Standing::Valid,
    };
    let figures = [("failed", number(requests.failed), "requests"), ("share", failed * 100.0, "%")];
    let first = requests.first_failure.as_deref().unwrap_or("no cause is known");
    let how_many = match requests.completed {
        0 => "every request failed".to_owned(),
        _ => format!("{} of the requests failed", percent(failed)),
    };
    (requests.failed > 0).then(|| found(level, format!("{how_many}, the first with: {first}"), &figures))
}

const WARMUP_FAILED: Rule = Rule::new("warmup_failed", warmup_failed)
    .threshold("degraded above 10 % of the warm-up's requests")
    .cause("A server that did not answer the warm-up is not warm: the first measured requests pay for it.")
    .cure("see the errors in the report");

fn warmup_failed(evidence: &Evidence) -> Option<Found> {
    let warmup = &evidence.warmup;
    let failed = share(warmup.failed, warmup.failed + warmup.completed);
    let first = warmup.first_failure.as_deref().unwrap_or("no cause is known");
    let figures = [("failed", number(warmup.failed), "requests"), ("share", failed * 100.0, "%")];
    (failed > INVALID_FAILURES).then(|| {
        degraded(
            format!("{} of the warm-up's requests failed, the first with: {first}", percent(failed)),
            &figures,
        )
    })
}

const NOT_STREAMED: Rule = Rule::new("not_streamed", not_streamed)
    .threshold("degraded above 1 % of the answered requests for a stream of several tokens")
    .cause(
        "The answer arrived as one body, or as one event, although a stream was requested. Its time to first token is its \
         latency; of one body no streaming metric is reported.",
    )
    .cure("check that the server, and every proxy before it, streams; or leave --streaming out");

fn not_streamed(evidence: &Evidence) -> Option<Found> {
    let requests = &evidence.requests;
    let whole = share(requests.not_streamed, requests.streams);
    let figures =
        [("not streamed", number(requests.not_streamed), "requests"), ("share", whole * 100.0, "%")];
    (whole > STREAMS_TOLERATED).then(|| {
        degraded(format!("{} of the answers arrived whole instead of streamed", percent(whole)), &figures)
    })
}

const BUFFERED: Rule = Rule::new("buffered", buffered)
    .threshold("degraded above 1 % of the answered requests for a stream of several tokens")
    .cause(
        "The events of a stream arrived together: all at the same moment, or at least four at a time. A proxy buffers \
         (HAProxy by default, nginx with `gzip` and `proxy_buffering`), or the server writes several tokens at once. \
         Times to first token and between tokens are those of the buffer.",
    )
    .cure("turn off buffering in proxies (HAProxy: `option http-no-delay`; nginx: `proxy_buffering off`), or measure the server itself");

fn buffered(evidence: &Evidence) -> Option<Found> {
    let requests = &evidence.requests;
    let together = share(requests.buffered, requests.streams);
    let figures = [("buffered", number(requests.buffered), "requests"), ("share", together * 100.0, "%")];
    (together > STREAMS_TOLERATED).then(|| {
        degraded(
            format!("the events of {} of the streams arrived together, not one by one", percent(together)),
            &figures,
        )
    })
}

const TOKEN_COUNTS_DIFFER: Rule = Rule::new("token_counts_differ", token_counts_differ)
    .threshold("degraded when the two counts of more than 10 % of the compared requests are more than 10 % apart")
    .cause(
        "The server reports other output token counts (`usage`) than the tokenizer of this run. Throughput in \
         tokens, inter-token latency and output lengths use the tokenizer's count.",
    )
    .cure("give the model's own --tokenizer, or use the server's counts: --use-server-token-count");

fn token_counts_differ(evidence: &Evidence) -> Option<Found> {
    let requests = &evidence.requests;
    let differs = share(requests.output_differs, requests.output_compared);
    let tokenizer = evidence.tokenizer.as_deref().filter(|_| !evidence.uses_server_tokens)?;
    let (ours, servers) = requests.output_tokens;
    let figures = [
        ("by the tokenizer", number(ours), "tokens"),
        ("by the server", number(servers), "tokens"),
        ("share", differs * 100.0, "%"),
    ];
    (differs > COUNTS_TOLERATED).then(|| {
        let text = format!(
            "the server counts {servers} output tokens where the tokenizer `{tokenizer}`, which the numbers use, counts \
             {ours}"
        );
        degraded(text, &figures)
    })
}

const INPUT_COUNTS_DIFFER: Rule = Rule::new("input_counts_differ", input_counts_differ)
    .threshold("noted when the two counts of more than 10 % of the compared requests are more than 10 % apart")
    .cause(
        "The server reports other prompt token counts (`usage`) than the tokenizer of this run: it adds a chat \
         template, or its tokenizer is another one. Input lengths use the tokenizer's count; no latency depends on it.",
    )
    .cure("give the model's own --tokenizer with --apply-chat-template, or --use-server-token-count");

fn input_counts_differ(evidence: &Evidence) -> Option<Found> {
    let requests = &evidence.requests;
    let differs = share(requests.input_differs, requests.input_compared);
    let (ours, servers) = requests.input_tokens;
    let tokenizer = evidence.tokenizer.as_deref().filter(|_| !evidence.uses_server_tokens)?;
    let figures =
        [("by the tokenizer", number(ours), "tokens"), ("by the server", number(servers), "tokens")];
    (differs > COUNTS_TOLERATED).then(|| {
        note(
            format!(
                "the server counts {servers} prompt tokens where the tokenizer `{tokenizer}` counts {ours}"
            ),
            &figures,
        )
    })
}

const FEW_SAMPLES: Rule = Rule::new("few_samples", few_samples)
    .threshold("noted below 662 completed requests")
    .cause("MLPerf LoadGen's bound: fewer samples don't hold a 99th percentile at 99 % confidence.")
    .cure("send more requests for a reproducible p99");

fn few_samples(evidence: &Evidence) -> Option<Found> {
    let completed = evidence.requests.completed;
    let text = format!("p99 needs {P99_SAMPLES} completed requests, this run has {completed}");
    let figures = [("requests completed", number(completed), "requests")];
    (completed > 0 && completed < P99_SAMPLES).then(|| note(text, &figures))
}

/// Above this, p99 of the successful requests does not describe all of them.
const DEGRADED_FAILURES: f64 = 0.01;
/// Above this, p90 does not either.
const INVALID_FAILURES: f64 = 0.10;
/// This share of answers may arrive not streamed.
const STREAMS_TOLERATED: f64 = 0.01;
/// So many requests may have counts that are far apart.
const COUNTS_TOLERATED: f64 = 0.10;
/// MLPerf LoadGen's bound for a 99th percentile at 99 % confidence.
const P99_SAMPLES: u64 = 662;

#[cfg(test)]
mod tests {
    use crate::verdict::testing::{check, check_text};
    use crate::verdict::{Evidence, Requests};
    use record::Standing::{Degraded, Invalid, Valid};

    fn failed(failed: u64) -> impl FnOnce(&mut Evidence) {
        move |evidence| {
            let completed = 1000 - failed;
            let first_failure = Some("HTTP 500: busy".to_owned());
            evidence.requests =
                Requests { ended: 1000, completed, failed, first_failure, ..Requests::default() };
        }
    }

    #[test]
    fn failures_by_their_share() {
        check(failed(1), Valid, &["requests_failed"]);
        check(failed(10), Valid, &["requests_failed"]);
        check(failed(11), Degraded, &["requests_failed"]);
        check(failed(100), Degraded, &["requests_failed"]);
        check(failed(101), Invalid, &["requests_failed"]);
        check(failed(1000), Invalid, &["requests_failed"]);
        check_text(failed(1000), "every request failed, the first with: HTTP 500: busy");
        check_text(failed(25), "2.5 % of the requests failed");
        check(
            |evidence| evidence.warmup = Requests { failed: 2, completed: 8, ..Requests::default() },
            Degraded,
            &["warmup_failed"],
        );
        check(
            |evidence| evidence.warmup = Requests { failed: 1, completed: 9, ..Requests::default() },
            Valid,
            &[],
        );
    }

    #[test]
    fn a_run_without_an_answer_is_not_valid() {
        check(
            |evidence| evidence.requests = Requests { ended: 10, ..Requests::default() },
            Invalid,
            &["nothing_completed"],
        );
    }

    #[test]
    fn streams_that_are_none() {
        check(|evidence| evidence.requests.not_streamed = 11, Degraded, &["not_streamed"]);
        check(|evidence| evidence.requests.not_streamed = 10, Valid, &[]);
        check(|evidence| evidence.requests.buffered = 1000, Degraded, &["buffered"]);
        check(|evidence| evidence.requests.buffered = 10, Valid, &[]);
    }

    #[test]
    fn counts_that_disagree() {
        let differ = |evidence: &mut Evidence| {
            let requests = &mut evidence.requests;
            (requests.output_compared, requests.output_differs, requests.output_tokens) =
                (1000, 200, (20, 52));
        };
        check(differ, Degraded, &["token_counts_differ"]);
        check_text(
            differ,
            "52 output tokens where the tokenizer `builtin`, which the numbers use, counts 20",
        );
        let by_server = |evidence: &mut Evidence| {
            differ(evidence);
            evidence.uses_server_tokens = true;
        };
        check(by_server, Valid, &[]);
        let few = |evidence: &mut Evidence| {
            differ(evidence);
            evidence.requests.output_differs = 100;
        };
        check(few, Valid, &[]);
        let inputs = |evidence: &mut Evidence| {
            let requests = &mut evidence.requests;
            (requests.input_compared, requests.input_differs, requests.input_tokens) = (1000, 900, (20, 35));
        };
        check(inputs, Valid, &["input_counts_differ"]);
    }

    #[test]
    fn too_few() {
        check(|evidence| evidence.requests.completed = 661, Valid, &["few_samples"]);
        check(|evidence| evidence.requests.completed = 662, Valid, &[]);
    }
}
