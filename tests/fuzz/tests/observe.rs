//! Captured traffic under arbitrary loss: in whatever order segments arrive, nothing panics, and a request is reported as from
//! whole captures.

use bolero::{TypeGenerator, check};
use common::clock::MonoNs;
use common::id::SocketCookie;
use common::kernel_event::Kind;
use common::kernel_event::capture::Capture;
use common::kernel_event::connection::{ACCEPTED, CLOSED, OPENED, Step};
use common::kernel_event::read::Read;
use common::kernel_event::segment::{RECEIVED, SENT, Stamp};
use fuzz::{cases, time};
use loadgen::observe::Watch;
use spec::{Plan, Side};
use zerocopy::IntoBytes;

/// A record of the kernel.
#[derive(Debug, TypeGenerator)]
enum Record {
    Step {
        cookie: u8,
        stage: u8,
        sent: u32,
        received: u32,
    },
    /// Any bytes anywhere.
    Bytes {
        cookie: u8,
        direction: bool,
        sequence: u32,
        length: u16,
        captured: Vec<u8>,
    },
    /// A piece of a meaningful exchange, as it was sent, more or less.
    Piece {
        direction: bool,
        begin: u16,
        length: u8,
        captured: u8,
        is_damaged: bool,
    },
    Read {
        cookie: u8,
        length: u32,
    },
}

const ASKED: &[u8] = b"POST /v1/chat/completions HTTP/1.1\r\nx-request-id: a\r\ncontent-length: 30\r\n\r\n\
    {\"model\":\"m\",\"stream\":true   }GET /metrics HTTP/1.1\r\n\r\n\
    POST /v1/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{  \r\n1\r\n}\r\n0\r\n\r\n";
const ANSWERED: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
    2f\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n\
    HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 no\r\ncontent-length: 3\r\n\r\nwhy";

#[test]
fn arbitrary_captures() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(bool, bool, u32, Vec<Record>)>()
        .for_each(|(is_server, is_known, base, records)| {
            let side = if *is_server { Side::Server } else { Side::Client };
            let mut watch = Watch::new(std::io::sink(), side, None, &Plan::unknown());
            let mut time = 0;
            if *is_known {
                let stage = if *is_server { ACCEPTED } else { OPENED };
                feed(&mut watch, step(TALK, stage, *base, *base).as_bytes());
            }
            for record in records {
                time += 1;
                take(&mut watch, record, *base, side, MonoNs(time));
            }
            watch.finish().expect("nowhere is full");
        });
}

/// However the pieces of an exchange arrive, each at least once and whole, the same requests are reported.
#[test]
fn order_and_repetition_do_not_matter() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(u32, Vec<(bool, u16, u8)>)>()
        .for_each(|(base, pieces)| {
            let mut replies = Vec::new();
            let mut watch = Watch::new(&mut replies, Side::Client, None, &Plan::unknown());
            feed(&mut watch, step(TALK, OPENED, *base, *base).as_bytes());
            let whole = [(true, ASKED), (false, ANSWERED)];
            // The request is there before the response, as it is on a wire.
            for (direction, all) in whole {
                let some = pieces.iter().filter(|(other, ..)| *other == direction);
                let some = some.map(|(_, begin, length)| {
                    let begin = usize::from(*begin) % all.len();
                    (begin, (begin + usize::from(*length)).min(all.len()))
                });
                for (begin, end) in some.chain([(0, all.len())]) {
                    let sequence = base.wrapping_add(u32::try_from(begin).unwrap_or_default());
                    let length = u32::try_from(end - begin).unwrap_or_default();
                    let capture = captured(TALK, direction, sequence, length, &all[begin..end], MonoNs(1));
                    feed(&mut watch, &capture);
                }
            }
            watch.finish().expect("a vector accepts everything");
            let counts = watch.counts().named().clone();
            assert_eq!(counts.get("watched_requests_of_other_paths"), Some(&1), "{counts:?}");
            assert!(
                !counts.keys().any(|name| name.contains("not_followed")),
                "all of it was followed: {counts:?}"
            );
            assert_eq!(watch.counts().models.iter().collect::<Vec<_>>(), ["m"], "the requested model");
        });
}

fn take(watch: &mut Watch<impl std::io::Write>, record: &Record, base: u32, side: Side, time: MonoNs) {
    match record {
        Record::Step { cookie, stage, sent, received } => {
            let stage = [OPENED, ACCEPTED, CLOSED][usize::from(*stage) % 3];
            feed(watch, step(SocketCookie(u64::from(*cookie)), stage, *sent, *received).as_bytes());
        }
        Record::Bytes { cookie, direction, sequence, length, captured: bytes } => {
            let bytes = &bytes[..bytes.len().min(usize::from(*length))];
            let cookie = SocketCookie(u64::from(*cookie));
            feed(watch, &captured(cookie, *direction, *sequence, u32::from(*length), bytes, time));
        }
        Record::Piece { direction, begin, length, captured: count, is_damaged } => {
            let all = if *direction { ASKED } else { ANSWERED };
            let begin = usize::from(*begin) % all.len();
            let end = (begin + usize::from(*length)).min(all.len());
            let mut bytes = all[begin..(begin + usize::from(*count)).min(end)].to_vec();
            if let Some(byte) = bytes.first_mut().filter(|_| *is_damaged) {
                *byte ^= 1;
            }
            let is_sent = *direction == (side == Side::Client);
            let sequence = base.wrapping_add(u32::try_from(begin).unwrap_or_default());
            let length = u32::try_from(end - begin).unwrap_or_default();
            feed(watch, &captured(TALK, is_sent, sequence, length, &bytes, time));
        }
        Record::Read { cookie, length } => {
            let cookie = SocketCookie(u64::from(*cookie));
            feed(watch, Read { kind: Kind::Read.number(), length: *length, cookie, time }.as_bytes());
        }
    }
}

fn feed(watch: &mut Watch<impl std::io::Write>, record: &[u8]) {
    let taken = watch.record(record).expect("what the kernel writes is no malformed record");
    assert_eq!(taken, Some(record.len()), "a whole record is taken");
}

fn step(cookie: SocketCookie, stage: u32, sent_sequence: u32, received_sequence: u32) -> Step {
    Step {
        kind: Kind::Connection.number(),
        stage,
        cookie,
        time: MonoNs(1),
        sent_sequence,
        received_sequence,
        smoothed_rtt_us: 0,
        retransmits: 0,
        local_port: 1,
        remote_port: 2,
    }
}

fn captured(
    cookie: SocketCookie,
    is_sent: bool,
    sequence: u32,
    payload_length: u32,
    bytes: &[u8],
    time: MonoNs,
) -> Vec<u8> {
    let stamp = Stamp {
        kind: Kind::Capture.number(),
        direction: if is_sent { SENT } else { RECEIVED },
        cookie,
        time,
        sequence,
        payload_length,
        smoothed_rtt_us: 0,
        retransmits: 0,
    };
    let captured_length = u32::try_from(bytes.len()).unwrap_or_default();
    let capture = Capture { stamp, captured_length, local_port: 1, remote_port: 2 };
    let mut record = [capture.as_bytes(), bytes].concat();
    record.resize(record.len().next_multiple_of(8), 0);
    record
}

const TALK: SocketCookie = SocketCookie(1 << 20);
/// Seconds of each target.
const SECONDS: u64 = 2;
