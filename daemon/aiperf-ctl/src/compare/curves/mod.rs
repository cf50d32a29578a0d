//! Sweeps as sides: compared variation by variation, and as one curve each.
//!
//! ```text
//! read.rs  a sweep ──▶ its variations ──┐        ┌──▶ a comparison of each pair ────────────┐
//! read.rs  a sweep ──▶ its variations ──┴─ pairs ┴──▶ the mean of all, as multiples of A's ──┴──▶ judged as one table ──▶ table.rs
//! ```
//!
//! What is in one of the sweeps only, what the client limited and what failed is named, and not compared.

mod read;
mod table;

use super::figures::Figures;
use super::gate::{Condition, Outcome};
use super::rows::{Assumed, FAILURES, Row, WITH_FAILURES, rows_of_all};
use super::side::Side;
use crate::plan::Refusal;
use anyhow::Result;
use metric::{Interval, METRICS, Needs, Stat, float_of};
pub(super) use read::is_sweep;
use read::{Curve, Variation};
use serde_json::{Map, Value};
use statistics::{Gate, Spread, wilson};
use std::path::PathBuf;

/// Sweeps, compared.
#[derive(Debug)]
pub(super) struct Curves {
    /// Where each is from, and how many variations it has.
    sweeps: Vec<(String, usize)>,
    pairs: Vec<Pair>,
    /// The sides as curves, and the rows of their distance; none for a single variation, which has no other mean.
    overall: Option<(Vec<Side>, Vec<Row>)>,
    /// Variations that not all sweeps have, and the places of those that have them.
    unpaired: Vec<(String, Vec<usize>)>,
    excluded: Vec<Excluded>,
    /// Why runs of compared variations are missing.
    missing: Vec<String>,
}

/// A variation that all sweeps have.
#[derive(Debug)]
struct Pair {
    name: String,
    parameters: Map<String, Value>,
    sides: Vec<Side>,
    rows: Vec<Row>,
}

/// A variation that all sweeps have and that is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excluded {
    name: String,
    /// The place of the sweep.
    sweep: usize,
    why: String,
}

impl Curves {
    /// Reads sweeps and compares them.
    ///
    /// # Errors
    /// When one cannot be read, or no variation can be compared.
    pub(super) fn read(
        paths: &[PathBuf],
        tokenizer: Option<&str>,
        assumed: Assumed,
        wanted: impl Fn(&str, &str) -> bool,
    ) -> Result<Self> {
        let curves = paths.iter().map(|path| read::read(path, tokenizer)).collect::<Result<Vec<_>>>()?;
        Ok(Self::of(&curves, assumed, wanted)?)
    }

    fn of(curves: &[Curve], assumed: Assumed, wanted: impl Fn(&str, &str) -> bool) -> Result<Self, Refusal> {
        let sweeps = curves.iter().map(|curve| (curve.label.clone(), curve.variations.len())).collect();
        let mut compared = Self {
            sweeps,
            pairs: Vec::new(),
            overall: None,
            unpaired: Vec::new(),
            excluded: Vec::new(),
            missing: Vec::new(),
        };
        for variation in each_once(curves) {
            compared.add(variation, curves);
        }
        if compared.pairs.is_empty() {
            return Err(Refusal(compared.why_nothing_is_compared()));
        }
        let curves = (compared.pairs.len() > 1).then(|| compared.means(&wanted));
        let comparisons = compared.pairs.iter().map(|pair| pair.sides.as_slice());
        let comparisons = comparisons.chain(curves.as_deref()).collect::<Vec<_>>();
        let mut rows = rows_of_all(&comparisons, assumed, wanted).into_iter();
        for pair in &mut compared.pairs {
            pair.rows = rows.next().unwrap_or_default();
        }
        compared.overall = curves.zip(rows.next());
        Ok(compared)
    }

    /// The outcomes of a condition for every pair, of which none may meet it; what is not compared can't tell.
    pub(super) fn judge(&self, condition: &Condition, assumed: Assumed) -> Result<Vec<Outcome>, Refusal> {
        let mut outcomes = Vec::new();
        for pair in &self.pairs {
            outcomes.extend(condition.judge(&pair.sides, assumed.variation, self.pairs.len())?);
        }
        let unknown = self.excluded.iter().map(|excluded| Outcome {
            gate: Gate::CantTell,
            by_value: false,
            text: format!("can't tell: {}", self.excluded_text(excluded)),
        });
        outcomes.extend(unknown);
        Ok(outcomes)
    }

