//! A real MLflow server, which `cargo xtask setup` installs under `target/`.

use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Where the server keeps files of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Where it puts them itself.
    Proxied,
    /// In a directory that whoever logs a run writes to.
    Shared,
    /// Itself, and its runs in files too, not in a database.
    Filed,
}

/// The server, which is ended with this.
#[derive(Debug)]
pub struct Mlflow {
    process: Child,
    port: u16,
    directory: TempDir,
    /// One at a time: each takes a gigabyte and more than a core while it starts.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Mlflow {
    /// Whether there is none, which fails a test where all tests must run.
    #[must_use]
    pub fn is_missing() -> bool {
        program().is_none()
    }

    /// Starts one and waits until it answers.
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
        panic!("mlflow does not answer");
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What its API says.
    ///
    /// # Panics
    /// When it refuses.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let answer = ureq::get(format!("{}/api/2.0/mlflow/{path}", self.url())).call();
        let text = answer.expect("it answers").body_mut().read_to_string().expect("text");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What its own command line says, asked of this server.
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

    /// A run's files in the two directories that it has, with their sizes.
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
        // Its workers end with it.
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.process.wait().ok();
        let _ = &self.directory;
    }
}

fn program() -> Option<PathBuf> {
    crate::programs::of_python("mlflow", "mlflow")
}
