//! Synthetic conversations: texts by token length, images and audio clips of noise, queries with passages.

use super::corpus::Corpus;
use super::draw::{self, Lengths};
use super::pictures::Pictures;
use super::{Context, Conversation, Models, Planned, Problem, When, noise, session_name};
use endpoint::{Media, Text, Turn};
use rand::RngExt;
use rand::rngs::StdRng;
use spec::{Length, Made, Pair, Range, RangeStyle, Rankings, SoundFormat};
use std::iter::Cycle;
use std::str::Lines;
use std::sync::Arc;

/// What is to be generated.
pub(super) struct Wanted<'a> {
    pub(super) entries: u32,
    pub(super) input: Length,
    pub(super) output: Option<Length>,
    pub(super) made: &'a Made,
    pub(super) models: &'a Models,
    pub(super) seed: u64,
    /// The user's own images, if those are used.
    pub(super) pictures: &'a str,
    /// Audio clips that were made for the run, a format and bytes in Base64 a line.
    pub(super) sounds: &'a str,
    /// Videos that were made for the run, a data URI a line.
    pub(super) videos: &'a str,
}

/// Makes all conversations.
pub(super) fn conversations(wanted: &Wanted<'_>, corpus: &Arc<Corpus>) -> Result<Vec<Conversation>, Problem> {
    let mut maker = Maker::new(wanted, corpus);
    (0..wanted.entries as usize).map(|number| maker.conversation(number)).collect()
}

/// Draws everything, each purpose from a generator of its own.
struct Maker<'a> {
    wanted: &'a Wanted<'a>,
    corpus: &'a Corpus,
    input: Lengths,
    output: Option<Lengths>,
    turns: Lengths,
    delay: Option<Lengths>,
    pairs: StdRng,
    range: StdRng,
    text: StdRng,
    prefix: StdRng,
    noise: StdRng,
    pictures: Option<Pictures>,
    sounds: Cycle<Lines<'a>>,
    videos: Cycle<Lines<'a>>,
    system: Option<String>,
    prefixes: Vec<String>,
}

impl<'a> Maker<'a> {
    fn new(wanted: &'a Wanted<'a>, corpus: &'a Corpus) -> Self {
        let lengths =
            |length: &Length, purpose| Lengths::new(length.clone(), draw::generator(wanted.seed, purpose));
        let made = wanted.made;
        let mut prefix = draw::generator(wanted.seed, draw::PREFIX);
        let shared = made.shared_system_tokens.map(|tokens| corpus.text(tokens as usize, &mut prefix));
        let prefixes =
            (0..made.prefixes).map(|_| corpus.text(made.prefix_tokens as usize, &mut prefix)).collect();
        Self {
            wanted,
            corpus,
            input: lengths(&wanted.input, draw::INPUT_LENGTH),
            output: wanted.output.as_ref().map(|length| lengths(length, draw::OUTPUT_LENGTH)),
            turns: lengths(&made.turns, draw::TURN_COUNT),
            delay: made.turn_delay_ms.as_ref().map(|length| lengths(length, draw::TURN_DELAY)),
            pairs: draw::generator(wanted.seed, draw::PAIRS),
            range: draw::generator(wanted.seed, draw::RANGE),
            text: draw::generator(wanted.seed, draw::TEXT),
            noise: draw::generator(wanted.seed, draw::NOISE),
            pictures: made
                .images
                .as_ref()
                .and_then(|images| images.source)
                .map(|taking| Pictures::new(wanted.pictures, taking)),
            sounds: wanted.sounds.lines().cycle(),
            videos: wanted.videos.lines().cycle(),
            system: made.system_prompt.clone().or(shared),
            prefix,
            prefixes,
        }
    }

    fn conversation(&mut self, number: usize) -> Result<Conversation, Problem> {
        let count = self.turns.draw();
        let mut turns = Vec::with_capacity(count as usize);
        for place in 0..count {
            let mut turn = self.turn(place == 0)?;
            self.wanted.models.of(number).clone_into(&mut turn.model);
            turns.push(Planned { turn, when: self.when(place), answer: None });
        }
        Ok(Conversation {
            session: session_name(number),
            turns,
            context: Context::Live,
            branches: Vec::new(),
        })
    }

