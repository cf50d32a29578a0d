//! The data contract of latency against throughput with uncertainty: NVIDIA AIPerf's, as JSON in and out, and its figure.

use crate::ellipse::{Covariance, rotated};
use crate::error::PictureError;
use crate::figure::{Axis, Figure, Mark, Point, ScaleKind, Shape, Subject};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Operating points with intervals, in one or several series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uncertainty {
    /// The points of a single series.
    #[serde(default)]
    pub points: Vec<BenchmarkPoint>,
    /// Named series; if there are any, they count in place of `points`.
    #[serde(default)]
    pub series: Vec<UncertaintySeries>,
    /// The confidence of the intervals: 0.90, 0.95 or 0.99.
    #[serde(default = "usual_level")]
    pub confidence_level: f64,
    /// The title of the figure.
    #[serde(default)]
    pub title: Option<String>,
    /// The label of the horizontal axis, with its unit.
    #[serde(default)]
    pub x_label: Option<String>,
    /// The label of the vertical axis, with its unit.
    #[serde(default)]
    pub y_label: Option<String>,
    /// What the series differ in.
    #[serde(default)]
    pub group_by: Option<String>,
}

/// A named series of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UncertaintySeries {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<BenchmarkPoint>,
}

/// One operating point: the mean of several runs on each axis, with its interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchmarkPoint {
    /// The mean on the horizontal axis.
    pub x_mean: f64,
    /// The mean on the vertical axis.
    pub y_mean: f64,
    /// The lower end of the horizontal interval.
    pub x_ci_low: f64,
    /// Its upper end.
    pub x_ci_high: f64,
    /// The lower end of the vertical interval.
    pub y_ci_low: f64,
    /// Its upper end.
    pub y_ci_high: f64,
    /// The covariance of both on the scale of the intervals: the product of their half widths and the correlation. Without it
    /// the ellipse has the direction of the axes.
    #[serde(default)]
    pub cov_xy: Option<f64>,
    /// What is written beside it.
    #[serde(default)]
    pub label: Option<String>,
    /// How many runs it is of; less than three are drawn with a dashed edge.
    #[serde(default)]
    pub n_runs: Option<u32>,
}

impl Uncertainty {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// When it is not JSON of the contract, a mean is not finite or outside its interval, no run made a point, or the confidence
    /// level is another one.
    pub fn from_json(text: &str) -> Result<Self, PictureError> {
        let document = serde_json::from_str::<Self>(text).map_err(PictureError::Json)?;
        document.check()?;
        Ok(document)
    }

    /// The document as JSON.
    ///
    /// # Errors
    /// When it breaks a rule of [`Uncertainty::from_json`].
    pub fn to_json(&self) -> Result<String, PictureError> {
        self.check()?;
        serde_json::to_string_pretty(self).map_err(PictureError::Json)
    }

    /// The series: the named ones, or that of `points`.
    #[must_use]
    pub fn series(&self) -> Vec<UncertaintySeries> {
        if !self.series.is_empty() {
            return self.series.clone();
        }
        let points = self.points.clone();
        if points.is_empty() {
            Vec::new()
        } else {
            vec![UncertaintySeries { name: "Mean".to_owned(), points }]
        }
    }

