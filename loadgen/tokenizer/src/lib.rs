//! Text to tokens and back, with the tokenizer of the model that is measured or with a built-in one.
//!
//! Tokens that a model adds around a text (begin, end) are never counted: a server's `usage` reports those.

#![forbid(unsafe_code)]

mod chat_template;
mod clock;
mod growth;
mod pieces;
mod python;

pub use chat_template::{ChatTemplate, ChatTemplateError};
use growth::Growth;
use pieces::{Pieces, Unsplit};
use std::sync::Arc;
use tiktoken_rs::CoreBPE;

/// Splits text into the tokens of one vocabulary. A clone shares it.
#[derive(Clone)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
}

#[derive(Clone)]
enum Vocabulary {
    Builtin(&'static CoreBPE),
    File(Arc<tokenizers::Tokenizer>, Growth),
}

/// Why there is no tokenizer: the plan's fault.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The bytes are no `tokenizer.json`, or one of a kind that is not known.
    #[error("failed to read the tokenizer: it is not a supported tokenizer.json")]
    Json(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Tokenizer {
    /// `o200k_base`, which is inside the program. The first call unpacks it.
    #[must_use]
    pub fn builtin() -> Self {
        Self { vocabulary: Vocabulary::Builtin(tiktoken_rs::o200k_base_singleton()) }
    }

    /// The tokenizer that a `tokenizer.json` describes. Its truncation and padding settings are ignored, as they would falsify
    /// counts.
    ///
    /// # Errors
    /// When the bytes describe no tokenizer, or one that makes texts longer without bound.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let growth = Growth::of(bytes).map_err(|why| TokenizerError::Json(why.into()))?;
        let mut file = tokenizers::Tokenizer::from_bytes(bytes).map_err(TokenizerError::Json)?;
        file.with_truncation(None).map_err(TokenizerError::Json)?;
        file.with_padding(None);
        Ok(Self { vocabulary: Vocabulary::File(Arc::new(file), growth) })
    }

    /// How many tokens the text has; `u32::MAX` of one that [`Tokenizer::try_count`] can't count.
    #[must_use]
    pub fn count(&self, text: &str) -> u32 {
        self.try_count(text).unwrap_or(u32::MAX)
    }

    /// How many tokens the text has; none for a text that would take more memory than a tokenizer may: of the
    /// built-in one, half a mebibyte in which no token is sure to end; of another one, so much that its normalizer makes
    /// 16 MiB of it.
    #[must_use]
    pub fn try_count(&self, text: &str) -> Option<u32> {
        let count = match &self.vocabulary {
            Vocabulary::Builtin(bpe) => {
                let mut count = 0;
                for piece in Pieces::of(text) {
                    count += bpe.count_ordinary(piece.ok()?);
                }
                count
            }
            Vocabulary::File(file, growth) => {
                fits(*growth, text).then(|| file.encode_fast(text, false).ok())??.len()
            }
        };
        Some(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// The text's tokens; none of one that [`Tokenizer::try_count`] can't count.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.vocabulary {
            Vocabulary::Builtin(bpe) => {
                let pieces = Pieces::of(text).map(|piece| Ok(bpe.encode_ordinary(piece?)));
                pieces.collect::<Result<Vec<_>, Unsplit>>().unwrap_or_default().concat()
            }
            Vocabulary::File(file, growth) if fits(*growth, text) => {
                file.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
            }
            Vocabulary::File(..) => Vec::new(),
        }
    }

    /// The text of tokens. Special and unknown tokens have none; half a character becomes U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        match &self.vocabulary {
            Vocabulary::Builtin(bpe) => {
                let bytes = bpe.decode_bytes(tokens).unwrap_or_else(|_unknown| known_bytes(bpe, tokens));
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Vocabulary::File(file, _) => file.decode(tokens, true).unwrap_or_default(),
        }
    }

