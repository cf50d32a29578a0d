//! The comparison as sections of a document, or as JSON.

use super::figures::Figure;
use super::rows::{Assumed, FAILURES, Row};
use super::side::Side;
use export::view::{Cell, Certainty, Column, Note, Number, Section, Side as Align, Table, Topic};
use metric::{Needs, Reason, Value as Finite};
use serde_json::{Map, Value, json};
use statistics::{Answer, Judgement};

/// The sides, a table with one column per side and, for each but the first, its difference to the first, and what it says.
pub(super) fn sections(sides: &[Side], rows: &[Row], assumed: Assumed) -> Vec<Section> {
    let mut columns = vec![column("Metric", Align::Right)];
    columns.extend(columns_of_sides(sides.len()));
    let rows_shown = rows.iter().map(|row| cells(sides, row)).collect();
    let table = Table { title: "aiperfd | Comparison".to_owned(), columns, rows: rows_shown };
    let mut sections = vec![Section::Table(of_sides(sides)), Section::Table(table)];
    sections.extend(notes(&[(sides, rows)], assumed).map(note));
    sections
}

/// A remark on the comparison.
pub(super) fn note(text: String) -> Section {
    Section::Note(Note { topic: Topic::Comparison, text })
}

/// The letters of sides.
pub(super) fn letters(count: usize) -> impl Iterator<Item = char> {
    LETTERS.chars().take(count)
}

/// A column for each side, and for each but the first its difference to the first, and what it says.
pub(super) fn columns_of_sides(count: usize) -> Vec<Column> {
    let of_side = letters(count).enumerate().flat_map(|(place, letter)| {
        let own = column(letter, Align::Right);
        let difference = (place > 0).then(|| columns_of_difference(&format!("{letter}-A")));
        [own].into_iter().chain(difference.into_iter().flatten())
    });
    of_side.collect()
}

/// The columns of a difference, whether it is real, and which one would have been seen.
pub(super) fn columns_of_difference(name: &str) -> [Column; 3] {
    [column(name, Align::Right), column("real?", Align::Left), column("sees", Align::Right)]
}

/// Which side is which.
fn of_sides(sides: &[Side]) -> Table {
    let columns = [
        ("", Align::Left),
        ("Runs", Align::Right),
        ("From", Align::Left),
        ("Made by", Align::Left),
        ("Verdict", Align::Left),
    ];
    let row = |(letter, side): (char, &Side)| {
        let verdicts = side.verdicts().join(", ");
        let runs = u64::try_from(side.runs.len()).unwrap_or(u64::MAX);
        let texts = [side.label.clone(), side.tool().to_owned(), verdicts].map(Cell::Text);
        [Cell::Text(letter.to_string()), Cell::Count(runs)].into_iter().chain(texts).collect()
    };
    Table {
        title: String::new(),
        columns: columns.map(|(name, side)| column(name, side)).to_vec(),
        rows: LETTERS.chars().zip(sides).map(row).collect(),
    }
}

pub(super) fn column(name: impl ToString, side: Align) -> Column {
    Column { name: name.to_string(), side }
}

fn cells(sides: &[Side], row: &Row) -> Vec<Cell> {
    let mut cells = vec![Cell::Text(row.name())];
    cells.extend(cells_of_sides(sides, row));
    cells
}

/// The numbers of the sides, and their differences to the first.
pub(super) fn cells_of_sides(sides: &[Side], row: &Row) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (place, side) in sides.iter().enumerate() {
        cells.push(side.figure(row.metric.tag, row.stat).map_or(Cell::Absent, number));
        if place > 0 {
            cells.extend(cells_of_difference(sides, row, place));
        }
    }
    cells
}

