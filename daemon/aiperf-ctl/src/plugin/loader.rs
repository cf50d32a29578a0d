//! Has a plugin read a dataset before the run: rows of the format `multi_turn`, some at a time.

use super::kinds::Kind;
use super::live::Opened;
use super::running::{Component, Plugin};
use super::set::find_loader;
use crate::plan::Refusal;
use aiperfd_plugin::message::{Load, Loaded, OfHandle};
use anyhow::Result;
use serde_json::Value;
use spec::Plugins;
use std::path::Path;

/// The rows of a file, as the run's dataset loader reads it.
///
/// # Errors
/// When there is no such loader, or it does not read the file.
pub(crate) fn rows(plugins: &Plugins, file: &Path) -> Result<Vec<u8>> {
    let name = plugins.dataset_loader.as_deref().unwrap_or_default();
    let refused = |why: String| Refusal(format!("--custom-dataset-type {name}: {why}"));
    let file = file.canonicalize().map_err(|error| refused(format!("failed to find the file: {error}")))?;
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let mut started = find_loader(plugins, name, &file)?.start(folder)?;
    let Some(Opened { plugin, components, .. }) = started.opened.first_mut() else {
        return Err(refused("no --plugin has a dataset loader of this name".to_owned()).into());
    };
    let is_loader = |component: &&Component| component.kind == Kind::CustomDatasetLoader;
    let Some(loader) = components.iter().find(is_loader).cloned() else {
        return Err(refused("the plugin has no dataset loader".to_owned()).into());
    };
    let read = read(plugin, &loader, &file);
    let fault = plugin.faults.first().map(|fault| fault.text.clone());
    plugin.end();
    match (read, fault) {
        (Some(bytes), None) if !bytes.is_empty() => Ok(bytes),
        (_, Some(fault)) => Err(refused(fault).into()),
        (Some(_), None) => Err(refused("the plugin found no conversation in the file".to_owned()).into()),
        (None, None) => Err(refused(format!("its rows are longer than {ROWS_BYTES_MAX} bytes")).into()),
    }
}

fn read(plugin: &mut Plugin, loader: &Component, file: &Path) -> Option<Vec<u8>> {
    let handle = loader.opened.handle;
    let load = Load { handle, path: file.display().to_string() };
    let _nothing: Value = plugin.call(loader, "custom_dataset_loader.load", &load, Vec::new())?;
    let mut bytes = Vec::new();
    loop {
        let next = OfHandle { handle };
        let Loaded { rows, is_done } =
            plugin.call(loader, "custom_dataset_loader.next", &next, Vec::new())?;
        for row in rows {
            bytes.extend_from_slice(row.to_string().as_bytes());
            bytes.push(b'\n');
        }
        if bytes.len() > ROWS_BYTES_MAX {
            return None;
        }
        if is_done {
            return Some(bytes);
        }
    }
}

/// Bytes of rows.
const ROWS_BYTES_MAX: usize = 4 << 30;
