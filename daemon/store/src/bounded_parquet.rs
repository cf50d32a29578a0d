//! Validates Parquet files written by other programs: claimed sizes are checked before anything is allocated.
//!
//! ```text
//! footer ──▶ column chunks ──▶ page headers (a few bytes each)       nothing is decompressed here
//!              └ within the file    └ sizes, numbers of values ──▶ refused, or: how many rows fit into memory
//! ```
//!
//! A page of a few kilobytes can expand to gigabytes: compressed zeros, or a dictionary with one long value that every row
//! references. The reader allocates what a page's header claims, so the header must be bounded.

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Type;
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Whether columns may contain lists and maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// In aiperfd's own records.
    Refused,
    /// In datasets.
    Allowed,
}

/// Validates a file and returns a reader that reads at most this many rows at once.
///
/// # Errors
/// What the file claims that is impossible, or exceeds a limit.
pub fn open(
    file: File,
    rows_at_once: usize,
    nesting: Nesting,
) -> Result<ParquetRecordBatchReaderBuilder<File>, Box<dyn std::error::Error + Send + Sync>> {
    let length = file.metadata()?.len();
    check_footer(&file, length)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.try_clone()?)?;
    let value_bytes = check_pages(&file, length, builder.metadata(), nesting)?;
    let fitting = usize::try_from(BATCH_BYTES_MAX / value_bytes.max(1)).unwrap_or(usize::MAX);
    Ok(builder.with_batch_size(rows_at_once.min(fitting).max(1)))
}

/// Checks the footer's length, because it is read in one piece.
fn check_footer(file: &File, length: u64) -> Result<(), String> {
    let mut end = [0; 8];
    let at = length.checked_sub(8).ok_or("it is too short for a Parquet file")?;
    file.read_exact_at(&mut end, at).map_err(|error| error.to_string())?;
    let [a, b, c, d, magic @ ..] = end;
    if &magic != b"PAR1" {
        return Err("it does not end as a Parquet file does".to_owned());
    }
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    if footer > at || footer > FOOTER_BYTES_MAX {
        return Err(format!("its footer claims {footer} bytes"));
    }
    Ok(())
}

/// Checks every page's header; returns the maximum size of a value in bytes.
fn check_pages(
    file: &File,
    length: u64,
    metadata: &ParquetMetaData,
    nesting: Nesting,
) -> Result<u64, String> {
    let columns = metadata.file_metadata().schema_descr().num_columns();
    if columns > COLUMNS_MAX {
        return Err(format!("it has {columns} columns: more than {COLUMNS_MAX} are not supported"));
    }
    let mut largest = 0;
    let mut pages = 0_u64;
    for group in metadata.row_groups() {
        for column in group.columns() {
            let is_nested = column.column_descr().max_rep_level() > 0;
            let named =
                |why: String| format!("column `{}`: {why}", crate::visible(column.column_descr().name()));
            if is_nested && (nesting == Nesting::Refused || column.num_values() > NESTED_VALUES_MAX) {
                return Err(named(format!("it has {} values in lists", column.num_values())));
            }
            let walked = walk(file, length, column, &mut pages).map_err(named)?;
            largest = largest.max(walked);
        }
    }
    Ok(largest)
}

/// Checks the pages of a column chunk one by one.
fn walk(file: &File, length: u64, column: &ColumnChunkMetaData, pages: &mut u64) -> Result<u64, String> {
    let (begin, bytes) = column.byte_range();
    let end = begin.checked_add(bytes).filter(|end| *end <= length);
    let end = end.ok_or("it extends beyond the end of the file")?;
    let (mut at, mut largest) = (begin, 0);
    while at < end {
        *pages += 1;
        if *pages > PAGES_MAX {
            return Err(format!("the file has more than {PAGES_MAX} pages"));
        }
        let (header, header_bytes) = read_header(file, at, end)?;
        let Header { uncompressed, compressed, values, is_dictionary } = header;
        if uncompressed > PAGE_BYTES_MAX {
            return Err(format!(
                "a page claims {uncompressed} bytes: more than {PAGE_BYTES_MAX} are not supported"
            ));
        }
        if is_dictionary && values > uncompressed {
            return Err(format!("its dictionary claims {values} values in {uncompressed} bytes"));
        }
        // A dictionary may consist of one value that every row references.
        largest = largest.max(match (is_dictionary, uncompressed) {
            (false, _) => uncompressed / values.max(1),
            (true, ..=SMALL_DICTIONARY_BYTES) => uncompressed,
            (true, _) => longest_in_dictionary(file, column)?,
        });
        at = at
            .checked_add(header_bytes)
            .and_then(|at| at.checked_add(compressed))
            .ok_or("a page's end overflows")?;
    }
    if at > end {
        return Err("a page extends beyond the column's end".to_owned());
    }
    Ok(largest)
}

