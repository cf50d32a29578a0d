//! Finds the daemon of a run: the running one, or a private one started for the run.

use crate::args::SOCKET;
use crate::client::{Client, Unreached};
use crate::plan::Refusal;
use crate::private::{Folder, Private};
use anyhow::{Context, Result, bail};
use clock::Moment;
use control::Health;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// A daemon that runs can be requested from.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The connection to it.
    pub(crate) client: Client,
    /// The private daemon's process; it ends with this value.
    private: Option<Private>,
}

impl Daemon {
    /// The daemon listening at `socket` if there is one, else a private one whose runs are stored in the user's state
    /// directory, or else below `near`.
    ///
    /// # Errors
    /// When the user gave a socket and no daemon listens there.
    pub(crate) async fn find_or_start(socket: &Path, near: &Path) -> Result<Self> {
        if socket != Path::new(PRIVATE) {
            if let Some(shared) = Self::shared(socket).await? {
                return Ok(shared);
            }
            if socket != Path::new(SOCKET) {
                let socket = socket.display();
                return Err(Refusal(format!(
                    "--socket: no daemon listens at `{socket}`; start one there (aiperfd --socket {socket}), or give \
                     `--socket {PRIVATE}` for one of this run's own"
                ))
                .into());
            }
        }
        Self::private(Folder::create(near)?).await
    }

    /// The daemon that has a run: a private one started on an earlier one's state, or the one at `socket`.
    pub(crate) async fn of_run(socket: &Path, run_id: &str) -> Result<Self> {
        match Folder::of_run(run_id)? {
            Some(folder) => Self::private(folder).await,
            None => Ok(Self { client: Client::at(socket), private: None }),
        }
    }

    /// The daemon at `socket`, if one listens there.
    ///
    /// # Errors
    /// When the process listening there is not trusted to be the daemon.
    pub(crate) async fn shared(socket: &Path) -> Result<Option<Self>> {
        let client = Client::at(socket);
        match client.connect().await {
            Ok(_) => Ok(Some(Self { client, private: None })),
            Err(Unreached::Refused(_)) => Ok(None),
            Err(untrusted @ Unreached::Untrusted(_)) => Err(untrusted.into()),
        }
    }

    async fn private(folder: Folder) -> Result<Self> {
        let private = Private::start(folder).await?;
        Ok(Self { client: private.client(), private: Some(private) })
    }

    /// Whether it is there.
    pub(crate) async fn responds(&self) -> bool {
        matches!(timeout(HEALTH_PATIENCE, self.client.get::<Health>("/v1/health")).await, Ok(Ok(_)))
    }

    /// Whether it was started for this run only.
    pub(crate) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Reconnects after the daemon died: to a new private one on the same runs, or to the shared one once it listens again.
    pub(crate) async fn again(&mut self) -> Result<()> {
        if let Some(dead) = self.private.take() {
            let folder = dead.into_folder();
            *self = Self::private(folder).await?;
            return Ok(());
        }
        let Client::Shared(socket) = &self.client else { return Ok(()) };
        let socket: PathBuf = socket.clone();
        let start = Moment::now();
        loop {
            // A dying daemon may still accept a connection, but does not respond.
            if let Some(daemon) = Self::shared(&socket).await?
                && daemon.responds().await
            {
                return Ok(());
            }
            if start.elapsed() > RETURN_PATIENCE {
                bail!("no daemon listened at `{}` within {RETURN_PATIENCE:?}", socket.display());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Removes a private daemon's run, once its files have been fetched.
    pub(crate) async fn forget(&self, run_id: &str) -> Result<()> {
        if self.is_private() {
            let removed = self.client.delete(&format!("/v1/runs/{run_id}")).await;
            removed.context("failed to remove the private daemon's copy of the run")?;
        }
        Ok(())
    }
}

/// Given instead of a socket: starts a private daemon without looking for a shared one.
const PRIVATE: &str = "private";
/// Time for a restarted shared daemon to listen again: a service manager starts it within seconds.
const RETURN_PATIENCE: Duration = Duration::from_secs(15);
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);
