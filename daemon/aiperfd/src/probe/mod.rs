//! Loads the kernel programs and attaches them to a cgroup; everything detaches when the value is dropped.
//!
//! One file per probe, with the same stem as in `ebpf::probe` and `common::kernel_event`.

mod capture;
mod connection;
mod read;
mod segment;

use crate::collect::kernel_rings::KernelRings;
use anyhow::{Context, Result, bail};
use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType};
use aya::{Ebpf, EbpfLoader};
pub use capture::Capturing;
use common::kernel_event::DROPS;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// A probe: a program of the object, and how it is attached to a run's cgroup.
struct Probe {
    name: &'static str,
    attach: fn(&mut Ebpf, &File) -> Result<()>,
}

/// Every probe of a run that sends its own requests.
const PROBES: &[&Probe] = &[&segment::PROBE, &connection::PROBE];
/// Every probe of a run that watches those of others: the stamps come with the bytes.
const WATCHING_PROBES: &[&Probe] = &[&capture::PROBE, &connection::PROBE];
/// The probes of a watch that also records when the server reads.
const READING_PROBES: &[&Probe] = &[&capture::PROBE, &connection::PROBE, &read::PROBE];

/// Attaches two programs to a cgroup's packets: that of received ones, and that of sent ones.
fn attach_both(programs: &mut Ebpf, cgroup: &File, names: [&str; 2]) -> Result<()> {
    let directions = [CgroupSkbAttachType::Ingress, CgroupSkbAttachType::Egress];
    for (name, direction) in names.into_iter().zip(directions) {
        let program =
            programs.program_mut(name).with_context(|| format!("the object has no program `{name}`"))?;
        let program: &mut CgroupSkb = program.try_into()?;
        program.load()?;
        program.attach(cgroup, direction, CgroupAttachMode::Single)?;
    }
    Ok(())
}

/// Attached probes and their rings.
pub struct Probes {
    /// The rings that all probes write to.
    pub rings: KernelRings,
    /// What they could not report, and the programs with their links, which end with this value.
    pub attached: Attached,
}

/// Keeps the programs attached, and counts what they could not report.
pub struct Attached {
    dropped: PerCpuArray<MapData, u64>,
    _programs: Ebpf,
}

/// The object with the kernel programs.
#[derive(Debug)]
pub enum Object {
    /// The one that was built in.
    Embedded(&'static [u8]),
    /// One from a file.
    Read(Vec<u8>),
}

impl Object {
    /// The object that is built in, or the one at `path`.
    pub fn find(path: Option<&Path>) -> Result<Self> {
        if cfg!(target_endian = "big") {
            bail!(
                "the kernel programs are compiled for little-endian processors; the other timestamp sources work here"
            );
        }
        if let Some(path) = path {
            let bytes =
                std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
            return Ok(Self::Read(bytes));
        }
        Ok(Self::Embedded(EMBEDDED))
    }

    /// SHA-256 of the object, 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        Sha256::digest(self.bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Embedded(bytes) => bytes,
            Self::Read(bytes) => bytes,
        }
    }
}

impl Probes {
    /// Loads the programs with rings of `ring_bytes` and attaches the probes to the cgroup; with `capturing`, those that copy
    /// payload.
    pub fn attach(
        object: &Object,
        cgroup: &File,
        ring_bytes: u32,
        capturing: Option<&Capturing>,
    ) -> Result<Self> {
        // No program is relocated by the kernel's types, which would take 40 ms to read.
        let mut programs = EbpfLoader::new()
            .btf(None)
            .map_max_entries("SENT_EVENTS", ring_bytes)
            .map_max_entries("RECEIVED_EVENTS", ring_bytes)
            .load(object.bytes())
            .context("failed to load the kernel programs")?;
        let rings = KernelRings {
            sent: ring(&mut programs, "SENT_EVENTS")?,
            received: ring(&mut programs, "RECEIVED_EVENTS")?,
        };
        let dropped = programs.take_map("DROPPED").context("the object has no map `DROPPED`")?;
        let dropped = PerCpuArray::try_from(dropped).context("the map `DROPPED` is no array")?;
        if let Some(capturing) = capturing {
            capturing.configure(&mut programs)?;
        }
        let probes = match capturing {
            None => PROBES,
            Some(Capturing { reads: false, .. }) => WATCHING_PROBES,
            Some(Capturing { reads: true, .. }) => READING_PROBES,
        };
        for probe in probes {
            (probe.attach)(&mut programs, cgroup)
                .with_context(|| format!("failed to attach the probe `{}`", probe.name))?;
        }
        Ok(Self { rings, attached: Attached { dropped, _programs: programs } })
    }
}

fn ring(programs: &mut Ebpf, name: &str) -> Result<RingBuf<MapData>> {
    let map = programs.take_map(name).with_context(|| format!("the object has no map `{name}`"))?;
    RingBuf::try_from(map).with_context(|| format!("the map `{name}` is no ring buffer"))
}

impl Attached {
    /// What the probes could not report so far, by reason, summed over the processors.
    pub fn dropped(&self) -> Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for (drop, name) in DROPS {
            let by_cpu =
                self.dropped.get(&drop.index(), 0).context("failed to read the kernel's drop counters")?;
            counts.insert(name.to_owned(), by_cpu.iter().sum());
        }
        Ok(counts)
    }
}

/// Made from `ebpf/` by `cargo xtask ebpf`; one object serves every kernel.
static EMBEDDED: &[u8] = aya::include_bytes_aligned!("../../../../ebpf/aiperfd-ebpf.o");