/// The length of the longest value in a column chunk's dictionary, whose size is already checked.
fn longest_in_dictionary(file: &File, column: &ColumnChunkMetaData) -> Result<u64, String> {
    let failed = |error: &dyn std::fmt::Display| format!("its dictionary cannot be read: {error}");
    let file = file.try_clone().map_err(|error| failed(&error))?;
    let rows = usize::try_from(column.num_values()).map_err(|error| failed(&error))?;
    let reader = SerializedPageReader::new(Arc::new(file), column, rows, None);
    let page = reader.and_then(|mut reader| reader.get_next_page()).map_err(|error| failed(&error))?;
    let Some(Page::DictionaryPage { buf, .. }) = page else {
        return Err(failed(&"it is not a dictionary page"));
    };
    if column.column_type() != Type::BYTE_ARRAY {
        return Ok(u64::try_from(column.column_descr().type_length()).unwrap_or(0).max(16));
    }
    // Each value is its length followed by its bytes.
    let (mut rest, mut longest) = (&buf[..], 0);
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(u64::from(length));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        rest = behind.get(length..).ok_or_else(|| failed(&"a value extends beyond its end"))?;
    }
    Ok(longest)
}

/// The checked fields of a page's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Header {
    uncompressed: u64,
    compressed: u64,
    values: u64,
    is_dictionary: bool,
}

/// Reads a header of unknown length: statistics may be long.
fn read_header(file: &File, at: u64, end: u64) -> Result<(Header, u64), String> {
    for room in [256, 16 << 10, 4 << 20] {
        let room = usize::try_from((end - at).min(room)).unwrap_or(0);
        let mut bytes = vec![0; room];
        file.read_exact_at(&mut bytes, at).map_err(|error| error.to_string())?;
        let mut thrift = Thrift { bytes: &bytes, at: 0 };
        if let Some(header) = thrift.page_header() {
            return Ok((header, thrift.at as u64));
        }
    }
    Err("a page has no valid header".to_owned())
}

