//! Converts results of each domain to metrics: one file each.

mod requests;
mod served;
mod spans;
mod timing;

use crate::sender::{Domains, Event, Server};
use crate::sink::Instruments;
use opentelemetry::KeyValue;

/// Converts results of one domain to metrics.
pub(crate) trait Strategy: Send {
    /// Whether an event belongs to its domain.
    fn supports(&self, event: &Event) -> bool;
    /// Records an event.
    fn process(&mut self, event: &Event, instruments: &mut dyn Instruments);
}

/// The strategies of the selected domains; `common` are attributes of all metrics.
pub(crate) fn strategies(
    domains: Domains,
    common: &[KeyValue],
    server: Option<&Server>,
) -> Vec<Box<dyn Strategy>> {
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
    if domains.spans {
        strategies.push(Box::new(spans::Spans::new(common, server)));
    }
    strategies
}
