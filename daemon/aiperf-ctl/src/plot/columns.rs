//! The measured requests of a run as columns: times in seconds since the first one started, and the metrics that plots ask for.

use metric::{Case, Flags, Kind, Metric, find, float};
use picture::Point;
use std::collections::BTreeMap;

/// Requests, in the order of the records.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// When each started, in seconds since the first one did.
    pub(super) start: Vec<f64>,
    /// When each ended.
    pub(super) end: Vec<f64>,
    /// When the kernel received each one's first token; NaN where it is not known.
    pub(super) first_token_kernel: Vec<f64>,
    metrics: BTreeMap<&'static str, Vec<f64>>,
    wanted: Vec<&'static Metric>,
    /// Of the first request, as a date.
    begin_ns: Option<u64>,
    starts_ns: Vec<u64>,
    ends_ns: Vec<u64>,
    firsts_ns: Vec<Option<u64>>,
}

impl Columns {
    /// Columns of these metrics; other names are passed over.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut wanted = names.filter_map(find).collect::<Vec<_>>();
        wanted.sort_by_key(|metric| metric.tag);
        wanted.dedup_by_key(|metric| metric.tag);
        Self { wanted, ..Self::default() }
    }

    /// Adds a request, if it is measured and has a response.
    pub(super) fn add(&mut self, case: &Case<'_>) {
        if !case.is_profiling() || !case.is_valid() {
            return;
        }
        let start = case.date(case.started()).0;
        self.begin_ns = Some(self.begin_ns.map_or(start, |begin| begin.min(start)));
        self.starts_ns.push(start);
        self.ends_ns.push(case.date(case.ended_ns).0);
        self.firsts_ns.push(case.first_token_kernel_ns.map(|stamp| case.date(stamp).0));
        for metric in &self.wanted {
            self.metrics.entry(metric.tag).or_default().push(value(metric, case).unwrap_or(f64::NAN));
        }
    }

    /// Makes times of dates, once all requests are there.
    pub(super) fn finish(mut self) -> Self {
        let begin = self.begin_ns.unwrap_or(0);
        let seconds = |date: u64| float(date.saturating_sub(begin)) / 1e9;
        self.start = self.starts_ns.drain(..).map(seconds).collect();
        self.end = self.ends_ns.drain(..).map(seconds).collect();
        self.first_token_kernel =
            self.firsts_ns.drain(..).map(|date| date.map_or(f64::NAN, seconds)).collect();
        self
    }

    /// When the first request started, as a date.
    pub(super) const fn begin_ns(&self) -> Option<u64> {
        self.begin_ns
    }

    /// How many requests there are.
    pub(super) fn len(&self) -> usize {
        self.start.len()
    }

    /// The values of a metric or column; NaN where a request has none.
    ///
    /// # Errors
    /// When no request has one, with the reason.
    pub(super) fn get(&self, name: &str) -> Result<Vec<f64>, String> {
        if self.len() == 0 {
            return Err("no measured request has a response".to_owned());
        }
        match name {
            "request_number" => return Ok((0..self.len() as u64).map(float).collect()),
            "timestamp" | "timestamp_s" | "request_end_ns" => return Ok(self.end.clone()),
            "request_start_ns" => return Ok(self.start.clone()),
            _ => {}
        }
        match self.metrics.get(name) {
            Some(values) if values.iter().any(|value| value.is_finite()) => Ok(values.clone()),
            Some(_) if find(name).is_some_and(|metric| metric.flags.has(Flags::STREAMING_ONLY)) => {
                Err(format!("no request has `{name}`: responses were not streamed (--streaming)"))
            }
            Some(_) => Err(format!("no request has `{name}`")),
            None => Err(format!("`{name}` is no number of a request")),
        }
    }

    /// Output tokens per second over time, and how many requests generate: each request's tokens are spread evenly from its first
    /// token to its end, as AIPerf does.
    pub(super) fn throughput(&self) -> Result<(Vec<Point>, Vec<Point>), String> {
        let tokens = self.get("output_sequence_length")?;
        let first = self.get("time_to_first_token").unwrap_or_else(|_| vec![f64::NAN; self.len()]);
        let mut changes = Vec::new();
        for place in 0..self.len() {
            let wait = Some(first[place] / 1e3).filter(|wait| *wait > 0.0).unwrap_or(0.0);
            let (begin, end, tokens) = (self.start[place] + wait, self.end[place], tokens[place]);
            if end > begin && tokens > 0.0 {
                let rate = tokens / (end - begin);
                changes.extend([(begin, rate, 1.0), (end, -rate, -1.0)]);
            }
        }
        if changes.is_empty() {
            return Err("no request has output tokens that took time".to_owned());
        }
        changes.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut rate, mut active) = (0.0_f64, 0.0_f64);
        let sums = changes.into_iter().map(|(at, rate_change, active_change)| {
            active += active_change;
            // Without active requests there is no rate, whatever rounding left of it.
            rate = if active > 0.5 { (rate + rate_change).max(0.0) } else { 0.0 };
            (Point::new(at, rate), Point::new(at, active))
        });
        Ok(sums.unzip())
    }
}

fn value(metric: &Metric, case: &Case<'_>) -> Option<f64> {
    let (Kind::Record(formula) | Kind::Sum(formula)) = metric.kind else { return None };
    if metric.flags.has(Flags::ERROR_ONLY) || !case.settings.apply(metric) || !case.has(metric) {
        return None;
    }
    Some(metric.shown_value(formula(case)?)?.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_spread_over_the_generation() {
        let mut columns = Columns::of(["output_sequence_length", "time_to_first_token"].into_iter());
        columns.start = vec![0.0, 1.0];
        columns.end = vec![3.0, 2.0];
        columns.metrics.insert("output_sequence_length", vec![20.0, 5.0]);
        columns.metrics.insert("time_to_first_token", vec![1000.0, f64::NAN]);
        let (rate, active) = columns.throughput().unwrap();
        let numbers = |points: &[Point]| points.iter().map(|point| (point.x, point.y)).collect::<Vec<_>>();
        assert_eq!(numbers(&rate), [(1.0, 10.0), (1.0, 15.0), (2.0, 10.0), (3.0, 0.0)], "tokens per second");
        assert_eq!(numbers(&active), [(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (3.0, 0.0)], "requests");
    }

    #[test]
    fn what_no_request_has_is_an_error() {
        let mut columns = Columns::of(["time_to_first_token"].into_iter());
        assert!(columns.get("request_number").unwrap_err().contains("no measured request"), "none");
        columns.start = vec![0.0];
        columns.metrics.insert("time_to_first_token", vec![f64::NAN]);
        assert!(columns.get("time_to_first_token").unwrap_err().contains("--streaming"), "not streamed");
        assert!(columns.get("request_count").is_err() && columns.get("request_number").is_ok(), "columns");
    }
}
