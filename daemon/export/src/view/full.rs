//! Builds the full report: both views, intervals, phases, errors, server metrics, AIPerf's tables, and the verdict.

use super::latencies::{LATENCIES, LATENCY_STATS, Latency, from_server, of_histogram};
use super::{
    Cell, Column, Document, Failures, Figures, Note, Section, Side, Table, Topic, gpus, head, label,
};
use crate::artifacts::Artifacts;
use crate::steady as steady_state;
use metric::server::Twin;
use metric::{Group, LeftOut, MetricResult, PhaseReport, Report, Stat};
use record::{Run, Streamed};

/// The full report of a run.
#[must_use]
pub fn full(artifacts: &Artifacts<'_>) -> Document {
    let report = artifacts.report;
    let views = views(artifacts);
    let groups = GROUPS.iter().map(|group| group_table(report, *group)).collect::<Vec<_>>();
    let (phases, steady) = (phases(report), steady(report));
    let with_marks = [&views, &phases, &steady].into_iter().chain(&groups);
    let too_few = with_marks.into_iter().any(Table::has_too_few_samples).then(|| {
        let text =
            "Another run may well differ in these: samples are few, or depend on each other.".to_owned();
        Note { topic: Topic::TooFewSamples, text }
    });
    let of_steady =
        report.steady.iter().flatten().map(|steady| {
            intervals("aiperfd | Steady State: 95% Confidence Intervals", &steady.slice.results)
        });
    let of_run = intervals("aiperfd | 95% Confidence Intervals", &report.results);
    let mut sections =
        tables([views, of_run, phases, phase_intervals(report), steady].into_iter().chain(of_steady));
    sections.extend((!report.errors.is_empty()).then(|| Section::Failures(Failures::of(report))));
    sections.extend(tables([server(artifacts)]));
    sections.extend(tables(groups));
    sections.extend(tables(gpus::tables(artifacts)));
    sections.extend(accepted_drafts(report).map(Section::Figures));
    let steady_note = steady_state::text(report).map(|text| Note { topic: Topic::SteadyState, text });
    let notes = super::overview::scaled(artifacts.run)
        .chain(steady_note)
        .chain(left_out(report))
        .chain(streams(artifacts.run))
        .chain(too_few);
    sections.extend(notes.map(Section::Note));
    Document { head: head(artifacts), sections, verdict: artifacts.run.verdict.clone() }
}

/// The tables that have rows.
fn tables(all: impl IntoIterator<Item = Table>) -> Vec<Section> {
    all.into_iter().filter(|table| !table.rows.is_empty()).map(Section::Table).collect()
}

/// Client, kernel, the difference between them, and the server's own metrics.
fn views(artifacts: &Artifacts<'_>) -> Table {
    let report = artifacts.report;
    let mut table = table_of_views("aiperfd | Client View and Kernel View", &LATENCY_STATS);
    for Latency { label, client, kernel, added } in LATENCIES {
        let rows = [("client", report.get(client)), ("kernel", report.get(kernel))];
        let mut label = Some(*label);
        for (view, result) in rows {
            let Some(result) = result else { continue };
            let names = [label.take().unwrap_or_default(), view].map(Cell::text);
            table.row(names.into_iter().chain(LATENCY_STATS.map(|stat| Cell::stat(result, stat))));
        }
        if let Some(added) = report.get(added) {
            let numbers = LATENCY_STATS.map(|stat| Cell::stat(added, stat));
            table.row(["", "added"].map(Cell::text).into_iter().chain(numbers));
        }
        if let Some((_, server)) = from_server(artifacts, Twin::Client(client)).next() {
            let numbers = LATENCY_STATS.map(|stat| of_histogram(server, stat, 1e3));
            table.row(["", "server"].map(Cell::text).into_iter().chain(numbers));
        }
    }
    for tag in RATES {
        if let Some(result) = report.get(tag) {
            table.row([label(result), Cell::text(""), Cell::stat(result, Stat::Avg)]);
        }
    }
    table
}

/// A table of latencies by who measured them.
fn table_of_views(title: &str, stats: &[Stat]) -> Table {
    let stats = stats.iter().map(|stat| (stat.name(), Side::Right));
    let columns = [("Metric", Side::Right), ("View", Side::Left)].into_iter().chain(stats);
    Table::new(title, &columns.collect::<Vec<_>>())
}

