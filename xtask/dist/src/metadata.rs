//! The crates that the programs are made of, as cargo knows them.

use crate::process;
use crate::project::{Project, Target};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// A crate.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence, as an SPDX expression.
    pub(crate) license: Option<String>,
    /// A file with its licence, if that is no usual one.
    pub(crate) license_file: Option<PathBuf>,
    /// Where it comes from; none if it is of this repository.
    pub(crate) source: Option<String>,
    /// What it is.
    pub(crate) description: Option<String>,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    id: String,
}

/// The crates of the programs, and which of them needs which.
#[derive(Clone, Debug)]
pub(crate) struct Crates {
    /// In order of name and version.
    pub(crate) packages: Vec<Package>,
    /// By place in the list above, the places of what it needs.
    pub(crate) needs: BTreeMap<usize, Vec<usize>>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
    root: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Crates {
    /// Everything that is compiled into the programs: what the root package needs, but for tests and build scripts.
    pub(crate) fn of_programs(project: &Project, target: Target) -> Result<Self> {
        let mut command = metadata(project, target);
        if is_offline(project, target) {
            command.arg("--offline");
        }
        Self::parse(&process::output(&mut command)?)
    }

    fn parse(text: &str) -> Result<Self> {
        let metadata: Metadata = serde_json::from_str(text).context("failed to read cargo's metadata")?;
        let root =
            metadata.resolve.root.context("the repository's top folder has no package of the programs")?;
        let nodes = metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node));
        let nodes = nodes.collect::<BTreeMap<_, _>>();
        let normal = |id: &str| {
            let dependencies = nodes.get(id).into_iter().flat_map(|node| &node.deps);
            dependencies
                .filter(|one| one.dep_kinds.iter().any(|kind| kind.kind.is_none()))
                .map(|one| one.pkg.clone())
                .collect::<Vec<_>>()
        };
        let (mut reached, mut open) = (BTreeSet::from([root.clone()]), vec![root]);
        while let Some(id) = open.pop() {
            open.extend(normal(&id).into_iter().filter(|id| reached.insert(id.clone())));
        }
        let mut packages = metadata.packages;
        packages.retain(|package| reached.contains(&package.id));
        packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        let place = |id: &String| packages.iter().position(|package| package.id == *id);
        let needs = packages.iter().map(|package| {
            let mut needs = normal(&package.id).iter().filter_map(place).collect::<Vec<_>>();
            needs.sort_unstable();
            needs
        });
        let needs = needs.enumerate().collect();
        Ok(Self { packages, needs })
    }
}

/// Whether every crate that is needed is on this host.
pub(crate) fn is_offline(project: &Project, target: Target) -> bool {
    process::output(metadata(project, target).arg("--offline")).is_ok()
}

fn metadata(project: &Project, target: Target) -> Command {
    let mut command = project.cargo();
    command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target.triple()]);
    command
}

#[cfg(test)]
pub(crate) fn example() -> Crates {
    let package = |name: &str, source: &str, license: &str| {
        format!(
            r#"{{"name":"{name}","version":"1.0.0","license":"{license}","license_file":null,"source":{source},
                "description":null,"manifest_path":"/nowhere/{name}/Cargo.toml","id":"{name}"}}"#
        )
    };
    let registry = r#""registry+index""#;
    let packages = [
        package("suite", "null", "Apache-2.0"),
        package("serde", registry, "MIT OR Apache-2.0"),
        package("proptest", registry, "MIT"),
    ];
    let text = format!(
        r#"{{"packages":[{}],"resolve":{{"root":"suite","nodes":[
            {{"id":"suite","deps":[{{"pkg":"serde","dep_kinds":[{{"kind":null}}]}},
                                   {{"pkg":"proptest","dep_kinds":[{{"kind":"dev"}}]}}]}},
            {{"id":"serde","deps":[]}},{{"id":"proptest","deps":[]}}]}}}}"#,
        packages.join(",")
    );
    Crates::parse(&text).expect("the example is well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_need_is_left_out() {
        let crates = example();
        let names = crates.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["serde", "suite"], "in order");
        assert_eq!(crates.needs[&1], [0], "the suite needs serde");
    }
}
