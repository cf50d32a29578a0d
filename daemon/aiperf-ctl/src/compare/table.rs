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
    for (place, letter) in LETTERS.chars().take(sides.len()).enumerate() {
        columns.push(column(letter, Align::Right));
        if place > 0 {
            columns.push(column(format!("{letter}-A"), Align::Right));
            columns.push(column("real?", Align::Left));
            columns.push(column("sees", Align::Right));
        }
    }
    let rows_shown = rows.iter().map(|row| cells(sides, row)).collect();
    let table = Table { title: "aiperfd | Comparison".to_owned(), columns, rows: rows_shown };
    let mut sections = vec![Section::Table(of_sides(sides)), Section::Table(table)];
    sections.extend(
        notes(sides, rows, assumed).map(|text| Section::Note(Note { topic: Topic::Comparison, text })),
    );
    sections
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

fn column(name: impl ToString, side: Align) -> Column {
    Column { name: name.to_string(), side }
}

fn cells(sides: &[Side], Row { metric, stat, judgements }: &Row) -> Vec<Cell> {
    let mut cells = vec![Cell::Text(format!("{}.{stat} ({})", metric.tag, metric.display.name()))];
    let base = sides.first().and_then(|side| side.figure(metric.tag, stat)).map(|figure| figure.value);
    for (place, side) in sides.iter().enumerate() {
        let figure = side.figure(metric.tag, stat);
        let value = figure.map(|figure| figure.value);
        cells.push(figure.map_or(Cell::Absent, number));
        let Some(before) = place.checked_sub(1) else { continue };
        let judgement = judgements.get(before).and_then(Option::as_ref);
        cells.push(difference(metric.tag, base, value));
        cells.push(Cell::Text(judgement.map_or("-", |judgement| judgement.answer.name()).to_owned()));
        cells.push(
            judgement.and_then(|judgement| visible(metric.tag, base, judgement)).unwrap_or(Cell::Absent),
        );
    }
    cells
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
fn share(tag: &str, base: f64, shift: f64) -> Option<f64> {
    let share = shift / base.abs();
    (tag != FAILURES && share.is_finite()).then_some(share)
}

/// What the answers mean, and why some are missing.
fn notes(sides: &[Side], rows: &[Row], assumed: Assumed) -> impl Iterator<Item = String> {
    let percent = |share: f64| format!("{} %", share * 100.0);
    let mut notes = vec![format!(
        "real? is yes with a probability of error of 5 % for the whole table (Holm), no where the difference is surely less than \
         {0} or a shift of {0} (failures: one point) would have been seen in four of five comparisons, and else can't tell. sees \
         is the shift that would have been seen.",
        percent(assumed.relevant)
    )];
    if sides.iter().all(|side| side.runs.len() < 2) && sides.len() > 1 && assumed.variation > 0.0 {
        notes.push(format!(
            "One run a side can't show by how much runs of one load differ: a deviation of {} is allowed for \
             (--run-variation). Several runs a side (--num-profile-runs) see smaller shifts.",
            percent(assumed.variation)
        ));
    }
    let figures =
        rows.iter().flat_map(|row| sides.iter().filter_map(|side| side.figure(row.metric.tag, row.stat)));
    if figures.into_iter().any(|figure| is_too_few(&figure)) {
        notes.push("* is of too few requests, or of too few that are independent.".to_owned());
    }
    let mut reasons = Vec::<(Needs, usize)>::new();
    for needs in rows.iter().flat_map(|row| &row.judgements).flatten().filter_map(|judgement| judgement.needs)
    {
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
    let mut metrics = Map::new();
    for row in rows {
        let values = (0..sides.len()).map(|place| of_side(sides, row, place)).collect::<Vec<_>>();
        let name = format!("{}.{}", row.metric.tag, row.stat);
        metrics.insert(name, json!({"unit": row.metric.display.name(), "runs": values}));
    }
    let side = |side: &Side| {
        let mut object = json!({"path": side.label, "made_by": side.tool(), "runs": side.runs.len()});
        let verdicts = side.verdicts();
        if !verdicts.is_empty() {
            object["verdict"] = verdicts.join(", ").into();
        }
        object
    };
    json!({
        "runs": sides.iter().map(side).collect::<Vec<_>>(),
        "relevant_shift": assumed.relevant,
        "run_variation": assumed.variation,
        "metrics": metrics,
    })
}

/// A row's number of one side, how sure it is, and its difference to the first side.
fn of_side(sides: &[Side], row: &Row, place: usize) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    let figure = |place: usize| sides.get(place)?.figure(row.metric.tag, row.stat);
    let Some(own) = figure(place) else { return Value::Object(object) };
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
    let Some((base, before)) = figure(0).zip(place.checked_sub(1)) else { return Value::Object(object) };
    let finite = |number: f64| Finite::new(number).map(Finite::get);
    if let Some(share) = finite((own.value - base.value) / base.value.abs()) {
        put("difference", share.into());
    }
    put("difference_absolute", (own.value - base.value).into());
    let Some(Some(judgement)) = row.judgements.get(before) else { return Value::Object(object) };
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
    Value::Object(object)
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
