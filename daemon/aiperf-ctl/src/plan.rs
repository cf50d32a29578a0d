//! Arguments become a plan, once: checked, with every default filled in. Touches no file, socket or network.

use crate::args::{ExportLevelArg, FailOnArg, InputArgs, LoadArgs, ProfileArgs, TimestampsArg};
use common::plan::{
    Endpoint, ExportLevel, FailOn, Input, Length, Load, Output, Plan, Timestamps, Tokenizer, Wait, Workers,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;

/// A plan, and what belongs to a run but is not stored with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    /// The plan.
    pub(crate) plan: Plan,
    /// Values of the user's headers and keys.
    pub(crate) secret_headers: BTreeMap<String, String>,
    /// The file with prompts.
    pub(crate) input_file: Option<PathBuf>,
    /// The directory of the tokenizer; `None` for one that is no file.
    pub(crate) tokenizer_dir: Option<PathBuf>,
    /// Where results go.
    pub(crate) artifact_dir: PathBuf,
}

/// Why arguments make no plan: one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

type Checked<T> = Result<T, Refusal>;

/// Checks the arguments of `profile` and fills in the defaults.
///
/// # Errors
/// The first contradiction found.
pub(crate) fn plan(args: &ProfileArgs, command_line: &[String]) -> Checked<Profile> {
    let secret_headers = headers(&args.endpoint.headers, args.endpoint.api_key.as_deref())?;
    let load = load(&args.load)?;
    let endpoint = endpoint(args, &secret_headers)?;
    let (tokenizer, tokenizer_dir) = tokenizer(args);
    let artifact_dir = args.output.artifact_dir.clone().unwrap_or_else(|| default_dir(&endpoint, &load));
    let plan = Plan {
        input: input(&args.input)?,
        tokenizer,
        workers: Workers {
            cpus: args.timing.cpus.as_deref().map_or_else(|| Ok(Vec::new()), cpus)?,
            workers: args.timing.workers,
            wait: if args.timing.spin { Wait::Spin } else { Wait::Block },
        },
        timestamps: match args.timing.timestamps {
            TimestampsArg::Auto => Timestamps::Auto,
            TimestampsArg::Ebpf => Timestamps::Ebpf,
            TimestampsArg::SoTimestamping => Timestamps::SoTimestamping,
            TimestampsArg::User => Timestamps::User,
        },
        output: output(args, &artifact_dir),
        random_seed: args.input.random_seed.unwrap_or_else(drawn_seed),
        command_line: redacted(command_line),
        endpoint,
        load,
    };
    Ok(Profile {
        plan,
        secret_headers,
        input_file: args.input.input_file.clone(),
        tokenizer_dir,
        artifact_dir,
    })
}

fn endpoint(args: &ProfileArgs, secret_headers: &BTreeMap<String, String>) -> Checked<Endpoint> {
    // Without a tokenizer the server's counts are all there is.
    let server_counts = args.input.tokenizer.as_deref() == Some("none");
    let args = &args.endpoint;
    let kind = &args.endpoint_type;
    let Some(known) = endpoint::by_name(kind) else {
        let names = endpoint::ENDPOINTS.iter().map(|endpoint| endpoint.metadata().name).collect::<Vec<_>>();
        return refuse(format!("--endpoint-type `{kind}` is not offered; there are: {}", names.join(", ")));
    };
    let mut urls = Vec::new();
    for url in &args.urls {
        let url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
        let target = endpoint::target(&url, args.path.as_deref(), known.metadata().path)
            .map_err(|error| Refusal(format!("--url: {error}")))?;
        if target.scheme == endpoint::Scheme::Https {
            return refuse(format!(
                "--url {url}: https is not offered yet; measure behind the TLS proxy with http"
            ));
        }
        urls.push(url);
    }
    let streaming = args.streaming && known.metadata().supports_streaming;
    Ok(Endpoint {
        kind: kind.clone(),
        urls,
        path: args.path.clone(),
        models: args.models.clone(),
        streaming,
        request_timeout_seconds: args.request_timeout_seconds,
        use_legacy_max_tokens: args.use_legacy_max_tokens,
        use_server_token_count: args.use_server_token_count || server_counts,
        header_names: secret_headers.keys().cloned().collect(),
        extra_inputs: extra_inputs(&args.extra_inputs)?,
    })
}

