//! The commands of docs/INSTALL.md, as the trial of packages runs them.

use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// Commands of a page by name: those between `<!-- NAME -->` and `<!-- /NAME -->`, one a line of indented code.
pub(crate) fn commands(page: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut blocks = BTreeMap::new();
    let mut open: Option<(String, Vec<String>)> = None;
    for line in page.lines() {
        let mark = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        match (mark, &mut open) {
            (Some(name), Some(_)) => {
                let (of, commands) = open.take().context("a block is open")?;
                anyhow::ensure!(name.strip_prefix('/') == Some(&of), "`{of}` is not closed before `{name}`");
                blocks.insert(of, commands);
            }
            (Some(name), None) => open = Some((name.to_owned(), Vec::new())),
            (None, Some((_, commands))) => {
                if let Some(command) = line.strip_prefix("    ") {
                    joined(commands, command);
                }
            }
            (None, None) => {}
        }
    }
    anyhow::ensure!(open.is_none(), "a block of commands is not closed");
    Ok(blocks)
}

/// Adds a line, to the last command if that one goes on.
fn joined(commands: &mut Vec<String>, line: &str) {
    match commands.last_mut() {
        Some(last) if last.ends_with('\\') => {
            last.pop();
            last.push_str(line.trim_start());
        }
        _ => commands.push(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_indented_lines_between_marks() {
        let page = "# A\n\n<!-- deb -->\n    a b \\\n        c\n    d\ntext\n<!-- /deb -->\n    e\n";
        let expected = BTreeMap::from([("deb".to_owned(), vec!["a b c".to_owned(), "d".to_owned()])]);
        assert_eq!(commands(page).unwrap(), expected, "continued lines are one");
        assert!(commands("<!-- deb -->\n").is_err(), "not closed");
    }
}