/// A decoder of Thrift's compact protocol, as far as page headers need it; `None` for missing or invalid bytes.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    /// `PageHeader` of parquet.thrift: fields 2 and 3 are sizes; 5, 7 and 8 are the headers of data, dictionary and data v2
    /// pages, whose first field is the number of values.
    fn page_header(&mut self) -> Option<Header> {
        let mut header = Header::default();
        let (mut uncompressed, mut compressed) = (None, None);
        let mut field = 0;
        while let Some(kind) = self.field(&mut field)? {
            match (field, kind) {
                (2, INT) => uncompressed = Some(self.positive()?),
                (3, INT) => compressed = Some(self.positive()?),
                (5 | 7 | 8, STRUCT) => {
                    header.is_dictionary = field == 7;
                    header.values = self.first_number()?;
                }
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        Some(Header { uncompressed: uncompressed?, compressed: compressed?, ..header })
    }

    /// The first field of a struct, whose other fields are skipped.
    fn first_number(&mut self) -> Option<u64> {
        let (mut field, mut number) = (0, None);
        while let Some(kind) = self.field(&mut field)? {
            if (field, kind) == (1, INT) {
                number = Some(self.positive()?);
            } else {
                self.skip(kind, DEPTH_MAX)?;
            }
        }
        number
    }

    /// The type of the next field, whose number is updated; `Some(None)` at the end of a struct.
    fn field(&mut self, number: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        let delta = i64::from(byte >> 4);
        *number = if delta == 0 { self.zigzag()? } else { number.checked_add(delta)? };
        Some(Some(byte & 0xf))
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.pass(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
                // Booleans in a list take one byte each.
                let kind = if byte & 0xf <= 2 { 3 } else { byte & 0xf };
                (0..count).try_for_each(|_| self.skip(kind, depth))
            }
            STRUCT => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn positive(&mut self) -> Option<u64> {
        u64::try_from(self.zigzag()?).ok()
    }

    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn pass(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }
}

/// The type codes of a 32-bit integer and a struct in the compact protocol.
const INT: u8 = 5;
const STRUCT: u8 = 12;
const DEPTH_MAX: u8 = 16;
/// Writers produce pages of a megabyte; one with a long value is longer.
const PAGE_BYTES_MAX: u64 = 256 << 20;
const PAGES_MAX: u64 = 50_000_000;
const FOOTER_BYTES_MAX: u64 = 256 << 20;
const COLUMNS_MAX: usize = 10_000;
/// Maximum values in lists of one column of one row group: all may belong to one row.
const NESTED_VALUES_MAX: i64 = 1 << 26;
/// Size up to which a dictionary is not checked: it may be one value in every row.
const SMALL_DICTIONARY_BYTES: u64 = 64 << 10;
/// Maximum size in one column of the rows that are read together.
const BATCH_BYTES_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::WriterProperties;

    fn written(columns: Vec<(&str, ArrayRef)>, dictionary: bool) -> File {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(dictionary)
            .build();
        let file = tempfile::tempfile().unwrap();
        let mut writer =
            ArrowWriter::try_new(file.try_clone().unwrap(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file
    }

    fn refused(file: File, nesting: Nesting) -> String {
        open(file, 4096, nesting).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn ordinary_files_are_read_as_before() {
        let texts = StringArray::from_iter_values((0..10_000).map(|number| format!("text {number}")));
        let numbers = Int64Array::from_iter_values(0..10_000);
        for dictionary in [false, true] {
            let columns: Vec<(&str, ArrayRef)> =
                vec![("a", Arc::new(texts.clone())), ("b", Arc::new(numbers.clone()))];
            let reader = open(written(columns, dictionary), 4096, Nesting::Refused).unwrap().build().unwrap();
            let rows = reader.map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>();
            assert_eq!(rows, [4096, 4096, 1808], "all rows, as many at once as requested");
        }
    }

    #[test]
    fn a_page_with_an_excessive_size_is_refused_before_it_is_read() {
        let zeros = "\0".repeat(300 << 20);
        let bomb: ArrayRef = Arc::new(StringArray::from(vec![zeros.as_str()]));
        let file = written(vec![("x", bomb)], false);
        assert!(file.metadata().unwrap().len() < 1 << 20, "a small file");
        let why = refused(file, Nesting::Allowed);
        assert!(why.starts_with("column `x`: a page claims 3145728"), "{why}");
    }

    #[test]
    fn one_long_value_in_all_rows_is_read_in_few_rows() {
        let long = "x".repeat(64 << 20);
        let bomb: ArrayRef = Arc::new(StringArray::from_iter_values((0..500).map(|_| &long[..1 << 20])));
        let mut reader =
            open(written(vec![("x", bomb)], true), 4096, Nesting::Refused).unwrap().build().unwrap();
        let rows = reader.next().unwrap().unwrap().num_rows();
        assert!((1..=256).contains(&rows), "{rows} rows of a megabyte");
    }

    #[test]
    fn lists_are_for_datasets() {
        let lists =
            ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>([Some(vec![Some(1); 3])]);
        let columns = || vec![("x", Arc::new(lists.clone()) as ArrayRef)];
        assert!(
            refused(written(columns(), true), Nesting::Refused).contains("values in lists"),
            "in records"
        );
        assert!(open(written(columns(), true), 1, Nesting::Allowed).is_ok(), "in datasets");
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"PAR1", b"PAR1PAR1PAR1", b"\xff\xff\xff\xffPAR1", b"no parquet at all"] {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(bytes, 0).unwrap();
            assert!(open(file, 1, Nesting::Allowed).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn broken_headers_are_refused() {
        for length in 0..64 {
            for byte in 0..=255 {
                let bytes = vec![byte; length];
                Thrift { bytes: &bytes, at: 0 }.page_header();
            }
        }
        assert_eq!(
            Thrift { bytes: &[0x15, 0, 0x15, 20, 0x15, 10, 0], at: 0 }
                .page_header()
                .map(|header| header.compressed),
            Some(5),
            "sizes"
        );
    }
}
