//! The statistics of one simulated run, computed as reports do.

use crate::before;
use crate::data::SHARES;
use statistics::{Batches, Estimate, Method};

/// A statistic before and after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Both {
    pub(crate) before: Option<(f64, f64)>,
    pub(crate) after: Estimate,
}

/// The mean and the percentiles of requests with some values each.
pub(crate) fn of_requests(requests: &[Vec<f64>]) -> [Both; 4] {
    let values = requests.iter().flatten().copied().collect::<Vec<_>>();
    measure(&values, requests.len(), |batches| requests.iter().for_each(|request| batches.values(request)))
}

/// The mean and the percentiles of requests with one value each.
pub(crate) fn of_values(values: &[f64]) -> [Both; 4] {
    measure(values, values.len(), |batches| values.iter().for_each(|value| batches.value(*value)))
}

fn measure(values: &[f64], requests: usize, fill: impl Fn(&mut Batches<4>)) -> [Both; 4] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let percentiles = SHARES.map(|share| share.map_or(0.0, |share| percentile(&sorted, share)));
    let mut batches = Batches::new(requests, percentiles);
    fill(&mut batches);
    let n = number(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    let assessed = batches.assess(variance);
    let mut places = 0..;
    SHARES.map(|share| {
        let place = places.next().unwrap_or(0);
        let Some(share) = share else {
            return Both {
                before: before::mean(values),
                after: assessed.mean(Method::Mean, f64::NEG_INFINITY),
            };
        };
        let interval = assessed.ranks(place, share);
        let interval = interval.and_then(|ranks| ranks.interval(|place| sorted[place.min(sorted.len() - 1)]));
        let after = Estimate { value: percentiles[place], interval };
        Both { before: before::percentile(&sorted, share), after }
    })
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = number(sorted.len() - 1) * share;
    let below = (0..sorted.len()).rfind(|at| number(*at) <= place).unwrap_or(0);
    let next = sorted[(below + 1).min(sorted.len() - 1)];
    sorted[below] + (next - sorted[below]) * place.fract()
}

pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}
