//! Plugins: programs of their own, in any language, that are started for a command and called over a socket (docs/PLUGINS.md).
//!
//! ```text
//! registry ──▶ set ──▶ running ──▶ caller ──▶ socket ──▶ the plugin, a supervisor above it (process, supervisor)
//! what there   what the   a process    one call,            python/ is its host for classes of Python
//! is           run uses   that speaks  one deadline
//!                 │
//!                 ├─ live: a thread and an inbox each, while the run goes on      phases, rows ──▶ inbox
//!                 └─ after: rows and summary of the run that has ended
//! ```
//!
//! No plugin is called between a request and its stamps: what it is given was recorded before.

/// What docs/VERDICT.md says of plugins: the client adds these reasons, and the daemon knows no plugins.
pub const REASONS: &str = "
## Plugins

| reason | counts as | what it is | what to do |
| --- | --- | --- | --- |
| `plugin_late` | degraded | A plugin did not answer in time, or was given fewer requests than there were, because it was too slow. What it should have done is missing; the measurement is not touched. | see plugin_NAME.log; give it more time with --plugin-timeout |
| `plugin_failed` | degraded | A plugin failed, ended, or sent what is no answer. What it should have done is missing; the measurement is not touched. | see plugin_NAME.log |
";

mod after;
mod caller;
pub(crate) mod command;
mod inbox;
mod kinds;
mod live;
mod loader;
mod new;
mod phases;
mod process;
mod registry;
mod rows;
mod running;
mod set;
mod supervisor;

pub(crate) use after::{FILE as RESULTS, Findings, is_log};
pub(crate) use kinds::Kind;
pub(crate) use loader::rows as dataset_rows;
pub(crate) use phases::PhaseEvents;
pub(crate) use set::{Started, Wanted, find};
pub(crate) use supervisor::run as supervise;
