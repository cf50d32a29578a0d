//! The repository's text files, and Rust code without its comments and the contents of its strings.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Files by their path from the repository's top folder.
pub(super) type Files = BTreeMap<String, File>;

/// A text file.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// What it holds.
    pub(super) text: String,
    /// Of a Rust file: the text with blanks for comments and the contents of strings. Lines are where they were.
    pub(super) code: String,
}

impl File {
    /// A file with this text.
    pub(super) fn new(path: &str, text: String) -> Self {
        let code = if path.ends_with(".rs") { bare(&text) } else { String::new() };
        Self { text, code }
    }

    /// The code before its tests, which stand at the end.
    pub(super) fn product_code(&self) -> &str {
        let tests = self.code.match_indices("#[cfg(test)]").map(|(begin, _)| begin).find(|begin| {
            let next = self.code[*begin..].lines().nth(1).unwrap_or_default();
            next.trim_start().starts_with("mod ") && next.trim_end().ends_with('{')
        });
        &self.code[..tests.unwrap_or(self.code.len())]
    }
}

/// Reads every file below a folder that is not built, fetched or produced.
pub(super) fn read_files(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    read_folder(root, "", &mut files)?;
    Ok(files)
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("failed to read `{}`", folder.display()))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A worktree's `.git` is a file.
        if PASSED_OVER.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(entry.path())
        {
            // What is no text is there, and says nothing.
            let file = File::new(&path, String::from_utf8(bytes).unwrap_or_default());
            files.insert(path, file);
        }
    }
    Ok(())
}

/// Blanks for comments and the contents of strings.
fn bare(text: &str) -> String {
    let chars = text.chars().collect::<Vec<_>>();
    let mut code = String::with_capacity(text.len());
    let mut place = 0;
    while place < chars.len() {
        let end = hidden_end(&chars, place);
        match end {
            Some(end) => {
                code.extend(chars[place..end].iter().map(|one| if *one == '\n' { '\n' } else { ' ' }));
                place = end;
            }
            None => {
                code.push(chars[place]);
                place += 1;
            }
        }
    }
    code
}

/// Where the comment, string or character ends that begins at a place, if one does.
fn hidden_end(chars: &[char], place: usize) -> Option<usize> {
    let at = |offset: usize| chars.get(place + offset).copied().unwrap_or('\0');
    match (at(0), at(1)) {
        ('/', '/') => Some(find(chars, place, |at| chars[at] == '\n')),
        ('/', '*') => Some(block_comment_end(chars, place)),
        ('"', _) => Some(quoted_end(chars, place, '"')),
        ('\'', '\\') => Some(quoted_end(chars, place, '\'')),
        ('\'', one) if one != '\'' && at(2) == '\'' => Some(place + 3),
        ('r', '"' | '#') if !is_word_before(chars, place) => raw_string_end(chars, place),
        _ => None,
    }
}

fn find(chars: &[char], from: usize, is_it: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|at| is_it(*at)).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], begin: usize) -> usize {
    let mut depth = 0_u32;
    let mut place = begin;
    while place + 1 < chars.len() {
        match (chars[place], chars[place + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                place += 1;
                continue;
            }
        }
        place += 2;
        if depth == 0 {
            return place;
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], begin: usize, quote: char) -> usize {
    let mut place = begin + 1;
    while place < chars.len() {
        match chars[place] {
            '\\' => place += 2,
            one if one == quote => return place + 1,
            _ => place += 1,
        }
    }
    chars.len()
}

/// `None` where an `r` begins no string but a raw identifier.
fn raw_string_end(chars: &[char], begin: usize) -> Option<usize> {
    let quote = find(chars, begin + 1, |at| chars[at] != '#');
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let hashes = quote - begin - 1;
    let closes = |at: usize| {
        chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|one| **one == '#').count() == hashes
    };
    Some((find(chars, quote + 1, closes) + 1 + hashes).min(chars.len()))
}

fn is_word_before(chars: &[char], place: usize) -> bool {
    // A `b` or `c` before the `r` makes a string of another type, not a word.
    let before = place.checked_sub(1).map(|before| chars[before]);
    let prefix = matches!(before, Some('b' | 'c'));
    let before = if prefix { place.checked_sub(2).map(|before| chars[before]) } else { before };
    before.is_some_and(|one| one.is_alphanumeric() || one == '_')
}

/// Whether a line holds a word, not as a part of a longer one.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |one: Option<char>| one.is_some_and(|one| one.is_alphanumeric() || one == '_');
    line.match_indices(word).any(|(begin, _)| {
        !is_part(line[..begin].chars().next_back()) && !is_part(line[begin + word.len()..].chars().next())
    })
}

/// Folders that hold nothing that a person wrote here.
const PASSED_OVER: &[&str] = &[".git", ".venv", "__pycache__", "artifacts", "corpus", "target"];

#[cfg(test)]
pub(super) fn files(given: &[(&str, &str)]) -> Files {
    given.iter().map(|(path, text)| ((*path).to_owned(), File::new(path, (*text).to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(bare(text).split_whitespace().collect::<Vec<_>>().join(" "), expected, "{text}");
    }

    #[test]
    fn comments_and_strings_are_blank() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"f("x \" y", 'z', '\'', 'l') g"#, "f( , , , ) g");
        check("r#\"x\" y\"# a br\"b\" for r in x", "a b for r in x");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    }

    #[test]
    fn tests_are_no_product() {
        let text = "a\n#[cfg(test)]\nmod testing;\nb\n#[cfg(test)]\nmod tests {\nc\n}\n";
        let file = File::new("x.rs", text.to_owned());
        assert!(file.product_code().contains('b'), "after a declaration");
        assert!(!file.product_code().contains("c\n"), "the tests");
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("unsafe {", "unsafe"), "a word");
        assert!(!has_word("#![deny(unsafe_code)]", "unsafe"), "a part of one");
    }
}
