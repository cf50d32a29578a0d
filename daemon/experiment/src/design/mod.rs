//! Points that fill a space: Sobol sequences and Latin hypercubes, with `SciPy`'s points for a seed.
//!
//! ```text
//! joe_kuo.rs   direction numbers ─┐
//! random.rs    NumPy's generator ─┴▶ points in the unit cube ──▶ (sweep.rs) values of each dimension
//! ```

mod joe_kuo;
mod random;

use joe_kuo::DIRECTIONS;
pub(crate) use random::Random;
use serde::Deserialize;

/// Most dimensions of a design.
pub const DIMENSIONS_MAX: usize = 32;

/// How a Latin hypercube is improved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Optimization {
    /// Coordinates of random pairs are exchanged while that lowers the centred discrepancy.
    #[serde(rename = "random-cd")]
    RandomCd,
    /// Points move to the middle of the space that is closest to them.
    #[serde(rename = "lloyd")]
    Lloyd,
}

/// The first points of a Sobol sequence, each with a coordinate from 0 to 1 for every dimension.
///
/// `scramble` applies a random linear matrix scramble and a digital shift (J. Matousek, J. Complexity 14, 1998, 527).
#[must_use]
pub fn sobol(points: usize, dimensions: usize, scramble: bool, seed: u64) -> Vec<Vec<f64>> {
    let mut directions = (0..dimensions).map(directions).collect::<Vec<_>>();
    let mut shift = vec![0; dimensions];
    if scramble {
        let mut random = Random::new(seed);
        for shift in &mut shift {
            *shift = (0..BITS).fold(0, |shift, bit| shift | random.up_to(1) << bit);
        }
        for directions in &mut directions {
            scrambled(directions, &mut random);
        }
    }
    let mut at = shift;
    (0_u32..)
        .take(points)
        .map(|number| {
            let point = at.iter().map(|bits| f64::from(*bits) * SCALE).collect();
            let changed = number.trailing_ones() as usize;
            for (at, directions) in at.iter_mut().zip(&directions) {
                *at ^= directions[changed.min(BITS - 1)];
            }
            point
        })
        .collect()
}

/// The direction numbers of a dimension, the first bit of a coordinate first.
fn directions(dimension: usize) -> [u32; BITS] {
    let mut numbers = [1_u32; BITS];
    if let Some((polynomial, initial)) = dimension.checked_sub(1).and_then(|place| DIRECTIONS.get(place)) {
        let degree = initial.len();
        numbers[..degree].copy_from_slice(initial);
        for place in degree..BITS {
            let mut number = numbers[place - degree];
            for step in 1..=degree {
                if polynomial >> (degree - step) & 1 == 1 {
                    number ^= numbers[place - step] << step;
                }
            }
            numbers[place] = number;
        }
    }
    for (place, number) in numbers.iter_mut().enumerate() {
        *number <<= BITS - 1 - place;
    }
    numbers
}

/// Multiplies each direction number by a random lower triangular matrix.
fn scrambled(directions: &mut [u32; BITS], random: &mut Random) {
    let mut rows = [0_u32; BITS];
    for (row, bits) in rows.iter_mut().enumerate() {
        for column in 0..BITS {
            let drawn = random.up_to(1);
            let bit = if column == row { 1 } else { drawn };
            if column <= row {
                *bits |= bit << (BITS - 1 - column);
            }
        }
    }
    for number in directions {
        let product = rows
            .iter()
            .enumerate()
            .map(|(row, bits)| ((bits & *number).count_ones() & 1) << (BITS - 1 - row));
        *number = product.fold(0, |all, bit| all | bit);
    }
}

