//! Parses a command line, and the `--config` file that it names, to arguments.

use super::recipe::{self, Asked};
use super::{Args, Command, ProfileArgs, Swept, lists, short_help, unsupported, words};
use crate::config::{BYTES_MAX, Config, Document, Setting, Target};
use crate::plan::adaptive;
use crate::plan::fault::FIELDS;
use crate::terminal::named;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use experiment::search::{Limit, Objective, Op};
use experiment::{Sweep, Variation};
use metric::Stat;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Why a command line is invalid.
#[derive(Debug)]
pub(crate) enum Unparsed {
    /// Clap's error, or the help that the user requested.
    Clap(Box<clap::Error>),
    /// A sentence that states what to do instead.
    Refused(String),
}

/// Parses a command line, whose first word is the program's name.
///
/// Flags of a `--config` file are placed before the others; those that the command line also has are left out.
///
/// # Errors
/// What is wrong with the command line, or with the file.
pub(crate) fn parse(words: &[OsString]) -> Result<Args, Unparsed> {
    let lists = lists::of(words).map_err(Unparsed::Refused)?;
    let first = lists.variations.first().map_or(words, |(line, _)| line.as_slice());
    let args = parse_words(first)?;
    let Command::Profile(profile) = &args.command else { return Ok(args) };
    let file = profile.input.config.as_deref().map(ConfigFile::read).transpose()?;
    let of_file = file.as_ref().map(|file| file.document.sweep(variable).map_err(|why| file.refused(why)));
    let of_file = of_file.transpose()?.flatten();
    let is_single = of_file.is_none() && lists.sweep.is_none();
    if let Some(asked) = asked(profile, &lists)? {
        if let (Some(_), Some(file)) = (of_file, &file) {
            return Err(file.refused("it has a sweep, and the command line asks for another one".to_owned()));
        }
        return recipe::needs(profile, &asked)
            .map_err(Unparsed::Refused)
            .and_then(|()| asked_of(words, profile, asked, file));
    }
    let idle = |flags: &[&str], of: &ProfileArgs| match flags.iter().find_map(|flag| of.given.get(*flag)) {
        Some(flag) => Err(Unparsed::Refused(format!(
            "{flag} is of a sweep or a search; --goodput judges the requests of one run"
        ))),
        None => Ok(()),
    };
    if is_single {
        idle(&["search-sla", "stopping-scope"], profile)?;
    }
    match (of_file, lists.sweep) {
        (Some(_), Some(_)) => {
            let why = "it has a sweep, and so has the command line: give one of them";
            Err(file.map_or_else(|| Unparsed::Refused(why.to_owned()), |file| file.refused(why.to_owned())))
        }
        (None, None) => {
            let args = Base { words: words.to_vec(), file, is_of_file: false }.args(words, None)?;
            if let Command::Profile(profile) = &args.command
                && !adaptive::is_of(profile)
            {
                idle(&[adaptive::CLOCK], profile)?;
            }
            Ok(args)
        }
        (Some(sweep), None) => {
            let base = Base { words: with_usual_length(words, profile, &sweep), file, is_of_file: true };
            let Some(file) = &base.file else { return Ok(args) };
            let variations = file.document.variations(&sweep).map_err(|why| file.refused(why))?;
            let documents = variations.iter().map(|(document, _)| document).collect::<Vec<_>>();
            not_overridden(profile, &documents).map_err(|why| file.refused(why))?;
            let one = |document: &Document| base.args(&base.words, Some(document));
            let runs = runs(variations.iter().map(|(document, variation)| (document, variation)), one)?;
            swept(sweep, runs, base.clone(), None, Vec::new())
        }
        (None, Some(sweep)) => {
            let base = Base { words: words.to_vec(), file, is_of_file: false };
            let one = |line: &Vec<OsString>| base.args(line, None);
            let runs = runs(lists.variations.iter().map(|(line, variation)| (line, variation)), one)?;
            swept(sweep, runs, base.clone(), None, Vec::new())
        }
    }
}

/// What the search flags ask for, if anything.
fn asked(profile: &ProfileArgs, lists: &lists::Lists) -> Result<Option<Asked>, Unparsed> {
    let concurrencies =
        lists.axes.iter().find(|axis| axis.path == recipe::CONCURRENCY).map(lists::Axis::values);
    let asked = recipe::of(&profile.search, &profile.given, concurrencies).map_err(Unparsed::Refused)?;
    if let Some(asked) = &asked {
        let takes = |axis: &&lists::Axis| asked.takes_concurrencies && axis.path == recipe::CONCURRENCY;
        if let Some(axis) = lists.axes.iter().find(|axis| !takes(axis)) {
            let why =
                format!("{}: a list contradicts what the search flags ask for: give one value", axis.flag);
            return Err(Unparsed::Refused(why));
        }
        if lists.axes.is_empty() && lists.sweep.is_some() {
            return Err(Unparsed::Refused("--variant contradicts what the search flags ask for".to_owned()));
        }
    }
    Ok(asked)
}

