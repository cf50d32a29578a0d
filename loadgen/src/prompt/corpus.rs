//! Texts of an exact number of tokens, put together from a built-in corpus that is encoded once.
//!
//! A text is made of passages of about [`PASSAGE`] consecutive tokens, each from a place that is drawn anew, so that two
//! texts hardly ever start alike: a server with a prefix cache would respond to such ones too fast. Passages start and end
//! between words, where tokens stay as they are; where they do not, the text is corrected until its length is exact.

use rand::RngExt;
use rand::rngs::StdRng;
use spec::TextSource;
use std::sync::atomic::{AtomicU32, Ordering};
use tokenizer::Tokenizer;

/// The corpus, cut into units.
pub(super) struct Corpus {
    units: Units,
    /// Texts whose length could not be made exact.
    inexact: AtomicU32,
}

enum Units {
    Tokens {
        tokenizer: Tokenizer,
        tokens: Vec<u32>,
        /// Places at which a word starts.
        begins: Vec<usize>,
    },
    Words(Vec<&'static str>),
}

impl Corpus {
    /// The corpus in tokens, or in words if there is no tokenizer; `None` for a vocabulary without one.
    pub(super) fn new(tokenizer: Option<Tokenizer>, source: TextSource) -> Option<Self> {
        let texts = match source {
            TextSource::Sonnet => SONNETS,
            TextSource::Coding => CODE,
            TextSource::Random => return Some(Self::of_units(vocabulary(tokenizer?))),
        };
        let units = match tokenizer {
            Some(tokenizer) => {
                let text = joined_lines(texts);
                let (tokens, ends) = (tokenizer.encode(&text), tokenizer.ends(&text));
                let bytes = text.as_bytes();
                let is_word = |end: usize| {
                    bytes.get(end) == Some(&b' ') && bytes.get(end + 1).is_some_and(u8::is_ascii_alphabetic)
                };
                let mut begins = (1..)
                    .zip(&ends)
                    .filter(|(_, end)| is_word(**end))
                    .map(|(place, _)| place)
                    .collect::<Vec<_>>();
                begins.retain(|place| *place < tokens.len());
                if begins.is_empty() {
                    begins.extend(0..tokens.len());
                }
                Units::Tokens { tokenizer, tokens, begins }
            }
            None => Units::Words(ascii_lines(texts).flat_map(str::split_ascii_whitespace).collect()),
        };
        Some(Self::of_units(units))
    }

    const fn of_units(units: Units) -> Self {
        Self { units, inexact: AtomicU32::new(0) }
    }

    /// How many texts missed their length.
    pub(super) fn inexact(&self) -> u32 {
        self.inexact.load(Ordering::Relaxed)
    }

    /// Whether lengths are counted in words.
    pub(super) const fn counts_words(&self) -> bool {
        matches!(self.units, Units::Words(_))
    }

    /// A text of exactly this many tokens, or words.
    pub(super) fn text(&self, length: usize, generator: &mut StdRng) -> String {
        self.complete(String::new(), length, generator)
    }

    /// A text of about this many tokens, which is the same for the same draws: a piece of others.
    pub(super) fn draft(&self, length: usize, generator: &mut StdRng) -> String {
        match &self.units {
            Units::Words(words) => {
                let mut text = sampled_words(words, length, generator);
                text.push(' ');
                text
            }
            Units::Tokens { tokenizer, tokens, begins } => {
                tokenizer.decode(&passages(tokens, begins, length, generator))
            }
        }
    }

