//! How a run has been over its time, as series of numbers: one for each column of the screen.

use super::now::At;
use metric::float;

/// The course of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course<'a>(pub(crate) &'a [At]);

impl<'a> Course<'a> {
    /// The last moment at or before a time.
    fn at(self, seconds: f64) -> Option<&'a At> {
        let after = self.0.partition_point(|at| at.seconds <= seconds);
        after.checked_sub(1).map(|place| &self.0[place])
    }

    /// The newest moment.
    pub(crate) fn last(self) -> Option<&'a At> {
        self.0.last()
    }

    /// Something that grows, by its growth in a second, over the last few seconds before a time.
    pub(crate) fn rate(self, seconds: f64, number: impl Fn(&At) -> u64) -> Option<f64> {
        let at = self.at(seconds)?;
        // Nothing had ended when the first request was due.
        let before = self.at(seconds - RATE_SECONDS).copied().unwrap_or_default();
        let time = at.seconds - before.seconds;
        (time > 0.0).then(|| float(number(at).saturating_sub(number(&before))) / time)
    }

    /// Something at so many times, evenly over the last `seconds`, up to the newest moment.
    pub(crate) fn series(
        self,
        columns: usize,
        seconds: f64,
        number: impl Fn(Self, f64) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let Some(last) = self.last() else { return Vec::new() };
        let time = |column: usize| {
            let from_end = (columns - 1 - column) as u64;
            last.seconds - seconds * float(from_end) / float((columns as u64).max(1))
        };
        let numbers = (0..columns).map(time).map(|time| match time {
            0.0.. => number(self, time),
            _ => None,
        });
        numbers.collect()
    }

    /// What a moment has, at a time.
    pub(crate) fn of(self, seconds: f64, number: impl Fn(&At) -> Option<f64>) -> Option<f64> {
        self.at(seconds).and_then(number)
    }
}

/// The time over which a rate is averaged.
const RATE_SECONDS: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn moments() -> Vec<At> {
        let at = |second: u32| At {
            seconds: f64::from(second) / 2.0,
            completed: u64::from(second) * 5,
            in_flight: u64::from(second),
            ..At::default()
        };
        (0..=20).map(at).collect()
    }

    #[test]
    fn rates_are_of_the_last_seconds() {
        let moments = moments();
        let course = Course(&moments);
        assert_eq!(course.rate(10.0, |at| at.completed), Some(10.0));
        assert_eq!(course.rate(1.0, |at| at.completed), Some(10.0), "at the start, since then");
        assert_eq!(course.rate(0.0, |at| at.completed), None, "no time");
        assert_eq!(Course(&[]).rate(1.0, |at| at.completed), None, "nothing");
    }

    #[test]
    fn series_are_even_and_end_with_the_newest() {
        let moments = moments();
        let flight = |course: Course<'_>, time| course.of(time, |at| Some(float(at.in_flight)));
        let series = Course(&moments).series(4, 20.0, flight);
        assert_eq!(series, [None, Some(0.0), Some(10.0), Some(20.0)]);
        assert_eq!(Course(&[]).series(4, 20.0, flight), Vec::new());
    }
}
