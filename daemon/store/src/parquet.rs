//! Writes rows to Parquet and reads them: parts that are complete files, joined without re-encoding, read batch by batch.
//!
//! ```text
//! rows ──▶ PartWriter ──▶ tokens-00000.parquet  tokens-00001.parquet ... ──▶ concat ──▶ tokens.parquet ──▶ rows()
//! ```

use crate::bounded_parquet::{self, Nesting};
use crate::error::StoreError;
use crate::file::WholeFile;
use crate::source;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use common::clock::MonoNs;
use common::id::RequestId;
use common::reply_event::EventKind;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use record::{Event, Row, RowError};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When a part is complete.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows of a row group: at most one group is in memory, encoded.
    pub rows_per_group: usize,
    /// Rows of a part.
    pub rows_per_part: u64,
    /// Bytes of a part, rounded up to a row group.
    pub bytes_per_part: u64,
}

impl Limits {
    /// 256 thousand rows per group; a part ends at 8 million rows or 256 MiB.
    pub const STANDARD: Self =
        Self { rows_per_group: 1 << 18, rows_per_part: 1 << 23, bytes_per_part: 1 << 28 };
}

/// Writes rows to parts: `stem-00000.parquet`, `stem-00001.parquet` and so on.
#[derive(Debug)]
pub struct PartWriter<R: Row> {
    directory: PathBuf,
    stem: String,
    limits: Limits,
    metadata: Vec<(String, String)>,
    waiting: Vec<R>,
    /// Bytes that the buffered rows own in addition to themselves.
    waiting_bytes: usize,
    open: Option<(ArrowWriter<WholeFile>, PathBuf, u64)>,
    parts: Vec<PathBuf>,
}

impl<R: Row> PartWriter<R> {
    /// A writer of parts into `directory`, each with these key-value pairs in its metadata.
    #[must_use]
    pub fn new(directory: &Path, stem: &str, limits: Limits, metadata: &[(String, String)]) -> Self {
        Self {
            directory: directory.to_owned(),
            stem: stem.to_owned(),
            limits,
            metadata: metadata.to_vec(),
            waiting: Vec::with_capacity(BATCH_ROWS),
            waiting_bytes: 0,
            open: None,
            parts: Vec::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When it cannot be written; the writer cannot be used after that.
    pub fn push(&mut self, row: R) -> Result<(), StoreError> {
        self.push_with(row, 0)
    }

    /// Adds a row that owns this many additional bytes: long rows are written sooner, to bound the memory.
    ///
    /// # Errors
    /// When it cannot be written; the writer cannot be used after that.
    pub fn push_with(&mut self, row: R, bytes: usize) -> Result<(), StoreError> {
        self.waiting.push(row);
        self.waiting_bytes += bytes;
        let is_full = self.waiting.len() >= BATCH_ROWS || self.waiting_bytes >= BATCH_BYTES;
        if is_full { self.write_waiting() } else { Ok(()) }
    }

    /// Ends the open part, so that all rows so far are in complete files.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end_part(&mut self) -> Result<(), StoreError> {
        self.write_waiting()?;
        let Some((writer, path, _)) = self.open.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(StoreError::parquet(&path))?;
        self.parts.push(file.finish()?);
        Ok(())
    }

    /// Ends the open part and returns all parts so far: they become the caller's, and later parts may reuse their names.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn take_parts(&mut self) -> Result<Vec<PathBuf>, StoreError> {
        self.end_part()?;
        Ok(std::mem::take(&mut self.parts))
    }

    /// Ends the last part and returns all of them in order; without any rows there is one empty part.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, StoreError> {
        self.end_part()?;
        if self.parts.is_empty() {
            self.open = Some(self.start_part()?);
            self.end_part()?;
        }
        Ok(self.parts)
    }

    fn write_waiting(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (mut writer, path, rows) = match self.open.take() {
            Some(open) => open,
            None => self.start_part()?,
        };
        let batch = R::to_batch(&self.waiting).map_err(StoreError::rows(&path))?;
        writer.write(&batch).map_err(StoreError::parquet(&path))?;
        let rows = rows + self.waiting.len() as u64;
        self.waiting.clear();
        self.waiting_bytes = 0;
        if writer.memory_size() >= GROUP_BYTES {
            writer.flush().map_err(StoreError::parquet(&path))?;
        }
        let bytes = writer.bytes_written() as u64;
        self.open = Some((writer, path, rows));
        if rows >= self.limits.rows_per_part || bytes >= self.limits.bytes_per_part {
            self.end_part()?;
        }
        Ok(())
    }

    fn start_part(&self) -> Result<(ArrowWriter<WholeFile>, PathBuf, u64), StoreError> {
        let path = self.directory.join(format!("{}-{:05}.parquet", self.stem, self.parts.len()));
        let file = WholeFile::create(&path)?;
        let properties = properties::<R>(&self.limits, &self.metadata);
        let writer =
            ArrowWriter::try_new(file, R::schema(), Some(properties)).map_err(StoreError::parquet(&path))?;
        Ok((writer, path, 0))
    }
}

