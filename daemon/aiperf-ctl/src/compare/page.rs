//! The comparison as a page: verdicts, the table, the distributions of every run, and how far they are apart everywhere.

use super::rows::{Assumed, Row};
use super::samples::{Samples, TAGS};
use super::side::Side;
use super::table;
use crate::plan::Refusal;
use anyhow::Result;
use export::view::{Note, Section, Topic};
use export::{HtmlPaper, HtmlPart, HtmlVerdict};
use metric::{Metric, find, float_of};
use picture::{Axis, Figure, Mark, Point, Range, ScaleKind, Shape, Subject};
use record::Standing;
use serde_json::Value;
use statistics::{Distribution, Shift, shifts};
use std::path::PathBuf;

/// Checks how many sides a page can have.
///
/// # Errors
/// When there are more.
pub(super) fn check(sides: usize) -> Result<(), Refusal> {
    if sides <= SIDES_MAX {
        return Ok(());
    }
    Err(Refusal(format!(
        "a page compares up to {SIDES_MAX} runs, and these are {sides}: give fewer, or use --format table or json"
    )))
}

/// The page of some runs.
///
/// # Errors
/// When a run cannot be read.
pub(super) fn of_runs(
    paths: &[PathBuf],
    tokenizer: Option<&str>,
    sides: &[Side],
    rows: &[Row],
    assumed: Assumed,
) -> Result<String> {
    let samples = paths.iter().map(|path| Samples::read(path, tokenizer)).collect::<Result<Vec<_>>>()?;
    let all = sides.iter().zip(&samples).zip(table::letters(sides.len()));
    let all = all.enumerate().map(|(place, ((side, samples), letter))| One::of(place, letter, side, samples));
    let all = all.collect::<Vec<_>>();
    let verdicts = all.iter().flat_map(One::verdicts).collect::<Vec<_>>();
    let figures = TAGS.into_iter().flat_map(|tags| figures(&all, tags)).collect::<Vec<_>>();
    let sections = table::sections(sides, rows, assumed);
    let json = table::json(sides, rows, assumed);
    Ok(page(&verdicts, &sections, &figures, &missing(&all), &names(sides), &json))
}

/// The page of some sweeps, of which the table says everything.
pub(super) fn of_sweeps(paths: &[PathBuf], sections: &[Section], json: &Value) -> String {
    let text = "Distributions are drawn of runs, not of sweeps: compare a run of each for them.".to_owned();
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" · ");
    page(&[], sections, &[], &[Section::Note(Note { topic: Topic::LeftOut, text })], &names, json)
}

fn page(
    verdicts: &[HtmlVerdict],
    sections: &[Section],
    figures: &[Figure],
    missing: &[Section],
    names: &str,
    json: &Value,
) -> String {
    HtmlPaper {
        title: "Comparison",
        subtitle: names,
        parts: &[
            HtmlPart::Verdicts(verdicts),
            HtmlPart::Sections(sections),
            HtmlPart::Pictures(figures),
            HtmlPart::Sections(missing),
        ],
        data: json.to_string().as_bytes(),
    }
    .html()
}

fn names(sides: &[Side]) -> String {
    let named =
        table::letters(sides.len()).zip(sides).map(|(letter, side)| format!("{letter}: {}", side.label));
    named.collect::<Vec<_>>().join(" · ")
}

/// A side with its requests.
struct One<'a> {
    /// Its color.
    place: usize,
    letter: char,
    side: &'a Side,
    samples: &'a Samples,
    /// The names of the reasons for which it is invalid.
    invalid: Option<String>,
}

impl<'a> One<'a> {
    fn of(place: usize, letter: char, side: &'a Side, samples: &'a Samples) -> Self {
        let of_runs = samples.verdicts.iter().map(|(_, verdict)| verdict);
        let invalid = of_runs.filter(|verdict| verdict.standing == Standing::Invalid);
        let reasons = invalid.flat_map(|verdict| &verdict.reasons);
        let reasons = reasons.filter(|reason| reason.standing == Standing::Invalid);
        let mut names = reasons.map(|reason| reason.name.as_str()).collect::<Vec<_>>();
        names.dedup();
        let is_invalid = samples.verdicts.iter().any(|(_, verdict)| verdict.standing == Standing::Invalid);
        Self { place, letter, side, samples, invalid: is_invalid.then(|| names.join(", ")) }
    }

