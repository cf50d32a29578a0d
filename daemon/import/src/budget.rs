//! How much memory the records of another tool's run may take: a small compressed file can hold any number of them.

use export::{Exchange, source};
use record::Token;

/// What is left for records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    /// For all records of a run.
    pub(crate) const fn new() -> Self {
        Self { left: BYTES_MAX }
    }

    /// Takes what a request with its events needs.
    ///
    /// # Errors
    /// When there is no more.
    pub(crate) fn exchange(&mut self, exchange: &Exchange) -> Result<(), String> {
        let told = exchange
            .told
            .as_ref()
            .map_or(0, |told| told.metadata.len() + told.error.as_ref().map_or(0, String::len));
        self.take(
            size_of::<Exchange>() + REQUEST_TEXTS + told + exchange.tokens.capacity() * size_of::<Token>(),
        )
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// When there are no more.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| {
            format!("the records until here need more than {} of memory", source::size(BYTES_MAX))
        })?;
        Ok(())
    }
}

/// A run of 100,000 requests with 150 events each, or of a million with few.
const BYTES_MAX: u64 = 2 << 30;
/// The texts of a request: its phase, its ids.
const REQUEST_TEXTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end() {
        let mut budget = Budget::new();
        assert!(budget.take(2 << 30).is_ok(), "all of it");
        assert!(budget.take(1).unwrap_err().contains("more than 2 GiB"), "no more");
    }
}
