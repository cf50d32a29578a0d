//! Which programs are attached to a cgroup, by the links that a process holds.

use aya::programs::loaded_links;
use std::fs;
use std::time::Duration;

/// The links that a process holds, by their numbers.
#[must_use]
pub fn held_by(pid: u32) -> Vec<u32> {
    let folder = format!("/proc/{pid}/fdinfo");
    let entries = fs::read_dir(&folder).unwrap().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.filter_map(|text| field(&text, "link_id:")).collect()
}

/// Waits until none of these links is there any more; returns those that stayed.
#[must_use]
pub fn that_stay(links: &[u32]) -> Vec<u32> {
    let mut staying = links.to_vec();
    for _ in 0..ATTEMPTS {
        let there = loaded_links().filter_map(Result::ok).map(|link| link.id()).collect::<Vec<_>>();
        staying.retain(|link| there.contains(link));
        if staying.is_empty() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    staying
}

fn field(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

const ATTEMPTS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);
