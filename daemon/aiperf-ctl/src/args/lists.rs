//! Lists of values on the command line, such as `--concurrency 8,16,32`: each is an axis of a sweep.

use super::parse::{NOT_STORED, canonical, profile_command};
use experiment::{Sweep, Variation};
use serde_json::{Map, Value};
use std::ffi::OsString;

/// What a command line sweeps: the line of each variation.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// The variations with their command lines; empty without a sweep.
    pub(super) variations: Vec<(Vec<OsString>, Variation)>,
    /// What they are of, for AIPerf's files.
    pub(super) sweep: Option<Sweep>,
    /// The flags with several values.
    pub(super) axes: Vec<Axis>,
}

/// A flag with several values.
#[derive(Debug)]
pub(super) struct Axis {
    /// Its name, as the user wrote it.
    pub(super) flag: String,
    pub(super) path: &'static str,
    pub(super) values: Vec<String>,
}

/// The sweep of a command line, whose first words are the program and `profile`.
///
/// # Errors
/// When lists and variants contradict each other, with the flag.
pub(super) fn of(words: &[OsString]) -> Result<Lists, String> {
    if words.get(1).is_none_or(|command| command != "profile") {
        return Ok(Lists::default());
    }
    let axes = axes(words);
    let variants = values_of(words, "variant");
    match (axes.first(), variants.as_slice()) {
        (Some(axis), [_, ..]) => {
            Err(format!("--variant contradicts the list of {}: give one of them", axis.flag))
        }
        (None, []) => Ok(Lists::default()),
        (None, [only]) => Err(format!("--variant `{only}`: a sweep needs at least two variants")),
        (None, variants) => of_variants(words, variants),
        (Some(_), []) => of_axes(words, axes),
    }
}

/// A command line in which flags have the values of these paths; a flag that was given keeps the name that it was given by.
///
/// # Errors
/// The first path that no flag sets.
pub(super) fn with(words: &[OsString], values: &Map<String, Value>) -> Result<Vec<OsString>, String> {
    let mut line = words.to_vec();
    for (path, value) in values {
        let flag = flag_of(path).ok_or_else(|| path.clone())?;
        let written = words.iter().skip(2).filter_map(|word| word.to_str()?.split('=').next());
        let written = written.filter(|name| name.starts_with("--")).find(|name| canonical(name) == flag);
        let written = written.map_or_else(|| format!("--{flag}"), str::to_owned);
        line = without(&line, flag);
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line.push(OsString::from(format!("{written}={value}")));
    }
    Ok(line)
}

/// The flag that sets the value of a path; `phases.profiling.concurrency` may be shortened to `concurrency`.
pub(super) fn flag_of(path: &str) -> Option<&'static str> {
    let resolved = experiment::path::resolved(path).ok()?;
    PATHS.iter().find(|(_, known)| *known == resolved).map(|(flag, _)| *flag)
}

/// The flags that have a list of values.
fn axes(words: &[OsString]) -> Vec<Axis> {
    let mut axes = Vec::<Axis>::new();
    for (place, word) in words.iter().enumerate().skip(2) {
        let Some(text) = word.to_str().filter(|text| text.starts_with("--")) else { continue };
        let (name, inside) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let Some((_, path)) = PATHS.iter().find(|(flag, _)| *flag == canonical(name)) else { continue };
        let next = words.get(place + 1).and_then(|word| word.to_str());
        let Some(value) = inside.or(next).filter(|value| value.contains(',')) else { continue };
        let values = value.split(',').map(str::trim).filter(|value| !value.is_empty());
        let values = values.map(str::to_owned).collect::<Vec<_>>();
        if values.len() >= 2 {
            axes.push(Axis { flag: name.to_owned(), path, values });
        }
    }
    axes
}

/// The values of a flag, which may be given several times.
fn values_of(words: &[OsString], flag: &str) -> Vec<String> {
    let texts = words.iter().map(|word| word.to_str().unwrap_or_default()).collect::<Vec<_>>();
    let value = |(place, text): (usize, &&str)| {
        let (name, inside) = text.split_once('=').map_or((*text, None), |(name, value)| (name, Some(value)));
        let is_it = name.starts_with("--") && canonical(name) == flag;
        is_it.then(|| inside.or_else(|| texts.get(place + 1).copied()).unwrap_or_default().to_owned())
    };
    texts.iter().enumerate().filter_map(value).collect()
}

