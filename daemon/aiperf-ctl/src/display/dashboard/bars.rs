//! Numbers over time as a row of bars, one for each column of the screen.

use metric::whole;

/// Numbers as a row of bars, up to the greatest.
pub(super) fn bars(numbers: &[Option<f64>], most: f64) -> String {
    let bar = |number: &Option<f64>| match number {
        None => ' ',
        Some(number) if most <= 0.0 || *number <= 0.0 => BARS[0],
        Some(number) => {
            let eighths = whole((number / most * 8.0).ceil());
            BARS[usize::try_from(eighths.clamp(1, 8)).unwrap_or(1) - 1]
        }
    };
    numbers.iter().map(bar).collect()
}

/// The greatest of some numbers; zero if there is none.
pub(super) fn most<'a>(numbers: impl IntoIterator<Item = &'a Option<f64>>) -> f64 {
    numbers.into_iter().flatten().copied().fold(0.0, f64::max)
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_numbers() {
        let numbers = [None, Some(0.0), Some(10.0), Some(20.0)];
        assert_eq!(bars(&numbers, most(&numbers)), " ▁▄█");
        assert_eq!(bars(&[Some(0.0)], 0.0), "▁", "nothing but zeros");
    }
}
