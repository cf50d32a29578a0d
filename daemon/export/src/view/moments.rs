//! When what the verdict's reasons are about happened, as far as requests show it: seconds since the first request was due.

use common::client_event::Outcome;
use metric::Case;
use std::collections::{BTreeMap, BTreeSet};

/// The seconds in which requests show a reason, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moments(BTreeMap<&'static str, BTreeSet<u64>>);

/// Measured requests, by what they show and when they were due, in nanoseconds of the monotonic clock.
#[derive(Default)]
pub(super) struct Showing {
    begin: Option<u64>,
    /// Tenths of a second of the clock, by reason: bounded by the run's length.
    shown: BTreeMap<&'static str, BTreeSet<u64>>,
}

impl Showing {
    /// Takes a measured request.
    pub(super) fn take(&mut self, case: &Case<'_>) {
        let due = case.request.due_ns.0;
        self.begin = Some(self.begin.map_or(due, |begin| begin.min(due)));
        let late =
            case.request.submitted_ns.is_some_and(|submitted| submitted.0.saturating_sub(due) > LATE_NS);
        let is_cancelled = matches!(case.request.outcome, Outcome::Cancelled | Outcome::Interrupted);
        let shows = [
            ("late_requests", late),
            ("requests_failed", !case.is_valid() && !is_cancelled),
            ("retransmits", case.request.retransmits.is_some_and(|count| count > 0)),
        ];
        for (reason, _) in shows.into_iter().filter(|(_, shows)| *shows) {
            self.shown.entry(reason).or_default().insert(due / TENTH_NS);
        }
    }

    /// The seconds since the first request was due.
    pub(super) fn finish(self) -> Moments {
        let begin = self.begin.unwrap_or(0) / TENTH_NS;
        let since = |at: u64| (at - begin.min(at)) / TENTHS;
        let of = |(reason, moments): (&'static str, BTreeSet<u64>)| {
            (reason, moments.into_iter().map(since).collect())
        };
        Moments(self.shown.into_iter().map(of).collect())
    }
}

impl Moments {
    /// When a reason showed, in words: `at 3–7 s, 12 s`; `None` if requests do not show it.
    pub(crate) fn of(&self, reason: &str) -> Option<String> {
        let seconds = self.0.get(reason)?;
        let mut ranges = Vec::<(u64, u64)>::new();
        for second in seconds {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 >= *second => *last = *second,
                _ => ranges.push((*second, *second)),
            }
        }
        let more = ranges.len().saturating_sub(RANGES_MAX);
        let words = ranges.iter().take(RANGES_MAX).map(|(first, last)| format!("{first}–{} s", last + 1));
        let words = words.collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more times") } else { String::new() };
        (!words.is_empty()).then(|| format!("at {words}{more}"))
    }
}

/// As the verdict counts it.
const LATE_NS: u64 = 1_000_000;
/// Seconds are made of tenths, as a run does not begin with a second of the clock.
const TENTH_NS: u64 = 100_000_000;
const TENTHS: u64 = 10;
/// Ranges that are named.
const RANGES_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_ranges() {
        let moments =
            |seconds: &[u64]| Moments([("late_requests", seconds.iter().copied().collect())].into());
        assert_eq!(moments(&[3, 4, 5, 12]).of("late_requests").as_deref(), Some("at 3–6 s, 12–13 s"));
        assert_eq!(moments(&[0]).of("late_requests").as_deref(), Some("at 0–1 s"));
        assert_eq!(moments(&[]).of("late_requests"), None);
        assert_eq!(moments(&[3]).of("requests_failed"), None, "another reason");
        let many = (0..20).map(|number| number * 10).collect::<Vec<_>>();
        assert!(moments(&many).of("late_requests").unwrap().ends_with("50–51 s and 14 more times"));
    }
}
