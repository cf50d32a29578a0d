//! Converts arguments to a plan: checked once, with every default filled in. Uses no socket or network, and reads no file other
//! than the system prompt's.

pub(crate) mod adaptive;
pub(crate) mod distribution;
mod effect;
mod endpoint;
pub(crate) mod fault;
mod gpu;
mod input;
mod load;
mod observers;
pub(crate) mod output;
mod pairs;
pub(crate) mod phases;
mod plugins;
mod secret;
#[cfg(test)]
pub(crate) mod testing;
mod timing;

pub(crate) use secret::redacted;

use crate::args::ProfileArgs;
use crate::config::user_files::{About, UserFiles};
pub(crate) use load::PRIMING;
use load::SeriesFile;
use spec::{Observers, Plan, Preparation};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use zeroize::Zeroize;

/// A plan, and the parts of a run that are not stored with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    /// The plan.
    pub(crate) plan: Plan,
    /// Values of the user's headers and keys.
    pub(crate) secret_headers: BTreeMap<String, String>,
    /// Where requests are sent: the plan's URLs, including keys.
    pub(crate) urls: Vec<String>,
    /// The plan's observers, including the keys of their URLs.
    pub(crate) observers: Observers,
    /// The plan's preparation, including the keys of its URLs.
    pub(crate) preparation: Preparation,
    /// Files that are written into the directory before the run.
    pub(crate) user_files: Option<UserFiles>,
    /// The directory of the tokenizer; `None` for one that is not a directory.
    pub(crate) tokenizer_dir: Option<PathBuf>,
    /// The file with certificate authorities.
    pub(crate) authorities: Option<PathBuf>,
    /// Directory for the results.
    pub(crate) artifact_dir: PathBuf,
}

/// Secrets are erased from memory.
impl Drop for Profile {
    fn drop(&mut self) {
        self.secret_headers.values_mut().chain(&mut self.urls).for_each(Zeroize::zeroize);
    }
}

/// Why arguments are invalid: one sentence that states what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

type Planned<T> = Result<T, Refusal>;

/// A run whose every setting has been checked, without touching anything: what is left is to read the files that it names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked {
    /// The run, as far as it is known without its files.
    pub(crate) profile: Profile,
    /// Files from which the rates of phases are read.
    pub(crate) series: Vec<SeriesFile>,
    /// Warnings for the user before the run: flags without effect.
    pub(crate) warnings: Vec<String>,
}

/// Checks the arguments of `profile` and fills in the defaults.
///
/// # Errors
/// The first contradiction found.
pub(crate) fn plan(args: &ProfileArgs, command_line: &[String]) -> Planned<Checked> {
    planned(args, command_line).map_err(|refusal| Refusal(args.in_their_words(&refusal.0)))
}

fn planned(args: &ProfileArgs, command_line: &[String]) -> Planned<Checked> {
    let mut warnings = effect::check(args)?;
    let secret_headers = endpoint::headers(&args.endpoint)?;
    let (load, series) = load::load(args)?;
    let (endpoint, urls) = endpoint::endpoint(args, &secret_headers)?;
    let (tokenizer, tokenizer_dir) = input::tokenizer(args);
    let artifact_dir =
        args.output.artifact_dir.clone().unwrap_or_else(|| output::default_dir(&endpoint, &load));
    let observers = observers::observers(&args.telemetry, &args.endpoint, &endpoint)?;
    let observers = Observers { plugins: plugins::plugins(args)?, ..observers };
    let preparation = observers::preparation(&args.endpoint);
    warnings.extend(gpu::warnings(&args.telemetry, &endpoint.urls));
    let plan = Plan {
        input: input::input(args)?,
        tokenizer,
        workers: timing::workers(&args.timing, &load, cores(), &mut warnings)?,
        timestamps: timing::timestamps(&args.timing),
        output: output::output(args, &artifact_dir)?,
        random_seed: args.input.random_seed.unwrap_or_else(drawn_seed),
        command_line: redacted(command_line),
        watch: None,
        gpu: gpu::gpu(&args.telemetry, &endpoint.urls)?,
        given: adaptive::stored(args, &load),
        observers: observers.shown(),
        preparation: preparation.shown(),
        endpoint,
        load,
    };
    // What a file of rates completes is checked again once it is read.
    let checked = if series.is_empty() { plan.check() } else { plan.load.check() };
    checked.map_err(|fault| fault::refusal(args, &plan.load.phases, &fault))?;
    adaptive::check_limits(&plan)?;
    let profile = Profile {
        plan,
        secret_headers,
        urls,
        observers,
        preparation,
        user_files: user_files(args)?,
        tokenizer_dir,
        authorities: args.endpoint.ca_certificate.clone().filter(|_| !args.endpoint.insecure),
        artifact_dir,
    };
    Ok(Checked { profile, series, warnings })
}

