//! Which prompts' beginnings the server has seen: a cache of blocks, as vLLM's.
//!
//! ```text
//!   prompt   |block 1|block 2|block 3|rest      a block is known by all that precedes it, and itself
//!             cached  cached  new               the first that is missing ends the cached prefix
//! ```
//!
//! A token is four bytes of the prompt's text, a block is sixteen tokens. The last token is never taken from the
//! cache, for it is what the first new one is made of. If there is no room, the blocks go that were not used for
//! longest, the ends of prompts before their beginnings.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

/// The blocks that are cached.
#[derive(Debug)]
pub(crate) struct PrefixCache {
    blocks_max: usize,
    /// When each block was used last, counted in uses.
    used: HashMap<u64, u64>,
    /// The blocks in the order of their last use.
    order: BTreeMap<u64, u64>,
    uses: u64,
    /// Tokens of all prompts.
    queries: u64,
    /// Tokens that were cached.
    hits: u64,
}

/// A prompt's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// In tokens.
    pub(crate) tokens: u64,
    /// How many of them are cached, from the first on.
    pub(crate) cached: u64,
}

impl PrefixCache {
    /// An empty cache with room for so many blocks.
    pub(crate) fn new(blocks_max: usize) -> Self {
        Self { blocks_max, used: HashMap::new(), order: BTreeMap::new(), uses: 0, queries: 0, hits: 0 }
    }

    /// How much of a prompt is cached; from then on all of its whole blocks are.
    pub(crate) fn look_up(&mut self, prompt: &[u8]) -> Prompt {
        let mut chain = DefaultHasher::new();
        let blocks = prompt.chunks_exact(BLOCK_BYTES).take(self.blocks_max).map(|block| {
            block.hash(&mut chain);
            chain.finish()
        });
        let blocks = blocks.collect::<Vec<_>>();
        let tokens = prompt.len() / TOKEN_BYTES;
        let useful = tokens.saturating_sub(1) / BLOCK_TOKENS;
        let cached = blocks.iter().take(useful).take_while(|block| self.used.contains_key(block)).count();
        // The last block first, so that it is the first one to go.
        blocks.iter().rev().for_each(|block| self.use_block(*block));
        let length = |tokens: usize| u64::try_from(tokens).expect("a length fits");
        let found = Prompt { tokens: length(tokens), cached: length(cached * BLOCK_TOKENS) };
        self.queries += found.tokens;
        self.hits += found.cached;
        found
    }

    /// Forgets all blocks.
    pub(crate) fn reset(&mut self) {
        self.used.clear();
        self.order.clear();
    }

    /// Tokens of all prompts so far.
    pub(crate) fn queries(&self) -> u64 {
        self.queries
    }

    /// Tokens so far that were cached.
    pub(crate) fn hits(&self) -> u64 {
        self.hits
    }

    fn use_block(&mut self, block: u64) {
        self.uses += 1;
        match self.used.insert(block, self.uses) {
            Some(before) => {
                self.order.remove(&before);
            }
            None if self.used.len() > self.blocks_max => {
                if let Some((_, oldest)) = self.order.pop_first() {
                    self.used.remove(&oldest);
                }
            }
            None => {}
        }
        self.order.insert(self.uses, block);
    }
}

/// The text of a request's prompt: the strings of the fields that have one, in order; the whole body if it is no JSON.
pub(crate) fn prompt_of(body: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    let mut text = Vec::with_capacity(body.len());
    PROMPT_FIELDS
        .iter()
        .filter_map(|name| fields.get(*name))
        .for_each(|field| push_strings(field, &mut text));
    text
}

fn push_strings(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::String(string) => text.extend_from_slice(string.as_bytes()),
        Value::Array(items) => items.iter().for_each(|item| push_strings(item, text)),
        Value::Object(fields) => fields.values().for_each(|field| push_strings(field, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Fields that have text which the model reads.
const PROMPT_FIELDS: &[&str] =
    &["system", "messages", "prompt", "input", "inputs", "query", "texts", "passages", "documents"];

/// A token is taken to have so many bytes.
const TOKEN_BYTES: usize = 4;

const BLOCK_TOKENS: usize = 16;

const BLOCK_BYTES: usize = BLOCK_TOKENS * TOKEN_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    /// A prompt of blocks, each of one letter, and a rest.
    fn prompt(letters: &str, rest: usize) -> Vec<u8> {
        let blocks = letters.bytes().flat_map(|letter| [letter; BLOCK_BYTES]);
        blocks.chain(std::iter::repeat_n(b'.', rest)).collect()
    }

    /// Looks up prompts, and compares how many blocks of each are cached.
    #[track_caller]
    fn check(blocks_max: usize, prompts: &[&str], expected: &[u64]) {
        let mut cache = PrefixCache::new(blocks_max);
        let found = prompts.iter().map(|letters| {
            let found = cache.look_up(&prompt(letters, 40));
            assert_eq!(found.tokens, 16 * u64::try_from(letters.len()).expect("few") + 10, "{letters}");
            assert_eq!(found.cached % 16, 0, "whole blocks of {letters}");
            found.cached / 16
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{prompts:?} with {blocks_max} blocks");
        assert_eq!(cache.hits(), 16 * expected.iter().sum::<u64>(), "the hits of {prompts:?}");
    }

    #[test]
    fn the_longest_known_beginning_is_cached() {
        check(99, &["abc", "abc", "abd", "abde", "b"], &[0, 3, 2, 3, 0]);
        check(99, &["aab", "ab", "aab"], &[0, 1, 3]);
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        // The end of `ab` goes for `c`.
        check(2, &["ab", "c", "ab", "c"], &[0, 0, 1, 0]);
        check(3, &["ab", "c", "ab", "d", "c", "ab"], &[0, 0, 2, 0, 0, 1]);
        check(2, &["abc", "abc"], &[0, 2]);
    }

    #[test]
    fn the_last_token_is_never_cached() {
        let mut cache = PrefixCache::new(99);
        let whole = prompt("ab", 0);
        assert_eq!(cache.look_up(&whole), Prompt { tokens: 32, cached: 0 }, "at first");
        assert_eq!(cache.look_up(&whole), Prompt { tokens: 32, cached: 16 }, "and again");
        assert_eq!(cache.look_up(&prompt("ab", 4)), Prompt { tokens: 33, cached: 32 }, "with a token more");
        assert_eq!(cache.look_up(b""), Prompt { tokens: 0, cached: 0 }, "nothing");
    }

    #[test]
    fn a_reset_forgets_everything_but_the_counters() {
        let mut cache = PrefixCache::new(99);
        cache.look_up(&prompt("a", 4));
        cache.look_up(&prompt("a", 4));
        cache.reset();
        assert_eq!(cache.look_up(&prompt("a", 4)).cached, 0, "it is new");
        assert_eq!((cache.queries(), cache.hits()), (51, 16), "three prompts");
    }

    #[test]
    fn a_prompt_is_the_text_that_the_model_reads() {
        let text = |body: &str| String::from_utf8(prompt_of(body.as_bytes())).expect("text");
        let chat = r#"{"model":"m","messages":[{"content":"a"},{"content":[{"text":"b"}]}],"stream":true}"#;
        assert_eq!(text(chat), "ab", "all messages");
        assert_eq!(text(r#"{"prompt":"abc","max_tokens":3}"#), "abc", "a prompt");
        assert_eq!(text("no JSON"), "no JSON", "anything else");
    }
}
