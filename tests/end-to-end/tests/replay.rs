//! Tests that a load generator parses a dead daemon's spool again: requests that had ended, and those that had not.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use common::client_event::{Ended, Kind, Opened, Outcome, RecordHeader, Sent};
use common::clock::MonoNs;
use common::id::{ConnectionId, SocketCookie};
use common::kernel_event::capture::Capture;
use common::kernel_event::connection::{OPENED, Step};
use common::kernel_event::segment::{RECEIVED, SENT, Stamp};
use common::reply_event::{self, MessageHeader, RequestEnded};
use common::ring::{RING_OFFSET, SharedHeader};
use end_to_end::{needs_programs, programs};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use spec::handshake::{Order, Report, Setup};
use spec::{Input, Length, Plan, Side, Target, Tokenizer, Watch};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, IoSlice, Read};
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use zerocopy::{FromBytes, Immutable, IntoBytes};

fn plan() -> Plan {
    let mut plan = Plan::unknown();
    plan.endpoint.models = vec!["m".to_owned()];
    plan.endpoint.streaming = true;
    plan.tokenizer = Tokenizer::Builtin;
    plan.input = Input::Synthetic {
        entries: 2,
        input_tokens: Length::fixed(7.0),
        output_tokens: None,
        made: Box::default(),
    };
    plan
}

fn setup(plan: Plan) -> Setup {
    Setup {
        plan,
        secret_headers: BTreeMap::new(),
        // It is not contacted: no server listens there.
        addresses: vec![("http://127.0.0.1:1".to_owned(), "127.0.0.1:1".to_owned())],
        run_number: 1,
        cpus: vec![None],
        ring_bytes: 1 << 20,
        socket_stamps: false,
        keep_raw: false,
        inputs: Vec::new(),
        replay: true,
        own_user: false,
    }
}

/// A record of a worker.
fn record(
    time: u64,
    kind: Kind,
    id: u64,
    detail: u16,
    body: &(impl IntoBytes + Immutable),
    bytes: &[u8],
) -> Vec<u8> {
    let rest = u32::try_from(size_of_val(body) + bytes.len()).unwrap();
    let header = RecordHeader { detail, ..RecordHeader::new(kind, id, MonoNs(time), 100 + time, rest) };
    let mut record = [header.as_bytes(), body.as_bytes(), bytes].concat();
    record.resize(record.len().next_multiple_of(8), 0);
    record
}

/// A load generator's output for a spool: its reports, and the requests among its messages.
fn replay(setup: Setup, spool: &[u8]) -> (Vec<Report>, Vec<RequestEnded>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = Command::new(programs::folder().join("aiperf-loadgen"));
    child.arg("run").env_clear().stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
    let mut child = child.spawn().unwrap();
    let memory = memfd_create("ring", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&memory, RING_OFFSET as u64 + setup.ring_bytes).unwrap();
    let visible = u64::try_from(offset_of!(SharedHeader, visible)).unwrap();
    let memory = File::from(memory);
    memory.write_all_at(&(spool.len() as u64).to_ne_bytes(), visible).unwrap();
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(spool, 0).unwrap();
    let nothing = File::open("/dev/null").unwrap();
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let mut line = serde_json::to_vec(&Order::Setup(Box::new(setup))).unwrap();
    line.push(b'\n');
    send(&ours, &line, &[write.as_fd(), nothing.as_fd(), memory.as_fd(), file.as_fd()]);
    drop(write);
    let mut messages = Vec::new();
    File::from(read).read_to_end(&mut messages).unwrap();
    let lines = BufReader::new(&ours).lines().map_while(Result::ok);
    let mut reports = Vec::new();
    for line in lines {
        reports.push(serde_json::from_str(&line).unwrap());
        if reports.last() == Some(&Report::Finished) {
            break;
        }
    }
    assert!(child.wait().unwrap().success(), "{reports:?}");
    (reports, requests(&messages))
}

fn send(socket: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let rights = SendAncillaryMessage::ScmRights(descriptors);
    let mut space = vec![MaybeUninit::uninit(); rights.size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(rights), "the buffer has space for the descriptors");
    let sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).unwrap();
    assert_eq!(sent, bytes.len(), "all at once");
}

fn requests(mut messages: &[u8]) -> Vec<RequestEnded> {
    let mut requests = Vec::new();
    while let Ok((header, body)) = MessageHeader::read_from_prefix(messages) {
        if header.kind == reply_event::Kind::Request.number() {
            requests.push(RequestEnded::read_from_prefix(body).unwrap().0);
        }
        messages = &messages[header.length as usize..];
    }
    requests
}

