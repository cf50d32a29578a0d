//! Rows of files that other tools write: Parquet, Arrow IPC, lines of JSON, one JSON array.

use super::Columns;
use crate::plan::Refusal;
use arrow_array::RecordBatch;
use arrow_json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The rows of a file, or of all such files of a directory in the order of their names.
pub(super) fn read(path: &Path, flag: &str) -> Result<Vec<Columns>, Refusal> {
    let refuse = |file: &Path, why: &dyn std::fmt::Display| {
        Refusal(format!("{flag}: failed to read `{}`: {why}", file.display()))
    };
    let files = if path.is_dir() {
        files(path).map_err(|error| refuse(path, &error))?
    } else {
        vec![path.to_owned()]
    };
    let mut rows = Vec::new();
    for file in files {
        rows.append(&mut of_file(&file).map_err(|why| refuse(&file, &why))?);
    }
    Ok(rows)
}

/// The files that hold rows, at any depth.
fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.append(&mut files(&path)?);
        } else if kind(&path).is_some() {
            found.push(path);
        }
    }
    Ok(found)
}

#[derive(Clone, Copy)]
enum Kind {
    Parquet,
    Arrow,
    Json,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "parquet" => Some(Kind::Parquet),
        "arrow" | "feather" | "ipc" => Some(Kind::Arrow),
        "json" | "jsonl" | "ndjson" => Some(Kind::Json),
        _ => None,
    }
}

fn of_file(path: &Path) -> Result<Vec<Columns>, Box<dyn std::error::Error>> {
    match kind(path) {
        Some(Kind::Parquet) => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()?;
            of_batches(reader)
        }
        Some(Kind::Arrow) => match arrow_ipc::reader::FileReader::try_new(File::open(path)?, None) {
            Ok(reader) => of_batches(reader),
            // Hugging Face's cache holds streams.
            Err(_) => of_batches(arrow_ipc::reader::StreamReader::try_new(File::open(path)?, None)?),
        },
        Some(Kind::Json) => of_json(&std::fs::read(path)?),
        None => Err("it is neither .parquet, .arrow, .jsonl nor .json".into()),
    }
}

fn of_batches<E: std::error::Error + 'static>(
    batches: impl Iterator<Item = Result<RecordBatch, E>>,
) -> Result<Vec<Columns>, Box<dyn std::error::Error>> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.finish()?;
    of_json(&writer.into_inner())
}

/// Objects after each other, or arrays of such; an object whose `data` is an array of objects stands for that.
fn of_json(bytes: &[u8]) -> Result<Vec<Columns>, Box<dyn std::error::Error>> {
    let mut rows = Vec::new();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        take(value?, &mut rows)?;
    }
    Ok(rows)
}

fn take(value: Value, rows: &mut Vec<Columns>) -> Result<(), &'static str> {
    match value {
        Value::Array(values) => values.into_iter().try_for_each(|value| take(value, rows)),
        Value::Object(mut row) => match row.remove("data") {
            Some(data @ Value::Array(_)) if row.is_empty() => take(data, rows),
            data => {
                row.extend(data.map(|data| ("data".to_owned(), data)));
                rows.push(row);
                Ok(())
            }
        },
        _ => Err("it holds a row that is no object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BinaryArray, Int64Array, StringArray};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let columns: [(&str, ArrayRef); 3] = [
            ("problem", Arc::new(StringArray::from(vec!["1+1", "2+2"]))),
            ("level", Arc::new(Int64Array::from(vec![1, 2]))),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"\x01\xff"[..], b""]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn tables_are_read_whatever_wrote_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let batch = batch();
        let file = File::create(path("a.parquet")).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let file = File::create(path("b.arrow")).unwrap();
        let mut writer = arrow_ipc::writer::FileWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let file = File::create(path("c.arrow")).unwrap();
        let mut writer = arrow_ipc::writer::StreamWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let text = r#"{"problem":"1+1","level":1,"bytes":"01ff"}{"problem":"2+2","level":2,"bytes":""}"#;
        std::fs::write(path("d.jsonl"), text).unwrap();
        std::fs::write(path("e.json"), format!("{{\"data\":[{}]}}", text.replace("}{", "},{"))).unwrap();
        let expected = of_json(text.as_bytes()).unwrap();
        for name in ["a.parquet", "b.arrow", "c.arrow", "d.jsonl", "e.json"] {
            assert_eq!(read(&path(name), "--x").unwrap(), expected, "{name}");
        }
        assert_eq!(read(directory.path(), "--x").unwrap().len(), 10, "all of them, one after the other");
        std::fs::write(path("f.txt"), text).unwrap();
        let refused = |name: &str| read(&path(name), "--x").unwrap_err().to_string();
        assert!(refused("f.txt").contains("neither .parquet"), "{}", refused("f.txt"));
        assert!(refused("none.json").contains("--x: failed to read"), "{}", refused("none.json"));
        std::fs::write(path("g.json"), "[1]").unwrap();
        assert!(refused("g.json").contains("no object"), "{}", refused("g.json"));
    }
}
