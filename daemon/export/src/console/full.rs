//! Writes the full console report: both views, intervals, phases, errors, server metrics, AIPerf's tables, and the verdict.

use super::{VIEW_STATS, VIEWS, View, absent, from_server, grouped, label, number, of_histogram};
use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::gpu_tables;
use crate::json::NOT_STEADY;
use crate::table::{Colour, Side, Table, wrap};
use common::clock::RealNs;
use metric::server::Twin;
use metric::{Group, MetricResult, Report, Stat, Steady};
use record::{Standing, Streamed, Verdict};
use std::io::Write;
use store::visible_within;

/// Writes all tables.
pub(super) fn write(
    artifacts: &Artifacts<'_>,
    width: usize,
    colour: Colour,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let report = artifacts.report;
    let mut marked = false;
    writeln!(out)?;
    let views = views(artifacts, &mut marked);
    let tables =
        [views, intervals(report), phases(report), steady(report), errors(report), server(artifacts)]
            .into_iter()
            .chain(GROUPS.iter().map(|group| table(report, *group, &mut marked)))
            .chain(gpu_tables::tables(artifacts, grouped));
    for table in tables.collect::<Vec<_>>().iter().filter(|table| !table.is_empty()) {
        writeln!(out)?;
        out.write_all(table.draw(width, colour).as_bytes())?;
    }
    if let Some(shares) = accepted_drafts(report) {
        writeln!(out, "\nAccepted drafts per step (% of steps):  {shares}")?;
    }
    if artifacts.settings.steady_state {
        out.write_all(steady_note(report, width).as_bytes())?;
    }
    out.write_all(streamed(artifacts, width).as_bytes())?;
    if marked {
        writeln!(out, "\n* Too few samples for this percentile: another run may well differ.")?;
    }
    out.write_all(verdict(artifacts, width, colour).as_bytes())?;
    Ok(())
}