/// The runs of what the search flags ask for.
fn asked_of(
    words: &[OsString],
    profile: &ProfileArgs,
    asked: Asked,
    file: Option<ConfigFile>,
) -> Result<Args, Unparsed> {
    let name = asked
        .recipe
        .as_deref()
        .map_or_else(|| "--search-space".to_owned(), |name| format!("--search-recipe {name}"));
    let refused = |why: String| Unparsed::Refused(format!("{name}: {why}"));
    let sweep = Sweep::parse(asked.block).map_err(|why| refused(why.to_string()))?;
    let varied = sweep.variations(&Map::new()).map_err(|why| refused(why.to_string()))?;
    let variations = varied.into_iter().map(|(_, variation)| variation).collect::<Vec<_>>();
    let mut words = words.to_vec();
    words.extend(asked.words.into_iter().map(OsString::from));
    let words = with_usual_length(&words, profile, &sweep);
    let is_taken = |path: &&String| asked.takes_concurrencies && **path == recipe::CONCURRENCY;
    let warnings = overridden(profile, asked.paths.iter().filter(|path| !is_taken(path)));
    let base = Base { words, file, is_of_file: false };
    let runs =
        runs(variations.iter().map(|variation| (&variation.values, variation)), |values| base.at(values))?;
    swept(sweep, runs, base, asked.recipe, warnings)
}

/// Advice about flags that set what is varied.
fn overridden<'a>(profile: &ProfileArgs, paths: impl Iterator<Item = &'a String>) -> Vec<String> {
    let flags = paths.filter_map(|path| lists::flag_of(path));
    let written = flags.filter_map(|flag| profile.given.get(flag)).filter(|written| written.starts_with('-'));
    written.map(|flag| format!("{flag} has no effect: what the search flags ask for varies it")).collect()
}

/// A command line of a search that says how long a run is: without it a run would be of ten requests.
fn with_usual_length(words: &[OsString], profile: &ProfileArgs, sweep: &Sweep) -> Vec<OsString> {
    let mut words = words.to_vec();
    let is_asked = sweep.search().is_some() || sweep.common.post_process.is_some();
    let has_length = LENGTHS.iter().any(|flag| profile.given.contains_key(*flag));
    if is_asked && !has_length && profile.input.config.is_none() {
        words.push(OsString::from(format!("--benchmark-duration={USUAL_SECONDS}")));
    }
    words
}

/// A configuration file.
#[derive(Clone, Debug)]
struct ConfigFile {
    path: PathBuf,
    document: Document,
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Self, Unparsed> {
        let refused = |why: String| Unparsed::Refused(format!("--config {}: {why}", path.display()));
        let text = store::source::read_text(path, BYTES_MAX)
            .map_err(|error| refused(format!("failed to read it: {error}")))?;
        let document = Document::parse(&text).map_err(refused)?;
        Ok(Self { path: path.to_owned(), document })
    }

    fn refused(&self, why: String) -> Unparsed {
        Unparsed::Refused(format!("--config {}: {why}", self.path.display()))
    }
}

/// A command line without what varies: makes the arguments of any variation.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    words: Vec<OsString>,
    file: Option<ConfigFile>,
    /// Whether what varies is in the file, and not on the command line.
    is_of_file: bool,
}

impl Base {
    /// The arguments with these values by path.
    ///
    /// # Errors
    /// When no flag and no key sets one of them, or a value cannot be.
    pub(crate) fn at(&self, values: &Map<String, Value>) -> Result<Args, Unparsed> {
        let in_file = |values: &Map<String, Value>| {
            let Some(file) = &self.file else { return Ok(None) };
            let document = file.document.with(values).map_err(|why| file.refused(why))?;
            Ok(Some(document))
        };
        if self.is_of_file {
            return self.args(&self.words, in_file(values)?.as_ref());
        }
        let (flags, others): (Map<_, _>, Map<_, _>) =
            values.clone().into_iter().partition(|(path, _)| lists::flag_of(path).is_some());
        let unknown =
            |path: String| Unparsed::Refused(format!("no flag sets `{path}`: set it in a file (--config)"));
        let line = lists::with(&self.words, &flags).map_err(unknown)?;
        match (others.keys().next(), &self.file) {
            (None, _) => self.args(&line, None),
            (Some(_), Some(_)) => self.args(&line, in_file(&others)?.as_ref()),
            (Some(path), None) => Err(unknown(path.clone())),
        }
    }