fn of_axes(words: &[OsString], axes: Vec<Axis>) -> Result<Lists, String> {
    let parameters = axes.iter().map(|axis| (axis.path.to_owned(), axis.values()));
    let types = values_of(words, "sweep-type");
    let is_zip = types.last().is_some_and(|kind| kind.eq_ignore_ascii_case("zip"));
    let flags = || axes.iter().map(|axis| axis.flag.as_str()).collect::<Vec<_>>().join(", ");
    let named = |error: experiment::Refused| format!("{}: {}", flags(), error.why());
    let sweep = Sweep::of_axes(parameters.collect(), is_zip).map_err(named)?;
    let made = sweep.variations(&Map::new()).map_err(named)?;
    let line = |(_, variation): (_, Variation)| Ok((with(words, &variation.values)?, variation));
    let variations = made.into_iter().map(line).collect::<Result<_, String>>()?;
    Ok(Lists { variations, sweep: Some(sweep), axes })
}

impl Axis {
    /// Its values, as numbers where they are.
    pub(super) fn values(&self) -> Value {
        let number = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.clone()));
        self.values.iter().map(number).collect()
    }
}

fn of_variants(words: &[OsString], variants: &[String]) -> Result<Lists, String> {
    let mut runs = Vec::new();
    let mut lines = Vec::new();
    for (place, variant) in variants.iter().enumerate() {
        let refuse = |why: &str| format!("--variant `{variant}`: {why}");
        let (name, pairs) = match variant.split_once(':') {
            Some((name, pairs)) if !name.contains('=') => (name.trim().to_owned(), pairs),
            _ => (format!("variant_{place}"), variant.as_str()),
        };
        let mut line = words.to_vec();
        let mut values = Map::new();
        for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (flag, value) =
                pair.split_once('=').ok_or_else(|| refuse("expected flag=value, flag=value"))?;
            let (flag, value) = (flag.trim().replace('_', "-"), value.trim());
            let first = canonical(&flag);
            let is_known =
                profile_command().get_arguments().any(|known| known.get_long() == Some(first.as_str()));
            if !is_known {
                return Err(refuse(&format!("`{flag}` is no flag of profile")));
            }
            if NOT_STORED.contains(&first.as_str()) {
                return Err(refuse(&format!("--{first} is the same for all runs of a sweep")));
            }
            line = without(&line, &first);
            line.push(OsString::from(format!("--{first}={value}")));
            let number = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            values.insert(flag.replace('-', "_"), number);
        }
        if values.is_empty() {
            return Err(refuse("expected flag=value, flag=value"));
        }
        runs.push(serde_json::json!({"name": name, "benchmark": values}));
        lines.push(line);
    }
    let block = serde_json::json!({"type": "scenarios", "runs": runs});
    let sweep = Sweep::parse(block).map_err(|error| format!("--variant: {}", error.why()))?;
    let made = sweep.variations(&Map::new()).map_err(|error| format!("--variant: {}", error.why()))?;
    let variations = lines.into_iter().zip(made).map(|(line, (_, variation))| (line, variation)).collect();
    Ok(Lists { variations, sweep: Some(sweep), axes: Vec::new() })
}

/// A command line without a flag, by any of its names.
fn without(words: &[OsString], flag: &str) -> Vec<OsString> {
    let known = profile_command().get_arguments().find(|known| known.get_long() == Some(flag));
    let short = known.and_then(clap::Arg::get_short).map(|short| format!("-{short}"));
    let is_list = known.and_then(clap::Arg::get_num_args).is_some_and(|count| count.max_values() > 1);
    let is_flag = |word: &OsString| word.to_str().is_some_and(|text| text.starts_with('-') && text.len() > 1);
    let mut kept = Vec::new();
    let mut place = 0;
    while let Some(word) = words.get(place) {
        let text = word.to_str().unwrap_or_default();
        let (name, inside) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let is_long = name.starts_with("--") && canonical(name) == flag;
        let is_short = short.as_ref().is_some_and(|short| text.starts_with(short) && !text.starts_with("--"));
        place += 1;
        if place <= 2 || !(is_long || is_short) {
            kept.push(word.clone());
            continue;
        }
        let is_joined = inside.is_some() || (is_short && text.len() > 2);
        if !is_joined && words.get(place).is_some_and(|next| !is_flag(next)) {
            place += 1;
            while is_list && words.get(place).is_some_and(|next| !is_flag(next)) {
                place += 1;
            }
        }
    }
    kept
}

