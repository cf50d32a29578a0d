//! Ten real runs of one load, compared in pairs and by halves: what differs between them is noise.

use crate::comparison::{PLANS, Plan, answers, differed};
use crate::sample::{Both, number, of_values};
use statistics::Answer;
use std::fmt::Write;

/// The rows of each run: three metrics, by the mean and three percentiles.
pub(crate) fn runs() -> Vec<Vec<Both>> {
    let runs = include_str!("real.txt").split("run\n").skip(1);
    let rows = |run: &str| {
        let line = |line: &str| {
            line.split(' ').map(|number| number.parse::<f64>().expect("a number")).collect::<Vec<_>>()
        };
        let requests = run.lines().map(line).collect::<Vec<_>>();
        let metric = |place: usize| requests.iter().map(|numbers| numbers[place]).collect::<Vec<_>>();
        (0..METRICS).flat_map(|place| of_values(&metric(place))).collect()
    };
    runs.map(rows).collect()
}

/// The share of tables and of rows with a "yes", before and after, of all pairs of runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) pairs: usize,
    pub(crate) tables_before: f64,
    pub(crate) rows_before: f64,
    pub(crate) tables: f64,
    pub(crate) rows: f64,
    pub(crate) rows_without_allowance: f64,
}

/// Every pair of runs as one run a side.
pub(crate) fn pairs(runs: &[Vec<Both>]) -> Pairs {
    let mut found = Pairs::default();
    for (place, base) in runs.iter().enumerate() {
        for other in &runs[place + 1..] {
            let sides = [base, other].map(|run| vec![run.clone()]);
            let yes =
                |plan: &Plan| answers(&sides, plan).iter().filter(|answer| **answer == Answer::Yes).count();
            let before = base.iter().zip(other).filter(|(base, other)| differed(base, other)).count();
            let after = yes(&PLANS[1]);
            let share = |count: usize| number(count) / number(base.len());
            found.pairs += 1;
            found.tables_before += if before > 0 { 1.0 } else { 0.0 };
            found.rows_before += share(before);
            found.tables += if after > 0 { 1.0 } else { 0.0 };
            found.rows += share(after);
            found.rows_without_allowance += share(yes(&PLANS[0]));
        }
    }
    let n = number(found.pairs);
    for sum in [
        &mut found.tables_before,
        &mut found.rows_before,
        &mut found.tables,
        &mut found.rows,
        &mut found.rows_without_allowance,
    ] {
        *sum /= n;
    }
    found
}

/// The share of tables with a "yes" of all ways to compare five runs with the other five.
pub(crate) fn halves(runs: &[Vec<Both>]) -> (usize, f64) {
    let plan = Plan { name: "5 runs a side", runs: 5, variation: 0.0 };
    let (mut count, mut yes) = (0_usize, 0_usize);
    for mask in 0..1_u32 << runs.len() {
        // Each split once: the first run is always on the first side.
        if mask.count_ones() != 5 || mask & 1 == 0 {
            continue;
        }
        let of = |wanted: bool| {
            let is_there = |place: &usize| (mask >> place & 1 == 1) == wanted;
            (0..runs.len()).filter(is_there).map(|place| runs[place].clone()).collect::<Vec<_>>()
        };
        count += 1;
        yes += usize::from(answers(&[of(true), of(false)], &plan).contains(&Answer::Yes));
    }
    (count, number(yes) / number(count))
}

/// How much each statistic of each metric varies over the runs: deviation by mean, in percent.
pub(crate) fn variation(runs: &[Vec<Both>]) -> Vec<f64> {
    let of = |row: usize| {
        let values = runs.iter().map(|run| run[row].after.value).collect::<Vec<_>>();
        let n = number(values.len());
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (squares / (n - 1.0)).sqrt() / mean * 100.0
    };
    (0..runs[0].len()).map(of).collect()
}

/// What was found, for the document.
pub(crate) fn markdown(runs: &[Vec<Both>]) -> String {
    let pairs = pairs(runs);
    let (splits, halves) = halves(runs);
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let mut text =
        String::from("| comparisons | with a \"yes\" before | with a \"yes\" |\n| --- | ---: | ---: |\n");
    let count = pairs.pairs;
    let mut line = |what: &str, before: &str, after: f64| {
        writeln!(text, "| {what} | {before} | {} |", percent(after))
            .expect("writing to a string cannot fail");
    };
    line(&format!("{count} pairs of runs, tables"), &percent(pairs.tables_before), pairs.tables);
    line(&format!("{count} pairs of runs, rows"), &percent(pairs.rows_before), pairs.rows);
    line(
        &format!("{count} pairs of runs, rows, no allowance"),
        &percent(pairs.rows_before),
        pairs.rows_without_allowance,
    );
    line(&format!("{splits} ways to compare five runs with the other five, tables"), "–", halves);
    text.push_str("\n| metric | mean | p50 | p90 | p99 |\n| --- | ---: | ---: | ---: | ---: |\n");
    for (name, shares) in NAMES.iter().zip(variation(runs).chunks(4)) {
        let shares = shares.iter().map(|share| format!("{share:.1}")).collect::<Vec<_>>().join(" | ");
        writeln!(text, "| {name} | {shares} |").expect("writing to a string cannot fail");
    }
    text
}

const METRICS: usize = 3;
const NAMES: [&str; METRICS] =
    ["`kernel_time_to_first_token`", "`kernel_inter_token_latency`", "`kernel_request_latency`"];
