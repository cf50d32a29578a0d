//! Escapes foreign text for terminals, logs and spreadsheets: the only place that decides what is harmless.
//!
//! ```text
//! visible()   console and logs: characters that move the cursor, hide or reorder text become JSON escapes
//! cell()      CSV: formulas become text; quoting is done by the `csv` crate
//! ```
//!
//! The page of `aiperf-ctl publish` sets texts as `textContent`, so foreign markup is never interpreted.

use std::borrow::Cow;
use std::fmt::Write;

/// One line of text, in which every control character, line separator, direction mark and invisible character becomes its JSON
/// escape (`\u001b`): the text is visible as it is, and JSON stays valid.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_dangerous)
}

/// Like [`visible`], cut to this many characters with an ellipsis.
#[must_use]
pub fn visible_within(text: &str, characters: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(characters) else { return visible(text).into_owned() };
    // The ellipsis counts as one of the characters.
    let end = text[..end].char_indices().next_back().map_or(0, |(last, _)| last);
    format!("{}…", visible(&text[..end]))
}

/// Multi-line text with our own layout and colors: line breaks and tabs are kept, and of escape sequences only those of our
/// colors.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous_in_lines) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('\u{1b}');
    let mut whole = escaped(parts.next().unwrap_or_default(), is_dangerous_in_lines).into_owned();
    for part in parts {
        let colour = COLOURS.iter().find(|colour| part.starts_with(**colour));
        whole.push_str(if colour.is_some() { "\u{1b}" } else { "\\u001b" });
        whole.push_str(&escaped(part, is_dangerous_in_lines));
    }
    Cow::Owned(whole)
}

/// A table cell that a spreadsheet may open: a formula is prefixed with an apostrophe, as OWASP recommends against CSV
/// injection. Numbers stay unchanged.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    let is_formula =
        text.trim_start_matches(' ').starts_with(FORMULA_BEGINS) || text.starts_with(FORMULA_BEGINS);
    if is_formula && text.parse::<f64>().is_err() {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn escaped(text: &str, is_escaped: fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut whole = String::with_capacity(text.len() + 16);
    for one in text.chars() {
        if is_escaped(one) {
            for unit in one.encode_utf16(&mut [0; 2]) {
                write!(whole, "\\u{unit:04x}").expect("writing to a string cannot fail");
            }
        } else {
            whole.push(one);
        }
    }
    Cow::Owned(whole)
}

/// Whether a character is invisible, or changes how other text is displayed.
fn is_dangerous(one: char) -> bool {
    one.is_control()
        || matches!(one,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_dangerous_in_lines(one: char) -> bool {
    is_dangerous(one) && one != '\n' && one != '\t'
}

/// The colors of our own tables, without the escape character.
const COLOURS: &[&str] = &["[0m", "[1m", "[2m", "[31m", "[32m", "[33m", "[1;31m", "[1;32m", "[1;33m"];
const FORMULA_BEGINS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_become_visible() {
        for (text, expected) in [
            ("plain ä 漢 😀", "plain ä 漢 😀"),
            ("a\u{1b}]0;owned\u{7}b", "a\\u001b]0;owned\\u0007b"),
            ("\u{9b}2J", "\\u009b2J"),
            ("x\ny\r\tz\u{7f}", "x\\u000ay\\u000d\\u0009z\\u007f"),
            ("\u{202e}cod\u{2066}\u{200b}\u{2028}", "\\u202ecod\\u2066\\u200b\\u2028"),
            ("\u{e0041}", "\\udb40\\udc41"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
        }
        let json = serde_json::json!({ "a": "\u{9b}\u{202e}\u{e0041}\u{1b}" });
        let back: serde_json::Value = serde_json::from_str(&visible(&json.to_string())).unwrap();
        assert_eq!(back, json, "JSON stays the same JSON");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(visible_within("abc", 3), "abc", "short enough");
        assert_eq!(visible_within("abcd", 3), "ab…", "one too many");
        assert_eq!(visible_within("ää\u{1b}ä", 3), "ää…", "whole characters");
        assert_eq!(visible_within("", 0), "", "nothing");
    }

    #[test]
    fn lines_keep_our_colours_and_nothing_else() {
        let text = "a\n\u{1b}[33mwarning:\u{1b}[0m\tb";
        assert_eq!(visible_lines(text), text, "ours");
        for (text, expected) in [
            ("\u{1b}[2J\n", "\\u001b[2J\n"),
            ("\u{1b}[8mhidden\u{1b}[0m", "\\u001b[8mhidden\u{1b}[0m"),
            ("\u{1b}\u{1b}[0m", "\\u001b\u{1b}[0m"),
            ("a\u{85}b\rc", "a\\u0085b\\u000dc"),
        ] {
            assert_eq!(visible_lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn spreadsheets_get_text() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2.5e-3", "-2.5e-3"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("  =1", "'  =1"),
            ("Time to First Token (ms)", "Time to First Token (ms)"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
