//! Tests runs that end before their plan is complete: stopped by the user, or by the client's death.

use end_to_end::client::Run;
use end_to_end::daemon::Daemon;
use end_to_end::server::Server;
use end_to_end::{needs_programs, patience};
use rustix::process::Signal;

/// Long enough for these tests: a minute of load, four concurrent requests.
const LONG: &str = "--concurrency 4 --benchmark-duration 60";
/// A response takes 400 ms.
const STEADY: &str = "--tokens 20 --gap-ms 20";
/// A response takes minutes.
const SLOW: &str = "--tokens 20000 --gap-ms 20";

#[test]
fn one_interrupt_waits_for_requests_in_flight() {
    needs_programs!();
    let server = Server::start(STEADY);
    let running = Run::profile(&server.url(), LONG).start();
    server.until_received(6);
    running.signal(Signal::INT);
    let ended = running.end();
    ended.ended_with(130);
    assert!(ended.err.contains("Ctrl-C again"), "it states what it waits for: {}", ended.err);
    let records = ended.records();
    assert_eq!(records.len(), server.log().len(), "what was sent is recorded");
    assert!(records.iter().all(|record| record.get("error").is_none()), "and ended well: {records:?}");
    let run = ended.json("run.json");
    assert_eq!((&run["was_cancelled"], &run["is_complete"]), (&true.into(), &false.into()), "{run}");
    assert!(ended.out.contains("Request Latency"), "the results are reported: {}", ended.out);
}

#[test]
fn two_interrupts_stop_at_once() {
    needs_programs!();
    let server = Server::start(SLOW);
    let running = Run::profile(&server.url(), LONG).start();
    server.until_received(4);
    running.signal(Signal::INT);
    patience::until("the first message", || running.err().contains("Ctrl-C again").then_some(()));
    running.signal(Signal::INT);
    let ended = running.end();
    ended.ended_with(130);
    let records = ended.records();
    assert_eq!(records.len(), 4, "each request in flight is recorded: {records:?}");
    for record in records {
        assert_eq!(record["metadata"]["was_cancelled"], true, "{record}");
    }
}

/// A plan with a duration ends by itself: requests still in flight after the grace period are cancelled.
#[test]
fn grace_ends() {
    needs_programs!();
    let server = Server::start(SLOW);
    let flags = "--concurrency 2 --benchmark-duration 0.5 --benchmark-grace-period 0.2";
    let ended = Run::profile(&server.url(), flags).end();
    ended.ended_with(1);
    let records = ended.records();
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records.iter().all(|record| record["metadata"]["was_cancelled"] == true), "{records:?}");
}

#[test]
fn grace_lets_requests_end() {
    needs_programs!();
    let server = Server::start(STEADY);
    let ended = Run::profile(&server.url(), "--concurrency 2 --benchmark-duration 0.2").end();
    ended.ended_with(0);
    let records = ended.records();
    assert_eq!(records.len(), 2, "nothing is sent after the time is over: {records:?}");
    assert!(records.iter().all(|record| record.get("error").is_none()), "{records:?}");
}

#[test]
fn without_its_client_a_run_stops() {
    needs_programs!();
    let state = tempfile::tempdir().expect("a directory for the state");
    let daemon = Daemon::start(state.path());
    let server = Server::start(STEADY);
    let running = Run::profile(&server.url(), LONG).with(&daemon).start();
    server.until_received(4);
    // Dropping the value kills the process.
    drop(running);
    let run_id = daemon.run_that_is("finished");
    let received = server.received();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(server.received(), received, "nothing is sent any more");
    assert_ne!(daemon.show(&run_id)["standing"], "valid", "a run that was cut short is not valid");
}