fn user_files(args: &ProfileArgs) -> Planned<Option<UserFiles>> {
    let Some(json) = &args.input.user_files else { return Ok(None) };
    let about = About { epoch: 0, model: "", url: "", directory: "" };
    let files = UserFiles::of(json).and_then(|files| files.rendered(&about).map(|_| ()).map(|()| files));
    files.map(Some).map_err(|why| Refusal(format!("--user-files: {why}")))
}

/// The number of cores that this process may use, which are those of the daemon's host.
fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// A seed that differs from run to run: the standard library seeds its hashers from the kernel's random generator.
fn drawn_seed() -> u64 {
    // 53 bits are exact in every JSON reader.
    std::collections::hash_map::RandomState::new().build_hasher().finish() >> 11
}

fn refuse<T>(why: impl Into<String>) -> Planned<T> {
    Err(Refusal(why.into()))
}

#[cfg(test)]
mod tests {
    use super::testing::profile_of;
    use super::*;

    fn parsed(line: &str) -> Result<Profile, String> {
        let flags = line.strip_prefix("aiperf-ctl profile").expect("a profile");
        profile_of(flags).map(|(_, profile)| profile)
    }

    fn check(flags: &str, expected: &str) {
        let refused = parsed(&format!("aiperf-ctl profile --model m {flags}")).expect_err(flags);
        assert!(refused.contains(expected), "{flags}: {refused}");
    }

    #[test]
    fn defaults_are_visible() {
        let profile = parsed("aiperf-ctl profile --model m --concurrency 8 --random-seed 1").unwrap();
        let json = serde_json::to_value(&profile.plan).unwrap();
        assert_eq!(json["load"]["phases"][0]["request_count"], 10, "AIPerf's default");
        assert_eq!(json["load"]["phases"][0]["shape"], "concurrency", "a closed loop");
        assert_eq!(json["endpoint"]["urls"][0], "http://localhost:8000", "the default URL");
        assert_eq!(json["input"]["input_tokens"]["mean"], 550.0, "AIPerf's default");
        assert_eq!(
            profile.artifact_dir,
            PathBuf::from("artifacts/m-openai-chat-concurrency8"),
            "AIPerf's layout"
        );
    }

    #[test]
    fn a_warmup_is_like_the_measurement_except_for_its_flags() {
        let flags = "--request-rate 20 --arrival-smoothness 2 --concurrency 8 --warmup-request-count 5 --warmup-concurrency 2";
        let profile = parsed(&format!("aiperf-ctl profile --model m {flags}")).unwrap();
        let [warmup, profiling] = profile.plan.load.phases.as_slice() else { panic!("two phases") };
        assert_eq!((warmup.shape.name(), warmup.request_rate), ("gamma", Some(20.0)), "the same arrivals");
        assert_eq!((warmup.concurrency, warmup.request_count), (Some(2), Some(5)), "as set by flags");
        assert_eq!(
            (profiling.concurrency, profiling.request_count),
            (Some(8), Some(10)),
            "not of the warmup"
        );
        assert!(warmup.is_warmup && !profiling.is_warmup, "only one is measured");
    }

