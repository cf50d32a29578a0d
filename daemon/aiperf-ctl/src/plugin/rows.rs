//! Rows of a stream exporter: JSON lines, or an Arrow IPC stream.

use aiperfd_plugin::message::Encoding;
use anyhow::Result;
use arrow_array::builder::{BooleanBuilder, Float64Builder, StringBuilder, UInt32Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use control::LiveRequest;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows as a body.
///
/// # Errors
/// None but a fault of this program.
pub(super) fn encoded(rows: &[LiveRequest], encoding: Encoding) -> Result<Vec<u8>> {
    match encoding {
        Encoding::Json => lines(rows),
        Encoding::Arrow => stream(rows),
    }
}

fn lines(rows: &[LiveRequest]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for row in rows {
        let mut fields = Map::new();
        fields.insert("id".to_owned(), json!(row.id));
        fields.insert("phase".to_owned(), json!(row.phase));
        fields.insert("is_warmup".to_owned(), json!(row.is_warmup));
        fields.insert("worker".to_owned(), json!(row.worker));
        fields.insert("error".to_owned(), json!(row.error));
        fields.insert("http_status".to_owned(), json!(row.http_status));
        fields.extend(row.values.iter().map(|(tag, value)| (tag.to_owned(), json!(value))));
        serde_json::to_writer(&mut body, &Value::Object(fields))?;
        body.push(b'\n');
    }
    Ok(body)
}

fn stream(rows: &[LiveRequest]) -> Result<Vec<u8>> {
    let [mut id, mut phase, mut error] = [(); 3].map(|()| StringBuilder::new());
    let (mut warmup, mut worker, mut status) =
        (BooleanBuilder::new(), UInt32Builder::new(), UInt32Builder::new());
    let mut metrics = BTreeMap::<&str, Float64Builder>::new();
    for (place, row) in rows.iter().enumerate() {
        id.append_value(&row.id);
        phase.append_value(&row.phase);
        error.append_option(row.error.as_deref());
        warmup.append_value(row.is_warmup);
        worker.append_value(row.worker);
        status.append_option(row.http_status);
        for (tag, value) in row.values.iter() {
            let column = metrics.entry(tag).or_insert_with(|| {
                let mut column = Float64Builder::new();
                column.append_nulls(place);
                column
            });
            column.append_value(value);
        }
        for column in metrics.values_mut() {
            let missing = (place + 1).saturating_sub(arrow_array::builder::ArrayBuilder::len(column));
            column.append_nulls(missing);
        }
    }
    let texts = |mut builder: StringBuilder| Arc::new(builder.finish()) as ArrayRef;
    let mut columns = vec![
        (Field::new("id", DataType::Utf8, false), texts(id)),
        (Field::new("phase", DataType::Utf8, false), texts(phase)),
        (Field::new("is_warmup", DataType::Boolean, false), Arc::new(warmup.finish()) as ArrayRef),
        (Field::new("worker", DataType::UInt32, false), Arc::new(worker.finish()) as ArrayRef),
        (Field::new("error", DataType::Utf8, true), texts(error)),
        (Field::new("http_status", DataType::UInt32, true), Arc::new(status.finish()) as ArrayRef),
    ];
    columns.extend(metrics.into_iter().map(|(tag, mut values)| {
        (Field::new(tag, DataType::Float64, true), Arc::new(values.finish()) as ArrayRef)
    }));
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use arrow_ipc::reader::StreamReader;

    fn rows() -> Vec<LiveRequest> {
        let row = |id: &str, error: Option<&str>, values: Value| {
            serde_json::from_value(json!({
                "id": id, "phase": "profiling", "worker": 1, "error": error, "http_status": 200,
                "values": values, "dropped": 0,
            }))
            .unwrap()
        };
        vec![
            row("a", None, json!({"request_latency": 2.5})),
            row("b", Some("timeout"), json!({})),
            row("c", None, json!({"request_latency": 3.5, "time_to_first_token": 1.0})),
        ]
    }

    #[test]
    fn both_encodings_have_the_same_rows() {
        let text = String::from_utf8(encoded(&rows(), Encoding::Json).unwrap()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2]["time_to_first_token"], json!(1.0));
        let bytes = encoded(&rows(), Encoding::Arrow).unwrap();
        let batch = StreamReader::try_new(bytes.as_slice(), None).unwrap().next().unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (3, 8));
        for (tag, place) in [("request_latency", 2), ("time_to_first_token", 2)] {
            let column = batch.column_by_name(tag).unwrap().as_primitive::<Float64Type>();
            assert_eq!(json!(column.value(place)), lines[place][tag], "{tag}");
            assert!(column.is_null(1), "{tag} of a request that failed");
        }
        assert_eq!(batch.column_by_name("error").unwrap().as_string::<i32>().value(1), "timeout");
    }
}
