//! Uploads a run's files to the artifact store: through the server itself, or on a disk that both share.

use super::tracking::{LogError, RunInfo, Tracking, refused};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fs::File;
use std::path::{Path, PathBuf};
use ureq::SendBody;

/// The artifact store of a run.
enum Store {
    /// An upload URL.
    Proxy(String),
    /// A local directory.
    Directory(PathBuf),
}

impl Tracking {
    /// Uploads a file of the run to a path below its artifacts, whose components are separated by `/`.
    ///
    /// # Errors
    /// When the server does not respond or returns an error, stores artifacts where this machine cannot, or the file cannot be
    /// read.
    pub fn upload(&self, run: &RunInfo, from: &Path, to: &str) -> Result<(), LogError> {
        let lost = |error| LogError::File(from.display().to_string(), error);
        match self.store(run)? {
            Store::Directory(directory) => {
                let name = to;
                let to = directory.join(name);
                let parent = to.parent().unwrap_or(&directory);
                std::fs::create_dir_all(parent).and_then(|()| std::fs::copy(from, &to)).map_err(lost)?;
                // The path may be one of another machine that also exists here.
                if self.sees(run, name)? { Ok(()) } else { Err(LogError::Store(run.artifact_uri.clone())) }
            }
            Store::Proxy(url) => {
                let file = File::open(from).map_err(lost)?;
                let to = to.split('/').map(|part| utf8_percent_encode(part, UNSAFE).to_string());
                let url = format!("{url}/{}", to.collect::<Vec<_>>().join("/"));
                let broken = |error| LogError::Http(self.base.clone(), error);
                let length = file.metadata().map_err(lost)?.len();
                let request = self.request("PUT", &url).header("content-length", length);
                let request = request.body(SendBody::from_owned_reader(file));
                let request = request.map_err(|error| broken(error.into()))?;
                let mut response = self.agent.run(request).map_err(broken)?;
                if response.status().is_success() {
                    return Ok(());
                }
                let status = response.status();
                let body =
                    response.body_mut().with_config().limit(MESSAGE_MAX).read_to_vec().unwrap_or_default();
                Err(refused("the upload of a file", status, &body))
            }
        }
    }

    /// Whether the server finds a file among the run's artifacts.
    fn sees(&self, run: &RunInfo, name: &str) -> Result<bool, LogError> {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = utf8_percent_encode(folder, NON_ALPHANUMERIC);
        let listed = self.get(&format!("artifacts/list?run_id={}&path={folder}", run.run_id))?;
        let mut files = listed["files"].as_array().into_iter().flatten();
        Ok(files.any(|file| file["path"] == name))
    }

    fn store(&self, run: &RunInfo) -> Result<Store, LogError> {
        let uri = run.artifact_uri.trim_end_matches('/');
        if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
            // Without a host it is this server; with one, this server under another name.
            let path = match rest.strip_prefix("//") {
                Some(named) => named.split_once('/').map_or("", |(_, path)| path),
                None => rest.trim_start_matches('/'),
            };
            return Ok(Store::Proxy(format!("{}{ARTIFACTS}/{path}", self.base)));
        }
        if uri.starts_with(&format!("{}{ARTIFACTS}/", self.base)) {
            return Ok(Store::Proxy(uri.to_owned()));
        }
        let path = uri.strip_prefix("file://").unwrap_or(uri);
        let is_a_runs = Path::new(path).ends_with(format!("{}/artifacts", run.run_id));
        // A directory given by the server is written to only if it is a run's, and on this machine.
        if path.starts_with('/') && is_a_runs && !path.split('/').any(|part| part == "..") {
            let directory = PathBuf::from(path);
            // RUN/artifacts is below the experiment, which is below a root that the server may not have created yet.
            let is_here = |path: &Path| path.parent().is_some() && path.is_dir();
            if directory.ancestors().skip(3).take(2).any(is_here) {
                return Ok(Store::Directory(directory));
            }
        }
        Err(LogError::Store(uri.to_owned()))
    }
}

const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// Characters that must be escaped in a path component.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Maximum size of an error response.
const MESSAGE_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::super::Credentials;
    use super::*;
    use std::time::Duration;

    fn store(uri: &str) -> String {
        let tracking =
            Tracking::new("http://a:5000", &Credentials::default(), Duration::from_secs(1)).unwrap();
        let run = RunInfo { run_id: "r".to_owned(), run_name: String::new(), artifact_uri: uri.to_owned() };
        match tracking.store(&run) {
            Ok(Store::Proxy(url)) => url,
            Ok(Store::Directory(path)) => path.display().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn files_go_to_the_servers_artifact_store() {
        let proxied = "http://a:5000/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts";
        assert_eq!(store("mlflow-artifacts:/0/r/artifacts"), proxied, "through the server");
        assert_eq!(store("mlflow-artifacts://b:5000/0/r/artifacts"), proxied, "by another name");
        assert_eq!(store(proxied), proxied, "by its address");
        let shared = tempfile::tempdir().unwrap();
        let directory = shared.path().join("files/0/r/artifacts").display().to_string();
        assert_eq!(store(&format!("file://{directory}")), directory, "on the same disk");
        assert_eq!(store(&directory), directory, "by its path");
    }

    #[test]
    fn other_places_are_refused() {
        for uri in [
            "s3://bucket/r/artifacts",
            "/etc",
            "/nowhere/0/r/artifacts",
            "/tmp/../0/r/artifacts",
            "http://b/x",
        ] {
            assert!(store(uri).contains("is not supported"), "{uri}: {}", store(uri));
        }
    }
}