    #[test]
    fn contradictions_are_refused() {
        check("--public-dataset nope", "`nope` is not supported; available");
        check(
            "--request-rate 1 --arrival-pattern poisson --arrival-smoothness 2",
            "needs --arrival-pattern gamma",
        );
        check(
            "--streaming --concurrency 2 --prefill-concurrency 3",
            "--prefill-concurrency: must not be more than the concurrency, 2",
        );
        check("--fixed-schedule-auto-offset", "needs --fixed-schedule");
        check("--fixed-schedule", "needs --input-file");
        check("--request-cancellation-delay 2", "--request-cancellation-rate");
        check("--benchmark-grace-period 3", "--benchmark-grace-period needs --benchmark-duration");
        check("--input-file x --isl 5", "contradicts --input-file");
        check("--custom-dataset-type single_turn", "needs --input-file");
        check("--endpoint-type smoke", "available: chat, completions");
        check("--random-range-ratio 1.5 --isl 5 --osl 5", "neither a number");
        check("--random-range-ratio {\"input\":0.5} --isl 5 --osl 5", "neither a number");
        check("--cache-bust warmup_isolation_system", "needs a system prompt");
        check("--model-selection-strategy weighted --model-weights 1,2", "2 weights for 1 models");
        check("--model-weights 1", "needs --model-selection-strategy weighted");
        check("--system-prompt-file /nowhere", "failed to read `/nowhere`");
        check("--cpus 3-1", "not a list of cores");
        check("--cpus 0,1 --concurrency 1", "names 2 cores for 1 concurrent sessions");
        check("--cpus 1,1", "twice");
        check("--header Authorization", "Name:Value");
        check("--extra-inputs {", "not valid JSON");
        check("--url ftp://x", "none of http, https and unix");
        check("--request-rate 0", "must be greater than 0");
        check("--concurrency 0", "0 is not between 1 and 65536");
        check("--no-such-flag", "unexpected argument");
        check("--goodput ttft", "expected `tag:number`");
        check("--goodput ttft:200", "did you mean time_to_first_token:200?");
        check("--goodput request_latncy:200", "did you mean request_latency:200?");
        check("--goodput request_count:1", "failed to find metric");
        check(
            "--goodput time_to_first_token:200",
            "time_to_first_token is measured of streams only: add --streaming",
        );
        check("--url http://::1:80", "write the address in brackets: http://[::1]:80");
        check("--user-centric-rate 5 --num-users 3", "at least 2 turns");
        let users = "--user-centric-rate 5 --num-users 3 --session-turns-mean 2";
        check(&format!("{users} --num-sessions 2"), "at least one session");
        check(&format!("{users} --request-count 2"), "at least one request");
        check("-b 0", "must be at least 1");
        check("--model=", "--model is empty");
        check("--system-prompt=", "--system-prompt is empty");
        check("--video-audio-sample-rate 7", "from 8 to 96 kHz");
        check("--request-content-type multipart/form-data", "chat requests are JSON");
        check(
            "--endpoint-type image_edit --request-content-type application/json",
            "image_edit requests are forms",
        );
        check("--slice-duration 0", "must be greater than 0");
        for prefix in ["../x", "/etc/x", "a/b", "..", "run", "inputs.json"] {
            check(
                &format!("--profile-export-prefix {prefix}"),
                "--profile-export-prefix: the export prefix `",
            );
        }
    }

    #[test]
    fn the_plan_records_what_the_endpoint_can_do() {
        for known in ::endpoint::ENDPOINTS {
            let metadata = known.metadata();
            let more = match metadata.name {
                "template" => " --extra-inputs payload_template:{\"a\":{{text|tojson}}}",
                _ => "",
            };
            let line = format!("aiperf-ctl profile --model m --endpoint-type {}{more}", metadata.name);
            let profile = parsed(&line).expect(metadata.name);
            assert_eq!(
                profile.plan.endpoint.capability,
                Some(metadata.capability()),
                "{}: recorded with the run",
                metadata.name
            );
        }
        let chat = parsed("aiperf-ctl profile --model m").unwrap();
        let embeddings = parsed("aiperf-ctl profile --model m --endpoint-type chat_embeddings").unwrap();
        assert!(chat.plan.endpoint.capability().produces_tokens, "a chat");
        assert!(!embeddings.plan.endpoint.capability().produces_tokens, "no chat");
        assert!(embeddings.plan.endpoint.capability().supports_audio, "what the endpoint accepts");
    }

