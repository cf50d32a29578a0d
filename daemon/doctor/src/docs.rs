//! `docs/DOCTOR.md`, made from the checks themselves.

use crate::{CHECKS, Weight};
use std::fmt::Write;

/// The text of `docs/DOCTOR.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(HEAD);
    let mut group = "";
    for check in CHECKS {
        if check.group != group {
            group = check.group;
            put(
                &mut text,
                format_args!(
                    "\n## {group}\n\n| check | what is looked at | why it matters | cure |\n| --- | --- | --- | --- |\n"
                ),
            );
        }
        let note = if check.weight == Weight::Note { " (note)" } else { "" };
        let [looks_at, why, cure] =
            [check.looks_at, check.why, check.cure].map(|text| text.replace('|', "\\|"));
        put(&mut text, format_args!("| `{}`{note} | {looks_at} | {why} | {cure} |\n", check.name));
    }
    text
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string accepts every text");
}

const HEAD: &str = "# What `aiperf-ctl doctor` checks

<!-- Made by `cargo xtask docs`; do not edit. -->

`aiperf-ctl doctor` reports what this host can and can't do for a measurement: each check with its result, its cause and
its cure. It needs no privilege, changes nothing, and takes less than a tenth of a second. Where a daemon listens it is
asked too, so a plain user sees what the daemon offers.

```text
aiperf-ctl doctor                                     problems first, then a line for each group
aiperf-ctl doctor --all                               every check
aiperf-ctl doctor --concurrency 4096                  ports, descriptors and memory for so many connections
aiperf-ctl doctor --require ebpf --require io_uring   status 1 unless these checks are ok, for CI
aiperf-ctl doctor --json                              for programs
```

A result is `ok`, `warning` (runs work, but are less precise or smaller than they could be) or `missing` (something cannot
be done). In the JSON each check is an object with `name`, `group`, `level`, `found`, `cause` and `cure`; the last two are
null where the level is `ok`. A check that does not apply to the host is absent. The status is 0 whatever is found, 1 if a
check that --require names is not `ok`, 2 if the command line is wrong.

The daemon makes the same checks at the start of each run, with its own rights and limits, and stores them as `doctor` in
the run's `run.json`.

Checks with *note* are never a problem of their own: another check tells what follows from them, or only --require asks
for them.
";
