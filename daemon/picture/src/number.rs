//! Numbers as a reader of a picture wants them, and the only conversions between integers and floats.

/// A length or an index as a float.
pub(crate) const fn float(length: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "lengths in memory are far below 2^53")]
    let float = length as f64;
    float
}

/// The integer part of a float that is not negative; what does not fit saturates.
pub(crate) const fn whole(float: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, which is what is documented"
    )]
    let whole = float as usize;
    whole
}

/// A float with less precision, as fonts and the rasterizer take it.
pub(crate) const fn narrow(float: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "places in a picture need no more")]
    let narrow = float as f32;
    narrow
}

/// A number in up to four digits: `0.0123`, `12.3`, `1234`, `12.3k`, `4.57M`.
#[must_use]
pub fn short(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    let size = number.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        return signed(&format!("{number:.2e}"));
    }
    let (divisor, suffix) = magnitude(size);
    let scaled = number / divisor;
    let digits = scaled.abs().log10().floor();
    let decimals = if digits >= 3.0 { 0 } else { whole(2.0 - digits) };
    signed(&format!("{}{suffix}", trimmed(&format!("{scaled:.decimals$}"))))
}

/// What a number is divided by for its name, and the suffix.
pub(crate) fn magnitude(size: f64) -> (f64, &'static str) {
    // Four digits are read as well as 1.23k, and 9999.5 is shown as 10k.
    let known = [(0.99995e12, 1e12, "T"), (0.99995e9, 1e9, "G"), (0.99995e6, 1e6, "M"), (9999.5, 1e3, "k")];
    let fits = known.iter().find(|(from, ..)| size >= *from);
    fits.map_or((1.0, ""), |(_, divisor, suffix)| (*divisor, *suffix))
}

/// A number with so many decimals, with the typographic minus.
pub(crate) fn fixed(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    // Minus zero is zero.
    let is_zero = text.strip_prefix('-').is_some_and(|rest| rest.chars().all(|one| one == '0' || one == '.'));
    if is_zero { text.trim_start_matches('-').to_owned() } else { signed(&text) }
}

/// A place in a picture: hundredths, and no more characters than needed.
pub(crate) fn place(number: f64) -> String {
    let text = format!("{number:.2}");
    let text = trimmed(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Without zeros at the end of its decimals.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn signed(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| text.to_owned(), |rest| format!("−{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_or_four_digits() {
        let check = |number: f64, expected: &str| assert_eq!(short(number), expected, "{number}");
        check(0.0, "0");
        check(0.012_345, "0.0123");
        check(1.0, "1");
        check(12.345, "12.3");
        check(1234.4, "1234");
        check(12_345.0, "12.3k");
        check(4_567_000.0, "4.57M");
        check(999_960.0, "1M");
        check(45_670_000.0, "45.7M");
        check(-3.5, "−3.5");
        check(2.5e-7, "2.50e-7");
        check(1e18, "1.00e18");
        check(f64::NAN, "–");
        assert_eq!(fixed(-0.001, 2), "0.00", "no minus without a digit");
        assert_eq!(
            (place(1.0), place(0.126), place(-0.001)),
            ("1".into(), "0.13".into(), "0".into()),
            "places"
        );
    }
}
