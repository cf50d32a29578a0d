//! `report.html`: the report as one page that needs no network, no server and no script.
//!
//! ```text
//! page.rs      the frame: style, policy, head and foot
//! sections.rs  a document's tables, numbers and notes
//! paper.rs     a page in parts, of what is no report of one run; conversations.rs one of its parts
//! ```
//!
//! The verdict comes first, then what fits on one screen, then pictures with the client's and the kernel's marks side by side, then every
//! table. The same run gives the same bytes.

mod conversations;
mod page;
mod paper;
mod sections;

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::view::{self, Section};
pub use conversations::{Conversation, Message, Turn};
use page::{Page, page};
pub use paper::{Paper, Part, RunVerdict};
use picture::Figure;
use sections::{verdict, write as write_sections};
use sha2::{Digest, Sha256};
use std::io::Write;

/// Writes the page of a run.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let (overview, full) = (view::overview(artifacts), view::full(artifacts));
    let head = &full.head;
    let mut body = verdict(&full.verdict, head);
    body.push_str(&write_sections(&overview.sections));
    let pictures = view::pictures(artifacts)?;
    body.push_str(&sections::pictures(&pictures.figures));
    if let Some(slowest) = pictures.slowest {
        body.push_str("<details><summary>The slowest requests</summary>\n");
        body.push_str(&write_sections(&[Section::Table(slowest)]));
        body.push_str("</details>\n");
    }
    body.push_str("<details><summary>Every table</summary>\n");
    body.push_str(&write_sections(&full.sections));
    body.push_str("</details>\n");
    // As run.json is written.
    let digest = hex(&Sha256::digest(serde_json::to_vec_pretty(artifacts.run)?));
    let seconds = format!("{} requests in {:.1} s", head.requests, head.seconds);
    let load = head.load.iter().cloned().chain([seconds]).collect::<Vec<_>>().join(" · ");
    let title = head.what.join(" · ");
    out.write_all(page(&Page { title: &title, subtitle: &load, body: &body, digest: &digest }).as_bytes())?;
    Ok(())
}

/// A report that is of several runs.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What it is of; foreign text.
    pub title: &'a str,
    /// What was measured; foreign text.
    pub subtitle: &'a str,
    /// What comes first.
    pub sections: &'a [Section],
    /// What is drawn after it.
    pub pictures: &'a [Figure],
    /// The data that it was made from.
    pub data: &'a [u8],
}

impl Report<'_> {
    /// The report as a page.
    #[must_use]
    pub fn html(&self) -> String {
        let body = write_sections(self.sections) + &sections::pictures(self.pictures);
        page(&Page {
            title: self.title,
            subtitle: self.subtitle,
            body: &body,
            digest: &hex(&Sha256::digest(self.data)),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
