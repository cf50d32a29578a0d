//! Chromium without a window: what a reader of a page sees, and what its console has to say of it.

use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A page as a browser shows it.
#[derive(Debug)]
pub struct Shown {
    /// The document when it has come to rest, as HTML: for as long as its server sends events it has not.
    pub dom: String,
    /// Errors and messages of its scripts, and what its policy has blocked.
    pub console: Vec<String>,
}

/// Opens a page, with no network other than this host's, or none at all.
///
/// # Panics
/// When Chromium is not installed (`cargo xtask setup` installs it), or fails.
#[must_use]
pub fn open(url: &str, has_network: bool) -> Shown {
    let profile = TempDir::new().unwrap();
    let mut command = if has_network { Command::new("chromium") } else { Command::new("unshare") };
    if !has_network {
        command.args(["--net", "chromium"]);
    }
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--enable-logging=stderr",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    // Without this it would look for its maker's servers.
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--virtual-time-budget=2000", "--dump-dom", url]).stdin(Stdio::null());
    let output = command.output().expect("chromium is installed: `cargo xtask setup` does it");
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    let log = String::from_utf8_lossy(&output.stderr);
    let console = log.lines().filter(|line| line.contains(":CONSOLE"));
    Shown { dom: String::from_utf8(output.stdout).unwrap(), console: console.map(str::to_owned).collect() }
}

impl Shown {
    /// The text of the element that has this id, without its elements.
    #[must_use]
    pub fn text(&self, id: &str) -> String {
        let begin = self.dom.find(&format!(" id=\"{id}\"")).unwrap_or_else(|| panic!("there is no #{id}"));
        let rest = &self.dom[begin..];
        let inner = &rest[rest.find('>').unwrap() + 1..];
        let end =
            ["</section>", "<section", "<canvas", " id=\""].iter().filter_map(|end| inner.find(end)).min();
        let mut text = String::new();
        let mut is_tag = false;
        for one in inner[..end.unwrap_or(inner.len())].chars() {
            match one {
                '<' => is_tag = true,
                '>' => {
                    is_tag = false;
                    text.push(' ');
                }
                one if !is_tag => text.push(one),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
