//! The plugins of a run: found by what the user asks for, started before the run, and called after it.

use super::inbox::Inbox;
use super::kinds::Kind;
use super::live::{Live, Opened};
use super::process::Program;
use super::registry::{Entry, Registry, is_path};
use super::running::{Opening, Plugin};
use crate::plan::Refusal;
use anyhow::Result;
use record::{Reason, Standing};
use serde_json::Map;
use spec::Plugins;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a user asks for, found: nothing is started yet.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    programs: Vec<Start>,
    patience: Option<Duration>,
}

/// A program to start, with the components to open.
#[derive(Clone, Debug)]
struct Start {
    /// What the user calls it.
    name: String,
    /// Its version; a program says it itself.
    version: Option<String>,
    program: Program,
    source: Option<Vec<u8>>,
    digest: Option<String>,
    may_have_secrets: bool,
    /// Of a program that is named by its path, components are known once it is greeted.
    openings: Option<Vec<Opening>>,
    config: Map<String, serde_json::Value>,
}

/// Finds what a user asks for.
///
/// # Errors
/// What does not exist, or cannot be called here.
pub(crate) fn find(plugins: &Plugins) -> Result<Wanted, Refusal> {
    let mut wanted = found(plugins)?;
    let mut idle = None;
    // A dataset was read before.
    wanted.keep(|opening| {
        let is_loader = opening.kind == Kind::CustomDatasetLoader;
        if is_loader && plugins.dataset_loader.as_ref() != Some(&opening.name) {
            idle.get_or_insert_with(|| opening.name.clone());
        }
        !is_loader
    });
    match idle {
        None => Ok(wanted),
        Some(name) => Err(Refusal(format!(
            "--plugin {name} reads datasets, and this run has none for it: give --input-file FILE \
             --custom-dataset-type {name}, or leave it out"
        ))),
    }
}

/// Finds the dataset loader of a name among what a user asks for.
///
/// # Errors
/// What does not exist, or cannot be called here.
pub(super) fn find_loader(plugins: &Plugins, name: &str, path: &Path) -> Result<Wanted, Refusal> {
    let mut wanted = found(plugins)?;
    wanted.keep(|opening| {
        opening.path = Some(path.to_owned());
        opening.kind == Kind::CustomDatasetLoader && opening.name == name
    });
    wanted.programs.retain(|start| start.openings.is_some());
    Ok(wanted)
}

fn found(plugins: &Plugins) -> Result<Wanted, Refusal> {
    let mut programs = Vec::<Start>::new();
    for wanted in &plugins.wanted {
        let refused = |why: String| Refusal(format!("--plugin {}: {why}", wanted.name));
        if let Some(path) = is_path(&wanted.name) {
            programs.push(of_program(path, wanted, plugins).map_err(refused)?);
            continue;
        }
        let registry = Registry::installed(plugins.python.as_deref());
        for entry in registry.resolve(&wanted.name).map_err(refused)? {
            let opening = opening(registry, entry, wanted).map_err(refused)?;
            let package = registry.package_of(entry);
            let known = programs.iter_mut().find(|start| start.name == package.name);
            let may_have_secrets = may_have_secrets(plugins, &[&package.name, &entry.name]);
            if let Some(Start { openings: Some(openings), may_have_secrets: known, .. }) = known {
                openings.push(opening);
                *known |= may_have_secrets;
                continue;
            }
            let Some(python) = &registry.python else {
                return Err(refused("there is no Python interpreter".to_owned()));
            };
            let (program, source) = python.host();
            let digest = package.module.as_deref().map(|module| python.digest(module).map_err(refused));
            programs.push(Start {
                name: package.name.clone(),
                version: Some(package.version.clone()),
                program,
                source: Some(source),
                digest: digest.transpose()?,
                may_have_secrets,
                openings: Some(vec![opening]),
                config: Map::new(),
            });
        }
    }
    Ok(Wanted { programs, patience: plugins.timeout_seconds.map(Duration::from_secs_f64) })
}