/// A Latin hypercube: in each dimension, one point in each of as many equal parts as there are points.
#[must_use]
pub fn latin_hypercube(
    points: usize,
    dimensions: usize,
    optimization: Option<Optimization>,
    seed: u64,
) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed);
    let mut cube =
        (0..points).map(|_| (0..dimensions).map(|_| random.unit()).collect()).collect::<Vec<Vec<f64>>>();
    let count = length(points);
    for dimension in 0..dimensions {
        let mut order = (1..=points).collect::<Vec<_>>();
        for last in (1..points).rev() {
            let other = random.masked(u32::try_from(last).unwrap_or(u32::MAX)) as usize;
            order.swap(last, other);
        }
        for (point, place) in cube.iter_mut().zip(order) {
            point[dimension] = (length(place) - point[dimension]) / count;
        }
    }
    match optimization {
        Some(Optimization::RandomCd) if points > 1 && dimensions > 1 => exchanged(&mut cube, &mut random),
        Some(Optimization::Lloyd) if points > 1 && dimensions > 1 => relaxed(&mut cube),
        _ => {}
    }
    cube
}

/// Exchanges coordinates of random pairs of points while that lowers the centred discrepancy.
fn exchanged(cube: &mut [Vec<f64>], random: &mut Random) {
    let most = |count: usize| u32::try_from(count - 1).unwrap_or(u32::MAX);
    let (columns, rows) = (most(cube[0].len()), most(cube.len()));
    let mut unchanged = 0;
    for _ in 0..EXCHANGES_MAX {
        let column = random.up_to(columns) as usize;
        let [first, second] = [random.up_to(rows), random.up_to(rows)].map(|row| row as usize);
        let before = share(cube, first, second);
        exchange(cube, first, second, column);
        if share(cube, first, second) < before - f64::EPSILON {
            unchanged = 0;
        } else {
            exchange(cube, first, second, column);
            unchanged += 1;
            if unchanged == UNCHANGED_MAX {
                return;
            }
        }
    }
}

fn exchange(cube: &mut [Vec<f64>], first: usize, second: usize, column: usize) {
    let kept = cube[first][column];
    cube[first][column] = cube[second][column];
    cube[second][column] = kept;
}

/// What two points contribute to the squared centred L2 discrepancy (F. J. Hickernell, Math. Comp. 67, 1998, 299).
fn share(cube: &[Vec<f64>], first: usize, second: usize) -> f64 {
    let count = length(cube.len());
    let off = |coordinate: f64| (coordinate - 0.5).abs();
    let alone = |point: &[f64]| {
        let factors = point.iter().map(|x| 0.5f64.mul_add(off(*x), 1.0) - 0.5 * off(*x).powi(2));
        factors.product::<f64>()
    };
    let pair = |one: &[f64], other: &[f64]| {
        let factors =
            one.iter().zip(other).map(|(x, y)| 1.0 + 0.5 * off(*x) + 0.5 * off(*y) - 0.5 * (x - y).abs());
        factors.product::<f64>()
    };
    let mut sum = 0.0;
    for row in [first, second] {
        let point = &cube[row];
        sum -= 2.0 * count * alone(point);
        for (place, other) in cube.iter().enumerate() {
            // A pair is counted in both orders, but that of the two points only once here.
            let weight = if place == row || place == first || place == second { 1.0 } else { 2.0 };
            sum += weight * pair(point, other);
        }
    }
    sum / (count * count)
}

/// Moves each point to the middle of what is closest to it, found on a fixed lattice of test points (S. Lloyd, IEEE Trans.
/// Inf. Theory 28, 1982, 129).
fn relaxed(cube: &mut [Vec<f64>]) {
    let dimensions = cube[0].len();
    let lattice = sobol(LATTICE, dimensions, false, 0);
    for _ in 0..RELAXATIONS {
        let mut sums = vec![(vec![0.0; dimensions], 0.0); cube.len()];
        for tested in &lattice {
            let distance =
                |point: &[f64]| point.iter().zip(tested).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
            let nearest = (0..cube.len()).min_by(|a, b| distance(&cube[*a]).total_cmp(&distance(&cube[*b])));
            if let Some((sum, count)) = nearest.map(|nearest| &mut sums[nearest]) {
                sum.iter_mut().zip(tested).for_each(|(sum, x)| *sum += x);
                *count += 1.0;
            }
        }
        for (point, (sum, count)) in cube.iter_mut().zip(sums) {
            if count > 0.0 {
                point.iter_mut().zip(sum).for_each(|(x, sum)| *x = sum / count);
            }
        }
    }
}

