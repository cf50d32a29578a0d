//! Converts rows of Arrow columns to JSON: null fields are left out of their object, bytes become hexadecimal digits, dates and
//! times ISO 8601.
//!
//! `arrow-json` does the same, but brings casts between any two types with it, a tenth of the product's compile time.

use super::Columns;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTemporalType, Date32Type, Date64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_schema::{DataType, TimeUnit};
use serde_json::Value;
use std::fmt::Write;

/// A row of a batch.
pub(super) fn row(batch: &RecordBatch, row: usize) -> Result<Columns, String> {
    let schema = batch.schema_ref();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    object(names.zip(batch.columns()), row, &mut Room(VALUES_MAX))
}

/// The number of values that a row may still have: nested lists can claim any number of values in no bytes at all.
struct Room(usize);

impl Room {
    fn take(&mut self, values: usize) -> Result<(), String> {
        self.0 =
            self.0.checked_sub(values).ok_or_else(|| format!("a row has more than {VALUES_MAX} values"))?;
        Ok(())
    }
}

fn object<'a>(
    columns: impl Iterator<Item = (&'a str, &'a ArrayRef)>,
    row: usize,
    room: &mut Room,
) -> Result<Columns, String> {
    let mut object = Columns::new();
    for (name, column) in columns {
        room.take(1)?;
        let value = value(column.as_ref(), row, room).map_err(|why| format!("column `{name}`: {why}"))?;
        if !value.is_null() {
            object.insert(name.to_owned(), value);
        }
    }
    Ok(object)
}

fn value(array: &dyn Array, row: usize, room: &mut Room) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => number::<Int8Type>(array, row),
        DataType::Int16 => number::<Int16Type>(array, row),
        DataType::Int32 => number::<Int32Type>(array, row),
        DataType::Int64 => number::<Int64Type>(array, row),
        DataType::UInt8 => number::<UInt8Type>(array, row),
        DataType::UInt16 => number::<UInt16Type>(array, row),
        DataType::UInt32 => number::<UInt32Type>(array, row),
        DataType::UInt64 => number::<UInt64Type>(array, row),
        DataType::Float16 => array.as_primitive::<Float16Type>().value(row).to_f64().into(),
        DataType::Float32 => number::<Float32Type>(array, row),
        DataType::Float64 => number::<Float64Type>(array, row),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Binary => hexadecimal(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => hexadecimal(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => hexadecimal(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => hexadecimal(array.as_fixed_size_binary().value(row)),
        DataType::Decimal128(..) => decimal(&array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => decimal(&array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Date32 => date::<Date32Type>(array, row),
        DataType::Date64 => date::<Date64Type>(array, row),
        DataType::Timestamp(unit, zone) => moment(*unit, zone.is_some(), array, row),
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref(), room)?,
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref(), room)?,
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(row).as_ref(), room)?,
        DataType::Struct(_) => Value::Object(fields(array.as_struct(), row, room)?),
        DataType::Map(..) => map(&array.as_map().value(row), room)?,
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            value(dictionary.values().as_ref(), key(array, row)?, room)?
        }
        other => return Err(format!("its type {other} is not supported")),
    })
}

fn number<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> Value
where
    T::Native: Into<Value>,
{
    array.as_primitive::<T>().value(row).into()
}

fn decimal(digits: &str) -> Value {
    digits.parse::<f64>().map_or(Value::Null, Value::from)
}

fn date<T: ArrowTemporalType>(array: &dyn Array, row: usize) -> Value
where
    i64: From<T::Native>,
{
    array.as_primitive::<T>().value_as_date(row).map_or(Value::Null, |date| date.to_string().into())
}

fn moment(unit: TimeUnit, is_utc: bool, array: &dyn Array, row: usize) -> Value {
    let moment = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value_as_datetime(row),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value_as_datetime(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value_as_datetime(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value_as_datetime(row),
    };
    // A time zone only affects how a time is displayed; the stored time is UTC.
    let zone = if is_utc { "Z" } else { "" };
    moment.map_or(Value::Null, |moment| format!("{}{zone}", moment.format("%Y-%m-%dT%H:%M:%S%.f")).into())
}

/// The index of a row's value in its dictionary.
fn key(array: &dyn Array, row: usize) -> Result<usize, String> {
    let keys = array.slice(row, 1);
    let key = keys.as_any_dictionary().normalized_keys().first().copied();
    key.ok_or_else(|| "its dictionary is empty".to_owned())
}

fn list(elements: &dyn Array, room: &mut Room) -> Result<Value, String> {
    room.take(elements.len())?;
    (0..elements.len())
        .map(|place| value(elements, place, room))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Array)
}

fn fields(array: &StructArray, row: usize, room: &mut Room) -> Result<Columns, String> {
    object(array.column_names().into_iter().zip(array.columns()), row, room)
}

