//! Prepares the user's dataset in the form that the load generator reads: rows in one file.
//!
//! ```text
//! file of any format ──▶ a plugin ──▶ rows                                           (--plugin)
//! file of rows ───────────────────────────────▶ as it is; local images and audio inlined into the rows
//! Parquet, Arrow, JSON ──▶ table ──▶ rows ──▶ rows of a known format                 (public datasets, baseten_trace)
//! directory ──▶ its files ──▶ rows                                                   (raw_payload, pools, captures)
//! nothing ──▶ noise ──▶ ffmpeg ──▶ audio, videos                                     (synthetic prompts)
//! ```
//!
//! All of it runs as the user: the load generator and the daemon open no path that a user named.

mod arrow;
mod arrow_file;
mod audio;
mod baseten_trace;
mod copy;
mod directory;
mod exgentic;
mod ffmpeg;
mod media;
mod public;
mod table;
mod video;

use crate::args::ProfileArgs;
use crate::plan::Refusal;
use crate::plugin;
use crate::upload::Upload;
use anyhow::Result;
use bytes::Bytes;
use serde_json::{Map, Value};
use spec::{Change, Input, Plan, Plugins, SoundFormat};
use std::path::Path;

/// A row by its columns.
type Columns = Map<String, Value>;

/// The names of public datasets.
pub(crate) fn public_names() -> impl Iterator<Item = &'static str> {
    public::names()
}

/// Refuses a public dataset that is not supported.
pub(crate) fn check(name: &str) -> Result<(), Refusal> {
    public::find(name).map(|_known| ())
}

/// The rows, if the plan has a dataset; sets their format in the plan.
pub(crate) fn read(args: &ProfileArgs, plan: &mut Plan, plugins: Option<&Plugins>) -> Result<Option<Upload>> {
    if let Some(name) = &args.input.public_dataset {
        return Ok(Some(copy::read(name, args, plan)?));
    }
    let seed = plan.random_seed;
    let Input::File { format, change, .. } = &mut plan.input else { return Ok(None) };
    if let Some(json) = &args.input.records {
        return Ok(Some(Upload::Bytes(Bytes::from(records(json, format, change, seed)?))));
    }
    let Some(path) = &args.input.input_file else { return Ok(None) };
    let rows = if let Some(plugins) = plugins.filter(|plugins| plugins.dataset_loader.is_some()) {
        let rows = plugin::dataset_rows(plugins, path)?;
        media::inlined_rows(rows, format, path.parent().unwrap_or_else(|| Path::new(".")))?
    } else if format == "baseten_trace" {
        "single_turn".clone_into(format);
        let rows = table::read(path, "--input-file")?;
        if plan.load.fixed_schedule.is_automatic && plan.load.contradicts_replay().is_none() {
            // Whatever format the rows are converted to, they have times.
            plan.load.replay();
        }
        lines(baseten_trace::rows(&rows, args, seed)?.into_iter(), "baseten_trace")?
    } else if path.is_dir() {
        let (rows, now) = directory::read(path, format, change, seed)?;
        now.clone_into(format);
        rows
    } else {
        return Ok(Some(media::inlined_file(path, format)?));
    };
    Ok(Some(Upload::Bytes(Bytes::from(rows))))
}

/// The rows that a configuration file holds: a list, or pools by their names. Sets their format.
fn records(json: &str, format: &mut String, change: &Change, seed: u64) -> Result<Vec<u8>, Refusal> {
    let refused = |why: String| Refusal(format!("`records` of --config: {why}"));
    let value = serde_json::from_str(json).map_err(|error| refused(error.to_string()))?;
    let pools = match value {
        Value::Array(rows) => {
            let rows = lines(rows.into_iter(), "`records` of --config")
                .map_err(|error| refused(error.to_string()))?;
            return media::inlined_rows(rows, format, Path::new("."));
        }
        Value::Object(pools) if format == "random_pool" => pools,
        _ => return Err(refused("a mapping of pools needs the format random_pool".to_owned())),
    };
    let pool = |(name, rows): (String, Value)| match rows {
        Value::Array(rows) if !rows.is_empty() => Ok((name, rows)),
        _ => Err(refused(format!("the pool `{name}` has no rows"))),
    };
    let pools = pools.into_iter().map(pool).collect::<Result<Vec<_>, _>>()?;
    "single_turn".clone_into(format);
    let rows = directory::merged(&pools, change.pool_conversations.unwrap_or(100), seed);
    media::inlined_rows(rows, format, Path::new("."))
}

/// Images, audio and videos for synthetic requests, by the names of their inputs.
pub(crate) fn media(args: &ProfileArgs, plan: &Plan) -> Result<Vec<(&'static str, Upload)>> {
    let Input::Synthetic { entries, made, .. } = &plan.input else { return Ok(Vec::new()) };
    let mut uploads = Vec::new();
    if made.images.as_ref().is_some_and(|images| images.source.is_some())
        && let Some(directory) = &args.image.image_source
    {
        uploads.push(("pictures", media::images(Path::new(directory))?));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let turns = (f64::from(*entries) * made.turns.mean).ceil() as u32;
    // Generating one is enough to check the flags.
    let turns = if args.output.dry_run { 1 } else { turns };
    if let Some(audios) = made.audios.as_ref().filter(|audios| audios.format == SoundFormat::Mp3) {
        let wanted = turns.saturating_mul(audios.batch_size);
        uploads.push(("sounds", audio::clips(audios, wanted, plan.random_seed)?));
    }
    if made.videos > 0 {
        let wanted = turns.saturating_mul(made.videos);
        uploads.push(("videos", video::videos(&args.video, wanted, plan.random_seed)?));
    }
    Ok(uploads)
}

/// Rows as lines of JSON.
fn lines(rows: impl Iterator<Item = Value>, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut bytes, &row)?;
        bytes.push(b'\n');
    }
    if bytes.is_empty() {
        return Err(
            Refusal(format!("{what}: no usable row: check that the file contains this dataset")).into()
        );
    }
    Ok(bytes)
}
