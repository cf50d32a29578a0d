//! `cargo xtask test`: every test there is, from nothing.
//!
//! Tests that need root, a kernel feature or a tool say `skipped: REASON` where these are missing, and at the end it is said
//! again how many were; with `CI=true` in the environment they fail instead.

use crate::process;
use crate::project::Project;
use crate::say::say;
use crate::setup;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    let missing = setup::install_for_tests(project);
    let skipped = project.target.join("skipped-tests");
    fs::write(&skipped, "").with_context(|| format!("failed to write `{}`", skipped.display()))?;
    let mut command = project.cargo();
    process::run(command.args(["test", "--workspace"]).env("AIPERFD_SKIPPED", &skipped))?;
    let reasons = fs::read_to_string(&skipped).unwrap_or_default();
    say(&format!("\nevery test passed{}", left_out(&reasons, &missing)));
    Ok(())
}

/// What the tests could not show here.
fn left_out(reasons: &str, missing: &[String]) -> String {
    let mut counts = BTreeMap::<&str, u32>::new();
    for reason in reasons.lines() {
        *counts.entry(reason).or_default() += 1;
    }
    let mut text = match reasons.lines().count() {
        0 => ", and none was left out".to_owned(),
        some => format!("; {some} were left out:"),
    };
    for (reason, count) in counts {
        text.push_str(&format!("\n  {count} times: {reason}"));
    }
    if !missing.is_empty() {
        text.push_str(&format!("\nnot installed: {}", missing.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said() {
        assert_eq!(left_out("", &[]), ", and none was left out", "all there");
        let text = left_out("no root\nno nginx\nno root\n", &["nginx".to_owned()]);
        let expected = "; 3 were left out:\n  1 times: no nginx\n  2 times: no root\nnot installed: nginx";
        assert_eq!(text, expected, "each reason once");
    }
}
