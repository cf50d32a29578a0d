//! Inlines images, audio and videos from local files into the rows that refer to them: they are read as the user, never by a
//! server.

use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use crate::upload::{FILE_BYTES_MAX, Upload};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem::Finder;
use serde_json::Value;
use spec::DatasetFormat;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use store::source::{self, Bounded, Opened};

/// A file of rows in which every local path is replaced by the file's content as a data URI; the file itself if it has none.
pub(super) fn inlined_file(path: &Path, format: &str) -> Result<Upload, Refusal> {
    let failed =
        |error: io::Error| Refusal(format!("--input-file: failed to read `{}`: {error}", path.display()));
    let base = path.parent().unwrap_or_else(|| Path::new("."));
    let (at, upload) = match source::open_any(path, FILE_BYTES_MAX).map_err(failed)? {
        Opened::File(_) => (path.to_owned(), Upload::File(path.to_owned())),
        // It can be read only once, but is needed twice.
        Opened::Pipe(pipe) => {
            let made = ScratchFile::new().map_err(failed)?;
            io::copy(&mut Bounded::new(pipe, PIPE_BYTES_MAX), &mut made.as_file()).map_err(failed)?;
            (made.path().to_owned(), Upload::Temporary(Arc::new(made)))
        }
    };
    let lines = || Ok(BufReader::with_capacity(READ_BYTES, source::open(&at, FILE_BYTES_MAX)?));
    if !has_media(lines().map_err(failed)?, format).map_err(failed)? {
        return Ok(upload);
    }
    let made = ScratchFile::new().map_err(failed)?;
    inlined(lines().map_err(failed)?, BufWriter::new(made.as_file()), base)?;
    Ok(Upload::Temporary(Arc::new(made)))
}

/// Like [`inlined_file`], for rows in memory.
pub(super) fn inlined_rows(rows: Vec<u8>, format: &str, base: &Path) -> Result<Vec<u8>, Refusal> {
    if !has_media(rows.as_slice(), format).is_ok_and(|has_media| has_media) {
        return Ok(rows);
    }
    let mut written = Vec::with_capacity(rows.len());
    inlined(rows.as_slice(), &mut written, base)?;
    Ok(written)
}

