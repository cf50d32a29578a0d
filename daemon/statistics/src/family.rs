//! Many comparisons together: one table is one question, so one false "yes" in it is as bad as in any of its rows.

use crate::number::float_of;

/// Which of these probabilities are small enough that all of them together are wrong with this probability of error at most.
///
/// S. Holm, Scandinavian Journal of Statistics 6 (1979), 65: the smallest must be below `error / n`, the next below `error /
/// (n - 1)`, and so on to the first that is not. It holds however rows depend on each other, which those of one table do. Its
/// weaker relative, Benjamini and Hochberg's, bounds the share of false answers instead: a table of many true differences may
/// then have false ones.
#[must_use]
pub fn holm(probabilities: &[f64], error: f64) -> Vec<bool> {
    let mut order = (0..probabilities.len()).collect::<Vec<_>>();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut is_small = vec![false; probabilities.len()];
    for (place, row) in order.iter().enumerate() {
        if probabilities[*row] > error / float_of(probabilities.len() - place) {
            break;
        }
        is_small[*row] = true;
    }
    is_small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_next_one_has_less_to_prove() {
        assert_eq!(holm(&[0.02, 0.001, 0.03], 0.05), [true, true, true], "0.0167, 0.025, 0.05");
        assert_eq!(holm(&[0.04, 0.001, 0.03], 0.05), [false, true, false], "0.03 is more than 0.025");
        assert_eq!(holm(&[0.02, 0.02, 0.02], 0.05), [false; 3], "none begins");
        assert_eq!(holm(&[], 0.05), [false; 0], "nothing to answer");
    }
}
