//! The share of the client's time to first token that is the client's overhead.

use crate::case::Case;
use crate::kernel::kernel_time_to_first_token;
use crate::latency::time_to_first_token;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("client_overhead_share", "Client Overhead Share", value)
    .short("Overhead Share")
    .unit(Unit::Ratio)
    .ours(Group::Client)
    .order(4080)
    .flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
    .text("(time_to_first_token - kernel_time_to_first_token) / time_to_first_token.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    let client = time_to_first_token::value(case)?.get();
    let kernel = kernel_time_to_first_token::value(case)?.get();
    Value::new((client - kernel) / client)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn three_of_twenty_one_milliseconds() {
        check(&super::METRIC, |_| (), Some(3.0 / 21.0));
    }
}
