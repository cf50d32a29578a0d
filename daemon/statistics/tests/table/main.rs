//! The committed table of docs/STATISTICS.md: what intervals cover and what comparisons find, before and after, on data whose
//! truth is known.
//!
//! `AIPERFD_STATISTICS_SEEDS=2000 cargo test --release -p statistics --test table` writes it; without the variable a few seeds
//! are enough to find a method that does not do what it promises.

mod before;
mod comparison;
mod coverage;
mod data;
mod random;
mod real;
mod sample;

use comparison::PLANS;
use data::Kind;
use std::path::Path;

/// A statistic of few seeds deviates from its share by no more than this, but once in a thousand times.
fn allowed(share: f64, seeds: u64) -> f64 {
    let seeds = f64::from(u32::try_from(seeds).expect("few"));
    share + 3.1 * (share * (1.0 - share) / seeds).sqrt()
}

/// Wrong intervals of all runs: 5 %, and two points.
const WRONG: f64 = 0.07;

fn check_coverage(lines: &[coverage::Line], seeds: u64) {
    for (name, size, cells) in lines {
        for (place, cell) in cells.iter().enumerate() {
            let what = format!("{name}, {size} requests, statistic {place}: {cell:?}");
            assert!(cell.wrong <= allowed(WRONG, seeds), "too often wrong: {what}");
        }
    }
    // What is independent and long enough is never refused.
    let is_easy = |name: &str| !["AR", "M/M", "rates"].iter().any(|hard| name.starts_with(hard));
    for (name, size, cells) in lines.iter().filter(|(name, size, _)| is_easy(name) && *size >= 700) {
        assert!(cells.iter().all(|cell| cell.given > 0.95), "refused: {name}, {size}: {cells:?}");
    }
}

#[test]
fn intervals_cover_what_they_are_of() {
    let seeds = 150;
    check_coverage(&coverage::simulate(seeds, &[200, 700]), seeds);
}

#[test]
fn equal_sides_rarely_differ_and_unequal_ones_do() {
    let seeds = 60;
    for kind in [Kind::Lognormal, Kind::Discrete, Kind::Autoregressive9, Kind::Queue] {
        let found = comparison::simulate(seeds, kind, 200, 0.0, 1.0);
        for (plan, share) in PLANS.iter().zip(&found.tables) {
            assert!(*share <= allowed(0.05, seeds), "{kind:?}: {} {share}", plan.name);
        }
    }
    let found = comparison::simulate(20, Kind::Exponential, 700, 0.03, 1.5);
    assert!(found.rows[1][0] > 0.5 && found.rows[3][0] > 0.9, "half as much again is found: {found:?}");
}

#[test]
fn real_runs_of_one_load_do_not_differ() {
    let runs = real::runs();
    let found = real::pairs(&runs);
    assert_eq!((runs.len(), found.pairs), (10, 45), "every pair");
    assert!(found.tables <= 0.05, "{found:?}\n{}", real::markdown(&runs));
    assert!(real::halves(&runs).1 <= 0.05, "{}", real::markdown(&runs));
}

#[test]
fn the_committed_table_is_written() {
    let Some(seeds) = std::env::var("AIPERFD_STATISTICS_SEEDS").ok().and_then(|seeds| seeds.parse().ok())
    else {
        return;
    };
    let covered = coverage::simulate(seeds, &coverage::SIZES);
    check_coverage(&covered, seeds);
    let compared = |size: usize, between_runs: f64| {
        Kind::ALL.map(|kind| {
            (kind.name().to_owned(), comparison::simulate(seeds / 2, kind, size, between_runs, 1.0))
        })
    };
    let shifted = |kind: Kind, between_runs: f64| {
        [1.0, 1.05, 1.1, 1.25, 1.5].map(|factor| {
            let name = format!("{}: {:+.0} %", kind.name(), (factor - 1.0) * 100.0);
            (name, comparison::simulate(seeds / 4, kind, 700, between_runs, factor))
        })
    };
    let shifted = [shifted(Kind::Exponential, 0.03), shifted(Kind::Autoregressive5, 0.01)].concat();
    let sections = [
        ("coverage", format!("Each cell is of {seeds} simulated runs.\n\n{}", coverage::markdown(&covered))),
        ("false 0", comparison::markdown(&compared(700, 0.0))),
        ("false 3", comparison::markdown(&compared(700, 0.03))),
        ("real", real::markdown(&real::runs())),
        ("power", comparison::markdown_of_power(&shifted)),
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/STATISTICS.md");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (name, table) in sections {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let from = text.find(&begin).unwrap() + begin.len();
        let to = text.find(&end).unwrap();
        text.replace_range(from..to, &table);
    }
    std::fs::write(&path, text).unwrap();
}
