//! Pictures, sounds and videos of local files, written into the rows that name them: read as the user, never by a server.

use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use crate::upload::{FILE_BYTES_MAX, Upload};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use export::source::{self, Bounded, Opened};
use memchr::memmem::Finder;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// A file of rows with every local file's content in place of its path, as data URIs: the file itself if it names none.
pub(super) fn inlined_file(path: &Path, format: &str) -> Result<Upload, Refusal> {
    let failed =
        |error: io::Error| Refusal(format!("--input-file: failed to read `{}`: {error}", path.display()));
    let base = path.parent().unwrap_or_else(|| Path::new("."));
    let (at, upload) = match source::open_any(path, FILE_BYTES_MAX).map_err(failed)? {
        Opened::File(_) => (path.to_owned(), Upload::File(path.to_owned())),
        // It can be read once, and is read twice.
        Opened::Pipe(pipe) => {
            let made = ScratchFile::new().map_err(failed)?;
            io::copy(&mut Bounded::new(pipe, PIPE_BYTES_MAX), &mut made.as_file()).map_err(failed)?;
            (made.path().to_owned(), Upload::Made(Arc::new(made)))
        }
    };
    let lines = || Ok(BufReader::with_capacity(READ_BYTES, source::open(&at, FILE_BYTES_MAX)?));
    if !has_media(lines().map_err(failed)?, format).map_err(failed)? {
        return Ok(upload);
    }
    let made = ScratchFile::new().map_err(failed)?;
    inlined(lines().map_err(failed)?, BufWriter::new(made.as_file()), base)?;
    Ok(Upload::Made(Arc::new(made)))
}

/// The same of rows in memory.
pub(super) fn inlined_rows(rows: Vec<u8>, format: &str, base: &Path) -> Result<Vec<u8>, Refusal> {
    if !has_media(rows.as_slice(), format).is_ok_and(|has_media| has_media) {
        return Ok(rows);
    }
    let mut written = Vec::with_capacity(rows.len());
    inlined(rows.as_slice(), &mut written, base)?;
    Ok(written)
}