/// Joins the parts of a table into one file at `path`: large ones unchanged, small ones re-encoded, because each row group
/// costs space in a file and time to read.
///
/// # Errors
/// When a part cannot be read, or the file cannot be written.
pub fn join<R: Row>(parts: &[PathBuf], path: &Path) -> Result<(), StoreError> {
    let (mut rows, mut groups, mut metadata) = (0, 0, Vec::new());
    for part in parts {
        let found = ParquetMetaDataReader::new().parse_and_finish(&open(part)?);
        let found = found.map_err(StoreError::parquet(part))?;
        rows += found.file_metadata().num_rows();
        groups += i64::try_from(found.num_row_groups()).unwrap_or(i64::MAX);
        // Arrow's own pair is written again.
        metadata = pairs(&found);
    }
    if groups < 2 || rows / groups >= ROWS_WORTH_COPYING {
        return concat(parts, path);
    }
    let properties = properties::<R>(&Limits::STANDARD, &metadata);
    let mut writer = ArrowWriter::try_new(WholeFile::create(path)?, R::schema(), Some(properties))
        .map_err(StoreError::parquet(path))?;
    for part in parts {
        for batch in self::rows::<R>(part)? {
            let batch = R::to_batch(&batch?).map_err(StoreError::rows(path))?;
            writer.write(&batch).map_err(StoreError::parquet(path))?;
            if writer.memory_size() >= GROUP_BYTES {
                writer.flush().map_err(StoreError::parquet(path))?;
            }
        }
    }
    writer.into_inner().map_err(StoreError::parquet(path))?.finish()?;
    Ok(())
}

/// Joins parts into one file at `path` by copying their column chunks unchanged.
///
/// # Errors
/// When a part cannot be read or has different columns than the first, or the file cannot be written.
pub fn concat(parts: &[PathBuf], path: &Path) -> Result<(), StoreError> {
    let mut joined: Option<SerializedFileWriter<WholeFile>> = None;
    for part in parts {
        let file = open(part)?;
        let metadata =
            ParquetMetaDataReader::new().parse_and_finish(&file).map_err(StoreError::parquet(part))?;
        let mut writer = match joined.take() {
            Some(writer) => writer,
            None => start_joined(&metadata, path)?,
        };
        if writer.schema_descr().root_schema() != metadata.file_metadata().schema() {
            return Err(StoreError::Columns { path: part.clone() });
        }
        copy_groups(&file, &metadata, &mut writer).map_err(StoreError::parquet(part))?;
        joined = Some(writer);
    }
    if let Some(writer) = joined {
        writer.into_inner().map_err(StoreError::parquet(path))?.finish()?;
    }
    Ok(())
}

/// The metadata of a Parquet file about its run, as it was passed to its writer.
///
/// # Errors
/// When the file cannot be opened or is not a Parquet file.
pub fn metadata(path: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let found = ParquetMetaDataReader::new().parse_and_finish(&open(path)?);
    Ok(pairs(&found.map_err(StoreError::parquet(path))?))
}

/// The rows of a Parquet file, batch by batch.
///
/// # Errors
/// When the file cannot be opened or is not a Parquet file; later errors are items of the iterator.
pub fn rows<R: Row>(path: &Path) -> Result<Rows<R>, StoreError> {
    let reader = reader(path, READ_ROWS)?.build().map_err(StoreError::parquet(path))?;
    Ok(Rows { path: path.to_owned(), reader, marker: std::marker::PhantomData })
}

/// The columns of a `tokens.parquet` that an analysis needs, batch by batch: a few of many.
///
/// # Errors
/// When the file cannot be opened or is not a Parquet file; later errors are items of the iterator.
pub fn events(path: &Path) -> Result<Events, StoreError> {
    let builder = reader(path, BATCH_ROWS)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), EVENT_COLUMNS);
    let reader = builder.with_projection(mask).build();
    Ok(Events { path: path.to_owned(), reader: reader.map_err(StoreError::parquet(path))? })
}

/// The events of a `tokens.parquet`, batch by batch.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
}

impl Iterator for Events {
    type Item = Result<Vec<Event>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(match batch {
            Ok(batch) => read_events(&batch).map_err(StoreError::rows(&self.path)),
            Err(source) => Err(StoreError::Arrow { path: self.path.clone(), source }),
        })
    }
}

