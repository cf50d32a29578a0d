//! How often a table of two equal sides has a "yes", and how often a difference is found.

use crate::before;
use crate::data::Kind;
use crate::random::Random;
use crate::sample::{Both, number, of_values};
use statistics::{Answer, Question, RUN_VARIATION, Relevant, Side, Spread, difference, judge};
use std::fmt::Write;

/// How runs are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) runs: usize,
    pub(crate) variation: f64,
}

/// What was found for one kind, as shares.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Tables with a "yes" by the methods before.
    pub(crate) before: f64,
    /// Tables with a "yes", by plan.
    pub(crate) tables: Vec<f64>,
    /// Rows that are answered "no", by plan.
    pub(crate) no: Vec<f64>,
    /// Rows that are answered "yes", by plan and statistic, in the first metric.
    pub(crate) rows: Vec<[f64; 4]>,
}

pub(crate) const PLANS: [Plan; 4] = [
    Plan { name: "one run a side, no allowance", runs: 1, variation: 0.0 },
    Plan { name: "one run a side", runs: 1, variation: RUN_VARIATION },
    Plan { name: "3 runs a side", runs: 3, variation: RUN_VARIATION },
    Plan { name: "10 runs a side", runs: 10, variation: RUN_VARIATION },
];

/// Compares two sides, the second with its values multiplied; `between_runs` is the standard deviation of runs.
pub(crate) fn simulate(seeds: u64, kind: Kind, size: usize, between_runs: f64, factor: f64) -> Found {
    let mut found =
        Found { before: 0.0, tables: vec![0.0; 4], no: vec![0.0; 4], rows: vec![[0.0; 4]; PLANS.len()] };
    let each = 1.0 / number(usize::try_from(seeds).expect("few"));
    for seed in 0..seeds {
        let mut random = Random::new(seed + 1_000_000);
        let sides = [1.0, factor].map(|factor| side(&mut random, kind, size, between_runs, factor));
        let is_before = (0..ROWS).any(|row| differed(&sides[0][0][row], &sides[1][0][row]));
        found.before += if is_before { each } else { 0.0 };
        for (place, plan) in PLANS.iter().enumerate() {
            let answers = answers(&sides, plan);
            let count = |wanted: Answer| number(answers.iter().filter(|answer| **answer == wanted).count());
            found.tables[place] += if answers.contains(&Answer::Yes) { each } else { 0.0 };
            found.no[place] += count(Answer::No) / number(ROWS) * each;
            for (row, answer) in found.rows[place].iter_mut().zip(&answers) {
                *row += if *answer == Answer::Yes { each } else { 0.0 };
            }
        }
    }
    found
}

/// The rows of one side in each run.
fn side(random: &mut Random, kind: Kind, size: usize, between_runs: f64, factor: f64) -> Vec<Vec<Both>> {
    let mut run = || {
        let metrics = (0..METRICS).map(|_| {
            let factor = factor * (between_runs * random.normal()).exp();
            let values = kind.latencies(random, size);
            of_values(&values.into_iter().map(|value| value * factor).collect::<Vec<_>>())
        });
        metrics.flatten().collect()
    };
    (0..PLANS[PLANS.len() - 1].runs).map(|_| run()).collect()
}

pub(crate) fn differed(base: &Both, other: &Both) -> bool {
    let ends = base.before.zip(other.before);
    ends.is_some_and(|(low, high)| before::differ((base.after.value, low), (other.after.value, high)))
}

/// The answers of a table, by row.
pub(crate) fn answers(sides: &[Vec<Vec<Both>>; 2], plan: &Plan) -> Vec<Answer> {
    let rows = (0..sides[0][0].len()).map(|row| {
        let values = [0, 1].map(|side: usize| {
            sides[side][..plan.runs].iter().map(|run| run[row].after.value).collect::<Vec<_>>()
        });
        let of = |side: usize| {
            let first = sides[side][0][row].after;
            let within = first.interval.map(|interval| Spread::of(first.value, &interval));
            Side { runs: &values[side], within }
        };
        let relevant = Relevant::Share(RELEVANT).of(values[0][0]);
        Question { difference: difference(of(0), of(1), plan.variation), relevant, least: relevant }
    });
    judge(&rows.collect::<Vec<_>>()).iter().map(|judged| judged.answer).collect()
}

/// Tables with a false "yes", in percent.
pub(crate) fn markdown(lines: &[(String, Found)]) -> String {
    let mut text = String::from("| data | before |");
    let names = PLANS.iter().map(|plan| format!(" {} |", plan.name)).collect::<String>();
    writeln!(text, "{names}\n| --- | ---: |{}", " ---: |".repeat(PLANS.len()))
        .expect("writing to a string cannot fail");
    for (name, found) in lines {
        let after = found.tables.iter().map(|share| format!(" {:.1} |", share * 100.0)).collect::<String>();
        writeln!(text, "| {name} | {:.1} |{after}", found.before * 100.0)
            .expect("writing to a string cannot fail");
    }
    text
}

/// How often a row is answered "yes", in percent.
pub(crate) fn markdown_of_power(lines: &[(String, Found)]) -> String {
    let mut text = String::from(
        "| shift | how | mean | p50 | p90 | p99 | rows answered \"no\" |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (name, found) in lines {
        for ((plan, rows), no) in PLANS.iter().zip(&found.rows).zip(&found.no) {
            let shares = rows.map(|share| format!("{:.0}", share * 100.0)).join(" | ");
            writeln!(text, "| {name} | {} | {shares} | {:.0} |", plan.name, no * 100.0)
                .expect("writing to a string cannot fail");
        }
    }
    text
}

const METRICS: usize = 4;
const ROWS: usize = METRICS * 4;
/// A shift of this share matters.
pub(crate) const RELEVANT: f64 = 0.05;
