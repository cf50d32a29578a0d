//! How often a 95 % interval contains what it is of, before and after.

use crate::data::{Ends, Kind, SHARES, completions, gaps, tokens_per_second, truth_of_gaps};
use crate::random::Random;
use crate::sample::{Both, number, of_requests, of_values};
use statistics::{Method, cycles};
use std::fmt::Write;

/// The sizes of runs, in requests.
pub(crate) const SIZES: [usize; 3] = [200, 700, 3000];

/// What was found of one statistic of one kind and size, as shares.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cell {
    /// How often today's interval contained the true value, of those that there were.
    before: f64,
    before_given: f64,
    /// How often the interval contained the true value, of those that there were.
    pub(crate) covered: f64,
    /// How often there was an interval.
    pub(crate) given: f64,
    /// How often there was one without the true value, of all runs.
    pub(crate) wrong: f64,
}

/// The cells of one kind and size, by statistic.
pub(crate) type Line = (String, usize, Vec<Cell>);

/// Everything that is covered.
pub(crate) fn simulate(seeds: u64, sizes: &[usize]) -> Vec<Line> {
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        for size in sizes {
            let truth = SHARES.map(|share| kind.truth(share));
            let cells = cells(seeds, &truth, |random| of_values(&kind.latencies(random, *size)));
            lines.push((kind.name().to_owned(), *size, cells));
        }
    }
    for size in sizes {
        let truth = SHARES.map(truth_of_gaps);
        let cells = cells(seeds, &truth, |random| of_requests(&gaps(random, *size)));
        lines.push(("gaps, 20 a request".to_owned(), *size, cells));
    }
    for (name, ends) in ENDS {
        for size in sizes {
            let cells = cells(seeds, &[1.0, tokens_per_second()], |random| rates(random, *size, ends));
            lines.push((name.to_owned(), *size, cells));
        }
    }
    lines
}

/// Requests per second and tokens per second.
fn rates(random: &mut Random, size: usize, ends: Ends) -> [Both; 2] {
    let completed = completions(random, size, ends);
    let times = completed.iter().map(|(_, since)| *since);
    let parts = completed.iter().map(|(tokens, _)| [1.0, *tokens]);
    cycles(times, parts)
        .map(|batches| Both { before: None, after: batches.assess_rate().mean(Method::Ratio, 0.0) })
}

fn cells<const N: usize>(seeds: u64, truth: &[f64; N], run: impl Fn(&mut Random) -> [Both; N]) -> Vec<Cell> {
    let mut cells = vec![Cell::default(); N];
    let each = 1.0 / number(usize::try_from(seeds).expect("few"));
    let holds = |(low, high): (f64, f64), truth: f64| low <= truth + TINY && truth - TINY <= high;
    for seed in 0..seeds {
        let found = run(&mut Random::new(seed));
        for ((cell, both), truth) in cells.iter_mut().zip(found).zip(truth) {
            if let Some(before) = both.before {
                cell.before_given += each;
                cell.before += if holds(before, *truth) { each } else { 0.0 };
            }
            if let Ok(interval) = both.after.interval {
                cell.given += each;
                let is_held = holds((interval.low, interval.high), *truth);
                *(if is_held { &mut cell.covered } else { &mut cell.wrong }) += each;
            }
        }
    }
    for cell in &mut cells {
        cell.before /= cell.before_given;
        cell.covered /= cell.given;
    }
    cells
}

/// The table, of which a reader needs to know that a cell is "before → after".
pub(crate) fn markdown(lines: &[Line]) -> String {
    let mut text = String::from(
        "| data | requests | mean | p50 | p90 | p99 |\n| --- | ---: | --- | --- | --- | --- |\n",
    );
    for (name, size, cells) in lines {
        let shown = cells.iter().map(shown).collect::<Vec<_>>();
        let rest = vec!["–".to_owned(); SHARES.len() - shown.len()];
        let shown = shown.into_iter().chain(rest).collect::<Vec<_>>().join(" | ");
        writeln!(text, "| {name} | {size} | {shown} |").expect("writing to a string cannot fail");
    }
    text
}

fn shown(cell: &Cell) -> String {
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let before = if cell.before_given > 0.0 { percent(cell.before) } else { "none".to_owned() };
    let cant_tell = (1.0 - cell.given) * 100.0;
    let wrong = percent(cell.wrong);
    match cant_tell {
        100.0.. => format!("{before} → can't tell"),
        20.0.. => format!("{before} → can't tell in {cant_tell:.0}, wrong in {wrong}"),
        0.5.. => format!("{before} → {} (can't tell in {cant_tell:.0})", percent(cell.covered)),
        _ => format!("{before} → {}", percent(cell.covered)),
    }
}

const ENDS: [(&str, Ends); 3] = [
    ("rates, at random", Ends::AtRandom),
    ("rates, at regular times", Ends::Regularly),
    ("rates, in bursts of 8", Ends::InBursts),
];
const TINY: f64 = 1e-9;
