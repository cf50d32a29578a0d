//! What can go wrong with a picture, and whose fault it is.

use thiserror::Error;

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The caller's: a document that is not the contract's, or breaks one of its rules.
    #[error("{place}: {why}")]
    Invalid {
        /// Where in the document.
        place: String,
        /// The rule.
        why: String,
    },
    /// The caller's: a text that is not JSON of the contract.
    #[error("failed to parse the figure")]
    Json(#[source] serde_json::Error),
    /// The caller's: a picture that is too large, or has no area.
    #[error("a picture of {width} by {height} pixels is not possible: use 200 to 8000 pixels")]
    Size {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// Ours: the rasterizer refuses the SVG.
    #[error("failed to rasterize the picture: {0}")]
    Raster(String),
}

impl PictureError {
    pub(crate) fn invalid(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), why: why.into() }
    }
}
