//! What plugins there are: those of installed Python packages, by their manifests, without importing anything of theirs; and what is
//! built in.
//!
//! Of several components of one kind and name the highest priority wins, at the same priority one that is not built in, then the
//! first; the others are still found by their class.

mod built_in;
mod manifest;
mod python;

use super::kinds::Kind;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

pub(super) use python::Python;

/// A component.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its kind, which may be one of AIPerf's that plugins have not here.
    pub(super) kind: String,
    /// Its name.
    pub(super) name: String,
    /// Of one in Python, `module:Class`.
    pub(super) class: Option<String>,
    /// One line or more.
    pub(super) description: String,
    /// Which of several of one name is taken.
    pub(super) priority: i64,
    /// Hooks are called in this order.
    pub(super) order: i64,
    /// Whether naming its package takes it.
    pub(super) is_auto_loaded: bool,
    /// The names of its configuration's parameters.
    pub(super) parameters: Vec<String>,
    /// Where it comes from; its place in [`Registry::packages`].
    package: usize,
}

/// What components come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Package {
    /// Its name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// One line.
    pub(super) description: String,
    /// The Python package that has its manifest.
    pub(super) module: Option<String>,
    /// Whether it is this program.
    pub(super) is_built_in: bool,
}

/// Every component that is installed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    /// The packages, this program first.
    pub(super) packages: Vec<Package>,
    /// The components, in the order in which they were found.
    pub(super) entries: Vec<Entry>,
    /// What is wrong with installed packages.
    pub(super) warnings: Vec<String>,
    /// The interpreter of Python components.
    pub(super) python: Option<Python>,
}

impl Registry {
    /// What is built in, and what is installed for an interpreter: the given one, or the usual one. It is asked once.
    pub(crate) fn installed(python: Option<&str>) -> &'static Self {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| Self::read(python))
    }

    fn read(python: Option<&str>) -> Self {
        let mut registry = Self::built_in();
        match Python::find(python) {
            Ok(mut python) => {
                match python.installed() {
                    Ok(found) => found.into_iter().for_each(|found| registry.add(found)),
                    Err(why) => registry.warnings.push(why),
                }
                registry.python = Some(python);
            }
            Err(why) => registry.warnings.push(why),
        }
        registry.warn_of_conflicts();
        registry
    }

    fn built_in() -> Self {
        let package = Package {
            name: "aiperfd".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "What is built in".to_owned(),
            module: None,
            is_built_in: true,
        };
        Self { packages: vec![package], entries: built_in::entries(), ..Self::default() }
    }

    /// Adds an installed package.
    fn add(&mut self, found: python::Found) {
        let python::Found { name, version, package, manifest } = found;
        let manifest = match manifest.and_then(|text| manifest::parse(&text, &package)) {
            Ok(manifest) => manifest,
            Err(why) => {
                self.warnings.push(format!("the plugins of the package `{name}` are not taken: {why}"));
                return;
            }
        };
        if manifest.is_disabled {
            return;
        }
        let place = self.packages.len();
        self.packages.push(Package {
            name,
            version,
            description: manifest.description.unwrap_or_default(),
            module: Some(package),
            is_built_in: false,
        });
        self.entries.extend(manifest.components.into_iter().map(|declared| Entry {
            kind: declared.kind,
            name: declared.name,
            class: Some(declared.class),
            description: declared.description,
            priority: declared.priority,
            order: declared.order,
            is_auto_loaded: declared.is_auto_loaded,
            parameters: declared.parameters,
            package: place,
        }));
    }

    /// The package of a component.
    pub(super) fn package_of(&self, entry: &Entry) -> &Package {
        &self.packages[entry.package]
    }

    /// The component of a kind with a name, or with a class's qualified name.
    pub(super) fn get<'a>(&'a self, kind: &str, name: &str) -> Option<&'a Entry> {
        let of_kind = || self.entries.iter().filter(|entry| entry.kind == kind);
        if name.contains(':') {
            return of_kind().find(|entry| entry.class.as_deref() == Some(name));
        }
        // Of equals the first: `max_by_key` would take the last.
        let rank = |entry: &&Entry| (entry.priority, !self.package_of(entry).is_built_in);
        of_kind().filter(|entry| entry.name == name).rev().max_by_key(rank)
    }

    /// The components of a kind, in order.
    pub(super) fn of_kind<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let kind = kind.to_owned();
        self.entries.iter().filter(move |entry| entry.kind == kind)
    }

    /// Every kind of which there is a component, or may be one here.
    pub(super) fn kinds(&self) -> Vec<String> {
        let possible = Kind::ALL.map(|kind| kind.name().to_owned());
        let kinds = self.entries.iter().map(|entry| entry.kind.clone()).chain(possible);
        kinds.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether another component is taken in its place.
    pub(super) fn is_shadowed(&self, entry: &Entry) -> bool {
        self.get(&entry.kind, &entry.name).is_some_and(|taken| taken != entry)
    }

    /// The components that a user names: `name`, `kind.name`, `module:Class`, `kind.module:Class`, or the name of a package.
    ///
    /// # Errors
    /// What the user must change.
    pub(super) fn resolve(&self, wanted: &str) -> Result<Vec<&Entry>, String> {
        if let Some((kind, name)) = wanted.split_once('.').filter(|(kind, _)| self.is_kind(kind)) {
            let kind = Kind::of(kind).map_or(kind, |kind| kind.name());
            return self.get(kind, name).map(|entry| vec![entry]).ok_or_else(|| self.unknown(wanted));
        }
        let kinds = self.kinds();
        let named = kinds.iter().filter_map(|kind| self.get(kind, wanted)).collect::<Vec<_>>();
        let named = self.of_plugins_first(named);
        match named.as_slice() {
            [] => {}
            [_] => return Ok(named),
            several => {
                let names = several.iter().map(|entry| format!("{}.{}", entry.kind, entry.name));
                return Err(format!(
                    "`{wanted}` may be {}: name one",
                    names.collect::<Vec<_>>().join(" or ")
                ));
            }
        }
        let package = self.packages.iter().position(|package| package.name == wanted && !package.is_built_in);
        let Some(package) = package else { return Err(self.unknown(wanted)) };
        let of_it = self.entries.iter().filter(|entry| entry.package == package && entry.is_auto_loaded);
        Ok(of_it.filter(|entry| Kind::of(&entry.kind).is_some()).collect())
    }

    /// Where a name is that of something built in too, the plugin is meant.
    fn of_plugins_first<'a>(&self, named: Vec<&'a Entry>) -> Vec<&'a Entry> {
        let plugins = named.iter().copied().filter(|entry| !self.package_of(entry).is_built_in);
        let plugins = plugins.collect::<Vec<_>>();
        if plugins.is_empty() { named } else { plugins }
    }

    fn is_kind(&self, name: &str) -> bool {
        Kind::of(name).is_some() || self.entries.iter().any(|entry| entry.kind == name)
    }

    fn unknown(&self, wanted: &str) -> String {
        let python = match &self.python {
            Some(python) => format!("installed for `{}`", python.path.display()),
            None => "installed".to_owned(),
        };
        let mut known = self.entries.iter().filter(|entry| !self.package_of(entry).is_built_in);
        let known = known.by_ref().take(NAMED_MAX).map(|entry| entry.name.as_str()).collect::<Vec<_>>();
        let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
        let warnings = self.warnings.first().map(|why| format!("; {why}")).unwrap_or_default();
        format!(
            "no plugin `{wanted}` is {python}{known}: `aiperf-ctl plugins` lists what is there, --plugin-python names another \
             interpreter, and a program is named by its path{warnings}"
        )
    }

    fn warn_of_conflicts(&mut self) {
        let mut warnings = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            let is_same = |other: &&Entry| {
                !self.package_of(other).is_built_in
                    && (&other.kind, &other.name, other.priority)
                        == (&entry.kind, &entry.name, entry.priority)
            };
            let Some(earlier) = self.entries[..place].iter().find(is_same) else { continue };
            let [first, second] = [earlier, entry].map(|entry| self.package_of(entry).name.as_str());
            warnings.push(format!(
                "`{}.{}` is in the packages `{first}` and `{second}` with the same priority: that of `{first}` is taken",
                entry.kind, entry.name
            ));
        }
        self.warnings.extend(warnings);
    }
}

