//! The comparison of sweeps as sections of a document, or as JSON.

use super::{Curves, Pair};
use crate::compare::rows::{Assumed, FAILURES, Row};
use crate::compare::side::Side;
use crate::compare::table::{
    cells_of_difference, cells_of_sides, column, columns_of_difference, columns_of_sides, json_of_difference,
    json_of_rows, json_of_side, letters, note, notes, share,
};
use export::view::{Cell, Section, Side as Align, Table};
use metric::{METRICS, Metric, Stat};
use serde_json::{Map, Value, json};
use statistics::Judgement;

impl Curves {
    /// Which sweep is which, how far the curves are apart, every variation by metric, and what all of it says.
    pub(in crate::compare) fn sections(&self, assumed: Assumed) -> Vec<Section> {
        let mut sections = vec![Section::Table(self.of_sweeps())];
        if let Some((sides, rows)) = &self.overall
            && sides.len() > 1
            && !rows.is_empty()
        {
            sections.push(Section::Table(self.of_curves(sides, rows)));
        }
        let variations = self.of_variations();
        if !variations.rows.is_empty() {
            sections.push(Section::Table(variations));
        }
        let tables = self.pairs.iter().map(|pair| (pair.sides.as_slice(), pair.rows.as_slice()));
        let overall = self.overall.iter().map(|(sides, rows)| (sides.as_slice(), rows.as_slice()));
        sections.extend(notes(&tables.chain(overall).collect::<Vec<_>>(), assumed).map(note));
        sections.extend(self.remarks().map(note));
        sections
    }

    /// The comparison as one JSON object.
    pub(in crate::compare) fn json(&self, assumed: Assumed) -> Value {
        let sweeps = self.sweeps.iter().map(|(path, count)| json!({"path": path, "variations": count}));
        let label = |place: &usize| self.sweeps.get(*place).map(|(path, _)| path.as_str());
        let unpaired = self.unpaired.iter().map(|(name, places)| {
            json!({"variation": name, "sweeps": places.iter().map(label).collect::<Vec<_>>()})
        });
        let excluded = self.excluded.iter().map(|excluded| {
            json!({"variation": excluded.name, "sweep": label(&excluded.sweep), "reason": excluded.why})
        });
        json!({
            "sweeps": sweeps.collect::<Vec<_>>(),
            "relevant_shift": assumed.relevant,
            "run_variation": assumed.variation,
            "overall": self.json_of_curves(),
            "variations": self.pairs.iter().map(Pair::json).collect::<Vec<_>>(),
            "in_some_sweeps": unpaired.collect::<Vec<_>>(),
            "not_compared": excluded.collect::<Vec<_>>(),
            "missing_runs": self.missing,
        })
    }

    fn of_sweeps(&self) -> Table {
        let row = |(letter, (path, count)): (char, &(String, usize))| {
            let count = u64::try_from(*count).unwrap_or(u64::MAX);
            vec![Cell::Text(letter.to_string()), Cell::Count(count), Cell::Text(path.clone())]
        };
        let columns =
            vec![column("", Align::Left), column("Variations", Align::Right), column("From", Align::Left)];
        let rows = letters(self.sweeps.len()).zip(&self.sweeps).map(row).collect();
        Table { title: String::new(), columns, rows }
    }

    /// The distance of the curves: the mean difference, and the greatest.
    fn of_curves(&self, sides: &[Side], rows: &[Row]) -> Table {
        let mut columns = vec![column("Metric", Align::Right)];
        for letter in letters(sides.len()).skip(1) {
            columns.extend(columns_of_difference(&format!("{letter}-A, mean")));
            columns.extend([
                column("greatest", Align::Right),
                column("real?", Align::Left),
                column("at", Align::Left),
            ]);
        }
        let cells = |row: &Row| {
            let mut cells = vec![Cell::Text(row.key())];
            for place in 1..sides.len() {
                cells.extend(cells_of_difference(sides, row, place));
                match self.greatest(row, place) {
                    Some(greatest) => cells.extend(greatest.cells()),
                    None => cells.extend([Cell::Absent, Cell::Absent, Cell::Absent]),
                }
            }
            cells
        };
        let title = format!("aiperfd | Comparison of sweeps, {} variations", self.pairs.len());
        Table { title, columns, rows: rows.iter().map(cells).collect() }
    }