fn of_program(path: PathBuf, wanted: &spec::Plugin, plugins: &Plugins) -> Result<Start, String> {
    let path = path.canonicalize().map_err(|error| format!("failed to find it: {error}"))?;
    if !path.is_file() {
        return Err("it is no program".to_owned());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Start {
        may_have_secrets: may_have_secrets(plugins, &[&name, &wanted.name]),
        name,
        version: None,
        digest: store::source::read(&path, PROGRAM_BYTES_MAX).ok().map(|bytes| sha256(&bytes)),
        program: Program { path, arguments: Vec::new() },
        source: None,
        openings: None,
        config: wanted.config.clone(),
    })
}

fn opening(registry: &Registry, entry: &Entry, wanted: &spec::Plugin) -> Result<Opening, String> {
    if registry.package_of(entry).is_built_in {
        return Err("it is built in, and needs no --plugin".to_owned());
    }
    let Some(kind) = Kind::of(&entry.kind) else {
        let kinds = Kind::ALL.map(Kind::name).join(", ");
        return Err(format!("a {} is none of the kinds that plugins may have here: {kinds}", entry.kind));
    };
    let unknown =
        wanted.config.keys().find(|key| !entry.parameters.is_empty() && !entry.parameters.contains(key));
    if let Some(key) = unknown {
        let known = entry.parameters.join(", ");
        return Err(format!("it has no parameter `{key}`, but {known}"));
    }
    Ok(Opening {
        kind,
        name: entry.name.clone(),
        class: entry.class.clone(),
        config: wanted.config.clone(),
        order: entry.order,
        path: None,
    })
}