    /// Puts a variation where it belongs.
    fn add(&mut self, variation: &Variation, curves: &[Curve]) {
        let found = curves.iter().map(|curve| curve.variations.iter().find(|other| other.is(variation)));
        let found = found.collect::<Vec<_>>();
        if found.iter().any(Option::is_none) {
            let places = (0..found.len()).filter(|place| found[*place].is_some());
            self.unpaired.push((variation.name.clone(), places.collect()));
            return;
        }
        let mut sides = Vec::new();
        for (sweep, found) in found.into_iter().flatten().enumerate() {
            match &found.side {
                Ok(side) => sides.push(side.clone()),
                Err(why) => {
                    let (name, why) = (variation.name.clone(), why.clone());
                    self.excluded.push(Excluded { name, sweep, why });
                }
            }
            let missing = found.missing.as_ref();
            self.missing
                .extend(missing.map(|why| format!("{} of {}: {why}", found.name, self.sweeps[sweep].0)));
        }
        if sides.len() == curves.len() {
            let (name, parameters) = (variation.name.clone(), variation.parameters.clone());
            self.pairs.push(Pair { name, parameters, sides, rows: Vec::new() });
        }
    }

    /// Each sweep as one side: its numbers are means over all pairs, as multiples of the first sweep's.
    fn means(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<Side> {
        let is_wanted = |tag: &str, stat: &str| {
            wanted(tag, stat) || tag.strip_prefix(WITH_FAILURES).is_some_and(|of| wanted(of, stat))
        };
        let keys = METRICS.iter().flat_map(|metric| Stat::ALL.map(|stat| (metric.tag, stat)));
        let keys = keys.filter(|(tag, stat)| is_wanted(tag, stat.name())).collect::<Vec<_>>();
        (0..self.sweeps.len()).map(|place| self.mean(place, &keys)).collect()
    }

    /// One sweep as a side, each run of which is one pass over all variations: what a pass has in common, such as the server
    /// process, differs from pass to pass and not from variation to variation.
    fn mean(&self, place: usize, keys: &[(&'static str, Stat)]) -> Side {
        let label = self.sweeps[place].0.clone();
        let passes = self.pairs.iter().map(|pair| pair.sides[place].runs.len()).min().unwrap_or(0);
        let tool = self.pairs.first().map_or("", |pair| pair.sides[place].tool());
        let pass = |pass: usize| {
            let mut figures = Figures::new(label.clone(), tool);
            for (tag, stat) in keys {
                let mean = match *tag {
                    FAILURES => self.failures_of_pass(place, pass),
                    _ => self.mean_of_pass(place, pass, tag, *stat),
                };
                if let Some((value, precision)) = mean {
                    figures.put(tag, *stat, Some(value), precision);
                }
            }
            figures
        };
        Side { runs: (0..passes).map(pass).collect(), label: label.clone() }
    }

    /// The mean of a number over all pairs, as a multiple of the first sweep's; `None` if it has none in one of them.
    fn mean_of_pass(&self, place: usize, pass: usize, tag: &str, stat: Stat) -> Option<Mean> {
        let mut values = Vec::new();
        let mut spreads = Vec::new();
        for pair in &self.pairs {
            let base = pair.sides[0].figure(tag, stat.name())?.value;
            let figure = pair.sides[place].figure_of_run(pass, tag, stat.name())?;
            let value = figure.value / base;
            // The share of a baseline that is negative or zero means nothing.
            if base <= 0.0 || !value.is_finite() {
                return None;
            }
            values.push(value);
            spreads.push(figure.precision.map(|precision| {
                precision.map(|interval| Spread::of(figure.value, &interval).times(1.0 / base))
            }));
        }
        let value = values.iter().sum::<f64>() / float_of(values.len());
        let Some(spreads) = spreads.into_iter().collect::<Option<Vec<_>>>() else {
            return Some((value, None));
        };
        let spreads = spreads.into_iter().collect::<Result<Vec<_>, _>>();
        let interval = spreads.map(|spreads| Spread::mean(&spreads).map(|mean| Interval::from(&mean)));
        Some((value, interval.transpose()))
    }

    /// The mean share of failures over all pairs, in percent, of as many requests as make it as sure.
    fn failures_of_pass(&self, place: usize, pass: usize) -> Option<Mean> {
        let mut shares = Vec::new();
        let mut inverses = Vec::new();
        for pair in &self.pairs {
            let figure = pair.sides[place].figure_of_run(pass, FAILURES, Stat::Avg.name())?;
            shares.push(figure.value / 100.0);
            inverses.push(1.0 / f64::from(figure.precision?.ok()?.effective));
        }
        let count = float_of(shares.len());
        let (share, n) = (shares.iter().sum::<f64>() / count, count * count / inverses.iter().sum::<f64>());
        let (low, high) = wilson(share, n, 0.05);
        Some((share * 100.0, Some(Ok(Interval::of_share(low * 100.0, high * 100.0, n)))))
    }

    fn excluded_text(&self, Excluded { name, sweep, why }: &Excluded) -> String {
        format!("{name} is not compared: in {} {why}", self.sweeps[*sweep].0)
    }

    fn unpaired_text(&self, (name, places): &(String, Vec<usize>)) -> String {
        let sweeps = places.iter().map(|place| self.sweeps[*place].0.as_str()).collect::<Vec<_>>();
        format!("{name} is in {} only", sweeps.join(" and "))
    }

    fn why_nothing_is_compared(&self) -> String {
        let unpaired = self.unpaired.iter().map(|unpaired| self.unpaired_text(unpaired));
        let excluded = self.excluded.iter().map(|excluded| self.excluded_text(excluded));
        let reasons = unpaired.chain(excluded).collect::<Vec<_>>().join("; ");
        format!("the sweeps have no variation that can be compared: {reasons}")
    }
}

/// A mean over variations, and how sure it is where known.
type Mean = (f64, Option<Result<Interval, Needs>>);

/// The variations of all sweeps, those of the first one first.
fn each_once(curves: &[Curve]) -> Vec<&Variation> {
    let mut all = Vec::<&Variation>::new();
    for variation in curves.iter().flat_map(|curve| &curve.variations) {
        if !all.iter().any(|known| known.is(variation)) {
            all.push(variation);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::rows::is_on_screen;
    use export::{Colour, console};
    use metric::Method;
    use serde_json::json;

    const ASSUMED: Assumed = Assumed { relevant: 0.05, variation: 0.0 };

    /// A run with a throughput and a p99 of the latency, each known to within a share of itself.
    fn run(throughput: f64, latency: f64, share: f64) -> Figures {
        let mut figures = Figures::new("run".to_owned(), "test");
        let interval = |value: f64| Interval {
            low: value * (1.0 - share),
            high: value * (1.0 + share),
            effective: 1e4,
            freedom: 1e4,
            method: Method::Mean,
        };
        figures.put("request_throughput", Stat::Avg, Some(throughput), Some(Ok(interval(throughput))));
        figures.put("request_latency", Stat::P99, Some(latency), Some(Ok(interval(latency))));
        let failures = Interval { low: 0.0, high: 1.0, ..interval(1.0) };
        figures.put(FAILURES, Stat::Avg, Some(0.0), Some(Ok(failures)));
        figures
    }

    fn variation(concurrency: u32, side: Result<Vec<Figures>, &str>) -> Variation {
        let name = format!("concurrency={concurrency}");
        Variation {
            parameters: Map::from_iter([("concurrency".to_owned(), concurrency.into())]),
            side: side.map(|runs| Side { label: name.clone(), runs }).map_err(str::to_owned),
            missing: None,
            name,
        }
    }

    fn curve(label: &str, variations: Vec<Variation>) -> Curve {
        Curve { label: label.to_owned(), variations }
    }

    /// A curve of variations with one run each, which have this throughput and latency.
    fn of_runs(label: &str, numbers: &[(u32, f64, f64)]) -> Curve {
        let variations = numbers.iter().map(|(concurrency, throughput, latency)| {
            variation(*concurrency, Ok(vec![run(*throughput, *latency, 0.005)]))
        });
        curve(label, variations.collect())
    }

    fn compared(curves: &[Curve]) -> Curves {
        Curves::of(curves, ASSUMED, is_on_screen).unwrap()
    }

    fn slower() -> Curves {
        let base = of_runs("a", &[(1, 10.0, 100.0), (2, 20.0, 100.0), (4, 40.0, 100.0)]);
        let other = of_runs("b", &[(1, 10.0, 100.0), (2, 19.0, 106.0), (4, 30.0, 200.0)]);
        compared(&[base, other])
    }

    #[test]
    fn variations_are_paired_and_curves_have_a_distance() {
        let found = slower().json(ASSUMED);
        let answer = |variation: usize, metric: &str| {
            found["variations"][variation]["metrics"][metric]["runs"][1]["beyond_noise"].clone()
        };
        let answers = [0, 1, 2].map(|variation| answer(variation, "request_throughput.avg"));
        assert_eq!(json!(answers), json!(["no", "yes", "yes"]), "{found}");
        let overall = &found["overall"]["request_throughput.avg"]["sweeps"][1];
        let mean = overall["difference"].as_f64().unwrap();
        assert!((mean + 0.1).abs() < 1e-9, "none, 5 % and 25 % less: {found}");
        assert_eq!(overall["beyond_noise"], "yes", "{found}");
        let greatest = json!({"variation": "concurrency=4", "difference": -0.25, "beyond_noise": "yes"});
        assert_eq!(overall["greatest"], greatest, "{found}");
        let failures = &found["overall"]["request_error_rate.avg"]["sweeps"][1];
        assert_eq!(
            (&failures["difference_absolute"], &failures["beyond_noise"]),
            (&json!(0.0), &json!("no"))
        );
    }

    #[test]
    fn the_tables_have_a_line_for_each_metric_and_for_each_variation() {
        let text = console::sections(&slower().sections(ASSUMED), 160, Colour::Plain);
        let cells = |name: &str, nth: usize| {
            let line = text.lines().filter(|line| line.contains(name)).nth(nth).unwrap_or_default();
            line.split(['│', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let overall = cells("request_throughput.avg", 0);
        assert_eq!(overall[..3], ["request_throughput.avg", "-10.0%", "yes"], "{text}");
        assert_eq!(overall[4..], ["-25.0%", "yes", "concurrency=4"], "{text}");
        let first = cells("request_throughput.avg", 1);
        assert_eq!(first[1..6], ["(requests/sec)", "concurrency=1", "10.00", "10.00", "+0.0%"], "{text}");
        // The last of the throughput's lines; those of the latency are before it.
        assert!(text.contains("concurrency=4") && text.contains("3 variations"), "{text}");
    }

    #[test]
    fn all_variations_are_one_table() {
        // Alone it is a difference, as one of twelve it may be chance.
        let shifted = |count: u32| {
            let numbers = |of_first: f64| {
                let rest = (2..=count).map(|concurrency| (concurrency, 10.0, 100.0));
                [(1, of_first, 100.0)].into_iter().chain(rest).collect::<Vec<_>>()
            };
            let assumed = Assumed { relevant: 0.001, variation: 0.0 };
            let curves = [of_runs("a", &numbers(10.0)), of_runs("b", &numbers(10.1))];
            let found = Curves::of(&curves, assumed, is_on_screen).unwrap().json(assumed);
            found["variations"][0]["metrics"]["request_throughput.avg"]["runs"][1]["beyond_noise"].clone()
        };
        assert_eq!([shifted(1), shifted(12)], ["yes", "can't tell"], "of 1 % with errors of a quarter");
    }

    #[test]
    fn passes_are_the_unit_of_a_curve() {
        // Each pass is faster or slower as a whole: that two variations agree makes it no surer.
        let passes = |factors: [f64; 3]| {
            let runs =
                |throughput: f64| Ok(factors.map(|factor| run(throughput * factor, 100.0, 0.001)).to_vec());
            vec![variation(1, runs(10.0)), variation(2, runs(20.0))]
        };
        let base = curve("a", passes([0.9, 1.0, 1.1]));
        let found = compared(&[base, curve("b", passes([1.0, 1.1, 1.2]))]);
        let (sides, _) = found.overall.as_ref().unwrap();
        let values = sides[1].sample("request_throughput", "avg").unwrap().values;
        assert!((values[0] - 1.0).abs() < 1e-9 && (values[2] - 1.2).abs() < 1e-9, "{values:?}");
        let json = found.json(ASSUMED);
        let answer = &json["overall"]["request_throughput.avg"]["sweeps"][1]["beyond_noise"];
        assert_eq!(answer, "can't tell", "10 % of passes that differ by as much: {json}");
    }

    #[test]
    fn what_is_not_compared_is_named() {
        let mut base = of_runs("a", &[(1, 10.0, 100.0), (2, 20.0, 100.0), (4, 40.0, 100.0)]);
        let mut other = of_runs("b", &[(2, 20.0, 100.0), (8, 50.0, 100.0)]);
        base.variations[1].missing = Some("1 of 2 runs: failed: gone".to_owned());
        other.variations.push(variation(4, Err("late_requests")));
        let found = compared(&[base, other]);
        let remarks = console::sections(&found.sections(ASSUMED), 160, Colour::Plain);
        for expected in [
            "concurrency=1 is in a only",
            "concurrency=8 is in b only",
            "concurrency=4 is not compared: in b late_requests",
            "missing: concurrency=2 of a: 1 of 2 runs: failed: gone",
        ] {
            assert!(remarks.contains(expected), "{expected}: {remarks}");
        }
        let found = found.json(ASSUMED);
        assert_eq!(found["variations"].as_array().unwrap().len(), 1, "{found}");
        assert_eq!(found["overall"], json!({}), "one variation is no curve");
        let none = Curves::of(
            &[of_runs("a", &[(1, 1.0, 1.0)]), of_runs("b", &[(2, 1.0, 1.0)])],
            ASSUMED,
            is_on_screen,
        );
        assert!(none.unwrap_err().0.contains("concurrency=1 is in a only; concurrency=2 is in b only"));
    }

    #[test]
    fn values_are_the_same_whatever_their_form() {
        let of = |parameters: Value| Variation {
            parameters: parameters.as_object().unwrap().clone(),
            ..variation(1, Err(""))
        };
        let check = |one: Value, other: Value, expected: bool| {
            assert_eq!(of(one.clone()).is(&of(other.clone())), expected, "{one} {other}");
        };
        check(json!({"rate": 4, "isl": 8}), json!({"isl": 8, "rate": 4.0}), true);
        check(json!({"rate": 4}), json!({"rate": 5}), false);
        check(json!({"rate": 4}), json!({"rate": 4, "isl": 8}), false);
        check(json!({"scenario": "a"}), json!({"scenario": "a"}), true);
        check(json!({"rate": 4}), json!({"rate": "4"}), false);
    }

    #[test]
    fn a_condition_holds_for_any_variation() {
        let gates = |curves: &Curves, text: &str| {
            let condition = Condition::parse(text).unwrap();
            let outcomes = curves.judge(&condition, ASSUMED).unwrap();
            outcomes.iter().map(|outcome| outcome.gate).collect::<Vec<_>>()
        };
        use Gate::{CantTell, Holds, HoldsNot};
        let found = slower();
        assert_eq!(gates(&found, "request_latency.p99 > 1.5x"), [HoldsNot, HoldsNot, Holds]);
        assert_eq!(gates(&found, "request_throughput < 0.5x"), [HoldsNot; 3]);
        let texts = found.judge(&Condition::parse("request_latency.p99 > 1.5x").unwrap(), ASSUMED).unwrap();
        assert!(texts[2].text.starts_with("failed: concurrency=4: request_latency.p99 is 200"), "{texts:?}");
        let base = of_runs("a", &[(1, 10.0, 100.0), (2, 20.0, 100.0)]);
        let mut other = of_runs("b", &[(1, 10.0, 100.0)]);
        other.variations.push(variation(2, Err("failed: gone")));
        let found = compared(&[base, other]);
        assert_eq!(
            gates(&found, "request_latency.p99 > 1.5x"),
            [HoldsNot, CantTell],
            "what failed is unknown"
        );
    }
}
