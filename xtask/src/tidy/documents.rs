//! Documents are true: files that they name are there, and each promise of docs/BUDGET.md has a command.

use super::Violation;
use super::source::Files;

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let is_there = |path: &str| {
        let path = path.trim_end_matches('/');
        files.contains_key(path)
            || files
                .range(format!("{path}/")..)
                .next()
                .is_some_and(|(first, _)| first.starts_with(&format!("{path}/")))
    };
    let mut found = Vec::new();
    for (path, file) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (line, number) in file.text.lines().zip(1..) {
            let links = links(line).map(|link| resolved(path, link));
            let lost = links.chain(named_files(line).map(str::to_owned)).filter(|name| !is_there(name));
            found.extend(lost.map(|name| Violation::new(path, number, format!("`{name}` is not there"))));
        }
    }
    found.extend(promises(files.get(BUDGET).map_or("", |file| file.text.as_str())));
    found
}

/// Files of this repository that a line names as code, such as `xtask/src/main.rs`.
fn named_files(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|span| {
        let top = span.split_once('/').map_or("", |(top, _)| top);
        let plain = span.chars().all(|one| one.is_ascii_alphanumeric() || "/._-".contains(one));
        TOP_FOLDERS.contains(&top) && plain && !span.contains("/target/")
    })
}

/// Targets of a line's links that are files.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains(':'))
}

/// A link's target from the repository's top folder.
fn resolved(document: &str, link: &str) -> String {
    let mut parts = document.split('/').collect::<Vec<_>>();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Rows of the table of promises: promise, command, status.
fn promises(text: &str) -> Vec<Violation> {
    let rows = text.lines().zip(1..).filter(|(line, _)| line.starts_with("| ")).skip(1);
    let rows = rows.filter(|(line, _)| !line.starts_with("| ---"));
    let bare =
        rows.filter(|(line, _)| !line.split('|').nth(2).is_some_and(|command| command.contains("`cargo ")));
    let mut found = bare
        .map(|(_, number)| Violation::new(BUDGET, number, "a promise needs the command that shows it"))
        .collect::<Vec<_>>();
    if !text.contains("| ") {
        found.push(Violation::new(BUDGET, 1, "there are no promises"));
    }
    found
}

const BUDGET: &str = "docs/BUDGET.md";
const TOP_FOLDERS: &[&str] =
    &[".cargo", ".ci", "common", "daemon", "docs", "ebpf", "loadgen", "tests", "xtask"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::files;

    #[test]
    fn files_that_are_named_are_there() {
        let text = "`common/src/lib.rs` `common/src/lost.rs` `cargo common/x` `daemon/<name>`\n[a](api/x.json) [b](../common)\n[c](https://a/b)\n";
        let given = files(&[
            ("docs/a.md", text),
            ("common/src/lib.rs", ""),
            (BUDGET, "| a | b |\n| --- | --- |\n| x | `cargo y` |\n"),
        ]);
        let found = check(&given).into_iter().map(|one| (one.line, one.message)).collect::<Vec<_>>();
        let expected = [(1, "`common/src/lost.rs` is not there"), (2, "`docs/api/x.json` is not there")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())), "two are lost");
    }

    #[test]
    fn promises_have_commands() {
        let text = "| promise | command |\n| --- | --- |\n| a | `cargo xtask bench` |\n| b | none |\n";
        assert_eq!(promises(text).iter().map(|one| one.line).collect::<Vec<_>>(), [4], "the bare one");
    }
}
