//! `cargo xtask audit-clients`: what other people's clients say of a server whose times are known, beside what the kernel saw.
//! Makes the table of docs/CLIENTS.md. Takes root, Python and the network.
//!
//! ```text
//! mock-server (first token after 20 ms, then one every 5 ms)  ◀── client ── audited by aiperf-ctl ──▶ client_and_kernel.json
//! ```

use crate::clients::{AIPERF, GUIDELLM, OPENAI, environment};
use crate::mock_server::MockServer;
use crate::project::{Profile, Project};
use crate::say::say;
use crate::{build, process};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `audit-clients`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Streams at a time.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    streams: Vec<u32>,
    /// Requests of each stream, but at least 64 in all.
    #[arg(long, default_value_t = 8)]
    requests_per_stream: u32,
    /// Only these clients: aiperf, openai, guidellm, vllm. GuideLLM is large; vLLM is taken from `--vllm` alone.
    #[arg(long, value_delimiter = ',', default_values_t = ["aiperf", "openai"].map(str::to_owned))]
    clients: Vec<String>,
    /// A program `vllm` that is installed already.
    #[arg(long)]
    vllm: Option<PathBuf>,
    /// A directory with a Hugging Face tokenizer that clients can read without the network.
    #[arg(long, default_value = "tests/golden/tokenizer")]
    tokenizer: PathBuf,
    /// Put the table into docs/CLIENTS.md.
    #[arg(long)]
    write: bool,
    /// Take the release programs that are there instead of building them.
    #[arg(long)]
    no_build: bool,
}

/// A client: its name, what has to be installed, and how it is run.
struct Client {
    name: &'static str,
    title: &'static str,
    package: Option<&'static str>,
    /// The name of its result: a directory, or a file of JSON.
    result: &'static str,
    command: fn(&Load<'_>) -> Vec<String>,
}

/// What a client is to do.
struct Load<'a> {
    url: &'a str,
    streams: u32,
    requests: u32,
    tokenizer: &'a str,
    /// The folder of programs, or the program itself.
    programs: &'a Path,
    script: &'a Path,
    /// Where it leaves its result.
    result: &'a Path,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "aiperf",
        title: "AIPerf 0.13.0",
        package: Some(AIPERF),
        result: "result",
        command: aiperf,
    },
    Client {
        name: "openai",
        title: "a script with the `openai` package",
        package: Some(OPENAI),
        result: "result.json",
        command: openai,
    },
    Client {
        name: "guidellm",
        title: "GuideLLM 0.8.1",
        package: Some(GUIDELLM),
        result: "result.json",
        command: guidellm,
    },
    Client { name: "vllm", title: "vllm bench serve", package: None, result: "result.json", command: vllm },
];

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let clients = args.clients.iter().map(|name| known(name)).collect::<Result<Vec<_>>>()?;
    if !args.no_build {
        build::build(project, Profile::Release)?;
    }
    let packages = clients.iter().filter_map(|client| client.package).collect::<Vec<_>>();
    let venv = environment(project, &packages)?;
    let mut table = vec![HEAD.to_owned(), RULE.to_owned()];
    for client in clients {
        let programs = match (client.package, &args.vllm) {
            (Some(_), _) => venv.join("bin"),
            (None, Some(vllm)) => vllm.clone(),
            (None, None) => bail!("--clients vllm needs --vllm PATH"),
        };
        for streams in &args.streams {
            say(&format!("auditing {} at {streams} streams", client.title));
            table.push(audit(project, args, client, *streams, &programs)?);
        }
    }
    let table = table.join("\n");
    say(&format!("\n{table}\n"));
    if args.write { write(project, &table) } else { Ok(()) }
}

fn known(name: &str) -> Result<&'static Client> {
    let names = || CLIENTS.iter().map(|client| client.name).collect::<Vec<_>>().join(", ");
    let found = CLIENTS.iter().find(|client| client.name == name);
    found.with_context(|| format!("there is no client `{name}`; there are: {}", names()))
}

/// A line of the table.
fn audit(project: &Project, args: &Args, client: &Client, streams: u32, programs: &Path) -> Result<String> {
    let folder = project.target.join("audit-clients").join(format!("{}-{streams}", client.name));
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    let server = MockServer::start(&project.program(Profile::Release, "mock-server"), SERVER)?;
    let url = format!("http://{}", server.address());
    let tokenizer = args.tokenizer.canonicalize().context("failed to find the tokenizer's directory")?;
    let result = folder.join(client.result);
    let load = Load {
        url: &url,
        streams,
        requests: (streams * args.requests_per_stream).max(REQUESTS_MIN),
        tokenizer: &tokenizer.to_string_lossy(),
        programs,
        script: &project.root.join("xtask/clients/openai_client.py"),
        result: &result,
    };
    let artifacts = folder.join("audit");
    let mut command = Command::new(project.program(Profile::Release, "aiperf-ctl"));
    command.args(["audit", "--quiet", "--artifact-dir"]).arg(&artifacts).arg("--client-result");
    command.arg(&result).arg("--socket").arg("private").arg("--").args((client.command)(&load));
    process::run(command.current_dir(&folder))?;
    let read = |name: &str| -> Result<Value> {
        let path = artifacts.join(name);
        let text = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("`{}` is no JSON", path.display()))
    };
    Ok(line(client, streams, &read("client_and_kernel.json")?, &read("run.json")?))
}

