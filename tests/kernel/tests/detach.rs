//! Nothing of the probes outlives the process that attached them, however that ends.

use kernel_tests::links::{held_by, that_stay};
use kernel_tests::peer::Peer;
use kernel_tests::skip::{lacks_probes, skip};
use kernel_tests::stage::{ROOMY, Stage, TestCgroup};
use std::path::Path;

/// How a process that has attached probes ends.
#[derive(Clone, Copy)]
enum End {
    Crash,
    Kill,
}

fn check(end: End) {
    if let Some(why) = lacks_probes() {
        return skip(&why);
    }
    let cgroup = TestCgroup::create();
    let script = format!("attach {}", cgroup.cgroup.path().display());
    let mut peer = Peer::start(Path::new(env!("CARGO_BIN_EXE_kernel-peer")), None, &script);
    peer.begin();
    assert_eq!(peer.line(), "attached", "the probes are attached");
    let links = held_by(peer.pid());
    assert_eq!(links.len(), 3, "two directions and the connection probe: {links:?}");
    match end {
        End::Crash => {
            peer.begin();
            peer.wait();
        }
        End::Kill => drop(peer),
    }
    assert_eq!(that_stay(&links), [0_u32; 0], "links that stay behind");
}

#[test]
fn a_dropped_value_detaches() {
    if let Some(why) = lacks_probes() {
        return skip(&why);
    }
    let before = held_by(std::process::id());
    let stage = Stage::set(ROOMY);
    let links =
        held_by(std::process::id()).into_iter().filter(|link| !before.contains(link)).collect::<Vec<_>>();
    assert_eq!(links.len(), 3, "two directions and the connection probe: {links:?}");
    drop(stage);
    assert_eq!(that_stay(&links), [0_u32; 0], "links that stay behind");
}

#[test]
fn a_crash_detaches() {
    check(End::Crash);
}

#[test]
fn a_kill_detaches() {
    check(End::Kill);
}