/// The confidence intervals of the first table's metrics, and of how many independent requests they are worth.
fn intervals(title: &str, results: &[MetricResult]) -> Table {
    let mut table = table_of_views(title, &INTERVAL_STATS);
    table.columns.push(Column { name: "n_eff".to_owned(), side: Side::Right });
    let latencies = LATENCIES.iter().flat_map(|Latency { label, client, kernel, .. }| {
        [("client", *client), ("kernel", *kernel)].map(|(view, tag)| (Some(*label), view, tag))
    });
    let rates = RATES.iter().chain(["request_error_rate"].iter()).map(|tag| (None, "", *tag));
    for (name, view, tag) in latencies.chain(rates) {
        let Some(result) = results.iter().find(|result| result.metric.tag == tag) else { continue };
        let known = INTERVAL_STATS.map(|stat| result.stats.precision(stat));
        let Some(first) = known.iter().flatten().find_map(|precision| precision.ok()) else { continue };
        let name = name.map_or_else(|| label(result), Cell::text);
        let cells = known.map(|precision| precision.map_or_else(|| Cell::text(""), Cell::interval));
        let effective = Cell::Count(metric::whole(f64::from(first.effective).round()));
        table.row([name, Cell::text(view)].into_iter().chain(cells).chain([effective]));
    }
    table
}

