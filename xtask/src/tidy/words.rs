//! Words that this project has retired: a reader who knows the field should not have to learn another vocabulary.
//!
//! The glossary is in docs/ARCHITECTURE.md. Comments, names and texts are all looked at; a name is cut into its words.

use super::Violation;
use super::source::Files;

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let of_ours = files.iter().filter(|(path, _)| {
        let is_prose = path.ends_with(".rs") || path.ends_with(".md") || path.ends_with(".toml");
        is_prose && !EXEMPT.iter().any(|exempt| path.starts_with(exempt))
    });
    let lines = of_ours.flat_map(|(path, file)| file.text.lines().zip(1..).map(move |line| (path, line)));
    let violations = lines.flat_map(|(path, (line, number))| {
        retired(line).into_iter().map(move |(word, instead)| {
            Violation::new(path, number, format!("`{word}` is a retired word: write {instead}"))
        })
    });
    violations.collect()
}

/// The retired words of a line, and what to write instead.
fn retired(line: &str) -> Vec<(&'static str, &'static str)> {
    // What stored runs call it is not ours to choose any more.
    if line.trim_start().starts_with("#[serde(alias") {
        return Vec::new();
    }
    let words = words(line);
    let is_in = |phrase: &str| {
        let phrase = phrase.split(' ').collect::<Vec<_>>();
        words.windows(phrase.len()).any(|window| window == phrase)
    };
    RETIRED.iter().copied().filter(|(phrase, _)| is_in(phrase)).collect()
}

/// The words of a text, in lower case: `ScribeState`, `scribe_state` and "scribe state" have the same two.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for one in text.chars() {
        let breaks = !one.is_alphabetic() || (one.is_uppercase() && was_lower);
        if breaks && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if one.is_alphabetic() {
            word.extend(one.to_lowercase());
        }
        was_lower = one.is_lowercase();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Each with what says the same in the field's words.
const RETIRED: &[(&str, &str)] = &[
    ("anybody", "who exactly: any user, any certificate"),
    ("bear", "`spawn`"),
    ("ear", "`subscriber`"),
    ("ears", "`subscribers`"),
    ("gives way", "`runs at lower priority`"),
    ("heard", "`received`"),
    ("ledger", "`request table`"),
    ("made up", "`synthetic`"),
    ("nursery", "`spawner`"),
    ("rung", "`timestamp source`"),
    ("said", "`reported`, or `client results`"),
    ("scribe", "`response parser`"),
    ("to be had", "`available`"),
    ("told", "`reported`, `notified`, `sent`"),
    ("untold", "`dropped`, `not delivered`"),
    ("whoever", "who exactly: the client, the exporter, the caller"),
];
/// What others wrote, what was true when it was written, and this list.
const EXEMPT: &[&str] = &["CHANGELOG.md", "tests/golden/", "xtask/src/tidy/words.rs"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let found = retired(line).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn retired_words_are_found_in_prose_and_in_names() {
        check("/// The best rung that is to be had.", &["rung", "to be had"]);
        check("fn warn_of_rung(ScribeState: u8)", &["rung", "scribe"]);
        check("let text = \"Told of it\";", &["told"]);
        check("made-up videos", &["made up"]);
        check("we made up for it", &["made up"]);
        check("the year's bearing, trung and saidly", &[]);
        check("the source of the timestamps", &[]);
        check("    #[serde(alias = \"anybody\")]", &[]);
    }
}