/// The difference of a side to the first, whether it is real, and which one would have been seen.
pub(super) fn cells_of_difference(sides: &[Side], row: &Row, place: usize) -> [Cell; 3] {
    let tag = row.metric.tag;
    let value = |place: usize| Some(sides.get(place)?.figure(tag, row.stat)?.value);
    let judgement = row.judgement(place);
    [
        difference(tag, value(0), value(place)),
        Cell::Text(judgement.map_or("-", |judgement| judgement.answer.name()).to_owned()),
        judgement.and_then(|judgement| visible(tag, value(0), judgement)).unwrap_or(Cell::Absent),
    ]
}

/// A number of a side, marked if its requests are too few for it.
fn number(figure: Figure) -> Cell {
    let is_doubtful = is_too_few(&figure);
    let certainty = if is_doubtful { Certainty::TooFewSamples } else { Certainty::Exact };
    Cell::Number(Number { value: figure.value, certainty })
}

fn is_too_few(figure: &Figure) -> bool {
    let reason = figure.precision.and_then(Result::err).map(|needs| needs.reason);
    matches!(reason, Some(Reason::TooFew | Reason::Dependent))
}

/// The difference as a share of the baseline; that of failures, and from a baseline of zero, in the metric's unit.
fn difference(tag: &str, base: Option<f64>, value: Option<f64>) -> Cell {
    let Some((base, value)) = base.zip(value) else { return Cell::Absent };
    match share(tag, base, value - base) {
        Some(share) => Cell::Change(share * 100.0),
        None => Cell::Shift(value - base),
    }
}

/// The least shift that would have been seen.
fn visible(tag: &str, base: Option<f64>, judgement: &Judgement) -> Option<Cell> {
    let visible = judgement.visible.filter(|visible| visible.is_finite())?;
    Some(match share(tag, base?, visible) {
        Some(share) => Cell::Change(share * 100.0),
        None => Cell::Shift(visible),
    })
}

/// A shift as a share of the baseline, if that is how it is shown.
pub(super) fn share(tag: &str, base: f64, shift: f64) -> Option<f64> {
    let share = shift / base.abs();
    (tag != FAILURES && share.is_finite()).then_some(share)
}

/// What the answers mean, and why some are missing.
pub(super) fn notes(tables: &[(&[Side], &[Row])], assumed: Assumed) -> impl Iterator<Item = String> {
    let percent = |share: f64| format!("{} %", share * 100.0);
    let mut notes = vec![format!(
        "real? is yes with a probability of error of 5 % for the whole table (Holm), no where the difference is surely less than \
         {0} or a shift of {0} (failures: one point) would have been seen in four of five comparisons, and else can't tell. sees \
         is the shift that would have been seen.",
        percent(assumed.relevant)
    )];
    let sides = || tables.iter().flat_map(|(sides, _)| *sides);
    let has_difference = tables.iter().any(|(sides, _)| sides.len() > 1);
    if sides().all(|side| side.runs.len() < 2) && has_difference && assumed.variation > 0.0 {
        notes.push(format!(
            "One run a side can't show by how much runs of one load differ: a deviation of {} is allowed for \
             (--run-variation). Several runs a side (--num-profile-runs) see smaller shifts.",
            percent(assumed.variation)
        ));
    }
    let has_too_few = |(sides, row): (&[Side], &Row)| {
        let mut figures = sides.iter().filter_map(|side| side.figure(row.metric.tag, row.stat));
        figures.any(|figure| is_too_few(&figure))
    };
    let rows = || tables.iter().flat_map(|(sides, rows)| rows.iter().map(|row| (*sides, row)));
    if rows().any(has_too_few) {
        notes.push("* is of too few requests, or of too few that are independent.".to_owned());
    }
    let mut reasons = Vec::<(Needs, usize)>::new();
    let judgements = rows().flat_map(|(_, row)| &row.judgements).flatten();
    for needs in judgements.filter_map(|judgement| judgement.needs) {
        match reasons.iter_mut().find(|(known, _)| known.reason == needs.reason) {
            Some((known, count)) => {
                known.more_requests = known.more_requests.max(needs.more_requests);
                *count += 1;
            }
            None => reasons.push((needs, 1)),
        }
    }
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let reasons = reasons.into_iter().map(|(needs, count)| format!("can't tell in {count}: {needs}"));
    notes.extend(reasons);
    notes.into_iter()
}

