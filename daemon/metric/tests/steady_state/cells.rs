//! The cells of the table: simulated runs, what is true of them, and what the search must find.

use crate::queue::{Random, Visit, closed, open, shared};
use std::f64::consts::LN_10;

/// A kind of run.
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) requests: usize,
    pub(crate) truth: Truth,
    /// The least share of the runs in which the truth must be found in the quick version.
    pub(crate) least: f64,
    pub(crate) make: fn(usize, &mut Random) -> Vec<Visit>,
}

/// What is true of a run, in units of the mean service time.
#[derive(Clone, Copy)]
pub(crate) enum Truth {
    /// In its steady state, latency has this mean and 90th percentile.
    Steady { mean: f64, p90: f64 },
    /// It has none.
    None,
}

/// Every cell: closed loops of 32 users at 8 servers and open loops at 8 servers, unless the name says otherwise.
pub(crate) fn cells() -> Vec<Cell> {
    let cell = |name, requests, truth, least, make| Cell { name, requests, truth, least, make };
    let exponential = Truth::Steady { mean: 4.0, p90: 4.0 * LN_10 };
    vec![
        cell("closed loop, all users at once", 500, exponential, 0.9, |n, r| users(n, r, at_once, plain)),
        cell("closed loop, all users at once", 2000, exponential, 0.9, |n, r| users(n, r, at_once, plain)),
        cell("closed loop, served in order", 2000, in_order(), 0.9, |n, r| closed(n, 32, 8, &plain, r)),
        cell("closed loop, log-normal work (σ 1)", 2000, log_normal(), 0.9, |n, r| {
            users(n, r, at_once, |_, random| random.log_normal(1.0))
        }),
        cell("users ramp up over a fifth", 2000, exponential, 0.9, |n, r| users(n, r, ramp_up, plain)),
        cell("users leave over the last fifth", 2000, exponential, 0.9, |n, r| users(n, r, ramp_down, plain)),
        cell("closed loop, server warms up", 2000, exponential, 0.8, |n, r| users(n, r, at_once, warm_up)),
        cell("ramp, warm-up and leaving", 5000, exponential, 0.8, |n, r| {
            users(n, r, |number, n| (ramp_up(number, n).0, ramp_down(number, n).1), warm_up)
        }),
        cell("open loop, ρ 0.1", 200, erlang(0.1, 8.0), 0.9, |n, r| arrivals(n, r, 0.8, plain)),
        cell("open loop, ρ 0.1", 2000, erlang(0.1, 8.0), 0.9, |n, r| arrivals(n, r, 0.8, plain)),
        cell("open loop, 1 server, ρ 0.1", 500, erlang(0.1, 1.0), 0.9, |n, r| {
            open(n, 1, &|_| 0.1, &plain, r)
        }),
        cell("open loop, 1 server, ρ 0.01", 1000, erlang(0.01, 1.0), 0.9, |n, r| {
            open(n, 1, &|_| 0.01, &plain, r)
        }),
        cell("open loop, ρ 0.5", 2000, erlang(0.5, 8.0), 0.9, |n, r| arrivals(n, r, 4.0, plain)),
        cell("open loop, ρ 0.8", 2000, erlang(0.8, 8.0), 0.85, |n, r| arrivals(n, r, 6.4, plain)),
        cell("open loop, ρ 0.8", 10_000, erlang(0.8, 8.0), 0.9, |n, r| arrivals(n, r, 6.4, plain)),
        cell("open loop, ρ 0.5, server warms up", 2000, erlang(0.5, 8.0), 0.8, |n, r| {
            arrivals(n, r, 4.0, warm_up)
        }),
        cell("rate ramps up over a fifth to ρ 0.7", 2000, erlang(0.7, 8.0), 0.75, |n, r| {
            let rate = |number| 5.6 * (0.1 + 0.9 * share(number, n / 5).min(1.0));
            open(n, 8, &rate, &plain, r)
        }),
        cell("overload, ρ 1.05", 2000, Truth::None, 0.9, |n, r| arrivals(n, r, 8.4, plain)),
        cell("overload, ρ 1.05", 10_000, Truth::None, 0.95, |n, r| arrivals(n, r, 8.4, plain)),
        cell("overload, ρ 1.2", 500, Truth::None, 0.95, |n, r| arrivals(n, r, 9.6, plain)),
        cell("overload, ρ 1.2", 2000, Truth::None, 0.95, |n, r| arrivals(n, r, 9.6, plain)),
        cell("closed loop, work grows by 30 %", 2000, Truth::None, 0.25, |n, r| {
            users(n, r, at_once, |number, random| grows(number, 2000, random))
        }),
        cell("closed loop, work grows by 30 %", 5000, Truth::None, 0.9, |n, r| {
            users(n, r, at_once, |number, random| grows(number, 5000, random))
        }),
        cell("open loop, ρ 0.5 to 0.65", 5000, Truth::None, 0.9, |n, r| {
            arrivals(n, r, 4.0, |number, random| grows(number, 5000, random))
        }),
    ]
}

