//! Limits of one user, and of all of them, on the daemon's resources: every limit with its name in the configuration, its
//! default and its refusal.
//!
//! ```toml
//! [limits]
//! connections_per_user = 256    # see docs/SECURITY.md for all of them
//! ```
//!
//! Defaults are such that a busy team never reaches one. Root is held to the limits for all.

use crate::threads::lock;
use control::{Fault, Problem};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections of a user at the same time.
    pub connections_per_user: u32,
    /// Connections of all users.
    pub connections: u32,
    /// Seconds in which the head of a request must have arrived.
    pub request_head_seconds: u32,
    /// Seconds for the next piece of a request's body.
    pub request_body_seconds: u32,
    /// KiB of a plan.
    pub plan_kib: u32,
    /// Runs of a user that wait to be started.
    pub waiting_runs_per_user: u32,
    /// MiB of the plans of all runs that wait.
    pub waiting_plans_mib: u32,
    /// Seconds after which a run that is not started, and for which nothing is uploaded, is removed.
    pub waiting_seconds: u32,
    /// Runs of a user that are active at the same time.
    pub active_runs_per_user: u32,
    /// Runs of all users that are active at the same time.
    pub active_runs: u32,
    /// Runs of a user that are kept.
    pub stored_runs_per_user: u32,
    /// GiB of the runs of a user, uploads among them.
    pub disk_gib_per_user: u32,
    /// MiB that stay free on the disk of the state directory: a run ends, and none starts, when less is free.
    pub disk_free_mib: u32,
    /// MiB of kernel memory for the ring buffers of a user's runs.
    pub kernel_memory_mib_per_user: u32,
    /// Cores that the runs of a user may hold; 0 for all.
    pub cores_per_user: u32,
    /// Seconds that a run may prepare itself.
    pub prepare_seconds: u32,
    /// MiB of the records of a run that are kept as they were collected, so that nothing is lost when the daemon is killed.
    /// Beyond it they are freed as soon as they are in the result files.
    pub spool_mib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_user: 256,
            connections: 1024,
            request_head_seconds: 10,
            request_body_seconds: 30,
            plan_kib: 8 << 10,
            waiting_runs_per_user: 32,
            waiting_plans_mib: 256,
            waiting_seconds: 900,
            active_runs_per_user: 16,
            active_runs: 64,
            stored_runs_per_user: 10_000,
            disk_gib_per_user: 200,
            disk_free_mib: 256,
            kernel_memory_mib_per_user: 1024,
            cores_per_user: 0,
            prepare_seconds: 3600,
            spool_mib: 1024,
        }
    }
}

impl Limits {
    /// The timeout of a request's head.
    #[must_use]
    pub fn head_time(&self) -> Duration {
        Duration::from_secs(self.request_head_seconds.into())
    }

    /// The timeout of the next piece of a body.
    #[must_use]
    pub fn body_time(&self) -> Duration {
        Duration::from_secs(self.request_body_seconds.into())
    }

    /// Bytes of a plan.
    #[must_use]
    pub fn plan_bytes(&self) -> usize {
        usize::try_from(self.plan_kib).unwrap_or(usize::MAX).saturating_mul(1024)
    }
}

/// A limit that was reached, by its name in the configuration.
#[must_use]
pub fn met(name: &str, limit: impl std::fmt::Display, what: &str) -> Problem {
    let message = format!(
        "{what}: the limit is {limit} (`{name}` in [limits] of the daemon's configuration); wait for others to end, or \
         have the administrator raise it"
    );
    Problem::new(Fault::Busy, message)
}

/// Counts what users hold of something, and refuses what would be too much.
#[derive(Clone, Debug, Default)]
pub struct Held(Arc<Mutex<BTreeMap<u32, u64>>>);

/// Resources that users hold.
#[derive(Debug, Default)]
pub struct Shares {
    /// Connections.
    pub connections: Held,
    /// Runs that wait.
    pub waiting: Held,
    /// KiB of plans of runs that wait.
    pub plans: Held,
    /// Active runs.
    pub active: Held,
    /// KiB of kernel memory.
    pub kernel_memory: Held,
    /// KiB of uploads that are not whole yet.
    pub uploads: Held,
}

/// What was counted for a user until this value is dropped.
#[derive(Debug)]
pub struct Taken {
    held: Held,
    uid: u32,
    amount: u64,
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The user holds too much already.
    User,
    /// All users together do.
    All,
}

impl Held {
    /// Counts `amount` for a user, unless that is more than the user, or all, may have.
    ///
    /// # Errors
    /// Whose limit was reached.
    pub fn take(&self, uid: u32, amount: u64, per_user: u64, all: u64) -> Result<Taken, Refused> {
        let mut held = lock(&self.0);
        let of_user = held.get(&uid).copied().unwrap_or(0);
        if of_user.saturating_add(amount) > per_user && uid != ROOT {
            return Err(Refused::User);
        }
        if held.values().fold(amount, |sum, held| sum.saturating_add(*held)) > all {
            return Err(Refused::All);
        }
        *held.entry(uid).or_default() += amount;
        Ok(Taken { held: self.clone(), uid, amount })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut held = lock(&self.held.0);
        if let Some(of_user) = held.get_mut(&self.uid) {
            *of_user = of_user.saturating_sub(self.amount);
            if *of_user == 0 {
                held.remove(&self.uid);
            }
        }
    }
}

/// Root's user number.
pub const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_never_takes_what_is_for_all() {
        let held = Held::default();
        let first = held.take(1000, 2, 2, 3).unwrap();
        assert_eq!(held.take(1000, 1, 2, 3).unwrap_err(), Refused::User, "his own limit");
        let second = held.take(1001, 1, 2, 3).unwrap();
        assert_eq!(held.take(1001, 1, 2, 3).unwrap_err(), Refused::All, "all users'");
        assert_eq!(held.take(ROOT, 1, 0, 3).unwrap_err(), Refused::All, "root's too");
        drop(first);
        let root = held.take(ROOT, 2, 0, 3).unwrap();
        drop((second, root));
        assert!(lock(&held.0).is_empty(), "nothing is remembered of who holds nothing");
        assert_eq!(
            held.take(1000, u64::MAX, u64::MAX - 1, u64::MAX).unwrap_err(),
            Refused::User,
            "no overflow"
        );
    }
}
