//! Configuration files: AIPerf's YAML, and the run.json of an earlier run.
//!
//! ```text
//! text ── document ──▶ values ── substitute ──▶ values ── keys ──▶ settings of flags ──▶ args: flags of the command line over them
//! ```
//!
//! A setting knows the key that set it, and every message about it names this key.

pub(crate) mod command;
mod document;
mod keys;
mod plugins;
mod substitute;
mod templates;
pub(crate) mod user_files;

use crate::args::ProfileArgs;
use crate::plan::adaptive::CLOCK;
use crate::plan::distribution::distribution;
use crate::plan::fault::FIELDS;
use crate::plan::phases::duration;
use document::Written;
use experiment::{Sweep, Variation};
use keys::{KEYS, Meaning, PHASE_KEYS};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::rc::Rc;

/// What a key of a configuration file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Which argument.
    pub(crate) target: Target,
    /// One value each; none for a switch.
    pub(crate) values: Vec<String>,
    /// The key, as the user wrote it.
    pub(crate) key: String,
}

/// An argument that a configuration file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// That of a flag, by its name with its dashes.
    Flag(String),
    /// The distribution in place of the mean that this flag sets, as JSON.
    Distribution(String),
    /// The phases below those of flags, as JSON.
    Phases,
    /// The rows in place of an input file, as JSON.
    Records,
    /// Files for the artifact directory, as JSON.
    UserFiles,
    /// Which plots are made of the results, as JSON.
    Plot,
}

impl Setting {
    /// The flag that sets the same on a command line.
    pub(crate) fn flag(&self) -> &str {
        match &self.target {
            Target::Flag(flag) | Target::Distribution(flag) => flag,
            Target::Phases => "--phases",
            Target::Records => "--input-file",
            Target::UserFiles => "--user-files",
            Target::Plot => "--plot",
        }
    }

    /// The equivalent words of the command line; none for what has no flag.
    pub(crate) fn words(self) -> Vec<String> {
        match self.target {
            Target::Flag(flag) if self.values.is_empty() => vec![flag],
            Target::Flag(flag) => self.values.into_iter().map(|value| format!("{flag}={value}")).collect(),
            _ => Vec::new(),
        }
    }

    /// Sets what has no flag.
    ///
    /// # Errors
    /// When a stored value is not what it should be.
    pub(crate) fn apply(&self, args: &mut ProfileArgs) -> Result<(), String> {
        let Some(value) = self.values.first() else { return Ok(()) };
        let name = match &self.target {
            Target::Flag(_) => return Ok(()),
            Target::Distribution(flag) => {
                let json = serde_json::from_str(value).map_err(|error| format!("`{}`: {error}", self.key))?;
                let length = distribution(&json).map_err(|why| format!("`{}`: {why}", self.key))?;
                let flag = flag.trim_start_matches('-');
                args.input.distributions.push((flag.to_owned(), length));
                format!("{DISTRIBUTION}{flag}")
            }
            Target::Phases => {
                args.load.base_phases = Some(value.clone());
                PHASES.to_owned()
            }
            Target::Records => {
                args.input.records = Some(value.clone());
                RECORDS.to_owned()
            }
            Target::UserFiles => {
                args.input.user_files = Some(value.clone());
                USER_FILES.to_owned()
            }
            // What is made of a run's results is none of its settings.
            Target::Plot => {
                args.output.plot = Some(value.clone());
                return Ok(());
            }
        };
        args.stored.insert(name, self.values.clone());
        Ok(())
    }

    /// What a name of a stored setting sets.
    fn stored(name: &str) -> Target {
        match name {
            PHASES => Target::Phases,
            RECORDS => Target::Records,
            USER_FILES => Target::UserFiles,
            _ => match name.strip_prefix(DISTRIBUTION) {
                Some(flag) => Target::Distribution(format!("--{flag}")),
                None => Target::Flag(format!("--{name}")),
            },
        }
    }
}

/// What settings without a flag are called where they are stored.
const PHASES: &str = "config.phases";
const RECORDS: &str = "config.records";
const USER_FILES: &str = "config.user_files";
const DISTRIBUTION: &str = "config.distribution.";

/// What a configuration file sets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// What it sets.
    pub(crate) settings: Vec<Setting>,
    /// Fields of phases that the file sets, by the flag that would: the flag's name without dashes, and the key.
    pub(crate) phase_keys: Vec<(&'static str, String)>,
    /// Of an earlier run: the user's headers, and flags whose values held a secret, which are not stored.
    pub(crate) headers: Vec<String>,
    pub(crate) secrets: Vec<String>,
    /// Whether it is an earlier run.
    pub(crate) is_run: bool,
    /// The variables that the file names.
    pub(crate) variables: Variables,
}

/// A configuration file before anything in it is replaced, with its keys in snake case.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    fields: Map<String, Value>,
    written: Rc<Written>,
}

