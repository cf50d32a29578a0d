//! The host's effect on the numbers: its clocks, its hypervisor, its cores' frequency.

use super::{Evidence, Found, Rule, degraded, note};

/// The rules.
pub(super) const RULES: &[&Rule] = &[&CLOCK_STEP, &STEAL_TIME, &GOVERNOR];

const CLOCK_STEP: Rule = Rule::new("clock_step", clock_step)
    .threshold("degraded above 1 ms")
    .cause("The real-time clock was set or slewed during the run. Durations are not affected, dates in the exports are.")
    .cure("dates in the exports are off by as much");

fn clock_step(evidence: &Evidence) -> Option<Found> {
    let step = evidence.clock_step_ms.abs();
    let text = "the real-time clock was set or slewed during the run";
    (step > CLOCK_STEP_MS).then(|| degraded(text, &[("moved", step, "ms")]))
}

const STEAL_TIME: Rule = Rule::new("steal_time", steal)
    .threshold(
        "degraded above 2 % of the processors' time, where it shows as with hot_core_shared; noted otherwise",
    )
    .cause("The hypervisor gave this machine's processors to others.")
    .cure("measure on a machine of its own");

fn steal(evidence: &Evidence) -> Option<Found> {
    let stolen = evidence.steal;
    let (text, figures) =
        ("the hypervisor took processor time from this machine", [("stolen", stolen * 100.0, "%")]);
    (stolen > STEAL_SHARE)
        .then(|| if evidence.client_shows() { degraded(text, &figures) } else { note(text, &figures) })
}

const GOVERNOR: Rule = Rule::new("governor", governor)
    .threshold("noted when it is not `performance`")
    .cause("The hot cores' frequency governor lowers their clock when they are idle.")
    .cure("`performance` makes times steadier");

fn governor(evidence: &Evidence) -> Option<Found> {
    let governor = evidence.governor.as_deref().filter(|governor| *governor != "performance")?;
    Some(note(format!("the hot cores' frequency governor is `{governor}`"), &[]))
}

const STEAL_SHARE: f64 = 0.02;
const CLOCK_STEP_MS: f64 = 1.0;

#[cfg(test)]
mod tests {
    use crate::verdict::testing::check;
    use record::Standing::{Degraded, Valid};

    #[test]
    fn what_the_host_did() {
        check(|evidence| evidence.clock_step_ms = -5.0, Degraded, &["clock_step"]);
        check(|evidence| evidence.clock_step_ms = 0.5, Valid, &[]);
        check(|evidence| evidence.steal = 0.1, Valid, &["steal_time"]);
        check(
            |evidence| (evidence.steal, evidence.late) = (0.1, 200),
            Degraded,
            &["late_requests", "steal_time"],
        );
        check(|evidence| evidence.governor = Some("powersave".to_owned()), Valid, &["governor"]);
        check(|evidence| evidence.governor = Some("performance".to_owned()), Valid, &[]);
    }
}
