//! What a taken-over load generator may write to the daemon, which reads nothing else of it: fixed layouts, lengths checked.

use aiperfd::reply::{Message, Replies};
use bolero::{TypeGenerator, check};
use common::reply_event::{Event, Kind, MessageHeader, RequestEnded};
use fuzz::{cases, time};
use std::io::Cursor;
use zerocopy::IntoBytes;

#[derive(Debug, TypeGenerator)]
enum Written {
    /// Anything.
    Bytes(Vec<u8>),
    /// A header that is right before anything.
    Message { kind: u8, body: Vec<u8> },
    /// A request whose lengths may be those of what follows.
    Request { events: u8, lengths: [u16; 7], exact: bool, rest: Vec<u8> },
}

impl Written {
    fn to(&self, pipe: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => pipe.extend_from_slice(bytes),
            Self::Message { kind, body } => message(pipe, u32::from(*kind), body),
            Self::Request { events, lengths, exact, rest } => {
                let [error_type, error_message, model, id, histogram, payload, raw] = lengths.map(u32::from);
                let mut ended = RequestEnded {
                    events: u32::from(*events % 4),
                    error_type_length: error_type % 16,
                    error_message_length: error_message % 16,
                    model_length: model % 16,
                    client_request_id_length: id % 16,
                    histogram_length: histogram % 16,
                    payload_length: payload % 16,
                    ..RequestEnded::default()
                };
                let parts = ended.error_type_length + ended.error_message_length + ended.model_length;
                let parts =
                    parts + ended.client_request_id_length + ended.histogram_length + ended.payload_length;
                let events = usize::try_from(ended.events).unwrap_or(0) * size_of::<Event>();
                let whole = events + usize::try_from(parts).unwrap_or(0);
                let mut rest = rest.clone();
                if *exact {
                    rest.resize(whole.max(rest.len()), 0);
                    ended.raw_length = u32::try_from(rest.len() - whole).unwrap_or(0);
                } else {
                    ended.raw_length = raw;
                }
                let mut body = ended.as_bytes().to_vec();
                body.extend_from_slice(&rest);
                message(pipe, Kind::Request.number(), &body);
            }
        }
    }
}

fn message(pipe: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = u32::try_from(size_of::<MessageHeader>() + body.len()).unwrap_or(u32::MAX);
    pipe.extend_from_slice(MessageHeader { length, kind }.as_bytes());
    pipe.extend_from_slice(body);
}

#[test]
fn messages_of_a_load_generator() {
    let bounded = check!().with_iterations(cases()).with_test_time(time(SECONDS));
    bounded.with_type::<Vec<Written>>().for_each(|written| {
        let mut pipe = Vec::new();
        written.iter().for_each(|one| one.to(&mut pipe));
        let length = pipe.len();
        let mut replies = Replies::new(Cursor::new(pipe));
        let mut taken = 0;
        while let Ok(Some(message)) = replies.receive() {
            taken += size_of::<MessageHeader>();
            assert!(taken <= length, "no more messages than there are headers");
            if let Message::Request(reply) = message {
                let parts = [reply.error_type, reply.error_message, reply.model, reply.client_request_id];
                let parts = parts.into_iter().chain([reply.histogram, reply.payload, reply.raw]);
                let bytes = parts.map(<[u8]>::len).sum::<usize>() + size_of_val(reply.events);
                taken += bytes + size_of::<RequestEnded>();
                assert!(taken <= length, "a request's parts are within what was written");
                assert!(reply.raw_head_length() <= reply.raw.len(), "so is its head");
            }
        }
    });
}

#[test]
fn a_request_with_right_lengths_is_one() {
    let mut pipe = Vec::new();
    let right =
        Written::Request { events: 1, lengths: [1, 2, 3, 4, 5, 6, 0], exact: true, rest: vec![7; 200] };
    right.to(&mut pipe);
    let mut replies = Replies::new(Cursor::new(pipe));
    let found = replies.receive().expect("a vector can be read");
    let Some(Message::Request(reply)) = found else { panic!("{found:?} is no request") };
    assert_eq!((reply.events.len(), reply.model.len(), reply.payload.len()), (1, 3, 6), "by its lengths");
}

/// Seconds of the target.
const SECONDS: u64 = 4;
