//! The runs that a daemon keeps.

use crate::args::{RunsArgs, RunsCommand};
use crate::client::Client;
use crate::report::Reported;
use crate::say::say;
use anyhow::{Context, Result, bail};
use control::{File, Status};
use std::fmt::Write;
use std::path::Path;

/// Does what `runs` asks for.
pub(crate) fn run(args: &RunsArgs) -> Result<u8> {
    let client = Client::new(&args.socket);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &args.command {
            RunsCommand::List => list(&client).await?,
            RunsCommand::Show { run_id } => {
                let status: Status = client.get(&path(run_id)?).await?;
                say(&format!("{}\n", serde_json::to_string_pretty(&status)?));
            }
            RunsCommand::Fetch { run_id, artifact_dir } => {
                let created = std::fs::create_dir_all(artifact_dir);
                created.with_context(|| format!("failed to create `{}`", artifact_dir.display()))?;
                fetch(&client, run_id, artifact_dir).await?;
                let reported = Reported::compute(artifact_dir)?;
                reported.write(artifact_dir)?;
                reported.print()?;
            }
            RunsCommand::Recover { run_id } => {
                let status: Status = client.post(&format!("{}/recover", path(run_id)?), &()).await?;
                say(&format!("{}\n", serde_json::to_string_pretty(&status)?));
            }
            RunsCommand::Rm { run_id } => client.delete(&path(run_id)?).await?,
        }
        Ok(0)
    })
}

/// Fetches every file of a run into a directory.
pub(crate) async fn fetch(client: &Client, run_id: &str, to: &Path) -> Result<()> {
    let files: Vec<File> = client.get(&format!("{}/files", path(run_id)?)).await?;
    for file in files {
        client.fetch(&format!("{}/files/{}", path(run_id)?, file.name), &to.join(&file.name)).await?;
    }
    Ok(())
}

async fn list(client: &Client) -> Result<()> {
    let runs: Vec<Status> = client.get("/v1/runs").await?;
    let mut table = format!("{:<14} {:<12} {:<10} {:<24} {}\n", "RUN", "STATE", "VERDICT", "MODEL", "TARGET");
    for run in runs {
        let state = serde_json::to_value(run.state)?;
        let standing = run.standing.map_or("-", record::Standing::name);
        let state = state.as_str().unwrap_or("?");
        writeln!(table, "{:<14} {state:<12} {standing:<10} {:<24} {}", run.run_id, run.model, run.target)?;
    }
    say(&table);
    Ok(())
}

fn path(run_id: &str) -> Result<String> {
    if run_id.is_empty() || !run_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("`{run_id}` is no run id: ids are 12 hexadecimal digits, as `aiperf-ctl runs list` shows them");
    }
    Ok(format!("/v1/runs/{run_id}"))
}
