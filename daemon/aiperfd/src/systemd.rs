//! Integration with systemd: socket activation, readiness, status and the watchdog.
//!
//! ```text
//! systemd ── LISTEN_FDS: the control socket ──▶ daemon
//!         ◀── READY=1, STATUS, WATCHDOG=1 while requests can be served, STOPPING=1 ──
//! ```
//!
//! Without `LISTEN_FDS` and `NOTIFY_SOCKET` in the environment nothing of this happens.

use crate::runs::Runs;
use crate::threads::lock;
use anyhow::{Context, Result, bail};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The service manager that started this process, if one did.
#[derive(Clone, Debug)]
pub struct Manager {
    /// Its socket, until the daemon uses it.
    socket: Arc<Mutex<Option<UnixListener>>>,
    owns_socket: bool,
    /// The pause between two watchdog notifications.
    watchdog: Option<Duration>,
    /// Where notifications go.
    notified: Option<SocketAddr>,
}

impl Manager {
    /// For a private daemon: no service manager is notified.
    #[must_use]
    pub fn none() -> Self {
        Self { socket: Arc::default(), owns_socket: false, watchdog: None, notified: None }
    }

    /// What the environment passes on. Must run before any thread is started, as it removes `LISTEN_FDS` from the environment.
    ///
    /// # Errors
    /// When that is not one listening Unix socket, or notifications can't be addressed.
    pub fn of_environment() -> Result<Self> {
        let mut passed = ListenFd::from_env();
        if passed.len() > 1 {
            bail!(
                "systemd passes on {} sockets and aiperfd accepts one: leave one ListenStream= in its socket unit",
                passed.len()
            );
        }
        let socket = if passed.len() == 1 {
            passed.take_unix_listener(0).context(
                "the socket that systemd passes on is no Unix stream socket: correct ListenStream= in its socket unit",
            )?
        } else {
            None
        };
        if let Some(socket) = &socket {
            socket.set_nonblocking(true).context("failed to make the socket ready for use")?;
        }
        Ok(Self {
            owns_socket: socket.is_some(),
            socket: Arc::new(Mutex::new(socket)),
            watchdog: sd_notify::watchdog_enabled().map(half),
            notified: std::env::var_os("NOTIFY_SOCKET").map(|text| address(&text)).transpose()?,
        })
    }

    /// The control socket, if systemd passes it on; only the first call returns it.
    #[must_use]
    pub fn listener(&self) -> Option<UnixListener> {
        lock(&self.socket).take()
    }

    /// Whether the control socket is the service manager's, so that it stays when the daemon ends.
    #[must_use]
    pub const fn owns_socket(&self) -> bool {
        self.owns_socket
    }

    /// Clients are served from here on.
    pub fn ready(&self) {
        self.notify(&[NotifyState::Ready, NotifyState::Status("Ready for runs")]);
    }

    /// No new runs are accepted, and those that are active are ended.
    pub fn stopping(&self) {
        self.notify(&[NotifyState::Stopping, NotifyState::Status("Ending runs; their verdicts are written")]);
    }

    /// Notifies the watchdog at half its interval, for as long as requests can be served: each notification takes the lock that
    /// every request takes, on the threads that serve them. A daemon that hangs sends none, and systemd restarts it.
    pub async fn keep_alive(&self, runs: &Runs) {
        let Some(pause) = self.watchdog else { return };
        let mut ticks = tokio::time::interval(pause);
        loop {
            ticks.tick().await;
            let status = match running(runs) {
                0 => "Ready for runs".to_owned(),
                1 => "1 run is in progress".to_owned(),
                more => format!("{more} runs are in progress"),
            };
            let is_ending = runs.daemon.draining.load(std::sync::atomic::Ordering::Relaxed);
            let states = [NotifyState::Watchdog, NotifyState::Status(&status)];
            self.notify(if is_ending { &states[..1] } else { &states });
        }
    }

    fn notify(&self, states: &[NotifyState<'_>]) {
        let Some(address) = &self.notified else { return };
        let text = states.iter().map(|state| format!("{state}\n")).collect::<String>();
        // A slow service manager must never block the threads that serve: what its queue has no room for is dropped, and
        // the next notification of the watchdog is in time.
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to_addr(text.as_bytes(), address)
        });
        match sent {
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                tracing::warn!("failed to notify the service manager: {error}");
            }
            _ => {}
        }
    }
}

/// How many runs have not ended yet.
fn running(runs: &Runs) -> usize {
    runs.active().iter().filter(|run| !run.state().is_final()).count()
}

/// The address in `NOTIFY_SOCKET`: a path, or a name without a file after an `@`.
fn address(text: &OsStr) -> Result<SocketAddr> {
    let address = match text.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(text),
    };
    address.with_context(|| format!("NOTIFY_SOCKET=`{}` is no address of a Unix socket", text.display()))
}

/// Half an interval: in time, even if one notification is late.
fn half(interval: Duration) -> Duration {
    (interval / 2).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_daemon_has_no_manager() {
        let none = Manager::none();
        assert!(none.listener().is_none() && !none.owns_socket(), "no socket");
        assert_eq!(none.watchdog, None, "no watchdog");
    }

    #[test]
    fn notifications_are_twice_as_frequent_as_they_must_be() {
        assert_eq!(half(Duration::from_secs(30)), Duration::from_secs(15), "half");
        assert!(half(Duration::ZERO) > Duration::ZERO, "an interval that tokio accepts");
    }

    #[test]
    fn notifications_have_an_address() {
        let path = address(OsStr::new("/run/notify")).unwrap();
        assert_eq!(path.as_pathname().and_then(|path| path.to_str()), Some("/run/notify"), "a path");
        let name = address(OsStr::new("@notify")).unwrap();
        assert_eq!(name.as_abstract_name(), Some(b"notify".as_slice()), "a name without a file");
    }

    /// A manager that never reads does not block the daemon.
    #[test]
    fn a_manager_that_does_not_read_holds_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _unread = UnixDatagram::bind(&path).unwrap();
        let notified = Some(address(path.as_os_str()).unwrap());
        let manager = Manager { notified, ..Manager::none() };
        (0..1000).for_each(|_| manager.ready());
    }
}
