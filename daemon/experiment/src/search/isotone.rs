//! The curve that never falls and is closest to noisy points, and where it reaches a level.

/// The values that never fall and are closest to the given ones in weighted squares: neighbours that fall are pooled into their
/// mean until none is left (M. Ayer et al., Ann. Math. Stat. 26, 1955, 641).
///
/// Weights are above zero, one for each value.
pub(super) fn rising(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut pools = Vec::<(f64, f64, usize)>::new();
    for (value, weight) in values.iter().zip(weights) {
        let mut pool = (*value, *weight, 1);
        while let Some(before) = pools.pop_if(|before| before.0 >= pool.0) {
            let weight = before.1 + pool.1;
            pool = ((before.0 * before.1 + pool.0 * pool.1) / weight, weight, before.2 + pool.2);
        }
        pools.push(pool);
    }
    pools.iter().flat_map(|(value, _, count)| std::iter::repeat_n(*value, *count)).collect()
}

/// Where the line through points reaches zero: none when it lies on one side of it. Of a level stretch at zero, its end.
///
/// Places rise, and values never fall.
pub(super) fn reaches_zero(places: &[f64], values: &[f64]) -> Option<f64> {
    let above = values.iter().position(|value| *value > 0.0)?;
    let below = above.checked_sub(1)?;
    let share = -values[below] / (values[above] - values[below]);
    Some(share.mul_add(places[above] - places[below], places[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], weights: &[f64], expected: &[f64]) {
        let found = rising(values, weights);
        let is_close = found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-12);
        assert!(is_close && found.len() == expected.len(), "{found:?}");
    }

    #[test]
    fn neighbours_that_fall_are_pooled() {
        check(&[], &[], &[]);
        check(&[1.0, 2.0, 3.0], &[1.0; 3], &[1.0, 2.0, 3.0]);
        check(&[-2.0, -0.9, -1.1, 1.0, 2.0], &[1.0; 5], &[-2.0, -1.0, -1.0, 1.0, 2.0]);
        check(&[3.0, 2.0, 1.0], &[1.0; 3], &[2.0; 3]);
        check(&[1.0, 3.0, 2.0], &[1.0, 1.0, 3.0], &[1.0, 2.25, 2.25]);
        check(&[2.0, 4.0, 3.0, 1.0], &[1.0; 4], &[2.0, 8.0 / 3.0, 8.0 / 3.0, 8.0 / 3.0]);
    }

    #[test]
    fn zero_is_between_its_neighbours() {
        assert_eq!(reaches_zero(&[1.0, 2.0, 4.0], &[-1.0, -0.5, 0.5]), Some(3.0));
        assert_eq!(reaches_zero(&[1.0, 2.0, 4.0], &[-1.0, 0.0, 0.5]), Some(2.0));
        assert_eq!(reaches_zero(&[1.0, 2.0], &[0.5, 1.0]), None);
        assert_eq!(reaches_zero(&[1.0, 2.0], &[-0.5, -0.1]), None);
    }
}