/// The comparison as one JSON object.
pub(super) fn json(sides: &[Side], rows: &[Row], assumed: Assumed) -> Value {
    json!({
        "runs": sides.iter().map(json_of_run).collect::<Vec<_>>(),
        "relevant_shift": assumed.relevant,
        "run_variation": assumed.variation,
        "metrics": json_of_rows(sides, rows),
    })
}

/// What a side is, and where it is from.
fn json_of_run(side: &Side) -> Value {
    let path = ("path".to_owned(), side.label.clone().into());
    Value::Object([path].into_iter().chain(json_of_side(side)).collect())
}

/// What a side is.
pub(super) fn json_of_side(side: &Side) -> Map<String, Value> {
    let verdicts = side.verdicts();
    let verdict = (!verdicts.is_empty()).then(|| ("verdict", verdicts.join(", ").into()));
    let fields = [("made_by", side.tool().into()), ("runs", side.runs.len().into())];
    fields.into_iter().chain(verdict).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The numbers of all sides, by metric and statistic.
pub(super) fn json_of_rows(sides: &[Side], rows: &[Row]) -> Map<String, Value> {
    let row = |row: &Row| {
        let values = (0..sides.len()).map(|place| of_side(sides, row, place)).collect::<Vec<_>>();
        (row.key(), json!({"unit": row.metric.display.name(), "runs": values}))
    };
    rows.iter().map(row).collect()
}

/// A row's number of one side, how sure it is, and its difference to the first side.
fn of_side(sides: &[Side], row: &Row, place: usize) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    let Some(own) = sides.get(place).and_then(|side| side.figure(row.metric.tag, row.stat)) else {
        return Value::Object(object);
    };
    put("value", own.value.into());
    match own.precision {
        Some(Ok(interval)) => {
            put("interval", json!([interval.low, interval.high]));
            put("n_eff", f64::from(interval.effective).round().into());
            put("method", interval.method.name().into());
        }
        Some(Err(needs)) => {
            put("no_interval", needs.to_string().into());
        }
        None => {}
    }
    object.extend(json_of_difference(sides, row, place));
    Value::Object(object)
}