/// Client, kernel, the difference between them, and the server's own metrics.
fn views(artifacts: &Artifacts<'_>, marked: &mut bool) -> Table {
    let report = artifacts.report;
    let columns = VIEW_STATS.map(|stat| (stat.name(), Side::Right));
    let columns =
        [("Metric", Side::Right), ("View", Side::Left)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("aiperfd | Client View and Kernel View", &columns);
    for View { label, client, kernel, added } in VIEWS {
        let rows = [("client", report.get(client)), ("kernel", report.get(kernel))];
        let mut label = Some(*label);
        for (view, result) in rows {
            let Some(result) = result else { continue };
            let numbers = VIEW_STATS.map(|stat| number(result, stat, marked));
            table.row(
                [label.take().unwrap_or_default(), view]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(numbers)
                    .collect(),
            );
        }
        if let Some(added) = report.get(added) {
            let numbers = VIEW_STATS.map(|stat| number(added, stat, marked));
            table.row(["", "added"].map(str::to_owned).into_iter().chain(numbers).collect());
        }
        if let Some((_, server)) = from_server(artifacts, Twin::Client(client)).next() {
            let numbers = VIEW_STATS.map(|stat| of_histogram(server, stat, 1e3));
            table.row(["", "server"].map(str::to_owned).into_iter().chain(numbers).collect());
        }
    }
    for tag in RATES {
        if let Some(result) = report.get(tag) {
            let label = label(result);
            table.row(vec![label, String::new(), number(result, Stat::Avg, marked)]);
        }
    }
    table
}

/// The confidence intervals of the first table's metrics.
fn intervals(report: &Report) -> Table {
    let columns = INTERVAL_STATS.map(|stat| (stat.name(), Side::Right));
    let columns =
        [("Metric", Side::Right), ("View", Side::Left)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("aiperfd | 95% Confidence Intervals", &columns);
    for View { label, client, kernel, .. } in VIEWS {
        for (view, tag) in [("client", client), ("kernel", kernel)] {
            let Some(result) = report.get(tag) else { continue };
            let cells = INTERVAL_STATS.map(|stat| {
                let ends = result.stats.interval(stat);
                ends.map(|(low, high)| format!("{} .. {}", grouped(low.get()), grouped(high.get())))
            });
            if cells.iter().any(Option::is_some) {
                let cells = cells.map(|cell| cell.unwrap_or_else(|| TOO_FEW.to_owned()));
                table.row([(*label).to_owned(), view.to_owned()].into_iter().chain(cells).collect());
            }
        }
    }
    table
}

/// The measured phases in columns, if there are several.
fn phases(report: &Report) -> Table {
    let columns = PHASE_NUMBERS.map(|(label, ..)| (label, Side::Right));
    let counts = [("Phase", Side::Left), ("Requests", Side::Right), ("Failed", Side::Right)];
    let columns = counts.into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("aiperfd | Phases", &columns);
    let measured = report.phases.iter().filter(|phase| phase.profiling_index.is_some());
    let measured = measured.collect::<Vec<_>>();
    for phase in measured.iter().filter(|_| measured.len() > 1) {
        let numbers = PHASE_NUMBERS.map(|(_, tag, stat)| {
            let result = phase.results.iter().find(|result| result.metric.tag == tag);
            result.map_or_else(absent, |result| number(result, stat, &mut false))
        });
        let counts = [phase.name.clone(), phase.requests.to_string(), phase.failed.to_string()];
        table.row(counts.into_iter().chain(numbers).collect());
    }
    table
}

/// The main metrics of the run's steady state.
fn steady(report: &Report) -> Table {
    let columns = STATS.map(|stat| (stat.name(), Side::Right));
    let columns = [("Metric", Side::Right)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("aiperfd | Steady State", &columns);
    let latencies = VIEWS.iter().flat_map(|view| [view.client, view.kernel]);
    for tag in latencies.chain(RATES.iter().copied()).chain(["effective_concurrency"]) {
        let results = report.steady.iter().flat_map(|steady| &steady.slice.results);
        if let Some(result) = results.into_iter().find(|result| result.metric.tag == tag) {
            let numbers = STATS.map(|stat| number(result, stat, &mut false));
            table.row(std::iter::once(label(result)).chain(numbers).collect());
        }
    }
    table
}

/// The share of verifications by number of accepted draft tokens; eight and more together, as in AIPerf.
fn accepted_drafts(report: &Report) -> Option<String> {
    let drafts = &report.accepted_drafts;
    let all = metric::float(drafts.values().sum::<u64>());
    let most = *drafts.keys().next_back()?;
    let share = |name: String, count: u64| format!("{name}: {:.0}%", metric::float(count) / all * 100.0);
    let single = 0..=most.min(MOST_ACCEPTED - 1);
    let mut shares = single
        .map(|accepted| share(accepted.to_string(), drafts.get(&accepted).copied().unwrap_or(0)))
        .collect::<Vec<_>>();
    if most >= MOST_ACCEPTED {
        shares.push(share(
            format!(">={MOST_ACCEPTED}"),
            drafts.range(MOST_ACCEPTED..).map(|(_, count)| count).sum(),
        ));
    }
    Some(shares.join("   "))
}

/// A description of the steady state, or that there is none.
fn steady_note(report: &Report, width: usize) -> String {
    let text = match &report.steady {
        None => format!("Steady state: none; {NOT_STEADY}."),
        Some(Steady { slice, in_flight, requests, startup, drain }) => {
            let seconds = |from: RealNs, to: RealNs| metric::float(to.0.saturating_sub(from.0)) / 1e9;
            format!(
                "Steady state: from {:.3} s to {:.3} s of the run, with {in_flight} requests usually in flight. It \
                 includes the {requests} requests that started in it; {startup} of the ramp-up and {drain} of the drain \
                 are left out.",
                seconds(report.begin, slice.begin),
                seconds(report.begin, slice.end),
            )
        }
    };
    let lines = wrap(&text, width.saturating_sub(1).max(20)).join("\n");
    format!("\n{lines}\n")
}

/// Metrics that only the server has.
fn server(artifacts: &Artifacts<'_>) -> Table {
    let columns = SERVER_STATS.map(|stat| (stat.name(), Side::Right));
    let columns = [("Metric", Side::Right)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("aiperfd | Server Metrics", &columns);
    for (known, series) in from_server(artifacts, Twin::None) {
        let is_histogram = series.get("count").is_some();
        let numbers = SERVER_STATS.map(|stat| {
            if is_histogram {
                return of_histogram(series, stat, 1e3);
            }
            series.get(stat.name()).map_or_else(absent, grouped)
        });
        let unit = if is_histogram { " (ms)" } else { "" };
        table.row(std::iter::once(format!("{}{unit}", known.label)).chain(numbers).collect());
    }
    table
}

fn verdict(artifacts: &Artifacts<'_>, width: usize, colour: Colour) -> String {
    let Verdict { standing, reasons } = &artifacts.run.verdict;
    let attributes = match standing {
        Standing::Valid => "1;32",
        Standing::Degraded => "1;33",
        Standing::Invalid => "1;31",
    };
    let mut text = format!("\nVerdict: {}", colour.paint(attributes, standing.name()));
    text.push_str(&format!(
        "    Timestamps: {}",
        visible_within(&artifacts.run.timestamps, NAME_CHARACTERS_MAX)
    ));
    if let Some(reason) = &artifacts.run.timestamps_reason {
        text.push_str(&format!(" ({})", visible_within(reason, TEXT_CHARACTERS_MAX)));
    }
    text.push('\n');
    for reason in reasons {
        let name = visible_within(&reason.name, NAME_CHARACTERS_MAX);
        let line = format!("{name}: {}", visible_within(&reason.text, TEXT_CHARACTERS_MAX));
        for (place, part) in wrap(&line, width.saturating_sub(4).max(20)).into_iter().enumerate() {
            text.push_str(if place == 0 { "  - " } else { "    " });
            text.push_str(&part);
            text.push('\n');
        }
    }
    text
}

/// Exporters that did not receive everything.
fn streamed(artifacts: &Artifacts<'_>, width: usize) -> String {
    let missed = artifacts.run.streamed.iter().filter(|to| to.failed > 0 || to.dropped > 0);
    let lines = missed.map(|Streamed { to, succeeded, failed, dropped, problem }| {
        let why = problem.as_ref().map(|why| format!(" (the last: {why})")).unwrap_or_default();
        let text = format!(
            "Streamed to the {to}: {dropped} dropped, {failed} of {} exports failed{why}. The files are complete.",
            failed + succeeded
        );
        format!("{}\n", wrap(&text, width.saturating_sub(1).max(20)).join("\n"))
    });
    lines.collect()
}

fn errors(report: &Report) -> Table {
    let columns =
        [("Code", Side::Right), ("Type", Side::Right), ("Message", Side::Left), ("Count", Side::Right)];
    let mut table = Table::new("aiperfd | Error Summary", &columns);
    for error in &report.errors {
        let code = error.code.map_or_else(absent, |code| code.to_string());
        table.row(vec![code, error.kind.clone(), error.message.clone(), error.count.to_string()]);
    }
    table
}

/// Whether it is a curve of tokens or first tokens that no request produced: AIPerf's files have it as 0.
fn is_of_nothing(result: &MetricResult) -> bool {
    matches!(result.metric.group, Group::Effective | Group::Active)
        && result.stats.get(Stat::Max).is_some_and(|most| most.get() == 0.0)
}

fn table(report: &Report, (group, title): (Group, &str), marked: &mut bool) -> Table {
    let columns = STATS.map(|stat| (stat.name(), Side::Right));
    let columns = [("Metric", Side::Right)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new(title, &columns);
    if group == Group::HttpTrace && !report.show_trace_timing {
        return table;
    }
    let is_shown = |result: &&MetricResult| result.metric.group == group && !is_of_nothing(result);
    let mut results = report.results.iter().filter(is_shown).collect::<Vec<_>>();
    results.sort_by_key(|result| result.metric.order.unwrap_or(u32::MAX));
    for result in results {
        let numbers = STATS.map(|stat| number(result, stat, marked));
        table.row(std::iter::once(label(result)).chain(numbers).collect());
    }
    table
}

/// Foreign names and texts are cut to this length.
const NAME_CHARACTERS_MAX: usize = 64;
const TEXT_CHARACTERS_MAX: usize = 2000;

const STATS: [Stat; 7] = [Stat::Avg, Stat::Min, Stat::Max, Stat::P99, Stat::P90, Stat::P50, Stat::Std];

/// From this number on, accepted draft tokens are shown together.
const MOST_ACCEPTED: u32 = 8;

const INTERVAL_STATS: [Stat; 4] = [Stat::Avg, Stat::P50, Stat::P90, Stat::P99];

/// Shown instead of an interval.
const TOO_FEW: &str = "too few";

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