fn line(client: &Client, streams: u32, beside: &Value, run: &Value) -> String {
    let both = |tags: &[&str], stat: &str| {
        let found =
            tags.iter().map(|tag| &beside["metrics"][format!("{tag}.{stat}")]).find(|one| one.is_object());
        let number = |who: &str| {
            let value = found.and_then(|found| found[who].as_f64());
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
        };
        format!("{} / {}", number("client"), number("kernel"))
    };
    let first = ["time_to_first_token", "time_to_first_chunk"];
    let gap = ["inter_chunk_latency", "inter_token_latency"];
    let drops = run["loss"]["kernel"].as_object().into_iter().flatten();
    let drops = drops.filter_map(|(_, count)| count.as_u64()).sum::<u64>();
    let late = beside["events"]["late_ms"]["p99"].as_f64();
    let late = late.map_or_else(|| "–".to_owned(), |late| format!("{late:.1}"));
    format!(
        "| {} | {streams} | {} | {} | {} | {late} | {} | {drops} |",
        client.title,
        both(&first, "p50"),
        both(&first, "p99"),
        both(&gap, "p99"),
        beside["requests_of_kernel_figures"],
    )
}

fn aiperf(load: &Load<'_>) -> Vec<String> {
    let program = load.programs.join("aiperf").to_string_lossy().into_owned();
    let (streams, requests) = (load.streams.to_string(), load.requests.to_string());
    let result = load.result.to_string_lossy();
    let words = [
        &program,
        "profile",
        "--model",
        "mock-model",
        "--url",
        load.url,
        "--endpoint-type",
        "chat",
        "--streaming",
        "--ui",
        "none",
        "--tokenizer",
        load.tokenizer,
        "--isl",
        "128",
        "--export-level",
        "raw",
        "--concurrency",
        &streams,
        "--request-count",
        &requests,
        "--artifact-dir",
        &result,
    ];
    words.map(str::to_owned).to_vec()
}

fn openai(load: &Load<'_>) -> Vec<String> {
    let python = load.programs.join("python");
    let url = format!("{}/v1", load.url);
    let (streams, requests) = (load.streams.to_string(), load.requests.to_string());
    let words = [
        python.to_string_lossy(),
        load.script.to_string_lossy(),
        url.into(),
        streams.into(),
        requests.into(),
        load.result.to_string_lossy(),
    ];
    words.map(|word| word.into_owned()).to_vec()
}

fn guidellm(load: &Load<'_>) -> Vec<String> {
    let Load { url, streams, requests, tokenizer, result, .. } = load;
    let words = [
        load.programs.join("guidellm").to_string_lossy().into_owned(),
        "run".to_owned(),
        "--backend".to_owned(),
        format!("kind=openai_http,target={url},model=mock-model"),
        "--profile".to_owned(),
        format!("kind=concurrent,streams={streams}"),
        "--constraint".to_owned(),
        format!("kind=max_requests,count={requests}"),
        "--tokenizer".to_owned(),
        format!("kind=hf_auto,model={tokenizer}"),
        "--data".to_owned(),
        "kind=synthetic_text,prompt_tokens=128,output_tokens=100".to_owned(),
        "--output".to_owned(),
        format!("kind=json,path={}", result.display()),
        "--disable-console".to_owned(),
    ];
    words.to_vec()
}

fn vllm(load: &Load<'_>) -> Vec<String> {
    let program = load.programs.to_string_lossy().into_owned();
    let (streams, requests) = (load.streams.to_string(), load.requests.to_string());
    let directory = load.result.parent().unwrap_or(load.result).to_string_lossy();
    let words = [
        &program,
        "bench",
        "serve",
        "--backend",
        "openai-chat",
        "--base-url",
        load.url,
        "--endpoint",
        "/v1/chat/completions",
        "--model",
        "mock-model",
        "--tokenizer",
        load.tokenizer,
        "--dataset-name",
        "random",
        "--random-input-len",
        "128",
        "--random-output-len",
        "100",
        "--max-concurrency",
        &streams,
        "--num-prompts",
        &requests,
        "--save-result",
        "--result-dir",
        &directory,
        "--result-filename",
        "result",
    ];
    words.map(str::to_owned).to_vec()
}

/// Puts the table between its marks.
fn write(project: &Project, table: &str) -> Result<()> {
    let path = project.root.join("docs/CLIENTS.md");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let (before, rest) = text.split_once(BEGIN).context("docs/CLIENTS.md has no mark for the table")?;
    let (_, after) = rest.split_once(END).context("docs/CLIENTS.md has no mark for the table's end")?;
    let text = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))
}

/// Fewer have no percentiles worth a word.
const REQUESTS_MIN: u32 = 64;
const BEGIN: &str = "<!-- audited -->";
const END: &str = "<!-- /audited -->";
const HEAD: &str = "| client | streams | TTFT p50, reported / kernel | TTFT p99, reported / kernel | gap p99, reported / kernel | \
                    events noticed late, p99 | requests | drops |";
const RULE: &str = "| --- | --- | --- | --- | --- | --- | --- | --- |";
/// What the truth is.
const SERVER: &[&str] = &["--ttft-ms", "20", "--gap-ms", "5", "--tokens", "100", "--ignore-max-tokens"];
