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
        }
    }

    /// The color of a subject: the same one in every picture.
    pub(crate) fn colour(self, subject: Subject) -> &'static str {
        let (light, dark) = match subject {
            Subject::Client => ("#d55e00", "#f0924a"),
            Subject::Kernel => ("#0072b2", "#56b4e9"),
            Subject::Server => ("#008a66", "#35c9a0"),
            Subject::Gpu => ("#a8518a", "#e39cc6"),
            Subject::Limit => ("#57606a", "#a2abb5"),
            Subject::Baseline => ("#7a828c", "#9aa3ad"),
            Subject::Treatment => ("#4f8a10", "#9ccc3c"),
            Subject::Series(number) => SERIES[number % SERIES.len()],
        };
        match self {
            Self::Light => light,
            Self::Dark => dark,
        }
    }
}

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
