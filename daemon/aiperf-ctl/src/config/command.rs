//! Runs `aiperf-ctl config`: templates, checks and expansions of configuration files, without a run.

use super::Document;
use super::templates::{TEMPLATES, Template};
use crate::args::{
    Args, Command, ConfigArgs, ConfigCommand, ExpandArgs, ExpandFormat, InitArgs, Unparsed, parse,
};
use crate::plan::{Refusal, plan};
use crate::plot::AutoPlot;
use crate::terminal::{print_result, print_warning};
use anyhow::{Context, Result};
use experiment::Variation;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Runs a command; returns the exit status.
pub(crate) fn run(args: &ConfigArgs) -> Result<u8> {
    match &args.command {
        ConfigCommand::Init(args) => init(args),
        ConfigCommand::Validate { file } => validate(file),
        ConfigCommand::Expand(args) => expand(args),
    }
}

fn init(args: &InitArgs) -> Result<u8> {
    let Some(name) = args.template.as_ref().filter(|_| !args.list && args.search.is_none()) else {
        let wanted = |template: &&Template| args.search.as_ref().is_none_or(|word| template.has(word));
        let listed = TEMPLATES.iter().filter(wanted);
        let lines = listed.map(|template| format!("{:<27} {}\n", template.name, template.title()));
        print_result(&lines.collect::<String>());
        return Ok(0);
    };
    let Some(template) = Template::find(name) else {
        return Err(Refusal(format!("--template {name}: `config init --list` lists the templates")).into());
    };
    for (flag, text) in [("--model", &args.model), ("--url", &args.url)] {
        if text.contains(['"', '\\', '{', '}']) || text.chars().any(char::is_control) {
            return Err(
                Refusal(format!("{flag}: `{text}` has a character that a template cannot hold")).into()
            );
        }
    }
    let text = template.file(&args.model, &args.url);
    let Some(path) = &args.output else {
        print_result(&text);
        return Ok(0);
    };
    let shown = path.display();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| Refusal(format!("--output: failed to write `{shown}`: {error}")))?;
    file.write_all(text.as_bytes()).with_context(|| format!("failed to write `{shown}`"))?;
    print_result(&format!("`{shown}` is written; run it with `profile --config {shown}`\n"));
    Ok(0)
}

/// The runs of a file, as `profile --config FILE` would make them.
fn profiles(file: &Path) -> Result<Args> {
    let words = ["aiperf-ctl", "profile", "--config"].map(OsString::from);
    let words = words.into_iter().chain([file.as_os_str().to_owned()]).collect::<Vec<_>>();
    parse(&words).map_err(|error| match error {
        Unparsed::Refused(why) => Refusal(why).into(),
        Unparsed::Clap(error) => Refusal(format!("{}: {error}", file.display())).into(),
    })
}

fn validate(file: &Path) -> Result<u8> {
    let args = profiles(file)?;
    let Command::Profile(profile) = args.command else { return Ok(0) };
    let runs = match &profile.swept {
        Some(swept) => swept.runs.iter().map(|(variation, args)| (variation.label.as_str(), args)).collect(),
        None => vec![("", &*profile)],
    };
    let mut warnings = Vec::new();
    for (label, args) in &runs {
        let checked = plan(args, &[]).map_err(|refusal| match label.is_empty() {
            true => refusal,
            false => Refusal(format!("variation `{label}`: {refusal}")),
        })?;
        warnings.extend(checked.warnings);
    }
    AutoPlot::of(&profile)?;
    warnings.dedup();
    warnings.iter().for_each(|warning| print_warning(warning));
    print_result(&format!("Configuration valid: {}\n", file.display()));
    Ok(0)
}

fn expand(args: &ExpandArgs) -> Result<u8> {
    let shown = args.file.display();
    let refused = |why: String| Refusal(format!("{shown}: {why}"));
    let text = store::source::read_text(&args.file, super::BYTES_MAX)
        .map_err(|error| refused(format!("failed to read it: {error}")))?;
    let document = Document::parse(&text).map_err(refused)?;
    let sweep = document.sweep(|name| std::env::var(name).ok()).map_err(refused)?;
    let sweep = sweep.ok_or_else(|| refused("it has no `sweep`".to_owned()))?;
    sweep.warnings().iter().for_each(|warning| print_warning(warning));
    let all = document.variations(&sweep).map_err(refused)?;
    let wanted =
        |(place, _): &(usize, &(Document, Variation))| args.index.is_none_or(|index| index == *place);
    let variations = all.iter().enumerate().filter(wanted).map(|(_, one)| one).collect::<Vec<_>>();
    if variations.is_empty() {
        return Err(refused(format!("it has no variation {}", args.index.unwrap_or_default())).into());
    }
    let is_full = args.full || args.index.is_some();
    let tree = json!({
        "sweep_type": sweep.class(),
        "variations": variations.iter().map(|(document, variation)| {
            let mut fields = json!({
                "index": variation.index,
                "dir_name": variation.directory(),
                "label": variation.label,
                "values": variation.values,
            });
            if is_full {
                fields["benchmark"] = Value::Object(document.body());
            }
            fields
        }).collect::<Vec<_>>(),
    });
    print_result(&match args.format {
        ExpandFormat::Json => format!("{tree:#}\n"),
        ExpandFormat::Yaml => serde_saphyr::to_string(&tree)?,
        ExpandFormat::Text => {
            let mut text = format!("Sweep type: {} ({} variations)\n\n", sweep.class(), all.len());
            for (document, variation) in &variations {
                let (index, label) = (variation.index, &variation.label);
                writeln!(text, "[{index}] dir={}  label={label}", variation.directory())?;
                if is_full {
                    writeln!(text, "{}", serde_saphyr::to_string(&document.body())?)?;
                }
            }
            text
        }
    });
    Ok(0)
}

impl Document {
    /// What it measures: what is below `benchmark`, or all of it, without secrets.
    fn body(&self) -> Map<String, Value> {
        let body = self.fields.get("benchmark").and_then(Value::as_object);
        let mut body = body.cloned().unwrap_or_else(|| self.fields.clone());
        if let Some(Value::Object(endpoint)) = body.get_mut("endpoint") {
            for secret in ["api_key", "headers"] {
                endpoint.entry(secret).and_modify(|value| *value = Value::from("<redacted>"));
            }
        }
        body
    }
}