    /// Every variation, metric by metric.
    fn of_variations(&self) -> Table {
        let mut columns = vec![column("Metric", Align::Right), column("Variation", Align::Left)];
        columns.extend(columns_of_sides(self.sweeps.len()));
        let mut table =
            Table { title: "aiperfd | Comparison by variation".to_owned(), columns, rows: Vec::new() };
        for (metric, stat) in statistics_of_all() {
            let mut is_first = true;
            for pair in &self.pairs {
                let Some(row) = pair.row(metric.tag, stat) else { continue };
                let name = if is_first { row.name() } else { String::new() };
                let mut cells = vec![Cell::Text(name), Cell::Text(pair.name.clone())];
                cells.extend(cells_of_sides(&pair.sides, row));
                table.rows.push(cells);
                is_first = false;
            }
        }
        table
    }

    /// The greatest difference of a side to the first, over all variations; `None` if there is none.
    fn greatest(&self, of: &Row, place: usize) -> Option<Greatest<'_>> {
        let tag = of.metric.tag;
        let found = self.pairs.iter().filter_map(|pair| {
            let value = |place: usize| Some(pair.sides.get(place)?.figure(tag, of.stat)?.value);
            let (base, shift) = (value(0)?, value(place)? - value(0)?);
            let judgement = pair.row(tag, of.stat).and_then(|row| row.judgement(place));
            Some(Greatest { name: &pair.name, share: share(tag, base, shift), shift, judgement })
        });
        found.filter(|one| one.size() > 0.0).max_by(|one, other| one.size().total_cmp(&other.size()))
    }

    /// How far the curves are apart, by metric and statistic.
    fn json_of_curves(&self) -> Map<String, Value> {
        let Some((sides, rows)) = &self.overall else { return Map::new() };
        let side = |row: &Row, place: usize| {
            let mut object = json_of_difference(sides, row, place);
            // Numbers are multiples of the first sweep's, except for failures, which are in points.
            let unused = if row.metric.tag == FAILURES { "difference" } else { "difference_absolute" };
            object.remove(unused);
            if let Some(greatest) = self.greatest(row, place).filter(|_| place > 0) {
                object.insert("greatest".to_owned(), greatest.json());
            }
            Value::Object(object)
        };
        let row = |row: &Row| {
            let sides = (0..sides.len()).map(|place| side(row, place)).collect::<Vec<_>>();
            (row.key(), json!({"sweeps": sides}))
        };
        rows.iter().map(row).collect()
    }

    /// What is not in the tables, and why.
    fn remarks(&self) -> impl Iterator<Item = String> {
        let mut remarks = Vec::new();
        if self.overall.is_some() && self.sweeps.len() > 1 {
            remarks.push(
                "mean is over the variations, each as a share of A's: a sweep's runs of all variations are one unit. Failures \
                 are in points."
                    .to_owned(),
            );
        }
        remarks.extend(self.unpaired.iter().map(|unpaired| self.unpaired_text(unpaired)));
        remarks.extend(self.excluded.iter().map(|excluded| self.excluded_text(excluded)));
        remarks.extend(self.missing.iter().map(|missing| format!("missing: {missing}")));
        remarks.into_iter()
    }
}

impl Pair {
    fn row(&self, tag: &str, stat: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.metric.tag == tag && row.stat == stat)
    }

    fn json(&self) -> Value {
        json!({
            "variation": self.name,
            "parameters": self.parameters,
            "sides": self.sides.iter().map(json_of_side).collect::<Vec<_>>(),
            "metrics": json_of_rows(&self.sides, &self.rows),
        })
    }
}

/// The greatest difference of a number over variations.
struct Greatest<'a> {
    name: &'a str,
    share: Option<f64>,
    shift: f64,
    judgement: Option<&'a Judgement>,
}

impl Greatest<'_> {
    fn size(&self) -> f64 {
        self.share.unwrap_or(self.shift).abs()
    }

    fn answer(&self) -> &'static str {
        self.judgement.map_or("-", |judgement| judgement.answer.name())
    }

    fn cells(&self) -> [Cell; 3] {
        let shift = self.share.map_or(Cell::Shift(self.shift), |share| Cell::Change(share * 100.0));
        [shift, Cell::Text(self.answer().to_owned()), Cell::Text(self.name.to_owned())]
    }

    fn json(&self) -> Value {
        let mut object = json!({"variation": self.name});
        match self.share {
            Some(share) => object["difference"] = share.into(),
            None => object["difference_absolute"] = self.shift.into(),
        }
        if let Some(judgement) = self.judgement {
            object["beyond_noise"] = judgement.answer.name().into();
        }
        object
    }
}

/// Every statistic of every metric, in the registry's order.
fn statistics_of_all() -> impl Iterator<Item = (&'static Metric, &'static str)> {
    METRICS.iter().flat_map(|metric| Stat::ALL.map(|stat| (*metric, stat.name())))
}