fn length(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Bits of a coordinate.
const BITS: usize = 30;
const SCALE: f64 = 1.0 / (1 << BITS) as f64;
/// `SciPy`'s limits.
const EXCHANGES_MAX: usize = 10_000;
const UNCHANGED_MAX: usize = 100;
const LATTICE: usize = 4096;
const RELAXATIONS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[Vec<f64>], expected: &[&[f64]]) {
        for (point, expected) in found.iter().zip(expected) {
            for (x, expected) in point.iter().zip(*expected) {
                assert!((x - expected).abs() < 1e-9, "{found:?}");
            }
        }
        assert_eq!(found.len(), expected.len(), "{found:?}");
    }

    #[test]
    fn sobol_points_are_those_of_scipy() {
        check(&sobol(4, 3, false, 11), &[&[0.0; 3], &[0.5; 3], &[0.75, 0.25, 0.25], &[0.25, 0.75, 0.75]]);
        check(
            &sobol(4, 3, true, 11),
            &[
                &[0.353_475_678_712, 0.491_550_425_067, 0.563_915_436_156],
                &[0.885_055_702_179, 0.664_220_564_067, 0.354_590_460_658],
                &[0.500_910_684_466, 0.088_203_593_157, 0.789_238_898_083],
                &[0.222_012_378_275, 0.755_018_648_671, 0.002_216_140_739],
            ],
        );
    }

    #[test]
    fn latin_hypercubes_are_those_of_scipy() {
        let plain: [&[f64]; 4] = [
            &[0.717_857_449_307, 0.375_180_534_389],
            &[0.849_625_410_594, 0.742_827_747_907],
            &[0.213_018_478_855, 0.767_947_244_259],
            &[0.482_394_855_961, 0.217_556_512_650],
        ];
        check(&latin_hypercube(4, 2, None, 11), &plain);
        let improved: [&[f64]; 4] = [
            &[0.717_857_449_307, 0.767_947_244_259],
            &[0.849_625_410_594, 0.375_180_534_389],
            &[0.213_018_478_855, 0.742_827_747_907],
            &[0.482_394_855_961, 0.217_556_512_650],
        ];
        check(&latin_hypercube(4, 2, Some(Optimization::RandomCd), 11), &improved);
    }

    #[test]
    fn a_relaxed_design_stays_in_the_cube_and_is_spread() {
        let nearest = |cube: &[Vec<f64>]| {
            let pairs = cube.iter().enumerate().flat_map(|(place, one)| {
                cube[place + 1..]
                    .iter()
                    .map(move |other| one.iter().zip(other).map(|(x, y)| (x - y).abs()).sum::<f64>())
            });
            pairs.fold(f64::INFINITY, f64::min)
        };
        let (before, after) =
            (latin_hypercube(8, 2, None, 3), latin_hypercube(8, 2, Some(Optimization::Lloyd), 3));
        assert!(after.iter().flatten().all(|x| (0.0..1.0).contains(x)), "{after:?}");
        assert!(nearest(&after) > nearest(&before), "{after:?}");
    }

    #[test]
    fn every_dimension_is_covered_evenly() {
        for dimension in 0..DIMENSIONS_MAX {
            let mut parts = sobol(16, DIMENSIONS_MAX, true, 5)
                .iter()
                .map(|point| (point[dimension] * 16.0).floor())
                .collect::<Vec<_>>();
            parts.sort_by(f64::total_cmp);
            assert_eq!(parts, (0..16).map(f64::from).collect::<Vec<_>>(), "dimension {dimension}");
        }
    }
}