    /// The arguments of a line, over a document in place of the file's own.
    fn args(&self, line: &[OsString], document: Option<&Document>) -> Result<Args, Unparsed> {
        let args = parse_words(line)?;
        let (Command::Profile(profile), Some(file)) = (&args.command, &self.file) else { return Ok(args) };
        let config = document.unwrap_or(&file.document).read(variable).map_err(|why| file.refused(why))?;
        merged(line, profile, &file.path, config)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The arguments of each variation.
fn runs<'a, V>(
    variations: impl Iterator<Item = (V, &'a Variation)>,
    one: impl Fn(V) -> Result<Args, Unparsed>,
) -> Result<Vec<(Variation, ProfileArgs)>, Unparsed> {
    let mut runs = Vec::new();
    for (of, variation) in variations {
        let args = one(of).map_err(|error| match error {
            Unparsed::Refused(why) => Unparsed::Refused(format!("variation `{}`: {why}", variation.label)),
            clap => clap,
        })?;
        if let Command::Profile(profile) = args.command {
            runs.push((variation.clone(), ProfileArgs { is_of_sweep: true, ..*profile }));
        }
    }
    check_runs(&runs).map_err(Unparsed::Refused)?;
    Ok(runs)
}

/// The arguments of a sweep: those of its first run, with those of every run.
fn swept(
    sweep: Sweep,
    runs: Vec<(Variation, ProfileArgs)>,
    base: Base,
    recipe: Option<String>,
    warnings: Vec<String>,
) -> Result<Args, Unparsed> {
    let Some((_, first)) = runs.first() else {
        return Err(Unparsed::Refused("a sweep without variations".to_owned()));
    };
    let first = first.clone();
    if sweep.search().is_some() && runs.iter().any(|(_, args)| adaptive::is_of(args)) {
        let why = "a search cannot have phases with adaptive_scale, each of which is a search: leave one of them out";
        return Err(Unparsed::Refused(why.to_owned()));
    }
    let sweep = limited(sweep, &first).map_err(Unparsed::Refused)?;
    check_limits(&sweep, &first).map_err(Unparsed::Refused)?;
    let swept = Some(Swept { sweep, runs, recipe, warnings, base });
    Ok(Args { command: Command::Profile(Box::new(ProfileArgs { swept, ..first })) })
}

/// A sweep with the limits of flags too.
fn limited(sweep: Sweep, args: &ProfileArgs) -> Result<Sweep, String> {
    args.search.search_sla.iter().try_fold(sweep, |sweep, text| {
        let refuse = |why: &dyn Display| format!("--search-sla `{text}`: {why}");
        let limit = serde_json::from_value(recipe::limit(text)?).map_err(|error| refuse(&error))?;
        sweep.limited(limit).map_err(|error| refuse(&error))
    })
}

/// Checks that runs can keep the limits, and can have what is looked for.
fn check_limits(sweep: &Sweep, args: &ProfileArgs) -> Result<(), String> {
    let limits = sweep.limits();
    for Limit { metric_tag, stat, op, threshold } in &limits {
        let place = || format!("--search-sla, --search-sla-tier, sla_filters: {metric_tag} {stat}");
        known(metric_tag, stat, args).map_err(|why| format!("{}: {why}", place()))?;
        let is_impossible = match op {
            Op::Lt => *threshold <= 0.0,
            Op::Le => *threshold < 0.0,
            Op::Gt | Op::Ge => false,
        };
        if !threshold.is_finite() || is_impossible {
            return Err(format!("{}: no run is below {threshold}", place()));
        }
    }
    for Objective { metric, stat, .. } in sweep.search().map_or(&[][..], |search| &search.objectives) {
        known(metric, stat, args)
            .map_err(|why| format!("--search-metric, objectives: {metric} {stat}: {why}"))?;
    }
    if limits.is_empty() {
        let clock = Some(adaptive::CLOCK).filter(|_| !adaptive::is_of(args));
        let idle = clock.into_iter().chain(["stopping-scope"]).find_map(|flag| args.given.get(flag));
        if let Some(flag) = idle {
            return Err(format!("{flag} has no effect without a limit (--search-sla)"));
        }
    }
    Ok(())
}

/// Checks that runs have a number.
fn known(tag: &str, stat: &str, args: &ProfileArgs) -> Result<(), String> {
    let metric =
        metric::find(tag).ok_or_else(|| format!("unknown metric `{tag}`; docs/METRICS.md lists all"))?;
    if Stat::ALL.into_iter().all(|known| known.name() != stat) {
        return Err(format!("unknown statistic `{stat}`"));
    }
    if metric.flags.has(metric::Flags::STREAMING_ONLY) && !args.endpoint.streaming {
        return Err("only a streamed response has it: --streaming".to_owned());
    }
    Ok(())
}

/// Checks that each run of a sweep has results of its own, and that none stores a secret.
fn check_runs(runs: &[(Variation, ProfileArgs)]) -> Result<(), String> {
    let mut known = BTreeMap::new();
    for (variation, args) in runs {
        let (name, label) = (variation.directory(), &variation.label);
        if RESERVED.contains(&name.as_str()) {
            return Err(format!("variation `{label}`: `{name}` is a name of the sweep's own files"));
        }
        if let Some(other) = known.insert(name.clone(), label) {
            return Err(format!("the variations `{other}` and `{label}` have the same directory, `{name}`"));
        }
        if args.output.artifact_dir != runs[0].1.output.artifact_dir {
            return Err(format!("variation `{label}`: the directory is the same for all runs of a sweep"));
        }
        if let Some(secret) = variation.values.iter().find_map(|(path, value)| secret(path, value)) {
            return Err(format!(
                "variation `{label}`: `{secret}` is a secret, and the values of a sweep are stored: set it for all runs"
            ));
        }
    }
    Ok(())
}

/// A secret in a value of a sweep.
fn secret(path: &str, value: &Value) -> Option<String> {
    let last = path.rsplit('.').next().unwrap_or(path).replace('-', "_");
    let is_secret = ["api_key", "apiKey", "header", "headers"].contains(&last.as_str())
        || path.contains("endpoint.headers.")
        || value.as_str().is_some_and(|text| spec::url::shown(text) != text);
    if is_secret && !value.is_null() {
        return Some(path.to_owned());
    }
    match value {
        Value::Object(fields) => {
            fields.iter().find_map(|(key, value)| secret(&format!("{path}.{key}"), value))
        }
        Value::Array(items) => items.iter().find_map(|value| secret(path, value)),
        _ => None,
    }
}

/// Checks that no flag is set over what a sweep of the file varies: all its runs would be the same.
fn not_overridden(profile: &ProfileArgs, documents: &[&Document]) -> Result<(), String> {
    let [first, others @ ..] = documents else { return Ok(()) };
    let first = first.read(variable)?;
    let of = |config: &Config, flag: &str| {
        let settings = config.settings.iter().filter(|setting| canonical(setting.flag()) == flag);
        settings.map(|setting| setting.values.clone()).collect::<Vec<_>>()
    };
    let field = |config: &Config, key: &str| {
        let phases = config.settings.iter().find(|setting| setting.target == Target::Phases);
        let phases = phases.and_then(|phases| serde_json::from_str::<Value>(phases.values.first()?).ok());
        let phases = phases.unwrap_or_default();
        phases.as_array().into_iter().flatten().map(|phase| phase[key].clone()).collect::<Vec<_>>()
    };
    for other in others {
        let other = other.read(variable)?;
        for (flag, written) in &profile.given {
            let keys = FIELDS.iter().filter(|(_, _, known, warmup)| known == flag || warmup == flag);
            let is_varied = of(&first, flag) != of(&other, flag)
                || keys.into_iter().any(|(_, key, ..)| field(&first, key) != field(&other, key));
            if is_varied {
                return Err(format!(
                    "{written}: the sweep of the file varies it: change it there, or leave the flag out"
                ));
            }
        }
    }
    Ok(())
}

/// Flags that say how long a run is.
const LENGTHS: &[&str] = &[
    "benchmark-duration",
    "conversation-num",
    "fixed-schedule",
    "input-file",
    "phases",
    "public-dataset",
    "request-count",
    "request-rate-series",
];
/// How long a run of a search is unless it says so.
const USUAL_SECONDS: u32 = 30;
/// Names in the directory of a sweep that are no variation's.
const RESERVED: &[&str] =
    &["aggregate", "experiment.jsonl", "phases", "profile_runs", "run.json", "sweep_aggregate"];

/// The command line over what a configuration file sets.
fn merged(words: &[OsString], profile: &ProfileArgs, path: &Path, config: Config) -> Result<Args, Unparsed> {
    let variables = config.variables;
    let refused =
        |why: String| Unparsed::Refused(format!("--config {}: {}", path.display(), variables.hidden(&why)));
    let has_headers = profile.endpoint.api_key.is_some() || !profile.endpoint.headers.is_empty();
    if !config.headers.is_empty() && !has_headers {
        let names = config.headers.join(", ");
        return Err(refused(format!(
            "the run had headers whose values are not stored ({names}): give --api-key or --header"
        )));
    }
    if let Some(flag) = config.secrets.iter().find(|flag| !profile.given.contains_key(*flag)) {
        return Err(refused(format!(
            "`plan.given.{flag}` had a secret, which is not stored: give --{flag} again"
        )));
    }
    let has_model = profile.endpoint.model.is_some();
    let is_overridden = |setting: &Setting| {
        let flag = canonical(setting.flag());
        let is_replaced = setting.target == Target::Records && profile.given.contains_key("public-dataset");
        profile.given.contains_key(&flag) || (has_model && flag == "model") || is_replaced
    };
    let mut settings =
        config.settings.into_iter().filter(|setting| !is_overridden(setting)).collect::<Vec<_>>();
    loop {
        let mut all = words.get(..2).unwrap_or_default().to_vec();
        all.extend(settings.iter().cloned().flat_map(Setting::words).map(OsString::from));
        all.extend(words.iter().skip(2).cloned());
        let error = match parse_words(&all) {
            Ok(mut args) => {
                with_keys(&mut args, &settings, &config.phase_keys).map_err(refused)?;
                return Ok(if config.is_run { elsewhere(args, path) } else { args });
            }
            Err(Unparsed::Clap(error)) => error,
            Err(other) => return Err(other),
        };
        let arguments = conflicting(&error);
        let from_file = |name: &String| settings.iter().position(|setting| is_of(setting, name));
        let is_conflict = error.kind() == ErrorKind::ArgumentConflict;
        let is_overridden = arguments.iter().any(|name| from_file(name).is_none());
        match arguments.iter().find_map(from_file) {
            // A flag counts more than what it contradicts in the file.
            Some(place) if is_conflict && is_overridden => drop(settings.remove(place)),
            Some(place) => return Err(refused(why(&error, &settings[place].key))),
            None => return Err(Unparsed::Clap(error)),
        }
    }
}

/// The names of the flags that an error is about.
fn conflicting(error: &clap::Error) -> Vec<String> {
    let of = |kind| match error.get(kind) {
        Some(ContextValue::String(name)) => vec![name.clone()],
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => Vec::new(),
    };
    let names = of(ContextKind::InvalidArg).into_iter().chain(of(ContextKind::PriorArg));
    names.map(|name| name.split(' ').next().unwrap_or_default().to_owned()).collect()
}

fn is_of(setting: &Setting, name: &str) -> bool {
    setting.flag() == name || canonical(setting.flag()) == canonical(name)
}

/// Why a key's value is invalid.
fn why(error: &clap::Error, key: &str) -> String {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    let value =
        error.get(ContextKind::InvalidValue).map(|value| format!("`{value}` is not one of its values"));
    let accepted = error.get(ContextKind::ValidValue).map(|values| format!(": {values}"));
    let text =
        || error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let reason = reason.or_else(|| value.map(|value| format!("{value}{}", accepted.unwrap_or_default())));
    format!("`{key}`: {}", reason.unwrap_or_else(text))
}

/// Sets what has no flag, and adds the keys that set flags, so that messages name them.
fn with_keys(
    args: &mut Args,
    settings: &[Setting],
    phase_keys: &[(&'static str, String)],
) -> Result<(), String> {
    let Command::Profile(profile) = &mut args.command else { return Ok(()) };
    for setting in settings {
        setting.apply(profile)?;
        profile.given.insert(canonical(setting.flag()), format!("`{}` of --config", setting.key));
    }
    if profile.load.base_phases.is_some() {
        for (flag, key) in phase_keys {
            profile.given.entry((*flag).to_owned()).or_insert_with(|| format!("`{key}` of --config"));
        }
    }
    Ok(())
}

/// A run that is repeated leaves the files of the first one.
fn elsewhere(mut args: Args, path: &Path) -> Args {
    if let Command::Profile(profile) = &mut args.command
        && profile.output.artifact_dir.is_none()
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let mut repeated = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).into_os_string();
        repeated.push("-repeated");
        profile.output.artifact_dir = Some(repeated.into());
    }
    args
}

fn parse_words(words: &[OsString]) -> Result<Args, Unparsed> {
    let matches = command_of_user().try_get_matches_from(words::known(words)).map_err(unparsed)?;
    let mut args = Args::from_arg_matches(&matches).map_err(unparsed)?;
    if let (Command::Profile(profile), Some(("profile", matches))) = (&mut args.command, matches.subcommand())
    {
        profile.given = given(matches, words);
        profile.stored = stored(matches);
    }
    Ok(args)
}

/// The command line, with examples that use the program name the user typed.
fn command_of_user() -> clap::Command {
    let command = short_help::common_first(Args::command());
    // A negative number is an error of its own, not an unknown flag.
    let numbers = |one: clap::Arg| {
        let is_number = one.get_action().takes_values() && words::is_number(one.get_value_parser());
        one.allow_negative_numbers(is_number)
    };
    let command = command.mut_subcommand("profile", |profile| profile.mut_args(numbers));
    let names = command.get_subcommands().map(|one| one.get_name().to_owned()).collect::<Vec<_>>();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |one| match one.get_after_help().map(|text| named(&text.to_string())) {
            Some(examples) => one.after_help(examples),
            None => one,
        })
    })
}

