//! What files are called, and that each says in its first line what it is.

use super::Violation;
use super::source::Files;

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    rust.flat_map(|(path, file)| [module_doc(path, &file.text), name(path)]).flatten().collect()
}

fn module_doc(path: &str, text: &str) -> Option<Violation> {
    let says = text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 8);
    (!says).then(|| Violation::new(path, 1, "the first line must be a `//!` doc that says what the file is"))
}

fn name(path: &str) -> Option<Violation> {
    let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    // `common` is a name only for the crate at the top.
    let bad = parts
        .enumerate()
        .find(|(depth, part)| MEANINGLESS.contains(part) || (*depth > 0 && *part == "common"));
    bad.map(|(_, part)| Violation::new(path, 1, format!("`{part}` says nothing: name what is inside")))
}

const MEANINGLESS: &[&str] = &["util", "utils", "helper", "helpers", "misc", "manager", "managers"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_something() {
        for bad in ["a/src/utils.rs", "a/src/helpers/mod.rs", "a/tests/common/mod.rs", "a/src/common.rs"] {
            assert!(name(bad).is_some(), "{bad}");
        }
        for good in ["common/src/lib.rs", "a/src/commons.rs"] {
            assert_eq!(name(good), None, "{good}");
        }
    }

    #[test]
    fn files_say_what_they_are() {
        assert_eq!(module_doc("a.rs", "//! Reads a thing.\nuse b;\n"), None, "a doc");
        assert!(module_doc("a.rs", "\n//! Too late.\n").is_some(), "not the first line");
        assert!(module_doc("a.rs", "//!\n").is_some(), "an empty doc");
    }
}