impl Document {
    /// The document of a text.
    ///
    /// # Errors
    /// When the text is not valid YAML.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fields = document::parse(text)?;
        let mut written = Written::default();
        let is_run = fields.contains_key("run_id") && fields.contains_key("plan");
        let fields = if is_run { fields } else { document::in_snake_case(fields, &mut written)? };
        Ok(Self { fields, written: Rc::new(written) })
    }

    /// The sweep that it describes. `variable` reads an environment variable.
    ///
    /// # Errors
    /// When it is not valid, with the key.
    pub(crate) fn sweep(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Sweep>, String> {
        if self.is_run() {
            return Ok(None);
        }
        let block = match self.fields.get("sweep") {
            None | Some(Value::Null) => return self.lists(),
            Some(_) => substitute::substituted(&self.fields, &variable)?.remove("sweep"),
        };
        let block = document::sweep_in_snake_case(block.unwrap_or_default())?;
        Sweep::parse(block).map(Some).map_err(|refused| refused.to_string())
    }

    /// The sweep of lists where a phase has a number.
    fn lists(&self) -> Result<Option<Sweep>, String> {
        let body = self.fields.get("benchmark").and_then(Value::as_object).unwrap_or(&self.fields);
        let mut parameters = Map::new();
        let mut of_phase = |phase: &Value, path: &str| {
            for (key, value) in phase.as_object().into_iter().flatten() {
                let is_list = |items: &Vec<Value>| !items.is_empty() && items.iter().all(Value::is_number);
                if LISTS.contains(&key.as_str()) && value.as_array().is_some_and(is_list) {
                    parameters.insert(format!("{path}.{key}"), value.clone());
                }
            }
        };
        match body.get("phases") {
            Some(Value::Array(phases)) => {
                for phase in phases {
                    of_phase(phase, &format!("phases.{}", phase["name"].as_str().unwrap_or_default()));
                }
            }
            Some(phase) => of_phase(phase, "phases.profiling"),
            None => {
                for name in ["warmup", "profiling"] {
                    body.get(name).into_iter().for_each(|phase| of_phase(phase, &format!("phases.{name}")));
                }
            }
        }
        if parameters.is_empty() {
            return Ok(None);
        }
        Sweep::of_axes(parameters, false).map(Some).map_err(|refused| refused.to_string())
    }

    /// The document of each variation of a sweep.
    ///
    /// # Errors
    /// When a path leads to nothing.
    pub(crate) fn variations(&self, sweep: &Sweep) -> Result<Vec<(Self, Variation)>, String> {
        let made = sweep.variations(&self.fields).map_err(|refused| refused.to_string())?;
        let with = |fields| Self { fields, written: Rc::clone(&self.written) };
        Ok(made.into_iter().map(|(fields, variation)| (with(fields), variation)).collect())
    }

    /// The document with these values by path.
    ///
    /// # Errors
    /// When a path leads to nothing.
    pub(crate) fn with(&self, values: &Map<String, Value>) -> Result<Self, String> {
        let fields = experiment::with_values(&self.fields, values).map_err(|refused| refused.to_string())?;
        Ok(Self { fields, written: Rc::clone(&self.written) })
    }

    fn is_run(&self) -> bool {
        self.fields.contains_key("run_id") && self.fields.contains_key("plan")
    }

    /// What it sets. `variable` reads an environment variable.
    ///
    /// # Errors
    /// When a key is unknown or has a value that cannot be.
    pub(crate) fn read(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
        let seen = RefCell::new(Vec::new());
        let noted = |name: &str| {
            let value = variable(name)?;
            seen.borrow_mut().push((name.to_owned(), value.clone()));
            Some(value)
        };
        let config = self.read_values(noted);
        let variables = Variables(seen.into_inner());
        match config {
            Ok(config) => Ok(Config { variables, ..config }),
            Err(why) => Err(variables.hidden(&why)),
        }
    }
}

/// A limit that no configuration file reaches.
pub(crate) const BYTES_MAX: u64 = 16 << 20;
/// Keys of a phase that are an axis of a sweep if they have a list of numbers.
const LISTS: &[&str] =
    &["concurrency", "duration", "prefill_concurrency", "rate", "requests", "sessions", "users"];

/// What variables of the environment hold, which may be secret: no message shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variables(Vec<(String, String)>);

impl Variables {
    /// A message in which their names stand in place of their values.
    pub(crate) fn hidden(&self, message: &str) -> String {
        // A number or a word of a letter or two is no secret, and may stand in a message by chance.
        let is_secret = |value: &str| value.len() > 2 && value.parse::<f64>().is_err();
        let secrets = self.0.iter().filter(|(_, value)| is_secret(value));
        secrets.fold(message.to_owned(), |message, (name, value)| {
            message.replace(value, &format!("${{{name}}}"))
        })
    }
}

impl Document {
    fn read_values(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
        if self.is_run() {
            return of_run(&self.fields);
        }
        let mut fields = self.fields.clone();
        fields.remove("sweep");
        let mut top = substitute::substituted(&fields, &variable)?;
        let variables = top.remove("variables").unwrap_or(Value::Null);
        top.remove("no_sweep_table");
        let plot = top.remove("plot").filter(|plot| !plot.is_null());
        let mut reader =
            Reader { config: Config::default(), written: Rc::clone(&self.written), prefix: "", variables };
        if let Some(plot) = plot {
            crate::plot::check(&plot)?;
            reader.push(Target::Plot, "plot", vec![plot.to_string()]);
        }
        for key in ["schema_version", "random_seed", "multi_run"] {
            if let Some(value) = top.remove(key) {
                reader.key(key, key, value)?;
            }
        }
        let plugins = top.remove("plugins");
        let mut body = match top.remove("benchmark") {
            Some(Value::Object(body)) => {
                if let Some(key) = top.keys().next() {
                    return Err(format!(
                        "`{}` is not a known key next to `benchmark`",
                        reader.written.of(key)
                    ));
                }
                reader.prefix = "benchmark.";
                body
            }
            Some(_) => return Err("`benchmark` is not a mapping".to_owned()),
            None => top,
        };
        if let Some(plugins) = plugins {
            body.entry("plugins").or_insert(plugins);
        }
        reader.body(body)?;
        Ok(reader.config)
    }
}

