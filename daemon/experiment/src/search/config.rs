//! What is searched: stub until merged.
use super::{Ask, Found, Limit, Planner, Probe, Trial};
use crate::Refused;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The planner.
    #[serde(default = "usual")]
    pub planner: String,
    /// The space.
    pub search_space: Vec<Axis>,
    /// The objectives.
    #[serde(default)]
    pub objectives: Vec<Objective>,
    /// The limits.
    #[serde(default)]
    pub sla_filters: Vec<Limit>,
    #[serde(default)]
    pub max_iterations: Option<u32>,
}
fn usual() -> String { "bayesian".into() }
/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Path.
    pub path: String,
    /// Least.
    pub lo: f64,
    /// Most.
    pub hi: f64,
    #[serde(default)]
    pub kind: Option<String>,
}
/// An objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Metric.
    pub metric: String,
    /// Statistic.
    pub stat: String,
    /// Direction.
    pub direction: String,
}
impl Search {
    /// Parse.
    pub fn parse(block: Value) -> Result<Self, Refused> {
        serde_json::from_value(block).map_err(|e| Refused::new("sweep", e.to_string()))
    }
    /// The values of a point by path.
    #[must_use]
    pub fn point(&self, values: &[f64]) -> serde_json::Map<String, Value> {
        let pairs = self.search_space.iter().zip(values).enumerate();
        pairs.map(|(place, (axis, value))| (axis.path.clone(), self.value(place, *value))).collect()
    }

    /// The points of least and of greatest values.
    #[must_use]
    pub fn ends(&self) -> [serde_json::Map<String, Value>; 2] {
        let of = |end: fn(&Axis) -> f64| self.point(&self.search_space.iter().map(end).collect::<Vec<_>>());
        [of(|axis| axis.lo), of(|axis| axis.hi)]
    }

    /// Planner.
    pub fn planner(&self) -> Box<dyn Planner> { Box::new(Two(self.search_space.iter().map(|a| a.lo).collect(), 0)) }
    /// Value.
    pub fn value(&self, axis: usize, value: f64) -> Value {
        if self.search_space[axis].kind.as_deref() == Some("int") { (value as i64).into() } else { value.into() }
    }
}
struct Two(Vec<f64>, usize);
impl Planner for Two {
    fn ask(&mut self) -> Ask {
        if self.1 == 2 { Ask::Done("max_iterations") } else { Ask::Measure(Probe { values: self.0.clone(), length: 1, confirms: false }) }
    }
    fn tell(&mut self, _trial: &Trial) { self.1 += 1; }
    fn found(&self) -> Found { Found { best: vec![0], border: None, note: None } }
}