/// Converts a map to an object, if its keys are text.
fn map(entries: &StructArray, room: &mut Room) -> Result<Value, String> {
    room.take(entries.len())?;
    let mut object = Columns::new();
    for place in 0..entries.len() {
        let Value::String(key) = value(entries.column(0).as_ref(), place, room)? else {
            return Err("a map's key is not text".to_owned());
        };
        object.insert(key, value(entries.column(1).as_ref(), place, room)?);
    }
    Ok(Value::Object(object))
}

fn hexadecimal(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    Value::String(text)
}

/// A row with an image or a conversation has some thousands.
const VALUES_MAX: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
    use arrow_array::{
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, DurationSecondArray,
        FixedSizeBinaryArray, Float32Array, Float64Array, LargeStringArray, NullArray, StringViewArray,
        TimestampMicrosecondArray, TimestampSecondArray, UInt64Array,
    };
    use serde_json::json;
    use std::sync::Arc;

    fn check(array: impl Array + 'static, expected: &[Value]) {
        let array: ArrayRef = Arc::new(array);
        let name = array.data_type().to_string();
        let batch = RecordBatch::try_from_iter([("x", Arc::clone(&array))]).unwrap();
        for (place, expected) in expected.iter().enumerate() {
            assert_eq!(row(&batch, place).unwrap().get("x").unwrap_or(&Value::Null), expected, "{name}");
        }
        assert_eq!(array.len(), expected.len(), "{name}");
    }

    #[test]
    fn every_type_of_a_dataset_has_its_json() {
        check(NullArray::new(1), &[Value::Null]);
        check(BooleanArray::from(vec![Some(true), None]), &[json!(true), Value::Null]);
        check(UInt64Array::from(vec![u64::MAX]), &[json!(u64::MAX)]);
        check(Float32Array::from(vec![0.5, f32::NAN]), &[json!(0.5), Value::Null]);
        check(Float64Array::from(vec![1e300, f64::INFINITY]), &[json!(1e300), Value::Null]);
        check(LargeStringArray::from(vec!["ä"]), &[json!("ä")]);
        check(
            StringViewArray::from(vec!["a longer text than twelve bytes"]),
            &[json!("a longer text than twelve bytes")],
        );
        let decimals = Decimal128Array::from(vec![-12345]).with_precision_and_scale(10, 2).unwrap();
        check(decimals, &[json!(-123.45)]);
        check(FixedSizeBinaryArray::try_from_iter([[0, 0xfe_u8]].into_iter()).unwrap(), &[json!("00fe")]);
        check(Date32Array::from(vec![0]), &[json!("1970-01-01")]);
        check(TimestampSecondArray::from(vec![1]), &[json!("1970-01-01T00:00:01")]);
        let zoned = TimestampMicrosecondArray::from(vec![1_500_000]).with_timezone("UTC");
        check(zoned, &[json!("1970-01-01T00:00:01.500Z")]);
        let coded: DictionaryArray<Int32Type> = vec!["b", "a", "b"].into_iter().collect();
        check(coded, &[json!("b"), json!("a"), json!("b")]);
    }

    #[test]
    fn nested_values_are_nested_and_nulls_are_left_out_of_objects() {
        let mut lists = ListBuilder::new(Int32Builder::new());
        lists.append_value([Some(1), None]);
        lists.append_null();
        check(lists.finish(), &[json!([1, null]), Value::Null]);
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        maps.keys().append_value("k");
        maps.values().append_value(3);
        maps.append(true).unwrap();
        check(maps.finish(), &[json!({"k": 3})]);
        let text: ArrayRef = Arc::new(LargeStringArray::from(vec![Some("a"), None]));
        let number: ArrayRef = Arc::new(UInt64Array::from(vec![1, 2]));
        let structs = StructArray::try_from(vec![("text", text), ("number", number)]).unwrap();
        check(structs, &[json!({"text": "a", "number": 1}), json!({"number": 2})]);
    }

    #[test]
    fn a_row_of_any_number_of_values_is_refused() {
        let nulls: ArrayRef = Arc::new(NullArray::new(5_000_000));
        let field = Arc::new(arrow_schema::Field::new_list_field(DataType::Null, true));
        let lists = arrow_array::FixedSizeListArray::new(field, 5_000_000, nulls, None);
        let batch = RecordBatch::try_from_iter([("x", Arc::new(lists) as ArrayRef)]).unwrap();
        let why = row(&batch, 0).unwrap_err();
        assert_eq!(why, "column `x`: a row has more than 4000000 values", "in no bytes at all");
    }

    #[test]
    fn an_unsupported_type_is_named_with_its_column() {
        let column: ArrayRef = Arc::new(DurationSecondArray::from(vec![1]));
        let batch = RecordBatch::try_from_iter([("length", column)]).unwrap();
        let why = row(&batch, 0).unwrap_err();
        assert!(why.starts_with("column `length`: its type Duration"), "{why}");
    }
}