/// The settings that a run was made of, for the same run once more: with its seed, also where it was drawn.
fn of_run(run: &Map<String, Value>) -> Result<Config, String> {
    let plan = run.get("plan").unwrap_or(&Value::Null);
    let Some(given) = plan.get("given").and_then(Value::as_object).filter(|given| !given.is_empty()) else {
        return Err("this run does not store its settings, so it cannot be repeated from it".to_owned());
    };
    let command = crate::args::profile_command();
    let (mut settings, mut secrets) = (Vec::new(), Vec::new());
    let mut set = |name: &str, values: Vec<String>, key: String| {
        settings.push(Setting { target: Setting::stored(name), values, key });
    };
    for (flag, values) in given {
        let is_known = |known: &clap::Arg| known.get_long() == Some(flag.as_str());
        let is_of_run = flag == CLOCK || !crate::args::NOT_STORED.contains(&flag.as_str());
        let is_stored = is_of_run && command.get_arguments().any(is_known);
        if !flag.starts_with("config.") && !is_stored {
            return Err(format!("`plan.given.{flag}` is no setting of a run in this version"));
        }
        let values = values.as_array().into_iter().flatten().map(|value| value.as_str().map(str::to_owned));
        let values = values.collect::<Option<Vec<_>>>();
        let values = values.ok_or_else(|| format!("`plan.given.{flag}` is not a list of texts"))?;
        if values.iter().any(|value| value.contains("[redacted]") || value.contains("<redacted>")) {
            secrets.push(flag.clone());
        } else {
            set(flag, values, format!("plan.given.{flag}"));
        }
    }
    if let Some(seed) =
        plan.get("random_seed").and_then(scalar).filter(|_| !given.contains_key("random-seed"))
    {
        set("random-seed", vec![seed], "plan.random_seed".to_owned());
    }
    let kind = plan.pointer("/endpoint/kind").and_then(Value::as_str).unwrap_or_default();
    let own = endpoint::by_name(kind).map(|endpoint| endpoint.metadata().headers).unwrap_or_default();
    let names = plan.pointer("/endpoint/header_names").and_then(Value::as_array).into_iter().flatten();
    let is_users = |name: &&str| !own.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let headers = names.filter_map(Value::as_str).filter(is_users).map(str::to_owned).collect();
    Ok(Config { settings, headers, secrets, is_run: true, ..Config::default() })
}

/// Takes a file's body apart.
struct Reader {
    config: Config,
    written: Rc<Written>,
    /// What stands before the paths of the body's keys.
    prefix: &'static str,
    /// What expressions of the user's files see.
    variables: Value,
}

type Read = Result<(), String>;

impl Reader {
    fn body(&mut self, mut body: Map<String, Value>) -> Read {
        body.retain(|_, value| !value.is_null());
        self.exclude(&body, "model", "models")?;
        self.exclude(&body, "dataset", "datasets")?;
        self.exclude(&body, "warmup", "phases")?;
        self.exclude(&body, "profiling", "phases")?;
        if body.contains_key("warmup") && !body.contains_key("profiling") {
            return Err(format!("`{}` needs `profiling`: nothing would be measured", self.at("warmup")));
        }
        let mut phases = Vec::new();
        for (key, value) in body {
            match (key.as_str(), value) {
                ("models" | "model", Value::Object(models)) => self.models(&key, models)?,
                ("models" | "model", Value::Array(items)) if items.iter().any(Value::is_object) => {
                    self.models(&key, Map::from_iter([("items".to_owned(), Value::Array(items))]))?;
                }
                ("models" | "model", names) => self.put("--model", &key, names)?,
                ("endpoint", Value::Object(endpoint)) => self.endpoint(endpoint)?,
                ("dataset", Value::Object(dataset)) => self.dataset("dataset", dataset)?,
                ("datasets", Value::Array(list)) => self.datasets(list)?,
                ("phases", value) => self.phases(value, &mut phases)?,
                ("warmup" | "profiling", Value::Object(mut fields)) => {
                    fields.entry("name").or_insert_with(|| Value::from(key.as_str()));
                    fields.entry("kind").or_insert_with(|| Value::from(key.as_str()));
                    let place = if key == "warmup" { 0 } else { phases.len() };
                    let phase = self.phase(&key, fields)?;
                    phases.insert(place, (key, phase));
                }
                ("slos", Value::Object(limits)) => self.objectives(&limits)?,
                ("artifacts", Value::Object(artifacts)) => self.artifacts(artifacts)?,
                ("plugins", value) => {
                    let words =
                        plugins::words(&value).map_err(|why| format!("`{}`{why}", self.at("plugins")))?;
                    if !words.is_empty() {
                        self.push(Target::Flag("--plugin".to_owned()), "plugins", words);
                    }
                }
                ("gpu_telemetry", value) => self.gpu_telemetry(value)?,
                ("server_metrics", Value::String(url)) => {
                    self.put("--server-metrics", &key, Value::String(url))?
                }
                ("server_metrics", Value::Object(fields)) => self.server_metrics(fields)?,
                ("otel", Value::Object(fields)) => self.otel(fields)?,
                ("mlflow", Value::Object(fields)) => self.mlflow(fields)?,
                ("network_latency", Value::Object(fields)) => self.network_latency(fields)?,
                ("tokenizer", Value::Object(fields)) => self.tokenizer(fields)?,
                ("metrics", Value::Object(fields)) if fields.is_empty() => {}
                (_, value) => self.key(&key, &key, value)?,
            }
        }
        if phases.is_empty() { Ok(()) } else { self.put_phases(phases) }
    }

    /// A path as the user wrote it.
    fn at(&self, path: &str) -> String {
        let whole = format!("{}{path}", self.prefix);
        self.written.of(&whole).to_owned()
    }

    fn exclude(&self, body: &Map<String, Value>, one: &str, other: &str) -> Read {
        if body.contains_key(one) && body.contains_key(other) {
            return Err(format!(
                "`{}` contradicts `{}`: leave one of them out",
                self.at(one),
                self.at(other)
            ));
        }
        Ok(())
    }

    fn set(&mut self, flag: &str, path: &str, values: Vec<String>) {
        self.push(Target::Flag(flag.to_owned()), path, values);
    }

    fn push(&mut self, target: Target, path: &str, values: Vec<String>) {
        let key = self.at(path);
        self.config.settings.push(Setting { target, values, key });
    }