    fn verdicts(&self) -> Vec<HtmlVerdict> {
        if self.samples.verdicts.is_empty() {
            let name = format!("{}: {}", self.letter, self.side.label);
            let about = "No verdict: another tool's client made it, and nothing checked its clock readings."
                .to_owned();
            return vec![HtmlVerdict { name, about, verdict: None }];
        }
        let each = self.samples.verdicts.iter().map(|(run, verdict)| HtmlVerdict {
            name: format!("{}: {}", self.letter, run.display()),
            about: String::new(),
            verdict: Some(verdict.clone()),
        });
        each.collect()
    }

    /// Its name in a figure.
    fn name(&self, clock: &str) -> String {
        let invalid = if self.invalid.is_some() { " (invalid)" } else { "" };
        format!("{}{clock}{invalid}", self.letter)
    }
}

/// Whose distributions are not drawn.
fn missing(all: &[One<'_>]) -> Vec<Section> {
    let without = all.iter().filter(|one| one.samples.is_empty());
    let text = |one: &One<'_>| {
        format!(
            "{} has no distribution: `{}` has only what {} summed up, not each request.",
            one.letter,
            one.side.label,
            one.side.tool()
        )
    };
    without.map(|one| Section::Note(Note { topic: Topic::LeftOut, text: text(one) })).collect()
}

