//! One event of a response, byte for byte: kept only if the raw export was requested.

use crate::column::columns;
use common::id::RequestId;

columns! {
    /// One event's bytes (or the response head's), a row of `responses.parquet`.
    Response {
        /// The request that it answers.
        request_id: RequestId, Identity, None, Schedule;
        /// The event's place in the response, from 0; absent for the response's head.
        index: Option<u32>, Identity, None, ResponseParser;
        /// The bytes as they arrived.
        data: Vec<u8>, Bytes, None, Server;
    }
}
