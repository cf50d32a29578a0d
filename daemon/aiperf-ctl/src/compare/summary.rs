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
    figures
}
