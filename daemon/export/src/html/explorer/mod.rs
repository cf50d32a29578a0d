//! A closer look at single requests: drawn by the page's script, which needs nothing but the data beside it. Without a script the
//! section stays hidden.
//!
//! ```text
//! requests.rs   which requests, with their stages, their events, and what else was measured
//! script.js     draws them, and moves about
//! ```

mod requests;

pub(super) use requests::explorer;

use crate::error::ExportError;
use requests::Explorer;

/// The section with its data, to be drawn by [`SCRIPT`].
pub(super) fn section(explorer: &Explorer) -> Result<String, ExportError> {
    // Nothing in it can end the element.
    let data = serde_json::to_string(explorer)?.replace('<', "\\u003c");
    Ok(format!("{SECTION}<script type=\"application/json\" id=\"explorer-data\">{data}</script>\n"))
}

const SECTION: &str = include_str!("section.html");
pub(super) const SCRIPT: &str = include_str!("script.js");
