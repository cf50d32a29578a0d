//! Over the loopback device: every byte is stamped, whatever the address family, wherever sequence numbers start.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use common::kernel_event::connection::{ACCEPTED, CLOSED, OPENED};
use common::kernel_event::segment::{RECEIVED, SENT};
use kernel_tests::joined::join;
use kernel_tests::peer::{Account, Peer};
use kernel_tests::skip::{lacks_probes, skip};
use kernel_tests::stage::{ROOMY, Seen, Stage};
use std::path::Path;

const PEER: &str = env!("CARGO_BIN_EXE_kernel-peer");

/// Which end of the connection is in the cgroup.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Client,
    Server,
}

/// Runs two scripts against each other; returns the account of the one in the cgroup.
fn converse(stage: &Stage, inside: Inside, host: &str, server: &str, client: &str) -> Account {
    let mut server = Peer::start(Path::new(PEER), None, &format!("listen {host}:0 {server}"));
    if inside == Inside::Server {
        server.join(&stage.cgroup);
    }
    server.begin();
    let mut client = Peer::start(Path::new(PEER), None, &format!("connect {} {client}", server.address()));
    if inside == Inside::Client {
        client.join(&stage.cgroup);
    }
    client.begin();
    let accounts = (client.account(), server.account());
    for peer in [&mut client, &mut server] {
        peer.begin();
        peer.wait();
    }
    if inside == Inside::Client { accounts.0 } else { accounts.1 }
}

/// Checks that each byte of the conversation has a stamp, and nothing else does.
fn check(inside: Inside, host: &str, server: &str, client: &str) -> Option<Seen> {
    if let Some(why) = lacks_probes() {
        skip(&why);
        return None;
    }
    let mut stage = Stage::set(ROOMY);
    let account = converse(&stage, inside, host, server, client);
    let cookie = account.cookie;
    let seen = stage.until("the connection's end", |seen| seen.step(cookie, CLOSED).is_some());
    let stage_opened = if inside == Inside::Client { OPENED } else { ACCEPTED };
    let opened = seen.step(cookie, stage_opened).expect("the probes report the connection");
    seen.covers(cookie, SENT, opened.sent_sequence, account.sent);
    seen.covers(cookie, RECEIVED, opened.received_sequence, account.received);
    assert!(seen.stamps.iter().all(|stamp| stamp.cookie == cookie), "no other segments: {:?}", seen.stamps);
    assert!(seen.steps.iter().all(|step| step.cookie == cookie), "no other steps: {:?}", seen.steps);
    let joined = join(seen, &account, &[1, account.received]);
    assert_eq!(joined.request.unmatched, None, "the request's bytes have stamps: {:?}", joined.request);
    assert_eq!(joined.request.unmatched_events, 0, "the events have stamps: {:?}", joined.tokens);
    let (sent, first, last) = (
        joined.request.kernel_sent_last_ns.unwrap(),
        joined.tokens[0].kernel_received_ns.unwrap(),
        joined.tokens[1].kernel_received_ns.unwrap(),
    );
    assert!(first <= last, "the first event was there before the last: {:?}", joined.tokens);
    assert!(opened.time <= sent, "the request left after the connection opened");
    assert!(stage.dropped().values().all(|count| *count == 0), "nothing is dropped: {:?}", stage.dropped());
    Some(stage.seen)
}

#[test]
fn every_byte_over_ipv4() {
    check(
        Inside::Client,
        "127.0.0.1",
        "receive:700 send:100 send:3000 send:70000",
        "send:200 send:500 receive:73100",
    );
}

#[test]
fn every_byte_over_ipv6() {
    check(
        Inside::Client,
        "[::1]",
        "receive:700 send:100 send:3000 send:70000",
        "send:200 send:500 receive:73100",
    );
}

#[test]
fn every_byte_of_many_requests_on_one_connection() {
    check(Inside::Client, "127.0.0.1", "reply:200:333", "echo:200:333");
}

#[test]
fn every_byte_of_a_server() {
    check(Inside::Server, "127.0.0.1", "receive:700 send:100 send:3000", "send:700 receive:3100");
}

/// The sequence number after 4294967295 is 0; the client starts 1000 bytes before that to send 200000.
fn check_wrapping(inside: Inside) {
    let begin = u32::MAX - 999;
    let client = format!("sequence:{begin} send:300 send:1700 send:198000 receive:100");
    let Some(seen) = check(inside, "127.0.0.1", "receive:200000 send:100", &client) else { return };
    let wrapped = seen.stamps.iter().any(|stamp| (1000..199_000).contains(&stamp.sequence));
    assert!(
        wrapped && seen.stamps.iter().any(|stamp| stamp.sequence == begin),
        "numbers wrap: {:?}",
        seen.stamps
    );
}

#[test]
fn sequence_numbers_wrap_in_what_is_sent() {
    check_wrapping(Inside::Client);
}

#[test]
fn sequence_numbers_wrap_in_what_is_received() {
    check_wrapping(Inside::Server);
}

/// A ring of 4096 bytes has room for less than a hundred records; the rest must be counted, one by one.
#[test]
fn what_finds_no_room_in_the_ring_is_counted() {
    if let Some(why) = lacks_probes() {
        return skip(&why);
    }
    let mut stage = Stage::set(4096);
    let account = converse(&stage, Inside::Client, "127.0.0.1", "reply:300:50", "echo:300:50");
    let reported = u64::try_from(stage.drain().stamps.len()).unwrap();
    let passed = u64::from(account.segments_sent) + u64::from(account.segments_received);
    assert!(passed >= 600, "the kernel counted {account:?}");
    assert!(reported > 0, "the first segments found room");
    assert_eq!(
        stage.dropped()["ring_full"],
        passed - reported,
        "{reported} of {passed} segments were reported"
    );
    assert!(stage.dropped()["connection_ring_full"] > 0, "the end of the connection found no room either");
}