    /// The figure: in each series the points, each with its ellipse, joined in the order of their labels if these are numbers, such
    /// as those of a load, and else of their horizontal means.
    ///
    /// # Errors
    /// When the document breaks a rule of [`Uncertainty::from_json`].
    pub fn figure(&self) -> Result<Figure, PictureError> {
        self.check()?;
        let series = self.series();
        let mut marks = Vec::new();
        for (number, one) in series.iter().enumerate() {
            let subject = Subject::Series(number);
            let mut points = one.points.clone();
            points.sort_by(|first, second| first.x_mean.total_cmp(&second.x_mean));
            if points.iter().all(|point| point.load().is_some()) {
                points.sort_by(|first, second| {
                    first.load().partial_cmp(&second.load()).unwrap_or(Ordering::Equal)
                });
            }
            for point in &points {
                marks.extend(point.ellipse()?.map(|shape| Mark::new("", subject, shape)));
            }
            let shown = points.iter().map(BenchmarkPoint::point).collect::<Vec<_>>();
            marks.push(Mark::new("", subject, Shape::Line { points: shown.clone() }));
            let name = if series.len() > 1 { one.name.as_str() } else { "" };
            marks.push(Mark::new(name, subject, Shape::Points { points: shown }));
        }
        let mut notes = vec![format!(
            "Each ellipse spans the {:.0} % interval of the mean on either axis.",
            self.confidence_level * 100.0
        )];
        if series.iter().flat_map(|one| &one.points).any(BenchmarkPoint::is_of_few) {
            notes.push("A dashed edge, or none: fewer than 3 runs.".to_owned());
        }
        let axis = |label: &Option<String>, usual: &str| Axis {
            scale: ScaleKind::Linear,
            ..Axis::new(label.clone().unwrap_or_else(|| usual.to_owned()), "")
        };
        Ok(Figure {
            title: self
                .title
                .clone()
                .unwrap_or_else(|| "Latency and throughput with their uncertainty".to_owned()),
            x: axis(&self.x_label, "Latency"),
            y: axis(&self.y_label, "Throughput"),
            marks,
            notes,
            ..Figure::default()
        })
    }

    fn check(&self) -> Result<(), PictureError> {
        if !LEVELS.iter().any(|level| (level - self.confidence_level).abs() < 1e-9) {
            let why = format!("{} is not one of 0.90, 0.95, 0.99", self.confidence_level);
            return Err(PictureError::invalid("confidence_level", why));
        }
        for (place, point) in self.points.iter().enumerate() {
            point.check(&format!("points[{place}]"))?;
        }
        for (number, series) in self.series.iter().enumerate() {
            for (place, point) in series.points.iter().enumerate() {
                point.check(&format!("series[{number}].points[{place}]"))?;
            }
        }
        Ok(())
    }
}

impl BenchmarkPoint {
    fn point(&self) -> Point {
        Point { label: self.label.clone(), ..Point::new(self.x_mean, self.y_mean) }
    }

    /// Its label as a number, such as that of a load.
    fn load(&self) -> Option<f64> {
        let label = self.label.as_ref()?;
        let number = label.rsplit('=').next().unwrap_or(label);
        number.parse::<f64>().ok().filter(|number| number.is_finite())
    }

    fn is_of_few(&self) -> bool {
        self.n_runs.is_some_and(|runs| runs < 3)
    }

    /// Its ellipse, unless its intervals have no extent.
    fn ellipse(&self) -> Result<Option<Shape>, PictureError> {
        let x = (self.x_ci_high - self.x_ci_low) / 2.0;
        let y = (self.y_ci_high - self.y_ci_low) / 2.0;
        if x <= 0.0 && y <= 0.0 {
            return Ok(None);
        }
        let covariance = Covariance { xx: x * x, xy: self.cov_xy.unwrap_or(0.0), yy: y * y };
        let vertices = rotated(covariance, [self.x_mean, self.y_mean], 1.0, VERTICES)?;
        Ok(Some(Shape::Polygon { vertices, is_dashed: self.is_of_few() }))
    }

    fn check(&self, place: &str) -> Result<(), PictureError> {
        let refused = |key: &str, why: String| Err(PictureError::invalid(format!("{place}.{key}"), why));
        let numbers = [
            ("x_mean", self.x_mean),
            ("y_mean", self.y_mean),
            ("x_ci_low", self.x_ci_low),
            ("x_ci_high", self.x_ci_high),
            ("y_ci_low", self.y_ci_low),
            ("y_ci_high", self.y_ci_high),
            ("cov_xy", self.cov_xy.unwrap_or(0.0)),
        ];
        if let Some((key, number)) = numbers.iter().find(|(_, number)| !number.is_finite()) {
            return refused(key, format!("{number} is not finite"));
        }
        for (key, low, mean, high) in [
            ("x", self.x_ci_low, self.x_mean, self.x_ci_high),
            ("y", self.y_ci_low, self.y_mean, self.y_ci_high),
        ] {
            if low > mean {
                return refused(
                    &format!("{key}_ci_low"),
                    format!("{low} must be at most {key}_mean, {mean}"),
                );
            }
            if high < mean {
                return refused(
                    &format!("{key}_ci_high"),
                    format!("{high} must be at least {key}_mean, {mean}"),
                );
            }
        }
        if self.n_runs == Some(0) {
            return refused("n_runs", "a point is of one run or more".to_owned());
        }
        Ok(())
    }
}