fn read_events(batch: &RecordBatch) -> Result<Vec<Event>, RowError> {
    let integers = |name: &'static str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        column.ok_or(RowError::Column(name))
    };
    let (ids, reaped) = (integers("request_id")?, integers("reaped_ns")?);
    let kernel = integers("kernel_received_ns")?;
    let kinds = batch.column_by_name("kind").and_then(|column| column.as_string_opt::<i32>());
    let kinds = kinds.ok_or(RowError::Column("kind"))?;
    let stamp = |number: i64| MonoNs(number.cast_unsigned());
    (0..batch.num_rows())
        .map(|place| {
            let kind = EventKind::from_name(kinds.value(place)).ok_or(RowError::Value("kind"))?;
            Ok(Event {
                request_id: RequestId(ids.value(place).cast_unsigned()),
                reaped_ns: stamp(reaped.value(place)),
                kernel_received_ns: kernel.is_valid(place).then(|| stamp(kernel.value(place))),
                is_content: kind.is_content(),
            })
        })
        .collect()
}

/// The rows of a Parquet file, batch by batch.
#[derive(Debug)]
pub struct Rows<R> {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    marker: std::marker::PhantomData<R>,
}

impl<R: Row> Iterator for Rows<R> {
    type Item = Result<Vec<R>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(match batch {
            Ok(batch) => R::from_batch(&batch).map_err(StoreError::rows(&self.path)),
            Err(source) => Err(StoreError::Arrow { path: self.path.clone(), source }),
        })
    }
}

/// A reader of a file that may be foreign.
fn reader(path: &Path, rows_at_once: usize) -> Result<ParquetRecordBatchReaderBuilder<File>, StoreError> {
    bounded_parquet::open(open(path)?, rows_at_once, Nesting::Refused)
        .map_err(|why| StoreError::Unreadable { path: path.to_owned(), why: why.to_string() })
}

fn open(path: &Path) -> Result<File, StoreError> {
    source::open(path, FILE_BYTES_MAX).map_err(StoreError::disk("open", path))
}

/// The pairs of our own.
fn pairs(metadata: &ParquetMetaData) -> Vec<(String, String)> {
    let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let ours = pairs.filter(|pair| pair.key.starts_with("aiperfd."));
    ours.map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default())).collect()
}

