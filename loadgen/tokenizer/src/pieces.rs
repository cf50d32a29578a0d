//! Cuts a text where `o200k_base` ends a piece whatever surrounds it, so that a long text needs no more memory than a short
//! one, and has the same tokens.
//!
//! The vocabulary's pattern has no lookbehind, so what follows the end of a match is matched as if the text started there.
//! These are ends of matches in every text, and the match before them is the same without what follows:
//!
//! * before a space that no white space precedes: no alternative has a space behind anything but white space;
//! * between a letter and a line end, or punctuation that starts no contraction: letters end there;
//! * between a line end and an ASCII letter: only slashes and line ends may follow a line end.

/// The pieces of a text, each with at most [`UNSPLIT_MAX`] bytes.
pub(crate) struct Pieces<'a> {
    rest: &'a str,
    wanted: usize,
}

/// A stretch of a text that is too long and can't be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsplit;

impl<'a> Pieces<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { rest: text, wanted: PIECE_BYTES }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<&'a str, Unsplit>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(end) = end(self.rest, self.wanted) else {
            self.rest = "";
            return Some(Err(Unsplit));
        };
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Ok(piece))
    }
}

/// The end of the first piece: the last place up to `wanted`, else the first one after it.
fn end(text: &str, wanted: usize) -> Option<usize> {
    if text.len() <= wanted {
        return Some(text.len());
    }
    let most = text.len().min(UNSPLIT_MAX);
    let before = (1..=wanted).rev().find(|place| is_end(text, *place));
    let found = before.or_else(|| (wanted + 1..most).find(|place| is_end(text, *place)));
    found.or_else(|| (text.len() <= UNSPLIT_MAX).then_some(text.len()))
}

/// Whether a match ends here in every text that has these characters.
fn is_end(text: &str, place: usize) -> bool {
    if !text.is_char_boundary(place) {
        return false;
    }
    let (before, after) = text.split_at(place);
    let (Some(last), Some(first)) = (before.chars().next_back(), after.chars().next()) else { return false };
    match first {
        ' ' => !last.is_whitespace(),
        '\n' | '\r' => is_letter(last),
        _ if first.is_ascii_punctuation() => first != '\'' && is_letter(last),
        _ if first.is_ascii_alphabetic() => last == '\n',
        _ => FULL_STOPS.contains(&first) && is_letter(last),
    }
}

/// Letters for sure (`\p{L}`): of ASCII, and of scripts that write no spaces.
const fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || matches!(letter, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Punctuation of such scripts.
const FULL_STOPS: &[char] = &['。', '，', '、', '！', '？', '：', '；'];
/// Bytes of a piece, where there is a place to cut: 56 times as many are needed to merge them.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes that are merged at once at most. The pattern's engine gives up after a million steps back.
pub(crate) const UNSPLIT_MAX: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(text: &str, wanted: usize) -> Vec<&str> {
        Pieces { rest: text, wanted }.map(Result::unwrap).collect()
    }

    fn check(text: &str, wanted: usize) {
        let bpe = tiktoken_rs::o200k_base_singleton();
        let cut = pieces(text, wanted);
        assert_eq!(cut.concat(), text, "nothing is lost");
        let tokens = cut.iter().flat_map(|piece| bpe.encode_ordinary(piece)).collect::<Vec<_>>();
        assert_eq!(tokens, bpe.encode_ordinary(text), "{cut:?}");
    }

    #[test]
    fn texts_are_cut_where_tokens_end() {
        let cut = pieces("It's one, two\n\nthree (four) 12345 f\u{fc}nf", 1);
        let expected = ["It's", " one", ",", " two", "\n\n", "three", " (four", ")", " 12345", " f\u{fc}nf"];
        assert_eq!(cut, expected, "at every place where it is certain");
        let text = include_str!("../../src/prompt/corpus.txt");
        for wanted in [1, 10, 1000, text.len()] {
            check(text, wanted);
        }
    }

    #[test]
    fn what_has_no_end_is_not_cut() {
        let text = "x".repeat(UNSPLIT_MAX);
        assert_eq!(pieces(&text, 10), [text.as_str()], "one piece");
        let longer = format!("{text}x");
        let found = Pieces { rest: &longer, wanted: 10 }.collect::<Vec<_>>();
        assert_eq!(found, [Err(Unsplit)], "too long");
    }

    /// The longest stretches of one kind neither overflow anything nor take for ever.
    #[test]
    fn the_longest_stretches_are_merged() {
        let bpe = tiktoken_rs::o200k_base_singleton();
        for unit in ["a", " ", "\n", "\t", "7", "!", "'s", "\u{4e2d}", "\u{301}", "A\u{301}", "\u{1f980}"] {
            let text = unit.repeat((UNSPLIT_MAX - 1) / unit.len()) + "x";
            assert!(!bpe.encode_ordinary(&text).is_empty(), "{unit:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

        /// However finely a text is cut, it has the same tokens.
        #[test]
        fn cuts_do_not_matter(text in "([a-zA-Z]{0,4}|'[a-zA-Z]{1,2}| {1,3}|\n{1,2}|\r|[0-9]{1,4}|[!-/:-@\\[-`{-~]{1,3}|中文|。|é|\u{301}|\u{a0}|\u{3000}|🦀|\\PC){0,30}", wanted in 1_usize..9) {
            check(&text, wanted);
        }
    }
}