    /// For each token of the text the offset after its last byte, in order; none of one that [`Tokenizer::try_count`]
    /// can't count.
    ///
    /// So a token that was streamed belongs to the event that brought the byte before that offset. Of a character
    /// that several tokens make up, each token ends where the character ends.
    #[must_use]
    pub fn try_ends(&self, text: &str) -> Option<Vec<usize>> {
        match &self.vocabulary {
            Vocabulary::Builtin(bpe) => builtin_ends(bpe, text).ok(),
            Vocabulary::File(file, growth) => {
                let mut last = 0;
                let encoding = fits(*growth, text).then(|| file.encode(text, false).ok())??;
                let ends = encoding.get_offsets().iter().map(|&(_, end)| {
                    last = end.clamp(last, text.len());
                    last
                });
                Some(ends.collect())
            }
        }
    }

    /// As [`Tokenizer::try_ends`]; empty where that is `None`.
    #[must_use]
    pub fn ends(&self, text: &str) -> Vec<usize> {
        self.try_ends(text).unwrap_or_default()
    }

    /// Token numbers are below this.
    #[must_use]
    pub fn vocabulary_size(&self) -> u32 {
        match &self.vocabulary {
            Vocabulary::Builtin(_) => BUILTIN_SIZE,
            Vocabulary::File(file, _) => u32::try_from(file.get_vocab_size(true)).unwrap_or(u32::MAX),
        }
    }

    /// How many tokens the model's own format adds around each text.
    #[must_use]
    pub fn special_tokens(&self) -> u32 {
        match &self.vocabulary {
            Vocabulary::Builtin(_) => 0,
            Vocabulary::File(file, _) => {
                use tokenizers::PostProcessor;
                let count = file.get_post_processor().map_or(0, |post| post.added_tokens(false));
                u32::try_from(count).unwrap_or(u32::MAX)
            }
        }
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match &self.vocabulary {
            Vocabulary::Builtin(_) => "Tokenizer(o200k_base)",
            Vocabulary::File(..) => "Tokenizer(file)",
        })
    }
}

#[cold]
fn known_bytes(bpe: &CoreBPE, tokens: &[u32]) -> Vec<u8> {
    tokens.iter().filter_map(|token| bpe.decode_bytes(&[*token]).ok()).flatten().collect()
}

fn builtin_ends(bpe: &CoreBPE, text: &str) -> Result<Vec<usize>, Unsplit> {
    let mut end = 0;
    let mut ends = Vec::new();
    for piece in Pieces::of(text) {
        for token in bpe.encode_ordinary(piece?) {
            end += bpe.decode_bytes(&[token]).map_or(0, |bytes| bytes.len());
            ends.push(text.ceil_char_boundary(end));
        }
    }
    Ok(ends)
}

/// Whether a text is short enough for what a tokenizer's normalizer makes of it.
const fn fits(growth: Growth, text: &str) -> bool {
    growth.of_bytes(text.len()) <= NORMALIZED_BYTES_MAX
}

