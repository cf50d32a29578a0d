//! The comparison table: each figure of the client next to the kernel's figure of the same definition, with the difference.

use super::events::Delays;
use crate::compare::Figures;
use metric::{Report, Stat, find};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// A client's figures and the kernel's.
#[derive(Debug)]
pub(super) struct Comparison {
    client: Figures,
    kernel: Figures,
    /// Requests that the client counts, if it is known which.
    counted: Option<usize>,
    /// Requests that the kernel's figures include.
    seen: u64,
    delays: Option<Delays>,
}

impl Comparison {
    /// Compares with all observed requests, when it is unknown which of them the client counts.
    pub(super) fn of_all(client: Figures, report: &Report) -> Self {
        Self {
            client,
            kernel: Figures::of_report(String::new(), &report.results),
            counted: None,
            seen: report.requests,
            delays: None,
        }
    }

    /// Compares with the requests that the client counts.
    pub(super) fn of_counted(client: Figures, report: &Report, counted: usize) -> Self {
        Self { counted: Some(counted), ..Self::of_all(client, report) }
    }

    /// Adds how late the client noticed each event.
    pub(super) fn with_delays(self, delays: Delays) -> Self {
        Self { delays: Some(delays), ..self }
    }

    /// The comparison as JSON: each pair by the client's tag and the statistic.
    pub(super) fn json(&self) -> Value {
        let mut metrics = Map::new();
        for (client_tag, kernel_tag, stat, client, kernel) in self.rows() {
            let unit = find(client_tag).map_or("", |metric| metric.display.name());
            metrics.insert(
                format!("{client_tag}.{}", stat.name()),
                json!({"unit": unit, "client": client, "kernel": kernel, "kernel_metric": kernel_tag,
                       "difference": client - kernel}),
            );
        }
        json!({
            "client": {"path": self.client.label, "made_by": self.client.tool},
            "requests_counted_by_client": self.counted,
            "requests_of_kernel_figures": self.seen,
            "metrics": metrics,
            "events": self.delays.as_ref().map(Delays::json),
        })
    }

    /// The comparison as text for the console.
    pub(super) fn text(&self) -> String {
        let mut text = String::from("\nResults reported by the client, compared with the kernel's\n");
        let of = match self.counted {
            Some(counted) if counted as u64 == self.seen => format!("the same {counted} requests"),
            Some(counted) => format!("{} of the {counted} requests that the client counts", self.seen),
            None => format!("all {} requests, including any warm-up", self.seen),
        };
        let mut line = |words: std::fmt::Arguments<'_>| {
            writeln!(text, "{words}").expect("writing to a string cannot fail")
        };
        line(format_args!("  client = {} ({}); kernel = {of}\n", self.client.label, self.client.tool));
        line(format_args!("  {:<44}{:>12}{:>12}{:>16}", "", "client", "kernel", "client - kernel"));
        for (client_tag, _, stat, client, kernel) in self.rows() {
            let metric = find(client_tag);
            let unit = metric.map_or("", |metric| metric.display.name());
            let name = metric.map_or(client_tag, |metric| metric.header);
            let label = format!("{name}, {} ({unit})", stat.name());
            line(format_args!("  {label:<44}{client:>12.2}{kernel:>12.2}{:>+16.2}", client - kernel));
        }
        if let Some((client, kernel)) = self.lengths().filter(|_| !self.counts_alike()) {
            line(format_args!(
                "\n  The client counts {client:.1} output tokens per request, this audit {kernel:.1}: with different \
                 tokenizers, times\n  \
                 per token are not comparable and are left out; --tokenizer DIRECTORY uses the client's"
            ));
        }
        if let Some(delays) = &self.delays {
            line(format_args!("\n  {}", delays.sentence()));
        }
        text
    }

    /// Mean output tokens per request, as counted by the client and by this audit.
    fn lengths(&self) -> Option<(f64, f64)> {
        let length = |figures: &Figures| figures.get(LENGTH, Stat::Avg.name()).map(|figure| figure.value);
        length(&self.client).zip(length(&self.kernel))
    }

    /// Whether both count the same tokens, as far as known.
    fn counts_alike(&self) -> bool {
        self.lengths().is_none_or(|(client, kernel)| (client - kernel).abs() <= SAME_COUNT * kernel.abs())
    }

    /// Client's tag, kernel's tag, statistic, and both figures, where both exist.
    fn rows(&self) -> Vec<(&'static str, &'static str, Stat, f64, f64)> {
        let mut rows = Vec::new();
        let pairs = PAIRS.iter().filter(|(tag, ..)| *tag != PER_TOKEN || self.counts_alike());
        for (client_tag, kernel_tag, stats) in pairs {
            for stat in *stats {
                let figure =
                    |figures: &Figures, tag: &str| figures.get(tag, stat.name()).map(|one| one.value);
                let both = figure(&self.client, client_tag).zip(figure(&self.kernel, kernel_tag));
                rows.extend(both.map(|(client, kernel)| (*client_tag, *kernel_tag, *stat, client, kernel)));
            }
        }
        rows
    }
}

