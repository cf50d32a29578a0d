//! The client's overhead on a request's times: how much the client's measurement exceeds the kernel's, request by request. Its
//! percentiles are not the differences of percentiles.

use crate::case::Case;
use crate::kernel::{kernel_inter_token_latency, kernel_request_latency, kernel_time_to_first_token};
use crate::latency::{inter_token_latency, request_latency, time_to_first_token};
use crate::metric::{Flags, Group, Metric};
use crate::value::Value;

/// Overhead on the time to first token.
pub(crate) const TIME_TO_FIRST_TOKEN: Metric =
    Metric::record("client_added_time_to_first_token", "Time to First Token Added by the Client", first_token)
        .latency()
        .ours(Group::Client)
        .order(4001)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("time_to_first_token - kernel_time_to_first_token of the same request; negative if the last byte of a request was sent after its submission was reported.");

/// Overhead on the inter-token latency.
pub(crate) const INTER_TOKEN_LATENCY: Metric =
    Metric::record("client_added_inter_token_latency", "Inter Token Latency Added by the Client", inter_token)
        .latency()
        .ours(Group::Client)
        .order(4002)
        .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        .text("inter_token_latency - kernel_inter_token_latency of the same request; negative if its first token was read with more delay after its arrival than its last.");

/// Overhead on the request latency.
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
