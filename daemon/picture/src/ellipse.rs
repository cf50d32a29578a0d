//! Confidence ellipses as closed polygons: of a covariance, or of an interval on each axis.

use crate::error::PictureError;
use crate::number::float;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// The covariance of two numbers: the variance of each, and theirs together, in the units of the axes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Covariance {
    /// The variance on the horizontal axis.
    pub xx: f64,
    /// The covariance.
    pub xy: f64,
    /// The variance on the vertical axis.
    pub yy: f64,
}

/// The ellipse around `center` that holds a point with the probability `level`, if the two numbers are normal with this
/// covariance: the distance is the square root of the quantile of chi-square with two degrees of freedom. The polygon has
/// `vertices` corners and is closed: its last point is its first one.
///
/// A covariance that no numbers have (its determinant is negative) gives the ellipse without extent on the axis on which it
/// would be negative.
///
/// # Errors
/// When `level` is not between 0 and 1, there are less than three corners, or a number is not finite.
pub fn confidence_ellipse(
    covariance: Covariance,
    center: [f64; 2],
    level: f64,
    vertices: usize,
) -> Result<Vec<[f64; 2]>, PictureError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(PictureError::invalid("confidence level", format!("{level} is not between 0 and 1")));
    }
    // With two degrees of freedom the distribution is exponential.
    let scale = (-2.0 * (-level).ln_1p()).sqrt();
    rotated(covariance, center, scale, vertices)
}

/// The ellipse around `center` with these radii; closed like [`confidence_ellipse`].
///
/// # Errors
/// When there are less than three corners, or a number is not finite.
pub fn axis_aligned_ellipse(
    center: [f64; 2],
    x_radius: f64,
    y_radius: f64,
    vertices: usize,
) -> Result<Vec<[f64; 2]>, PictureError> {
    rotated(Covariance { xx: x_radius * x_radius, xy: 0.0, yy: y_radius * y_radius }, center, 1.0, vertices)
}

/// The ellipse at `scale` standard deviations.
pub(crate) fn rotated(
    covariance: Covariance,
    center: [f64; 2],
    scale: f64,
    vertices: usize,
) -> Result<Vec<[f64; 2]>, PictureError> {
    let Covariance { xx, xy, yy } = covariance;
    if vertices < 3 {
        return Err(PictureError::invalid("vertices", format!("{vertices} are no polygon: 3 or more")));
    }
    if ![xx, xy, yy, center[0], center[1], scale].iter().all(|number| number.is_finite()) {
        return Err(PictureError::invalid("ellipse", "a number is not finite"));
    }
    // The eigenvalues of a symmetric 2 by 2 matrix, and the direction of the greater one.
    let middle = f64::midpoint(xx, yy);
    let apart = ((xx - yy) / 2.0).hypot(xy);
    let (major, minor) = ((middle + apart).max(0.0).sqrt() * scale, (middle - apart).max(0.0).sqrt() * scale);
    let turn = 0.5 * (2.0 * xy).atan2(xx - yy);
    let (sin, cos) = turn.sin_cos();
    let corner = |number: usize| {
        let (sine, cosine) = (TAU * float(number) / float(vertices)).sin_cos();
        let (x, y) = (major * cosine, minor * sine);
        [center[0] + x * cos - y * sin, center[1] + x * sin + y * cos]
    };
    let mut polygon = (0..vertices).map(corner).collect::<Vec<_>>();
    polygon.push(polygon[0]);
    Ok(polygon)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance of a point from the center by this covariance, squared.
    fn mahalanobis(of: Covariance, [x, y]: [f64; 2]) -> f64 {
        let determinant = of.xx * of.yy - of.xy * of.xy;
        (of.yy * x * x - 2.0 * of.xy * x * y + of.xx * y * y) / determinant
    }

    #[test]
    fn every_vertex_has_the_distance_of_chi_square() {
        // Quantiles of chi-square with two degrees of freedom, from a table.
        for (level, quantile) in [(0.90, 4.605_170), (0.95, 5.991_465), (0.99, 9.210_340)] {
            for covariance in [(4.0, 1.0, 9.0), (4.0, -5.9, 9.0), (1e-6, 0.0, 1e6), (9.0, 0.0, 9.0)]
                .map(|(xx, xy, yy)| Covariance { xx, xy, yy })
            {
                let polygon = confidence_ellipse(covariance, [10.0, 100.0], level, 64).unwrap();
                assert_eq!((polygon.len(), polygon[0]), (65, polygon[64]), "closed");
                for [x, y] in polygon {
                    let distance = mahalanobis(covariance, [x - 10.0, y - 100.0]);
                    assert!((distance / quantile - 1.0).abs() < 1e-5, "{covariance:?} {level}: {distance}");
                }
            }
        }
    }

    #[test]
    fn radii_are_those_of_the_intervals() {
        let polygon = axis_aligned_ellipse([1.0, 2.0], 3.0, 0.5, 4).unwrap();
        let expected = [[4.0, 2.0], [1.0, 2.5], [-2.0, 2.0], [1.0, 1.5], [4.0, 2.0]];
        for (vertex, expected) in polygon.iter().zip(expected) {
            assert!(
                (vertex[0] - expected[0]).abs() < 1e-9 && (vertex[1] - expected[1]).abs() < 1e-9,
                "{polygon:?}"
            );
        }
    }

    #[test]
    fn what_is_no_ellipse_is_refused_or_flat() {
        let unit = Covariance { xx: 1.0, xy: 0.0, yy: 1.0 };
        assert!(confidence_ellipse(unit, [0.0, 0.0], 1.0, 64).is_err(), "certainty");
        assert!(confidence_ellipse(unit, [0.0, 0.0], 0.95, 2).is_err(), "no polygon");
        assert!(confidence_ellipse(unit, [f64::NAN, 0.0], 0.95, 64).is_err(), "nowhere");
        let impossible = Covariance { xx: 1.0, xy: 2.0, yy: 1.0 };
        let flat = confidence_ellipse(impossible, [0.0, 0.0], 0.95, 64).unwrap();
        assert!(flat.iter().all(|[x, y]| (x - y).abs() < 1e-9), "a line: {flat:?}");
    }
}
