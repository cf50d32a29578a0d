//! Words that may stand only where they belong: unsafe, anyhow, clocks, and lints that are silenced without a reason.

use super::Violation;
use super::source::{Files, has_word};

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, file) in files {
        found.extend(file.code.lines().zip(1..).flat_map(|(line, number)| code(path, line, number)));
        found
            .extend(file.text.lines().zip(1..).filter_map(|(line, number)| machine_path(path, line, number)));
    }
    found
}

fn code(path: &str, line: &str, number: usize) -> Vec<Violation> {
    let within = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    let is_clock = path.ends_with("/clock.rs");
    let mut messages = Vec::new();
    if has_word(line, "unsafe") && !within(UNSAFE_FOLDERS) {
        messages.push("unsafe code belongs to the modules that wall it in: see docs/ARCHITECTURE.md");
    }
    if has_word(line, "anyhow") && !within(ANYHOW_FOLDERS) {
        messages.push("a library has an error enum of its own; anyhow is for programs");
    }
    if CLOCKS.iter().any(|clock| has_word(line, clock)) && !is_clock {
        messages.push("only files called clock.rs read a clock: take `now`");
    }
    if within(&[DOCUMENTS]) && RENDERING.iter().any(|word| has_word(line, word)) {
        messages.push("a document knows no renderer: what it looks like is decided in the renderer's folder");
    }
    if line.contains("#[allow(") || line.contains("#![allow(") {
        messages.push("silence a lint with `#[expect(.., reason = \"..\")]`");
    }
    if line.contains("#[ignore") {
        messages
            .push("a test that needs something says so and passes where it is missing; it is never ignored");
    }
    if line.contains("todo!(") {
        messages.push("unfinished: finish it or leave it out");
    }
    messages.into_iter().map(|message| Violation::new(path, number, message)).collect()
}

/// A path that only one machine has.
fn machine_path(path: &str, line: &str, number: usize) -> Option<Violation> {
    let is_part = |one: char| one.is_alphanumeric() || "._-~/}".contains(one);
    let found = MACHINE_FOLDERS.iter().any(|folder| {
        let whole = format!("/{folder}/");
        line.match_indices(&whole).any(|(begin, _)| !line[..begin].chars().next_back().is_some_and(is_part))
    });
    found.then(|| Violation::new(path, number, "a path of one machine: write it relative to the repository"))
}

const UNSAFE_FOLDERS: &[&str] = &[
    "daemon/aiperfd/src/collect/",
    "daemon/aiperfd/src/probe/",
    "ebpf/",
    "loadgen/src/ring/",
    "tests/fake-nvml/src/entry.rs",
    "tests/kernel/src/bin/kernel-peer/",
];
const ANYHOW_FOLDERS: &[&str] = &["daemon/aiperf-ctl/", "daemon/aiperfd/", "xtask/"];
/// A report as data.
const DOCUMENTS: &str = "daemon/export/src/view/";
const RENDERING: &[&str] = &["console", "Colour", "Write", "unicode_width", "visible", "visible_within"];
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now", "clock_gettime"];
const MACHINE_FOLDERS: &[&str] = &["farm", "home", "root", "work"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, line: &str, expected: usize) {
        assert_eq!(code(path, line, 1).len(), expected, "{path}: {line}");
    }

    #[test]
    fn words_stand_where_they_belong() {
        check("loadgen/src/ring/uring.rs", "unsafe { f() }", 0);
        check("loadgen/src/worker.rs", "unsafe { f() }", 1);
        check("loadgen/src/lib.rs", "#![deny(unsafe_code)]", 0);
        check("daemon/aiperfd/src/run.rs", "use anyhow::Result;", 0);
        check("daemon/join/src/lib.rs", "use anyhow::Result;", 1);
        check("daemon/aiperfd/src/clock.rs", "clock_gettime(x)", 0);
        check("loadgen/src/confine.rs", "libc::SYS_clock_gettime", 0);
        check("daemon/aiperfd/src/run.rs", "Instant::now()", 1);
        check("a.rs", "#[allow(x)]", 1);
        check("a.rs", "#[expect(x, reason = y)]", 0);
        check("a.rs", "#[ignore = x]", 1);
        check("a.rs", "todo!()", 1);
        check("daemon/export/src/view/full.rs", "use crate::console::Colour;", 1);
        check("daemon/export/src/console/full.rs", "use super::Colour;", 0);
    }

    #[test]
    fn paths_of_one_machine() {
        let path = |folder: &str| format!("see /{folder}/x/y");
        assert!(machine_path("a.md", &path("work"), 1).is_some(), "an absolute path");
        assert!(machine_path("a.md", "src/work/x and $HOME/work/x", 1).is_none(), "relative paths");
        assert!(machine_path("a.md", &path("usr"), 1).is_none(), "a path that every machine has");
    }
}
