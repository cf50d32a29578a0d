//! The cumulative energy over time, in joules: piecewise linear between samples.
//!
//! A driver's counter changes in steps; power is assumed constant between two changes. Without a counter, power is integrated
//! by trapezoids.

use super::series::{Gpus, Series};
use common::clock::{DurationNs, MonoNs};

/// The cumulative energy over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Curve {
    points: Vec<(MonoNs, f64)>,
}

impl Curve {
    /// From an energy counter in MJ; `None` if it never changed.
    pub(crate) fn of_counter(readings: &[(MonoNs, f64)]) -> Option<Self> {
        let mut points = Vec::<(MonoNs, f64)>::new();
        let (mut joules, mut before) = (0.0, readings.first()?.1);
        for (at, megajoules) in readings {
            let drawn = (megajoules - before) * 1e6;
            before = *megajoules;
            // A counter that falls was reset: its previous value is unknown, so nothing is added.
            if drawn > 0.0 || points.is_empty() {
                joules += drawn.max(0.0);
                points.push((*at, joules));
            }
        }
        (points.len() > 2).then_some(Self { points })
    }

    /// From power in W.
    pub(crate) fn of_power(readings: &[(MonoNs, f64)]) -> Option<Self> {
        let mut joules = 0.0;
        let mut points = vec![(readings.first()?.0, 0.0)];
        for pair in readings.windows(2) {
            let [(from, first), (to, second)] = [pair[0], pair[1]];
            joules += f64::midpoint(first, second) * (to - from).as_seconds();
            points.push((to, joules));
        }
        (points.len() > 1).then_some(Self { points })
    }

    /// A GPU's energy from the best available source: its counter, its instantaneous power, its mean power.
    pub(crate) fn energy_of(gpu: &Series) -> Option<Self> {
        Self::of_counter(gpu.energy()).or_else(|| Self::power_of(gpu))
    }

    /// A GPU's energy from its power alone.
    pub(crate) fn power_of(gpu: &Series) -> Option<Self> {
        Self::of_power(gpu.power_instant()).or_else(|| Self::of_power(gpu.power()))
    }

    /// A GPU's energy with the finest time resolution, for short intervals.
    fn fine_of(gpu: &Series) -> Option<Self> {
        let instant = Self::of_power(gpu.power_instant());
        instant.or_else(|| Self::of_counter(gpu.energy())).or_else(|| Self::of_power(gpu.power()))
    }

    /// The energy of all GPUs together.
    pub(crate) fn energy_of_all(gpus: &Gpus) -> Option<Self> {
        Self::sum(gpus.each().filter_map(Self::energy_of).collect())
    }

    /// The energy of all GPUs with the finest time resolution, for short intervals.
    pub(crate) fn fine_of_all(gpus: &Gpus) -> Option<Self> {
        Self::sum(gpus.each().filter_map(Self::fine_of).collect())
    }

    fn sum(mut curves: Vec<Self>) -> Option<Self> {
        if curves.len() < 2 {
            return curves.pop();
        }
        let mut moments =
            curves.iter().flat_map(|curve| &curve.points).map(|(at, _)| *at).collect::<Vec<_>>();
        moments.sort_unstable();
        moments.dedup();
        let mut sums = vec![0.0; moments.len()];
        for curve in &curves {
            let mut place = 0;
            for (sum, at) in sums.iter_mut().zip(&moments) {
                while curve.points.get(place + 1).is_some_and(|(next, _)| next <= at) {
                    place += 1;
                }
                *sum += curve.from(place, *at);
            }
        }
        Some(Self { points: moments.into_iter().zip(sums).collect() })
    }

    /// The energy up to a point in time, in joules.
    pub(crate) fn at(&self, moment: MonoNs) -> f64 {
        let place = self.points.partition_point(|(at, _)| *at <= moment);
        self.from(place.saturating_sub(1), moment)
    }

    /// The energy between two points in time, in joules.
    pub(crate) fn between(&self, begin: MonoNs, end: MonoNs) -> f64 {
        (self.at(end) - self.at(begin)).max(0.0)
    }

    /// Interpolates between a point and the next; extrapolates slightly before the first and after the last.
    fn from(&self, place: usize, moment: MonoNs) -> f64 {
        let place = place.min(self.points.len().saturating_sub(2));
        let (Some((from, first)), Some((to, second))) = (self.points.get(place), self.points.get(place + 1))
        else {
            return 0.0;
        };
        let moment = moment.0.clamp(
            from.0.saturating_sub(BEYOND.0.unsigned_abs()),
            to.0.saturating_add(BEYOND.0.unsigned_abs()),
        );
        let length = (*to - *from).as_seconds();
        if length <= 0.0 {
            return *second;
        }
        first + (second - first) * ((MonoNs(moment) - *from).as_seconds() / length)
    }
}

/// Maximum extrapolation beyond the samples.
const BEYOND: DurationNs = DurationNs::from_millis(1000);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn readings(values: &[(u64, f64)]) -> Vec<(MonoNs, f64)> {
        values.iter().map(|(at, value)| (MonoNs(at * SECOND / 10), *value)).collect()
    }

    #[track_caller]
    fn check(curve: &Curve, from: u64, to: u64, joules: f64) {
        let found = curve.between(MonoNs(from * SECOND / 10), MonoNs(to * SECOND / 10));
        assert!((found - joules).abs() < 1e-6, "{found} J, not {joules}");
    }

    #[test]
    fn a_counter_that_stands_still_between_steps() {
        let counter = [(10, 1.0), (11, 1.0), (12, 1.0001), (13, 1.0001), (14, 1.0003), (15, 1.0003)];
        let curve = Curve::of_counter(&readings(&counter)).unwrap();
        check(&curve, 10, 12, 100.0);
        check(&curve, 12, 13, 100.0);
        check(&curve, 13, 14, 100.0);
        check(&curve, 14, 15, 100.0);
        assert_eq!(Curve::of_counter(&readings(&[(1, 5.0), (2, 5.0), (3, 5.0)])), None, "it never moved");
    }

    #[test]
    fn power_is_integrated() {
        let curve = Curve::of_power(&readings(&[(0, 100.0), (10, 300.0), (20, 300.0)])).unwrap();
        check(&curve, 0, 10, 200.0);
        check(&curve, 10, 15, 150.0);
        check(&curve, 0, 20, 500.0);
    }

    #[test]
    fn curves_add_up() {
        let one = Curve::of_power(&readings(&[(0, 100.0), (20, 100.0)])).unwrap();
        let other = Curve::of_power(&readings(&[(5, 50.0), (25, 50.0)])).unwrap();
        let both = Curve::sum(vec![one, other]).unwrap();
        check(&both, 5, 15, 150.0);
        check(&both, 10, 20, 150.0);
    }
}