fn load(args: &LoadArgs) -> Checked<Load> {
    let shape = match (args.request_rate, args.arrival_pattern.as_deref()) {
        (None, None) => "concurrency",
        (None, Some(_)) => return refuse("--arrival-pattern needs --request-rate"),
        (Some(_), None | Some("poisson")) => "poisson",
        (Some(_), Some("constant")) => "constant",
        (Some(_), Some(other)) => {
            return refuse(format!(
                "--arrival-pattern `{other}` is not offered; there are: constant, poisson"
            ));
        }
    };
    if args.benchmark_grace_period.is_some() && args.benchmark_duration.is_none() {
        return refuse("--benchmark-grace-period needs --benchmark-duration");
    }
    let concurrency = match (args.request_rate, args.concurrency) {
        (None, None) => Some(1),
        (_, given) => given,
    };
    let request_count = match (args.request_count, args.benchmark_duration) {
        (None, None) => Some(10.max(2 * u64::from(concurrency.unwrap_or(1)))),
        (given, _) => given,
    };
    Ok(Load {
        shape: shape.to_owned(),
        request_rate: args.request_rate,
        concurrency,
        request_count,
        benchmark_duration_seconds: args.benchmark_duration,
        grace_period_seconds: args.benchmark_grace_period.unwrap_or(30.0),
    })
}

fn input(args: &InputArgs) -> Checked<Input> {
    if args.output_tokens_stddev.is_some() && args.output_tokens_mean.is_none() {
        return refuse("--output-tokens-stddev needs --output-tokens-mean");
    }
    let output_tokens =
        args.output_tokens_mean.map(|mean| Length { mean, stddev: args.output_tokens_stddev.unwrap_or(0.0) });
    let Some(file) = &args.input_file else {
        if let Some(kind) = &args.custom_dataset_type {
            return refuse(format!("--custom-dataset-type {kind} needs --input-file"));
        }
        return Ok(Input::Synthetic {
            entries: args.num_dataset_entries.unwrap_or(100),
            input_tokens: Length {
                mean: args.synthetic_input_tokens_mean.unwrap_or(550.0),
                stddev: args.synthetic_input_tokens_stddev.unwrap_or(0.0),
            },
            output_tokens,
        });
    };
    let made_up = [
        ("--synthetic-input-tokens-mean", args.synthetic_input_tokens_mean.is_some()),
        ("--synthetic-input-tokens-stddev", args.synthetic_input_tokens_stddev.is_some()),
        ("--num-dataset-entries", args.num_dataset_entries.is_some()),
    ];
    if let Some((flag, _)) = made_up.iter().find(|(_, given)| *given) {
        return refuse(format!(
            "{flag} is for made-up prompts and contradicts --input-file: leave one of them out"
        ));
    }
    let format = args.custom_dataset_type.as_deref().unwrap_or("single_turn");
    if format != "single_turn" {
        return refuse(format!("--custom-dataset-type `{format}` is not offered; there is: single_turn"));
    }
    Ok(Input::File { format: format.to_owned(), name: file.display().to_string(), output_tokens })
}

/// Which tokenizer, and its directory if it has one.
fn tokenizer(args: &ProfileArgs) -> (Tokenizer, Option<PathBuf>) {
    match args.input.tokenizer.as_deref() {
        Some("none") => (Tokenizer::None, None),
        Some("builtin") | None => (Tokenizer::Builtin, None),
        Some(directory) => (Tokenizer::File { name: directory.to_owned() }, Some(PathBuf::from(directory))),
    }
}

