//! When requests are sent and when the run ends.

use super::{Checked, refuse};
use crate::args::LoadArgs;
use common::plan::{Load, Phase};

pub(super) fn load(args: &LoadArgs) -> Checked<Load> {
    let shape = match (args.request_rate, args.arrival_pattern.as_deref()) {
        (None, None) => "concurrency",
        (None, Some(_)) => return refuse("--arrival-pattern needs --request-rate"),
        (Some(_), None | Some("poisson")) => "poisson",
        (Some(_), Some("constant")) => "constant",
        (Some(_), Some(other)) => {
            return refuse(format!(
                "--arrival-pattern `{other}` is not offered; there are: constant, poisson"
            ));
        }
    };
    if args.benchmark_grace_period.is_some() && args.benchmark_duration.is_none() {
        return refuse("--benchmark-grace-period needs --benchmark-duration");
    }
    let concurrency = match (args.request_rate, args.concurrency) {
        (None, None) => Some(1),
        (_, given) => given,
    };
    let request_count = match (args.request_count, args.benchmark_duration) {
        (None, None) => Some(10.max(2 * u64::from(concurrency.unwrap_or(1)))),
        (given, _) => given,
    };
    Ok(Load::of(Phase {
        request_rate: args.request_rate,
        concurrency,
        request_count,
        duration_seconds: args.benchmark_duration,
        grace_period_seconds: Some(args.benchmark_grace_period.unwrap_or(30.0)),
        ..Phase::new("profiling", shape)
    }))
}
