//! The client's account of a request, synthesised for a script, and joined with what the probes saw.

use crate::peer::Account;
use crate::stage::Seen;
use common::clock::MonoNs;
use common::reply_event::{Event, EventKind, RequestEnded};
use join::{Joined, Joiner};

/// Joins one request that sent everything that the account sent, and got a response with events that end at `ends`.
#[must_use]
pub fn join(seen: &Seen, account: &Account, ends: &[u64]) -> Joined {
    let mut joiner = Joiner::new(&["profiling"], None);
    for step in &seen.steps {
        joiner.step(step);
    }
    for stamp in &seen.stamps {
        joiner.segment(stamp);
    }
    let events = ends.iter().map(|end| event(*end)).collect::<Vec<_>>();
    let ended = RequestEnded {
        cookie: account.cookie,
        submitted: MonoNs(1),
        sent_end: account.sent,
        response_end: account.received,
        ..RequestEnded::default()
    };
    joiner.request(&ended, &events)
}

fn event(end: u64) -> Event {
    Event { end, kind: EventKind::Content.number(), ..Event::default() }
}
