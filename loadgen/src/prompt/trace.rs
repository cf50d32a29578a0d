//! Texts of traces, of which only lengths and shared blocks are known: the same block has the same text everywhere.

use super::corpus::Corpus;
use super::dataset::Written;
use super::{draw, limits, mixed};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustc_hash::FxHashMap;
use spec::Synthesis;
use std::sync::Arc;

/// Synthesizes texts.
#[derive(Clone)]
pub(super) struct Writer {
    corpus: Arc<Corpus>,
}

/// How often each block is used.
#[derive(Debug, Default)]
pub(super) struct Reuse {
    uses: FxHashMap<u64, u32>,
}

impl Writer {
    pub(super) const fn new(corpus: Arc<Corpus>) -> Self {
        Self { corpus }
    }

    /// A text of so many tokens: its blocks, then what is its own.
    pub(super) fn text(&self, written: &Written, seed: u64) -> String {
        let block_size = u64::from(written.block_size.max(1));
        let mut text = String::new();
        let mut left = written.tokens;
        for hash in &written.hash_ids {
            let tokens = block_size.min(left);
            if tokens < block_size {
                break;
            }
            let mut generator = StdRng::seed_from_u64(mixed(BLOCKS, *hash));
            text.push_str(&self.corpus.draft(length(tokens), &mut generator));
            left -= tokens;
        }
        let mut generator = StdRng::seed_from_u64(seed);
        self.corpus.complete(text, length(written.tokens), &mut generator)
    }
}

impl Reuse {
    /// Counts the blocks of a request.
    pub(super) fn count(&mut self, hash_ids: &[u64]) {
        for hash in hash_ids {
            *self.uses.entry(*hash).or_default() += 1;
        }
    }

    /// A request as the plan changes it: its shared prefix stretched or cut, its own part scaled, its blocks' ids moved to one
    /// of several copies. A block is shared when it occurs more than once; the prefix is the leading run of such.
    ///
    /// # Errors
    /// The problem, when it becomes too long to be synthesized.
    pub(super) fn changed(
        &self,
        written: &Written,
        synthesis: &Synthesis,
        drawn: u64,
    ) -> Result<Written, String> {
        let is_shared = |hash: &&u64| self.uses.get(*hash).is_some_and(|uses| *uses > 1);
        let prefix = written.hash_ids.iter().take_while(is_shared).copied().collect::<Vec<_>>();
        let block_size = u64::from(written.block_size);
        let own = written.tokens.saturating_sub((prefix.len() as u64).saturating_mul(block_size));
        let is_untouched = [synthesis.prefix_len_multiplier, synthesis.prompt_len_multiplier]
            .iter()
            .all(|multiplier| (multiplier - 1.0).abs() < f64::EPSILON);
        if is_untouched && synthesis.prefix_root_multiplier == 1 {
            return Ok(written.clone());
        }
        let longest = scaled(prefix.len() as u64, synthesis.prefix_len_multiplier);
        let longest = longest * scaled(block_size, 1.0) + scaled(own, synthesis.prompt_len_multiplier);
        limits::tokens("a prompt that the --synthesis options stretch to a length", whole(longest))?;
        let root = drawn % u64::from(synthesis.prefix_root_multiplier.max(1));
        let mut hash_ids = stretched(&prefix, synthesis.prefix_len_multiplier);
        if root > 0 {
            hash_ids.iter_mut().for_each(|hash| *hash = mixed(root, *hash));
        }
        let own = u64::from(draw::at_least_one(scaled(own, synthesis.prompt_len_multiplier)));
        let tokens = hash_ids.len() as u64 * block_size + own;
        Ok(Written { tokens, hash_ids, block_size: written.block_size })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
const fn whole(count: f64) -> u64 {
    count as u64
}

/// A prefix of another length: longer, with blocks that follow from its own, or shorter, but of one block at least.
fn stretched(prefix: &[u64], multiplier: f64) -> Vec<u64> {
    if prefix.is_empty() {
        return Vec::new();
    }
    let wanted = draw::at_least_one(scaled(prefix.len() as u64, multiplier)) as usize;
    let copy = |place: usize| {
        let round = (place / prefix.len()) as u64;
        let hash = prefix[place % prefix.len()];
        if round == 0 { hash } else { mixed(STRETCHED ^ round, hash) }
    };
    (0..wanted).map(copy).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of tokens are exact in a float")]
fn scaled(count: u64, multiplier: f64) -> f64 {
    (count as f64 * multiplier).round()
}

fn length(tokens: u64) -> usize {
    usize::try_from(tokens).unwrap_or(usize::MAX)
}

/// Blocks have the same text in every run, whatever the seed.
const BLOCKS: u64 = 0x626c_6f63_6b73_2121;
const STRETCHED: u64 = 0x7374_7265_7463_6821;