fn unparsed(error: clap::Error) -> Unparsed {
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(instead) = unsupported::instead_of(name)
    {
        return Unparsed::Refused(format!(
            "`{name}` is a command of NVIDIA AIPerf that is not supported: {instead}"
        ));
    }
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if error.kind() == ErrorKind::UnknownArgument => flag.as_str(),
        _ => return Unparsed::Clap(Box::new(error)),
    };
    match unsupported::why_not(flag) {
        Some(why) => Unparsed::Refused(format!("{flag} is not supported: {why}")),
        None => Unparsed::Clap(Box::new(error)),
    }
}

/// The long names of the flags that were given, on the command line or in the environment, each with the name that the user
/// wrote.
fn given(matches: &ArgMatches, words: &[OsString]) -> BTreeMap<String, String> {
    let profile = profile_command();
    let flags = profile.get_arguments().filter(|flag| is_given(matches, flag));
    let written =
        words.iter().filter_map(|word| word.to_str()).map(|word| word.split('=').next().unwrap_or(word));
    let written = written.collect::<Vec<_>>();
    let name = |flag: &clap::Arg| {
        let long = flag.get_long()?;
        let aliases = flag.get_all_aliases().unwrap_or_default();
        let names = std::iter::once(long).chain(aliases).map(|name| format!("--{name}"));
        let short = flag.get_short().map(|short| format!("-{short}"));
        let name = names.chain(short).find(|name| written.contains(&name.as_str()));
        Some((long.to_owned(), name.unwrap_or_else(|| format!("--{long}"))))
    };
    flags.filter_map(name).collect()
}

