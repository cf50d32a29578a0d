//! Reads `profile_export_aiperf.json`, AIPerf's or aiperfd's: means have intervals, percentiles have none without records.

use super::figures::Figures;
use metric::{METRICS, Stat};
use serde_json::Value;

pub(super) fn is_it(document: &Value) -> bool {
    document["aiperf_version"].is_string() || document["request_count"]["unit"].is_string()
}

pub(super) fn read(label: String, document: &Value) -> Figures {
    let mut figures = Figures::new(label, "AIPerf JSON");
    for metric in METRICS {
        let stats = &document[metric.tag];
        for stat in Stat::ALL {
            figures.put(metric.tag, stat, stats[stat.name()].as_f64(), None);
        }
        let number = |stat: Stat| stats[stat.name()].as_f64();
        figures.put_mean(metric.tag, number(Stat::Avg), number(Stat::Std), stats["count"].as_u64());
    }
    // AIPerf has no such metric where nothing failed.
    let count = |tag: &str| document[tag]["avg"].as_f64();
    figures.put_failures(count("request_count"), Some(count("error_request_count").unwrap_or(0.0)));
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn failures_are_counted() {
        let of = |document: Value| {
            let rate = read("x".to_owned(), &document).get("request_error_rate", "avg");
            rate.map(|rate| (rate.value, rate.precision.unwrap().is_ok()))
        };
        let succeeded = json!({"request_count": {"avg": 90.0, "unit": "requests"}});
        assert_eq!(of(succeeded.clone()), Some((0.0, true)), "none");
        let mut failed = succeeded;
        failed["error_request_count"] = json!({"avg": 10.0, "unit": "requests"});
        assert_eq!(of(failed), Some((10.0, true)), "ten of a hundred");
        assert_eq!(of(json!({"aiperf_version": "1"})), None, "unknown");
    }
}
