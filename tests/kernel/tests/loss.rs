//! Over a veth pair between two network namespaces, with loss where a test causes it.

use common::kernel_event::connection::{CLOSED, OPENED, RETRANSMITTED};
use common::kernel_event::segment::{RECEIVED, SENT};
use kernel_tests::joined::join;
use kernel_tests::network::Network;
use kernel_tests::peer::Peer;
use kernel_tests::skip::{lacks_network, skip};
use kernel_tests::stage::{ROOMY, Stage};
use std::path::Path;

const PEER: &str = env!("CARGO_BIN_EXE_kernel-peer");

/// A server in the far namespace and a client in the near one, the client in the cgroup; both may start.
fn play(stage: &Stage, network: &Network, server: &str, client: &str) -> (Peer, Peer) {
    let script = format!("listen {}:0 {server}", network.far.address);
    let mut server = Peer::start(Path::new(PEER), Some(&network.far), &script);
    server.begin();
    let script = format!("connect {} {client}", server.address());
    let mut client = Peer::start(Path::new(PEER), Some(&network.near), &script);
    client.join(&stage.cgroup);
    client.begin();
    (server, client)
}

#[test]
fn every_byte_between_namespaces() {
    if let Some(why) = lacks_network() {
        return skip(&why);
    }
    let network = Network::create();
    let mut stage = Stage::set(ROOMY);
    let (mut server, mut client) =
        play(&stage, &network, "receive:5000 send:100 send:200000", "send:5000 receive:200100");
    let account = client.account();
    for peer in [&mut client, &mut server] {
        peer.begin();
        peer.wait();
    }
    let cookie = account.cookie;
    let seen = stage.until("the connection's end", |seen| seen.step(cookie, CLOSED).is_some());
    let opened = seen.step(cookie, OPENED).expect("the probes report the connection");
    seen.covers(cookie, SENT, opened.sent_sequence, 5000);
    seen.covers(cookie, RECEIVED, opened.received_sequence, 200_100);
}

/// The second event's segment is lost until the third's has come: both are there when the hole is filled.
#[test]
fn events_behind_a_hole_get_the_time_at_which_it_is_filled() {
    if let Some(why) = lacks_network() {
        return skip(&why);
    }
    let network = Network::create();
    network.near.lose_holes();
    let mut stage = Stage::set(ROOMY);
    let (_server, mut client) = play(
        &stage,
        &network,
        "receive:100 send:200 pause:20 hole:300 pause:20 send:400",
        "send:100 receive:900",
    );
    let (first_end, hole_end, last_end) = (200_u32, 500_u32, 900_u32);
    let after_the_hole = stage
        .until("a segment beyond the hole", |seen| {
            let opened = seen.steps.iter().find(|step| step.stage == OPENED);
            opened.is_some_and(|opened| {
                let base = opened.received_sequence;
                seen.segments(opened.cookie, RECEIVED)
                    .any(|stamp| stamp.sequence.wrapping_sub(base) == hole_end)
            })
        })
        .clone();
    network.near.lose_nothing();
    let account = client.account();
    let seen = stage.drain();
    let opened = seen.step(account.cookie, OPENED).unwrap();
    seen.covers(account.cookie, RECEIVED, opened.received_sequence, u64::from(last_end));
    let beyond = after_the_hole.stamps.iter().map(|stamp| stamp.time).max().unwrap();
    let joined = join(seen, &account, &[first_end.into(), hole_end.into(), last_end.into()]);
    let times = joined.tokens.iter().map(|token| token.kernel_received_ns.unwrap()).collect::<Vec<_>>();
    assert!(times[0] < beyond, "the first event does not wait for the hole: {times:?}");
    assert!(times[1] > beyond, "the second is there when the hole is filled: {times:?}, {:?}", seen.stamps);
    assert_eq!(times[1], times[2], "and so is the third, whose bytes arrived earlier: {:?}", seen.stamps);
    let one_more = joined.request.kernel_received_last_ns;
    assert_eq!(one_more, Some(times[2]), "the response is there when its last event is");
}

/// What the client sends is lost until it has sent it again: its time is that of the first departure, and the
/// retransmission is reported.
#[test]
fn a_retransmission_is_reported_and_does_not_move_the_time_of_sending() {
    if let Some(why) = lacks_network() {
        return skip(&why);
    }
    let network = Network::create();
    network.far.lose_holes();
    let mut stage = Stage::set(ROOMY);
    let (_server, mut client) = play(&stage, &network, "receive:300 send:50", "hole:300 receive:50");
    stage.until("a retransmission", |seen| seen.steps.iter().any(|step| step.stage == RETRANSMITTED));
    network.far.lose_nothing();
    let account = client.account();
    let seen = stage.drain();
    let opened = seen.step(account.cookie, OPENED).unwrap();
    let again = seen.step(account.cookie, RETRANSMITTED).unwrap();
    assert_eq!(again.sent_sequence, opened.sent_sequence, "the first byte sent again is the first byte");
    let copies = seen.segments(account.cookie, SENT).map(|stamp| stamp.time).collect::<Vec<_>>();
    assert!(copies.len() >= 2, "each copy is stamped: {:?}", seen.stamps);
    let joined = join(seen, &account, &[50]);
    assert_eq!(
        joined.request.kernel_sent_last_ns,
        copies.iter().min().copied(),
        "it left when it first left"
    );
    assert!(joined.request.retransmits >= Some(1), "the request counts it: {:?}", joined.request);
}
