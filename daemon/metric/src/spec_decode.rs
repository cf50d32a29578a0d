//! Speculative decoding, as a server reports it per request (vLLM with `--per-request-spec-decode-metrics`): how many draft
//! tokens a verification accepted.

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::totals::Totals;
use crate::value::Value;

macro_rules! metrics {
    ($kind:ident: $($name:ident $tag:literal $header:literal $unit:ident $group:ident $order:literal ($flags:expr) $formula:expr, $text:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric = Metric::$kind($tag, $header, $formula)
            .unit(Unit::$unit)
            .order($order)
            .group(Group::$group)
            .flags($flags)
            .text($text);
    )*};
}

metrics! {
    record:
    ACCEPTANCE_LENGTH "spec_decode_acceptance_length" "Acceptance Length" Ratio SpecDecode 5000 (Flags::LARGER_IS_BETTER)
        |case| Value::new(case.spec_decode_acceptance_length?),
        "Tokens per verification as reported by the server: accepted ones plus one.";
    DRAFT_ACCEPTANCE_RATE "spec_decode_draft_acceptance_rate" "Draft Acceptance Rate" Percent SpecDecode 5020 (Flags::LARGER_IS_BETTER)
        |case| Value::new(case.spec_decode_acceptance_rate? * 100.0),
        "100 * the share of draft tokens that were accepted, as reported by the server.";
    ACCEPTED_PER_VERIFIED "spec_decode_accepted_per_verified" "Accepted per Verified" Ratio SpecDecode 5030 (Flags::LARGER_IS_BETTER)
        accepted_per_verified, "(accepted + steps) / (drafted + steps).";
    STEPS "spec_decode_steps" "Spec Decode Steps" Count SpecDecode 5040 (Flags::NONE)
        |case| case.spec_decode_steps.map(Value::count), "Verifications.";
    ACCEPTED_DRAFT_TOKENS "spec_decode_accepted_draft_tokens" "Accepted Draft Tokens" Tokens Hidden 5050 (Flags::NONE)
        |case| case.spec_decode_accepted_tokens.map(Value::count), "Draft tokens that were accepted.";
    DRAFT_TOKENS "spec_decode_draft_tokens" "Draft Tokens" Tokens Hidden 5060 (Flags::NONE)
        |case| case.spec_decode_draft_tokens.map(Value::count), "Draft tokens.";
}

metrics! {
    derived:
    TOTAL_STEPS "total_spec_decode_steps" "Total Spec Decode Steps" Count Hidden 5140 (Flags::NONE)
        |totals| totals.get(STEPS.tag), "sum of spec_decode_steps.";
    TOTAL_ACCEPTED "total_accepted_draft_tokens" "Total Accepted Draft Tokens" Tokens Hidden 5150 (Flags::NONE)
        |totals| totals.get(ACCEPTED_DRAFT_TOKENS.tag), "sum of spec_decode_accepted_draft_tokens.";
    TOTAL_DRAFT "total_draft_tokens" "Total Draft Tokens" Tokens Hidden 5160 (Flags::NONE)
        |totals| totals.get(DRAFT_TOKENS.tag), "sum of spec_decode_draft_tokens.";
    TOKEN_WEIGHTED "spec_decode_token_weighted_acceptance_length" "Token-Weighted Acceptance Length" Ratio SpecDecode 5010 (Flags::LARGER_IS_BETTER)
        token_weighted, "1 + total_accepted_draft_tokens / total_spec_decode_steps.";
    OVERALL_RATE "spec_decode_overall_draft_acceptance_rate" "Overall Draft Acceptance Rate" Percent SpecDecode 5025 (Flags::LARGER_IS_BETTER)
        overall_rate, "100 * total_accepted_draft_tokens / total_draft_tokens.";
}

fn accepted_per_verified(case: &Case<'_>) -> Option<Value> {
    let steps = f64::from(case.spec_decode_steps?);
    let accepted = f64::from(case.spec_decode_accepted_tokens?);
    let drafted = f64::from(case.spec_decode_draft_tokens?);
    Value::new((accepted + steps) / (drafted + steps))
}

fn token_weighted(totals: &Totals) -> Option<Value> {
    Value::new(1.0 + totals.get(TOTAL_ACCEPTED.tag)?.get() / totals.get(TOTAL_STEPS.tag)?.get())
}

fn overall_rate(totals: &Totals) -> Option<Value> {
    Value::new(totals.get(TOTAL_ACCEPTED.tag)?.get() / totals.get(TOTAL_DRAFT.tag)?.get() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_derived};
    use record::Request;

    fn with_counts(request: &mut Request) {
        request.spec_decode_acceptance_length = Some(2.5);
        request.spec_decode_acceptance_rate = Some(0.5);
        request.spec_decode_steps = Some(4);
        request.spec_decode_accepted_tokens = Some(6);
        request.spec_decode_draft_tokens = Some(12);
    }

    #[test]
    fn per_request() {
        let table = [
            (&ACCEPTANCE_LENGTH, 2.5),
            (&DRAFT_ACCEPTANCE_RATE, 50.0),
            (&ACCEPTED_PER_VERIFIED, 10.0 / 16.0),
            (&STEPS, 4.0),
            (&ACCEPTED_DRAFT_TOKENS, 6.0),
            (&DRAFT_TOKENS, 12.0),
        ];
        for (metric, expected) in table {
            check(metric, with_counts, Some(expected));
            check(metric, |_| (), None);
        }
    }

    #[test]
    fn per_run() {
        let totals = [
            ("total_spec_decode_steps", 4.0),
            ("total_accepted_draft_tokens", 6.0),
            ("total_draft_tokens", 12.0),
        ];
        check_derived(&TOKEN_WEIGHTED, &totals, Some(2.5));
        check_derived(&OVERALL_RATE, &totals, Some(50.0));
        check_derived(&TOTAL_STEPS, &[("spec_decode_steps", 4.0)], Some(4.0));
        check_derived(
            &OVERALL_RATE,
            &[("total_accepted_draft_tokens", 0.0), ("total_draft_tokens", 0.0)],
            None,
        );
    }
}