fn output(args: &ProfileArgs, artifact_dir: &std::path::Path) -> Output {
    Output {
        artifact_dir: artifact_dir.display().to_string(),
        export_prefix: args.output.profile_export_prefix.clone(),
        export_level: match args.output.export_level {
            ExportLevelArg::Summary => ExportLevel::Summary,
            ExportLevelArg::Records => ExportLevel::Records,
            ExportLevelArg::Raw => ExportLevel::Raw,
        },
        fail_on: match args.timing.fail_on {
            FailOnArg::Degraded => FailOn::Degraded,
            FailOnArg::Invalid => FailOn::Invalid,
            FailOnArg::Never => FailOn::Never,
        },
        other: BTreeMap::new(),
    }
}

/// AIPerf's layout: `artifacts/<model>-<service>-<endpoint>-<load>`.
fn default_dir(endpoint: &Endpoint, load: &Load) -> PathBuf {
    let model = endpoint.models.first().map_or("model", String::as_str).replace(['/', ':'], "_");
    let stimulus = match (load.request_rate, load.concurrency) {
        (Some(rate), Some(concurrency)) => format!("concurrency{concurrency}-request_rate{rate}"),
        (Some(rate), None) => format!("request_rate{rate}"),
        (None, concurrency) => format!("concurrency{}", concurrency.unwrap_or(1)),
    };
    PathBuf::from("artifacts").join(format!("{model}-openai-{}-{stimulus}", endpoint.kind))
}

/// `Name:Value` pairs and the key, by name.
fn headers(given: &[String], api_key: Option<&str>) -> Checked<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    for header in given {
        let Some((name, value)) = header.split_once(':') else {
            return refuse("--header is not of the form Name:Value");
        };
        let (name, value) = (name.trim(), value.trim());
        let is_token = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_token || value.bytes().any(|byte| byte.is_ascii_control()) {
            return refuse(format!("--header `{name}` has a name or a value that HTTP does not allow"));
        }
        headers.insert(name.to_owned(), value.to_owned());
    }
    if let Some(key) = api_key {
        if key.bytes().any(|byte| byte.is_ascii_control()) {
            return refuse("--api-key holds control characters");
        }
        headers.insert("Authorization".to_owned(), format!("Bearer {key}"));
    }
    Ok(headers)
}

