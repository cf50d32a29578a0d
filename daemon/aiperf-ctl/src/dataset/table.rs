//! Reads rows from files that other tools write: Parquet, Arrow IPC, lines of JSON, a JSON array.

use super::{Columns, arrow, arrow_file};
use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use crate::upload::FILE_BYTES_MAX;
use arrow_array::RecordBatch;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use store::bounded_parquet::{self, Nesting};
use store::source::{self, Bounded, Opened};

/// The rows of a file, or of all such files of a directory in the order of their names.
pub(super) fn read(path: &Path, flag: &str) -> Result<Vec<Columns>, Refusal> {
    let mut rows = Vec::new();
    each(path, flag, &mut |row| {
        rows.push(row);
        Ok(true)
    })?;
    Ok(rows)
}

/// Passes the same rows to `take` one by one until it returns `false`; only a few are in memory at a time.
pub(super) fn each(path: &Path, flag: &str, take: &mut Take<'_>) -> Result<(), Refusal> {
    let refuse = |file: &Path, why: &dyn std::fmt::Display| {
        Refusal(format!("{flag}: failed to read `{}`: {why}", file.display()))
    };
    let files = if path.is_dir() {
        files(path).map_err(|error| refuse(path, &error))?
    } else {
        vec![path.to_owned()]
    };
    for file in files {
        match of_file(&file, take) {
            Ok(()) => {}
            Err(Stop::Enough) => return Ok(()),
            Err(Stop::Refused(refusal)) => return Err(refusal),
            Err(Stop::Broken(why)) => return Err(refuse(&file, &why)),
        }
    }
    Ok(())
}

/// Consumes a row; returns whether more are needed.
pub(super) type Take<'a> = dyn FnMut(Columns) -> Result<bool, Refusal> + 'a;

/// Why reading stopped.
enum Stop {
    Enough,
    Refused(Refusal),
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

/// The files that contain rows, at any depth.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
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

fn of_file(path: &Path, take: &mut Take<'_>) -> Result<(), Stop> {
    let file = match source::open_any(path, FILE_BYTES_MAX)? {
        Opened::File(file) => file,
        // Tables are read from their end, so a pipe's content is stored where temporary files are; its name gives no format.
        Opened::Pipe(pipe) => {
            let made = ScratchFile::new()?;
            io::copy(&mut Bounded::new(pipe, PIPE_BYTES_MAX), &mut made.as_file())?;
            let kind = seen(made.as_file())?;
            return of_kind(kind, source::open(made.path(), FILE_BYTES_MAX)?, take);
        }
    };
    match kind(path) {
        Some(kind) => of_kind(kind, file, take),
        None => Err(Stop::Broken("it is neither .parquet, .arrow, .jsonl nor .json".into())),
    }
}

/// Detects the format by the first bytes.
fn seen(file: &File) -> io::Result<Kind> {
    let mut begin = [0; 6];
    let count = file.read_at(&mut begin, 0)?;
    Ok(match begin.get(..count).unwrap_or_default() {
        [b'P', b'A', b'R', b'1', ..] => Kind::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1'] | [0xff, 0xff, 0xff, 0xff, ..] => Kind::Arrow,
        _ => Kind::Json,
    })
}

fn of_kind(kind: Kind, file: File, take: &mut Take<'_>) -> Result<(), Stop> {
    match kind {
        Kind::Parquet => {
            let reader = bounded_parquet::open(file, ROWS_AT_ONCE, Nesting::Allowed);
            of_batches(reader.map_err(Stop::Broken)?.build()?, take)
        }
        Kind::Arrow => match arrow_file::kind(&file).map_err(|why| Stop::Broken(why.into()))? {
            arrow_file::Kind::File => of_batches(arrow_ipc::reader::FileReader::try_new(file, None)?, take),
            // Hugging Face's cache contains streams.
            arrow_file::Kind::Stream => {
                of_batches(arrow_ipc::reader::StreamReader::try_new(file, None)?, take)
            }
        },
        Kind::Json => of_json(file, take),
    }
}

fn of_batches<E: std::error::Error + Send + Sync + 'static>(
    batches: impl Iterator<Item = Result<RecordBatch, E>>,
    take: &mut Take<'_>,
) -> Result<(), Stop> {
    for batch in batches {
        let batch = batch?;
        if batch.num_rows() > ROWS_MAX {
            return Err(Stop::Broken(format!("it claims a batch of {} rows", batch.num_rows()).into()));
        }
        for row in 0..batch.num_rows() {
            let row = arrow::row(&batch, row).map_err(|why| Stop::Broken(why.into()))?;
            match take(row) {
                Ok(true) => {}
                Ok(false) => return Err(Stop::Enough),
                Err(refusal) => return Err(Stop::Refused(refusal)),
            }
        }
    }
    Ok(())
}

