//! Validates Arrow files and streams written by other programs: claimed lengths are checked against the file's length before
//! anything is allocated.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// The two kinds of Arrow IPC data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file, whose footer states where its batches are.
    File,
    /// A stream of consecutive batches.
    Stream,
}

/// Detects the kind, after checking that everything it claims lies within the file.
pub(super) fn kind(file: &File) -> Result<Kind, String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut magic = [0; MAGIC.len()];
    if length >= magic.len() as u64 && read(file, &mut magic, 0).is_ok() && magic == MAGIC {
        check_footer(file, length)?;
        return Ok(Kind::File);
    }
    check_stream(file, length)?;
    Ok(Kind::Stream)
}

fn check_footer(file: &File, length: u64) -> Result<(), String> {
    let mut end = [0; 10];
    let at = length.checked_sub(10).ok_or("it is too short for an Arrow file")?;
    read(file, &mut end, at)?;
    let [a, b, c, d, magic @ ..] = end;
    if magic != MAGIC {
        return Err("it does not end as an Arrow file does".to_owned());
    }
    let bytes = piece(file, at, u64::from(u32::from_le_bytes([a, b, c, d])), |bytes| at.checked_sub(bytes))?;
    let footer =
        arrow_ipc::root_as_footer(&bytes).map_err(|error| format!("its footer is invalid: {error}"))?;
    let blocks = [footer.dictionaries(), footer.recordBatches()].into_iter().flatten().flatten();
    for block in blocks {
        let parts = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let end = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(u64::try_from(*part).ok()?));
        if end.is_none_or(|end| end > length) {
            return Err("a batch extends beyond its end".to_owned());
        }
        let [begin, metadata, _] = parts.map(|part| u64::try_from(part).unwrap_or(0));
        let message = piece(file, length, metadata, |_| Some(begin))?;
        let message = message_of(&message)?;
        check_compressed(file, length, begin.saturating_add(metadata), &message)?;
    }
    Ok(())
}

/// Parses a message, whose first bytes may repeat its length.
fn message_of(bytes: &[u8]) -> Result<arrow_ipc::Message<'_>, String> {
    let bare = bytes.strip_prefix(&CONTINUES).map_or(bytes, |rest| rest.get(4..).unwrap_or_default());
    arrow_ipc::root_as_message(bare).map_err(|error| format!("a message in it is invalid: {error}"))
}

/// Checks compressed buffers, which start with their claimed decompressed length: the reader allocates that much.
fn check_compressed(
    file: &File,
    length: u64,
    body: u64,
    message: &arrow_ipc::Message<'_>,
) -> Result<(), String> {
    let batch = message.header_as_record_batch().or_else(|| message.header_as_dictionary_batch()?.data());
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else { return Ok(()) };
    let mut sum = 0_u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() > 0) {
        let at = u64::try_from(buffer.offset()).ok().and_then(|offset| body.checked_add(offset));
        let at = at.filter(|at| at.checked_add(8).is_some_and(|end| end <= length));
        let mut claim = [0; 8];
        read(file, &mut claim, at.ok_or("a buffer extends beyond its end")?)?;
        // A negative length marks a buffer that is not compressed.
        sum = sum.saturating_add(u64::try_from(i64::from_le_bytes(claim)).unwrap_or(0));
    }
    if sum > BATCH_BYTES_MAX {
        return Err(format!(
            "a batch claims a decompressed size of {sum} bytes: more than {BATCH_BYTES_MAX} are not supported"
        ));
    }
    Ok(())
}

fn check_stream(file: &File, length: u64) -> Result<(), String> {
    let mut at = 0_u64;
    while at + 4 <= length {
        let mut size = [0; 4];
        read(file, &mut size, at)?;
        at += 4;
        if size == CONTINUES {
            if at + 4 > length {
                break;
            }
            read(file, &mut size, at)?;
            at += 4;
        }
        let metadata = u64::from(u32::from_le_bytes(size));
        if metadata == 0 {
            break;
        }
        let bytes = piece(file, length, metadata, |_| Some(at))?;
        let message = message_of(&bytes)?;
        check_compressed(file, length, at.saturating_add(metadata), &message)?;
        let body = u64::try_from(message.bodyLength()).ok();
        let end = at.checked_add(metadata).zip(body).and_then(|(at, body)| at.checked_add(body));
        at = end.filter(|end| *end <= length).ok_or("a message extends beyond its end")?;
    }
    Ok(())
}