/// What a user names with a path is a program.
pub(super) fn is_path(wanted: &str) -> Option<PathBuf> {
    wanted.contains('/').then(|| PathBuf::from(wanted))
}

/// Names in a message.
const NAMED_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, manifest: &str) -> python::Found {
        python::Found {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            package: name.replace('-', "_"),
            manifest: Ok(manifest.to_owned()),
        }
    }

    fn registry(packages: &[(&str, &str)]) -> Registry {
        let mut registry = Registry::built_in();
        packages.iter().for_each(|(name, manifest)| registry.add(found(name, manifest)));
        registry.warn_of_conflicts();
        registry
    }

    #[test]
    fn the_highest_priority_wins_then_what_is_not_built_in_then_the_first() {
        let class = |class: &str, priority: i64| {
            format!("endpoint: {{chat: {{class: \"{class}\", priority: {priority}}}}}")
        };
        let taken = |packages: &[(&str, &str)]| {
            let registry = registry(packages);
            let class = registry.get("endpoint", "chat").unwrap().class.clone();
            (class, registry.warnings.len())
        };
        assert_eq!(taken(&[]), (None, 0), "that of this program");
        let (low, high) = (class("a:A", 0), class("b:B", 1));
        assert_eq!(taken(&[("a", &low)]), (Some("a:A".to_owned()), 0), "not built in");
        assert_eq!(taken(&[("a", &low), ("b", &high)]), (Some("b:B".to_owned()), 0), "the higher one");
        let same = class("b:B", 0);
        assert_eq!(
            taken(&[("a", &low), ("b", &same)]),
            (Some("a:A".to_owned()), 1),
            "the first, with a warning"
        );
        let registry = registry(&[("a", &low), ("b", &same)]);
        let shadowed = registry.get("endpoint", "b:B").unwrap();
        assert!(registry.is_shadowed(shadowed), "it is still found by its class");
    }

    #[test]
    fn components_are_named_in_several_ways() {
        let manifest = "phase_hooks: {log: {class: p.h:Log}, other: {class: p.h:Other, auto_load: false}}\npost_processors: {sum: {class: p.p:Sum}}";
        let registry = registry(&[("my-plugin", manifest)]);
        let names = |wanted: &str| {
            let found = registry.resolve(wanted)?;
            Ok::<_, String>(found.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("log"), Ok("log".to_owned()));
        assert_eq!(names("phase_hook.log"), Ok("log".to_owned()));
        assert_eq!(names("phase_hooks.log"), Ok("log".to_owned()));
        assert_eq!(names("p.h:Other"), Ok("other".to_owned()));
        assert_eq!(names("my-plugin"), Ok("log sum".to_owned()), "what is loaded by itself");
        assert!(names("lgo").unwrap_err().contains("no plugin `lgo`"));
        assert!(names("gpu.lgo").unwrap_err().contains("no plugin `gpu.lgo`"));
    }
}