    #[test]
    fn keys_are_sent_in_the_endpoints_header() {
        let profile =
            parsed("aiperf-ctl profile -m m --endpoint-type messages --api-key k -H Anthropic-Version:1")
                .unwrap();
        let headers =
            profile.secret_headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        assert_eq!(
            headers,
            ["Anthropic-Version=1", "x-api-key=k"],
            "the user's version overrides the default"
        );
    }

    #[test]
    fn a_default_concurrency_does_not_limit_a_rate() {
        let phases = |flags: &str| {
            let profile = parsed(&format!("aiperf-ctl profile -m m --streaming {flags}")).unwrap();
            let phases = profile.plan.load.phases.iter();
            phases.map(|phase| (phase.shape.to_string(), phase.concurrency)).collect::<Vec<_>>()
        };
        let warmup = "--warmup-request-count 5 --warmup-request-rate 50";
        let closed = |concurrency| ("concurrency".to_owned(), Some(concurrency));
        assert_eq!(
            phases(warmup),
            [("poisson".to_owned(), None), closed(1)],
            "no concurrency is set by the user"
        );
        let limited = format!("{warmup} --concurrency 3");
        assert_eq!(phases(&limited), [("poisson".to_owned(), Some(3)), closed(3)], "set by the user");
        check("--prefill-concurrency 2 --concurrency 4", "needs --streaming");
        check("--warmup-prefill-concurrency 2 --warmup-request-count 4", "needs --streaming");
        check("--streaming --endpoint-type embeddings --prefill-concurrency 2", "needs --streaming");
    }

    #[test]
    fn no_header_is_sent_twice_or_breaks_the_framing() {
        let profile =
            parsed("aiperf-ctl profile -m m --api-key k -H authorization:x -H host:a -H Host:b").unwrap();
        let headers =
            profile.secret_headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        assert_eq!(headers, ["Authorization=Bearer k", "Host=b"], "the last of a name, in any case");
        for bad in ["Content-Length:3", "content-length:3", "Transfer-Encoding:chunked"] {
            let refused = parsed(&format!("aiperf-ctl profile -m m -H {bad}")).unwrap_err();
            assert!(refused.contains("from its body"), "{refused}");
        }
    }

    #[test]
    fn keys_in_urls_are_sent_and_not_stored() {
        let line = "aiperf-ctl profile -m m --url h:1/v1?api-version=1&api-key=hush --url https://i --custom-endpoint /x?y=1&token=hush2";
        let profile = parsed(line).unwrap();
        let stored = serde_json::to_string(&profile.plan).unwrap();
        assert!(!stored.contains("hush"), "no secret in {stored}");
        let urls = ["http://h:1/v1?api-version=1&api-key=hush&token=hush2", "https://i?token=hush2"];
        assert_eq!(profile.urls, urls, "but they are sent");
        assert_eq!(profile.plan.endpoint.path.as_deref(), Some("/x?y=1"), "other parameters remain");
        let url = "http://h:1/v1?api-version=1&api-key=[redacted]&token=[redacted]";
        assert_eq!(profile.plan.endpoint.urls[0], url, "as it is stored");
        for bad in ["ftp://h?api-key=hush", "http://h:x?api-key=hush", "http://u:hush@h"] {
            let refused = parsed(&format!("aiperf-ctl profile -m m --url {bad}")).unwrap_err();
            assert!(!refused.contains("hush"), "{refused}");
        }
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
