//! Texts of a picture: how wide they are in its font, and what is left of one that is too long.

use crate::number::narrow;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

/// How heavy a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Semibold,
}

impl Weight {
    /// The number of the weight in SVG.
    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::Regular => "400",
            Self::Semibold => "600",
        }
    }

    const fn font(self) -> &'static [u8] {
        match self {
            Self::Regular => REGULAR,
            Self::Semibold => SEMIBOLD,
        }
    }
}

/// The width of a text.
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let Ok(font) = FontRef::new(weight.font()) else { return 0.0 };
    let characters = font.charmap();
    let metrics = GlyphMetrics::new(&font, Size::new(narrow(size)), LocationRef::default());
    let advance = |one: char| {
        let glyph = characters.map(one).unwrap_or_default();
        f64::from(metrics.advance_width(glyph).unwrap_or(0.0))
    };
    text.chars().map(advance).sum()
}

/// A text that is at most so wide: the middle of a longer one is left out, for names differ at both ends.
pub(crate) fn fitted(text: &str, size: f64, weight: Weight, most: f64) -> String {
    let text = visible(text);
    if width(&text, size, weight) <= most {
        return text;
    }
    let all = text.chars().collect::<Vec<_>>();
    let cut = |kept: usize| {
        let tail = kept / 2;
        let head = all[..kept - tail].iter();
        head.chain(&['…']).chain(&all[all.len() - tail..]).collect::<String>()
    };
    let (mut fits, mut not) = (0, all.len());
    while fits + 1 < not {
        let middle = usize::midpoint(fits, not);
        if width(&cut(middle), size, weight) <= most {
            fits = middle;
        } else {
            not = middle;
        }
    }
    cut(fits)
}

/// One line without characters that an XML document cannot have, or that reorder or hide text.
pub(crate) fn visible(text: &str) -> String {
    let is_hidden = |one: char| matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}'..='\u{ffff}');
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).filter(|one| !is_hidden(*one)).collect()
}

/// The fonts, compiled in.
pub(crate) const REGULAR: &[u8] = include_bytes!("../font/OpenSans-Regular.ttf");
pub(crate) const SEMIBOLD: &[u8] = include_bytes!("../font/OpenSans-Semibold.ttf");
/// Their name.
pub(crate) const FAMILY: &str = "Open Sans";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        let one = width("0", 100.0, Weight::Regular);
        assert!((one - 57.0).abs() < 1.0, "Open Sans has digits of 0.57 em: {one}");
        assert!((width("0000", 100.0, Weight::Regular) - 4.0 * one).abs() < 1e-3, "four digits");
        assert!(width("m", 10.0, Weight::Semibold) > width("m", 10.0, Weight::Regular), "heavier is wider");
    }

    #[test]
    fn long_names_keep_both_ends() {
        let name = format!("begin{}end", "x".repeat(200));
        let fitted = fitted(&name, 12.0, Weight::Regular, 120.0);
        assert!(fitted.starts_with("begin") && fitted.ends_with("end") && fitted.contains('…'), "{fitted}");
        assert!(width(&fitted, 12.0, Weight::Regular) <= 120.0, "{fitted}");
    }

    #[test]
    fn what_xml_has_not_is_left_out() {
        assert_eq!(visible("a\u{0}b\u{202e}c\nd"), "a bc d", "hidden characters");
    }
}
