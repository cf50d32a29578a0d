//! Writes numbers as the console shows them: two decimals, groups of thousands, and marks for what is not certain.

use crate::view::{Cell, Certainty, Number};

/// The text of a cell, in which foreign text is not escaped yet.
pub(crate) fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Detail(text) => format!("  {text}"),
        Cell::Count(count) => count.to_string(),
        Cell::Number(number) => self::number(*number),
        // Two decimals would be too few.
        Cell::Quantity(value) if *value != 0.0 && value.abs() < 0.01 => format!("{value:.2e}"),
        Cell::Quantity(value) => grouped(*value),
        Cell::Percent(share) => format!("{share:.0}%"),
        Cell::Interval(low, high) => format!("{} .. {}", grouped(*low), grouped(*high)),
        Cell::Change(percent) => format!("{percent:+.1}%"),
        Cell::Shift(value) if *value < 0.0 => grouped(*value),
        Cell::Shift(value) => format!("+{}", grouped(*value)),
        Cell::Absent => "N/A".to_owned(),
    }
}

fn number(Number { value, certainty }: Number) -> String {
    let value = grouped(value);
    match certainty {
        Certainty::Exact => value,
        Certainty::TooFewSamples => format!("{value}*"),
        Certainty::Estimate => format!("~{value}"),
        Certainty::AtMost => format!("<={value}"),
        Certainty::MoreThan => format!(">{value}"),
    }
}

/// A count with thousands separators.
pub(super) fn grouped_count(count: u64) -> String {
    let text = grouped(metric::float(count));
    text.strip_suffix(".00").unwrap_or(&text).to_owned()
}

/// Two decimals, with thousands separators.
fn grouped(number: f64) -> String {
    let text = format!("{:.2}", number.abs());
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "00"));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    let is_negative = number < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    format!("{}{out}.{decimals}", if is_negative { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let table =
            [(1234567.891, "1,234,567.89"), (999.0, "999.00"), (-1234.5, "-1,234.50"), (-0.001, "0.00")];
        for (number, expected) in table {
            assert_eq!(grouped(number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_not_certain_is_marked() {
        let number = |certainty| shown(&Cell::Number(Number { value: 1500.0, certainty }));
        assert_eq!(number(Certainty::Exact), "1,500.00", "a value");
        assert_eq!(number(Certainty::TooFewSamples), "1,500.00*", "of too few samples");
        assert_eq!(number(Certainty::Estimate), "~1,500.00", "within a bucket");
        assert_eq!(number(Certainty::AtMost), "<=1,500.00", "in the first bucket");
        assert_eq!(number(Certainty::MoreThan), ">1,500.00", "in the last bucket");
        assert_eq!(shown(&Cell::Quantity(0.000_25)), "2.50e-4", "too small for two decimals");
        assert_eq!(shown(&Cell::Quantity(0.0)), "0.00", "nothing");
    }
}
