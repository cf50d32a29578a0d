//! Exports results to collectors during a run, on separate threads.
//!
//! ```text
//! event ──▶ queue.rs   bounded, drops its oldest ──▶ strategy/   one file per result domain
//!  sender.rs                                            │
//!                                                    sink.rs ──┬──▶ otlp.rs   OpenTelemetry's SDK ──▶ endpoint.rs
//!                                        what every sink is    │    spans.rs  in batches from a queue
//!                                                              └──▶ mlflow/   one point per metric and second
//! ```
//!
//! A collector that is down, slow or returns errors costs a warning, never the run.
#![forbid(unsafe_code)]

pub mod conventions;
mod endpoint;
pub mod mlflow;
mod otlp;
mod provider;
mod queue;
mod sender;
mod sink;
mod spans;
mod strategy;

pub use endpoint::{Endpoint, EndpointError, Protocol};
pub use mlflow::LiveRun;
pub use opentelemetry::KeyValue;
pub use otlp::Collector;
pub use provider::provider;
pub use sender::{Domains, Event, Exports, Sender, Server, Settings, Summary, USUAL_ROOM};
pub use sink::{Destination, Instruments, Sink, SinkError, Span, Stream};
