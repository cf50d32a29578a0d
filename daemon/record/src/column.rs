//! What a column is: its type, unit, clock and source, and how a table of them becomes a row type.

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, StringBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use common::client_event::Outcome;
use common::clock::MonoNs;
use common::id::{ConnectionId, RequestId, SocketCookie};
use common::reply_event::EventKind;
use std::sync::Arc;

/// What a column's numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds on the column's clock.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Seconds.
    Seconds,
    /// Mebibytes.
    Megabytes,
    /// Bytes.
    Bytes,
    /// Tokens.
    Tokens,
    /// Things that are counted.
    Count,
    /// A name or number that identifies, not a quantity.
    Identity,
    /// Text or a truth value.
    Plain,
}

/// The clock that a column's stamps are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_REALTIME`: time since the Unix epoch.
    Realtime,
    /// The column is no stamp.
    None,
}

/// Who a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The schedule.
    Schedule,
    /// The load generator's hot core.
    HotCore,
    /// The load generator's response parser.
    ResponseParser,
    /// The kernel's stamps, by the run's timestamp source.
    Kernel,
    /// The join of stamps and bytes.
    Join,
    /// The server's response.
    Server,
    /// The scraper of the server's metrics.
    Scraper,
    /// The GPU collector.
    Collector,
    /// A GPU's driver, or an exporter in its place.
    Driver,
}

/// A column, for schema and documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name in Parquet.
    pub name: &'static str,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Whether a value may be absent.
    pub nullable: bool,
    /// What its numbers count.
    pub unit: Unit,
    /// The clock that its stamps are on.
    pub clock: Clock,
    /// Who its values come from.
    pub source: Source,
    /// Its meaning, in a sentence or two.
    pub text: String,
}

