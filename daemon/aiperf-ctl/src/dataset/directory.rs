//! Reads directories of dataset files.

use super::media::inlined_rows;
use crate::plan::Refusal;
use serde_json::{Value, json};
use spec::{Change, PoolBatch};
use std::fs;
use std::path::{Path, PathBuf};
use store::source;

/// Reads a directory's files into one set of rows, and returns their format.
pub(super) fn read(
    directory: &Path,
    format: &str,
    change: &Change,
    seed: u64,
) -> Result<(Vec<u8>, &'static str), Refusal> {
    let files = files(directory, format == "sagemaker_data_capture")?;
    match format {
        "raw_payload" => Ok((conversations(&files)?, "inputs_json")),
        "sagemaker_data_capture" => {
            let mut rows = Vec::new();
            for file in &files {
                rows.append(&mut text(file)?.into_bytes());
                rows.push(b'\n');
            }
            Ok((rows, "sagemaker_data_capture"))
        }
        "random_pool" if change.pool_batch.is_some_and(|batch| batch != ONE_OF_EACH) => {
            Err(Refusal(format!(
                "--input-file `{}` is a directory, whose files are separate pools: --prompt-batch-size, --image-batch-size and \
             the like are for one file",
                directory.display()
            )))
        }
        "random_pool" => Ok((pools(&files, change.pool_conversations.unwrap_or(100), seed)?, "single_turn")),
        _ => Err(Refusal(format!(
            "--input-file `{}` is a directory, which only --custom-dataset-type raw_payload, random_pool and \
             sagemaker_data_capture can be",
            directory.display()
        ))),
    }
}

/// Each file is a conversation, each of its lines the body of a turn.
fn conversations(files: &[PathBuf]) -> Result<Vec<u8>, Refusal> {
    let mut data = Vec::new();
    for file in files {
        data.push(json!({ "session_id": stem(file), "payloads": rows(file)? }));
    }
    Ok(json!({ "data": data }).to_string().into_bytes())
}

/// Each file is a pool; each request combines one row of every pool.
fn pools(files: &[PathBuf], count: u32, seed: u64) -> Result<Vec<u8>, Refusal> {
    let mut pools = Vec::new();
    for file in files {
        let bytes = inlined_rows(
            text(file)?.into_bytes(),
            "random_pool",
            file.parent().unwrap_or_else(|| Path::new(".")),
        )?;
        let pool = of_text(file, &String::from_utf8_lossy(&bytes))?;
        pools.push((stem(file), pool));
    }
    Ok(merged(&pools, count, seed))
}

/// Requests that combine one row of every pool.
pub(super) fn merged(pools: &[(String, Vec<Value>)], count: u32, seed: u64) -> Vec<u8> {
    let mut written = Vec::new();
    for number in 0..count {
        let mut merged = json!({});
        for (place, (name, pool)) in (0_u64..).zip(pools) {
            let drawn = mixed(seed, u64::from(number) << 16 | place) % pool.len() as u64;
            merge(&mut merged, name, &pool[usize::try_from(drawn).unwrap_or(0)]);
        }
        written.extend_from_slice(merged.to_string().as_bytes());
        written.push(b'\n');
    }
    written
}

/// Adds the contents of a pool's row to a request, under the pool's name.
fn merge(request: &mut Value, pool: &str, row: &Value) {
    for (one, many) in [("text", "texts"), ("image", "images"), ("audio", "audios"), ("video", "videos")] {
        let mut contents = Vec::new();
        contents.extend(row.get(one).filter(|value| !value.is_null()).cloned());
        for value in row.get(many).and_then(Value::as_array).into_iter().flatten() {
            match value.get("contents").and_then(Value::as_array) {
                Some(named) => contents.extend(named.iter().cloned()),
                None => contents.push(value.clone()),
            }
        }
        if !contents.is_empty() {
            let named = json!({ "name": pool, "contents": contents });
            match request.get_mut(many).and_then(Value::as_array_mut) {
                Some(there) => there.push(named),
                None => request[many] = json!([named]),
            }
        }
    }
}