fn arrivals(
    requests: usize,
    random: &mut Random,
    rate: f64,
    work: fn(usize, &mut Random) -> f64,
) -> Vec<Visit> {
    open(requests, 8, &|_| rate, &work, random)
}

fn users(
    requests: usize,
    random: &mut Random,
    stay: fn(usize, usize) -> (f64, usize),
    work: fn(usize, &mut Random) -> f64,
) -> Vec<Visit> {
    let users = (0..32).map(|number| stay(number, requests)).collect::<Vec<_>>();
    shared(requests, 8.0, &users, &work, random)
}

/// A user's entry and leaving, by its number and the number of requests in all.
const fn at_once(_: usize, requests: usize) -> (f64, usize) {
    (0.0, requests)
}

/// Eight servers complete a fifth of the requests in a fortieth of their number.
fn ramp_up(number: usize, requests: usize) -> (f64, usize) {
    (share(number, 32) * metric::float_of(requests) / 40.0, requests)
}

const fn ramp_down(number: usize, requests: usize) -> (f64, usize) {
    (0.0, requests - number * requests / 5 / 32)
}

fn plain(_: usize, random: &mut Random) -> f64 {
    random.exponential()
}

/// The first requests take 2.5 times as long, and after 200 the excess is down to a third.
fn warm_up(number: usize, random: &mut Random) -> f64 {
    random.exponential() * (1.0 + 1.5 * (-share(number, 200)).exp())
}

fn grows(number: usize, requests: usize, random: &mut Random) -> f64 {
    random.exponential() * (1.0 + 0.3 * share(number, requests))
}

fn share(part: usize, whole: usize) -> f64 {
    metric::float_of(part) / metric::float_of(whole)
}

/// A closed loop whose users share the servers evenly: each request progresses at 8 / 32 of a server's speed.
fn log_normal() -> Truth {
    // The 90th percentile of the normal distribution is 1.2816 deviations above its mean.
    Truth::Steady { mean: 4.0, p90: 4.0 * (1.281_551_6_f64 - 0.5).exp() }
}

/// A closed loop served in order: 24 departures at rate 8 until a server is free, and the service.
fn in_order() -> Truth {
    // The tail of a sum of an Erlang number of shape 24 and an exponential one, by steps of a thousandth.
    let step = 1e-3_f64;
    let erlang = |x: f64| {
        let log_factorial = (1..24).map(|number| f64::from(number).ln()).sum::<f64>();
        (24.0 * 8_f64.ln() + 23.0 * x.ln() - 8.0 * x - log_factorial).exp()
    };
    let (mut below, mut convolved, mut time) = (0.0, 0.0, 0.0);
    while below < 0.9 {
        time += step;
        // d/dt of the convolution is the Erlang density less the convolution itself.
        convolved += (erlang(time - step / 2.0) - convolved) * step;
        below += convolved * step;
    }
    Truth::Steady { mean: 4.0, p90: time }
}

/// An open loop at this load per server: waits by Erlang's C formula, which are exponential if there are any.
fn erlang(load: f64, servers: f64) -> Truth {
    let offered = load * servers;
    let mut blocked = 1.0;
    let mut server = 0.0;
    while server < servers {
        server += 1.0;
        blocked = offered * blocked / (server + offered * blocked);
    }
    let waits = blocked / (1.0 - load * (1.0 - blocked));
    let spare = servers - 1.0 - offered;
    let longer = |time: f64| (-time).exp() * (1.0 + waits * (1.0 - (-time * spare).exp()) / spare);
    let (mut low, mut high) = (0.0, 100.0);
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        if longer(middle) > 0.1 { low = middle } else { high = middle }
    }
    Truth::Steady { mean: 1.0 + waits / (servers * (1.0 - load)), p90: low }
}
