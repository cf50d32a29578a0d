//! A real MLflow server, which `cargo xtask setup` installs under `target/`.

use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Where the server stores artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In its own directory, through its API.
    Proxied,
    /// In a directory that clients write to.
    Shared,
    /// In its own directory, with runs in files instead of a database.
    Filed,
}

/// A running server, stopped on drop.
#[derive(Debug)]
pub struct Mlflow {
    process: Child,
    port: u16,
    directory: TempDir,
    /// Held while it starts: only one at a time, because each takes a gigabyte and more than a core.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Mlflow {
    /// Whether MLflow is not installed, which fails the test where all tests must run.
    #[must_use]
    pub fn is_missing() -> bool {
        program().is_none()
    }

    /// Starts one and waits until it responds.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start(kept: Kept) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let files = directory.path().join("files");
        let mut command = Command::new(program().expect("mlflow is installed"));
        command.args(["server", "--host", "127.0.0.1", "--workers", "1", "--port", &port.to_string()]);
        let runs = match kept {
            Kept::Filed => directory.path().join("mlruns").display().to_string(),
            Kept::Proxied | Kept::Shared => format!("sqlite:///{}/runs.db", directory.path().display()),
        };
        command.args(["--backend-store-uri", &runs]).env("MLFLOW_ALLOW_FILE_STORE", "true");
        match kept {
            Kept::Proxied | Kept::Filed => command.arg("--artifacts-destination").arg(&files),
            Kept::Shared => command.arg("--no-serve-artifacts").arg("--default-artifact-root").arg(&files),
        };
        command.current_dir(directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("mlflow starts");
        let mlflow = Self { process, port, directory, _turn: turn };
        for _ in 0..600 {
            if ureq::get(format!("{}/health", mlflow.url())).call().is_ok() {
                return mlflow;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("mlflow does not respond");
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The response of its API.
    ///
    /// # Panics
    /// When it returns an error.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let response = ureq::get(format!("{}/api/2.0/mlflow/{path}", self.url())).call();
        let text = response.expect("a response").body_mut().read_to_string().expect("text");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The output of its own command line, run against this server.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program().expect("mlflow is installed"));
        let output =
            command.args(arguments).env("MLFLOW_TRACKING_URI", self.url()).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// A run's files in its two directories, with their sizes.
    #[must_use]
    pub fn files(&self, run: &str) -> Vec<(String, u64)> {
        let mut files = Vec::new();
        for path in ["exports", "plots"] {
            let listed = self.get(&format!("artifacts/list?run_id={run}&path={path}"));
            for file in listed["files"].as_array().into_iter().flatten() {
                let name = file["path"].as_str().expect("a path").to_owned();
                let size = &file["file_size"];
                let size = size.as_u64().or_else(|| size.as_str().and_then(|size| size.parse().ok()));
                files.push((name, size.unwrap_or(0)));
            }
        }
        files
    }
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        // Its workers exit with it.
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.process.wait().ok();
        let _ = &self.directory;
    }
}

fn program() -> Option<PathBuf> {
    crate::programs::of_python("mlflow", "mlflow")
}
