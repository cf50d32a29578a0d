//! Chrome's format: a JSON object with an array of trace events ("Trace Event Format"). Times are microseconds.

use super::{Flow, Group, Slice, Track, Viewer};
use crate::error::ExportError;
use serde_json::{Map, Value, json};
use std::io::Write;

/// Writes events.
pub(super) struct Chrome<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
}

impl<'a> Chrome<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Result<Self, ExportError> {
        out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
        Ok(Self { out, is_first: true })
    }

    fn event(&mut self, event: &Value) -> Result<(), ExportError> {
        if !self.is_first {
            self.out.write_all(b",\n")?;
        }
        self.is_first = false;
        serde_json::to_writer(&mut *self.out, event)?;
        Ok(())
    }
}

/// Microseconds with every nanosecond.
fn us(ns: u64) -> f64 {
    metric::float(ns) / 1e3
}

impl Viewer for Chrome<'_> {
    /// A group is a process.
    fn group(&mut self, group: Group) -> Result<(), ExportError> {
        self.event(
            &json!({"ph": "M", "name": "process_name", "pid": group.id(), "args": {"name": group.name()}}),
        )
    }

    /// A track is a thread; a counter has none.
    fn track(&mut self, Track { id, group, name, unit }: Track<'_>) -> Result<(), ExportError> {
        if unit.is_some() {
            return Ok(());
        }
        self.event(
            &json!({"ph": "M", "name": "thread_name", "pid": group.id(), "tid": id, "args": {"name": name}}),
        )
    }

    fn slice(&mut self, slice: Slice<'_>) -> Result<(), ExportError> {
        let Slice { track, group, name, from, to, flow, numbers } = slice;
        let args = numbers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        let args = args.collect::<Map<_, _>>();
        let mut event = json!({"ph": "X", "name": name, "pid": group.id(), "tid": track, "ts": us(from), "dur": us(to - from)});
        if !args.is_empty() {
            event["args"] = args.into();
        }
        self.event(&event)?;
        let (phase, id) = match flow {
            Some(Flow::Begins(id)) => ("s", id),
            Some(Flow::Ends(id)) => ("f", id),
            None => return Ok(()),
        };
        let mut arrow = json!({"ph": phase, "id": id, "name": "request", "cat": "request", "pid": group.id(), "tid": track, "ts": us(from)});
        if phase == "f" {
            // It ends at the slice that encloses this moment.
            arrow["bp"] = "e".into();
        }
        self.event(&arrow)
    }

    fn counter(&mut self, _track: u64, name: &str, at: u64, value: f64) -> Result<(), ExportError> {
        self.event(&json!({
            "ph": "C", "name": name, "pid": Group::Counters.id(), "ts": us(at), "args": {"value": value},
        }))
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.out.write_all(b"\n]}\n")?;
        Ok(())
    }
}
