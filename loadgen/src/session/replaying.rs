//! Runs whose daemon died: what it spooled is parsed again, and nothing is sent.

use super::given::Given;
use super::ready::Ready;
use super::{Failure, obey, prepared, report_exceeded, spawn};
use crate::bounds::Exceeded;
use crate::confine::Confinement;
use crate::orders::{Orders, Reporter};
use crate::response_parser;
use crate::ring::shared::Gauge;
use crate::secrets::Secrets;
use crate::worker::GO;
use spec::handshake::{Report, Setup};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

/// Parses a dead daemon's spool, without waiting for an order to start.
pub(super) fn replay(
    setup: &Setup,
    given: Given,
    ready: Ready,
    orders: Orders,
    reporter: &mut Reporter,
    (confinement, secrets): (&Confinement, &Secrets),
) -> Result<(), Failure> {
    let mut spools = Vec::new();
    for (memory, spool) in given.workers {
        let gauge = Gauge::map(memory.as_fd()).map_err(|error| Failure::Load("map a ring", error))?;
        spools.push((spool, gauge));
    }
    let stop_request = Arc::new(AtomicU8::new(GO));
    let obeyed = Arc::clone(&stop_request);
    spawn("orders".to_owned(), move || obey(orders, obeyed, Arc::default()))?;
    reporter.send(&prepared(&ready, confinement));
    let exceeded = Arc::<Exceeded>::default();
    let parser =
        ready.into_response_parser(setup, spools, given.replies, secrets.clone(), Arc::clone(&exceeded))?;
    response_parser::replay(parser, &stop_request)
        .map_err(|error| Failure::Load("parse the spool again", error))?;
    report_exceeded(reporter, &exceeded);
    reporter.send(&Report::Finished);
    Ok(())
}
