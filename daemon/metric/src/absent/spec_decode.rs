//! Speculative decoding, as a server tells it per request: registered as AIPerf has them, without a value here.

use super::absent;
use crate::metric::{Flags, Metric, Unit};

absent! {
    "it takes the server's per-request speculative decoding counts, which are not recorded";
    ACCEPTANCE_LENGTH "spec_decode_acceptance_length" "Acceptance Length" "Acceptance Length" "ratio" 5000 (Flags::LARGER_IS_BETTER)
        "Tokens accepted per verification, of one request.";
    ACCEPTED_DRAFT_TOKENS "spec_decode_accepted_draft_tokens" "Accepted Draft Tokens" "Accepted Draft" "tokens" 5050 (Flags::NONE)
        "Drafted tokens that were accepted.";
    ACCEPTED_PER_VERIFIED "spec_decode_accepted_per_verified" "Accepted per Verified" "Accepted / Verified" "ratio" 5030 (Flags::LARGER_IS_BETTER)
        "(accepted + steps) / (drafted + steps).";
    DRAFT_ACCEPTANCE_RATE "spec_decode_draft_acceptance_rate" "Draft Acceptance Rate" "Draft Accept Rate" "%" 5020 (Flags::LARGER_IS_BETTER)
        "100 * accepted / drafted.";
    DRAFT_TOKENS "spec_decode_draft_tokens" "Draft Tokens" "Draft Tokens" "tokens" 5060 (Flags::NONE)
        "Drafted tokens.";
    OVERALL_DRAFT_ACCEPTANCE_RATE "spec_decode_overall_draft_acceptance_rate" "Overall Draft Acceptance Rate" "Overall Draft Accept Rate" "%" 5025 (Flags::LARGER_IS_BETTER)
        "100 * total_accepted_draft_tokens / total_draft_tokens.";
    STEPS "spec_decode_steps" "Spec Decode Steps" "Spec Decode Steps" "count" 5040 (Flags::NONE)
        "Verifications.";
    TOKEN_WEIGHTED_ACCEPTANCE_LENGTH "spec_decode_token_weighted_acceptance_length" "Token-Weighted Acceptance Length" "Token-Wtd Accept Len" "ratio" 5010 (Flags::LARGER_IS_BETTER)
        "1 + total_accepted_draft_tokens / total_spec_decode_steps.";
    TOTAL_ACCEPTED_DRAFT_TOKENS "total_accepted_draft_tokens" "Total Accepted Draft Tokens" "Total Accepted Draft" "tokens" 5150 (Flags::NONE)
        "sum of spec_decode_accepted_draft_tokens.";
    TOTAL_DRAFT_TOKENS "total_draft_tokens" "Total Draft Tokens" "Total Draft" "tokens" 5160 (Flags::NONE)
        "sum of spec_decode_draft_tokens.";
    TOTAL_SPEC_DECODE_STEPS "total_spec_decode_steps" "Total Spec Decode Steps" "Total Spec Decode Steps" "count" 5140 (Flags::NONE)
        "sum of spec_decode_steps.";
}
