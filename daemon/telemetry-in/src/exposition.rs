//! Parses Prometheus' text format and `OpenMetrics`, as servers really write them: invalid lines are counted.

use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// A parsed response of a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// The values, in its order.
    pub readings: Vec<Reading>,
    /// Invalid lines.
    pub bad_lines: u64,
    /// Values that are not finite, including those of the same histogram.
    pub not_finite: u64,
    /// Values beyond the maximum.
    pub too_many: u64,
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The metric family, a counter's without `_total`.
    pub name: String,
    /// `gauge`, `counter`, `histogram` or `unknown`.
    pub kind: &'static str,
    /// The server's description.
    pub description: String,
    /// The labels as a JSON object, sorted by name; without a bucket's `le`.
    pub labels: String,
    /// Which value of a histogram: `sum`, `count`, or the upper bound of a bucket.
    pub part: Option<String>,
    /// The value, which is finite.
    pub value: f64,
}

/// Parses a response body. Summaries, creation times and up-times are skipped, as in AIPerf.
#[must_use]
pub fn parse(text: &str) -> Exposition {
    let mut declared = Declared::default();
    let mut found = Exposition::default();
    let mut tainted = FxHashSet::default();
    for line in text.lines() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            declared.comment(comment);
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let Some((name, mut labels, value)) = sample(line) else {
            found.bad_lines += 1;
            continue;
        };
        let Some(family) = declared.family(name) else { continue };
        if family.part == Part::Bucket && !labels.contains_key("le") {
            found.bad_lines += 1;
            continue;
        }
        let part = match family.part {
            Part::Scalar => None,
            Part::Sum => Some("sum".to_owned()),
            Part::Count => Some("count".to_owned()),
            Part::Bucket => labels.remove("le"),
        };
        let labels = serde_json::to_string(&labels).unwrap_or_default();
        if !value.is_finite() {
            found.not_finite += 1;
            if part.is_some() {
                tainted.insert((family.name.to_owned(), labels));
            }
        } else if found.readings.len() >= READINGS_MAX {
            found.too_many += 1;
        } else {
            let description = declared.help.get(family.declared).cloned().unwrap_or_default();
            let (name, kind) = (family.name.to_owned(), family.kind);
            found.readings.push(Reading { name, kind, description, labels, part, value });
        }
    }
    found.leave_out(&tainted);
    found
}

impl Exposition {
    /// A histogram with a missing value is left out.
    fn leave_out(&mut self, tainted: &FxHashSet<(String, String)>) {
        if tainted.is_empty() {
            return;
        }
        let before = self.readings.len();
        self.readings.retain(|reading| {
            reading.part.is_none() || !tainted.contains(&(reading.name.clone(), reading.labels.clone()))
        });
        self.not_finite += (before - self.readings.len()) as u64;
    }
}

/// The declarations of the families, in comments.
#[derive(Default)]
struct Declared<'t> {
    types: FxHashMap<&'t str, &'t str>,
    help: FxHashMap<&'t str, String>,
}

/// The meaning of a sample's name.
struct Family<'t> {
    /// The family's name in exports.
    name: &'t str,
    /// The name in its declaration.
    declared: &'t str,
    kind: &'static str,
    part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Scalar,
    Sum,
    Count,
    Bucket,
}

impl<'t> Declared<'t> {
    fn comment(&mut self, comment: &'t str) {
        let mut words = comment.trim_start().splitn(3, [' ', '\t']);
        let (Some(word), Some(name)) = (words.next(), words.next()) else { return };
        let rest = words.next().unwrap_or_default().trim();
        if self.types.len() >= READINGS_MAX || self.help.len() >= READINGS_MAX {
            return;
        }
        match word {
            "TYPE" => drop(self.types.insert(name, rest)),
            "HELP" => drop(self.help.insert(name, unescaped(rest))),
            _ => {}
        }
    }

