//! Tests the search for the steady state on simulated queues whose truth is known, and on any requests at all.
//!
//! `AIPERFD_STEADY_SEEDS=400 cargo test --release -p metric --test steady_state` simulates that many runs of each kind and writes
//! the table in docs/STEADY_STATE.md; otherwise there are few, and the table stays.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod before;
mod cells;
mod queue;

use cells::{Cell, Truth, cells};
use common::clock::RealNs;
use metric::steady::{self, Course, LEAST, Stay, Unsteady};
use proptest::prelude::*;
use queue::{Random, Visit};
use std::fmt::Write as _;

/// What a rule makes of the runs of a cell.
#[derive(Default)]
struct Outcome {
    found: usize,
    /// The sums of the relative errors of mean and 90th percentile over the runs with a steady state.
    errors: [f64; 2],
    /// Runs without one: too short, growing, falling, wandering.
    reasons: [usize; 4],
}

#[test]
fn steady_states_of_simulated_queues_are_found() {
    let seeds = std::env::var("AIPERFD_STEADY_SEEDS").ok().map(|seeds| seeds.parse::<u64>().unwrap());
    let mut table = String::from(HEAD);
    let mut wrong = Vec::new();
    for cell in cells() {
        let [before, after] = outcomes(&cell, seeds.unwrap_or(FEW));
        let runs = metric::float(seeds.unwrap_or(FEW));
        let share = match cell.truth {
            Truth::Steady { .. } => metric::float_of(after.found) / runs,
            Truth::None => 1.0 - metric::float_of(after.found) / runs,
        };
        let biases = after.errors.map(|error| error / metric::float_of(after.found.max(1)));
        let is_biased =
            matches!(cell.truth, Truth::Steady { .. }) && biases.iter().any(|bias| bias.abs() > 0.05);
        let line = line(&cell, &before, &after);
        if share < cell.least || is_biased {
            wrong.push(line.clone());
        }
        table.push_str(&line);
    }
    assert!(
        wrong.is_empty(),
        "the truth is found too seldom, or missed by more than 5 %:\n{HEAD}{}",
        wrong.concat()
    );
    if let Some(seeds) = seeds {
        publish(seeds, &table);
    }
}

/// What the rule before and the search make of the runs of a cell.
fn outcomes(cell: &Cell, seeds: u64) -> [Outcome; 2] {
    let [mut before, mut after] = [Outcome::default(), Outcome::default()];
    for seed in 0..seeds {
        let stays = stays(&(cell.make)(cell.requests, &mut Random::new(seed + 1)));
        match before::find(&stays) {
            Some((begin, end)) => before.add(cell.truth, &stays, begin, end),
            None => before.reasons[0] += 1,
        }
        match steady::find(stays.clone()) {
            Ok(found) => after.add(cell.truth, &stays, found.begin, found.end),
            Err(Unsteady::TooFew { .. } | Unsteady::TooShort { .. }) => after.reasons[0] += 1,
            Err(Unsteady::Changes { how: Course::Grows, .. }) => after.reasons[1] += 1,
            Err(Unsteady::Changes { how: Course::Falls, .. }) => after.reasons[2] += 1,
            Err(Unsteady::Changes { how: Course::Wanders, .. }) => after.reasons[3] += 1,
        }
    }
    [before, after]
}

/// Visits at a server whose mean service time is 100 ms.
fn stays(visits: &[Visit]) -> Vec<Stay> {
    let date = |time: f64| RealNs(1_000_000_000 + metric::whole(time * SERVICE_NS));
    let stay = |(start, end): &Visit| {
        let (start, end) = (date(*start), date(*end));
        Stay { start, end, latency_ns: Some(metric::float(end.0 - start.0)), first_token_ns: None }
    };
    visits.iter().map(stay).collect()
}

impl Outcome {
    fn add(&mut self, truth: Truth, stays: &[Stay], begin: RealNs, end: RealNs) {
        self.found += 1;
        let Truth::Steady { mean, p90 } = truth else { return };
        let inside = stays.iter().filter(|stay| (begin..end).contains(&stay.start));
        let mut latencies = inside.filter_map(|stay| stay.latency_ns).collect::<Vec<_>>();
        latencies.sort_unstable_by(f64::total_cmp);
        let average = latencies.iter().sum::<f64>() / metric::float_of(latencies.len());
        let percentile = latencies[latencies.len() * 9 / 10];
        for (error, (got, truth)) in self.errors.iter_mut().zip([(average, mean), (percentile, p90)]) {
            *error += got / (truth * SERVICE_NS) - 1.0;
        }
    }

