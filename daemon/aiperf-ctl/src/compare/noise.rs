//! Decides whether two figures differ by more than noise.

use super::figures::Figure;

/// The significance of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noise {
    /// The 95 % confidence interval of the difference excludes zero.
    Beyond,
    /// It includes zero.
    Within,
    /// One of the figures has no interval.
    Unknown,
}

impl Noise {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Beyond => "yes",
            Self::Within => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// Tests `figure - base` by the two intervals (MOVER: G. Zou and A. Donner, Statistics in Medicine 27, 2008, 1693).
pub(super) fn judge(base: Figure, figure: Figure) -> Noise {
    let (Some((base_low, base_high)), Some((low, high))) = (base.interval, figure.interval) else {
        return Noise::Unknown;
    };
    let difference = figure.value - base.value;
    let least = difference - (figure.value - low).hypot(base_high - base.value);
    let most = difference + (high - figure.value).hypot(base.value - base_low);
    if least > 0.0 || most < 0.0 { Noise::Beyond } else { Noise::Within }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: (f64, f64, f64), figure: (f64, f64, f64), expected: Noise) {
        let made = |(value, low, high)| Figure { value, interval: Some((low, high)) };
        assert_eq!(judge(made(base), made(figure)), expected, "{base:?} {figure:?}");
    }

    #[test]
    fn differences() {
        check((10.0, 9.0, 11.0), (12.0, 11.0, 13.0), Noise::Beyond);
        check((10.0, 9.0, 11.0), (11.0, 10.0, 12.0), Noise::Within);
        check((10.0, 9.0, 11.0), (8.5, 7.5, 9.5), Noise::Beyond);
        check((10.0, 10.0, 10.0), (10.0, 10.0, 10.0), Noise::Within);
        let bare = Figure { value: 1.0, interval: None };
        assert_eq!(judge(bare, bare), Noise::Unknown, "no intervals");
    }
}
