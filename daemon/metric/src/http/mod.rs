//! The stages of the HTTP exchange, by k6's names: AIPerf's trace metrics, from aiperfd's timestamps.
//!
//! ```text
//! connect_begun  connected  submitted  kernel_sent_last  head_reaped  ended
//! |-connecting--|           |-sending--|-----waiting----|--receiving-|
//! ```

use crate::case::Case;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::{Value, float};

macro_rules! stages {
    ($($name:ident $tag:literal $header:literal $from:ident $to:ident $order:literal $formula:ident $text:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric = Metric::record($tag, $header, $formula)
            .shown(Unit::$from, Unit::$to)
            .order($order)
            .group(Group::HttpTrace)
            .flags(Flags::HTTP_TRACE_ONLY)
            .text($text);
    )*};
}

stages! {
    BLOCKED "http_req_blocked" "HTTP Blocked" Nanoseconds Milliseconds 2000 blocked
        "Waiting for a free connection: always 0, because a request is submitted only when it has one.";
    DNS_LOOKUP "http_req_dns_lookup" "HTTP DNS Lookup" Nanoseconds Milliseconds 2010 blocked
        "Resolving the server's name: always 0, because names are resolved before the run.";
    CONNECTING "http_req_connecting" "HTTP Connecting" Nanoseconds Milliseconds 2020 connecting
        "connected - connect_begun; 0 on a reused connection.";
    SENDING "http_req_sending" "HTTP Sending" Nanoseconds Milliseconds 2030 sending
        "kernel_sent_last - submitted.";
    WAITING "http_req_waiting" "HTTP Waiting (TTFB)" Nanoseconds Milliseconds 2040 waiting
        "head_reaped - kernel_sent_last.";
    RECEIVING "http_req_receiving" "HTTP Receiving" Nanoseconds Milliseconds 2050 receiving
        "ended - head_reaped; 0 for a response received in one read.";
    CONNECTION_REUSED "http_req_connection_reused" "HTTP Connection Reused" ZeroOrOne ZeroOrOne 2060 reused
        "1 on a connection that was used for a request before, else 0.";
    DATA_SENT "http_req_data_sent" "HTTP Data Sent" Bytes Kilobytes 2070 data_sent "Bytes of the request.";
    CHUNKS_SENT "http_req_chunks_sent" "HTTP Chunks Sent" Count Count 2080 chunks_sent
        "Segments in which the request was sent.";
    DATA_RECEIVED "http_req_data_received" "HTTP Data Received" Bytes Kilobytes 2090 data_received
        "Bytes of the response.";
    CHUNKS_RECEIVED "http_req_chunks_received" "HTTP Chunks Received" Count Count 2100 chunks_received
        "Reads in which the response was received.";
    CONNECTION_OVERHEAD "http_req_connection_overhead" "HTTP Connection Overhead" Nanoseconds Milliseconds 2110
        connecting "blocked + dns_lookup + connecting.";
    DURATION "http_req_duration" "HTTP Duration (excl. conn)" Nanoseconds Milliseconds 2120 duration
        "ended - submitted.";
    TOTAL "http_req_total" "HTTP Total Time" Nanoseconds Milliseconds 2130 total "connecting + duration.";
}

/// The stages are all absent when the rows are not from a client that handled the connection.
fn seen(case: &Case<'_>) -> Option<()> {
    (case.sent_bytes > 0 && case.head_reaped_ns.is_some()).then_some(())
}

fn blocked(case: &Case<'_>) -> Option<Value> {
    seen(case).map(|()| Value::ZERO)
}

fn connecting(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    if case.connection_reused {
        return Some(Value::ZERO);
    }
    Value::span(case.connect_begun_ns?, case.connected_ns?)
}

fn sending(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    case.since_submitted(case.kernel_sent_last_ns)
}

fn waiting(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    case.since_sent(case.head_reaped_ns)
}

fn receiving(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    if case.reads <= 1 { Some(Value::ZERO) } else { Value::span(case.head_reaped_ns?, case.ended_ns) }
}

fn reused(case: &Case<'_>) -> Option<Value> {
    seen(case).map(|()| if case.connection_reused { Value::ONE } else { Value::ZERO })
}

fn data_sent(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    Value::new(float(case.sent_bytes))
}

fn chunks_sent(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    case.sent_segments.map(Value::count)
}

fn data_received(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    Value::new(float(case.received_bytes))
}

fn chunks_received(case: &Case<'_>) -> Option<Value> {
    seen(case).map(|()| Value::count(case.reads))
}

fn duration(case: &Case<'_>) -> Option<Value> {
    seen(case)?;
    case.since_submitted(Some(case.ended_ns))
}

fn total(case: &Case<'_>) -> Option<Value> {
    Value::new(connecting(case)?.get() + duration(case)?.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check;

    #[test]
    fn the_stages_are_consecutive() {
        let table = [
            (&BLOCKED, 0.0),
            (&CONNECTING, 0.0),
            (&SENDING, 1e6),
            (&WAITING, 9e6),
            (&RECEIVING, 93e6),
            (&DURATION, 103e6),
            (&TOTAL, 103e6),
            (&CONNECTION_REUSED, 1.0),
            (&DATA_SENT, 2048.0),
            (&DATA_RECEIVED, 4096.0),
            (&CHUNKS_SENT, 1.0),
            (&CHUNKS_RECEIVED, 7.0),
        ];
        for (metric, expected) in table {
            check(metric, |_| (), Some(expected));
        }
    }
}
