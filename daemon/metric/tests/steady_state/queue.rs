//! Simulated queues: when each request starts and ends, in units of the mean service time.

/// A request: its start and its end.
pub(crate) type Visit = (f64, f64);

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers for the same seed, in every version.
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of a seed, far from those of its neighbours.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_mul(GOLDEN)))
    }

    /// A number between 0 and 1, exclusive.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        (metric::float(mix(self.0) >> 12) + 0.5) / metric::float(1 << 52)
    }

    /// A number from the exponential distribution of mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// A number from the log-normal distribution of mean 1 whose logarithm has this deviation.
    pub(crate) fn log_normal(&mut self, deviation: f64) -> f64 {
        let normal = (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos();
        (deviation * normal - deviation * deviation / 2.0).exp()
    }
}

const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// The work of a request, by its number.
pub(crate) type Work<'w> = &'w dyn Fn(usize, &mut Random) -> f64;

/// Requests that arrive by a Poisson process with this rate by number, at servers that take them in order.
pub(crate) fn open(
    requests: usize,
    servers: usize,
    rate: &dyn Fn(usize) -> f64,
    work: Work<'_>,
    random: &mut Random,
) -> Vec<Visit> {
    let mut now = 0.0;
    let mut arrival = |number: usize, random: &mut Random| {
        now += random.exponential() / rate(number);
        now
    };
    let mut free = vec![0.0_f64; servers];
    let visit = |number| {
        let start = arrival(number, random);
        (start, serve(&mut free, start, work(number, random)))
    };
    (0..requests).map(visit).collect()
}

/// Users who send their next request when the last has ended, at servers that take them in order.
pub(crate) fn closed(
    requests: usize,
    users: usize,
    servers: usize,
    work: Work<'_>,
    random: &mut Random,
) -> Vec<Visit> {
    let mut next = vec![0.0; users];
    let mut free = vec![0.0_f64; servers];
    let visit = |number| {
        let user = least(&next);
        let start = next[user];
        next[user] = serve(&mut free, start, work(number, random));
        (start, next[user])
    };
    (0..requests).map(visit).collect()
}

/// Users as in [`closed`] who share the servers evenly; each has a time at which it enters, and a number of requests in all at
/// which it leaves.
pub(crate) fn shared(
    requests: usize,
    servers: f64,
    users: &[(f64, usize)],
    work: Work<'_>,
    random: &mut Random,
) -> Vec<Visit> {
    let mut visits = Vec::<Visit>::with_capacity(requests);
    let mut entering = users.iter().rev().copied().collect::<Vec<_>>();
    let mut running = Vec::<Running>::new();
    let (mut now, mut done) = (0.0, 0.0);
    loop {
        // Each request in flight has received `done` more work than at the start.
        let rate = (servers / metric::float_of(running.len().max(1))).min(1.0);
        let first = (0..running.len()).min_by(|a, b| running[*a].until.total_cmp(&running[*b].until));
        let ends = first.map_or(f64::INFINITY, |first| now + (running[first].until - done) / rate);
        let enters = entering.last().map_or(f64::INFINITY, |(enters, _)| *enters);
        let leaves = if enters <= ends {
            let Some((_, leaves)) = entering.pop() else { return visits };
            done += (enters - now) * rate;
            now = enters;
            leaves
        } else {
            let Some(first) = first else { return visits };
            let Running { until, visit, leaves } = running.swap_remove(first);
            (now, done) = (ends, until);
            visits[visit].1 = now;
            leaves
        };
        if visits.len() < requests.min(leaves) {
            let until = done + work(visits.len(), random);
            running.push(Running { until, visit: visits.len(), leaves });
            visits.push((now, now));
        }
    }
}

struct Running {
    until: f64,
    visit: usize,
    leaves: usize,
}

/// The end of a request at the server that is free first.
fn serve(free: &mut [f64], start: f64, work: f64) -> f64 {
    let server = least(free);
    free[server] = free[server].max(start) + work;
    free[server]
}

fn least(of: &[f64]) -> usize {
    (0..of.len()).min_by(|a, b| of[*a].total_cmp(&of[*b])).unwrap_or(0)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