    /// What a key of this known path sets; `path` is its path with the places of lists.
    fn key(&mut self, known: &str, path: &str, value: Value) -> Read {
        if value.is_null() {
            return Ok(());
        }
        let Some(meaning) = keys::meaning(known) else {
            let Value::Object(fields) = value else { return Err(self.unknown(known, path)) };
            let is_known = KEYS.iter().any(|(key, _)| key.starts_with(&format!("{known}.")));
            if !is_known {
                return Err(self.unknown(known, path));
            }
            return self.keys(known, path, fields);
        };
        match meaning {
            Meaning::Known => Ok(()),
            Meaning::Flag(flag) => match value {
                Value::Object(fields) if is_switch(flag) => {
                    self.set(flag, path, Vec::new());
                    self.keys(known, path, fields)
                }
                value => self.put(flag, path, value),
            },
            Meaning::Unless(flag) => {
                match truth(&value) {
                    Some(true) => {}
                    Some(false) => self.set(flag, path, Vec::new()),
                    None => return Err(format!("`{}` is neither true nor false", self.at(path))),
                }
                Ok(())
            }
            Meaning::Seconds(flag) => {
                let seconds = duration(&value).map_err(|why| format!("`{}`: {why}", self.at(path)))?;
                self.put(flag, path, json!(seconds))
            }
            Meaning::Length(mean, stddev) => self.length([mean, stddev], path, &value),
            Meaning::Json(flag) => self.json(flag, path, value),
            Meaning::Pairs(flag, separator) => self.pairs(flag, separator, path, value),
            Meaning::Only(accepted, why) => {
                if accepted.contains(&value.to_string().as_str()) {
                    return Ok(());
                }
                Err(format!("`{}` is not supported: {why}", self.at(path)))
            }
        }
    }

    /// Every key of an object.
    fn keys(&mut self, known: &str, path: &str, fields: Map<String, Value>) -> Read {
        for (key, value) in fields {
            self.key(&format!("{known}.{key}"), &format!("{path}.{key}"), value)?;
        }
        Ok(())
    }

    fn unknown(&self, known: &str, path: &str) -> String {
        let (above, key) = known.rsplit_once('.').unwrap_or(("", known));
        let near = keys::below(above).map(|other| (strsim::damerau_levenshtein(key, other), other)).min();
        let hint =
            near.filter(|(distance, _)| *distance <= 2).map(|(_, near)| format!("; did you mean `{near}`?"));
        format!("`{}` is not a known key{}", self.at(path), hint.unwrap_or_default())
    }

    fn put(&mut self, flag: &str, path: &str, value: Value) -> Read {
        if is_switch(flag) {
            match truth(&value) {
                Some(true) => self.set(flag, path, Vec::new()),
                Some(false) => {}
                None => return Err(format!("`{}` is neither true nor false", self.at(path))),
            }
            return Ok(());
        }
        let scalar = |value: &Value| {
            scalar(value).ok_or_else(|| format!("`{}` is not a text, number or boolean", self.at(path)))
        };
        let values = match &value {
            Value::Array(items) if items.is_empty() => return Ok(()),
            Value::Array(items) => items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?,
            other => vec![scalar(other)?],
        };
        self.set(flag, path, values);
        Ok(())
    }

    fn json(&mut self, flag: &str, path: &str, value: Value) -> Read {
        let text = match value {
            Value::Object(fields) if fields.is_empty() => return Ok(()),
            // Values of headers are texts.
            Value::Object(fields) if flag == "--header" => {
                let texts =
                    fields.iter().map(|(name, value)| Some((name.clone(), Value::from(scalar(value)?))));
                let texts = texts.collect::<Option<Map<_, _>>>();
                let texts =
                    texts.ok_or_else(|| format!("`{}` is not a mapping of names to texts", self.at(path)))?;
                Value::Object(texts).to_string()
            }
            Value::String(text) => text,
            other => other.to_string(),
        };
        self.set(flag, path, vec![text]);
        Ok(())
    }

