//! Text drawn by token length from a built-in corpus.
//!
//! A text is made of passages of [`PASSAGE`] consecutive tokens, each from a place that is drawn anew, so that two
//! texts hardly ever begin alike: a server that keeps prefixes would answer such ones too soon. Tokens change where
//! passages meet, so a text is encoded again and mended until its length is exact.

use super::draw::{self, Lengths};
use super::{Conversation, When, session_name};
use common::plan::Length;
use endpoint::Turn;
use rand::Rng;
use rand::rngs::StdRng;
use tokenizer::Tokenizer;

/// The lengths that are drawn.
#[derive(Clone, Copy)]
pub(super) struct Drawn {
    pub(super) input: Length,
    pub(super) output: Option<Length>,
}

/// Makes so many conversations, and notices for the user.
pub(super) fn conversations(
    count: u32,
    lengths: Drawn,
    tokenizer: Option<&Tokenizer>,
    seed: u64,
) -> (Vec<Conversation>, Vec<String>) {
    let mut input = Lengths::new(lengths.input, draw::generator(seed, draw::INPUT_LENGTH));
    let output = |length| Lengths::new(length, draw::generator(seed, draw::OUTPUT_LENGTH));
    let mut output = lengths.output.map(output);
    let mut source = Source::new(tokenizer, draw::generator(seed, draw::TEXT));
    let made = (0..count as usize).map(|number| {
        let mut turn = Turn::user(source.text(input.draw() as usize), String::new());
        turn.max_tokens = output.as_mut().map(Lengths::draw);
        Conversation::single(session_name(number), turn, When::Unsaid)
    });
    let made = made.collect();
    let mut notices = Vec::new();
    if tokenizer.is_none() {
        notices.push("without a tokenizer, one word of synthetic text is taken for one token".to_owned());
    }
    if source.inexact > 0 {
        notices.push(format!("{} synthetic texts miss their token count by a few tokens", source.inexact));
    }
    (made, notices)
}

/// Where texts come from.
struct Source<'a> {
    units: Units<'a>,
    generator: StdRng,
    /// Texts whose length could not be made exact.
    inexact: u32,
}

/// What the corpus is cut into.
enum Units<'a> {
    Tokens { tokenizer: &'a Tokenizer, corpus: Vec<u32> },
    Words { corpus: Vec<&'static str> },
}

impl<'a> Source<'a> {
    fn new(tokenizer: Option<&'a Tokenizer>, generator: StdRng) -> Self {
        let units = match tokenizer {
            Some(tokenizer) => Units::Tokens { tokenizer, corpus: tokenizer.encode(&joined_lines()) },
            None => Units::Words { corpus: CORPUS.split_ascii_whitespace().collect() },
        };
        Self { units, generator, inexact: 0 }
    }

    /// A text of this many tokens, or words.
    fn text(&mut self, length: usize) -> String {
        match &self.units {
            Units::Words { corpus } => passages(corpus, length, &mut self.generator).join(" "),
            Units::Tokens { tokenizer, corpus } => {
                let (text, is_exact) = exact_text(tokenizer, corpus, length, &mut self.generator);
                self.inexact += u32::from(!is_exact);
                text
            }
        }
    }
}

/// A text that encodes to exactly `length` tokens, and whether that was reached.
fn exact_text(
    tokenizer: &Tokenizer,
    corpus: &[u32],
    length: usize,
    generator: &mut StdRng,
) -> (String, bool) {
    let mut tokens = passages(corpus, length, generator);
    let mut text = tokenizer.decode(&tokens);
    for _ in 0..MENDS_MAX {
        tokens = tokenizer.encode(&text);
        if tokens.len() == length {
            return (text, true);
        }
        if tokens.len() < length {
            tokens.extend(passages(corpus, length - tokens.len(), generator));
        }
        tokens.truncate(length);
        text = tokenizer.decode(&tokens);
    }
    let is_exact = tokenizer.encode(&text).len() == length;
    (text, is_exact)
}

/// `length` units, in passages from places of their own.
fn passages<T: Copy>(corpus: &[T], length: usize, generator: &mut StdRng) -> Vec<T> {
    let mut units = Vec::with_capacity(length);
    while units.len() < length && !corpus.is_empty() {
        let begin = generator.random_range(0..corpus.len());
        let count = PASSAGE.min(length - units.len());
        units.extend(corpus.iter().cycle().skip(begin).take(count));
    }
    units
}

/// The corpus as running text: its lines, without those that are empty.
fn joined_lines() -> String {
    let lines = CORPUS.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// Sonnets and speeches of William Shakespeare, in the public domain.
const CORPUS: &str = include_str!("corpus.txt");
/// Tokens that follow each other as in the corpus: as many as the smallest block that servers keep by prefix.
const PASSAGE: usize = 16;
const MENDS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn golden() -> Tokenizer {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/golden/tokenizer/tokenizer.json");
        Tokenizer::from_json(&std::fs::read(path).unwrap()).unwrap()
    }

    fn draw(tokenizer: Option<&Tokenizer>, seed: u64, stddev: f64) -> (Vec<Conversation>, Vec<String>) {
        let lengths =
            Drawn { input: Length { mean: 50.0, stddev }, output: Some(Length { mean: 12.0, stddev }) };
        conversations(300, lengths, tokenizer, seed)
    }

    /// Every text has its length, and texts do not begin alike.
    fn check(tokenizer: &Tokenizer) {
        let (entries, notices) = draw(Some(tokenizer), 7, 0.0);
        assert!(notices.is_empty(), "{notices:?}");
        let texts = entries.iter().map(|entry| entry.turns[0].turn.joined()).collect::<Vec<_>>();
        assert!(texts.iter().all(|text| tokenizer.count(text) == 50), "50 tokens each");
        let beginnings =
            texts.iter().map(|text| tokenizer.encode(text)[..32].to_vec()).collect::<HashSet<_>>();
        assert_eq!(beginnings.len(), texts.len(), "no two texts share two blocks of 16 tokens");
        assert!(
            entries.iter().all(|entry| entry.turns[0].turn.max_tokens == Some(12)),
            "12 output tokens each"
        );
    }

    #[test]
    fn lengths_are_exact() {
        check(&golden());
        check(&Tokenizer::builtin());
    }

    #[test]
    fn a_seed_makes_the_same_texts() {
        let tokenizer = golden();
        let texts = |seed| draw(Some(&tokenizer), seed, 5.0).0;
        assert_eq!(texts(7), texts(7), "same seed");
        assert_ne!(texts(7), texts(8), "another seed");
        assert_eq!(texts(7)[299].session, "session_000299", "sessions are numbered");
    }

    #[test]
    fn without_a_tokenizer_words_are_counted() {
        let (entries, notices) = draw(None, 7, 0.0);
        assert_eq!(entries[0].turns[0].turn.joined().split(' ').count(), 50, "50 words");
        assert_eq!(notices.len(), 1, "and the user is told");
    }

    #[test]
    fn the_corpus_is_large_enough() {
        let words = CORPUS.split_ascii_whitespace().count();
        assert!(words > 3_000, "{words} words");
        assert!(CORPUS.is_ascii(), "every tokenizer knows its characters");
    }
}