fn may_have_secrets(plugins: &Plugins, names: &[&str]) -> bool {
    plugins.allowed.iter().any(|allowed| names.contains(&allowed.as_str()))
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The plugins of a run, as the run goes on.
#[derive(Default)]
pub(crate) struct Started {
    /// Before and after a run.
    pub(super) opened: Vec<Opened>,
    /// While it goes on.
    pub(super) live: Vec<Live>,
    /// Those whose threads have panicked, by name.
    lost: Vec<String>,
}

impl Wanted {
    /// Keeps what is wanted of it; a program without anything is not started.
    fn keep(&mut self, mut is_wanted: impl FnMut(&mut Opening) -> bool) {
        for openings in self.programs.iter_mut().filter_map(|start| start.openings.as_mut()) {
            openings.retain_mut(&mut is_wanted);
        }
        self.programs.retain(|start| start.openings.as_ref().is_none_or(|openings| !openings.is_empty()));
    }

    /// Starts them and opens their components.
    ///
    /// # Errors
    /// When one does not start, or a component cannot be made.
    pub(crate) fn start(&self, directory: &Path) -> Result<Started> {
        let directory = directory.canonicalize()?;
        let opened = self.programs.iter().map(|start| self.one(start, &directory));
        Ok(Started { opened: opened.collect::<Result<_>>()?, ..Started::default() })
    }

    fn one(&self, start: &Start, directory: &Path) -> Result<Opened> {
        let failed = |what: &str, why: &dyn std::fmt::Display| {
            Refusal(format!("the plugin `{}`{what} {why}", start.name))
        };
        let plugin =
            Plugin::start(&start.program, start.source.clone(), start.may_have_secrets, self.patience);
        let mut plugin = plugin.map_err(|trouble| failed("", &trouble))?;
        let openings = match &start.openings {
            Some(openings) => openings.clone(),
            None => offered(&plugin, start)?,
        };
        let mut components = Vec::new();
        for opening in openings {
            let what = format!(", {} `{}`,", opening.kind.name(), opening.name);
            let component = plugin.open(&opening, directory).map_err(|trouble| failed(&what, &trouble))?;
            components.push(component);
        }
        components.sort_by_key(|component| component.order);
        if let Some(version) = &start.version {
            // The greeting is that of the host.
            plugin.name.clone_from(&start.name);
            plugin.version.clone_from(version);
        }
        Ok(Opened { plugin, components, digest: start.digest.clone(), dropped: 0 })
    }
}

/// What a program offers that can be called here.
fn offered(plugin: &Plugin, start: &Start) -> Result<Vec<Opening>, Refusal> {
    let mut openings = Vec::new();
    for offered in &plugin.offered {
        let Some(kind) = Kind::of(&offered.kind) else {
            let kinds = Kind::ALL.map(Kind::name).join(", ");
            let (name, unknown) = (&start.name, store::visible_within(&offered.kind, KIND_MAX));
            return Err(Refusal(format!(
                "the plugin `{name}` offers a `{unknown}`, which is none of the kinds that plugins may have here: {kinds}"
            )));
        };
        let (name, config) = (offered.name.clone(), start.config.clone());
        openings.push(Opening { kind, name, class: None, config, order: 0, path: None });
    }
    if openings.is_empty() {
        return Err(Refusal(format!("the plugin `{}` offers nothing", start.name)));
    }
    Ok(openings)
}

impl Started {
    /// Gives each to a thread of its own.
    ///
    /// # Errors
    /// When this host has no more threads.
    pub(crate) fn go_live(&mut self) -> Result<()> {
        for opened in self.opened.drain(..) {
            self.live.push(opened.live()?);
        }
        Ok(())
    }

    /// Takes them back, when so many requests were recorded.
    pub(crate) fn come_back(&mut self, recorded: u64) {
        for live in self.live.drain(..) {
            match live.end(recorded) {
                Ok(opened) => self.opened.push(opened),
                Err(name) => self.lost.push(name),
            }
        }
    }

    /// Where rows of requests go.
    pub(crate) fn inboxes_of_rows(&self) -> Vec<Arc<Inbox>> {
        let live = self.live.iter().filter(|live| live.takes_rows);
        live.map(|live| Arc::clone(&live.inbox)).collect()
    }

    /// What the verdict says of them: something that was asked for is missing.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        let reason = |name: &str, is_late: bool, what: &str| Reason {
            name: if is_late { "plugin_late" } else { "plugin_failed" }.to_owned(),
            standing: Standing::Degraded,
            text: format!(
                "the plugin `{name}`: {what}; what it should have done is missing, and the measurement is not touched"
            ),
            figures: Vec::new(),
        };
        let faults = self.opened.iter().flat_map(|opened| {
            let name = &opened.plugin.name;
            opened.plugin.faults.iter().map(move |fault| reason(name, fault.is_late, &fault.text))
        });
        let lost = self.lost.iter().map(|name| reason(name, false, "the thread that called it has panicked"));
        faults.chain(lost).collect()
    }

    /// Those that the run's description names, with what went wrong.
    pub(crate) fn used(&self) -> Vec<record::Plugin> {
        let used = |opened: &Opened| record::Plugin {
            name: opened.plugin.name.clone(),
            version: opened.plugin.version.clone(),
            digest: opened.digest.clone(),
            components: opened
                .components
                .iter()
                .map(|component| format!("{}.{}", component.kind.name(), component.name))
                .collect(),
            dropped_rows: opened.dropped,
            faults: opened.plugin.faults.iter().map(|fault| fault.text.clone()).collect(),
        };
        self.opened.iter().map(used).collect()
    }

    /// What those of each name have printed.
    pub(super) fn printed(&self) -> BTreeMap<&str, Vec<u8>> {
        let mut printed = BTreeMap::<&str, Vec<u8>>::new();
        for Opened { plugin, .. } in &self.opened {
            printed.entry(&plugin.name).or_default().extend(plugin.printed());
        }
        printed
    }
}

/// Characters of a kind that a plugin offers, in a message.
const KIND_MAX: usize = 40;
const PROGRAM_BYTES_MAX: u64 = 1 << 30;