    /// `None` for what is skipped.
    fn family(&self, name: &'t str) -> Option<Family<'t>> {
        if name.ends_with("_created") || name.ends_with("_uptime") || name.contains("_uptime_") {
            return None;
        }
        let scalar = |kind, name, declared| Some(Family { name, declared, kind, part: Part::Scalar });
        match self.types.get(name).copied() {
            Some("counter") => return scalar("counter", name.strip_suffix("_total").unwrap_or(name), name),
            Some("gauge") => return scalar("gauge", name, name),
            Some("summary" | "stateset" | "gaugehistogram") => return None,
            Some(_) => return scalar("unknown", name, name),
            None => {}
        }
        for (suffix, part) in SUFFIXES {
            let Some(base) = name.strip_suffix(suffix) else { continue };
            match (self.types.get(base).copied(), part) {
                (Some("histogram"), Some(part)) => {
                    return Some(Family { name: base, declared: base, kind: "histogram", part: *part });
                }
                (Some("counter"), None) => return scalar("counter", base, base),
                (Some("info"), None) => return scalar("gauge", name, base),
                (Some("summary" | "gaugehistogram"), _) => return None,
                _ => {}
            }
        }
        scalar("unknown", name, name)
    }
}

/// A sample's name, labels and value.
fn sample(line: &str) -> Option<(&str, BTreeMap<String, String>, f64)> {
    let end = line.find(|one: char| one == '{' || one.is_ascii_whitespace())?;
    let (name, rest) = line.split_at(end);
    if !is_name(name) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse::<f64>().ok()?;
    Some((name, labels, value))
}

fn is_name(name: &str) -> bool {
    let is_first = |one: u8| one.is_ascii_alphabetic() || one == b'_' || one == b':';
    let mut bytes = name.bytes();
    name.len() <= NAME_MAX
        && bytes.next().is_some_and(is_first)
        && bytes.all(|one| is_first(one) || one.is_ascii_digit())
}

/// The labels up to the closing brace, and the text after it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (name, quoted) = (name.trim(), after.trim_start().strip_prefix('"')?);
        if !is_name(name) || labels.len() >= LABELS_MAX {
            return None;
        }
        let end = closing_quote(quoted)?;
        labels.insert(name.to_owned(), unescaped(quoted.get(..end)?));
        rest = quoted.get(end + 1..)?;
    }
}

fn closing_quote(quoted: &str) -> Option<usize> {
    let mut is_escaped = false;
    quoted.bytes().position(|one| {
        let closes = one == b'"' && !is_escaped;
        is_escaped = one == b'\\' && !is_escaped;
        closes
    })
}

fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(one) = chars.next() {
        match (one, if one == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some(escaped @ ('\\' | '"'))) => out.push(escaped),
            ('\\', Some(other)) => out.extend(['\\', other]),
            (one, _) => out.push(one),
        }
    }
    out
}

/// Suffixes of a declared name; a scalar has none.
const SUFFIXES: &[(&str, Option<Part>)] = &[
    ("_bucket", Some(Part::Bucket)),
    ("_sum", Some(Part::Sum)),
    ("_count", Some(Part::Count)),
    ("_total", None),
    ("_info", None),
];
/// Maximum number of values per response.
const READINGS_MAX: usize = 200_000;
const NAME_MAX: usize = 256;
const LABELS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Each reading as `name kind labels part value`.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) -> Exposition {
        let found = parse(text);
        let described = found.readings.iter().map(|reading| {
            let Reading { name, kind, labels, part, value, .. } = reading;
            format!("{name} {kind} {labels} {} {value}", part.as_deref().unwrap_or("-"))
        });
        assert_eq!(described.collect::<Vec<_>>(), expected, "{text}");
        found
    }

    #[test]
    fn every_type_is_read() {
        let text = "# HELP a_total What it\\nis.\n# TYPE a_total counter\na_total{m=\"x\",b=\"y\\\"\"} 3 1700000000000\n\
                    # TYPE g gauge\ng 1.5e1\nu 2\n";
        let found =
            check(text, &[r#"a counter {"b":"y\"","m":"x"} - 3"#, "g gauge {} - 15", "u unknown {} - 2"]);
        assert_eq!(found.readings[0].description, "What it\nis.", "unescaped");
        check(
            "# TYPE h histogram\nh_bucket{le=\"0.5\",m=\"x\"} 1\nh_bucket{le=\"+Inf\",m=\"x\"} 2\nh_sum{m=\"x\"} 3\n\
             h_count{m=\"x\"} 2\nh_created{m=\"x\"} 9\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\n",
            &[
                r#"h histogram {"m":"x"} 0.5 1"#,
                r#"h histogram {"m":"x"} +Inf 2"#,
                r#"h histogram {"m":"x"} sum 3"#,
                r#"h histogram {"m":"x"} count 2"#,
            ],
        );
    }

    #[test]
    fn openmetrics_is_read() {
        check(
            "# TYPE a counter\na_total 3 # {trace_id=\"x\"} 0.5\na_created 1.0\n# TYPE b info\nb_info{v=\"1\"} 1\n# EOF\n",
            &["a counter {} - 3", r#"b_info gauge {"v":"1"} - 1"#],
        );
    }

    #[test]
    fn invalid_lines_do_not_affect_others() {
        let found = check("{}\nx{\n\u{0} 1\na{b=\"c} 1\na b\n[1,2]\nok 1\n", &["ok unknown {} - 1"]);
        assert_eq!(found.bad_lines, 6, "each is counted");
        let text = "# TYPE h histogram\nh_bucket{le=\"1\"} NaN\nh_sum 1\nh_count 1\ng NaN\ng2 +Inf\nok 1\n";
        let found = check(text, &["ok unknown {} - 1"]);
        assert_eq!(found.not_finite, 5, "a histogram with a missing value is left out");
    }
}
