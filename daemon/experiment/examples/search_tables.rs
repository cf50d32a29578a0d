//! Prints how well searches find what is known of simulated servers: the tables of docs/SEARCH.md.

#![expect(clippy::print_stdout, reason = "it is a table for a reader")]

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use experiment::search::backlog;
use simulated::searches::{fixed, saturation, slo};
use simulated::{Finished, Server, Service, T_95, Until, float, judged};

fn main() {
    knees();
    backlogs();
    borders();
    refusals();
}

/// How often the knee is within 5 % of the number of workers.
fn knees() {
    println!(
        "| workers | service | knee within 5 % | knees | in its interval | confirmed | runs | requests |"
    );
    println!("| ---: | --- | ---: | --- | ---: | ---: | ---: | ---: |");
    for workers in [16, 20] {
        for service in Service::ALL {
            let server = Server::new(workers, service);
            let all = (0..SEEDS).map(|seed| saturation(&server, seed)).collect::<Vec<_>>();
            let is_close = |finished: &&Finished| (finished.best() / f64::from(workers) - 1.0).abs() <= 0.05;
            let is_confirmed = |finished: &&Finished| finished.reason == "saturation_confirmed";
            println!(
                "| {workers} | {} | {} of {SEEDS} | {} | {} | {} | {:.1} | {:.0} |",
                name(service),
                all.iter().filter(is_close).count(),
                range(&all),
                covering(&all, f64::from(workers), f64::from(workers)),
                all.iter().filter(is_confirmed).count(),
                mean(&all, |finished| float(finished.trials.len())),
                mean(&all, |finished| float(finished.requests())),
            );
        }
    }
}

/// How often a server is found to fall behind, at shares of its capacity.
fn backlogs() {
    println!("\n| load | constant | exponential | lognormal |");
    println!("| ---: | ---: | ---: | ---: |");
    for share in [0.8, 0.9, 0.95, 1.0, 1.05, 1.1] {
        let alarms = Service::ALL.map(|service| {
            let server = Server::new(16, service);
            let is_growing = |seed: &u64| {
                backlog(&server.open(share, 60.0, 12, *seed)).is_some_and(|backlog| backlog.is_growing)
            };
            (0..WINDOWS).filter(is_growing).count()
        });
        let shares = alarms.map(|alarms| format!("{:.1} %", 100.0 * float(alarms) / float(WINDOWS)));
        println!("| {:.0} % | {} |", 100.0 * share, shares.join(" | "));
    }
}

/// How often the answer of a search is within a step of the true one, and what it takes.
fn borders() {
    println!(
        "\n| service, limit | border | planner | requests a run | within 1 step | answers | in its interval | runs | requests |"
    );
    println!("| --- | ---: | --- | ---: | ---: | --- | ---: | ---: | ---: |");
    for (service, limit) in
        [(Service::Constant, 0.25), (Service::Exponential, 0.45), (Service::Lognormal, 0.5)]
    {
        let server = Server::new(16, service);
        let border = truth(&server, limit);
        let print = |planner: &str, requests: usize, all: &[Finished]| {
            let is_close = |finished: &&Finished| (finished.best() - border).abs() <= 1.0;
            println!(
                "| {}, {limit} s | {border} | {planner} | {requests} | {} of {SEEDS} | {} | {} | {:.1} | {:.0} |",
                name(service),
                all.iter().filter(is_close).count(),
                range(all),
                if planner == "slo" { covering(all, border, border + 1.0) } else { "-".to_owned() },
                mean(all, |finished| float(finished.trials.len())),
                mean(all, |finished| float(finished.requests())),
            );
        };
        for requests in [1_000, 2_000, 4_000, 8_000] {
            let all = (0..SEEDS).map(|seed| slo(&server, limit, requests, seed)).collect::<Vec<_>>();
            print("slo", requests, &all);
        }
        for (planner, sizes) in [("monotonic_sla", MONOTONIC), ("smooth_isotonic", ISOTONIC)] {
            for requests in sizes {
                let all = (0..SEEDS).map(|seed| fixed(planner, &server, limit, *requests, seed));
                print(planner, *requests, &all.collect::<Vec<_>>());
            }
        }
    }
}

/// The most load that meets the limit in a run of a million requests.
fn truth(server: &Server, limit: f64) -> f64 {
    let is_met = |load: u32| {
        let requests = server.closed(load, Until::Requests(1_000_000), 1);
        judged(&requests, limit, T_95)
            .and_then(|judged| judged.observed)
            .is_some_and(|observed| observed.value <= limit)
    };
    let loads = (1..=256).collect::<Vec<_>>();
    float(loads.partition_point(|load| is_met(*load)))
}

/// Whether a server that refuses requests is ever found to carry more than a slow one that answers all.
fn refusals() {
    println!("\n| service | refuses 30 %, 4 times as fast | answers all |");
    println!("| --- | --- | --- |");
    for service in Service::ALL {
        let slow = Server::new(16, service);
        let refusing = Server { refused: 0.3, mean: slow.mean / 4.0, ..slow };
        let of = |server: &Server| (0..SEEDS).map(|seed| slo(server, 0.6, 1_000, seed)).collect::<Vec<_>>();
        println!("| {} | {} | {} |", name(service), range(&of(&refusing)), range(&of(&slow)));
    }
}

const fn name(service: Service) -> &'static str {
    match service {
        Service::Constant => "constant",
        Service::Exponential => "exponential",
        Service::Lognormal => "lognormal, σ = 1",
    }
}

/// In how many searches the interval has a part of a range.
fn covering(all: &[Finished], low: f64, high: f64) -> String {
    let intervals = all.iter().filter_map(|finished| finished.found.border?.interval);
    intervals.filter(|interval| interval.0 <= high && interval.1 >= low).count().to_string()
}

/// The least answer, the one in the middle, and the greatest.
fn range(all: &[Finished]) -> String {
    let mut best = all.iter().map(Finished::best).collect::<Vec<_>>();
    best.sort_by(f64::total_cmp);
    let middle = best[best.len() / 2];
    format!("{} – {} – {}", best[0], middle, best[best.len() - 1])
}

fn mean(all: &[Finished], of: impl Fn(&Finished) -> f64) -> f64 {
    all.iter().map(of).sum::<f64>() / float(all.len())
}

const SEEDS: u64 = 100;
const WINDOWS: u64 = 1000;
/// The sizes of runs, in requests.
const MONOTONIC: &[usize] = &[1_000, 4_000, 8_000, 32_000];
const ISOTONIC: &[usize] = &[1_000, 4_000, 8_000];
