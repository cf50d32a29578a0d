//! Servers that send without end: what is kept of their responses.

use super::request_table::RequestTable;
use super::testing::{Message, Records, messages, request_ended, table};
use crate::bounds::{EVENTS_MAX, Exceeded, RAW_BYTES_MAX, TEXT_BYTES_MAX};
use crate::secrets::Secrets;
use common::reply_event::{MESSAGE_BYTES_MAX, UNKNOWN};
use std::sync::Arc;
use tokenizer::Tokenizer;

fn content(text: &str) -> String {
    format!(r#"data: {{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#)
}

/// The messages for records that are fed at once, and what was left out.
fn fed(table: RequestTable<Vec<u8>>, records: &Records) -> (Vec<Message>, String) {
    let exceeded = Arc::<Exceeded>::default();
    let mut table = table.within(1 << 30, Arc::clone(&exceeded));
    records.feed(&mut table);
    table.finish().unwrap();
    let replies = table.into_replies();
    assert!(replies.len() < MESSAGE_BYTES_MAX as usize, "{} bytes are no message", replies.len());
    let named = exceeded.named().into_iter().map(|(name, count)| format!("{name} {count} "));
    (messages(&replies), named.collect())
}

#[test]
fn comments_have_no_row_and_are_counted() {
    let mut records = Records::default();
    records.sent(7, 1).head(7, 200).event(7, ": first");
    for _ in 0..1000 {
        records.event(7, ": ping").event(7, "id: 7").event(7, "event: ping\ndata:");
    }
    records.event(7, &content("hi")).event(7, "data: [DONE]").ended_with(7, "ok", 77);
    let (messages, left_out) = fed(table("chat", None), &records);
    let request = request_ended(&messages, 0);
    assert_eq!((request.bare_events, messages[0].events.len()), (3078, 2), "the one with text, and the end");
    assert_eq!(left_out, "", "nothing with content is missing");
}

#[test]
fn of_too_many_events_the_last_one_has_the_last_row() {
    let mut records = Records::default();
    records.sent(7, 1).head(7, 200);
    let few = content(" a");
    for _ in 0..EVENTS_MAX + 10 {
        records.event(7, &few);
    }
    records.event(7, "data: [DONE]").ended(7, "ok");
    let (messages, left_out) = fed(table("chat", Some(Tokenizer::builtin())), &records);
    let request = request_ended(&messages, 0);
    let events = &messages[0].events;
    assert_eq!((events.len(), request.events_left_out), (EVENTS_MAX, 11), "as many as there may be");
    assert_eq!(events[EVENTS_MAX - 1].end + 1, request.response_end, "the last row is the last event's");
    let tokens = events.iter().map(|event| u64::from(event.tokens)).sum::<u64>();
    assert_eq!(tokens, u64::from(request.output_tokens), "no token is lost");
    assert_eq!(left_out, "events_over_limit 11 requests_with_limits 1 ", "counted");
}

#[test]
fn tokens_of_a_text_that_was_left_out_are_unknown() {
    let mut records = Records::default();
    records.sent(7, 1).head(7, 200);
    let long = content(&"word ".repeat((TEXT_BYTES_MAX / 16) / 5));
    for _ in 0..17 {
        records.event(7, &long);
    }
    records.ended(7, "ok");
    let (messages, left_out) = fed(table("chat", Some(Tokenizer::builtin())), &records);
    let request = request_ended(&messages, 0);
    assert_eq!((request.output_tokens, request.events), (UNKNOWN, 17), "every event has its row");
    assert!(messages[0].events.iter().all(|event| event.tokens == UNKNOWN), "and no count");
    assert!(
        left_out.contains("texts_over_limit 1") && left_out.contains("requests_with_limits 1"),
        "{left_out}"
    );
}

#[test]
fn raw_bytes_have_a_bound() {
    let mut records = Records::default();
    records.sent(7, 1).head(7, 200);
    let long = content(&"x".repeat(1 << 20));
    for _ in 0..30 {
        records.event(7, &long);
    }
    records.event(7, &content("end")).ended(7, "ok");
    let mut raw = table("chat", None);
    raw.keep_raw();
    let (messages, left_out) = fed(raw, &records);
    let request = request_ended(&messages, 0);
    assert_eq!(request.events, 31, "every event has its row");
    let kept = messages[0].events.iter().map(|event| u64::from(event.bytes)).sum::<u64>();
    assert_eq!(
        kept,
        u64::from(request.raw_length - request.raw_head_length),
        "raw bytes are cut at the events' lengths"
    );
    assert!(kept <= RAW_BYTES_MAX as u64 && kept > (RAW_BYTES_MAX as u64) - (2 << 20), "{kept} bytes");
    assert_eq!(
        kept + request.bytes_left_out,
        30 * long.len() as u64 + content("end").len() as u64,
        "all of them"
    );
    assert!(left_out.contains("response_bytes_over_limit"), "{left_out}");
}

#[test]
fn a_body_that_is_too_large_is_not_parsed() {
    let mut records = Records::default();
    records.sent(7, 1).head(7, 200).body(7, r#"{"choices":[{"message":{"content":""#);
    let piece = "x".repeat(1 << 20);
    for _ in 0..70 {
        records.body(7, &piece);
    }
    records.body(7, r#""}}]}"#).ended(7, "ok");
    let (messages, left_out) = fed(table("chat", None), &records);
    let line = messages[0].line();
    assert!(line.contains("stream_error, 200, response_too_large: the body is larger than 64 MiB"), "{line}");
    assert!(left_out.contains("requests_with_limits 1"), "{left_out}");
}

#[test]
fn all_open_requests_share_what_room_there_is() {
    let exceeded = Arc::<Exceeded>::default();
    let mut table = table("chat", Some(Tokenizer::builtin())).within(10_000, Arc::clone(&exceeded));
    let mut records = Records::default();
    let long = content(&"word ".repeat(1000));
    records.sent(7, 1).head(7, 200).event(7, &long).sent(8, 1).head(8, 200).event(8, &long).event(8, &long);
    records.ended(8, "ok").ended(7, "ok").sent(9, 1).head(9, 200).event(9, &long).ended(9, "ok");
    records.feed(&mut table);
    table.finish().unwrap();
    let messages = messages(&table.into_replies());
    let outputs = [0, 1, 2].map(|place| request_ended(&messages, place).output_tokens);
    assert_eq!(outputs, [UNKNOWN, 1001, 1001], "the second one had no room, the third one has");
    assert_eq!(exceeded.named().get("requests_with_limits"), Some(&1), "and is counted");
}

#[test]
fn what_echoes_a_key_is_redacted_wherever_it_is_kept() {
    let key = "sk-0123456789abcdef";
    let mut records = Records::default();
    records
        .sent(7, 1)
        .head(7, 401)
        .body(7, "no such key: sk-01234")
        .body(7, "56789abcdef; go away")
        .ended(7, "http_status");
    records.sent(8, 1).head(8, 200).event(8, &format!("event: error\ndata: {key} is unknown")).ended(8, "ok");
    records.sent(9, 1).head(9, 200).event(9, &content(key)).ended(9, "ok");
    let padding = "x".repeat(1018);
    records.sent(10, 1).head(10, 401).body(10, &format!("{padding}{key}")).ended(10, "http_status");
    for keeps_raw in [false, true] {
        let mut table = table("chat", None).without_secrets(Secrets::known([key.to_owned()]));
        if keeps_raw {
            table.keep_raw();
        }
        records.feed(&mut table);
        table.finish().unwrap();
        let replies = table.into_replies();
        let text = String::from_utf8_lossy(&replies).into_owned();
        assert!(!text.contains("sk-0") && !text.contains("789abc"), "{text}");
        let messages = messages(&replies);
        assert_eq!(messages[0].error.1, "no such key: [redacted]; go away", "over two pieces");
        assert!(messages[1].error.1.ends_with("[redacted] is unknown"), "{}", messages[1].error.1);
        assert!(messages[3].error.1.contains("x[redac"), "at the message's end: {}", messages[3].error.1);
        assert_eq!(messages[2].raw.contains("[redacted]"), keeps_raw, "in raw bytes");
    }
}

#[test]
fn a_key_that_is_not_known_any_more_is_not_kept_either() {
    let mut records = Records::default();
    records.sent(7, 1).head(7, 401).body(7, "no such key: sk-0123456789").ended(7, "http_status");
    let mut setup = crate::secrets::tests::setup();
    setup.plan.endpoint.header_names = vec!["Authorization".to_owned()];
    setup.replay = true;
    let mut table = table("chat", None).without_secrets(Secrets::of(&setup));
    table.keep_raw();
    records.feed(&mut table);
    table.finish().unwrap();
    let replies = table.into_replies();
    assert!(!String::from_utf8_lossy(&replies).contains("sk-0123"), "nowhere");
    let messages = messages(&replies);
    assert!(messages[0].error.1.contains("not kept"), "{}", messages[0].error.1);
}
