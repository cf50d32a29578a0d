//! The colors of a terminal: those of the pictures, readable on light and on dark, and none where the user wants none.

use picture::{Subject, Theme};
use ratatui::style::{Color, Modifier, Style};

/// The colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    client: Color,
    kernel: Color,
    gpu: Color,
    bad: Color,
}

impl Palette {
    /// As many colors as the terminal has; none if `NO_COLOR` is set (no-color.org).
    pub(super) fn of_environment() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if is_set("NO_COLOR") {
            return Self::none();
        }
        let depth = std::env::var("COLORTERM").unwrap_or_default();
        if depth == "truecolor" || depth == "24bit" { Self::exact() } else { Self::indexed() }
    }

    /// No colors.
    pub(super) const fn none() -> Self {
        Self { client: Color::Reset, kernel: Color::Reset, gpu: Color::Reset, bad: Color::Reset }
    }

    /// The pictures' own, of the light theme: each has a contrast of at least 3.9 to white and to black.
    pub(super) fn exact() -> Self {
        let colour = |subject| {
            let (red, green, blue) = rgb(Theme::Light.colour(subject));
            Color::Rgb(red, green, blue)
        };
        Self {
            client: colour(Subject::Client),
            kernel: colour(Subject::Kernel),
            gpu: colour(Subject::Gpu),
            bad: Color::Red,
        }
    }

    /// The nearest of 256 colors.
    pub(super) fn indexed() -> Self {
        let colour = |subject| Color::Indexed(nearest(rgb(Theme::Light.colour(subject))));
        Self {
            client: colour(Subject::Client),
            kernel: colour(Subject::Kernel),
            gpu: colour(Subject::Gpu),
            bad: Color::Red,
        }
    }

    /// What the client measured.
    pub(super) fn client(&self) -> Style {
        Style::new().fg(self.client)
    }

    /// What the kernel measured.
    pub(super) fn kernel(&self) -> Style {
        Style::new().fg(self.kernel)
    }

    /// Of GPUs.
    pub(super) fn gpu(&self) -> Style {
        Style::new().fg(self.gpu)
    }

    /// Errors and warnings.
    pub(super) fn bad(&self) -> Style {
        Style::new().fg(self.bad).add_modifier(Modifier::BOLD)
    }
}

/// What is less important.
pub(super) const fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// What is more important.
pub(super) const fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// The parts of a color as CSS has it, `#rrggbb`.
fn rgb(css: &str) -> (u8, u8, u8) {
    let part = |place: usize| {
        css.get(place..place + 2).and_then(|part| u8::from_str_radix(part, 16).ok()).unwrap_or_default()
    };
    (part(1), part(3), part(5))
}

/// The nearest color of xterm's cube of 6×6×6.
fn nearest((red, green, blue): (u8, u8, u8)) -> u8 {
    let level = |part: u8| (0..6).min_by_key(|level| LEVELS[usize::from(*level)].abs_diff(part)).unwrap_or(0);
    16 + 36 * level(red) + 6 * level(green) + level(blue)
}

const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_the_pictures_colours() {
        assert_eq!(Palette::exact().client().fg, Some(Color::Rgb(0xd5, 0x5e, 0x00)));
        assert_eq!(Palette::indexed().client().fg, Some(Color::Indexed(166)), "#d75f00");
        assert_eq!(Palette::indexed().kernel().fg, Some(Color::Indexed(25)), "#005faf");
        assert_eq!(Palette::none().kernel().fg, Some(Color::Reset));
    }
}
