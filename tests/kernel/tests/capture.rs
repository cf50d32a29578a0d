//! Captured payload: the first bytes of each segment, of the selected ports.

use common::kernel_event::capture::SNAP_MAX;
use common::kernel_event::segment::{RECEIVED, SENT};
use kernel_tests::peer::Peer;
use kernel_tests::skip::{lacks_probes, skip};
use kernel_tests::stage::Stage;
use std::path::Path;

const PEER: &str = env!("CARGO_BIN_EXE_kernel-peer");

/// Has a client in the cgroup send a marked message and receive a response; returns the server's port.
fn converse(stage: &Stage, sent: u32, received: u32) -> u16 {
    let script = format!("listen 127.0.0.1:0 receive:{sent} send:{received}");
    let mut server = Peer::start(Path::new(PEER), None, &script);
    server.begin();
    let address = server.address();
    let script = format!("connect {address} hole:{sent} receive:{received}");
    let mut client = Peer::start(Path::new(PEER), None, &script);
    client.join(&stage.cgroup);
    client.begin();
    for peer in [&mut client, &mut server] {
        peer.account();
    }
    for peer in [&mut client, &mut server] {
        peer.begin();
        peer.wait();
    }
    address.port()
}

/// Each segment is captured with its first bytes, whatever its length.
fn check(snap_length: u32, sent: u32, received: u32) {
    let mut stage = Stage::capturing(snap_length, &[]);
    let port = converse(&stage, sent, received);
    let seen = stage.until("all segments", |seen| {
        let of = |direction: u32| {
            let segments = seen.stamps.iter().filter(move |stamp| stamp.direction == direction);
            segments.map(|stamp| stamp.payload_length).sum::<u32>()
        };
        of(SENT) >= sent && of(RECEIVED) >= received
    });
    for (capture, payload) in &seen.captures {
        let wanted = capture.stamp.payload_length.min(snap_length).min(SNAP_MAX);
        assert_eq!(capture.captured_length, wanted, "bytes of {capture:?}");
        assert_eq!(capture.remote_port, port, "ports are the socket's, not the packet's: {capture:?}");
        let is_first = capture.stamp.direction == SENT && payload.starts_with(b"HOLE");
        let rest = if is_first { &payload[4..] } else { payload };
        assert!(rest.iter().all(|byte| *byte == b'.'), "the payload of {capture:?}");
    }
    let marked = seen.captures.iter().filter(|(_, payload)| payload.starts_with(b"HOLE")).count();
    assert_eq!(marked, 1, "the message starts once");
    assert!(stage.dropped().values().all(|count| *count == 0), "nothing is dropped: {:?}", stage.dropped());
}

#[test]
fn segments_have_their_first_bytes() {
    if let Some(why) = lacks_probes() {
        return skip(&why);
    }
    check(256, 700, 100);
    check(256, 7, 255);
    check(4096, 4097, 70_000);
    check(SNAP_MAX, 200_000, 20_000);
    check(u32::MAX, 200_000, 20_000);
}

#[test]
fn other_ports_are_let_pass() {
    if let Some(why) = lacks_probes() {
        return skip(&why);
    }
    let mut stage = Stage::capturing(256, &[1]);
    converse(&stage, 700, 100);
    stage.until("the connection", |seen| !seen.steps.is_empty());
    assert!(stage.drain().captures.is_empty(), "this port was not selected: {:?}", stage.seen.captures);
}

#[test]
fn reads_of_watched_sockets_are_stamped() {
    if let Some(why) = lacks_probes() {
        return skip(&why);
    }
    let mut stage = Stage::reading();
    converse(&stage, 100, 5000);
    let seen =
        stage.until("all reads", |seen| seen.reads.iter().map(|read| read.length).sum::<u32>() >= 5000);
    let read = seen.reads.iter().map(|read| read.length).sum::<u32>();
    assert_eq!(
        read, 5000,
        "what the process in the cgroup took, and nothing of the other one: {:?}",
        seen.reads
    );
    let cookie = seen.stamps[0].cookie;
    assert!(seen.reads.iter().all(|read| read.cookie == cookie), "by the socket's cookie");
    let last = seen.segments(cookie, RECEIVED).map(|stamp| stamp.time).max();
    assert!(seen.reads.last().map(|read| read.time) >= last, "the last byte is read after it arrived");
}