/// Reads this many bytes at an offset, all of which must lie before `end`.
fn piece(
    file: &File,
    end: u64,
    bytes: u64,
    place: impl FnOnce(u64) -> Option<u64>,
) -> Result<Vec<u8>, String> {
    let at = place(bytes).filter(|at| at.checked_add(bytes).is_some_and(|to| to <= end));
    let at = at.filter(|_| bytes <= METADATA_BYTES_MAX);
    let at = at.ok_or_else(|| format!("its metadata claims {bytes} bytes"))?;
    let mut read_bytes = vec![0; usize::try_from(bytes).map_err(|error| error.to_string())?];
    read(file, &mut read_bytes, at)?;
    Ok(read_bytes)
}

fn read(file: &File, bytes: &mut [u8], at: u64) -> Result<(), String> {
    file.read_exact_at(bytes, at).map_err(|error| error.to_string())
}

const MAGIC: [u8; 6] = *b"ARROW1";
const CONTINUES: [u8; 4] = [0xff; 4];
/// Maximum size of a decompressed batch, in bytes.
const BATCH_BYTES_MAX: u64 = 2 << 30;
/// A limit that no schema reaches.
const METADATA_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use std::sync::Arc;

    fn bytes(kind: Kind) -> Vec<u8> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let mut bytes = Vec::new();
        if kind == Kind::File {
            let mut writer = arrow_ipc::writer::FileWriter::try_new(&mut bytes, &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        } else {
            let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
        bytes
    }

    /// A stream of one compressed batch, whose only buffer of values has 800 bytes.
    fn compressed() -> Vec<u8> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(std::iter::repeat_n(7, 100)));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let options = arrow_ipc::writer::IpcWriteOptions::default();
        let options = options.try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME)).unwrap();
        let mut bytes = Vec::new();
        let mut writer =
            arrow_ipc::writer::StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options)
                .unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        assert_eq!(kind_of(&bytes), Ok(Kind::Stream), "as it was written");
        bytes
    }

    /// The offset at which a buffer claims this decompressed size.
    fn claim_of(bytes: &[u8], claim: i64) -> usize {
        bytes.windows(8).rposition(|eight| eight == claim.to_le_bytes()).unwrap()
    }

    fn kind_of(bytes: &[u8]) -> Result<Kind, String> {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        kind(&file)
    }

    #[test]
    fn both_kinds_are_known() {
        for kind in [Kind::File, Kind::Stream] {
            assert_eq!(kind_of(&bytes(kind)), Ok(kind), "as it was written");
        }
    }

    #[test]
    fn nothing_may_extend_beyond_the_end() {
        for kind in [Kind::File, Kind::Stream] {
            let whole = bytes(kind);
            // Truncated anywhere, or with any byte changed, it is either refused or read, and nothing is allocated for missing
            // data.
            for place in 0..whole.len() {
                kind_of(&whole[..place]).ok();
                let mut changed = whole.clone();
                changed[place] = 0xff;
                kind_of(&changed).ok();
            }
        }
        let mut bomb = compressed();
        let place = claim_of(&bomb, 800);
        bomb[place..place + 8].copy_from_slice(&(3_i64 << 30).to_le_bytes());
        let refused = kind_of(&bomb).unwrap_err();
        assert!(refused.contains("claims a decompressed size of 3221225472 bytes"), "{refused}");
        let mut claims = vec![0xff; 4];
        claims.extend(i32::MAX.to_le_bytes());
        assert!(
            kind_of(&claims).unwrap_err().contains("claims 2147483647 bytes"),
            "two gigabytes of metadata"
        );
        let mut footer = b"ARROW1\0\0".to_vec();
        footer.extend(i32::MAX.to_le_bytes());
        footer.extend(b"ARROW1");
        assert!(kind_of(&footer).unwrap_err().contains("claims 2147483647 bytes"), "two gigabytes of footer");
    }
}