/// Whether an argument was given, on the command line or in the environment.
fn is_given(matches: &ArgMatches, argument: &clap::Arg) -> bool {
    let id = argument.get_id().as_str();
    let is_there = matches.try_contains_id(id).is_ok_and(|is_there| is_there);
    is_there && matches.value_source(id) != Some(ValueSource::DefaultValue)
}

/// The values of the flags that were given and that make the run what it is, by their first names, without secrets.
fn stored(matches: &ArgMatches) -> BTreeMap<String, Vec<String>> {
    let profile = profile_command();
    let values = |flag: &clap::Arg| {
        let id = flag.get_id().as_str();
        let name = flag.get_long().or_else(|| (id == "model").then_some("model"))?;
        if !is_given(matches, flag) || NOT_STORED.contains(&name) {
            return None;
        }
        let raw = if flag.get_action().takes_values() { matches.get_raw(id) } else { None };
        let raw = raw.into_iter().flatten().map(|value| spec::url::shown(&value.to_string_lossy()));
        Some((name.to_owned(), raw.collect::<Vec<_>>()))
    };
    profile.get_arguments().filter_map(values).collect()
}

/// Flags that are secrets, or of one command rather than of its run.
pub(crate) const NOT_STORED: &[&str] = &[
    "api-key",
    "artifact-dir",
    "auto-plot",
    "bo-constraint-mode",
    "c-max",
    "c-min",
    "concurrency-max",
    "concurrency-min",
    "concurrency-steps",
    "confidence-level",
    "config",
    "console",
    "convergence-metric",
    "convergence-mode",
    "convergence-stat",
    "convergence-threshold",
    "degradation-metric-tag",
    "degradation-stat",
    "degradation-threshold",
    "dry-run",
    "e2e-sla-ms",
    "error-rate-sla",
    "extra-verbose",
    "header",
    "isl-max",
    "isl-min",
    "isl-osl-pairs",
    "isl-steps",
    "itl-sla-ms",
    "log-level",
    "no-auto-plot",
    "no-parameter-sweep-same-seed",
    "no-profile-run-disable-warmup-after-first",
    "no-set-consistent-seed",
    "no-sweep-table",
    "num-profile-runs",
    "optuna-acquisition",
    "optuna-sampler",
    "optuna-terminator",
    "osl-max",
    "osl-min",
    "osl-steps",
    "parameter-sweep-cooldown-seconds",
    "parameter-sweep-mode",
    "parameter-sweep-same-seed",
    "plot-required",
    "plugin",
    "plugin-allow",
    "plugin-python",
    "plugin-timeout",
    "profile-run-cooldown-seconds",
    "profile-run-disable-warmup-after-first",
    "restart",
    "search-clock",
    "search-direction",
    "search-initial-points",
    "search-max-iterations",
    "search-metric",
    "search-percentile-pooling",
    "search-planner",
    "search-random-seed",
    "search-recipe",
    "search-sla",
    "search-sla-tier",
    "search-space",
    "search-stat",
    "search-style",
    "set-consistent-seed",
    "slo-attainment-fraction",
    "socket",
    "stopping-scope",
    "sweep-type",
    "ttft-sla-ms",
    "ui",
    "variant",
    "verbose",
    "web",
];