    fn pairs(&mut self, flag: &str, separator: char, path: &str, value: Value) -> Read {
        let pair = |name: &str, value: &Value| scalar(value).map(|value| format!("{name}{separator}{value}"));
        let values = match &value {
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| pair(name, value)).collect::<Option<Vec<_>>>()
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| match item.as_array().map(Vec::as_slice) {
                    Some([Value::String(name), value]) => pair(name, value),
                    _ => scalar(item),
                });
                items.collect()
            }
            other => scalar(other).map(|text| vec![text]),
        };
        match values {
            Some(values) if values.is_empty() => Ok(()),
            Some(values) => {
                self.set(flag, path, values);
                Ok(())
            }
            None => Err(format!("`{}` is not a mapping of names to texts", self.at(path))),
        }
    }

    /// A distribution: a normal one by the flags of its mean and deviation, another one as it is.
    fn length(&mut self, [mean_flag, stddev_flag]: [&'static str; 2], path: &str, value: &Value) -> Read {
        let length = distribution(value).map_err(|why| format!("`{}`: {why}", self.at(path)))?;
        let is_plain = length.form.is_none() && length.min.is_none() && length.max.is_none();
        if is_plain && length.mean <= 0.0 && mean_flag == "--prompt-output-tokens-mean" {
            // As in AIPerf, requests have no maximum then.
            return Ok(());
        }
        if is_plain && length.mean >= 1.0 && length.mean.fract() == 0.0 {
            self.put(mean_flag, path, json!(length.mean))?;
            if length.stddev > 0.0 {
                self.put(stddev_flag, path, json!(length.stddev))?;
            }
            return Ok(());
        }
        self.push(Target::Distribution(mean_flag.to_owned()), path, vec![value.to_string()]);
        Ok(())
    }

    fn models(&mut self, key: &str, mut models: Map<String, Value>) -> Read {
        let path = |rest: &str| format!("{key}.{rest}");
        if let Some(strategy) = models.remove("strategy") {
            // One model needs no choice.
            if models.get("items").and_then(Value::as_array).is_some_and(|items| items.len() > 1) {
                self.put("--model-selection-strategy", &path("strategy"), strategy)?;
            }
        }
        let Some(Value::Array(items)) = models.remove("items") else {
            return Err(format!("`{}` has no list `items`", self.at(key)));
        };
        if let Some(unknown) = models.keys().next() {
            return Err(format!("`{}` is not a known key", self.at(&path(unknown))));
        }
        for (place, item) in items.into_iter().enumerate() {
            let at = path(&format!("items[{place}]"));
            let fields = match item {
                Value::Object(fields) => fields,
                name => Map::from_iter([("name".to_owned(), name)]),
            };
            if !fields.contains_key("name") {
                return Err(format!("`{}` has no `name`", self.at(&at)));
            }
            for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
                let at = format!("{at}.{field}");
                match field.as_str() {
                    "name" => self.put("--model", &at, value)?,
                    "weight" => self.put("--model-weights", &at, value)?,
                    _ => {
                        return Err(format!(
                            "`{}` is not supported: a model has a name and a weight",
                            self.at(&at)
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn endpoint(&mut self, mut endpoint: Map<String, Value>) -> Read {
        endpoint.retain(|_, value| !value.is_null());
        if let Some(Value::Object(mut template)) = endpoint.remove("template") {
            template.retain(|_, value| !value.is_null());
            let body = template.remove("body").unwrap_or(Value::Null);
            let field = template.remove("response_field");
            if let Some(unknown) = template.keys().next() {
                return Err(format!(
                    "`{}` is not a known key",
                    self.at(&format!("endpoint.template.{unknown}"))
                ));
            }
            let extra = endpoint.entry("extra").or_insert_with(|| json!({}));
            if let Some(extra) = extra.as_object_mut() {
                extra.insert("payload_template".to_owned(), body);
                extra.extend(field.map(|field| ("response_field".to_owned(), field)));
            }
        }
        let waits = endpoint.get("wait_for_model_timeout").and_then(scalar);
        if waits.and_then(|text| text.parse::<f64>().ok()).is_none_or(|seconds| seconds <= 0.0) {
            endpoint.remove("wait_for_model_mode");
            endpoint.remove("wait_for_model_interval");
        }
        self.keys("endpoint", "endpoint", endpoint)
    }

    fn tokenizer(&mut self, mut fields: Map<String, Value>) -> Read {
        fields.retain(|_, value| !value.is_null());
        if !fields.contains_key("name") {
            fields.remove("revision");
        }
        self.keys("tokenizer", "tokenizer", fields)
    }

    fn datasets(&mut self, mut list: Vec<Value>) -> Read {
        match (list.len(), list.pop()) {
            (1, Some(Value::Object(dataset))) => self.dataset("datasets[0]", dataset),
            (1, _) => Err(format!("`{}` is not a mapping", self.at("datasets[0]"))),
            (count, _) => {
                Err(format!("`{}` has {count} entries: a run has one dataset", self.at("datasets")))
            }
        }
    }

    fn dataset(&mut self, path: &str, mut dataset: Map<String, Value>) -> Read {
        dataset.retain(|_, value| !value.is_null());
        self.dataset_type(path, &dataset)?;
        if let Some(records) = dataset.remove("records") {
            let at = format!("{path}.records");
            if dataset.contains_key("path") {
                let why = format!("`{}` contradicts `{}`", self.at(&at), self.at(&format!("{path}.path")));
                return Err(why);
            }
            if !(records.is_array() || records.is_object()) {
                return Err(format!("`{}` is neither a list of rows nor a mapping of pools", self.at(&at)));
            }
            self.push(Target::Records, &at, vec![records.to_string()]);
        }
        if let Some(Value::Object(prompts)) = dataset.get_mut("prompts") {
            prompts.retain(|_, value| !value.is_null());
            // It changes the meaning of a ratio.
            if !prompts.contains_key("random_range_ratio") {
                prompts.remove("random_corpus_style");
            }
            if let Some(pairs) = prompts.remove("sequence_distribution") {
                self.sequence_distribution(&format!("{path}.prompts.sequence_distribution"), pairs)?;
            }
        }
        if let Some(Value::Object(images)) = dataset.get_mut("images")
            && images.get("source").is_none_or(|source| source == "noise")
        {
            images.remove("source_sampling");
        }
        self.keys("datasets", path, dataset)
    }

    /// Holds that a dataset has what its type needs, and nothing of another type. Without a type, the keys tell.
    fn dataset_type(&self, path: &str, dataset: &Map<String, Value>) -> Read {
        let Some(kind) = dataset.get("type") else { return Ok(()) };
        let at = self.at(&format!("{path}.type"));
        let has = |key: &str| dataset.contains_key(key);
        let needed = match kind.as_str() {
            Some("synthetic") => {
                let other = ["path", "records", "dataset"].into_iter().find(|key| has(key));
                let refuse = |key| {
                    Err(format!("`{}` contradicts `{at}: synthetic`", self.at(&format!("{path}.{key}"))))
                };
                return other.map_or(Ok(()), refuse);
            }
            Some("file") if has("path") || has("records") => return Ok(()),
            Some("public") if has("dataset") => return Ok(()),
            Some("file") => "file: it needs `path` or `records`",
            Some("public") => "public: it needs `dataset`, its name",
            _ => return Err(format!("`{at}` is none of synthetic, file and public")),
        };
        Err(format!("`{at}` is {needed}"))
    }

    fn sequence_distribution(&mut self, path: &str, pairs: Value) -> Read {
        let Value::Array(pairs) = pairs else { return Err(format!("`{}` is not a list", self.at(path))) };
        let known = ["isl", "osl", "isl_stddev", "osl_stddev", "probability"];
        for (place, pair) in pairs.iter().enumerate() {
            let at = self.at(&format!("{path}[{place}]"));
            let Some(fields) = pair.as_object() else { return Err(format!("`{at}` is not a mapping")) };
            if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
                return Err(format!("`{at}.{unknown}` is not a known key"));
            }
        }
        self.set("--seq-dist", path, vec![json!({ "pairs": pairs }).to_string()]);
        Ok(())
    }

    fn phases(&self, value: Value, phases: &mut Vec<(String, Map<String, Value>)>) -> Read {
        match value {
            Value::Array(list) => {
                for (place, phase) in list.into_iter().enumerate() {
                    let path = format!("phases[{place}]");
                    let Value::Object(fields) = phase else {
                        return Err(format!("`{}` is not a mapping", self.at(&path)));
                    };
                    let phase = self.phase(&path, fields)?;
                    phases.push((path, phase));
                }
            }
            Value::Object(named) if !named.contains_key("type") && named.values().all(Value::is_object) => {
                for (name, phase) in named {
                    let path = format!("phases.{name}");
                    let Value::Object(mut fields) = phase else { continue };
                    fields.entry("name").or_insert_with(|| Value::from(name));
                    let phase = self.phase(&path, fields)?;
                    phases.push((path, phase));
                }
            }
            Value::Object(mut fields) => {
                fields.entry("name").or_insert_with(|| Value::from("profiling"));
                let phase = self.phase("phases", fields)?;
                phases.push(("phases".to_owned(), phase));
            }
            _ => return Err(format!("`{}` is not a list of phases", self.at("phases"))),
        }
        Ok(())
    }

    /// A phase without the keys that only AIPerf has.
    fn phase(&self, path: &str, mut fields: Map<String, Value>) -> Result<Map<String, Value>, String> {
        for (key, accepted, why) in PHASE_KEYS {
            match fields.remove(*key) {
                None | Some(Value::Null) => {}
                Some(value) if accepted.contains(&value.to_string().as_str()) => {}
                Some(_) => {
                    return Err(format!("`{}` is not supported: {why}", self.at(&format!("{path}.{key}"))));
                }
            }
        }
        fields.retain(|_, value| !value.is_null());
        Ok(fields)
    }

    fn put_phases(&mut self, phases: Vec<(String, Map<String, Value>)>) -> Read {
        let is_warmup = |fields: &Map<String, Value>| {
            let is = |key: &str, word: &str| fields.get(key).is_some_and(|value| value == word);
            is("kind", "warmup") || (!fields.contains_key("kind") && is("name", "warmup"))
        };
        for wants_warmup in [false, true] {
            let mut alike = phases.iter().filter(|(_, fields)| is_warmup(fields) == wants_warmup);
            let (Some((path, fields)), None) = (alike.next(), alike.next()) else { continue };
            for (_, key, flag, warmup_flag) in FIELDS {
                let flag = if wants_warmup { warmup_flag } else { flag };
                // A phase always has a type, the flag only where there is a rate.
                if *key != "type" && !flag.is_empty() && fields.contains_key(*key) {
                    self.config.phase_keys.push((flag, self.at(&format!("{path}.{key}"))));
                }
            }
        }
        let path =
            if phases.iter().any(|(path, _)| path.starts_with("phases")) { "phases" } else { "profiling" };
        let list = phases.into_iter().map(|(_, fields)| Value::Object(fields)).collect();
        self.push(Target::Phases, path, vec![Value::Array(list).to_string()]);
        Ok(())
    }

    fn objectives(&mut self, limits: &Map<String, Value>) -> Read {
        let mut pairs = Vec::new();
        for (tag, limit) in limits {
            let limit = scalar(limit)
                .ok_or_else(|| format!("`{}` is not a number", self.at(&format!("slos.{tag}"))))?;
            pairs.push(format!("{tag}:{limit}"));
        }
        if !pairs.is_empty() {
            self.set("--goodput", "slos", vec![pairs.join(" ")]);
        }
        Ok(())
    }

    fn artifacts(&mut self, mut fields: Map<String, Value>) -> Read {
        fields.retain(|_, value| !value.is_null());
        let is_false = |value: &Option<Value>| value.as_ref().and_then(truth) == Some(false);
        let (summary, records, raw) =
            (fields.remove("summary"), fields.remove("records"), fields.remove("raw"));
        if is_false(&summary) {
            return Err(format!(
                "`{}` is not supported: the summary is always written",
                self.at("artifacts.summary")
            ));
        }
        if raw.as_ref().and_then(truth) == Some(true) {
            self.set("--export-level", "artifacts.raw", vec!["raw".to_owned()]);
        } else if is_false(&records) {
            self.set("--export-level", "artifacts.records", vec!["summary".to_owned()]);
        }
        if is_false(&fields.get("auto_plot").cloned()) {
            fields.remove("auto_plot");
            self.set("--no-auto-plot", "artifacts.auto_plot", Vec::new());
        }
        if let Some(files) = fields.remove("user_files")
            && files.as_array().is_none_or(|files| !files.is_empty())
        {
            let path = "artifacts.user_files";
            user_files::parse(&files).map_err(|why| format!("`{}`: {why}", self.at(path)))?;
            let json = json!({ "variables": self.variables, "files": files });
            self.push(Target::UserFiles, path, vec![json.to_string()]);
        }
        self.keys("artifacts", "artifacts", fields)
    }

    fn gpu_telemetry(&mut self, value: Value) -> Read {
        let mut fields = match value {
            Value::String(url) => Map::from_iter([("urls".to_owned(), Value::from(url))]),
            Value::Object(fields) => fields,
            _ => return Err(format!("`{}` is neither a URL nor a mapping", self.at("gpu_telemetry"))),
        };
        fields.retain(|_, value| !value.is_null());
        if fields.get("enabled").and_then(truth) == Some(false) {
            self.set("--no-gpu-telemetry", "gpu_telemetry.enabled", Vec::new());
            return Ok(());
        }
        let mut sources = Vec::new();
        for (key, words) in [
            ("collector", Some("dcgm")),
            ("mode", Some("summary")),
            ("urls", None),
            ("url", None),
            ("metrics_file", None),
        ] {
            let values = match fields.remove(key) {
                None => continue,
                Some(Value::Array(items)) => items,
                Some(one) => vec![one],
            };
            for value in values {
                match scalar(&value) {
                    Some(text) if Some(text.as_str()) == words => {}
                    Some(text) if text == "realtime_dashboard" => sources.push("dashboard".to_owned()),
                    Some(text) => sources.push(text),
                    None => {
                        return Err(format!("`{}` is not a text", self.at(&format!("gpu_telemetry.{key}"))));
                    }
                }
            }
        }
        if !sources.is_empty() {
            self.set("--gpu-telemetry", "gpu_telemetry", sources);
        }
        self.keys("gpu_telemetry", "gpu_telemetry", fields)
    }

    fn server_metrics(&mut self, fields: Map<String, Value>) -> Read {
        if fields.get("enabled").and_then(truth) == Some(false) {
            self.set("--no-server-metrics", "server_metrics.enabled", Vec::new());
            return Ok(());
        }
        self.keys("server_metrics", "server_metrics", fields)
    }

    fn otel(&mut self, mut fields: Map<String, Value>) -> Read {
        fields.retain(|_, value| !value.is_null());
        let mut is_on = |key: &str| fields.remove(key).as_ref().and_then(truth) != Some(false);
        let (metrics, timing) = (is_on("stream_metrics_enabled"), is_on("stream_timing_enabled"));
        let streamed = match (metrics, timing) {
            (true, true) => None,
            (true, false) => Some("metrics"),
            (false, true) => Some("timing"),
            (false, false) => Some("none"),
        };
        if let Some(streamed) = streamed.filter(|_| fields.contains_key("metrics_url")) {
            self.set("--stream", "otel", vec![streamed.to_owned()]);
        }
        self.keys("otel", "otel", fields)
    }

    fn mlflow(&mut self, mut fields: Map<String, Value>) -> Read {
        fields.retain(|_, value| !value.is_null());
        if !fields.contains_key("tracking_uri")
            && fields.get("experiment").is_some_and(|name| name == "aiperf")
        {
            fields.remove("experiment");
        }
        self.keys("mlflow", "mlflow", fields)
    }

    fn network_latency(&mut self, mut fields: Map<String, Value>) -> Read {
        fields.retain(|_, value| !value.is_null());
        if fields.contains_key("mean_ms") {
            fields.remove("enabled");
        }
        if fields.get("enabled").and_then(truth) != Some(true) {
            fields.remove("ping_interval");
        }
        self.keys("network_latency", "network_latency", fields)
    }
}

/// Whether a flag has no value.
fn is_switch(flag: &str) -> bool {
    let command = crate::args::profile_command();
    let name = flag.trim_start_matches('-');
    let switch = command.get_arguments().find(|known| known.get_long() == Some(name));
    switch.is_some_and(|known| !known.get_action().takes_values())
}

/// A boolean, also as text, which is what a variable of the environment is.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A value as a word of the command line.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        // 8.0 of a count.
        Value::Number(number) => {
            let text = number.to_string();
            Some(text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
        Document::parse(text)?.read(variable)
    }

    fn words(text: &str) -> Result<String, String> {
        let variable = |name: &str| (name == "KEY").then(|| "k".to_owned());
        let settings = read(text, variable)?.settings.into_iter();
        let words = settings.flat_map(|setting| match &setting.target {
            Target::Flag(_) => setting.words(),
            Target::Distribution(flag) => vec![format!("{flag}~{}", setting.values[0])],
            other => vec![format!("{other:?}={}", setting.values[0])],
        });
        Ok(words.collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(words(text).as_deref(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let why = words(text).expect_err(text);
        assert!(why.contains(expected), "{text}: {why}");
    }

    #[test]
    fn keys_set_flags_in_both_spellings() {
        check(
            "benchmark:\n  models: [a, b]\n  endpoint: {type: chat, streaming: true, api_key: \"${KEY}\", extra: {min_tokens: 3}}\n  \
             datasets:\n  - {type: synthetic, entries: 7, prompts: {isl: {mean: 100, stddev: 5}, osl: 9}}\nrandom_seed: 4\n",
            "--random-seed=4 --model=a --model=b --endpoint-type=chat --streaming --api-key=k --extra-inputs={\"min_tokens\":3} \
             --num-dataset-entries=7 --prompt-input-tokens-mean=100 --prompt-input-tokens-stddev=5 --prompt-output-tokens-mean=9",
        );
        check(
            "schemaVersion: \"2.0\"\nrandomSeed: 4\nmultiRun: {numRuns: 5, setConsistentSeed: false, cooldownSeconds: 1.0}\n\
             benchmark: {model: m, serverMetrics: {urls: [u], discovery: {timeoutSeconds: 30.0}}, artifacts: {sliceDuration: 5m}}",
            "--random-seed=4 --num-profile-runs=5 --no-set-consistent-seed --profile-run-cooldown-seconds=1 --model=m \
             --server-metrics=u --slice-duration=300",
        );
        check(
            "models: {strategy: weighted, items: [{name: a, weight: 2}, {name: b, weight: 1}]}\n\
             endpoint: {resetKvCache: {path: /x}, headers: {A: 1, B: \"c,d\"}, streaming: \"${NONE:yes}\"}",
            "--model-selection-strategy=weighted --model=a --model-weights=2 --model=b --model-weights=1 \
             --reset-kv-cache --reset-kv-cache-path=/x --header={\"A\":\"1\",\"B\":\"c,d\"} --streaming",
        );
        check(
            "slos: {time_to_first_token: 200, request_latency: 5.5}\ngpuTelemetry: {enabled: true, collector: pynvml}\n\
             mlflow: {tracking_uri: u, tags: {a: 1}}\nartifacts: {records: false}\nserver_metrics: {enabled: false, urls: [x]}",
            "--goodput=time_to_first_token:200 request_latency:5.5 --gpu-telemetry=pynvml --mlflow-tracking-uri=u \
             --mlflow-tag=a:1 --export-level=summary --no-server-metrics",
        );
    }

    #[test]
    fn phases_are_taken_as_they_are() {
        check(
            "model: m\nwarmup: {requests: 2}\nprofiling: {concurrency: 3}\n",
            "--model=m Phases=[{\"requests\":2,\"name\":\"warmup\",\"kind\":\"warmup\"},\
             {\"concurrency\":3,\"name\":\"profiling\",\"kind\":\"profiling\"}]",
        );
        check(
            "phases: {type: poisson, rate: 2, rateRamp: 30s, adaptiveScale: {controlMax: 9}, burstPhaseStarts: false}",
            "Phases=[{\"type\":\"poisson\",\"rate\":2,\"rate_ramp\":\"30s\",\"adaptive_scale\":{\"control_max\":9},\
             \"name\":\"profiling\"}]",
        );
        check(
            "phases:\n  cold: {kind: warmup, requests: 3}\n  steady: {kind: profiling, requests: 9}\n",
            "Phases=[{\"kind\":\"warmup\",\"requests\":3,\"name\":\"cold\"},\
             {\"kind\":\"profiling\",\"requests\":9,\"name\":\"steady\"}]",
        );
        let config =
            read("phases: [{name: profiling, type: poisson, rate: 2, gracePeriod: 3}]", |_| None).unwrap();
        let keys = [("request-rate", "phases[0].rate"), ("benchmark-grace-period", "phases[0].gracePeriod")];
        assert_eq!(config.phase_keys, keys.map(|(flag, key)| (flag, key.to_owned())), "as written");
        check_refused("phases: [{burstPhaseStarts: true}]", "`phases[0].burstPhaseStarts` is not supported");
        check_refused("warmup: {requests: 1}", "`warmup` needs `profiling`");
        check_refused("warmup: {requests: 1}\nphases: []", "`warmup` contradicts `phases`");
    }

    #[test]
    fn distributions_and_rows_are_passed_on() {
        check(
            "dataset: {type: synthetic, isl: {mean: 512, median: 400}, turns: {mean: 2.5}, osl: 0}",
            "--prompt-input-tokens-mean~{\"mean\":512,\"median\":400} \
             --conversation-turn-mean~{\"mean\":2.5}",
        );
        check(
            "dataset: {type: file, format: single_turn, records: [{text: a, outputLength: 3}]}",
            "Records=[{\"text\":\"a\",\"outputLength\":3}] --custom-dataset-type=single_turn",
        );
        check(
            "dataset: {prompts: {sequenceDistribution: [{isl: 9, osl: 3, probability: 100}]}}",
            "--seq-dist={\"pairs\":[{\"isl\":9,\"osl\":3,\"probability\":100}]}",
        );
        check(
            "variables: {n: 3}\nartifacts: {userFiles: [{path: a.txt, content: \"{{ n }}\"}]}",
            "UserFiles={\"variables\":{\"n\":3},\"files\":[{\"path\":\"a.txt\",\"content\":\"{{ n }}\"}]}",
        );
        check_refused("dataset: {records: [], path: x}", "`dataset.records` contradicts `dataset.path`");
        check_refused("datasets: [{name: a}, {name: b}]", "has 2 entries");
        check_refused("dataset: {type: file}", "`dataset.type` is file: it needs `path` or `records`");
        check_refused("dataset: {type: public}", "it needs `dataset`");
        check_refused(
            "dataset: {type: synthetic, path: x}",
            "`dataset.path` contradicts `dataset.type: synthetic`",
        );
    }

    #[test]
    fn what_is_not_known_is_refused_by_the_users_own_key() {
        check_refused("model: ${NONE}\n", "`${NONE}` is not set in the environment");
        check_refused("model: m\nendpoint: {colour: 3}\n", "`endpoint.colour` is not a known key");
        check_refused(
            "benchmark: {endpoint: {timout: 3}}",
            "`benchmark.endpoint.timout` is not a known key; did you mean `timeout`?",
        );
        check_refused("dataset: {prompts: {batchsize: 3}}", "did you mean `batch_size`?");
        check_refused("scenario: x", "`scenario` is not supported");
        check_refused("model: m\nbenchmark: {}", "`model` is not a known key next to `benchmark`");
        check_refused("endpoint: {timeout: soon}", "`endpoint.timeout`: `soon` is not a duration");
        check_refused("endpoint: {streaming: maybe}", "`endpoint.streaming` is neither true nor false");
        check_refused("dataset: {isl: {mean: 3, median: 9}}", "`dataset.isl`: a median of 9");
        check_refused("artifacts: {userFiles: [{path: ../x, content: a}]}", "below the artifact directory");
        check_refused("wandb: {project: p}", "`wandb.project` is not supported");
        let hidden = read("endpoint: {timeout: \"${KEY}\"}", |_| Some("hush-hush".to_owned())).unwrap_err();
        assert_eq!(
            hidden.split(" is not").next(),
            Some("`endpoint.timeout`: `${KEY}`"),
            "no value: {hidden}"
        );
    }

    #[test]
    fn every_key_sets_a_flag_that_there_is() {
        let command = crate::args::profile_command();
        let is_flag = |name: &str| {
            command.get_arguments().any(|flag| {
                let aliases = flag.get_all_aliases().unwrap_or_default();
                flag.get_long().into_iter().chain(aliases).any(|long| format!("--{long}") == name)
            })
        };
        for (key, meaning) in KEYS {
            let flags = match meaning {
                Meaning::Flag(flag)
                | Meaning::Unless(flag)
                | Meaning::Seconds(flag)
                | Meaning::Json(flag) => vec![*flag],
                Meaning::Pairs(flag, _) => vec![*flag],
                Meaning::Length(mean, stddev) => vec![*mean, *stddev],
                Meaning::Known | Meaning::Only(..) => Vec::new(),
            };
            assert!(flags.iter().all(|flag| is_flag(flag)), "`{key}` sets {flags:?}");
        }
    }

    #[test]
    fn a_run_is_repeated_by_its_settings() {
        let run = |given: Value| {
            json!({
                "run_id": "r",
                "plan": {"given": given, "random_seed": 7, "endpoint": {"header_names": ["Authorization"]}}
            })
            .to_string()
        };
        let config = read(&run(json!({"model": ["m"], "streaming": []})), |_| None).unwrap();
        assert!(config.is_run && config.headers == ["Authorization"], "an earlier run");
        check(&run(json!({"model": ["m"], "streaming": []})), "--model=m --streaming --random-seed=7");
        check_refused(&run(json!({})), "does not store its settings");
        check_refused(&run(json!({"no-such-flag": []})), "`plan.given.no-such-flag` is no setting of a run");
        check_refused(&run(json!({"socket": ["/s"]})), "`plan.given.socket` is no setting of a run");
        let secret =
            read(&run(json!({"url": ["http://h?key=[redacted]"], "model": ["m"]})), |_| None).unwrap();
        assert_eq!(secret.secrets, ["url"], "to be given again");
        assert!(!secret.settings.iter().any(|setting| setting.flag() == "--url"), "{:?}", secret.settings);
        let text = r#"{"run_id":"r","plan":{"given":{"model":["m"]},"endpoint":{"kind":"messages","header_names":["anthropic-version"]}}}"#;
        assert_eq!(read(text, |_| None).unwrap().headers, [""; 0], "the endpoint's own header is no secret");
    }
}
