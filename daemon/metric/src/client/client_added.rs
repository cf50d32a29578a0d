//! What the client added to a request's times: by how much its own view of one exceeds the kernel's, request by request.
//! Percentiles of it are not the differences of percentiles.

use crate::case::Case;
use crate::kernel::{kernel_inter_token_latency, kernel_request_latency, kernel_time_to_first_token};
use crate::latency::{inter_token_latency, request_latency, time_to_first_token};
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// To the time to first token.
pub(crate) const TIME_TO_FIRST_TOKEN: Metric =
    Metric::record("client_added_time_to_first_token", "Time to First Token Added by the Client", first_token)
        .latency()
        .ours(Group::Client)
        .order(4001)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("time_to_first_token - kernel_time_to_first_token of the same request; below 0 where the last byte of a request left after its hand-over was reported.");

/// To the inter-token latency.
pub(crate) const INTER_TOKEN_LATENCY: Metric =
    Metric::record("client_added_inter_token_latency", "Inter Token Latency Added by the Client", inter_token)
        .latency()
        .ours(Group::Client)
        .order(4002)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("inter_token_latency - kernel_inter_token_latency of the same request; below 0 where its first token was read later after its arrival than its last.");

/// To the request latency.
pub(crate) const REQUEST_LATENCY: Metric =
    Metric::record("client_added_request_latency", "Request Latency Added by the Client", latency)
        .latency()
        .ours(Group::Client)
        .order(4003)
        .text("request_latency - kernel_request_latency of the same request.");

fn first_token(case: &Case<'_>) -> Option<Value> {
    difference(time_to_first_token::value(case), kernel_time_to_first_token::value(case))
}

fn inter_token(case: &Case<'_>) -> Option<Value> {
    difference(inter_token_latency::value(case), kernel_inter_token_latency::value(case))
}

fn latency(case: &Case<'_>) -> Option<Value> {
    difference(request_latency::value(case), kernel_request_latency::value(case))
}

fn difference(client: Option<Value>, kernel: Option<Value>) -> Option<Value> {
    Value::new(client?.get() - kernel?.get())
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn of_the_same_request() {
        check(&super::TIME_TO_FIRST_TOKEN, |_| (), Some(3e6));
        check(&super::INTER_TOKEN_LATENCY, |_| (), Some(0.0));
        check(&super::REQUEST_LATENCY, |_| (), Some(3e6));
        check(&super::REQUEST_LATENCY, |request| request.last_token_kernel_ns = None, None);
    }
}
