//! The protocol between `aiperf-ctl` and its plugins, version 1, and a plugin's side of it for plugins in Rust.
//!
//! ```text
//! aiperf-ctl                                  plugin
//!   hello  ─── frame ──▶ descriptor 0 ──▶   serve ──▶ greeting
//!   open   ───────────▶                     Offer::open ──▶ a Component
//!   calls  ───────────▶                     Component::call
//!   (end of file)                           it ends
//! ```
//!
//! A plugin in Rust is a program whose `main` calls [`serve`] with what it offers. docs/PLUGINS.md describes the protocol for every
//! language; its JSON Schemas are those of [`message`].

pub mod frame;
pub mod message;
mod serve;

pub use serve::{Component, Failure, Made, Offer, serve};

/// The highest version of the protocol that this crate speaks.
pub const PROTOCOL: u32 = 1;