fn outcome(request: &RequestEnded) -> Outcome {
    Outcome::from_number(u16::try_from(request.outcome).unwrap()).unwrap()
}

#[test]
fn the_spool_of_a_dead_daemon() {
    needs_programs!();
    let sent = |request: u64, entry| Sent {
        due: MonoNs(1),
        session: request,
        connection: ConnectionId(1),
        entry,
        ..Sent::default()
    };
    let token: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"one two\"}}]}";
    let opened = Opened { cookie: SocketCookie(77), ..Opened::default() };
    let records = [
        record(1, Kind::Opened, 1, 0, &opened, &[]),
        record(2, Kind::Sent, 0, 0, &sent(0, 0), &[]),
        record(3, Kind::Head, 0, 200, &(), b"HTTP/1.1 200 OK\r\n\r\n"),
        record(4, Kind::Event, 0, 0, &(), token),
        record(4, Kind::Event, 0, 0, &(), b"data: [DONE]"),
        record(5, Kind::Ended, 0, Outcome::Ok.number(), &Ended::default(), &[]),
        record(6, Kind::Sent, 1, 0, &sent(1, 1), &[]),
        record(7, Kind::Head, 1, 200, &(), b"HTTP/1.1 200 OK\r\n\r\n"),
        record(8, Kind::Event, 1, 0, &(), token),
        record(9, Kind::Event, 1, 0, &(), token),
    ];
    let spool = records.concat();
    // The last record was incomplete.
    let (reports, requests) = replay(setup(plan()), &spool[..spool.len() - 9]);
    assert!(matches!(reports[0], Report::Prepared { entries: 2, .. }), "{reports:?}");
    assert_eq!(reports[1..], [Report::Finished], "nothing was left out");
    let [ended, interrupted] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(
        (outcome(ended), ended.output_tokens, ended.input_tokens),
        (Outcome::Ok, 2, 7),
        "as in the live run"
    );
    assert_eq!(outcome(interrupted), Outcome::Interrupted, "the daemon died before it was complete");
    assert_eq!(
        (interrupted.ended, interrupted.output_tokens, interrupted.input_tokens),
        (MonoNs(8), 2, 7),
        "the known fields"
    );
}

#[test]
fn the_spool_of_a_dead_observer() {
    needs_programs!();
    let mut plan = plan();
    plan.watch = Some(watch());
    let capture = |direction, time, sequence, bytes: &[u8]| {
        let stamp = Stamp {
            kind: common::kernel_event::Kind::Capture.number(),
            direction,
            cookie: SocketCookie(7),
            time: MonoNs(time),
            sequence,
            payload_length: u32::try_from(bytes.len()).unwrap(),
            smoothed_rtt_us: 0,
            retransmits: 0,
        };
        let captured_length = stamp.payload_length;
        let capture = Capture { stamp, captured_length, local_port: 1, remote_port: 2 };
        let mut record = [capture.as_bytes(), bytes].concat();
        record.resize(record.len().next_multiple_of(8), 0);
        record
    };
    let step = Step {
        kind: common::kernel_event::Kind::Connection.number(),
        stage: OPENED,
        cookie: SocketCookie(7),
        time: MonoNs(1),
        sent_sequence: 0,
        received_sequence: 0,
        smoothed_rtt_us: 0,
        retransmits: 0,
        local_port: 1,
        remote_port: 2,
    };
    let question = b"POST /v1/completions HTTP/1.1\r\ncontent-length: 13\r\n\r\n{\"model\":\"m\"}";
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 29\r\n\r\n{\"choices\":[{\"text\":\"word\"}]}";
    let length = u32::try_from(question.len()).unwrap();
    let spool = [
        step.as_bytes().to_vec(),
        capture(SENT, 2, 0, question),
        capture(RECEIVED, 3, 0, response),
        capture(SENT, 4, length, question),
    ];
    let (reports, requests) = replay(setup(plan), &spool.concat());
    assert_eq!(reports.last(), Some(&Report::Finished), "{reports:?}");
    let watched = reports.iter().any(|report| matches!(report, Report::Watched { .. }));
    assert!(watched, "the encountered connections: {reports:?}");
    let outcomes = requests.iter().map(outcome).collect::<Vec<_>>();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Cancelled], "the open one ends as in a normal shutdown");
}

fn watch() -> Watch {
    let target = Target::Process(1);
    Watch {
        target,
        side: Side::Client,
        ports: Vec::new(),
        snap_length: 0,
        payload: false,
        socket_wait: false,
    }
}
