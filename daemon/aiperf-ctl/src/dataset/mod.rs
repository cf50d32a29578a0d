//! The user's dataset as the load generator reads it: rows in one file.
//!
//! ```text
//! file of rows ───────────────────────────────▶ as it is; pictures and sounds of local files written into the rows
//! Parquet, Arrow, JSON ──▶ table ──▶ rows ──▶ single_turn or multi_turn rows        (public datasets, baseten_trace)
//! directory ──▶ its files ──▶ rows                                                   (raw_payload, pools, captures)
//! ```
//!
//! All of it runs as the user: the load generator and the daemon open no path that a user named.

mod baseten_trace;
mod directory;
mod media;
mod public;
mod table;
mod video;

use crate::args::ProfileArgs;
use crate::plan::Refusal;
use crate::tokenizer_file;
use crate::upload::Upload;
use anyhow::{Context, Result};
use bytes::Bytes;
use common::plan::{Input, Plan, Tokenizer};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// A row by its columns.
type Columns = Map<String, Value>;

/// The rows, if the plan has a dataset; the plan learns what they are.
pub(crate) fn read(args: &ProfileArgs, plan: &mut Plan) -> Result<Option<Upload>> {
    let seed = plan.random_seed;
    let tokenizer = match args.input.public_dataset {
        Some(_) => Some(tokenizer(plan, args)?),
        None => None,
    };
    let Input::File { format, change, .. } = &mut plan.input else { return Ok(None) };
    let rows = if let (Some(name), Some(tokenizer)) = (&args.input.public_dataset, tokenizer) {
        let known = public::find(name)?;
        known.format.clone_into(format);
        let path = public_path(args, name)?;
        let rows = table::read(&path, "--dataset-path")?;
        let kept = rows.iter().filter(|row| passes(row, &args.input.dataset_filters));
        lines(kept.filter_map(|row| (known.row)(row, &tokenizer)), known.name)?
    } else if let Some(path) = &args.input.input_file {
        if format == "baseten_trace" {
            "single_turn".clone_into(format);
            let rows = table::read(path, "--input-file")?;
            lines(baseten_trace::rows(&rows, args, seed)?.into_iter(), "baseten_trace")?
        } else if path.is_dir() {
            let (rows, now) = directory::read(path, format, change, seed)?;
            now.clone_into(format);
            rows
        } else {
            return Ok(Some(media::inlined_file(path, format)?));
        }
    } else {
        return Ok(None);
    };
    Ok(Some(Upload::Bytes(Bytes::from(rows))))
}

/// Pictures and videos for made-up requests, by the names of their inputs.
pub(crate) fn media(args: &ProfileArgs, plan: &Plan) -> Result<Vec<(&'static str, Upload)>> {
    let Input::Synthetic { entries, made, .. } = &plan.input else { return Ok(Vec::new()) };
    let mut uploads = Vec::new();
    if made.images.as_ref().is_some_and(|images| images.source.is_some())
        && let Some(directory) = &args.image.image_source
    {
        uploads.push(("pictures", media::pictures(Path::new(directory))?));
    }
    if made.videos > 0 {
        let wanted = entries.saturating_mul(made.videos);
        uploads.push(("videos", video::videos(&args.video, wanted, plan.random_seed)?));
    }
    Ok(uploads)
}

/// Where the copy of a public dataset is.
fn public_path(args: &ProfileArgs, name: &str) -> Result<PathBuf, Refusal> {
    if let Some(path) = &args.input.dataset_path {
        return Ok(path.clone());
    }
    let endings = ["jsonl", "json", "parquet"];
    let found =
        endings.iter().map(|ending| PathBuf::from(format!("{name}.{ending}"))).find(|path| path.exists());
    let home = public::find(name)?.home;
    found.ok_or_else(|| {
        Refusal(format!(
            "--public-dataset {name}: nothing is downloaded. Get it from {home}, such as by `hf download --repo-type \
             dataset`, and say by --dataset-path where it is (a .parquet, .arrow, .jsonl or .json file, or a directory of such)"
        ))
    })
}

/// Whether a row has all the values that the filters name.
fn passes(row: &Columns, filters: &[String]) -> bool {
    filters.iter().all(|filter| {
        let (field, wanted) = filter.split_once('=').unwrap_or((filter, ""));
        match row.get(field) {
            Some(Value::String(text)) => text == wanted,
            Some(other) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| *other == wanted),
            None => false,
        }
    })
}

/// What counts the answers of a public dataset.
fn tokenizer(plan: &Plan, args: &ProfileArgs) -> Result<tokenizer::Tokenizer> {
    let Tokenizer::File { name } = &plan.tokenizer else { return Ok(tokenizer::Tokenizer::builtin()) };
    let path = tokenizer_file::of(Path::new(name), args.tokenizer.tokenizer_revision.as_deref());
    let bytes = std::fs::read(&path)
        .map_err(|error| Refusal(format!("--tokenizer: failed to read `{}`: {error}", path.display())))?;
    tokenizer::Tokenizer::from_json(&bytes).with_context(|| format!("failed to use `{}`", path.display()))
}

/// Rows as lines of JSON.
fn lines(rows: impl Iterator<Item = Value>, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut bytes, &row)?;
        bytes.push(b'\n');
    }
    if bytes.is_empty() {
        return Err(Refusal(format!("{what}: no row can be used; does the file hold this dataset?")).into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_filtered_by_their_values() {
        let row = serde_json::json!({"a": "x", "n": 3});
        let check = |filters: &[&str], expected: bool| {
            let filters = filters.iter().map(|filter| (*filter).to_owned()).collect::<Vec<_>>();
            assert_eq!(passes(row.as_object().unwrap(), &filters), expected, "{filters:?}");
        };
        check(&[], true);
        check(&["a=x", "n=3"], true);
        check(&["a=x", "n=4"], false);
        check(&["b=x"], false);
    }
}
