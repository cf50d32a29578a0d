//! `report.html`: the report as one page that needs no network and no server, and a script only for a closer look at requests.
//!
//! ```text
//! explorer.rs  a closer look at single requests, with the only script of the page
//! live.rs      a page that is filled while a command goes on
//! page.rs      the frame: style, policy, head and foot
//! sections.rs  a document's tables, numbers and notes
//! paper.rs     a page in parts, of what is no report of one run; conversations.rs one of its parts
//! ```
//!
//! The verdict comes first, then what fits on one screen, then pictures with the client's and the kernel's marks side by side, then every
//! table. The same run gives the same bytes.

mod conversations;
mod explorer;
mod live;
mod page;
mod paper;
mod sections;

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::summary::date;
use crate::view::{self, Cell, Section, Side, Table};
pub use conversations::{Conversation, Message, Turn};
pub use live::{LivePage, part};
use page::{Page, page};
pub use paper::{Paper, Part, RunVerdict};
use record::{Host, Run};
use sections::{verdict, write as write_sections};
use sha2::{Digest, Sha256};
use std::io::Write;

/// Writes the page of a run.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let (overview, full) = (view::overview(artifacts), view::full(artifacts));
    let head = &full.head;
    let pictures = view::pictures(artifacts)?;
    let mut body = verdict(&full.verdict, head, |reason| pictures.moments.of(reason));
    body.push_str(&write_sections(&overview.sections));
    let explorer = explorer::explorer(artifacts, &pictures.sample)?;
    body.push_str(&sections::pictures(&pictures.figures, "plot"));
    if let Some(slowest) = pictures.slowest {
        body.push_str("<details><summary>The slowest requests</summary>\n");
        body.push_str(&write_sections(&[Section::Table(slowest)]));
        body.push_str("</details>\n");
    }
    if let Some(explorer) = &explorer {
        body.push_str(&explorer::section(explorer)?);
    }
    body.push_str("<details><summary>Every table</summary>\n");
    body.push_str(&write_sections(&full.sections));
    body.push_str("</details>\n");
    body.push_str(&write_sections(&[Section::Table(evidence(artifacts.run))]));
    // As run.json is written.
    let digest = hex(&Sha256::digest(serde_json::to_vec_pretty(artifacts.run)?));
    let seconds = format!("{} requests in {:.1} s", head.requests, head.seconds);
    let load = head.load.iter().cloned().chain([seconds]).collect::<Vec<_>>().join(" · ");
    let title = head.what.join(" · ");
    let script = if explorer.is_some() { explorer::SCRIPT } else { "" };
    let page =
        page(&Page { title: &title, subtitle: &load, body: &body, script, is_live: false, digest: &digest });
    out.write_all(page.as_bytes())?;
    Ok(())
}

/// When, where and by which command it was measured, as far as that is known.
fn evidence(run: &Run) -> Table {
    let Host { kernel, hostname, cpu_model, cores, .. } = &run.host;
    let began = if run.clock_begin.real_ns.0 > 0 { date(run.clock_begin.real_ns, 0) } else { String::new() };
    let processor = if cpu_model.is_empty() { String::new() } else { format!("{cores} cores, {cpu_model}") };
    let known = [
        ("Began (UTC)", began),
        ("Host", hostname.clone()),
        ("Kernel", kernel.clone()),
        ("Processor", processor),
        ("Command", run.plan.command_line.clone()),
        ("Run", run.run_id.clone()),
    ];
    let mut table = Table::new("How it was measured", &[("What", Side::Left), ("", Side::Left)]);
    for (label, text) in known.into_iter().filter(|(_, text)| !text.is_empty()) {
        table.row([Cell::text(label), Cell::text(text)]);
    }
    table
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
