//! How long the request's connection took to open, if it opened one.

use crate::case::Case;
use crate::metric::{Group, Metric};
use crate::value::Value;

/// The metric.
pub(crate) const METRIC: Metric = Metric::record("connect_latency", "Connect Latency", value)
    .latency()
    .ours(Group::Client)
    .order(4100)
    .text("connected - connect_begun.");

pub(crate) fn value(case: &Case<'_>) -> Option<Value> {
    Value::span(case.connect_begun_ns?, case.connected_ns?)
}

#[cfg(test)]
mod tests {
    use crate::testing::check;
    use common::clock::MonoNs;

    #[test]
    fn only_of_new_connections() {
        check(&super::METRIC, |_| (), None);
        check(
            &super::METRIC,
            |request| (request.connect_begun_ns, request.connected_ns) = (Some(MonoNs(5)), Some(MonoNs(9))),
            Some(4.0),
        );
    }
}
