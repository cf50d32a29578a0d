//! Manages the runs that a daemon stores, and those left by private daemons.

use crate::args::{ConsoleArg, RunsArgs, RunsCommand};
use crate::client::Client;
use crate::daemon::Daemon;
use crate::private;
use crate::report::Reported;
use crate::terminal::print_result;
use anyhow::{Context, Result, bail};
use control::{File, Status};
use std::fmt::Write;
use std::path::Path;
use store::{Folder, visible_within};

/// Runs `runs`.
pub(crate) fn run(args: &RunsArgs) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &args.command {
            RunsCommand::List => list(&args.socket).await?,
            RunsCommand::Show { run_id } => {
                let path = path(run_id)?;
                let daemon = Daemon::of_run(&args.socket, run_id).await?;
                shown(&daemon.client.get(&path).await?)?;
            }
            RunsCommand::Fetch { run_id, artifact_dir } => {
                path(run_id)?;
                let to = Folder::make(artifact_dir)?;
                let daemon = Daemon::of_run(&args.socket, run_id).await?;
                fetch(&daemon.client, run_id, &to).await?;
                report(artifact_dir)?;
            }
            RunsCommand::Recover { run_id } => {
                let path = path(run_id)?;
                let daemon = Daemon::of_run(&args.socket, run_id).await?;
                shown(&daemon.client.post(&format!("{path}/recover"), &()).await?)?;
            }
            RunsCommand::Rm { run_id } => {
                let path = path(run_id)?;
                let daemon = Daemon::of_run(&args.socket, run_id).await?;
                daemon.client.delete(&path).await?;
            }
        }
        Ok(0)
    })
}

/// Fetches every file of a run into a directory.
pub(crate) async fn fetch(client: &Client, run_id: &str, to: &Folder) -> Result<()> {
    let path = path(run_id)?;
    let files: Vec<File> = client.get(&format!("{path}/files")).await?;
    for File { name, .. } in files {
        // The daemon may be of another version, and a path as a name would write elsewhere.
        store::check_name(&name).context("the daemon lists a file that cannot be fetched")?;
        client.fetch(&format!("{path}/files/{name}"), to, &name).await?;
    }
    Ok(())
}

fn report(directory: &Path) -> Result<()> {
    let reported = Reported::compute(directory)?;
    reported.write(directory)?;
    reported.print(ConsoleArg::Summary)
}

fn shown(status: &Status) -> Result<()> {
    print_result(&format!("{}\n", serde_json::to_string_pretty(status)?));
    Ok(())
}

/// The shared daemon's runs, and those left by private ones.
async fn list(socket: &Path) -> Result<()> {
    let shared = Daemon::shared(socket).await?;
    let kept = private::kept();
    let mut runs: Vec<Status> = match shared {
        Some(daemon) => daemon.client.get("/v1/runs").await?,
        // Without either there is nothing to list, and the error has the reason.
        None if kept.is_empty() => Client::at(socket).get("/v1/runs").await?,
        None => Vec::new(),
    };
    runs.extend(kept.into_iter().map(|kept| kept.status));
    print_result(&table(&runs)?);
    Ok(())
}

fn table(runs: &[Status]) -> Result<String> {
    let mut table = format!("{:<14} {:<12} {:<10} {:<24} {}\n", "RUN", "STATE", "VERDICT", "MODEL", "TARGET");
    for run in runs {
        let state = serde_json::to_value(run.state)?;
        let standing = run.standing.map_or("-", record::Standing::name);
        let state = state.as_str().unwrap_or("?");
        let [run_id, model, target] = [(&run.run_id, 32), (&run.model, 64), (&run.target, 128)]
            .map(|(text, most)| visible_within(text, most));
        writeln!(table, "{run_id:<14} {state:<12} {standing:<10} {model:<24} {target}")?;
    }
    Ok(table)
}

fn path(run_id: &str) -> Result<String> {
    if run_id.is_empty() || !run_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!(
            "`{run_id}` is not a run id: ids are 12 hexadecimal digits, as `aiperf-ctl runs list` shows them"
        );
    }
    Ok(format!("/v1/runs/{run_id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::State;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn file_names_with_paths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                let is_list = String::from_utf8_lossy(&request[..read]).contains("/files HTTP");
                let body = if is_list { r#"[{"name":"../escape","bytes":2}]"# } else { "{}" };
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        });
        let inner = Folder::make(&folder.path().join("inner")).unwrap();
        let refused = fetch(&Client::at(&socket), "0123456789ab", &inner).await.unwrap_err();
        assert!(format!("{refused:#}").contains("`../escape` is not a valid file name"), "{refused:#}");
        assert!(!folder.path().join("escape").exists(), "nothing outside");
        serving.abort();
    }

    #[test]
    fn control_characters_in_names_are_escaped() {
        let status = Status {
            run_id: "0123456789ab".to_owned(),
            state: State::Finished,
            created_ns: common::clock::MonoNs(0),
            created_unix_seconds: 0,
            target: format!("http://h/{}", "x".repeat(1000)),
            model: "m\u{1b}]0;owned\u{7}\n\u{202e}evil".to_owned(),
            standing: None,
            problem: None,
            owner: 0,
        };
        let table = table(&[status]).unwrap();
        assert_eq!(table.lines().count(), 2, "one line a run: {table}");
        assert!(
            !table.chars().any(|one| one.is_control() && one != '\n') && !table.contains('\u{202e}'),
            "{table:?}"
        );
        assert!(table.contains("\\u001b]0;owned") && table.contains('…') && table.len() < 400, "{table}");
    }
}