/// Whether any row may have a picture, a sound or a video.
fn has_media(mut rows: impl BufRead, format: &str) -> io::Result<bool> {
    if !["auto", "single_turn", "multi_turn", "random_pool"].contains(&format) {
        return Ok(false);
    }
    let fields = FIELDS.iter().map(|(field, _)| format!("\"{field}"));
    let finders = fields.map(|field| Finder::new(field.as_bytes()).into_owned()).collect::<Vec<_>>();
    let mut line = Vec::new();
    while source::next_line(&mut rows, &mut line, LINE_BYTES_MAX)? {
        if finders.iter().any(|finder| finder.find(&line).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn inlined(mut rows: impl BufRead, mut written: impl Write, base: &Path) -> Result<(), Refusal> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        let failed = |error: &dyn std::fmt::Display| Refusal(format!("--input-file: line {number}: {error}"));
        if !source::next_line(&mut rows, &mut line, LINE_BYTES_MAX).map_err(|error| failed(&error))? {
            break;
        }
        // What is no JSON is refused later, with its line.
        if let Ok(mut row) = serde_json::from_slice::<Value>(&line)
            && inline(&mut row, base).map_err(|why| failed(&why))?
        {
            line = row.to_string().into_bytes();
        }
        line.push(b'\n');
        written.write_all(&line).map_err(|error| failed(&error))?;
    }
    written.flush().map_err(|error| Refusal(format!("--input-file: failed to write its rows: {error}")))
}

/// Writes local files into a row and its turns; whether anything was changed.
pub(super) fn inline(row: &mut Value, base: &Path) -> Result<bool, String> {
    let mut changed = false;
    if let Some(turns) = row.get_mut("turns").and_then(Value::as_array_mut) {
        for turn in turns {
            changed |= inline(turn, base)?;
        }
    }
    for (field, kind) in FIELDS {
        for name in [(*field).to_owned(), format!("{field}s")] {
            if let Some(value) = row.get_mut(name) {
                changed |= replace(value, kind, base)?;
            }
        }
    }
    Ok(changed)
}

fn replace(value: &mut Value, kind: &str, base: &Path) -> Result<bool, String> {
    match value {
        Value::Array(values) => {
            values.iter_mut().try_fold(false, |changed, value| Ok(replace(value, kind, base)? | changed))
        }
        Value::Object(named) => match named.get_mut("contents") {
            Some(contents) => replace(contents, kind, base),
            None => Ok(false),
        },
        Value::String(text) if is_path(text) => {
            let path = base.join(text.strip_prefix("file://").unwrap_or(text));
            let bytes = source::read(&path, MEDIA_BYTES_MAX)
                .map_err(|error| format!("failed to read `{}`: {error}", path.display()))?;
            let ending =
                path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
            *value = if kind == "audio" {
                // As AIPerf's rows have it: the format, then the bytes.
                Value::String(format!("{ending},{}", STANDARD.encode(bytes)))
            } else {
                let subtype = sniffed(&bytes).map_or(ending, str::to_owned);
                let subtype = if subtype == "jpg" { "jpeg".to_owned() } else { subtype };
                Value::String(format!("data:{kind}/{subtype};base64,{}", STANDARD.encode(bytes)))
            };
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Neither a URL, nor data, nor `format,base64`.
fn is_path(text: &str) -> bool {
    let is_url = text.contains("://") && !text.starts_with("file://");
    let is_audio =
        text.split_once(',').is_some_and(|(format, _)| ["wav", "mp3", "flac", "ogg"].contains(&format));
    !text.is_empty() && !is_url && !is_audio && !text.starts_with("data:")
}

/// A sound of a table's cell, `{"bytes": HEX, "path": ...}`, as its format and its bytes.
pub(super) fn sound(cell: &Value) -> Option<String> {
    let bytes = bytes(cell)?;
    let format = match bytes.as_slice() {
        [b'f', b'L', b'a', b'C', ..] => "flac",
        [b'R', b'I', b'F', b'F', ..] => "wav",
        [b'O', b'g', b'g', b'S', ..] => "ogg",
        [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] => "mp3",
        _ => return None,
    };
    Some(format!("{format},{}", STANDARD.encode(bytes)))
}

/// A video of a table's cell, as a data URI; what it is, its name tells.
pub(super) fn video(cell: &Value) -> Option<String> {
    let name = cell.get("path").and_then(Value::as_str).unwrap_or_default();
    let kind = Path::new(name).extension().and_then(std::ffi::OsStr::to_str).unwrap_or("mp4");
    Some(format!("data:video/{};base64,{}", kind.to_ascii_lowercase(), STANDARD.encode(bytes(cell)?)))
}

fn bytes(cell: &Value) -> Option<Vec<u8>> {
    let digits = cell.get("bytes")?.as_str()?.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// The user's pictures, each as a data URI on a line of its own.
pub(crate) fn pictures(directory: &Path) -> Result<Upload, Refusal> {
    let failed = |error: &dyn std::fmt::Display| {
        Refusal(format!("--image-source: failed to read `{}`: {error}", directory.display()))
    };
    let entries = std::fs::read_dir(directory).map_err(|error| failed(&error))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>();
    paths.sort();
    let made = ScratchFile::new().map_err(|error| failed(&error))?;
    let mut written = BufWriter::new(made.as_file());
    let mut count = 0_u32;
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let bytes = source::read(&path, MEDIA_BYTES_MAX).map_err(|error| failed(&error))?;
        if let Some(kind @ ("png" | "jpeg")) = sniffed(&bytes) {
            writeln!(written, "data:image/{kind};base64,{}", STANDARD.encode(bytes))
                .map_err(|error| failed(&error))?;
            count += 1;
        }
    }
    written.flush().map_err(|error| failed(&error))?;
    drop(written);
    if count == 0 {
        return Err(failed(&"it holds no PNG or JPEG picture"));
    }
    Ok(Upload::Made(Arc::new(made)))
}

/// A picture of a table's cell, `{"bytes": HEX, "path": ...}`, as a data URI.
pub(super) fn data_uri(cell: &Value) -> Option<String> {
    let bytes = bytes(cell)?;
    Some(format!("data:image/{};base64,{}", sniffed(&bytes)?, STANDARD.encode(bytes)))
}

/// What a picture is by its first bytes.
fn sniffed(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        _ => None,
    }
}

/// Fields of a row, each with its plural, and the kind of what they hold.
const FIELDS: &[(&str, &str)] = &[("image", "image"), ("audio", "audio"), ("video", "video")];

const READ_BYTES: usize = 1 << 20;
/// What a pipe may have: it is kept where temporary files are.
const PIPE_BYTES_MAX: u64 = 16 << 30;
/// A picture, a sound or a video of a row.
const MEDIA_BYTES_MAX: u64 = 256 << 20;
/// A row, its pictures, sounds and videos included.
const LINE_BYTES_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_files_are_written_into_the_rows() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.bin"), b"\x89PNG").unwrap();
        std::fs::write(directory.path().join("b.wav"), b"RIFF").unwrap();
        let check = |row: &str, expected: &str| {
            let made = inlined_rows(row.as_bytes().to_vec(), "auto", directory.path()).unwrap();
            assert_eq!(String::from_utf8(made).unwrap().trim_end(), expected, "{row}");
        };
        check(r#"{"image":"a.bin","text":"x"}"#, r#"{"image":"data:image/png;base64,iVBORw==","text":"x"}"#);
        check(
            r#"{"turns":[{"images":[{"name":"n","contents":["file://a.bin"]}]}]}"#,
            r#"{"turns":[{"images":[{"name":"n","contents":["data:image/png;base64,iVBORw=="]}]}]}"#,
        );
        check(r#"{"audios":["b.wav"]}"#, r#"{"audios":["wav,UklGRg=="]}"#);
        for row in [
            r#"{"text":"x", "image":"https://host/x.png"}"#,
            r#"{"image": "data:image/png;base64,AA=="}"#,
            r#"{"audio":"wav,UklGRg=="}"#,
            r#"{"image": null}"#,
            "{\"image",
        ] {
            check(row, row);
        }
        let rows = b"\n{\"image\":\"none.png\"}".to_vec();
        let refused = inlined_rows(rows, "auto", directory.path()).unwrap_err();
        assert!(refused.to_string().starts_with("--input-file: line 2: failed to read"), "{refused}");
    }
}
