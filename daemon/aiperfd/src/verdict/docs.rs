//! docs/VERDICT.md: every rule with its threshold, cause and cure.

use super::RULES;
use std::fmt::Write;

/// The document.
#[must_use]
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    for (title, rules) in TITLES.iter().zip(RULES) {
        text.push_str(&format!("\n## {title}\n\n| reason | counts as | what it is | what to do |\n"));
        text.push_str("| --- | --- | --- | --- |\n");
        for rule in *rules {
            let (name, threshold, cause, cure) = (rule.name, rule.threshold, rule.cause, rule.cure);
            // A string accepts every text.
            writeln!(text, "| `{name}` | {threshold} | {cause} | {cure} |").ok();
        }
    }
    text
}

const TITLES: [&str; RULES.len()] = ["Load", "Requests", "Records", "Client", "Host", "GPUs"];

const HEAD: &str = "\
# The verdict

<!-- Made by `cargo xtask docs`; do not edit. -->

Every run ends with a verdict, which is at the end of the console report and, with the figures behind each reason, in
`run.json` and `profile_export_aiperf.json` under `verdict`.

- `valid`: no problem with the numbers was found. Its notes are for information.
- `degraded`: the numbers hold with the reservations that the reasons state.
- `invalid`: the numbers must not be used.

`profile`, `audit` and `observe` exit with status 3 when the verdict is as bad as `--fail-on` or worse (`invalid` by default;
`degraded`, `never`). A reason counts for what it did to the numbers, not for what it might have done: cores shared with other
processes are named where times or the load show it.
";