const fn usual_level() -> f64 {
    0.95
}

const LEVELS: [f64; 3] = [0.90, 0.95, 0.99];
/// Corners of an ellipse.
const VERTICES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: &str =
        r#"{"x_mean":10.0,"y_mean":100.0,"x_ci_low":8.0,"x_ci_high":12.0,"y_ci_low":90.0,"y_ci_high":110.0"#;

    #[test]
    fn a_document_survives() {
        let text = format!(
            r#"{{"points":[{POINT},"cov_xy":5.0,"label":"concurrency=4","n_runs":5}}],"confidence_level":0.9,"title":"t"}}"#
        );
        let document = Uncertainty::from_json(&text).unwrap();
        assert_eq!(Uncertainty::from_json(&document.to_json().unwrap()).unwrap(), document, "the same");
        assert_eq!(document.series()[0].name, "Mean", "one series");
        let figure = document.figure().unwrap();
        let Shape::Polygon { vertices, is_dashed } = &figure.marks[0].shape else { panic!("{figure:?}") };
        assert!(!is_dashed, "five runs");
        let greatest = |axis: usize| vertices.iter().map(|vertex| vertex[axis]).fold(f64::MIN, f64::max);
        assert!(
            (greatest(0) - 12.0).abs() < 0.01 && (greatest(1) - 110.0).abs() < 0.05,
            "it spans the intervals"
        );
        let right = vertices.iter().max_by(|one, other| one[0].total_cmp(&other[0])).unwrap();
        assert!(right[1] > 101.0, "positive covariance tilts it upwards: {right:?}");
    }

    #[test]
    fn points_are_joined_by_their_load() {
        let point = |label: &str, x: f64| BenchmarkPoint {
            label: Some(label.to_owned()),
            x_mean: x,
            x_ci_low: x,
            x_ci_high: x,
            ..BenchmarkPoint::default()
        };
        let joined = |points: Vec<BenchmarkPoint>| {
            let data = Uncertainty { points, ..Uncertainty::from_json("{}").unwrap() };
            let marks = data.figure().unwrap().marks;
            let Some(Shape::Line { points }) = marks.into_iter().map(|mark| mark.shape).next() else {
                panic!("a line")
            };
            points.into_iter().map(|point| point.x).collect::<Vec<_>>()
        };
        assert_eq!(
            joined(vec![point("concurrency=8", 1.0), point("concurrency=4", 2.0)]),
            [2.0, 1.0],
            "loads"
        );
        assert_eq!(joined(vec![point("a", 2.0), point("b", 1.0)]), [1.0, 2.0], "places");
    }

    #[test]
    fn named_series_count_in_place_of_points() {
        let text = format!(
            r#"{{"points":[{POINT}}}],"series":[{{"name":"a","points":[{POINT},"n_runs":2}}]}},{{"name":"b","points":[]}}]}}"#
        );
        let document = Uncertainty::from_json(&text).unwrap();
        let names = document.series().into_iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names, ["a", "b"], "not the points");
        let figure = document.figure().unwrap();
        let dashed =
            figure.marks.iter().filter(|mark| matches!(mark.shape, Shape::Polygon { is_dashed: true, .. }));
        assert_eq!(dashed.count(), 1, "two runs are few");
        assert!(figure.notes[1].contains("fewer than 3 runs"), "{:?}", figure.notes);
    }

    #[test]
    fn what_breaks_a_rule_is_refused_by_its_place() {
        let check = |document: &str, expected: &str| {
            let error = Uncertainty::from_json(document).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{document}: {error}");
        };
        check(r#"{"confidence_level":0.5}"#, "confidence_level: 0.5 is not one of");
        check(&format!(r#"{{"points":[{POINT},"n_runs":0}}]}}"#), "points[0].n_runs");
        let outside = POINT.replace("8.0", "11.0");
        check(
            &format!(r#"{{"series":[{{"name":"a","points":[{outside}}}]}}]}}"#),
            "series[0].points[0].x_ci_low: 11",
        );
        check(r#"{"unknown":1}"#, "failed to parse");
    }
}
