//! Which event brought which tokens: those of each answer are counted within it, however several were interleaved.

use endpoint::Choice;
use std::iter::Peekable;
use std::vec::IntoIter;
use tokenizer::Tokenizer;

/// The texts of an answer after the first, if several were requested.
#[derive(Debug, Default)]
pub(super) struct Other {
    answer: String,
    reasoning: String,
    marks: Vec<Mark>,
}

/// How long both texts were after an event.
#[derive(Clone, Copy, Debug)]
struct Mark {
    event: u32,
    answer: u32,
    reasoning: u32,
}

/// The tokens of one of several answers.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) answer: u32,
    pub(super) reasoning: u32,
    /// Events, each with how many it brought.
    pub(super) brought: Vec<(u32, u32)>,
}

/// The ends of the tokens of an answer's texts that are not assigned to an event yet.
pub(super) struct Ends {
    answer: Peekable<IntoIter<usize>>,
    reasoning: Peekable<IntoIter<usize>>,
}

impl Other {
    /// Adds what an event brought of it.
    pub(super) fn take(&mut self, choice: &Choice<'_>, event: u32) {
        self.answer.push_str(&choice.content);
        self.answer.push_str(&choice.tool_call);
        self.reasoning.push_str(&choice.reasoning);
        let [answer, reasoning] =
            [&self.answer, &self.reasoning].map(|text| u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.marks.push(Mark { event, answer, reasoning });
    }

    /// Its tokens. `None` when they can't be counted.
    pub(super) fn counted(&self, tokenizer: &Tokenizer) -> Option<Counted> {
        let (answer, reasoning, mut ends) = Ends::of(tokenizer, &self.answer, &self.reasoning)?;
        let brought = self.marks.iter().map(|mark| (mark.event, ends.up_to(mark.answer, mark.reasoning)));
        Some(Counted { answer, reasoning, brought: brought.collect() })
    }

    /// Bytes of memory that one event uses besides its text.
    pub(super) const MARK_BYTES: usize = size_of::<Mark>();
}

impl Ends {
    /// Of two texts, with how many tokens each has. `None` when one is too long for the tokenizer.
    pub(super) fn of(tokenizer: &Tokenizer, answer: &str, reasoning: &str) -> Option<(u32, u32, Self)> {
        let (answer, reasoning) = (tokenizer.try_ends(answer)?, tokenizer.try_ends(reasoning)?);
        let [answers, reasonings] =
            [&answer, &reasoning].map(|ends| u32::try_from(ends.len()).unwrap_or(u32::MAX));
        let ends =
            Self { answer: answer.into_iter().peekable(), reasoning: reasoning.into_iter().peekable() };
        Some((answers, reasonings, ends))
    }

    /// How many more tokens there are when the texts are so long.
    pub(super) fn up_to(&mut self, answer: u32, reasoning: u32) -> u32 {
        let count = |ends: &mut Peekable<IntoIter<usize>>, length: u32| {
            let length = length as usize;
            let mut tokens = 0;
            while ends.next_if(|end| *end <= length && length > 0).is_some() {
                tokens += 1;
            }
            tokens
        };
        count(&mut self.answer, answer) + count(&mut self.reasoning, reasoning)
    }
}

/// Answers of one request that are counted separately; no API returns more.
pub(super) const CHOICES_MAX: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn tokens_are_counted_within_an_answer() {
        let mut other = Other::default();
        for (event, text) in [(1, "hel"), (4, "lo wor"), (5, "ld")] {
            other.take(&Choice { content: Cow::Borrowed(text), ..Choice::default() }, event);
        }
        let Counted { answer, reasoning, brought } = other.counted(&Tokenizer::builtin()).unwrap();
        assert_eq!((answer, reasoning), (2, 0), "hello world");
        assert_eq!(brought, [(1, 0), (4, 1), (5, 1)], "each when its last byte arrived");
    }
}