/// The long name of the flag that has this name or alias, with or without leading dashes.
pub(super) fn canonical(name: &str) -> String {
    let name = name.trim_start_matches('-');
    let profile = profile_command();
    let flag = profile.get_arguments().find(|flag| {
        flag.get_long() == Some(name) || flag.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    });
    flag.and_then(clap::Arg::get_long).unwrap_or(name).to_owned()
}

/// A message in which a flag, by any of its names, is called as its key.
pub(super) fn renamed(message: &str, flag: &str, key: &str) -> String {
    let profile = profile_command();
    let known = profile.get_arguments().find(|known| known.get_long() == Some(flag));
    let aliases = known.and_then(clap::Arg::get_all_aliases).unwrap_or_default();
    let mut message = message.to_owned();
    for name in std::iter::once(flag).chain(aliases) {
        let name = format!("--{name}");
        let mut from = 0;
        while let Some(start) =
            message.get(from..).and_then(|rest| rest.find(&name)).map(|place| from + place)
        {
            let end = start + name.len();
            let goes_on =
                message[end..].starts_with(|next: char| next == '-' || next.is_ascii_alphanumeric());
            from = if goes_on {
                end
            } else {
                message.replace_range(start..end, key);
                start + key.len()
            };
        }
    }
    message
}

/// The flags of `profile`, which messages, words and configuration files are looked up in.
pub(crate) fn profile_command() -> &'static clap::Command {
    static PROFILE: LazyLock<clap::Command> =
        LazyLock::new(|| <ProfileArgs as clap::Args>::augment_args(clap::Command::new("profile")));
    &PROFILE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: &str) {
        let words = words.split(' ').map(OsString::from).collect::<Vec<_>>();
        let refused = match parse(&words).expect_err("refused") {
            Unparsed::Clap(error) => error.to_string(),
            Unparsed::Refused(why) => why,
        };
        assert!(refused.contains(expected), "{words:?}: {refused}");
    }

    #[test]
    fn names_are_unique_and_complete() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        check(
            "aiperf-ctl profile m --accuracy-benchmark mmlu",
            "--accuracy-benchmark is not supported: the quality of responses",
        );
        check("aiperf-ctl profile -m m --wandb-project=p", "--wandb-project is not supported");
        check("aiperf-ctl profile -m m --no-such-flag", "unexpected argument");
        check("aiperf-ctl profile -m m --profile-run-cooldown-seconds -1", "must not be negative");
        check("aiperf-ctl profile -m m --request-count -1", "`-1` is not a whole number of at least 1");
        check("aiperf-ctl profile -m m --benchmark-duration 10s", "a number of seconds, without a unit: 10");
        check("aiperf-ctl profile -m m --slice-duration 2m", "a number of seconds, without a unit: 120");
        check("aiperf-ctl profile -m m --isl 1.5", "`1.5` is not a whole number");
        check("aiperf-ctl no-such-command", "unrecognized subcommand");
    }

    #[test]
    fn lists_are_written_by_spaces_or_by_repetition() {
        let lists = |line: &str| {
            let words = format!("aiperf-ctl profile {line}");
            let words = words.split(' ').map(OsString::from).collect::<Vec<_>>();
            let Command::Profile(profile) = parse(&words).expect(line).command else { panic!("profile") };
            let (endpoint, telemetry) = (profile.endpoint, profile.telemetry);
            [
                endpoint.urls,
                endpoint.headers,
                endpoint.extra_inputs,
                telemetry.stream,
                telemetry.otel_resource_attributes,
                telemetry.mlflow_tags,
                telemetry.mlflow_artifact_globs,
                telemetry.server_metrics_formats,
                telemetry.server_metrics.unwrap_or_default(),
                telemetry.gpu_telemetry.unwrap_or_default(),
            ]
        };
        let of = |word: [&str; 2]| word.map(str::to_owned).to_vec();
        let expected = [
            of(["a:1", "b:2"]),
            of(["A:1", "B:2"]),
            of(["a:1", "b:2"]),
            of(["metrics", "timing"]),
            of(["a=1", "b=2"]),
            of(["a:1", "b:2"]),
            of(["*.json", "*.csv"]),
            of(["json", "csv"]),
            of(["http://a", "http://b"]),
            of(["http://a", "http://b"]),
        ];
        let by_spaces = "-m m --url a:1 b:2 --header A:1 B:2 --extra-inputs a:1 b:2 --stream metrics timing \
                         --otel-resource-attributes a=1 b=2 --mlflow-tag a:1 b:2 --mlflow-artifact-glob *.json *.csv \
                         --server-metrics-formats json csv --server-metrics http://a http://b --gpu-telemetry http://a http://b";
        assert_eq!(lists(by_spaces), expected, "by spaces");
        let again = "-m m -u a:1 -u b:2 -H A:1 -H B:2 --extra-inputs a:1 --extra-inputs b:2 --stream metrics --stream timing \
                     --otel-resource-attributes a=1,b=2 --mlflow-tag a:1 --mlflow-tag b:2 --mlflow-artifact-glob *.json \
                     --mlflow-artifact-glob *.csv --server-metrics-formats json,csv --server-metrics http://a \
                     --server-metrics http://b --gpu-telemetry http://a --gpu-telemetry http://b";
        assert_eq!(lists(again), expected, "one by one");
    }

    #[test]
    fn flags_count_more_than_the_file() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(
            file.path(),
            "model: theirs\nendpoint: {type: chat, urls: [a:1]}\nphases:\n  concurrency: 4\n",
        )
        .expect("written");
        let path = file.path().to_str().expect("unicode");
        let words = ["aiperf-ctl", "profile", "--config", path, "-m", "ours"].map(OsString::from);
        let Command::Profile(profile) = parse(&words).expect("arguments").command else { panic!("profile") };
        assert_eq!(profile.endpoint.models, ["ours"], "given");
        assert_eq!(profile.endpoint.urls, ["a:1"], "from the file");
        assert_eq!(
            profile.load.base_phases.as_deref(),
            Some("[{\"concurrency\":4,\"name\":\"profiling\"}]"),
            "from the file"
        );
        assert_eq!(profile.given["concurrency"], "`phases.concurrency` of --config", "the key that set it");
    }

    #[track_caller]
    fn with_file(text: &str, flags: &str) -> Result<Box<ProfileArgs>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let line = format!("aiperf-ctl profile --config {} {flags}", file.path().display());
        let words = line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        match parse(&words).map(|args| args.command) {
            Ok(Command::Profile(profile)) => Ok(profile),
            Ok(_) => panic!("profile"),
            Err(Unparsed::Refused(why)) => Err(why),
            Err(Unparsed::Clap(error)) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_flag_replaces_what_it_contradicts_in_the_file() {
        let profile = with_file("model: m\ngpu_telemetry: {urls: [h:1]}\n", "--no-gpu-telemetry").unwrap();
        assert!(
            profile.telemetry.no_gpu_telemetry && profile.telemetry.gpu_telemetry.is_none(),
            "the flag's"
        );
        let profile = with_file("dataset: {type: file, path: x}\n", "-m m --public-dataset aimo").unwrap();
        assert_eq!(
            (profile.input.input_file, profile.input.public_dataset.as_deref()),
            (None, Some("aimo")),
            "too"
        );
    }

    #[test]
    fn values_of_a_file_are_refused_by_their_key() {
        let check = |text: &str, expected: &str| {
            let why = with_file(text, "").expect_err(text);
            assert!(why.contains(expected) && !why.contains("For more information"), "{text}: {why}");
        };
        check("model: m\nrandomSeed: -3\n", "`randomSeed`: ");
        check("model: m\nendpoint: {timeout: 0}\n", "`endpoint.timeout`: must be greater than 0");
        check("model: m\nendpoint: {connectionReuse: some}\n", "`endpoint.connectionReuse`: ");
        check("model: m\nendpoint: {connectionReuse: some}\n", "sticky-user-sessions");
        check("model: m\nmulti_run: {num_runs: 11}\n", "`multi_run.num_runs`: 11 is not in 1..=10");
        let both = "model: m\ndataset: {type: file, path: x, dataset: aimo}\n";
        check(both, "`dataset.");
    }

    #[test]
    fn messages_name_the_keys_of_a_file() {
        let args = with_file("model: m\ndataset: {path: x, prompts: {isl: 5}}\n", "").unwrap();
        let refused = crate::plan::plan(&args, &[]).unwrap_err();
        let expected = "`dataset.prompts.isl` of --config is for synthetic prompts and contradicts `dataset.path` of --config";
        assert!(refused.0.contains(expected), "{refused}");
    }

    #[test]
    fn a_run_that_is_repeated_needs_its_secrets_and_a_place() {
        let run = r#"{"run_id":"r","plan":{"given":{"model":["m"]},"random_seed":7,"endpoint":{"header_names":["Authorization"]}}}"#;
        let refused = with_file(run, "").unwrap_err();
        assert!(refused.contains("(Authorization): give --api-key or --header"), "{refused}");
        let repeated = with_file(run, "--api-key k").unwrap();
        assert_eq!(repeated.input.random_seed, Some(7), "the same requests");
        let run = r#"{"run_id":"r","plan":{"given":{"model":["m"],"url":["http://h?key=[redacted]"]}}}"#;
        let refused = with_file(run, "").unwrap_err();
        assert!(refused.contains("give --url again"), "{refused}");
        let again = with_file(run, "--url http://h?key=k").unwrap();
        assert_eq!(again.endpoint.urls, ["http://h?key=k"], "given again");
        let folder = repeated.output.artifact_dir.unwrap();
        assert!(folder.to_str().unwrap().ends_with("-repeated"), "{}", folder.display());
    }
}