/// Bytes of a text that is tokenized at once, after it was normalized: some 50 times as many are needed meanwhile.
const NORMALIZED_BYTES_MAX: usize = 16 << 20;
/// The tokens of `o200k_base` that are text: the special ones come after them.
const BUILTIN_SIZE: u32 = 199_998;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    /// Words and nothing else: `a`, `b`, `ab`, a begin token, and an unknown one.
    const TINY: &str = r#"{
        "version": "1.0", "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "<s>"},
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"<s>": 0, "a": 1, "b": 2, "ab": 3, "?": 4}, "unk_token": "?"}
    }"#;

    static GOLDEN: LazyLock<Tokenizer> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/tokenizer/tokenizer.json");
        Tokenizer::from_json(&std::fs::read(path).unwrap()).unwrap()
    });

    /// Counting, encoding, decoding and ends must agree on a text.
    fn check(tokenizer: &Tokenizer, text: &str, expected: Option<&[usize]>) {
        let ends = tokenizer.ends(text);
        if let Some(expected) = expected {
            assert_eq!(ends, expected, "ends in {text:?}");
        }
        assert_eq!(tokenizer.count(text) as usize, ends.len(), "count of {text:?}");
        assert_eq!(tokenizer.encode(text).len(), ends.len(), "encode of {text:?}");
        assert!(ends.is_sorted(), "ends in {text:?} go back: {ends:?}");
        assert!(ends.iter().all(|end| text.is_char_boundary(*end)), "half a character in {text:?}: {ends:?}");
        assert!(
            text.trim().is_empty() || ends.last().is_some_and(|end| text[*end..].trim().is_empty()),
            "{text:?}"
        );
    }

    #[test]
    fn a_tokenizer_file_counts_all_and_adds_nothing() {
        let tiny = Tokenizer::from_json(TINY.as_bytes()).unwrap();
        check(&tiny, "a b ab b a", Some(&[1, 3, 6, 8, 10]));
        check(&tiny, "a nothing", Some(&[1, 9]));
        check(&tiny, "", Some(&[]));
        assert_eq!(tiny.encode("ab a"), [3, 1], "no begin token, no padding");
        assert_eq!(tiny.decode(&[0, 3, 1]), "ab a", "special tokens have no text");
        assert_eq!(tiny.special_tokens(), 1, "the begin token");
    }

    #[test]
    fn the_golden_tokenizer() {
        check(&GOLDEN, "Now is the winter of our discontent", None);
        check(&GOLDEN, " tok tok\n\n", None);
        assert_eq!(GOLDEN.special_tokens(), 0, "it has no post-processor");
        let text = " brown Measurement latency jumps";
        assert_eq!(GOLDEN.decode(&GOLDEN.encode(text)), text, "there and back");
    }

    #[test]
    fn the_builtin_tokenizer() {
        let builtin = Tokenizer::builtin();
        let last = builtin.vocabulary_size() - 1;
        assert!(!builtin.decode(&[last]).is_empty() && builtin.decode(&[last + 1]).is_empty(), "all of them");
        check(&builtin, "hello world", Some(&[5, 11]));
        check(&builtin, "<|endoftext|>", None);
        assert_eq!(builtin.special_tokens(), 0, "it adds none");
        assert_eq!(builtin.decode(&builtin.encode("grüße 🦀")), "grüße 🦀", "there and back");
        assert_eq!(builtin.decode(&[24912, u32::MAX]), "hello", "an unknown token has no text");
    }

    #[test]
    fn what_is_too_long_is_not_counted() {
        let builtin = Tokenizer::builtin();
        let long = "a".repeat(pieces::UNSPLIT_MAX + 1);
        assert_eq!((builtin.try_count(&long), builtin.count(&long)), (None, u32::MAX), "it can't be cut");
        assert!(builtin.encode(&long).is_empty() && builtin.try_ends(&long).is_none(), "nor encoded");
        let longer = "one two ".repeat(1 << 18);
        assert_eq!(builtin.try_count(&longer), Some((2 << 18) + 1), "what can be cut has no bound");
        assert_eq!(builtin.ends(&longer)[..2], [3, 7], "and the same ends");
        // Every byte may become 4,096: 4 KiB are what can be made 16 MiB.
        let normalizer =
            format!(r#"{{"type":"Replace","pattern":{{"String":"x"}},"content":"{}"}}"#, "y".repeat(4096));
        let tiny = TINY.replace(r#""normalizer": null"#, &format!(r#""normalizer": {normalizer}"#));
        let tiny = Tokenizer::from_json(tiny.as_bytes()).unwrap();
        let long = "a ".repeat(2048);
        assert_eq!(tiny.try_count(&long), Some(2048), "as much as there may be");
        assert_eq!(tiny.try_count(&format!("{long}a")), None, "and one byte more");
        assert!(tiny.try_ends(&format!("{long}a")).is_none(), "nor its ends");
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        assert!(Tokenizer::from_json(b"{}").is_err(), "nothing in it");
        assert!(Tokenizer::from_json(b"\xff").is_err(), "no JSON");
    }

    proptest! {
        #[test]
        fn any_text_is_covered(text in "\\PC{0,40}|[a-z ]{0,60}|(🦀|é| |\n){0,9}") {
            check(&Tokenizer::builtin(), &text, None);
            check(&GOLDEN, &text, None);
        }
    }
}