    /// Extends a text until it has exactly this many tokens, or words. One that has more already is cut.
    pub(super) fn complete(&self, start: String, length: usize, generator: &mut StdRng) -> String {
        match &self.units {
            Units::Words(words) => {
                let there = start.split_ascii_whitespace().count();
                start + &sampled_words(words, length.saturating_sub(there), generator)
            }
            Units::Tokens { tokenizer, tokens, begins } => {
                let there = if start.is_empty() { 0 } else { tokenizer.count(&start) as usize };
                if there > length {
                    let cut = tokenizer.encode(&start);
                    return tokenizer.decode(cut.get(..length).unwrap_or_default());
                }
                let mut own = passages(tokens, begins, length - there, generator);
                for _ in 0..MENDS_MAX {
                    let text = format!("{start}{}", tokenizer.decode(&own));
                    let count = tokenizer.count(&text) as usize;
                    if count == length {
                        return text;
                    }
                    if count > length {
                        let excess = (count - length).min(own.len());
                        own.truncate(own.len() - excess);
                    } else {
                        own.extend(passages(tokens, begins, length - count, generator));
                    }
                }
                self.inexact.fetch_add(1, Ordering::Relaxed);
                start + &tokenizer.decode(&own)
            }
        }
    }
}

fn sampled_words(words: &[&str], length: usize, generator: &mut StdRng) -> String {
    let mut sampled = Vec::with_capacity(length);
    while sampled.len() < length && !words.is_empty() {
        let begin = generator.random_range(0..words.len());
        let count = PASSAGE.min(length - sampled.len());
        sampled.extend(words.iter().copied().cycle().skip(begin).take(count));
    }
    sampled.join(" ")
}

/// `length` tokens, in passages from places of their own.
fn passages(tokens: &[u32], begins: &[usize], length: usize, generator: &mut StdRng) -> Vec<u32> {
    let mut drawn = Vec::with_capacity(length);
    while drawn.len() < length && !begins.is_empty() {
        let place = generator.random_range(0..begins.len());
        let begin = begins[place];
        let after = begins[place..].iter().find(|next| **next >= begin + PASSAGE);
        let end = after.copied().unwrap_or(tokens.len()).max(begin + 1).min(begin + length - drawn.len());
        drawn.extend_from_slice(&tokens[begin..end.min(tokens.len())]);
    }
    drawn
}

/// Every token that is text by itself, in the order of the vocabulary.
fn vocabulary(tokenizer: Tokenizer) -> Units {
    let is_text = |token: &u32| {
        let text = tokenizer.decode(&[*token]);
        !text.is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    let tokens = (0..tokenizer.vocabulary_size()).filter(is_text).collect::<Vec<_>>();
    let begins = (0..tokens.len()).collect();
    Units::Tokens { tokenizer, tokens, begins }
}

/// A corpus as running text: its lines, without those that are empty.
fn joined_lines(texts: &[&str]) -> String {
    ascii_lines(texts).collect::<Vec<_>>().join(" ")
}

/// Lines that hold something every tokenizer knows.
fn ascii_lines<'a>(texts: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
    lines.filter(|line| !line.is_empty() && line.is_ascii())
}

/// Sonnets and speeches of William Shakespeare, in the public domain.
const SONNETS: &[&str] = &[include_str!("corpus.txt")];
/// Source code: our own at one moment, so that a seed gives the same prompts however it changes.
const CODE: &[&str] = &[include_str!("code.txt")];
/// Tokens that follow each other as in the corpus: as many as the smallest block that servers keep by prefix.
const PASSAGE: usize = 16;
const MENDS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_corpus_is_large_enough() {
        for texts in [SONNETS, CODE] {
            let words = ascii_lines(texts).flat_map(str::split_ascii_whitespace).count();
            assert!(words > 3_000, "{words} words");
        }
    }

    #[test]
    fn lengths_are_exact_also_after_a_beginning() {
        let corpus = Corpus::new(Some(Tokenizer::builtin()), TextSource::Sonnet).unwrap();
        let tokenizer = Tokenizer::builtin();
        let mut generator = StdRng::seed_from_u64(7);
        for length in [1, 2, 17, 550, 3000] {
            let text = corpus.text(length, &mut generator);
            assert_eq!(tokenizer.count(&text) as usize, length, "{length} tokens");
        }
        let draft = corpus.draft(64, &mut generator);
        let text = corpus.complete(draft.clone(), 100, &mut generator);
        assert!(text.starts_with(&draft), "the start is kept");
        assert_eq!(tokenizer.count(&text), 100, "all together");
        assert_eq!(corpus.inexact(), 0, "none missed its length");
    }
}
