//! Findings about one server: printed as they are made, and kept where something is not as it should be.

use crate::say::say;
use std::time::Duration;

/// What differs from what it should be.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Which profile is looked at.
    case: String,
    differences: Vec<String>,
}

impl Findings {
    /// From here on another profile is looked at.
    pub(super) fn begin(&mut self, case: &str) {
        case.clone_into(&mut self.case);
    }

    /// Something that is not as it should be.
    pub(super) fn differs(&mut self, what: &str) {
        say(&format!("! {what}"));
        self.differences.push(format!("{}: {what}", self.case));
    }

    /// Two counts that should be equal.
    pub(super) fn equal(&mut self, what: &str, ours: u64, servers: u64) {
        match ours == servers {
            true => say(&format!("  {what}: {ours}, and the server counts as many")),
            false => self.differs(&format!("{what}: {ours}, but the server counts {servers}")),
        }
    }

    /// Spans as we measured them, each with the server's own of the same thing, which can't be longer.
    pub(super) fn not_less(&mut self, what: &str, spans: &[(Duration, Duration)], resolution: Duration) {
        let less = spans.iter().filter(|(ours, servers)| *ours + resolution < *servers).count();
        let mut ours = spans.iter().map(|(ours, _)| *ours).collect::<Vec<_>>();
        let mut gaps = spans.iter().map(|(ours, servers)| ours.saturating_sub(*servers)).collect::<Vec<_>>();
        ours.sort_unstable();
        gaps.sort_unstable();
        let (Some(least), Some(most)) = (gaps.first(), gaps.last()) else {
            self.differs(&format!("{what}: the server reported nothing to compare with"));
            return;
        };
        if less > 0 {
            self.differs(&format!("{what}: {less} of {} are less than the server's own", spans.len()));
        }
        say(&format!(
            "  {what}: median {:.3?}; longer than the server's own by {:.3?} [{least:.3?} to {most:.3?}]",
            ours[ours.len() / 2],
            gaps[gaps.len() / 2],
        ));
    }

    /// What differs.
    pub(super) fn differences(&self) -> &[String] {
        &self.differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(find: impl FnOnce(&mut Findings), expected: &[&str]) {
        let mut findings = Findings::default();
        findings.begin("a");
        find(&mut findings);
        assert_eq!(findings.differences(), expected);
    }

    #[test]
    fn counts_are_equal_or_not() {
        check(|findings| findings.equal("requests", 40, 40), &[]);
        check(|findings| findings.equal("requests", 40, 39), &["a: requests: 40, but the server counts 39"]);
    }

    #[test]
    fn spans_are_no_shorter_than_the_servers() {
        let micros = Duration::from_micros;
        let spans = [(micros(50), micros(40)), (micros(50), micros(51))];
        check(|findings| findings.not_less("ttft", &spans, micros(1)), &[]);
        check(
            |findings| findings.not_less("ttft", &spans, Duration::ZERO),
            &["a: ttft: 1 of 2 are less than the server's own"],
        );
        check(
            |findings| findings.not_less("ttft", &[], micros(1)),
            &["a: ttft: the server reported nothing to compare with"],
        );
    }
}