/// Consecutive objects, or arrays of objects; an object whose `data` is an array of objects stands for that array.
fn of_json(from: impl Read, take: &mut Take<'_>) -> Result<(), Stop> {
    let left = Rc::new(Cell::new(ROW_BYTES_MAX));
    let mut bytes = BufReader::with_capacity(READ_BYTES, RowByRow { from, left: Rc::clone(&left) });
    if bytes.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        bytes.consume(BYTE_ORDER_MARK.len());
    }
    let mut take = |row| {
        left.set(ROW_BYTES_MAX);
        take(row)
    };
    let mut stopped = None;
    let mut values = serde_json::Deserializer::from_reader(bytes);
    while values.end().is_err() {
        let read = Rows { take: &mut take, stopped: &mut stopped }.deserialize(&mut values);
        if let Some(stopped) = stopped.take() {
            return Err(stopped);
        }
        read?;
    }
    Ok(())
}

/// Limits how much is read without the end of a row.
struct RowByRow<R> {
    from: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for RowByRow<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(bytes)?;
        let left = self.left.get().checked_sub(read as u64);
        let too_long =
            || io::Error::other(format!("it has a row of more than {}", source::size(ROW_BYTES_MAX)));
        self.left.set(left.ok_or_else(too_long)?);
        Ok(read)
    }
}

/// Passes on the rows of a JSON value while it is parsed.
struct Rows<'a, 'b> {
    take: &'a mut Take<'b>,
    stopped: &'a mut Option<Stop>,
}

impl Rows<'_, '_> {
    fn row<E: Error>(&mut self, mut row: Columns) -> Result<(), E> {
        if row.len() == 1
            && let Some(Value::Array(values)) = row.get_mut("data")
        {
            return std::mem::take(values).into_iter().try_for_each(|value| match value {
                Value::Object(row) => self.row(row),
                _ => Err(E::custom(NO_OBJECT)),
            });
        }
        let stopped = match (self.take)(row) {
            Ok(true) => return Ok(()),
            Ok(false) => Stop::Enough,
            Err(refusal) => Stop::Refused(refusal),
        };
        *self.stopped = Some(stopped);
        Err(E::custom("no more rows are needed"))
    }
}

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("rows: objects, or arrays of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let Self { take, stopped } = self;
        while values.next_element_seed(Rows { take: &mut *take, stopped: &mut *stopped })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, fields: A) -> Result<(), A::Error> {
        let row = Columns::deserialize(MapAccessDeserializer::new(fields))?;
        self.row(row)
    }
}

