//! Sends results to collectors while the run goes on, on threads of its own.
//!
//! ```text
//! event ──▶ queue.rs   bounded, drops its oldest ──▶ strategy/   one file per result domain ──▶ instruments.rs
//!                                                                                                  │ OpenTelemetry SDK
//!                                                    endpoint.rs   where to ◀── otlp.rs ◀──────────┘
//! ```
//!
//! A collector that is down, slow or refuses costs a warning, never the run.
#![forbid(unsafe_code)]

mod endpoint;
mod instruments;
mod otlp;
mod provider;
mod queue;
mod strategy;

pub use endpoint::{Endpoint, EndpointError, Protocol};
pub use otlp::{Domains, Event, Otlp, OtlpError, Settings, Summary};
pub use provider::{operation, provider};
