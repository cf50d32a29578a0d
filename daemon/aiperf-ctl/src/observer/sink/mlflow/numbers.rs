//! Converts a report to MLflow's metrics, parameters and tags, by AIPerf's names.

use crate::report::Reported;
use metric::{Stat, float};
use record::Standing;
use telemetry_out::mlflow::Point;

/// Each metric's mean by its tag, and every statistic by the tag, a dot and its name.
pub(super) fn points(reported: &Reported, timestamp_ms: u64) -> Vec<Point> {
    let mut points = Vec::new();
    let mut point = |key: String, value: f64| points.push(Point { key, value, timestamp_ms, step: 0 });
    for result in &reported.report.results {
        let tag = result.metric.tag;
        for stat in Stat::ALL {
            let Some(value) = result.stats.get(stat) else { continue };
            let key = if stat == Stat::Avg { tag.to_owned() } else { format!("{tag}.{}", stat.name()) };
            point(key, value.get());
        }
        if let Some(count) = result.stats.count() {
            point(format!("{tag}.count"), float(count));
        }
    }
    point("aiperf.completed_requests".to_owned(), float(reported.report.requests));
    let planned = profiling(reported).and_then(|phase| phase.request_count);
    if let Some(planned) = planned {
        point("aiperf.total_expected_requests".to_owned(), float(planned));
    }
    points
}

/// The run's configuration.
pub(super) fn params(reported: &Reported) -> Vec<(String, String)> {
    let plan = &reported.run.plan;
    let mut params = vec![
        ("endpoint.type", plan.endpoint.kind.clone()),
        ("endpoint.models", plan.endpoint.models.join(",")),
        ("endpoint.urls", plan.endpoint.urls.join(",")),
        ("endpoint.streaming", plan.endpoint.streaming.to_string()),
        ("aiperf.cli_command", plan.command_line.clone()),
    ];
    if let Some(phase) = profiling(reported) {
        params.push(("timing.mode", phase.shape.to_string()));
        let known = [
            ("loadgen.concurrency", phase.concurrency.map(|number| number.to_string())),
            ("loadgen.request_rate", phase.request_rate.map(|number| number.to_string())),
            ("loadgen.request_count", phase.request_count.map(|number| number.to_string())),
            ("loadgen.benchmark_duration", phase.duration_seconds.map(|number| number.to_string())),
        ];
        params.extend(known.into_iter().filter_map(|(key, value)| Some((key, value?))));
    }
    params.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The run's identity, and whether its results may be used.
pub(super) fn tags(reported: &Reported) -> Vec<(String, String)> {
    let run = &reported.run;
    let standing = match run.verdict.standing {
        Standing::Valid => "valid",
        Standing::Degraded => "degraded",
        Standing::Invalid => "invalid",
    };
    let tags = [
        ("benchmark_id", run.run_id.clone()),
        ("aiperf.was_cancelled", run.was_cancelled.to_string()),
        ("aiperf.timestamps", run.timestamps.clone()),
        ("aiperf.verdict", standing.to_owned()),
    ];
    tags.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

fn profiling(reported: &Reported) -> Option<&spec::Phase> {
    reported.run.plan.load.phases.iter().find(|phase| !phase.is_warmup)
}
