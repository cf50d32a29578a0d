//! How results of each domain become metrics: one file each.

mod requests;
mod served;
mod timing;

use crate::sender::{Domains, Event};
use crate::sink::Instruments;
use opentelemetry::KeyValue;

/// Turns results of one domain into metrics.
pub(crate) trait Strategy: Send {
    /// Whether an event is of its domain.
    fn supports(&self, event: &Event) -> bool;
    /// Records what an event says.
    fn process(&mut self, event: &Event, instruments: &mut dyn Instruments);
}

/// The strategies of the domains that are wanted; `common` are the attributes of every metric.
pub(crate) fn strategies(domains: Domains, common: &[KeyValue]) -> Vec<Box<dyn Strategy>> {
    let mut strategies: Vec<Box<dyn Strategy>> = Vec::new();
    if domains.requests {
        strategies.push(Box::new(requests::Requests::new(common)));
    }
    if domains.timing {
        strategies.push(Box::new(timing::Timing::new(common)));
    }
    if domains.served {
        strategies.push(Box::new(served::Served::new(common)));
    }
    strategies
}
