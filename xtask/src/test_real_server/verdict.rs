//! What a run's verdict says, and which of its reasons speak of the server.

use serde::Deserialize;

/// `verdict` of `run.json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Verdict {
    /// `valid`, `degraded` or `invalid`.
    pub(super) standing: String,
    reasons: Vec<Reason>,
}

#[derive(Clone, Debug, Deserialize)]
struct Reason {
    name: String,
    standing: String,
    text: String,
}

impl Verdict {
    /// Whether it has this reason.
    pub(super) fn names(&self, name: &str) -> bool {
        self.reasons.iter().any(|reason| reason.name == name)
    }

    /// In a line.
    pub(super) fn shown(&self) -> String {
        let reasons = self.reasons.iter().map(|reason| format!("{} ({})", reason.name, reason.standing));
        format!("{}: {}", self.standing, reasons.collect::<Vec<_>>().join(", "))
    }

    /// What it holds against server and answers, except for these reasons.
    pub(super) fn against_the_server(&self, except: &[&str]) -> Vec<String> {
        let is_meant = |name: &str| OF_THE_MACHINE.contains(&name) || except.contains(&name);
        let reasons = self.reasons.iter().filter(|reason| !is_meant(&reason.name));
        reasons.map(|reason| format!("{}: {}", reason.name, reason.text)).collect()
    }

    /// Whether it is as bad as its worst reason.
    pub(super) fn is_consistent(&self) -> bool {
        let worst = ["invalid", "degraded"]
            .into_iter()
            .find(|standing| self.reasons.iter().any(|reason| reason.standing == *standing));
        self.standing == worst.unwrap_or("valid")
    }
}

/// Reasons that tell how busy this machine is, or how short the run was.
const OF_THE_MACHINE: &[&str] = &[
    "client_overhead",
    "clock_step",
    "few_samples",
    "governor",
    "hot_core_saturated",
    "hot_core_shared",
    "late_requests",
    "read_before_arrival",
    "retransmits",
    "sibling_busy",
    "standstill",
    "steal_time",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(standing: &str, reasons: &[(&str, &str)]) -> Verdict {
        let reasons = reasons.iter().map(|(name, standing)| {
            serde_json::json!({"name": name, "standing": standing, "text": "why", "figures": []})
        });
        let reasons = reasons.collect::<Vec<_>>();
        serde_json::from_value(serde_json::json!({"standing": standing, "reasons": reasons})).unwrap()
    }

    #[test]
    fn a_busy_machine_says_nothing_of_the_server() {
        let found = verdict(
            "degraded",
            &[("few_samples", "valid"), ("standstill", "degraded"), ("buffered", "degraded")],
        );
        assert_eq!(found.against_the_server(&[]), ["buffered: why"], "one speaks of the server");
        assert!(found.against_the_server(&["buffered"]).is_empty(), "it was expected");
        assert!(found.names("buffered") && !found.names("not_streamed"), "what it names");
    }

    #[test]
    fn a_verdict_is_as_bad_as_its_worst_reason() {
        assert!(verdict("valid", &[("few_samples", "valid")]).is_consistent(), "a note");
        assert!(verdict("degraded", &[("a", "valid"), ("b", "degraded")]).is_consistent(), "the worst");
        assert!(!verdict("valid", &[("b", "degraded")]).is_consistent(), "too good");
        assert!(!verdict("invalid", &[("b", "degraded")]).is_consistent(), "too bad");
    }
}
