//! A page in parts: of what is no report of one run.

use super::conversations::{self, Conversation};
use super::page::{Page, page};
use super::sections::{picture, text, verdict_of_run, write as write_sections};
use crate::view::Section;
use picture::Figure;
use record::Verdict;
use sha2::{Digest, Sha256};

/// A page in parts, one below the other.
#[derive(Clone, Copy, Debug)]
pub struct Paper<'a> {
    /// What it is of; foreign text.
    pub title: &'a str,
    /// What was measured; foreign text.
    pub subtitle: &'a str,
    /// Its parts.
    pub parts: &'a [Part<'a>],
    /// The data that it was made from.
    pub data: &'a [u8],
}

/// A part of a page.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Tables, numbers and remarks.
    Sections(&'a [Section]),
    /// Pictures.
    Pictures(&'a [Figure]),
    /// Tables, numbers and remarks that a reader unfolds.
    Folded {
        /// What they are; foreign text.
        summary: &'a str,
        /// The sections.
        sections: &'a [Section],
    },
    /// Whether the numbers of some runs may be used.
    Verdicts(&'a [RunVerdict]),
    /// Conversations, which a reader unfolds.
    Conversations(&'a [Conversation]),
}

/// Whether the numbers of a run may be used.
#[derive(Clone, Debug)]
pub struct RunVerdict {
    /// Which run it is; foreign text.
    pub name: String,
    /// What else must be known of it; foreign text.
    pub about: String,
    /// The verdict; `None` of a run that has none.
    pub verdict: Option<Verdict>,
}

impl Paper<'_> {
    /// The page as HTML. Its policy forbids scripts, other styles and the network.
    #[must_use]
    pub fn html(&self) -> String {
        let mut body = String::new();
        let mut pictures = 0;
        for part in self.parts {
            match part {
                Part::Sections(sections) => body.push_str(&write_sections(sections)),
                Part::Pictures(figures) => {
                    body.extend(
                        figures
                            .iter()
                            .zip(pictures..)
                            .map(|(figure, place)| picture(figure, &format!("plot-{place}"))),
                    );
                    pictures += figures.len();
                }
                Part::Verdicts(of) => body.extend(of.iter().map(verdict_of_run)),
                Part::Conversations(of) => body.push_str(&conversations::write(of)),
                Part::Folded { summary, sections } => {
                    let sections = write_sections(sections);
                    body.push_str(&format!(
                        "<details><summary>{}</summary>\n{sections}</details>\n",
                        text(summary)
                    ));
                }
            }
        }
        let digest = super::hex(&Sha256::digest(self.data));
        page(&Page {
            title: self.title,
            subtitle: self.subtitle,
            body: &body,
            digest: &digest,
            ..Page::default()
        })
    }
}