/// Whether any row may have an image, audio or a video.
fn has_media(mut rows: impl BufRead, format: &str) -> io::Result<bool> {
    if !DatasetFormat::named(format).is_some_and(|known| known.names_media) {
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
        if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        // Invalid JSON is an error later, with its line number.
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

/// Inlines local files into a row and its turns; returns whether anything changed.
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
            let refused = |why: &str| format!("`{}` {why}", path.display());
            if bytes.is_empty() {
                return Err(refused("is empty"));
            }
            let ending =
                path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
            *value = Value::String(match kind {
                // In the form of AIPerf's rows: the format, then the bytes.
                "audio" => {
                    let format = audio_format(&bytes).map(str::to_owned);
                    let format = format.or_else(|| is_raw_audio(&ending).then_some(ending));
                    let format = format.ok_or_else(|| refused("is not an audio file of a known format"))?;
                    format!("{format},{}", STANDARD.encode(bytes))
                }
                "video" => {
                    let subtype = video_format(&bytes, &ending);
                    let subtype = subtype.ok_or_else(|| refused("is not a video of a known format"))?;
                    format!("data:video/{subtype};base64,{}", STANDARD.encode(bytes))
                }
                _ => {
                    let subtype = sniffed(&bytes);
                    let subtype = subtype.ok_or_else(|| refused("is not an image of a known format"))?;
                    format!("data:image/{subtype};base64,{}", STANDARD.encode(bytes))
                }
            });
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Whether a text is neither a URL, nor data, nor `format,base64`.
fn is_path(text: &str) -> bool {
    let is_url = text.contains("://") && !text.starts_with("file://");
    let is_audio =
        text.split_once(',').is_some_and(|(format, _)| ["wav", "mp3", "flac", "ogg"].contains(&format));
    !text.is_empty() && !is_url && !is_audio && !text.starts_with("data:")
}

/// Audio in a table's cell, `{"bytes": HEX, "path": ...}`, as its format and its bytes.
pub(super) fn audio(cell: &Value) -> Option<String> {
    let bytes = bytes(cell)?;
    Some(format!("{},{}", audio_format(&bytes)?, STANDARD.encode(bytes)))
}

/// Detects the audio format by the first bytes.
fn audio_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'f', b'L', b'a', b'C', ..] => Some("flac"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("wav"),
        [b'O', b'g', b'g', b'S', ..] => Some("ogg"),
        [b'I', b'D', b'3', ..] => Some("mp3"),
        // MPEG frames: layer 3, or AAC, whose layer is 0.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Some("aac"),
        [0xff, 0xe0..=0xff, ..] => Some("mp3"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("m4a"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some("webm"),
        [b'F', b'O', b'R', b'M', ..] => Some("aiff"),
        _ => None,
    }
}

/// Whether a file holds samples without a header, known only by its extension.
fn is_raw_audio(ending: &str) -> bool {
    ["pcm", "pcm16", "raw", "ulaw", "alaw"].contains(&ending)
}

/// Detects the video format by the first bytes, and refines it by the file name's extension.
fn video_format(bytes: &[u8], ending: &str) -> Option<String> {
    let kind = match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p' | b'm' | b'w', ..]
        | [_, _, _, _, b'm', b'o' | b'd', ..]
        | [_, _, _, _, b'w', b'i', b'd', b'e', ..] => "mp4",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "webm",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => "x-msvideo",
        [b'O', b'g', b'g', b'S', ..] => "ogg",
        [0x00, 0x00, 0x01, 0xb3 | 0xba, ..] => "mpeg",
        [0x47, ..] if ending == "ts" => "mp2t",
        [b'F', b'L', b'V', ..] => "x-flv",
        [b'G', b'I', b'F', b'8', ..] => "gif",
        _ => return None,
    };
    let names = match kind {
        "mp4" => &["mp4", "mov", "m4v", "3gp", "quicktime"][..],
        "webm" => &["webm", "mkv"],
        _ => &[],
    };
    Some(if names.contains(&ending) { ending.to_owned() } else { kind.to_owned() })
}

/// A video in a table's cell, as a data URI; its format is known by its name.
pub(super) fn video(cell: &Value) -> Option<String> {
    let name = cell.get("path").and_then(Value::as_str).unwrap_or_default();
    let kind = Path::new(name).extension().and_then(std::ffi::OsStr::to_str).unwrap_or("mp4");
    Some(format!("data:video/{};base64,{}", kind.to_ascii_lowercase(), STANDARD.encode(bytes(cell)?)))
}

fn bytes(cell: &Value) -> Option<Vec<u8>> {
    let digits = cell.get("bytes").unwrap_or(cell).as_str()?.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// The user's images, each as a data URI on a line of its own.
pub(crate) fn images(directory: &Path) -> Result<Upload, Refusal> {
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
        return Err(failed(&"it contains no PNG or JPEG image"));
    }
    Ok(Upload::Temporary(Arc::new(made)))
}

/// An image in a table's cell, `{"bytes": HEX, "path": ...}`, as a data URI.
pub(super) fn data_uri(cell: &Value) -> Option<String> {
    let bytes = bytes(cell)?;
    Some(format!("data:image/{};base64,{}", sniffed(&bytes)?, STANDARD.encode(bytes)))
}

/// Detects the image format by the first bytes.
fn sniffed(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        [b'B', b'M', ..] => Some("bmp"),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => Some("tiff"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f', ..] => Some("avif"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => Some("heic"),
        [0, 0, 1, 0, ..] => Some("x-icon"),
        _ => None,
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Fields of a row, each of which also has a plural, and the kind of media in them.
const FIELDS: &[(&str, &str)] = &[("image", "image"), ("audio", "audio"), ("video", "video")];

const READ_BYTES: usize = 1 << 20;
/// Maximum size of a pipe's content, which is stored where temporary files are.
const PIPE_BYTES_MAX: u64 = 16 << 30;
/// Maximum size of an image, an audio clip or a video.
const MEDIA_BYTES_MAX: u64 = 256 << 20;
/// Maximum size of a row, including its media.
const LINE_BYTES_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_files_are_written_into_the_rows() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.bin"), b"\x89PNG").unwrap();
        std::fs::write(directory.path().join("b.wav"), b"RIFF....WAVE").unwrap();
        std::fs::write(directory.path().join("c.mov"), b"\0\0\0\x14ftypqt").unwrap();
        let check = |row: &str, expected: &str| {
            let made = inlined_rows(row.as_bytes().to_vec(), "auto", directory.path()).unwrap();
            assert_eq!(String::from_utf8(made).unwrap().trim_end(), expected, "{row}");
        };
        check(r#"{"image":"a.bin","text":"x"}"#, r#"{"image":"data:image/png;base64,iVBORw==","text":"x"}"#);
        check(
            r#"{"turns":[{"images":[{"name":"n","contents":["file://a.bin"]}]}]}"#,
            r#"{"turns":[{"images":[{"name":"n","contents":["data:image/png;base64,iVBORw=="]}]}]}"#,
        );
        check(r#"{"audios":["b.wav"]}"#, r#"{"audios":["wav,UklGRi4uLi5XQVZF"]}"#);
        check(r#"{"video":"c.mov"}"#, r#"{"video":"data:video/mov;base64,AAAAFGZ0eXBxdA=="}"#);
        let marked = inlined_rows(b"\xef\xbb\xbf{\"image\":\"a.bin\"}".to_vec(), "auto", directory.path());
        assert!(marked.unwrap().starts_with(b"{\"image\":\"data:image/png"), "after a byte order mark");
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

    #[test]
    fn files_that_are_empty_or_of_another_format_are_not_sent() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("empty.png"), b"").unwrap();
        std::fs::write(directory.path().join("page.png"), b"<!DOCTYPE html>").unwrap();
        let check = |row: &str, expected: &str| {
            let refused = inlined_rows(row.as_bytes().to_vec(), "auto", directory.path()).unwrap_err();
            assert!(refused.to_string().ends_with(expected), "{row}: {refused}");
        };
        check(r#"{"image":"empty.png"}"#, "empty.png` is empty");
        check(r#"{"text":"x","images":["page.png"]}"#, "page.png` is not an image of a known format");
        check(r#"{"audio":"page.png"}"#, "page.png` is not an audio file of a known format");
        check(r#"{"video":"page.png"}"#, "page.png` is not a video of a known format");
    }
}
