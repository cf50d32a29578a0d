//! A document's sections as HTML. All texts are foreign: they are escaped, and cut as on a terminal.

use super::paper::RunVerdict;
use crate::console::shown;
use crate::view::{Cell, Failures, Figures, Head, Note, Section, Side, Table, Topic};
use picture::{Canvas, Figure, Theme, inline};
use record::{Reason, Standing, Verdict};
use store::visible_within;

/// Sections, one below the other.
pub(super) fn write(sections: &[Section]) -> String {
    let html = |section: &Section| match section {
        Section::Table(of) => table(of),
        Section::Figures(of) => figures(of),
        Section::Failures(of) => failures(of),
        Section::Note(of) => note(of),
    };
    sections.iter().map(html).collect()
}

/// Whether the numbers may be used, and why not; `when` says when a reason showed, if that is known.
pub(super) fn verdict(
    Verdict { standing, reasons }: &Verdict,
    head: &Head,
    when: impl Fn(&str) -> Option<String>,
) -> String {
    let name = standing.name();
    let class = class_of(*standing);
    let because =
        head.timestamps_reason.as_deref().map(|reason| format!(" ({})", text(reason))).unwrap_or_default();
    let reasons = list(reasons, when);
    format!(
        "<section class=\"verdict {class}\">\n<h2>Verdict: {name}</h2>\n<p class=\"muted\">Timestamps: {}{because}</p>\n{reasons}</section>\n",
        text(&head.timestamps)
    )
}

/// Whether the numbers of one of several runs may be used, and why not.
pub(super) fn verdict_of_run(RunVerdict { name, about, verdict }: &RunVerdict) -> String {
    let (class, standing, reasons) = match verdict {
        Some(Verdict { standing, reasons }) => {
            (class_of(*standing), format!(": {}", standing.name()), list(reasons, |_| None))
        }
        None => ("", String::new(), String::new()),
    };
    let about =
        if about.is_empty() { String::new() } else { format!("<p class=\"muted\">{}</p>\n", text(about)) };
    format!(
        "<section class=\"verdict {class}\">\n<h2>{}{standing}</h2>\n{about}{reasons}</section>\n",
        text(name)
    )
}

const fn class_of(standing: Standing) -> &'static str {
    match standing {
        Standing::Valid => "valid",
        Standing::Degraded => "degraded",
        Standing::Invalid => "invalid",
    }
}

fn list(reasons: &[Reason], when: impl Fn(&str) -> Option<String>) -> String {
    let reasons = reasons.iter().map(|reason| {
        // The requests of that time are in the first figure, and in the explorer.
        let when =
            when(&reason.name).map(|when| format!(" <a href=\"#figure-plot-0\">({})</a>", text(&when)));
        let when = when.unwrap_or_default();
        format!("<li><b>{}</b>: {}{when}</li>\n", text(&reason.name), text(&reason.text))
    });
    let reasons = reasons.collect::<String>();
    if reasons.is_empty() { reasons } else { format!("<ul>\n{reasons}</ul>\n") }
}

/// Pictures, each of which says in its own text what it shows.
pub(super) fn pictures(pictures: &[Figure], ids: &str) -> String {
    pictures.iter().enumerate().map(|(place, figure)| picture(figure, &format!("{ids}-{place}"))).collect()
}

/// A picture with an id of its own on its page.
pub(super) fn picture(figure: &Figure, id: &str) -> String {
    let svg = inline(figure, Canvas::fitting(figure, Theme::Page), id);
    format!("<figure id=\"figure-{id}\">{svg}</figure>\n")
}

fn table(table: &Table) -> String {
    let class = |side: Side| if side == Side::Right { " class=\"right\"" } else { "" };
    let heads =
        table.columns.iter().map(|column| format!("<th{}>{}</th>", class(column.side), text(&column.name)));
    let heads = heads.collect::<String>();
    let row = |row: &Vec<Cell>| {
        let cells = table.columns.iter().enumerate().map(|(place, column)| {
            let Some(cell) = row.get(place) else { return "<td></td>".to_owned() };
            let class = match (column.side, cell) {
                (Side::Right, _) => " class=\"right\"",
                (Side::Left, Cell::Text(_)) => " class=\"text\"",
                (Side::Left, _) => "",
            };
            format!("<td{class}>{}</td>", text(&shown(cell)))
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows = table.rows.iter().map(row).collect::<String>();
    let caption = if table.title.is_empty() {
        String::new()
    } else {
        format!("<caption>{}</caption>", text(&table.title))
    };
    format!(
        "<div class=\"scroll\"><table>{caption}<thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn figures(figures: &Figures) -> String {
    let each = figures
        .figures
        .iter()
        .map(|(label, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>", text(label), text(&shown(value))));
    let title = figures.title.as_ref().map(|title| format!("<h3>{}</h3>\n", text(title))).unwrap_or_default();
    format!("{title}<dl>{}</dl>\n", each.collect::<String>())
}

fn failures(failures: &Failures) -> String {
    let rows = failures.errors.iter().map(|error| {
        let code = error.code.map(|code| code.to_string()).unwrap_or_default();
        format!(
            "<tr><td class=\"right\">{code}</td><td>{}</td><td class=\"text\">{}</td><td class=\"right\">{}</td></tr>\n",
            text(&error.kind),
            text(&error.message),
            error.count
        )
    });
    format!(
        "<div class=\"scroll\"><table><caption>{} of {} requests failed</caption><thead><tr><th class=\"right\">Code</th><th>Type</th>\
         <th>Message</th><th class=\"right\">Count</th></tr></thead><tbody>\n{}</tbody></table></div>\n",
        failures.failed,
        failures.requests,
        rows.collect::<String>()
    )
}

fn note(Note { topic, text: of }: &Note) -> String {
    let mark = if *topic == Topic::TooFewSamples { "* " } else { "" };
    format!("<p class=\"muted\">{mark}{}</p>\n", text(of))
}

/// A foreign text in HTML.
pub(super) fn text(of: &str) -> String {
    let mut escaped = String::new();
    for one in visible_within(of, CHARACTERS_MAX).chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            one => escaped.push(one),
        }
    }
    escaped
}

/// Longer texts are in the other files.
const CHARACTERS_MAX: usize = 1000;