/// The latency that is divided by a token count, and the count.
const PER_TOKEN: &str = "inter_token_latency";
const LENGTH: &str = "output_sequence_length";
/// Counts that differ by less than this fraction are considered equal.
const SAME_COUNT: f64 = 0.01;
const TIMES: &[Stat] = &[Stat::Avg, Stat::P50, Stat::P90, Stat::P99];
const MEAN: &[Stat] = &[Stat::Avg];

/// Metrics with the same definition but different timestamps: the client's tag, the kernel's, the statistics compared.
const PAIRS: &[(&str, &str, &[Stat])] = &[
    ("time_to_first_token", "kernel_time_to_first_token", TIMES),
    ("time_to_first_chunk", "kernel_time_to_first_chunk", TIMES),
    ("time_to_second_token", "kernel_time_to_second_token", TIMES),
    ("time_to_first_output_token", "kernel_time_to_first_output_token", TIMES),
    (PER_TOKEN, "kernel_inter_token_latency", TIMES),
    ("inter_chunk_latency", "kernel_inter_chunk_latency", TIMES),
    ("request_latency", "kernel_request_latency", TIMES),
    (LENGTH, LENGTH, MEAN),
    ("request_count", "request_count", MEAN),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_one_definition_are_paired() {
        let (mut client, mut kernel) =
            (Figures::new("run".to_owned(), "test"), Figures::new(String::new(), "kernel"));
        client.put("time_to_first_token", Stat::P99, Some(102.3), None);
        client.put("time_to_first_chunk", Stat::P99, Some(1.0), None);
        kernel.put("kernel_time_to_first_token", Stat::P99, Some(23.0), None);
        let comparison = Comparison { client, kernel, counted: Some(64), seen: 64, delays: None };
        let text = comparison.text();
        let row = text.lines().find(|line| line.contains("p99")).unwrap();
        let cells = row.split_whitespace().rev().take(3).collect::<Vec<_>>();
        assert_eq!(cells, ["+79.30", "23.00", "102.30"], "{text}");
        assert!(text.contains("the same 64 requests"), "{text}");
        let metrics = &comparison.json()["metrics"];
        assert_eq!(
            metrics["time_to_first_token.p99"]["kernel_metric"], "kernel_time_to_first_token",
            "{metrics}"
        );
        assert_eq!(
            metrics.as_object().unwrap().len(),
            1,
            "metrics that one of them lacks are left out: {metrics}"
        );
    }

    #[test]
    fn times_per_token_need_equal_token_counts() {
        let check = |counted: f64, shown: bool| {
            let (mut client, mut kernel) =
                (Figures::new(String::new(), "test"), Figures::new(String::new(), "kernel"));
            client.put(PER_TOKEN, Stat::P50, Some(2.5), None);
            kernel.put("kernel_inter_token_latency", Stat::P50, Some(5.0), None);
            client.put(LENGTH, Stat::Avg, Some(counted), None);
            kernel.put(LENGTH, Stat::Avg, Some(16.0), None);
            let text = Comparison { client, kernel, counted: None, seen: 1, delays: None }.text();
            assert_eq!(text.contains("Inter Token Latency"), shown, "{counted}: {text}");
            assert_eq!(text.contains("different tokenizers"), !shown, "{counted}: {text}");
        };
        check(16.0, true);
        check(32.0, false);
    }
}