/// The confidence intervals of the phases' percentiles, if there are several phases.
fn phase_intervals(report: &Report) -> Table {
    let percentiles = || PHASE_NUMBERS.iter().filter(|(_, _, stat)| *stat != Stat::Avg);
    let columns = percentiles().map(|(label, ..)| (*label, Side::Right));
    let columns = [("Phase", Side::Left)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("aiperfd | Phases: 95% Confidence Intervals", &columns);
    for phase in several(report) {
        let cell = |(_, tag, stat): &(&str, &str, Stat)| {
            let Some(result) = phase.results.iter().find(|result| result.metric.tag == *tag) else {
                return Cell::Absent;
            };
            result.stats.precision(*stat).map_or(Cell::Absent, Cell::interval)
        };
        let cells = percentiles().map(cell).collect::<Vec<_>>();
        if cells.iter().any(|cell| matches!(cell, Cell::Interval(..))) {
            table.row([Cell::text(&phase.name)].into_iter().chain(cells));
        }
    }
    table
}

/// The measured phases, if there are several.
fn several(report: &Report) -> Vec<&PhaseReport> {
    let measured = report.phases.iter().filter(|phase| phase.profiling_index.is_some()).collect::<Vec<_>>();
    if measured.len() > 1 { measured } else { Vec::new() }
}

/// The measured phases in columns, if there are several.
fn phases(report: &Report) -> Table {
    let columns = PHASE_NUMBERS.map(|(label, ..)| (label, Side::Right));
    let counts = [("Phase", Side::Left), ("Requests", Side::Right), ("Failed", Side::Right)];
    let columns = counts.into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("aiperfd | Phases", &columns);
    for phase in several(report) {
        let numbers = PHASE_NUMBERS.map(|(_, tag, stat)| {
            let result = phase.results.iter().find(|result| result.metric.tag == tag);
            result.map_or(Cell::Absent, |result| Cell::stat(result, stat))
        });
        let counts = [Cell::text(&phase.name), Cell::Count(phase.requests), Cell::Count(phase.failed)];
        table.row(counts.into_iter().chain(numbers));
    }
    table
}

/// The main metrics of the run's steady state.
fn steady(report: &Report) -> Table {
    let mut table = Table::of_stats("aiperfd | Steady State", &STATS);
    let latencies = LATENCIES.iter().flat_map(|view| [view.client, view.kernel]);
    for tag in latencies.chain(RATES.iter().copied()).chain(["effective_concurrency"]) {
        let results = report.steady.iter().flatten().flat_map(|steady| &steady.slice.results);
        if let Some(result) = results.into_iter().find(|result| result.metric.tag == tag) {
            let numbers = STATS.map(|stat| Cell::stat(result, stat));
            table.row([label(result)].into_iter().chain(numbers));
        }
    }
    table
}

/// The share of verifications by number of accepted draft tokens; eight and more together, as in AIPerf.
fn accepted_drafts(report: &Report) -> Option<Figures> {
    let drafts = &report.accepted_drafts;
    let all = metric::float(drafts.values().sum::<u64>());
    let most = *drafts.keys().next_back()?;
    let share = |name: String, count: u64| (name, Cell::Percent(metric::float(count) / all * 100.0));
    let single = 0..=most.min(MOST_ACCEPTED - 1);
    let mut figures = single
        .map(|accepted| share(accepted.to_string(), drafts.get(&accepted).copied().unwrap_or(0)))
        .collect::<Vec<_>>();
    if most >= MOST_ACCEPTED {
        figures.push(share(
            format!(">={MOST_ACCEPTED}"),
            drafts.range(MOST_ACCEPTED..).map(|(_, count)| count).sum(),
        ));
    }
    Some(Figures { title: Some("Accepted drafts per step (% of steps)".to_owned()), figures })
}

/// What the statistics leave out.
fn left_out(report: &Report) -> impl Iterator<Item = Note> {
    let LeftOut { slices, requests } = report.slices_left_out;
    let of_slices = (slices + requests > 0).then(|| {
        format!(
            "Time slices left out: {slices} in which no request started, and those of the last {requests} requests. Use \
             longer slices."
        )
    });
    let gaps = report.reversed_gaps;
    let of_gaps = (gaps > 0)
        .then(|| format!("Gaps left out: {gaps} in which the later event has the earlier timestamp."));
    [of_slices, of_gaps].into_iter().flatten().map(|text| Note { topic: Topic::LeftOut, text })
}

/// Metrics that only the server has.
fn server(artifacts: &Artifacts<'_>) -> Table {
    let mut table = Table::of_stats("aiperfd | Server Metrics", &SERVER_STATS);
    for (known, series) in from_server(artifacts, Twin::None) {
        let is_histogram = series.get("count").is_some();
        let numbers = SERVER_STATS.map(|stat| {
            if is_histogram {
                return of_histogram(series, stat, 1e3);
            }
            Cell::number(series.get(stat.name()))
        });
        let unit = if is_histogram { " (ms)" } else { "" };
        table.row([Cell::Text(format!("{}{unit}", known.label))].into_iter().chain(numbers));
    }
    table
}

/// Exporters that did not receive everything.
fn streams(run: &Run) -> impl Iterator<Item = Note> {
    let missed = run.streamed.iter().filter(|to| to.failed > 0 || to.dropped > 0);
    missed.map(|Streamed { to, succeeded, failed, dropped, problem }| {
        let why = problem.as_ref().map(|why| format!(" (the last: {why})")).unwrap_or_default();
        let text = format!(
            "Streamed to the {to}: {dropped} dropped, {failed} of {} exports failed{why}. The files are complete.",
            failed + succeeded
        );
        Note { topic: Topic::Stream, text }
    })
}

/// Whether it is a curve of tokens or first tokens that no request produced: AIPerf's files have it as 0.
fn is_of_nothing(result: &MetricResult) -> bool {
    matches!(result.metric.group, Group::Effective | Group::Active)
        && result.stats.get(Stat::Max).is_some_and(|most| most.get() == 0.0)
}

/// The metrics of one of AIPerf's tables.
fn group_table(report: &Report, (group, title): (Group, &str)) -> Table {
    let mut table = Table::of_stats(title, &STATS);
    if group == Group::HttpTrace && !report.show_trace_timing {
        return table;
    }
    let is_shown = |result: &&MetricResult| result.metric.group == group && !is_of_nothing(result);
    let mut results = report.results.iter().filter(is_shown).collect::<Vec<_>>();
    results.sort_by_key(|result| result.metric.order.unwrap_or(u32::MAX));
    for result in results {
        table.row([label(result)].into_iter().chain(STATS.map(|stat| Cell::stat(result, stat))));
    }
    table
}

const STATS: [Stat; 7] = [Stat::Avg, Stat::Min, Stat::Max, Stat::P99, Stat::P90, Stat::P50, Stat::Std];

/// From this number on, accepted draft tokens are shown together.
const MOST_ACCEPTED: u32 = 8;

const INTERVAL_STATS: [Stat; 4] = [Stat::Avg, Stat::P50, Stat::P90, Stat::P99];

const SERVER_STATS: [Stat; 6] = [Stat::Avg, Stat::Min, Stat::Max, Stat::P99, Stat::P90, Stat::P50];

const PHASE_NUMBERS: [(&str, &str, Stat); 6] = [
    ("Requests/s", "request_throughput", Stat::Avg),
    ("Output tokens/s", "output_token_throughput", Stat::Avg),
    ("TTFT p50 (ms)", "time_to_first_token", Stat::P50),
    ("TTFT p99 (ms)", "time_to_first_token", Stat::P99),
    ("Kernel TTFT p99 (ms)", "kernel_time_to_first_token", Stat::P99),
    ("Latency p99 (ms)", "request_latency", Stat::P99),
];

const RATES: &[&str] = &["output_token_throughput", "request_throughput"];

const GROUPS: &[(Group, &str)] = &[
    (Group::HttpTrace, "aiperfd | LLM Metrics: HTTP Trace Timing"),
    (Group::Effective, "aiperfd | LLM Metrics: Effective"),
    (Group::Active, "aiperfd | LLM Metrics: Active"),
    (Group::Usage, "aiperfd | LLM Metrics: Usage"),
    (Group::Kernel, "aiperfd | LLM Metrics: Kernel"),
    (Group::Client, "aiperfd | LLM Metrics: Client"),
    (Group::SpecDecode, "aiperfd | LLM Metrics: Spec Decode"),
    (Group::Main, "aiperfd | LLM Metrics"),
    (Group::Gpu, "aiperfd | GPU Energy by Request and Gap"),
];
