//! Perfetto's format: a stream of `TracePacket` with track events (perfetto.dev, "Synthetic track event traces").
//!
//! Only the messages and fields that are written are declared, with the numbers of `protos/perfetto/trace`.

use super::{Flow, Group, Slice, Track, Viewer};
use crate::error::ExportError;
use prost::Message;
use std::io::Write;

/// Writes packets.
pub(super) struct Perfetto<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Trace {
    #[prost(message, repeated, tag = "1")]
    packet: Vec<TracePacket>,
}

#[derive(Clone, PartialEq, Message)]
struct TracePacket {
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "10")]
    trusted_packet_sequence_id: Option<u32>,
    #[prost(message, optional, tag = "11")]
    track_event: Option<TrackEvent>,
    #[prost(message, optional, tag = "60")]
    track_descriptor: Option<TrackDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackDescriptor {
    #[prost(uint64, optional, tag = "1")]
    uuid: Option<u64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    parent_uuid: Option<u64>,
    #[prost(message, optional, tag = "8")]
    counter: Option<CounterDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct CounterDescriptor {
    #[prost(string, optional, tag = "6")]
    unit_name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    debug_annotations: Vec<DebugAnnotation>,
    #[prost(int32, optional, tag = "9")]
    kind: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    track_uuid: Option<u64>,
    #[prost(string, optional, tag = "23")]
    name: Option<String>,
    #[prost(double, optional, tag = "44")]
    double_counter_value: Option<f64>,
    #[prost(fixed64, repeated, tag = "47")]
    flow_ids: Vec<u64>,
    #[prost(fixed64, repeated, tag = "48")]
    terminating_flow_ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct DebugAnnotation {
    #[prost(uint64, optional, tag = "3")]
    uint_value: Option<u64>,
    #[prost(string, optional, tag = "10")]
    name: Option<String>,
}

impl<'a> Perfetto<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, buffer: Vec::new() }
    }

    fn packet(&mut self, packet: TracePacket) -> Result<(), ExportError> {
        // A trace is the concatenation of traces of one packet.
        let trace =
            Trace { packet: vec![TracePacket { trusted_packet_sequence_id: Some(SEQUENCE), ..packet }] };
        self.buffer.extend(trace.encode_to_vec());
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn event(&mut self, at: u64, event: TrackEvent) -> Result<(), ExportError> {
        self.packet(TracePacket { timestamp: Some(at), track_event: Some(event), ..TracePacket::default() })
    }

    fn descriptor(&mut self, descriptor: TrackDescriptor) -> Result<(), ExportError> {
        self.packet(TracePacket { track_descriptor: Some(descriptor), ..TracePacket::default() })
    }
}

impl Viewer for Perfetto<'_> {
    fn group(&mut self, group: Group) -> Result<(), ExportError> {
        self.descriptor(TrackDescriptor {
            uuid: Some(group.id()),
            name: Some(group.name().to_owned()),
            ..TrackDescriptor::default()
        })
    }

    fn track(&mut self, Track { id, group, name, unit }: Track<'_>) -> Result<(), ExportError> {
        self.descriptor(TrackDescriptor {
            uuid: Some(id),
            name: Some(name.to_owned()),
            parent_uuid: Some(group.id()),
            counter: unit.map(|unit| CounterDescriptor { unit_name: Some(unit.to_owned()) }),
        })
    }

    fn slice(&mut self, slice: Slice<'_>) -> Result<(), ExportError> {
        let Slice { track, name, from, to, flow, numbers, .. } = slice;
        let number = |(name, value): &(&str, u64)| DebugAnnotation {
            name: Some((*name).to_owned()),
            uint_value: Some(*value),
        };
        let (mut flow_ids, mut terminating_flow_ids) = (Vec::new(), Vec::new());
        match flow {
            // A flow is no 0.
            Some(Flow::Begins(id)) => flow_ids.push(id + 1),
            Some(Flow::Ends(id)) => terminating_flow_ids.push(id + 1),
            None => {}
        }
        let begin = TrackEvent {
            kind: Some(SLICE_BEGIN),
            track_uuid: Some(track),
            name: Some(name.to_owned()),
            debug_annotations: numbers.iter().map(number).collect(),
            flow_ids,
            terminating_flow_ids,
            ..TrackEvent::default()
        };
        self.event(from, begin)?;
        self.event(to, TrackEvent { kind: Some(SLICE_END), track_uuid: Some(track), ..TrackEvent::default() })
    }

    fn counter(&mut self, track: u64, _name: &str, at: u64, value: f64) -> Result<(), ExportError> {
        let event = TrackEvent {
            kind: Some(COUNTER),
            track_uuid: Some(track),
            double_counter_value: Some(value),
            ..TrackEvent::default()
        };
        self.event(at, event)
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const COUNTER: i32 = 4;
/// Any number but 0: all packets are of one writer.
const SEQUENCE: u32 = 1;
const BUFFER_BYTES: usize = 1 << 20;