/// Rows that are in memory at once: with images, a few hundred megabytes at most.
const ROWS_AT_ONCE: usize = 64;
/// Maximum rows of one batch: rows without values need no bytes.
const ROWS_MAX: usize = 100_000_000;
/// Maximum size of a JSON row, including its images.
const ROW_BYTES_MAX: u64 = 512 << 20;
const READ_BYTES: usize = 1 << 20;
/// Maximum size of a pipe's content, which is stored where temporary files are.
const PIPE_BYTES_MAX: u64 = 16 << 30;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const NO_OBJECT: &str = "it contains a row that is not an object";

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BinaryArray, Int64Array, StringArray};
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
    use parquet::file::properties::WriterProperties;
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
        let file = File::create_new(path("a.parquet")).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let file = File::create_new(path("b.arrow")).unwrap();
        let mut writer = FileWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let file = File::create_new(path("c.arrow")).unwrap();
        let mut writer = StreamWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let text = r#"{"problem":"1+1","level":1,"bytes":"01ff"}{"problem":"2+2","level":2,"bytes":""}"#;
        std::fs::write(path("d.jsonl"), text).unwrap();
        std::fs::write(path("e.json"), format!("{{\"data\":[{}]}}", text.replace("}{", "},{"))).unwrap();
        let expected = serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap);
        let expected = expected.collect::<Vec<Columns>>();
        for name in ["a.parquet", "b.arrow", "c.arrow", "d.jsonl", "e.json"] {
            assert_eq!(read(&path(name), "--x").unwrap(), expected, "{name}");
        }
        assert_eq!(read(directory.path(), "--x").unwrap().len(), 10, "all of them, one after the other");
        std::fs::write(path("f.txt"), text).unwrap();
        let refused = |name: &str| read(&path(name), "--x").unwrap_err().to_string();
        assert!(refused("f.txt").contains("neither .parquet"), "{}", refused("f.txt"));
        assert!(refused("none.json").contains("--x: failed to read"), "{}", refused("none.json"));
        std::fs::write(path("g.json"), "[1]").unwrap();
        assert!(refused("g.json").contains("rows: objects"), "{}", refused("g.json"));
    }

    /// Writes the batch as other tools do: compressed, and long enough for compression to matter.
    #[test]
    fn every_codec_of_other_writers_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let texts = (0..1000).map(|number| format!("how much is {number} and {number}?")).collect::<Vec<_>>();
        let column: ArrayRef = Arc::new(StringArray::from(texts));
        let batch = RecordBatch::try_from_iter([("problem", column)]).unwrap();
        let expect = |name: &str| {
            let rows = read(&directory.path().join(name), "--x").unwrap();
            assert_eq!(
                (rows.len(), &rows[999]["problem"]),
                (1000, &"how much is 999 and 999?".into()),
                "{name}"
            );
        };
        for (name, codec) in [
            ("plain.parquet", Compression::UNCOMPRESSED),
            ("snappy.parquet", Compression::SNAPPY),
            ("gzip.parquet", Compression::GZIP(GzipLevel::default())),
            ("brotli.parquet", Compression::BROTLI(BrotliLevel::default())),
            ("lz4.parquet", Compression::LZ4),
            ("lz4_raw.parquet", Compression::LZ4_RAW),
            ("zstd.parquet", Compression::ZSTD(ZstdLevel::default())),
        ] {
            let file = File::create_new(directory.path().join(name)).unwrap();
            let properties = WriterProperties::builder().set_compression(codec).build();
            let writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties));
            let mut writer = writer.unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            expect(name);
        }
        for (name, codec) in [("lz4", CompressionType::LZ4_FRAME), ("zstd", CompressionType::ZSTD)] {
            let options = || IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
            let file = File::create_new(directory.path().join(format!("{name}.feather"))).unwrap();
            let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
            expect(&format!("{name}.feather"));
            let file = File::create_new(directory.path().join(format!("{name}.arrow"))).unwrap();
            let mut writer = StreamWriter::try_new_with_options(file, &batch.schema(), options()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
            expect(&format!("{name}.arrow"));
        }
    }

    #[test]
    fn marks_and_pipes_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.json");
        std::fs::write(&path, "\u{feff}[{\"n\":1},{\"n\":2}]").unwrap();
        assert_eq!(read(&path, "--x").unwrap().len(), 2, "after a byte order mark");
        let kind = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            io::Write::write_all(&mut file, bytes).unwrap();
            seen(&file).unwrap()
        };
        assert!(matches!(kind(b"PAR1...."), Kind::Parquet), "by its magic");
        assert!(matches!(kind(b"ARROW1\0\0"), Kind::Arrow), "by its magic");
        assert!(matches!(kind(b"{\"a\":1}"), Kind::Json) && matches!(kind(b""), Kind::Json), "else JSON");
    }

    #[test]
    fn no_more_is_read_than_needed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.json");
        for text in ["{\"n\":1}\n{\"n\":2}\n{", "[{\"n\":1},{\"n\":2},{"] {
            std::fs::write(&path, text).unwrap();
            let mut taken = Vec::new();
            each(&path, "--x", &mut |row| {
                taken.push(row["n"].clone());
                Ok(taken.len() < 2)
            })
            .unwrap();
            assert_eq!(taken, [1, 2], "broken data after them is not read");
            assert!(read(&path, "--x").is_err(), "unless all are needed");
        }
        std::fs::write(&path, "{\"n\":1}").unwrap();
        let refused = each(&path, "--x", &mut |_| Err(Refusal("why".to_owned()))).unwrap_err();
        assert_eq!(refused.to_string(), "why", "as it was given");
    }
}
