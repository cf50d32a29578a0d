//! A plugin that runs: its process, its components, and what went wrong with it.

use super::caller::{Caller, Trouble};
use super::kinds::Kind;
use super::process::{Process, Program};
use aiperfd_plugin::PROTOCOL;
use aiperfd_plugin::message::{Greeting, Hello, Open, Opened};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A plugin that was started.
pub(super) struct Plugin {
    /// Its name and its version.
    pub(super) name: String,
    pub(super) version: String,
    /// What it offers by its own account.
    pub(super) offered: Vec<aiperfd_plugin::message::Offered>,
    caller: Option<Caller>,
    process: Process,
    /// The user's deadline for every call.
    patience: Option<Duration>,
    /// What went wrong, the first of its kind each.
    pub(super) faults: Vec<Fault>,
}

/// What went wrong with a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Whether it was too slow; else it failed.
    pub(super) is_late: bool,
    /// What happened, after the plugin's name.
    pub(super) text: String,
}

/// A component that was opened.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// Its kind.
    pub(super) kind: Kind,
    /// Its name.
    pub(super) name: String,
    /// What it answered.
    pub(super) opened: Opened,
    /// Hooks are called in this order.
    pub(super) order: i64,
}

/// A component to open.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) class: Option<String>,
    pub(super) config: Map<String, Value>,
    pub(super) order: i64,
    /// Of a dataset loader, the file that it is to read.
    pub(super) path: Option<PathBuf>,
}

impl Plugin {
    /// Starts a program and greets it. `source` is sent before: the modules of the Python host.
    ///
    /// # Errors
    /// When it does not start, or does not speak the protocol.
    pub(super) fn start(
        program: &Program,
        source: Option<Vec<u8>>,
        may_have_secrets: bool,
        patience: Option<Duration>,
    ) -> Result<Self, Trouble> {
        let started = Process::start(program, may_have_secrets);
        let (process, mut socket) = started.map_err(|error| Trouble::Failed(format!("{error:#}")))?;
        if let Some(source) = source {
            let length = u32::try_from(source.len()).unwrap_or(u32::MAX).to_le_bytes();
            socket.set_write_timeout(Some(START_PATIENCE)).ok();
            let sent = socket.write_all(&[length.as_slice(), &source].concat());
            sent.map_err(|_gone| Trouble::Gone(process.printed().last_line()))?;
        }
        let mut caller = Caller::new(socket, process.printed());
        let hello = Hello {
            protocol: PROTOCOL,
            host: "aiperfd".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let patience_of_start = patience.map_or(START_PATIENCE, |given| given.max(START_PATIENCE));
        let greeting = caller.call::<Greeting>("hello", &hello, Vec::new(), patience_of_start)?;
        if greeting.protocol == 0 || greeting.protocol > PROTOCOL {
            let spoken = greeting.protocol;
            return Err(Trouble::NoAnswer(format!(
                "it speaks protocol {spoken}, and this program {PROTOCOL}"
            )));
        }
        let Greeting { name, version, components, .. } = greeting;
        let caller = Some(caller);
        Ok(Self { name, version, offered: components, caller, process, patience, faults: Vec::new() })
    }

    /// Opens a component.
    ///
    /// # Errors
    /// When the component cannot be made.
    pub(super) fn open(&mut self, opening: &Opening, directory: &Path) -> Result<Component, Trouble> {
        let open = Open {
            kind: opening.kind.name().to_owned(),
            name: opening.name.clone(),
            class: opening.class.clone(),
            config: opening.config.clone(),
            directory: directory.display().to_string(),
            path: opening.path.as_ref().map(|path| path.display().to_string()),
        };
        let caller = self.caller.as_mut().ok_or(Trouble::Gone(None))?;
        let opened = caller.call::<Opened>("open", &open, Vec::new(), START_PATIENCE)?;
        let kind = opened.kind.as_deref().and_then(Kind::of).unwrap_or(opening.kind);
        let is_same = kind == opening.kind || (opening.kind, kind) == (Kind::PostProcessor, Kind::Aggregator);
        if !is_same {
            let (asked, got) = (opening.kind.name(), kind.name());
            return Err(Trouble::NoAnswer(format!("it was asked for a {asked} and opened a {got}")));
        }
        Ok(Component { kind, name: opening.name.clone(), opened, order: opening.order })
    }

    /// Calls a method of a component, if it has it and the plugin can still be called; what goes wrong is noted, and none returned.
    pub(super) fn call<T: DeserializeOwned>(
        &mut self,
        component: &Component,
        method: &str,
        params: &impl Serialize,
        body: Vec<u8>,
    ) -> Option<T> {
        let (kind, verb) = method.split_once('.')?;
        let has = &component.opened.methods;
        // What feeds a method goes with it.
        if ![verb, method].iter().any(|name| has.iter().any(|method| method == name)) && verb != "records" {
            return None;
        }
        let usual = match Kind::of(kind) {
            Some(Kind::PhaseHook) => HOOK_PATIENCE,
            Some(Kind::CustomDatasetLoader) => START_PATIENCE,
            _ => PATIENCE,
        };
        let patience = self.patience.unwrap_or(usual);
        match self.caller.as_mut()?.call(method, params, body, patience) {
            Ok(result) => Some(result),
            Err(trouble) => {
                self.note(&trouble, &format!("`{}` of `{}`", verb, component.name));
                None
            }
        }
    }

    /// Notes what went wrong; a plugin that did not answer is ended.
    pub(super) fn note(&mut self, trouble: &Trouble, what: &str) {
        let is_late = matches!(trouble, Trouble::Late(_));
        let text = format!("{what}: it {trouble}");
        if self.faults.iter().all(|fault| fault.is_late != is_late) {
            self.faults.push(Fault { is_late, text });
        }
        if !trouble.is_an_answer() {
            self.caller = None;
            self.process.kill();
        }
    }

    /// Whether it can still be called.
    pub(super) const fn is_there(&self) -> bool {
        self.caller.is_some()
    }

    /// What it has printed.
    pub(super) fn printed(&self) -> Vec<u8> {
        self.process.printed().text()
    }

    /// Ends it: it may close what it has open.
    pub(super) fn end(&mut self) {
        if self.caller.take().is_some() {
            self.process.end(END_PATIENCE);
        }
    }
}

/// The time for a start: an interpreter that imports much may need it.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// The time for a call, unless the user gives another one.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The same of a hook.
pub(super) const HOOK_PATIENCE: Duration = Duration::from_secs(1);
/// How long a plugin may take to end.
const END_PATIENCE: Duration = Duration::from_secs(2);