    fn when(&mut self, place: u32) -> When {
        match &mut self.delay {
            Some(delay) if place > 0 => {
                When::After { delay_ms: f64::from(delay.draw()) * self.wanted.made.turn_delay_ratio }
            }
            _ => When::Unscheduled,
        }
    }

    fn turn(&mut self, is_first: bool) -> Result<Turn, Problem> {
        let made = self.wanted.made;
        let mut turn = Turn { role: "user".to_owned(), ..Turn::default() };
        if let Some(rankings) = &made.rankings {
            turn.texts = self.ranking(rankings);
            return Ok(turn);
        }
        let mut contents = Vec::new();
        for _ in 0..made.batch_size {
            let (input, output) = self.lengths();
            turn.max_tokens = output;
            contents.push(self.prompt(input as usize, is_first));
        }
        turn.texts = vec![Text { name: String::new(), contents }];
        if is_first {
            turn.system.clone_from(&self.system);
            turn.context =
                made.user_context_tokens.map(|tokens| self.corpus.text(tokens as usize, &mut self.prefix));
        }
        if let Some(images) = &made.images {
            turn.images = match &mut self.pictures {
                Some(pictures) => pictures.images(images, &mut self.noise)?,
                None => noise::images(images, &mut self.noise)?,
            };
        }
        if let Some(audios) = &made.audios {
            turn.audios = match audios.format {
                SoundFormat::Wav => noise::sounds(audios, &mut self.noise)?,
                SoundFormat::Mp3 => {
                    self.sounds.by_ref().take(audios.batch_size as usize).map(Media::new).collect()
                }
            };
            if turn.audios.len() < audios.batch_size as usize {
                return Err(Problem::Media("the client uploaded no audio clips".to_owned()));
            }
        }
        turn.videos.extend(self.videos.by_ref().take(made.videos as usize).map(Media::new));
        Ok(turn)
    }

    /// A prompt, which starts with one of the prefixes in a conversation's first turn.
    fn prompt(&mut self, tokens: usize, is_first: bool) -> String {
        if !is_first || self.prefixes.is_empty() {
            return self.corpus.text(tokens, &mut self.text);
        }
        let drawn = self.prefix.random_range(0..self.prefixes.len());
        let total = tokens + self.wanted.made.prefix_tokens as usize;
        self.corpus.complete(self.prefixes[drawn].clone(), total, &mut self.text)
    }

    /// Input and output tokens.
    fn lengths(&mut self) -> (u32, Option<u32>) {
        if let Some(range) = self.wanted.made.range {
            let mut within = |mean, ratio| {
                window(&range, mean, ratio).map_or(1, |(low, high)| self.range.random_range(low..=high))
            };
            let input = within(self.wanted.input.mean, range.input);
            return (input, self.wanted.output.as_ref().map(|output| within(output.mean, range.output)));
        }
        let pairs = &self.wanted.made.pairs;
        if pairs.is_empty() {
            return (self.input.draw(), self.output.as_mut().map(Lengths::draw));
        }
        let drawn = self.pairs.random_range(0.0..100.0);
        let mut below = 0.0;
        let found = pairs.iter().find(|pair| {
            below += pair.percent;
            drawn < below
        });
        let Some(Pair { input, output, .. }) = found.or_else(|| pairs.last()) else { return (1, None) };
        (draw::drawn(input, &mut self.pairs), Some(draw::drawn(output, &mut self.pairs)))
    }

