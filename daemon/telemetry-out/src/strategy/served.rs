//! Exports each request to an observed server, by the semantic conventions for model servers.

use super::Strategy;
use crate::conventions::{Convention, SERVER};
use crate::sender::Event;
use crate::sink::Instruments;
use opentelemetry::KeyValue;

/// The strategy.
pub(super) struct Served {
    common: Vec<KeyValue>,
}

impl Served {
    pub(super) fn new(common: &[KeyValue]) -> Self {
        Self { common: common.to_vec() }
    }
}

impl Strategy for Served {
    fn supports(&self, event: &Event) -> bool {
        matches!(event, Event::Served { .. })
    }

    fn process(&mut self, event: &Event, instruments: &mut dyn Instruments) {
        let Event::Served { server, request } = event else { return };
        let mut attributes = self.common.clone();
        attributes.push(KeyValue::new("aiperfd.server.name", server.clone()));
        attributes.push(KeyValue::new("gen_ai.request.model", request.model.clone().unwrap_or_default()));
        attributes.extend(request.error.clone().map(|error| KeyValue::new("error.type", error)));
        for Convention { tag, name, bounds } in SERVER {
            if let Some(ms) = request.values.get(tag) {
                instruments.record(name, "s", Some(bounds), ms / 1e3, &attributes);
            }
        }
    }
}
