//! The content of a watched request, where that is kept.

use crate::column::columns;
use common::id::RequestId;

columns! {
    /// The body of a watched request, a row of `payloads.parquet`.
    Payload {
        /// The request.
        request_id: RequestId, Identity, None, ResponseParser;
        /// Its body; empty where not all of it was captured.
        data: Vec<u8>, Plain, None, ResponseParser;
    }
}