fn properties<R: Row>(limits: &Limits, metadata: &[(String, String)]) -> WriterProperties {
    let key_value = |(key, value): &(String, String)| KeyValue::new(key.clone(), value.clone());
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_write_batch_size(BATCH_ROWS)
        .set_max_row_group_row_count(Some(limits.rows_per_group))
        .set_created_by(concat!("aiperfd ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata.iter().map(key_value).collect()));
    let encode = |builder: WriterPropertiesBuilder, column: &record::ColumnInfo| {
        let path = ColumnPath::from(column.name);
        match column.data_type {
            DataType::Int32 | DataType::Int64 => {
                builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Utf8 => builder.set_column_dictionary_enabled(path, true),
            _ => builder,
        }
    };
    R::columns().iter().fold(builder, encode).build()
}

fn start_joined(first: &ParquetMetaData, path: &Path) -> Result<SerializedFileWriter<WholeFile>, StoreError> {
    let metadata = first.file_metadata();
    let properties = WriterProperties::builder()
        .set_created_by(metadata.created_by().unwrap_or_default().to_owned())
        .set_key_value_metadata(metadata.key_value_metadata().cloned())
        .build();
    let schema = metadata.schema_descr().root_schema_ptr();
    SerializedFileWriter::new(WholeFile::create(path)?, schema, Arc::new(properties))
        .map_err(StoreError::parquet(path))
}

fn copy_groups(
    file: &File,
    metadata: &ParquetMetaData,
    writer: &mut SerializedFileWriter<WholeFile>,
) -> Result<(), parquet::errors::ParquetError> {
    for group in metadata.row_groups() {
        let rows_written = group.num_rows().unsigned_abs();
        let mut copy = writer.next_row_group()?;
        for column in group.columns() {
            let chunk = ColumnCloseResult {
                bytes_written: column.compressed_size().unsigned_abs(),
                rows_written,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            };
            copy.append_column(file, chunk)?;
        }
        copy.close()?;
    }
    Ok(())
}

const EVENT_COLUMNS: [&str; 4] = ["request_id", "kind", "kernel_received_ns", "reaped_ns"];

/// Maximum size of a file that is read.
const FILE_BYTES_MAX: u64 = 1 << 40;

/// Rows that are encoded together.
const BATCH_ROWS: usize = 1 << 14;
/// Bytes of buffered long rows.
const BATCH_BYTES: usize = 16 << 20;
/// Memory of a row group at which it is ended.
const GROUP_BYTES: usize = 64 << 20;

/// Rows per row group from which a part is copied unchanged.
const ROWS_WORTH_COPYING: i64 = 1 << 12;

/// Rows that are read together: a request takes a kilobyte of memory.
const READ_ROWS: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Request, Token};

    fn token(place: u64) -> Token {
        Token {
            request_id: RequestId(place / 16),
            index: u32::try_from(place % 16).unwrap(),
            kind: EventKind::Content,
            kernel_received_ns: Some(MonoNs(place * 1_000_003)),
            reaped_ns: MonoNs(place * 1_000_003 + 5000),
            end_offset: place * 200,
            bytes: 200,
            segment: Some(place),
            events_in_segment: Some(1),
            tokens: Some(1),
            unmatched: None,
        }
    }

    /// An observation that ends a part every second must not produce a file of tiny row groups.
    #[test]
    fn small_parts_become_one_row_group() {
        let folder = tempfile::tempdir().unwrap();
        let metadata = [("aiperfd.run_id".to_owned(), "7".to_owned())];
        let mut writer =
            PartWriter::<record::Payload>::new(folder.path(), "payloads", Limits::STANDARD, &metadata);
        for request in 0..60_u64 {
            let data = request.to_string().into_bytes();
            writer.push(record::Payload { request_id: RequestId(request), data }).unwrap();
            if request % 3 == 2 {
                writer.end_part().unwrap();
            }
        }
        let (parts, whole) = (writer.finish().unwrap(), folder.path().join("payloads.parquet"));
        assert_eq!(parts.len(), 20, "parts");
        join::<record::Payload>(&parts, &whole).unwrap();
        let found = ParquetMetaDataReader::new().parse_and_finish(&open(&whole).unwrap()).unwrap();
        assert_eq!(
            (found.num_row_groups(), found.file_metadata().num_rows()),
            (1, 60),
            "row groups and rows"
        );
        let pairs = found.file_metadata().key_value_metadata().unwrap();
        assert!(pairs.iter().any(|pair| pair.key == "aiperfd.run_id"), "the parts' metadata about the run");
        let ids = rows::<record::Payload>(&whole).unwrap().flat_map(|batch| batch.unwrap());
        assert!(ids.map(|row| row.request_id.0).eq(0..60), "in order");
    }

    /// Bytes of responses are not buffered until a batch has its usual number of rows.
    #[test]
    fn long_rows_are_written_sooner() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer =
            PartWriter::<record::Response>::new(folder.path(), "responses", Limits::STANDARD, &[]);
        for request in 0..40_u64 {
            let mut data = vec![0_u8; 4 << 20];
            // Incompressible bytes.
            let mut state = request + 1;
            for byte in &mut data {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = state.to_be_bytes()[0];
            }
            let length = data.len();
            writer
                .push_with(record::Response { request_id: RequestId(request), index: None, data }, length)
                .unwrap();
            assert!(writer.waiting_bytes < BATCH_BYTES, "{} bytes are buffered", writer.waiting_bytes);
            if let Some((open, ..)) = &writer.open {
                assert!(open.memory_size() < GROUP_BYTES + 2 * BATCH_BYTES, "{} bytes", open.memory_size());
            }
        }
        let parts = writer.finish().unwrap();
        let rows = parts.iter().flat_map(|part| rows::<record::Response>(part).unwrap());
        assert_eq!(rows.map(|batch| batch.unwrap().len()).sum::<usize>(), 40, "all of them");
    }

    #[test]
    fn rows_survive_parts_and_joining() {
        let directory = tempfile::tempdir().unwrap();
        let limits = Limits { rows_per_group: 1000, rows_per_part: 20_000, bytes_per_part: 1 << 30 };
        let pairs = [("schema_version".to_owned(), "1.0".to_owned())];
        let mut writer = PartWriter::new(directory.path(), "tokens", limits, &pairs);
        let tokens = (0..50_000).map(token).collect::<Vec<_>>();
        tokens.iter().cloned().for_each(|token| writer.push(token).unwrap());
        let parts = writer.finish().unwrap();
        assert_eq!(parts.len(), 2, "a part ends with the batch that fills it");
        assert!(parts[1].ends_with("tokens-00001.parquet"), "numbered");
        let whole = directory.path().join("tokens.parquet");
        concat(&parts, &whole).unwrap();
        let back = rows::<Token>(&whole).unwrap().map(Result::unwrap).collect::<Vec<_>>().concat();
        assert!(back == tokens, "the same rows in the same order");
        let events = events(&whole).unwrap().map(Result::unwrap).collect::<Vec<_>>().concat();
        assert!(events == tokens.iter().map(Event::from).collect::<Vec<_>>(), "the same events");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn no_rows_make_an_empty_file() {
        let directory = tempfile::tempdir().unwrap();
        let parts = PartWriter::<Request>::new(directory.path(), "requests", Limits::STANDARD, &[]).finish();
        let parts = parts.unwrap();
        assert_eq!(rows::<Request>(&parts[0]).unwrap().count(), 0, "no batch");
    }
}
