//! Hot files: which they are, that they name their budget, and what they may not do.

use super::Violation;
use super::source::{File, Files, has_word};

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, file) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        if file.text.starts_with("//! HOT:") {
            found.extend(budget(path, &file.text));
            found.extend(bans(path, file));
        } else if must_be_hot(path) {
            found.push(Violation::new(path, 1, "the doc must begin with `HOT:`: this runs on a hot path"));
        }
    }
    found.extend(missing(files));
    found
}

fn must_be_hot(path: &str) -> bool {
    HOT_FILES.contains(&path) || HOT_FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Hot files that the list names and that have moved: nothing would hold them where they are now.
fn missing(files: &Files) -> impl Iterator<Item = Violation> {
    let is_there = |file: &&&str| files.contains_key(**file);
    let missing = HOT_FILES.iter().filter(move |file| !is_there(file)).copied();
    missing
        .map(|file| Violation::new("xtask/src/tidy/hot.rs", 1, format!("the hot file `{file}` is not there")))
}

fn budget(path: &str, text: &str) -> Option<Violation> {
    let named = text.lines().take(5).any(|line| line.starts_with("//!") && line.contains("docs/BUDGET.md"));
    let message = "a hot file's doc must name its row of docs/BUDGET.md within five lines";
    (!named).then(|| Violation::new(path, 1, message))
}

fn bans(path: &str, file: &File) -> Vec<Violation> {
    let code = without_cold(file.product_code());
    let lines = code.lines().zip(1..);
    lines
        .flat_map(|(line, number)| {
            let words = BANNED_WORDS.iter().filter(move |word| has_word(line, word));
            let parts = BANNED_PARTS.iter().filter(move |part| line.contains(**part));
            words.chain(parts).map(move |what| (number, *what))
        })
        .map(|(number, what)| {
            Violation::new(
                path,
                number,
                format!("`{what}` in a hot file: move it to a `#[cold]` function or away"),
            )
        })
        .collect()
}

/// Blanks for functions that are marked `#[cold]`.
fn without_cold(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(begin) = rest.find("#[cold]") {
        kept.push_str(&rest[..begin]);
        let end = begin + body_end(&rest[begin..]);
        kept.extend(rest[begin..end].chars().map(|one| if one == '\n' { '\n' } else { ' ' }));
        rest = &rest[end..];
    }
    kept + rest
}

/// Where the braces close that open first.
fn body_end(code: &str) -> usize {
    let mut depth = 0_u32;
    for (place, one) in code.char_indices() {
        match one {
            '{' => depth += 1,
            '}' if depth == 1 => return place + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

const HOT_FILES: &[&str] = &[
    "loadgen/src/report.rs",
    "loadgen/src/ring/shared.rs",
    "loadgen/src/ring/uring.rs",
    "loadgen/src/schedule.rs",
    "loadgen/src/wire/http.rs",
    "loadgen/src/wire/sse.rs",
];
const HOT_FOLDERS: &[&str] = &["daemon/aiperfd/src/collect/", "loadgen/src/worker/"];
const BANNED_WORDS: &[&str] = &["anyhow", "Mutex", "RwLock"];
const BANNED_PARTS: &[&str] = &["format!", "println!", "tracing::"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &[usize]) {
        let text = format!("//! HOT: x. Budget: docs/BUDGET.md.\n{code}");
        let found = bans("a.rs", &File::new("a.rs", text.clone()));
        assert_eq!(found.iter().map(|one| one.line).collect::<Vec<_>>(), expected, "{code}");
        assert_eq!(budget("a.rs", &text), None, "names its budget");
    }

    #[test]
    fn hot_code_does_not_format_lock_or_log() {
        check("fn f() {\n    let x = format!(\"\");\n}\n", &[3]);
        check("use std::sync::Mutex;\n", &[2]);
        check("// no Mutex\nlet x = \"anyhow\";\n", &[]);
        check(
            "#[cold]\nfn f() {\n    if x {\n        tracing::warn!();\n    }\n}\nfn g() { println!() }\n",
            &[8],
        );
        check("#[cfg(test)]\nmod tests {\n    fn f() { format!() }\n}\n", &[]);
    }

    #[test]
    fn hot_files_are_marked() {
        assert!(must_be_hot("daemon/aiperfd/src/collect/new.rs"), "a folder");
        assert!(must_be_hot("loadgen/src/worker/new.rs"), "another one");
        let lacking = missing(&Files::new()).count();
        assert_eq!(lacking, HOT_FILES.len(), "files that have moved");
        assert!(!must_be_hot("loadgen/src/composer.rs"), "another file");
        assert!(budget("a.rs", "//! HOT: x.\n\nuse docs;\n").is_some(), "no budget named");
    }
}
