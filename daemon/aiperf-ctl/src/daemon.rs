//! The daemon of a run: the one that listens, or a private one for the length of the run.

use crate::args::SOCKET;
use crate::client::{Client, Unreached};
use crate::clock::Moment;
use crate::plan::Refusal;
use crate::private::{Folder, Private};
use anyhow::{Context, Result, bail};
use control::Health;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// A daemon that can be asked for runs.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// How it is reached.
    pub(crate) client: Client,
    /// The private daemon's process; it ends with this value.
    private: Option<Private>,
}

impl Daemon {
    /// The daemon at `socket` if one listens there, else a private one whose runs lie in the user's state directory, or else
    /// below `near`.
    ///
    /// # Errors
    /// When the user named a socket and no daemon listens there.
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

    /// The daemon that has a run: a private one that is started on what an earlier one left, or the one at `socket`.
    pub(crate) async fn of_run(socket: &Path, run_id: &str) -> Result<Self> {
        match Folder::of_run(run_id)? {
            Some(folder) => Self::private(folder).await,
            None => Ok(Self { client: Client::at(socket), private: None }),
        }
    }

    /// The daemon at `socket`, if one listens there.
    ///
    /// # Errors
    /// When somebody listens there who need not be the daemon.
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

    /// Whether it was started for this run only.
    pub(crate) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Has a daemon again after this one died: a private one on the same runs, or the shared one once it listens again.
    pub(crate) async fn again(&mut self) -> Result<()> {
        if let Some(dead) = self.private.take() {
            let folder = dead.into_folder();
            *self = Self::private(folder).await?;
            return Ok(());
        }
        let Client::Shared(socket) = &self.client else { return Ok(()) };
        let socket: PathBuf = socket.clone();
        let begun = Moment::now();
        loop {
            // One that dies may still take a connection, but it answers nothing.
            if let Some(daemon) = Self::shared(&socket).await?
                && let Ok(Ok(_)) = timeout(HEALTH_PATIENCE, daemon.client.get::<Health>("/v1/health")).await
            {
                return Ok(());
            }
            if begun.elapsed() > RETURN_PATIENCE {
                bail!("no daemon listened at `{}` within {RETURN_PATIENCE:?}", socket.display());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Removes a run of a private daemon's: its files have been fetched.
    pub(crate) async fn forget(&self, run_id: &str) -> Result<()> {
        if self.is_private() {
            let removed = self.client.delete(&format!("/v1/runs/{run_id}")).await;
            removed.context("failed to remove what the private daemon kept of the run")?;
        }
        Ok(())
    }
}

/// In place of a socket: no daemon is looked for.
const PRIVATE: &str = "private";
/// How long a shared daemon that died may take to listen again: a service manager starts it within seconds.
const RETURN_PATIENCE: Duration = Duration::from_secs(15);
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);