    fn bias(&self, which: usize) -> String {
        format!("{:+.1} %", self.errors[which] / metric::float_of(self.found) * 100.0)
    }
}

/// A line of the table.
fn line(cell: &Cell, before: &Outcome, after: &Outcome) -> String {
    let truth = if matches!(cell.truth, Truth::None) { "none" } else { "steady" };
    let mut line = format!("| {} | {} | {truth} |", cell.name, cell.requests);
    for outcome in [before, after] {
        write!(line, " {} |", outcome.found).unwrap();
        for which in 0..2 {
            let has_bias = outcome.found > 0 && truth == "steady";
            let bias = if has_bias { outcome.bias(which) } else { "–".to_owned() };
            write!(line, " {bias} |").unwrap();
        }
    }
    let reasons = ["short", "grows", "falls", "wanders"].into_iter().zip(after.reasons);
    let reasons = reasons.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}"));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    writeln!(line, " {} |", if reasons.is_empty() { "–" } else { &reasons }).unwrap();
    line
}

/// Writes the table into the document.
fn publish(seeds: u64, table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/STEADY_STATE.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let text = format!("{head}{BEGIN}\n{seeds} runs of each kind.\n\n{table}{END}{tail}");
    std::fs::write(path, text).unwrap();
}

/// Any requests: starts and lengths of several magnitudes, some without a latency.
fn any_stays() -> impl Strategy<Value = Vec<Stay>> {
    let magnitude = prop_oneof![Just(1_u64), Just(1000), Just(1_000_000_000), Just(u64::MAX / 2)];
    let stay = |spread: u64, length: u64| (0..=spread, 0..=length, proptest::bool::weighted(0.9));
    let stays = (magnitude.clone(), magnitude)
        .prop_flat_map(move |(spread, length)| proptest::collection::vec(stay(spread, length), 0..400));
    let stay = |(start, length, is_valid): (u64, u64, bool)| {
        let end = RealNs(start.saturating_add(length));
        let latency_ns = is_valid.then_some(metric::float(length));
        Stay {
            start: RealNs(start),
            end,
            latency_ns,
            first_token_ns: latency_ns.map(|latency| latency / 2.0),
        }
    };
    stays.prop_map(move |stays| stays.into_iter().map(stay).collect())
}

/// The least number for at least half of the time, counted at every change.
fn median_in_flight(stays: &[Stay], begin: RealNs, end: RealNs) -> u64 {
    let mut changes = stays.iter().flat_map(|stay| [stay.start, stay.end]).collect::<Vec<_>>();
    changes.extend([begin, end]);
    changes.retain(|at| (begin..=end).contains(at));
    changes.sort_unstable();
    let level = |at: RealNs| stays.iter().filter(|stay| stay.start <= at && stay.end > at).count() as u64;
    let mut lengths =
        changes.windows(2).map(|pair| (level(pair[0]), pair[1].0 - pair[0].0)).collect::<Vec<_>>();
    lengths.sort_unstable();
    let mut below = 0_u128;
    let whole = u128::from(end.0 - begin.0);
    let median = lengths.into_iter().find(|(_, length)| {
        below += u128::from(*length);
        below * 2 >= whole
    });
    median.unwrap().0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_is_as_claimed(stays in any_stays()) {
        match steady::find(stays.clone()) {
            Ok(found) => {
                let inside = stays.iter().filter(|stay| found.holds(stay.start)).count() as u64;
                prop_assert!(found.begin < found.end, "{found:?}");
                prop_assert!(found.requests == inside && inside > 0, "{inside} in {found:?}");
                prop_assert_eq!(found.in_flight, median_in_flight(&stays, found.begin, found.end));
            }
            Err(Unsteady::TooFew { requests }) => prop_assert!(stays.len() as u64 == requests && stays.len() < LEAST),
            Err(Unsteady::TooShort { requests }) => prop_assert!(requests <= stays.len() as u64),
            Err(Unsteady::Changes { from, to, how, .. }) => {
                prop_assert!(from.is_finite() && to.is_finite(), "{from} {to}");
                prop_assert_eq!(how == Course::Falls, from > to);
            }
        }
    }
}

const SERVICE_NS: f64 = 1e8;

/// Runs of each kind in the quick version.
const FEW: u64 = 24;

const BEGIN: &str = "<!-- table -->";
const END: &str = "<!-- /table -->";

const HEAD: &str = "| run | requests | truth | before: found | mean | p90 | after: found | mean | p90 | reasons |\n\
                    | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n";