/// The difference of a side to the first.
pub(super) fn json_of_difference(sides: &[Side], row: &Row, place: usize) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    let figure = |place: usize| sides.get(place)?.figure(row.metric.tag, row.stat);
    let Some((base, own)) = figure(0).zip(figure(place)).filter(|_| place > 0) else { return object };
    let finite = |number: f64| Finite::new(number).map(Finite::get);
    if let Some(share) = finite((own.value - base.value) / base.value.abs()) {
        put("difference", share.into());
    }
    put("difference_absolute", (own.value - base.value).into());
    let Some(judgement) = row.judgement(place) else { return object };
    put("beyond_noise", judgement.answer.name().into());
    if let Some(visible) = judgement.visible.and_then(finite) {
        put("visible_shift", visible.into());
    }
    if let Some(difference) = judgement.difference {
        put("difference_interval", json!([finite(difference.low), finite(difference.high)]));
    }
    if let Some(needs) = judgement.needs.filter(|_| judgement.answer == Answer::CantTell) {
        put("cannot_tell", needs.to_string().into());
    }
    object
}

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::Figures;
    use crate::compare::rows::{is_on_screen, rows};
    use export::{Colour, console};
    use metric::{Interval, Method, Stat};

    fn interval(value: f64, half: f64, effective: f32) -> Interval {
        Interval { low: value - half, high: value + half, effective, freedom: 1e4, method: Method::Mean }
    }

    fn run(label: &str, latency: f64, failed: f64) -> Side {
        let mut figures = Figures::new(label.to_owned(), "test");
        figures.put("request_latency", Stat::P99, Some(latency), Some(Ok(interval(latency, 1.0, 1000.0))));
        if failed > 0.0 {
            figures.put("adj_request_latency", Stat::P99, Some(latency * 3.0), None);
        }
        let (low, high) = (0.0, 100.0);
        let of_failures = Interval { low, high, ..interval(failed, 0.0, 1000.0) };
        figures.put("request_error_rate", Stat::Avg, Some(failed), Some(Ok(of_failures)));
        Side::of(figures)
    }

    const ASSUMED: Assumed = Assumed { relevant: 0.05, variation: 0.0 };

    #[test]
    fn sides_have_a_column_each() {
        let sides = [run("a", 100.0, 0.0), run("b", 110.0, 0.0)];
        let rows = rows(&sides, ASSUMED, is_on_screen);
        let text = console::sections(&sections(&sides, &rows, ASSUMED), 140, Colour::Plain);
        let line = text.lines().find(|line| line.contains("request_latency.p99")).unwrap();
        let cells = line.split(['│', ' ']).filter(|part| !part.is_empty()).collect::<Vec<_>>();
        assert_eq!(
            cells[..6],
            ["request_latency.p99", "(ms)", "100.00", "110.00", "+10.0%", "yes"],
            "{text}"
        );
        let found = json(&sides, &rows, ASSUMED);
        assert_eq!(found["metrics"]["request_latency.p99"]["runs"][1]["beyond_noise"], "yes", "{found}");
        assert!(!text.contains("adj_"), "no side failed: {text}");
    }

    #[test]
    fn failures_are_judged_and_stand_next_to_what_hides_them() {
        let sides = [run("a", 100.0, 0.0), run("b", 60.0, 10.0)];
        let rows = rows(&sides, ASSUMED, is_on_screen);
        let found = json(&sides, &rows, ASSUMED);
        let failures = &found["metrics"]["request_error_rate.avg"]["runs"][1];
        assert_eq!(failures["beyond_noise"], "yes", "from zero to ten percent: {found}");
        let adjusted = &found["metrics"]["adj_request_latency.p99"]["runs"];
        assert_eq!((&adjusted[0]["value"], &adjusted[1]["value"]), (&100.0.into(), &180.0.into()), "{found}");
        let text = console::sections(&sections(&sides, &rows, ASSUMED), 140, Colour::Plain);
        assert!(text.contains("+10.00 "), "in points: {text}");
    }

    #[test]
    fn numbers_of_too_few_requests_are_marked() {
        let mut figures = Figures::new("few".to_owned(), "test");
        let needs = Needs { reason: Reason::TooFew, more_requests: Some(600) };
        figures.put("request_latency", Stat::P99, Some(100.0), Some(Err(needs)));
        let sides = [Side::of(figures.clone()), Side::of(figures)];
        let rows = rows(&sides, ASSUMED, is_on_screen);
        let text = console::sections(&sections(&sides, &rows, ASSUMED), 140, Colour::Plain);
        assert!(text.contains("100.00*") && text.contains("\n* is of too few requests"), "{text}");
        assert!(text.contains("can't tell in 1: too few requests: needs 600 more"), "{text}");
    }

    #[test]
    fn equal_sides_are_no_or_cannot_be_distinguished() {
        let answer = |variation: f64| {
            let sides = [run("a", 100.0, 1.0), run("b", 100.2, 1.0)];
            let assumed = Assumed { variation, ..ASSUMED };
            let rows = rows(&sides, assumed, is_on_screen);
            json(&sides, &rows, assumed)["metrics"]["request_latency.p99"]["runs"][1]["beyond_noise"].clone()
        };
        assert_eq!(answer(0.0), "no", "3 % would have been seen");
        assert_eq!(answer(0.05), "can't tell", "runs may differ by as much");
    }
}