/// The flags that may have a list, each with the path of the value in a configuration; the first path of a flag names its axis.
const PATHS: &[(&str, &str)] = &[
    ("benchmark-duration", "phases.profiling.duration"),
    ("concurrency", "phases.profiling.concurrency"),
    ("conversation-num", "phases.profiling.sessions"),
    ("conversation-turn-mean", "datasets.main.turns.mean"),
    ("num-users", "phases.profiling.users"),
    ("prefill-concurrency", "phases.profiling.prefill_concurrency"),
    ("prompt-input-tokens-mean", "datasets.main.prompts.isl.mean"),
    ("prompt-input-tokens-stddev", "datasets.main.prompts.isl.stddev"),
    ("prompt-output-tokens-mean", "datasets.main.prompts.osl.mean"),
    ("prompt-output-tokens-stddev", "datasets.main.prompts.osl.stddev"),
    ("request-count", "phases.profiling.requests"),
    ("request-rate", "phases.profiling.rate"),
    ("prompt-input-tokens-mean", "datasets.main.prompts.isl"),
    ("prompt-output-tokens-mean", "datasets.main.prompts.osl"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(line: &str) -> Result<Vec<(String, String)>, String> {
        let words = line.split(' ').map(|word| OsString::from(word.replace('~', " "))).collect::<Vec<_>>();
        let made = of(&words)?.variations.into_iter().map(|(line, variation)| {
            let line = line.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
            (variation.directory(), line)
        });
        Ok(made.collect())
    }

    #[track_caller]
    fn check(line: &str, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, line)| ((*name).to_owned(), (*line).to_owned())).collect();
        assert_eq!(swept(line), Ok(expected), "{line}");
    }

    #[test]
    fn each_variation_has_a_line() {
        check("aiperf-ctl profile --concurrency 8", &[]);
        check("aiperf-ctl profile --header a:1,2", &[]);
        check(
            "aiperf-ctl profile -m m --concurrency 4,8 --isl=32",
            &[
                ("concurrency_4", "aiperf-ctl profile -m m --isl=32 --concurrency=4"),
                ("concurrency_8", "aiperf-ctl profile -m m --isl=32 --concurrency=8"),
            ],
        );
        check(
            "aiperf-ctl profile --sweep-type zip --request-rate=1,2.5 --isl 32,96",
            &[
                ("mean_32__rate_1", "aiperf-ctl profile --sweep-type zip --isl=32 --request-rate=1"),
                ("mean_96__rate_2.5", "aiperf-ctl profile --sweep-type zip --isl=96 --request-rate=2.5"),
            ],
        );
        let variants = "--variant small:~isl=32,~concurrency=4 --variant big:isl=128,concurrency=16";
        let made = swept(&format!("aiperf-ctl profile --isl 9 {variants}")).unwrap();
        assert_eq!(made.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["small", "big"]);
        assert!(made[0].1.ends_with("--prompt-input-tokens-mean=32 --concurrency=4"), "{}", made[0].1);
        assert!(!made[0].1.contains("--isl 9"), "the variant's value counts: {}", made[0].1);
        let made = swept("aiperf-ctl profile -u a b -mx --variant a:url=c --variant b:model=y").unwrap();
        assert_eq!(
            made[0].1.replace("--variant a:url=c --variant b:model=y ", ""),
            "aiperf-ctl profile -mx --url=c"
        );
        assert!(!made[1].1.contains("-mx"), "{}", made[1].1);
    }

    #[test]
    fn contradictions_are_named() {
        for (line, expected) in [
            ("aiperf-ctl profile --variant a:isl=1", "at least two"),
            ("aiperf-ctl profile --variant a:isl=1 --variant b:nosuch=1", "`nosuch` is no flag"),
            ("aiperf-ctl profile --variant a:isl=1 --variant b:artifact-dir=x", "is the same for all runs"),
            ("aiperf-ctl profile --variant a:isl=1 --variant b:api-key=x", "is the same for all runs"),
            ("aiperf-ctl profile --variant a:isl=1 --variant a:isl=2", "`a` is there already"),
            (
                "aiperf-ctl profile --variant a:isl=1 --variant b:isl=2 --isl 1,2",
                "contradicts the list of --isl",
            ),
            ("aiperf-ctl profile --sweep-type zip --isl 1,2 --osl 1,2,3", "different lengths"),
        ] {
            let why = swept(line).unwrap_err();
            assert!(why.contains(expected), "{line}: {why}");
        }
    }
}