    fn ranking(&mut self, rankings: &Rankings) -> Vec<Text> {
        let mut text = |length: &Length| {
            let tokens = draw::drawn(length, &mut self.pairs);
            self.corpus.text(tokens as usize, &mut self.text)
        };
        let query = text(&rankings.query_tokens);
        let count = draw::drawn(&rankings.passages, &mut self.noise);
        let passages = (0..count).map(|_| text(&rankings.passage_tokens)).collect();
        vec![
            Text { name: "query".to_owned(), contents: vec![query] },
            Text { name: "passages".to_owned(), contents: passages },
        ]
    }
}

/// The least and the greatest length of a window.
fn window(range: &Range, mean: f64, ratio: f64) -> Option<(u32, u32)> {
    let (low, high) = match range.style {
        RangeStyle::Vllm => ((mean * (1.0 - ratio)).floor(), (mean * (1.0 + ratio)).ceil()),
        RangeStyle::Sglang => ((mean * ratio).floor(), mean.floor()),
    };
    let (low, high) = (draw::at_least_one(low), draw::at_least_one(high));
    (low <= high).then_some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::TextSource;
    use std::collections::HashSet;
    use tokenizer::Tokenizer;

    fn golden() -> Tokenizer {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/tokenizer/tokenizer.json");
        Tokenizer::from_json(&std::fs::read(path).unwrap()).unwrap()
    }

    fn make(
        tokenizer: Option<Tokenizer>,
        seed: u64,
        stddev: f64,
        made: &Made,
    ) -> (Vec<Conversation>, Arc<Corpus>) {
        let corpus = Arc::new(Corpus::new(tokenizer, made.corpus).unwrap());
        let wanted = Wanted {
            entries: 100,
            input: Length::normal(50.0, stddev),
            output: Some(Length::normal(12.0, stddev)),
            made,
            models: &Models::default(),
            seed,
            pictures: "",
            sounds: "",
            videos: "",
        };
        (conversations(&wanted, &corpus).unwrap(), corpus)
    }

    fn texts(conversations: &[Conversation]) -> Vec<String> {
        conversations.iter().map(|conversation| conversation.turns[0].turn.joined()).collect()
    }

    /// Every text has its length, and no two texts start alike.
    fn check(tokenizer: &Tokenizer) {
        let (conversations, corpus) = make(Some(tokenizer.clone()), 7, 0.0, &Made::default());
        assert_eq!(corpus.inexact(), 0, "none missed its length");
        let texts = texts(&conversations);
        assert!(texts.iter().all(|text| tokenizer.count(text) == 50), "50 tokens each");
        let beginnings =
            texts.iter().map(|text| tokenizer.encode(text)[..32].to_vec()).collect::<HashSet<_>>();
        assert_eq!(beginnings.len(), texts.len(), "no two texts share two blocks of 16 tokens");
        let turns = conversations.iter().flat_map(|conversation| &conversation.turns);
        assert!(turns.map(|planned| planned.turn.max_tokens).all(|tokens| tokens == Some(12)), "12 each");
    }

    #[test]
    fn lengths_are_exact() {
        check(&golden());
        check(&Tokenizer::builtin());
    }

    #[test]
    fn a_seed_makes_the_same_conversations() {
        let made = Made { turns: Length::normal(3.0, 1.0), prefixes: 2, prefix_tokens: 9, ..Made::default() };
        let of = |seed| make(Some(golden()), seed, 5.0, &made).0;
        assert_eq!(of(7), of(7), "same seed");
        assert_ne!(of(7), of(8), "another seed");
        assert_eq!(of(7)[99].session, "session_000099", "sessions are numbered");
    }

    #[test]
    fn without_a_tokenizer_words_are_counted() {
        let (conversations, corpus) = make(None, 7, 0.0, &Made::default());
        assert_eq!(texts(&conversations)[0].split(' ').count(), 50, "50 words");
        assert!(corpus.counts_words(), "and the user is notified");
    }

    #[test]
    fn conversations_share_what_they_should() {
        let tokenizer = golden();
        let made = Made {
            turns: Length::fixed(2.0),
            turn_delay_ms: Some(Length::fixed(100.0)),
            turn_delay_ratio: 0.5,
            shared_system_tokens: Some(20),
            user_context_tokens: Some(30),
            ..Made::default()
        };
        let (conversations, _) = make(Some(tokenizer.clone()), 7, 0.0, &made);
        let first = |place: usize| &conversations[place].turns[0].turn;
        assert_eq!(first(0).system, first(1).system, "one system prompt");
        assert_ne!(first(0).context, first(1).context, "a context each");
        assert_eq!(tokenizer.count(first(0).context.as_deref().unwrap()), 30, "of its length");
        assert_eq!(conversations[0].turns[1].turn.system, None, "only in the first turn");
        assert_eq!(conversations[0].turns[1].when, When::After { delay_ms: 50.0 }, "half the delay");
        let made = Made { prefixes: 3, prefix_tokens: 25, ..Made::default() };
        let (conversations, _) = make(Some(tokenizer.clone()), 7, 0.0, &made);
        let texts = texts(&conversations);
        assert!(texts.iter().all(|text| tokenizer.count(text) == 75), "prefix and prompt");
        let begins = texts.iter().map(|text| text[..60].to_owned()).collect::<HashSet<_>>();
        assert_eq!(begins.len(), 3, "of three prefixes");
    }

    #[test]
    fn pairs_are_drawn_by_their_share() {
        let length = |mean| Length::fixed(mean);
        let pair = |input, output, percent| Pair { input: length(input), output: length(output), percent };
        let made = Made { pairs: vec![pair(10.0, 1.0, 70.0), pair(40.0, 2.0, 30.0)], ..Made::default() };
        let (conversations, _) = make(None, 7, 0.0, &made);
        let short = texts(&conversations).iter().filter(|text| text.split(' ').count() == 10).count();
        assert!((55..85).contains(&short), "{short} of 100");
    }

    #[test]
    fn lengths_lie_within_their_window() {
        let range = |style, input| Some(Range { style, input, output: 0.0 });
        let lengths = |style, ratio| {
            let made = Made { range: range(style, ratio), ..Made::default() };
            let (conversations, _) = make(None, 7, 0.0, &made);
            let lengths =
                texts(&conversations).iter().map(|text| text.split(' ').count()).collect::<Vec<_>>();
            (lengths.iter().min().copied().unwrap(), lengths.iter().max().copied().unwrap())
        };
        let (low, high) = lengths(RangeStyle::Vllm, 0.5);
        assert!((25..32).contains(&low) && (68..=75).contains(&high), "{low} to {high} around 50");
        let (low, high) = lengths(RangeStyle::Sglang, 0.5);
        assert!((25..32).contains(&low) && (44..=50).contains(&high), "{low} to {high} up to 50");
    }

    #[test]
    fn texts_are_of_what_is_wanted() {
        let of = |corpus| {
            let (conversations, corpus) = make(Some(golden()), 7, 0.0, &Made { corpus, ..Made::default() });
            (texts(&conversations).join("\n"), corpus.inexact())
        };
        let (code, inexact) = of(TextSource::Coding);
        assert!(inexact == 0 && code.contains("fn "), "source code: {code}");
        let (random, _) = of(TextSource::Random);
        assert!(random != code && !random.is_empty(), "words of the vocabulary: {random}");
        assert!(Corpus::new(None, TextSource::Random).is_none(), "which needs one");
    }

    #[test]
    fn rankings_have_a_query_and_passages() {
        let length = |mean| Length::fixed(mean);
        let rankings =
            Rankings { passages: length(4.0), passage_tokens: length(6.0), query_tokens: length(3.0) };
        let (conversations, _) = make(None, 7, 0.0, &Made { rankings: Some(rankings), ..Made::default() });
        let turn = &conversations[0].turns[0].turn;
        assert_eq!(
            turn.named("query").map(|text| text.split(' ').count()).collect::<Vec<_>>(),
            [3],
            "a query"
        );
        let passages = turn.named("passages").map(|text| text.split(' ').count()).collect::<Vec<_>>();
        assert_eq!(passages, [6, 6, 6, 6], "four passages");
    }
}