/// Regular files in the order of their names, at any depth if `deep`.
fn files(directory: &Path, deep: bool) -> Result<Vec<PathBuf>, Refusal> {
    let failed = |error: std::io::Error| {
        Refusal(format!("--input-file: failed to read `{}`: {error}", directory.display()))
    };
    let entries = fs::read_dir(directory).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut paths = entries.into_iter().map(|entry| entry.path()).collect::<Vec<_>>();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_file() && path.extension().is_some_and(|ending| ending == "jsonl" || ending == "json") {
            found.push(path);
        } else if deep && path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            found.append(&mut files(&path, deep)?);
        }
    }
    if found.is_empty() && !deep {
        return Err(Refusal(format!("--input-file: `{}` contains no .jsonl file", directory.display())));
    }
    Ok(found)
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn text(file: &Path) -> Result<String, Refusal> {
    source::read_text(file, FILE_BYTES_MAX)
        .map(|text| text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
        .map_err(|error| Refusal(format!("--input-file: failed to read `{}`: {error}", file.display())))
}

fn rows(file: &Path) -> Result<Vec<Value>, Refusal> {
    of_text(file, &text(file)?)
}

fn of_text(file: &Path, text: &str) -> Result<Vec<Value>, Refusal> {
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let row = serde_json::from_str(line).map_err(|error| {
            Refusal(format!("--input-file: `{}` line {number} is not valid JSON: {error}", file.display()))
        })?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Refusal(format!("--input-file: `{}` has no rows", file.display())));
    }
    Ok(rows)
}

/// A pseudo-random number for an index: the mixer of `splitmix64`.
fn mixed(seed: u64, place: u64) -> u64 {
    let mut mixed = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// One input of each pool per request.
const ONE_OF_EACH: PoolBatch = PoolBatch { texts: 1, images: 1, audios: 1, videos: 1 };
/// Maximum size of a file of a directory, all of which are in memory at once.
const FILE_BYTES_MAX: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn read_as(format: &str, files: &[(&str, &str)]) -> Result<(String, &'static str), String> {
        let change = Change { pool_conversations: Some(50), ..Change::default() };
        let read =
            read(directory(files).path(), format, &change, 7).map_err(|refusal| refusal.to_string())?;
        Ok((String::from_utf8(read.0).unwrap(), read.1))
    }

    #[test]
    fn files_are_conversations() {
        let (rows, format) =
            read_as("raw_payload", &[("b.jsonl", "{\"n\":1}\n{\"n\":2}\n"), ("a.jsonl", "{\"n\":0}")])
                .unwrap();
        let expected = json!({"data": [{"session_id": "a", "payloads": [{"n": 0}]},
                                       {"session_id": "b", "payloads": [{"n": 1}, {"n": 2}]}]});
        assert_eq!(
            (serde_json::from_str::<Value>(&rows).unwrap(), format),
            (expected, "inputs_json"),
            "in order"
        );
        let (rows, _) =
            read_as("sagemaker_data_capture", &[("2026/b.jsonl", "{}"), ("a.jsonl", "{}\n")]).unwrap();
        assert_eq!(rows.lines().filter(|line| *line == "{}").count(), 2, "at any depth");
    }

    #[test]
    fn pools_are_drawn_from_together() {
        let files = [
            ("ask.jsonl", "{\"text\":\"one\"}\n{\"text\":\"two\"}"),
            ("ctx.jsonl", "\u{feff}{\"texts\":[\"long\"]}"),
        ];
        let (rows, format) = read_as("random_pool", &files).unwrap();
        assert_eq!((rows.lines().count(), format), (50, "single_turn"), "as many as requested");
        let one =
            json!({"texts": [{"name": "ask", "contents": ["one"]}, {"name": "ctx", "contents": ["long"]}]});
        let ones = rows.lines().filter(|row| serde_json::from_str::<Value>(row).unwrap() == one).count();
        assert!((10..40).contains(&ones), "{ones} of 50 draws of two");
    }

    #[test]
    fn what_is_refused() {
        let check = |format: &str, files: &[(&str, &str)], expected: &str| {
            let refused = read_as(format, files).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        };
        check("mooncake_trace", &[("a.jsonl", "{}")], "is a directory");
        check("raw_payload", &[], "contains no .jsonl file");
        check("raw_payload", &[("a.jsonl", "{")], "line 1 is not valid JSON");
        check("random_pool", &[("a.jsonl", "\n")], "has no rows");
        let change = Change { pool_batch: Some(PoolBatch { texts: 2, ..ONE_OF_EACH }), ..Change::default() };
        let refused = read(directory(&[("a.jsonl", "{}")]).path(), "random_pool", &change, 7).unwrap_err();
        assert!(refused.0.contains("--prompt-batch-size"), "{refused}");
    }
}
