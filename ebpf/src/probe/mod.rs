//! The probes, one file each, with the same stem as in `common::kernel_event` and `aiperfd::probe`.

mod capture;
mod connection;
mod read;
mod segment;