/// `key:value` pairs (the value JSON if it parses, else text) or JSON objects, merged in order.
fn extra_inputs(given: &[String]) -> Checked<Map<String, Value>> {
    let mut merged = Map::new();
    for extra in given {
        if extra.trim_start().starts_with('{') {
            match serde_json::from_str(extra) {
                Ok(Value::Object(object)) => merged.extend(object),
                Ok(_) => return refuse("--extra-inputs is JSON but no object"),
                Err(error) => return refuse(format!("--extra-inputs is not valid JSON: {error}")),
            }
            continue;
        }
        let Some((key, value)) = extra.split_once(':') else {
            return refuse(format!("--extra-inputs `{extra}` is neither key:value nor a JSON object"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        merged.insert(key.to_owned(), value);
    }
    Ok(merged)
}

/// `2,4-5` as numbers, each once.
fn cpus(list: &str) -> Checked<Vec<u32>> {
    let malformed = || Refusal(format!("--cpus `{list}` is not a list of cores such as 2,4-5"));
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (
            first.trim().parse().map_err(|_unparsed| malformed())?,
            last.trim().parse().map_err(|_unparsed| malformed())?,
        );
        if last < first || last > 4095 {
            return Err(malformed());
        }
        for cpu in first..=last {
            if cpus.contains(&cpu) {
                return refuse(format!("--cpus names core {cpu} twice"));
            }
            cpus.push(cpu);
        }
    }
    Ok(cpus)
}

/// The command line without the values of flags that hold secrets.
fn redacted(command_line: &[String]) -> String {
    let mut redacted = Vec::new();
    let mut hide_next = false;
    for argument in command_line {
        if std::mem::take(&mut hide_next) {
            redacted.push("<redacted>".to_owned());
            continue;
        }
        match argument.split_once('=') {
            Some((flag, _)) if SECRET_FLAGS.contains(&flag) => redacted.push(format!("{flag}=<redacted>")),
            _ if argument.starts_with("-H") && argument.len() > 2 => redacted.push("-H<redacted>".to_owned()),
            _ => {
                hide_next = SECRET_FLAGS.contains(&argument.as_str());
                redacted.push(if argument.contains(' ') {
                    format!("'{argument}'")
                } else {
                    argument.clone()
                });
            }
        }
    }
    redacted.join(" ")
}

/// A seed that differs from run to run: the standard library seeds its hashers from the kernel's generator.
fn drawn_seed() -> u64 {
    // 53 bits survive in every JSON reader.
    std::collections::hash_map::RandomState::new().build_hasher().finish() >> 11
}

fn refuse<T>(why: impl Into<String>) -> Checked<T> {
    Err(Refusal(why.into()))
}

const SECRET_FLAGS: &[&str] = &["--api-key", "--header", "-H"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser;

    fn parsed(line: &str) -> Result<Profile, String> {
        let words = line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let args = Args::try_parse_from(&words).map_err(|error| error.to_string())?;
        let Command::Profile(profile) = args.command else { panic!("profile") };
        plan(&profile, &words).map_err(|refusal| refusal.0)
    }

    fn check(flags: &str, expected: &str) {
        let refused = parsed(&format!("aiperf-ctl profile --model m {flags}")).expect_err(flags);
        assert!(refused.contains(expected), "{flags}: {refused}");
    }

    #[test]
    fn defaults_are_visible() {
        let profile = parsed("aiperf-ctl profile --model m --concurrency 8 --random-seed 1").unwrap();
        let json = serde_json::to_value(&profile.plan).unwrap();
        assert_eq!(json["load"]["request_count"], 16, "twice the concurrency");
        assert_eq!(json["load"]["shape"], "concurrency", "a closed loop");
        assert_eq!(json["endpoint"]["urls"][0], "http://localhost:8000", "where servers listen");
        assert_eq!(json["input"]["input_tokens"]["mean"], 550.0, "AIPerf's default");
        assert_eq!(
            profile.artifact_dir,
            PathBuf::from("artifacts/m-openai-chat-concurrency8"),
            "AIPerf's layout"
        );
    }

    #[test]
    fn contradictions_are_refused() {
        check("--arrival-pattern constant", "--arrival-pattern needs --request-rate");
        check("--benchmark-grace-period 3", "--benchmark-grace-period needs --benchmark-duration");
        check("--input-file x --isl 5", "contradicts --input-file");
        check("--custom-dataset-type single_turn", "needs --input-file");
        check("--endpoint-type smoke", "there are: chat, completions");
        check("--cpus 3-1", "not a list of cores");
        check("--cpus 1,1", "twice");
        check("--header Authorization", "Name:Value");
        check("--extra-inputs {", "not valid JSON");
        check("--url ftp://x", "neither http nor https");
        check("--request-rate 0", "must be greater than 0");
        check("--concurrency 0", "0 is not in 1..=65536");
        check("--no-such-flag", "unexpected argument");
    }

    #[test]
    fn secrets_stay_out_of_the_plan() {
        let line = "aiperf-ctl profile --model m --api-key hush --header X-Key:hush2 -H Y:hush3 -HZ:hush4";
        let profile = parsed(line).unwrap();
        let stored = serde_json::to_string(&profile.plan).unwrap();
        assert!(!stored.contains("hush"), "no secret in {stored}");
        assert_eq!(profile.secret_headers["Authorization"], "Bearer hush", "but it is sent");
        assert_eq!(
            profile.plan.endpoint.header_names,
            ["Authorization", "X-Key", "Y", "Z"],
            "names are stored"
        );
    }
}
