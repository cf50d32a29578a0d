//! A server that is known exactly: workers that take requests in the order in which they arrive, by discrete events.
//!
//! ```text
//! closed loop: N clients, each sends its next request when it has the answer ─┐
//! open loop:   requests at random times, at a rate ───────────────────────────┴▶ one queue ──▶ k workers ──▶ requests: sent, took
//!                                                                                    └── a share is refused at once
//! ```
//!
//! A run's numbers have intervals by the means of 20 batches in time order.

pub(crate) mod searches;

use experiment::search::{Answer, Ask, Found, Judged, Load, Measure, Outcome, Probe, Search, Slice, Trial};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Exp1, StandardNormal};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pub(crate) workers: u32,
    pub(crate) service: Service,
    /// The mean time of service, in seconds.
    pub(crate) mean: f64,
    /// The share of requests that are refused.
    pub(crate) refused: f64,
}

/// What times of service are distributed like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    Constant,
    Exponential,
    /// With a deviation of the logarithm of 1.
    Lognormal,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Seconds since the begin of the run.
    pub(crate) sent: f64,
    /// Seconds.
    pub(crate) took: f64,
    pub(crate) is_answered: bool,
}

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Requests(usize),
    Seconds(f64),
}

/// Seconds, in order.
#[derive(Clone, Copy, PartialEq)]
struct Time(f64);

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Service {
    pub(crate) const ALL: [Self; 3] = [Self::Constant, Self::Exponential, Self::Lognormal];

    fn draw(self, random: &mut StdRng) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Exponential => Exp1.sample(random),
            Self::Lognormal => {
                let normal: f64 = StandardNormal.sample(random);
                (normal - 0.5).exp()
            }
        }
    }
}

impl Server {
    pub(crate) const fn new(workers: u32, service: Service) -> Self {
        Self { workers, service, mean: 0.1, refused: 0.0 }
    }

    fn free(&self) -> BinaryHeap<Reverse<Time>> {
        (0..self.workers).map(|_| Reverse(Time(0.0))).collect()
    }

    /// When a request that arrives is answered.
    fn take(&self, sent: f64, free: &mut BinaryHeap<Reverse<Time>>, random: &mut StdRng) -> Request {
        if self.refused > 0.0 && random.random::<f64>() < self.refused {
            return Request { sent, took: REFUSAL, is_answered: false };
        }
        let begin = free.pop().map_or(sent, |Reverse(Time(free))| free.max(sent));
        let end = self.mean.mul_add(self.service.draw(random), begin);
        free.push(Reverse(Time(end)));
        Request { sent, took: end - sent, is_answered: true }
    }

    /// The requests of clients that each have one in flight, after a ramp.
    pub(crate) fn closed(&self, clients: u32, until: Until, seed: u64) -> Vec<Request> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut free = self.free();
        let mut clients = (0..clients).map(|_| Reverse(Time(0.0))).collect::<BinaryHeap<_>>();
        let ramp = 20 * clients.len() + 100;
        let mut begin = f64::INFINITY;
        let mut requests = Vec::new();
        for number in 0_usize.. {
            let Some(Reverse(Time(sent))) = clients.pop() else { break };
            if number == ramp {
                begin = sent;
            }
            let is_over = match until {
                Until::Requests(most) => requests.len() >= most,
                Until::Seconds(most) => sent - begin >= most,
            };
            if is_over {
                break;
            }
            let request = self.take(sent, &mut free, &mut random);
            clients.push(Reverse(Time(sent + request.took)));
            if number >= ramp {
                requests.push(request);
            }
        }
        requests
    }

    /// Slices of a window of requests that arrive at random, at a share of the capacity. The ramp, a sixth, is before the window.
    pub(crate) fn open(&self, share: f64, seconds: f64, slices: u32, seed: u64) -> Vec<Slice> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut free = self.free();
        let rate = share * f64::from(self.workers) / self.mean;
        let ramp = seconds / 6.0;
        let width = (seconds - ramp) / f64::from(slices);
        let mut counts = vec![(0_u64, 0_u64, 0.0); slices as usize];
        // The slice of a time is found by comparing, since a number is not converted to a place without losses.
        let slice = |at: f64| {
            (0..slices)
                .rev()
                .find(|slice| at >= f64::from(*slice).mul_add(width, ramp))
                .map(|slice| slice as usize)
        };
        let mut sent = 0.0;
        while sent < seconds {
            let gap: f64 = Exp1.sample(&mut random);
            sent += gap / rate;
            let request = self.take(sent, &mut free, &mut random);
            let end = sent + request.took;
            if let Some(at) = slice(sent).filter(|_| sent < seconds) {
                counts[at].0 += 1;
            }
            if let Some(at) = slice(end).filter(|_| end < seconds) {
                counts[at].1 += 1;
                counts[at].2 += request.took;
            }
        }
        let made = counts.into_iter().map(|(arrivals, completions, took)| Slice {
            arrivals,
            completions,
            response: (completions > 0).then(|| took / float(completions)),
        });
        made.collect()
    }
}

