//! Which runs an experiment consists of.
//!
//! ```text
//! path.rs     where in a configuration a value is set
//! adaptive_scale/  what a phase that scales itself does next, from its windows so far
//! design/     points that fill a space
//! search/     which load to try next, from what the loads before gave
//! sweep.rs    the sweep of a configuration ──▶ variations, each with its values, label and directory
//! ```
//!
//! Nothing here reads a file, a clock or a socket: the same sweep is always the same list of variations.

#![forbid(unsafe_code)]

pub mod adaptive_scale;
pub mod design;
pub mod path;
pub mod search;
mod sweep;
mod variation;

pub use sweep::{Common, Order, PostProcess, Sweep, Varied, with_values};
pub use variation::Variation;

/// What is wrong with a sweep: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    place: String,
    why: String,
}

impl Refused {
    /// A reason at a place.
    #[must_use]
    pub fn new(place: &str, why: impl Into<String>) -> Self {
        Self { place: place.to_owned(), why: why.into() }
    }

    /// The reason alone, for a message that names the place otherwise.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.place, self.why)
    }
}

impl std::error::Error for Refused {}
