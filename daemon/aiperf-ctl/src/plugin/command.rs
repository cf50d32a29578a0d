//! Runs `aiperf-ctl plugins`: lists packages, kinds and components, and checks manifests without importing anything of theirs.

use super::kinds::Kind;
use super::new;
use super::registry::{Entry, Registry};
use crate::FAILED;
use crate::args::{PluginsArgs, PluginsCommand};
use crate::plan::Refusal;
use crate::terminal::{print_result, print_warning};
use anyhow::Result;
use store::{visible, visible_within};

/// Prints what is asked for; returns the exit status.
pub(crate) fn run(args: &PluginsArgs) -> Result<u8> {
    if let Some(PluginsCommand::New(args)) = &args.command {
        return new::run(args);
    }
    let registry = Registry::installed(args.plugin_python.as_deref());
    if args.validate {
        return validate(registry);
    }
    registry.warnings.iter().for_each(|warning| print_warning(warning));
    match (&args.kind, &args.name) {
        (None, _) if args.all => print_result(&kinds(registry)),
        (None, _) => print_result(&packages(registry)),
        (Some(kind), name) => {
            let kind = Kind::of(kind).map_or(kind.as_str(), |kind| kind.name());
            let known = registry.kinds();
            if !known.iter().any(|known| known == kind) {
                return Err(
                    Refusal(format!("`{kind}` is no kind of components: {}", known.join(", "))).into()
                );
            }
            match name {
                None => print_result(&components(registry, kind)),
                Some(name) => match registry.get(kind, name) {
                    Some(entry) => print_result(&details(registry, entry)),
                    None => {
                        let names = registry.of_kind(kind).map(|entry| entry.name.as_str());
                        let names = names.collect::<Vec<_>>().join(", ");
                        return Err(Refusal(format!("there is no {kind} `{name}`: {names}")).into());
                    }
                },
            }
        }
    }
    Ok(0)
}

/// The packages, this program first.
fn packages(registry: &Registry) -> String {
    let mut rows = vec![["package", "version", "components", ""].map(str::to_owned)];
    for package in &registry.packages {
        let count = registry.entries.iter().filter(|entry| registry.package_of(entry) == package).count();
        let description = visible_within(&first_line(&package.description), DESCRIPTION_MAX);
        rows.push([shown(&package.name), shown(&package.version), count.to_string(), description]);
    }
    let python = match &registry.python {
        Some(python) => format!("Python: {}", visible(&python.path.display().to_string())),
        None => "Python: none".to_owned(),
    };
    let program = crate::terminal::program();
    format!(
        "{}\n{python}\n`{program} plugins --all` lists every kind, `{program} plugins KIND` its components, and \
         `profile --plugin NAME` uses one.\n",
        table(&rows)
    )
}

/// Every kind with its components.
fn kinds(registry: &Registry) -> String {
    let mut text = String::new();
    for kind in registry.kinds() {
        let names = registry.of_kind(&kind).map(|entry| shown(&entry.name)).collect::<Vec<_>>();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        text.push_str(&format!("{}: {names}\n", shown(&kind)));
    }
    text
}

/// The components of a kind.
fn components(registry: &Registry, kind: &str) -> String {
    let mut rows = vec![["name", "package", ""].map(str::to_owned)];
    for entry in registry.of_kind(kind) {
        let description = visible_within(&first_line(&entry.description), DESCRIPTION_MAX);
        let shadowed = if registry.is_shadowed(entry) { " (another one is taken)" } else { "" };
        let package = shown(&registry.package_of(entry).name);
        rows.push([shown(&entry.name), package, format!("{description}{shadowed}")]);
    }
    let about = Kind::of(kind).map(|kind| format!("{}.\n\n", kind.description())).unwrap_or_default();
    if rows.len() == 1 {
        return format!("{about}None is installed.\n");
    }
    format!("{about}{}", table(&rows))
}

/// Everything about a component.
fn details(registry: &Registry, entry: &Entry) -> String {
    let package = registry.package_of(entry);
    let mut lines = vec![
        format!("{}.{}", shown(&entry.kind), shown(&entry.name)),
        format!("  package      {} {}", shown(&package.name), shown(&package.version)),
    ];
    lines.extend(entry.class.as_ref().map(|class| format!("  class        {}", shown(class))));
    if entry.priority != 0 {
        lines.push(format!("  priority     {}", entry.priority));
    }
    if !entry.parameters.is_empty() {
        let parameters = entry.parameters.iter().map(|name| shown(name)).collect::<Vec<_>>();
        lines.push(format!("  parameters   {}", parameters.join(", ")));
    }
    if registry.is_shadowed(entry) {
        lines.push("  another one of this name is taken; this one is named by its class".to_owned());
    }
    if Kind::of(&entry.kind).is_none() && !package.is_built_in {
        lines.push("  plugins cannot have this kind here yet".to_owned());
    }
    lines.push(String::new());
    lines.extend(entry.description.lines().map(|line| visible(line).into_owned()));
    lines.join("\n") + "\n"
}

/// Checks manifests and classes; returns the exit status.
fn validate(registry: &Registry) -> Result<u8> {
    let mut problems = registry.warnings.clone();
    let installed = || registry.entries.iter().filter(|entry| !registry.package_of(entry).is_built_in);
    let classes = installed().filter_map(|entry| entry.class.as_deref()).collect::<Vec<_>>();
    if let Some(python) = registry.python.as_ref().filter(|_| !classes.is_empty()) {
        let missing = python.missing(&classes).map_err(anyhow::Error::msg)?;
        problems.extend(missing.into_iter().map(|(class, why)| format!("{class}: {why}")));
    }
    let packages = registry.packages.iter().filter(|package| !package.is_built_in).count();
    if problems.is_empty() {
        print_result(&format!("{packages} packages with {} components: all are valid\n", classes.len()));
        return Ok(0);
    }
    problems.iter().for_each(|problem| print_result(&format!("{}\n", visible(problem))));
    Ok(FAILED)
}

/// Rows in columns; the last column is as long as it is.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        row.iter().zip(&mut widths).for_each(|(cell, width)| *width = (*width).max(cell.chars().count()));
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn first_line(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().to_owned()
}

fn shown(text: &str) -> String {
    visible_within(text, NAME_MAX)
}

const NAME_MAX: usize = 80;
const DESCRIPTION_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "a    bb\nccc  d\n");
    }
}
