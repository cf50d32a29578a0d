//! The descriptors that arrived with the set-up, by their purpose.

use super::Failure;
use spec::handshake::Setup;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

/// The descriptors that arrived with the set-up, by their purpose.
pub(super) struct Given {
    pub(super) replies: Option<File>,
    pub(super) inputs_json: File,
    pub(super) workers: Vec<(OwnedFd, File)>,
    pub(super) inputs: Vec<(String, File)>,
}

impl Given {
    pub(super) fn sort(setup: &Setup, descriptors: Vec<OwnedFd>) -> Result<Self, Failure> {
        let missing = || Failure::Load("set up", io::Error::other("descriptors are missing"));
        let mut rest = descriptors.into_iter();
        let mut next = || rest.next().ok_or_else(missing);
        let (replies, inputs_json) = (Some(next()?.into()), next()?.into());
        let mut workers = Vec::new();
        for _ in &setup.cpus {
            workers.push((next()?, next()?.into()));
        }
        let mut inputs = Vec::new();
        for name in &setup.inputs {
            inputs.push((name.clone(), next()?.into()));
        }
        Ok(Self { replies, inputs_json, workers, inputs })
    }

    /// Bytes of all inputs.
    pub(super) fn input_bytes(&self) -> u64 {
        let lengths =
            self.inputs.iter().map(|(_, file)| file.metadata().map_or(0, |metadata| metadata.len()));
        lengths.fold(0, u64::saturating_add)
    }

    pub(super) fn input(&mut self, name: &str) -> Result<&mut File, Failure> {
        let found = self.inputs.iter_mut().find(|(input, _)| input == name);
        found
            .map(|(_, file)| file)
            .ok_or_else(|| Failure::Plan(format!("the input `{name}` was not uploaded")))
    }
}

/// The lines of an input; none if it was not uploaded.
pub(super) fn lines(given: &mut Given, name: &'static str) -> Result<String, Failure> {
    let mut text = String::new();
    if let Ok(file) = given.input(name) {
        file.read_to_string(&mut text).map_err(|error| Failure::Load("read an input", error))?;
    }
    Ok(text)
}
