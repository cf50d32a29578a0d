//! The join under arbitrary records: it never panics, and no event is stamped before its bytes were there.

use bolero::{TypeGenerator, check};
use common::clock::MonoNs;
use common::id::{RequestId, SocketCookie};
use common::kernel_event::Kind;
use common::kernel_event::connection::{OPENED, Step};
use common::kernel_event::segment::Stamp;
use common::reply_event::{Event, RequestEnded};
use fuzz::{cases, time};
use join::{Joiner, Stream};

#[derive(Debug, TypeGenerator)]
enum Record {
    Opened { cookie: u8, sent: u32, received: u32 },
    Segment { cookie: u8, direction: bool, sequence: u32, length: u16, time: u32 },
    Near { cookie: u8, direction: bool, sequence: u8, length: u8, time: u8 },
    Request { cookie: u8, sent: (u16, u16), response: (u16, u16), head: u16, ends: Vec<u16> },
    Forget { cookie: u8 },
}

#[test]
fn arbitrary_records() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).with_type::<Vec<Record>>().for_each(
        |records| {
            let mut joiner = Joiner::new(&["profiling"], None);
            for record in records {
                take(&mut joiner, record);
            }
        },
    );
}

fn take(joiner: &mut Joiner, record: &Record) {
    match record {
        Record::Opened { cookie, sent, received } => joiner.step(&Step {
            kind: Kind::Connection.number(),
            stage: OPENED,
            cookie: cookie_of(*cookie),
            time: MonoNs(1),
            sent_sequence: *sent,
            received_sequence: *received,
            smoothed_rtt_us: 0,
            retransmits: 0,
            local_port: 0,
            remote_port: 0,
        }),
        Record::Segment { cookie, direction, sequence, length, time } => {
            joiner.segment(&stamp(*cookie, *direction, *sequence, u32::from(*length), u64::from(*time)));
        }
        Record::Near { cookie, direction, sequence, length, time } => {
            joiner.segment(&stamp(
                *cookie,
                *direction,
                u32::from(*sequence),
                u32::from(*length),
                u64::from(*time),
            ));
        }
        Record::Request { cookie, sent, response, head, ends } => {
            let ended = RequestEnded {
                request: RequestId(1),
                cookie: cookie_of(*cookie),
                submitted: MonoNs(1),
                sent_begin: u64::from(sent.0),
                sent_end: u64::from(sent.1),
                response_begin: u64::from(response.0),
                response_end: u64::from(response.1),
                head_end: u64::from(*head),
                ..RequestEnded::default()
            };
            let event = |end: &u16| Event { end: u64::from(*end), kind: 3, ..Event::default() };
            let events = ends.iter().map(event).collect::<Vec<_>>();
            let joined = joiner.request(&ended, &events);
            assert_eq!(joined.tokens.len(), events.len(), "every event is reported");
            let unmatched = joined.tokens.iter().filter(|token| token.unmatched.is_some()).count();
            assert_eq!(u32::try_from(unmatched), Ok(joined.request.unmatched_events), "and counted");
        }
        Record::Forget { cookie } => joiner.forget(cookie_of(*cookie)),
    }
}

/// Against a model that remembers every byte: the time of a byte is the latest first arrival of those up to it.
#[test]
fn arrivals_are_those_of_a_model() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(u32, Vec<(u8, u8)>)>()
        .for_each(|(base, segments)| {
            let mut stream = Stream::from_sequence(*base);
            let mut first_seen = [None; 512];
            for (time, (begin, length)) in (1..).zip(segments) {
                let range = usize::from(*begin)..usize::from(*begin) + usize::from(*length);
                // The model has no opinion on a segment without payload; neither has the stream.
                for seen in &mut first_seen[range] {
                    seen.get_or_insert(time);
                }
                stream.segment(base.wrapping_add(u32::from(*begin)), u32::from(*length), MonoNs(time), 0);
            }
            let mut latest = 0;
            for (place, seen) in first_seen.iter().enumerate() {
                let Some(seen) = seen else { break };
                latest = latest.max(*seen);
                let end = place as u64 + 1;
                let arrival = stream.arrival(end).expect("the byte is there");
                assert!(arrival.time.0 >= latest, "byte {place} was not there before {latest}: {segments:?}");
            }
        });
}

fn stamp(cookie: u8, direction: bool, sequence: u32, payload_length: u32, time: u64) -> Stamp {
    Stamp {
        kind: Kind::Segment.number(),
        direction: u32::from(direction),
        cookie: cookie_of(cookie),
        time: MonoNs(time),
        sequence,
        payload_length,
        smoothed_rtt_us: 0,
        retransmits: 0,
    }
}

fn cookie_of(cookie: u8) -> SocketCookie {
    SocketCookie(u64::from(cookie % 4))
}

/// Seconds of each target.
const SECONDS: u64 = 4;
