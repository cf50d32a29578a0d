//! What a collector is: a way to the GPUs of one maker; and the list of all collectors.

use crate::round::Answer;
use crate::{amdgpu, nvml};
use std::path::PathBuf;

/// The host administrator's settings of where collectors look.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// NVML's library, if it is not where the system's linker finds it.
    pub nvml_library: Option<PathBuf>,
    /// The kernel's folder of graphics cards, if it is not the usual one.
    pub drm_folder: Option<PathBuf>,
}

/// A collector, before anything is opened.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in plans and records.
    pub name: &'static str,
    /// Opens what it reads from. May take long, or never return.
    pub(crate) open: fn(&Settings) -> Result<Box<dyn Collector>, GpuError>,
}

/// Every collector.
pub const COLLECTORS: &[Kind] =
    &[Kind { name: "nvml", open: nvml::open }, Kind { name: "amdgpu", open: amdgpu::open }];

/// An open way to the GPUs of one maker, for several threads.
pub(crate) trait Collector: Send + Sync {
    /// The GPUs, and the parts of divided ones. May take long, or never return.
    fn gpus(&self) -> Result<Vec<Box<dyn Gpu + '_>>, GpuError>;
}

/// One GPU, for one thread.
pub(crate) trait Gpu {
    /// Which one it is.
    fn about(&self) -> &About;
    /// The calls that it supports.
    fn calls(&self) -> &'static [Call];
    /// Makes one of these calls, by its place. May take long, or never return.
    fn poll(&mut self, place: usize, answer: &mut Answer) -> Result<(), CallError>;
}

/// Which GPU it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// Its number on the host.
    pub(crate) index: u32,
    /// Its number among the parts of a divided GPU.
    pub(crate) mig_index: Option<u32>,
    /// Its own name for itself.
    pub(crate) uuid: String,
    /// Texts by the names of [`record::GPU_TEXTS`].
    pub(crate) texts: Vec<(&'static str, String)>,
}

/// A call that polls a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// What the library calls it.
    pub(crate) name: &'static str,
    /// How often it is made.
    pub(crate) pace: Pace,
}

/// How often a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At every interval.
    Interval,
    /// Ten times a second at most: what changes no faster, or needs some time between two readings.
    Tenth,
    /// Once a second, on a thread of its own: what may take long.
    Second,
}

/// Why a call gave nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The GPU, the driver or this user has it not, and will not have it.
    #[error("{0}")]
    Never(String),
    /// It failed this time.
    #[error("{0}")]
    Failed(String),
}

/// Why there are no GPUs to read.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// What it needs is not on this host.
    #[error("{0}")]
    Missing(String),
    /// It is there and does not work.
    #[error("{0}")]
    Broken(String),
}