/// The figures of a metric: all distributions, and each one's distance from the first; none if fewer than two sides have it.
fn figures(all: &[One<'_>], [client, kernel]: [&str; 2]) -> Vec<Figure> {
    let Some(metric) = find(client) else { return Vec::new() };
    let having = all.iter().filter(|one| one.samples.get(client).is_some()).collect::<Vec<_>>();
    // What has another definition is drawn where a side has no other.
    let usual = if client == "time_to_first_chunk" { "time_to_first_token" } else { "request_latency" };
    let is_needed = client == usual
        || client == "time_to_first_token"
        || all.iter().any(|one| !one.samples.is_empty() && one.samples.get(usual).is_none());
    if having.len() < 2 || !is_needed {
        return Vec::new();
    }
    let mut figures = vec![distributions(&having, metric, kernel)];
    if let Some((base, others)) = having.split_first() {
        for one in others {
            let both = [base, one].iter().all(|one| one.samples.get(kernel).is_some());
            let (tag, clock) = match both {
                true => (kernel, "by the kernel's stamps"),
                false => (client, "by the client's clock"),
            };
            let of = |one: &One<'_>| Distribution::of(one.samples.get(tag).unwrap_or_default());
            figures.push(distance((base, &of(base)), (one, &of(one)), metric, clock, others.len()));
        }
    }
    figures
}

/// The share of requests within each latency, of each side by both clocks.
fn distributions(having: &[&One<'_>], metric: &Metric, kernel: &str) -> Figure {
    let mut marks = Vec::new();
    for one in having {
        let both = one.samples.get(kernel).is_some();
        let mut add = |tag: &str, clock: &str| {
            let Some(values) = one.samples.get(tag) else { return };
            let name = one.name(if both { clock } else { "" });
            let shape = Shape::Step { points: curve(&Distribution::of(values)) };
            let mark = Mark::new(name, Subject::Series(one.place), shape);
            marks.push(if tag == kernel { mark } else { mark.dashed() });
        };
        add(metric.tag, ", client");
        add(kernel, ", kernel");
    }
    let thinned = having.iter().filter(|one| one.samples.every(metric.tag) > 1);
    let notes = thinned
        .map(|one| format!("Of {} one in {} requests is drawn.", one.letter, one.samples.every(metric.tag)));
    let notes = notes.collect();
    let invalid = having.iter().filter(|one| one.invalid.is_some()).count();
    Figure {
        title: format!("{}: share of requests within", metric.header),
        subtitle: "Solid by the kernel's stamps, dashed by the client's clock".to_owned(),
        x: Axis { from_zero: false, ..Axis::new(metric.header, metric.display.name()) },
        y: Axis { scale: ScaleKind::Linear, ..Axis::new("Requests", "%") },
        marks,
        notes,
        refused: (invalid == having.len()).then(|| "every run is invalid".to_owned()),
        ..Figure::default()
    }
}

fn curve(of: &Distribution) -> Vec<Point> {
    let count = of.sorted().len();
    let steps = count.min(CURVE_POINTS);
    let point = |step: usize| {
        let share = float_of(step) / float_of(steps.max(1));
        Some(Point::new(of.quantile(share)?, share * 100.0))
    };
    let least = of.sorted().first().map(|least| Point::new(*least, 0.0));
    least.into_iter().chain((1..=steps).filter_map(point)).collect()
}

/// How far a side is from the first, at each of its latencies.
fn distance(
    (base, first): (&One<'_>, &Distribution),
    (one, other): (&One<'_>, &Distribution),
    metric: &Metric,
    clock: &str,
    bands: usize,
) -> Figure {
    let unit = metric.display.name();
    let mut marks = vec![Mark::new("no difference", Subject::Limit, Shape::Horizontal { y: 0.0 })];
    let subject = Subject::Series(one.place);
    let shares = || (1..SHARES).map(|place| float_of(place) / float_of(SHARES));
    let found = shifts(first, other, ERROR / float_of(bands), shares());
    let mut notes = match &found {
        Ok(found) => {
            marks.extend(band(found, subject));
            of_band(first, other, bands)
        }
        Err(needs) => vec![format!("There is no band: {needs}.")],
    };
    notes.push("By how much one run of a load differs from the next is not in it.".to_owned());
    let point = |share: f64| {
        let at = first.quantile(share)?;
        Some(Point::new(at, other.quantile(share)? - at))
    };
    let line = shares().filter_map(point).collect::<Vec<_>>();
    marks.push(Mark::new(format!("{}-{}", one.letter, base.letter), subject, Shape::Line { points: line }));
    let marked = MARKED
        .iter()
        .filter_map(|(name, share)| Some(Point { label: Some((*name).to_owned()), ..point(*share)? }));
    marks.push(Mark::new("", subject, Shape::Points { points: marked.collect() }));
    let invalid = [base, one]
        .into_iter()
        .filter_map(|one| Some(format!("{} is invalid ({})", one.letter, one.invalid.as_ref()?)));
    let invalid = invalid.collect::<Vec<_>>();
    Figure {
        title: format!(
            "{}: {} less {} at each latency of {}",
            metric.header, one.letter, base.letter, base.letter
        ),
        subtitle: format!("{clock}; above zero {} is slower", one.letter),
        x: Axis { from_zero: false, ..Axis::new(format!("{} of {}", metric.header, base.letter), unit) },
        y: Axis { scale: ScaleKind::Linear, from_zero: false, ..Axis::new("Difference", unit) },
        marks,
        notes,
        refused: (!invalid.is_empty()).then(|| invalid.join(", ")),
        ..Figure::default()
    }
}

/// The band where both of its ends are known.
fn band(found: &[Shift], subject: Subject) -> Option<Mark> {
    let range = |shift: &Shift| Some(Range { x: shift.at, low: shift.low?, high: shift.high? });
    let ranges = found.iter().filter_map(range).collect::<Vec<_>>();
    (!ranges.is_empty()).then(|| Mark::new("95 % band", subject, Shape::Band { ranges }))
}

/// What the band is.
fn of_band(first: &Distribution, other: &Distribution, bands: usize) -> Vec<String> {
    let all = if bands > 1 { format!(", and so do all {bands} of this metric") } else { String::new() };
    let mut notes =
        vec![format!("With 95 % the band holds at every latency at once{all} (Doksum and Sievers).")];
    if let (Ok(first), Ok(other)) = (first.effective(), other.effective()) {
        notes.push(format!(
            "The requests are worth {first:.0} and {other:.0} independent ones; where there is no band they are too few."
        ));
    }
    notes
}

/// More curves could not be distinguished.
const SIDES_MAX: usize = 8;
/// Steps of a distribution.
const CURVE_POINTS: usize = 250;
/// Places of a distance.
const SHARES: usize = 200;
/// The probability of error of all bands of a metric.
const ERROR: f64 = 0.05;
const MARKED: &[(&str, f64)] = &[("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

#[cfg(test)]
mod tests {
    use super::super::figures::Figures;
    use super::*;
    use crate::args::{Command, parse};
    use record::{Reason, Verdict};
    use std::ffi::OsString;
    use std::path::Path;
    use store::source;

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/aiperf-0.13.0").join(name)
    }

    /// What `compare` returns.
    fn compare(words: &[&str], runs: &[PathBuf]) -> Result<u8> {
        let words = ["aiperf-ctl", "compare"].iter().chain(words).map(OsString::from);
        let words = words.chain(runs.iter().map(|run| run.clone().into_os_string())).collect::<Vec<_>>();
        match parse(&words).ok().map(|args| args.command) {
            Some(Command::Compare(args)) => super::super::run(&args),
            _ => anyhow::bail!("not a comparison"),
        }
    }

    /// A side with two clocks, by how much slower than others it is.
    fn samples(slower: f64, invalid: bool) -> Samples {
        let latency = |place: u32| 50.0 + slower + f64::from(place.wrapping_mul(2_654_435_761) >> 24) / 10.0;
        let values = (0..300).map(latency).collect::<Vec<_>>();
        let mut samples = Samples::of_values("request_latency", &values);
        samples.add("kernel_request_latency", &values.iter().map(|value| value - 1.0).collect::<Vec<_>>());
        let (name, text) = ("client_late".to_owned(), "it was late".to_owned());
        let reason = Reason { name, text, standing: Standing::Invalid, figures: Vec::new() };
        let reasons = if invalid { vec![reason] } else { Vec::new() };
        samples.verdicts.push((PathBuf::from("run"), Verdict::from_reasons(reasons)));
        samples
    }

    fn figures_of(all: &[Samples]) -> Vec<Figure> {
        let side = Side::of(Figures::new("run".to_owned(), "records"));
        let letters = table::letters(all.len()).enumerate().zip(all);
        let all = letters.map(|((place, letter), samples)| One::of(place, letter, &side, samples));
        figures(&all.collect::<Vec<_>>(), TAGS[2])
    }

    #[test]
    fn each_run_has_a_solid_and_a_dashed_curve_of_one_color() {
        let found = figures_of(&[samples(0.0, false), samples(20.0, false), samples(0.0, true)]);
        let curves =
            found[0].marks.iter().map(|mark| (mark.name.as_str(), mark.subject, mark.is_line_dashed));
        let series = Subject::Series;
        let expected = [
            ("A, client", series(0), true),
            ("A, kernel", series(0), false),
            ("B, client", series(1), true),
            ("B, kernel", series(1), false),
            ("C, client (invalid)", series(2), true),
            ("C, kernel (invalid)", series(2), false),
        ];
        assert_eq!(curves.collect::<Vec<_>>(), expected, "by clock");
        assert_eq!((found.len(), &found[0].refused), (3, &None), "two distances");
        let refused = found[2].refused.as_deref().unwrap_or_default();
        assert_eq!(refused, "C is invalid (client_late)", "its distance is crossed out");
    }

    #[test]
    fn the_distance_is_that_of_the_quantiles_with_a_band() {
        let found = figures_of(&[samples(0.0, false), samples(20.0, false)]);
        let mark = |name: &str| found[1].marks.iter().find(|mark| mark.name == name).map(|mark| &mark.shape);
        let Some(Shape::Line { points }) = mark("B-A") else { panic!("a line: {:?}", found[1]) };
        assert!(points.len() > 100 && points.iter().all(|point| (point.y - 20.0).abs() < 1e-9), "{points:?}");
        let Some(Shape::Band { ranges }) = mark("95 % band") else { panic!("a band: {:?}", found[1]) };
        assert!(ranges.iter().all(|range| range.low <= 20.0 && range.high >= 20.0), "{ranges:?}");
        assert!(ranges.iter().any(|range| range.low > 0.0), "it is seen that one is slower: {ranges:?}");
        let few = Samples::of_values("request_latency", &[1.0, 2.0, 3.0]);
        let found = figures_of(&[samples(0.0, false), few]);
        assert!(found[1].notes[0].starts_with("There is no band: too few requests"), "{:?}", found[1].notes);
    }

    #[test]
    fn a_page_needs_nothing_else_and_names_what_has_no_distribution() {
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().join("page.html");
        let sums = directory.path().join("<b>sums.json");
        let text = r#"{"completed": 9, "request_throughput": 1.0, "mean_ttft_ms": 3.0, "mean_e2el_ms": 5.0}"#;
        std::fs::write(&sums, text).unwrap();
        let runs = [golden("chat-streaming"), golden("chat-nonstreaming"), sums];
        let words = ["--format", "html", "--output", page.to_str().unwrap()];
        assert_eq!(compare(&words, &runs).unwrap(), 0, "written");
        let read = || source::read_text(&page, 1 << 26).unwrap();
        let first = read();
        for part in [
            "default-src 'none'",
            "Request Latency: share of requests within",
            "Request Latency: B less A at each latency of A",
            "C has no distribution",
            "No verdict",
            "&lt;b&gt;sums.json",
        ] {
            assert!(first.contains(part), "{part}");
        }
        assert!(!first.contains("<script") && !first.contains("<b>sums"), "no script, no foreign markup");
        assert!(!first.replace("http://www.w3.org/2000/svg", "").contains("://"), "no network");
        assert_eq!(compare(&words, &runs).unwrap(), 0, "written again");
        assert_eq!(first, read(), "the same bytes");
    }

    #[test]
    fn more_than_eight_runs_are_refused_before_any_is_read() {
        let runs = (0..9).map(|run| PathBuf::from(format!("none-{run}"))).collect::<Vec<_>>();
        let why = compare(&["--format", "html"], &runs).unwrap_err().to_string();
        assert!(why.contains("up to 8 runs, and these are 9") && why.contains("--format table"), "{why}");
    }
}