/// Why stored rows could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// A column that the row type needs is not there or has another type.
    #[error("column `{0}` is missing or has another type")]
    Column(&'static str),
    /// A column holds a value that its type does not know.
    #[error("column `{0}` holds a value that this version does not know")]
    Value(&'static str),
    /// Arrow refused.
    #[error("failed to assemble rows")]
    Arrow(#[from] ArrowError),
}

/// A row type whose columns are declared in a table.
pub trait Row: Sized {
    /// The columns in order.
    fn columns() -> Vec<ColumnInfo>;
    /// The Arrow schema.
    fn schema() -> SchemaRef;
    /// Rows to columns.
    ///
    /// # Errors
    /// When Arrow refuses, which means that a column's declaration contradicts itself.
    fn to_batch(rows: &[Self]) -> Result<RecordBatch, RowError>;
    /// Columns to rows; columns that this version does not know are passed over.
    ///
    /// # Errors
    /// When a column is missing whose values may not be absent, or one holds what its type can't.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, RowError>;
}

/// A type that a column can have.
pub(crate) trait Cell: Sized {
    /// Collects values.
    type Builder: Default;
    /// Reads values back.
    type Array: Clone + 'static;
    /// The Arrow type.
    fn data_type() -> DataType;
    /// Whether a value may be absent.
    fn nullable() -> bool {
        false
    }
    fn append(&self, builder: &mut Self::Builder);
    fn finish(builder: Self::Builder) -> ArrayRef;
    fn array(column: &ArrayRef) -> Option<Self::Array>;
    /// Reads back a column that an older version did not write: absent values, where a value may be absent.
    fn array_of_older(_rows: usize) -> Option<Self::Array> {
        None
    }
    /// The value at a place; `None` when there is none, or none that the type knows.
    fn get(array: &Self::Array, place: usize) -> Option<Self>;
    fn append_absent(builder: &mut Self::Builder);
}

macro_rules! number_cell {
    ($($ty:ty as $arrow:ident, $builder:ident, $number:ty: $to:expr, $from:expr;)*) => {$(
        impl Cell for $ty {
            type Builder = $builder;
            type Array = arrow_array::PrimitiveArray<$arrow>;

            fn data_type() -> DataType {
                <$arrow as arrow_array::types::ArrowPrimitiveType>::DATA_TYPE
            }

            fn append(&self, builder: &mut Self::Builder) {
                let to: fn(&Self) -> $number = $to;
                builder.append_value(to(self));
            }

            fn finish(mut builder: Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }

            fn array(column: &ArrayRef) -> Option<Self::Array> {
                column.as_primitive_opt::<$arrow>().cloned()
            }

            fn get(array: &Self::Array, place: usize) -> Option<Self> {
                let from: fn($number) -> Self = $from;
                if array.is_null(place) { None } else { Some(from(array.value(place))) }
            }

            fn append_absent(builder: &mut Self::Builder) {
                builder.append_null();
            }
        }
    )*};
}

// Parquet readers support signed integers everywhere; the same bits are read.
number_cell! {
    u64 as Int64Type, Int64Builder, i64: |value| value.cast_signed(), i64::cast_unsigned;
    MonoNs as Int64Type, Int64Builder, i64: |value| value.0.cast_signed(), |int| Self(int.cast_unsigned());
    RequestId as Int64Type, Int64Builder, i64: |value| value.0.cast_signed(), |int| Self(int.cast_unsigned());
    SocketCookie as Int64Type, Int64Builder, i64: |value| value.0.cast_signed(), |int| Self(int.cast_unsigned());
    f64 as Float64Type, Float64Builder, f64: |value| *value, |float| float;
    u32 as Int32Type, Int32Builder, i32: |value| value.cast_signed(), i32::cast_unsigned;
    ConnectionId as Int32Type, Int32Builder, i32: |value| value.0.cast_signed(), |int| Self(int.cast_unsigned());
}

macro_rules! other_cell {
    ($($ty:ty as $data_type:ident, $builder:ident, $array:ty, $cast:ident: $append:expr, $get:expr;)*) => {$(
        impl Cell for $ty {
            type Builder = $builder;
            type Array = $array;

            fn data_type() -> DataType {
                DataType::$data_type
            }

            fn append(&self, builder: &mut Self::Builder) {
                let append: fn(&Self, &mut $builder) = $append;
                append(self, builder);
            }

            fn finish(mut builder: Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }

            fn array(column: &ArrayRef) -> Option<Self::Array> {
                column.$cast().cloned()
            }

            fn get(array: &Self::Array, place: usize) -> Option<Self> {
                let get: fn(&$array, usize) -> Option<Self> = $get;
                if array.is_null(place) { None } else { get(array, place) }
            }

            fn append_absent(builder: &mut Self::Builder) {
                builder.append_null();
            }
        }
    )*};
}

other_cell! {
    bool as Boolean, BooleanBuilder, arrow_array::BooleanArray, as_boolean_opt:
        |value, builder| builder.append_value(*value), |array, place| Some(array.value(place));
    String as Utf8, StringBuilder, arrow_array::StringArray, as_string_opt:
        |value, builder| builder.append_value(value), |array, place| Some(array.value(place).to_owned());
    Outcome as Utf8, StringBuilder, arrow_array::StringArray, as_string_opt:
        |value, builder| builder.append_value(value.name()), |array, place| Self::from_name(array.value(place));
    EventKind as Utf8, StringBuilder, arrow_array::StringArray, as_string_opt:
        |value, builder| builder.append_value(value.name()), |array, place| Self::from_name(array.value(place));
    Vec<u8> as Binary, BinaryBuilder, arrow_array::BinaryArray, as_binary_opt:
        |value, builder| builder.append_value(value), |array, place| Some(array.value(place).to_vec());
}

impl<C: Cell> Cell for Option<C> {
    type Builder = C::Builder;
    type Array = C::Array;

    fn data_type() -> DataType {
        C::data_type()
    }

    fn nullable() -> bool {
        true
    }

    fn append(&self, builder: &mut Self::Builder) {
        match self {
            Some(value) => value.append(builder),
            None => C::append_absent(builder),
        }
    }

    fn finish(builder: Self::Builder) -> ArrayRef {
        C::finish(builder)
    }

    fn array(column: &ArrayRef) -> Option<Self::Array> {
        C::array(column)
    }

    fn array_of_older(rows: usize) -> Option<Self::Array> {
        C::array(&arrow_array::new_null_array(&C::data_type(), rows))
    }

    fn get(array: &Self::Array, place: usize) -> Option<Self> {
        Some(C::get(array, place))
    }

    fn append_absent(builder: &mut Self::Builder) {
        C::append_absent(builder);
    }
}

/// Declares a row type: each field is a column with its unit, clock and source, and its doc comment is its text.
macro_rules! columns {
    ($(#[$doc:meta])* $row:ident {
        $($(#[doc = $text:literal])+ $field:ident: $ty:ty, $unit:ident, $clock:ident, $source:ident;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $row {
            $($(#[doc = $text])+ pub $field: $ty,)*
        }

        impl $crate::column::Row for $row {
            fn columns() -> Vec<$crate::column::ColumnInfo> {
                vec![$($crate::column::ColumnInfo {
                    name: stringify!($field),
                    data_type: <$ty as $crate::column::Cell>::data_type(),
                    nullable: <$ty as $crate::column::Cell>::nullable(),
                    unit: $crate::column::Unit::$unit,
                    clock: $crate::column::Clock::$clock,
                    source: $crate::column::Source::$source,
                    text: [$($text),+].map(str::trim).join(" "),
                }),*]
            }

            fn schema() -> arrow_schema::SchemaRef {
                static SCHEMA: std::sync::OnceLock<arrow_schema::SchemaRef> = std::sync::OnceLock::new();
                SCHEMA.get_or_init(|| {
                    let fields = Self::columns()
                        .into_iter()
                        .map(|column| arrow_schema::Field::new(column.name, column.data_type, column.nullable))
                        .collect::<Vec<_>>();
                    std::sync::Arc::new(arrow_schema::Schema::new(fields))
                }).clone()
            }

            fn to_batch(rows: &[Self]) -> Result<arrow_array::RecordBatch, $crate::column::RowError> {
                let arrays = vec![$({
                    let mut builder = <$ty as $crate::column::Cell>::Builder::default();
                    for row in rows {
                        <$ty as $crate::column::Cell>::append(&row.$field, &mut builder);
                    }
                    <$ty as $crate::column::Cell>::finish(builder)
                }),*];
                Ok(arrow_array::RecordBatch::try_new(Self::schema(), arrays)?)
            }

            fn from_batch(batch: &arrow_array::RecordBatch) -> Result<Vec<Self>, $crate::column::RowError> {
                $(let $field = match batch.column_by_name(stringify!($field)) {
                    Some(column) => <$ty as $crate::column::Cell>::array(column),
                    None => <$ty as $crate::column::Cell>::array_of_older(batch.num_rows()),
                }.ok_or($crate::column::RowError::Column(stringify!($field)))?;)*
                (0..batch.num_rows())
                    .map(|place| {
                        Ok(Self {
                            $($field: <$ty as $crate::column::Cell>::get(&$field, place)
                                .ok_or($crate::column::RowError::Value(stringify!($field)))?,)*
                        })
                    })
                    .collect()
            }
        }
    };
}
pub(crate) use columns;