/// Throughput and response of a closed loop.
pub(crate) fn load(requests: &[Request], clients: f64) -> Option<Load> {
    let batches = batches(requests)?;
    let begin = |batch: &&[Request]| batch[0].sent;
    let answered = |batch: &[Request]| batch.iter().filter(|request| request.is_answered).count();
    let ends = batches.iter().skip(1).map(begin).chain([requests.last()?.sent]);
    // Seconds for each answer, and seconds of each answer.
    let gaps = batches.iter().zip(ends).map(|(batch, end)| (end - batch[0].sent) / float(answered(batch)));
    let took = batches.iter().map(|batch| {
        let sum = batch.iter().filter(|request| request.is_answered).map(|request| request.took).sum::<f64>();
        sum / float(answered(batch))
    });
    let (gap, gap_error) = mean(&gaps.collect::<Vec<_>>());
    let (response, response_error) = mean(&took.collect::<Vec<_>>());
    let interval =
        |value: f64, share: f64| Measure { value, low: value * (1.0 - share), high: value * (1.0 + share) };
    Some(Load {
        throughput: interval(1.0 / gap, gap_error / gap),
        response: interval(response, response_error / response),
        in_flight: clients,
        issue_seconds: 0.0,
    })
}

/// Whether at least 95 % of the requests are answered within a time; those that are refused are not.
pub(crate) fn judged(requests: &[Request], limit: f64, deviations: f64) -> Option<Judged> {
    let times = |request: &Request| if request.is_answered { request.took } else { f64::MAX };
    let mut sorted = requests.iter().map(times).collect::<Vec<_>>();
    sorted.sort_by(f64::total_cmp);
    let value = quantile(&sorted, 0.95);
    let late = batches(requests)?.into_iter().map(|batch| {
        float(batch.iter().filter(|request| times(request) > value).count()) / float(batch.len())
    });
    let late = late.collect::<Vec<_>>();
    let error = mean(&late).1 / T_95 * deviations;
    let observed =
        Measure { value, low: quantile(&sorted, 0.95 - error), high: quantile(&sorted, 0.95 + error) };
    let answer = if observed.high <= limit {
        Answer::Met
    } else if observed.low > limit {
        Answer::Missed
    } else {
        Answer::Unsure { looks_met: value <= limit }
    };
    Some(Judged { observed: Some(observed), answer })
}

/// What a search found, and what it took.
pub(crate) struct Finished {
    pub(crate) trials: Vec<Trial>,
    pub(crate) found: Found,
    pub(crate) reason: &'static str,
}

impl Finished {
    /// Carries out a search.
    pub(crate) fn of(search: &Search, mut run: impl FnMut(&Probe, u64) -> Outcome) -> Self {
        let mut planner = search.planner();
        let mut trials = Vec::new();
        let mut number = 0;
        loop {
            match planner.ask() {
                Ask::Done(reason) => return Self { trials, found: planner.found(), reason },
                Ask::Measure(probe) => {
                    let trial = Trial { outcome: run(&probe, number), probe };
                    planner.tell(&trial);
                    trials.push(trial);
                    number += 1;
                }
            }
        }
    }

    /// The best load, 0 without one.
    pub(crate) fn best(&self) -> f64 {
        self.found.best.first().map_or(0.0, |trial| self.trials[*trial].probe.values[0])
    }

    /// The requests of all its runs.
    pub(crate) fn requests(&self) -> u64 {
        let requests = self.trials.iter().map(|trial| match &trial.outcome {
            Outcome::Measured(measured) => measured.requests,
            Outcome::ClientLimited(_) | Outcome::Failed(_) => 0,
        });
        requests.sum()
    }
}

/// A count of a probe, which is a whole number.
pub(crate) fn clients(probe: &Probe) -> u32 {
    (0..=4096).find(|count| f64::from(*count) >= probe.values[0]).unwrap_or(0)
}

/// A count as a number.
pub(crate) fn float(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}

fn batches(requests: &[Request]) -> Option<Vec<&[Request]>> {
    let size = requests.len() / BATCHES;
    (size > 0).then(|| requests.chunks_exact(size).take(BATCHES).collect())
}

/// A mean, and the half width of its 95 % interval.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = float(values.len());
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, T_95 * (squares / (count - 1.0) / count).sqrt())
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = share.clamp(0.0, 1.0) * float(sorted.len());
    let at = sorted.len() - sorted.len().min(1);
    let place = (0..=at).collect::<Vec<_>>().partition_point(|place| float(*place) + 1.0 < rank);
    sorted.get(place.min(at)).copied().unwrap_or(f64::NAN)
}

const BATCHES: usize = 20;
/// Deviations of Student's t with 19 degrees of freedom: within 95 %, and within 99 %.
pub(crate) const T_95: f64 = 2.093;
pub(crate) const T_99: f64 = 2.861;
/// How long a refusal takes, in seconds.
const REFUSAL: f64 = 0.001;
