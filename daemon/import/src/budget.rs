//! Limits the memory for the records of another tool's run: a small compressed file can contain any number of them.

use record::Token;
use store::{Exchange, source};

/// The remaining memory for records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    /// The budget for all records of a run.
    pub(crate) const fn new() -> Self {
        Self { left: BYTES_MAX }
    }

    /// Subtracts the memory of a request with its events.
    ///
    /// # Errors
    /// When the budget is exhausted.
    pub(crate) fn exchange(&mut self, exchange: &Exchange) -> Result<(), String> {
        let foreign = exchange
            .foreign
            .as_ref()
            .map_or(0, |foreign| foreign.metadata.len() + foreign.error.as_ref().map_or(0, String::len));
        self.take(
            size_of::<Exchange>() + REQUEST_TEXTS + foreign + exchange.tokens.capacity() * size_of::<Token>(),
        )
    }

    /// Subtracts this many bytes.
    ///
    /// # Errors
    /// When the budget is exhausted.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| {
            format!("the records up to this one need more than {} of memory", source::size(BYTES_MAX))
        })?;
        Ok(())
    }
}

/// A run of 100,000 requests with 150 events each, or of a million with few.
const BYTES_MAX: u64 = 2 << 30;
/// An estimate for the texts of a request: its phase, its ids.
const REQUEST_TEXTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_limited() {
        let mut budget = Budget::new();
        assert!(budget.take(2 << 30).is_ok(), "all of it");
        assert!(budget.take(1).unwrap_err().contains("more than 2 GiB"), "no more");
    }
}
