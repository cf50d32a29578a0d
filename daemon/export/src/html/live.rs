//! A page that is filled while a command goes on: the same sections and pictures as those of a report, sent by its server as they
//! change.

use super::page::{Page, page};
use super::sections::{pictures, text, write};
use crate::view::Section;
use picture::Figure;

/// A page whose parts are filled by its server.
///
/// `GET events`, below the page's own path, is a stream of server-sent events, each a JSON object: a part's name with its HTML. The event
/// `end` is the last.
#[derive(Clone, Copy, Debug)]
pub struct LivePage<'a> {
    /// What it is of; foreign text.
    pub title: &'a str,
    /// The names of its parts, in order.
    pub parts: &'a [&'a str],
}

impl LivePage<'_> {
    /// The page, with empty parts.
    #[must_use]
    pub fn html(&self) -> String {
        let parts = self.parts.iter().map(|name| format!("<div id=\"{}\"></div>\n", text(name)));
        let state = "<p class=\"muted\" role=\"status\" id=\"connection\">waiting for data</p>\n<p class=\"muted\" id=\"missed\"></p>\n\
                     <noscript><p>This page needs its script, which it brings along; the report that a run writes needs none.</p></noscript>\n";
        page(&Page {
            title: self.title,
            subtitle: "",
            body: &(state.to_owned() + &parts.collect::<String>()),
            script: include_str!("live.js"),
            is_live: true,
            digest: "",
        })
    }
}

/// A part of a page: sections, and pictures whose names begin with `ids`.
#[must_use]
pub fn part(sections: &[Section], figures: &[Figure], ids: &str) -> String {
    write(sections) + &pictures(figures, ids)
}
