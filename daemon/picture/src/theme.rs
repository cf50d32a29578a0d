//! The colors: light and dark, and one for each subject, safe for readers who do not tell red from green.

use crate::figure::Subject;
use serde::{Deserialize, Serialize};

/// A set of colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
    /// That of the page which the picture is part of: its colors are the custom properties of [`Theme::properties`].
    Page,
}

/// What a theme colors that is not a mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colours {
    pub(crate) background: &'static str,
    pub(crate) text: &'static str,
    pub(crate) muted: &'static str,
    pub(crate) grid: &'static str,
    pub(crate) axis: &'static str,
    pub(crate) refused: &'static str,
}

impl Theme {
    pub(crate) const fn colours(self) -> Colours {
        match self {
            Self::Light => Colours {
                background: "#ffffff",
                text: "#1b1f24",
                muted: "#57606a",
                grid: "#e4e7eb",
                axis: "#9aa3ad",
                refused: "#b3261e",
            },
            Self::Dark => Colours {
                background: "#15181c",
                text: "#eceff3",
                muted: "#a2abb5",
                grid: "#2a2f36",
                axis: "#626c77",
                refused: "#ff8a80",
            },
            Self::Page => Colours {
                background: "var(--background)",
                text: "var(--text)",
                muted: "var(--muted)",
                grid: "var(--grid)",
                axis: "var(--axis)",
                refused: "var(--refused)",
            },
        }
    }

    /// The colors as CSS custom properties, for a page with pictures of [`Theme::Page`].
    #[must_use]
    pub fn properties(self) -> String {
        let Colours { background, text, muted, grid, axis, refused } = self.colours();
        let names = [
            ("background", background),
            ("text", text),
            ("muted", muted),
            ("grid", grid),
            ("axis", axis),
            ("refused", refused),
        ];
        let names = names.map(|(name, colour)| (name.to_owned(), colour));
        let subjects = SUBJECTS.map(|(name, subject)| (name.to_owned(), self.colour(subject)));
        let series = (0..SERIES.len())
            .map(|number| (format!("series-{number}"), self.colour(Subject::Series(number))));
        let all = names.into_iter().chain(subjects).chain(series);
        all.map(|(name, colour)| format!("--{name}:{colour};")).collect()
    }

    /// The color of a subject: the same one in every picture.
    #[must_use]
    pub fn colour(self, subject: Subject) -> &'static str {
        let (light, dark) = match subject {
            Subject::Client => ("#d55e00", "#f0924a"),
            Subject::Kernel => ("#0072b2", "#56b4e9"),
            Subject::Server => ("#008a66", "#35c9a0"),
            Subject::Gpu => ("#a8518a", "#e39cc6"),
            Subject::Limit => ("#57606a", "#a2abb5"),
            Subject::Failed => ("#b3261e", "#ff8a80"),
            Subject::Baseline => ("#7a828c", "#9aa3ad"),
            Subject::Treatment => ("#4f8a10", "#9ccc3c"),
            Subject::Series(number) => SERIES[number % SERIES.len()],
        };
        match self {
            Self::Light => light,
            Self::Dark => dark,
            Self::Page => property(subject),
        }
    }
}

/// The custom property of a subject.
fn property(subject: Subject) -> &'static str {
    match subject {
        Subject::Client => "var(--client)",
        Subject::Kernel => "var(--kernel)",
        Subject::Server => "var(--server)",
        Subject::Gpu => "var(--gpu)",
        Subject::Limit => "var(--limit)",
        Subject::Failed => "var(--refused)",
        Subject::Baseline => "var(--baseline)",
        Subject::Treatment => "var(--treatment)",
        Subject::Series(number) => SERIES_PROPERTIES[number % SERIES.len()],
    }
}

/// The subjects with a color of their own, by the names of their custom properties.
const SUBJECTS: [(&str, Subject); 7] = [
    ("client", Subject::Client),
    ("kernel", Subject::Kernel),
    ("server", Subject::Server),
    ("gpu", Subject::Gpu),
    ("limit", Subject::Limit),
    ("baseline", Subject::Baseline),
    ("treatment", Subject::Treatment),
];
const SERIES_PROPERTIES: [&str; 8] = [
    "var(--series-0)",
    "var(--series-1)",
    "var(--series-2)",
    "var(--series-3)",
    "var(--series-4)",
    "var(--series-5)",
    "var(--series-6)",
    "var(--series-7)",
];
/// The colors of series that are no subject of their own (after Paul Tol's muted scheme): light, dark.
const SERIES: [(&str, &str); 8] = [
    ("#332288", "#9d8df1"),
    ("#cc6677", "#e88f9d"),
    ("#2a8f80", "#5fd0c0"),
    ("#882255", "#d673a8"),
    ("#857b1d", "#d6cb62"),
    ("#3f86b8", "#88ccee"),
    ("#117733", "#5fbf7d"),
    ("#9a3fa0", "#d08fd6"),
];
