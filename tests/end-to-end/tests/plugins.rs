//! Tests plugins: the example package in a real run, a plugin in Rust, and plugins that misbehave in every way.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::server::Server;
use end_to_end::{needs_programs, patience, programs};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A Python package of plugins as if it were installed, in a folder for `PYTHONPATH`.
struct Installed(TempDir);

impl Installed {
    /// The example package.
    fn example() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../example-plugin/aiperf_example_plugin");
        std::os::unix::fs::symlink(package, folder.path().join("aiperf_example_plugin")).unwrap();
        let entry = "aiperf_example_plugin = aiperf_example_plugin:registry.yaml";
        Self::described(folder, "aiperf-example-plugin", entry)
    }

    /// A package with one module.
    fn of(source: &str, manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("ours");
        fs::create_dir(&package).unwrap();
        fs::write(package.join("__init__.py"), source).unwrap();
        fs::write(package.join("plugins.yaml"), manifest).unwrap();
        Self::described(folder, "ours", "ours = ours:plugins.yaml")
    }

    fn described(folder: TempDir, name: &str, entry: &str) -> Self {
        let about = folder.path().join(format!("{}-1.0.0.dist-info", name.replace('-', "_")));
        fs::create_dir(&about).unwrap();
        fs::write(about.join("METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n\n"))
            .unwrap();
        fs::write(about.join("entry_points.txt"), format!("[aiperf.plugins]\n{entry}\n")).unwrap();
        Self(folder)
    }

    fn run(&self, mut run: Run) -> Run {
        run.command.env("PYTHONPATH", self.0.path()).env_remove("VIRTUAL_ENV");
        run
    }

    fn list(&self, arguments: &[&str]) -> Ended {
        let mut run = Run::of("plugins");
        run.command.args(arguments);
        self.run(run).end()
    }
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The reasons of a run's verdict that are about plugins.
fn reasons(artifacts: &Path) -> Vec<(String, String)> {
    let run = read(&artifacts.join("run.json"));
    let reasons = run["verdict"]["reasons"].as_array().unwrap().iter();
    let reasons = reasons
        .map(|reason| [&reason["name"], &reason["text"]].map(|text| text.as_str().unwrap().to_owned()));
    reasons.filter(|[name, _]| name.starts_with("plugin_")).map(|[name, text]| (name, text)).collect()
}

const LOAD: &str =
    "--concurrency 2 --request-count 20 --warmup-request-count 4 --no-gpu-telemetry --no-server-metrics";

#[test]
fn the_example_package_is_listed_and_checked_without_being_imported() {
    needs_programs!();
    let installed = Installed::example();
    let list = installed.list(&[]);
    list.ended_with(0);
    assert!(list.out.contains("aiperf-example-plugin  1.0.0"), "{}", list.out);
    let kind = installed.list(&["phase_hook"]);
    assert!(
        kind.out.contains("example_logging") && kind.out.contains("example_metrics_collector"),
        "{}",
        kind.out
    );
    let one = installed.list(&["phase_hook", "example_logging"]);
    assert!(one.out.contains("log_file, verbose"), "{}", one.out);
    let class = installed.list(&["phase_hook", "aiperf_example_plugin.hooks:ExampleLoggingHook"]);
    assert_eq!(class.out, one.out, "by its class");
    let all = installed.list(&["--all"]);
    assert!(all.out.contains("endpoint: chat") || all.out.contains(", chat,"), "{}", all.out);
    installed.list(&["--validate"]).ended_with(0);
    let unknown = installed.list(&["phase_hook", "none"]);
    unknown.ended_with(2);
    assert!(unknown.err.contains("there is no phase_hook `none`"), "{}", unknown.err);
    let broken = Installed::of("raise SystemExit('imported')", "endpoint: {echo: {class: ours:Echo}}");
    let checked = broken.list(&["--validate"]);
    checked.ended_with(1);
    assert!(checked.out.contains("`ours` has no `Echo`"), "{}", checked.out);
}

/// Runs tests in Python, with the packages of these folders.
#[track_caller]
fn pytest(tests: &str, folders: &str) {
    needs_programs!();
    let Some(pytest) = programs::of_python("pytest", "pytest") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = std::process::Command::new(pytest);
    command.current_dir(&root).args(["-q", "-p", "no:cacheprovider", tests]);
    command.env("PYTHONPATH", root.join(folders)).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(" passed"), "{text}");
}

#[test]
fn the_python_hosts_own_tests_pass() {
    pytest("daemon/aiperf-ctl/src/plugin/python", "tests");
}

#[test]
fn the_example_packages_own_tests_pass() {
    pytest("tests/example-plugin", "tests/example-plugin");
}

#[test]
fn the_example_package_runs() {
    needs_programs!();
    let server = Server::start("--tokens 4 --gap-ms 1");
    let installed = Installed::example();
    let mut run = Run::profile(&server.url(), LOAD);
    let artifacts = run.folder.path().join("artifacts");
    let hooks = r#"phase_hook.example_logging={"log_file": "phases.log", "verbose": true}"#;
    run.command.args([
        "--plugin",
        hooks,
        "--plugin",
        r#"example_metrics_collector={"metrics_file": "m.json"}"#,
    ]);
    run.command.args([
        "--plugin",
        r#"example_metrics={"output_file": "o.json"}"#,
        "--plugin",
        "example_aggregator",
    ]);
    let ended = installed.run(run).end();
    ended.ended_with(0);
    assert_eq!(reasons(&artifacts), [], "{}", ended.err);
    let run = read(&artifacts.join("run.json"));
    let digest = Sha256::digest(fs::read(artifacts.join("run.json")).unwrap());
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(ended.read("report.html").contains(&digest), "the page's foot has the digest of run.json");
    let used = &run["plugins"][0];
    assert_eq!((&used["name"], &used["version"]), (&json!("aiperf-example-plugin"), &json!("1.0.0")));
    assert_eq!(used["components"].as_array().map(Vec::len), Some(4), "{used:#}");
    assert_eq!(used["digest"].as_str().map(str::len), Some(64), "{used:#}");
    let results = read(&artifacts.join("plugin_results.json"));
    let processed = &results["post_processor.example_metrics"];
    assert_eq!(
        (&processed["success"], &processed["record_count"]),
        (&json!(true), &json!(20)),
        "{results:#}"
    );
    assert!(results["aggregator.example_aggregator"]["report"].is_string(), "{results:#}");
    assert!(ended.out.contains("post_processor.example_metrics"), "{}", ended.out);
}

#[test]
fn a_hook_is_given_the_kernels_times() {
    needs_programs!();
    let server = Server::start("--tokens 4 --gap-ms 1");
    let source = r#"
import json

class Hook:
    def __init__(self, file):
        self.file = file

    def note(self, event, phase, tracker):
        stats = tracker.create_stats()
        with open(self.file, "a") as file:
            file.write(json.dumps([event, str(phase), vars(stats)]) + "\n")

    async def on_phase_start(self, phase, tracker):
        self.note("start", phase, tracker)

    def on_phase_sending_complete(self, phase, tracker):
        self.note("sending_complete", phase, tracker)

    async def on_phase_complete(self, phase, tracker):
        self.note("complete", phase, tracker)
"#;
    let installed = Installed::of(source, "phase_hook: {note: {class: ours:Hook}}");
    let mut run = Run::profile(&server.url(), LOAD);
    let artifacts = run.folder.path().join("artifacts");
    let file = artifacts.join("events.jsonl");
    run.command.arg("--plugin").arg(format!("note={}", json!({"file": file})));
    let ended = installed.run(run).end();
    ended.ended_with(0);
    let events = fs::read_to_string(&file).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let names = events.iter().map(|event| event[0].as_str().unwrap()).collect::<Vec<_>>();
    let each = ["start", "sending_complete", "complete"];
    assert_eq!(names, [each, each].concat(), "warm-up and profiling: {events:?}");
    let stats = &events[5][2];
    assert_eq!(
        (&stats["sent"], &stats["completed"], &stats["in_flight"]),
        (&json!(20), &json!(20), &json!(0)),
        "{stats:#}"
    );
    assert_eq!(stats["sent_sessions"], 20, "{stats:#}");
    let time = |key: &str| stats[key].as_u64().unwrap();
    assert!(time("start_ns") <= time("sending_complete_ns") && time("sending_complete_ns") <= time("end_ns"));
    if read(&artifacts.join("run.json"))["timestamps"] == "ebpf" {
        let (first, last) = (time("kernel_first_sent_ns"), time("kernel_last_received_ns"));
        assert!(time("start_ns") <= first && first < last && last <= time("end_ns"), "{stats:#}");
    }
}

#[test]
fn a_plugin_in_rust_is_given_every_request() {
    needs_programs!();
    let server = Server::start("--tokens 2 --gap-ms 1");
    for arrow in [false, true] {
        let mut run = Run::profile(&server.url(), LOAD);
        let artifacts = run.folder.path().join("artifacts");
        let program = programs::folder().join("examples/count-rows");
        run.command.arg("--plugin").arg(format!("{}={}", program.display(), json!({"arrow": arrow})));
        let ended = run.end();
        ended.ended_with(0);
        let counted = read(&artifacts.join("counted.json"));
        assert_eq!(counted["dropped"], 0, "{counted:#}");
        if !arrow {
            assert_eq!(counted["rows"], 24, "with the warm-up: {counted:#}");
        }
        assert!(counted["bytes"].as_u64().unwrap() > 1000, "{counted:#}");
        assert_eq!(reasons(&artifacts), []);
    }
}

#[test]
fn a_new_project_works() {
    needs_programs!();
    let pytest = programs::of_python("pytest", "pytest");
    let new = |flags: &str| {
        let mut run = Run::of("plugins");
        run.command.arg("new").args(flags.split(' '));
        let folder = run.folder.path().join("my-plugin");
        let ended = run.end();
        (ended, folder)
    };
    for kind in ["hook", "processor", "exporter", "stream_exporter"] {
        let (ended, folder) = new(&format!("{kind} my-plugin"));
        ended.ended_with(0);
        let Some(pytest) = &pytest else { continue };
        let mut tests = std::process::Command::new(pytest);
        let output = tests.current_dir(&folder).env("PYTHONPATH", &folder).arg("-q").output().unwrap();
        assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stdout));
        // It is used as it is, as if it were installed.
        let about = folder.join("my_plugin-0.1.0.dist-info");
        fs::create_dir(&about).unwrap();
        fs::write(about.join("METADATA"), "Metadata-Version: 2.1\nName: my-plugin\nVersion: 0.1.0\n\n")
            .unwrap();
        fs::write(about.join("entry_points.txt"), "[aiperf.plugins]\nmy_plugin = my_plugin:plugins.yaml\n")
            .unwrap();
        let server = Server::start("--tokens 2");
        let mut run = Run::profile(&server.url(), LOAD);
        let artifacts = run.folder.path().join("artifacts");
        run.command.args(["--plugin", "my_plugin"]).env("PYTHONPATH", &folder).env_remove("VIRTUAL_ENV");
        let ended = run.end();
        ended.ended_with(0);
        assert_eq!(reasons(&artifacts), [], "{kind}: {}", ended.err);
    }
    let (ended, _) = new("endpoint my-plugin");
    ended.ended_with(2);
    let (ended, _) = new("hook ../outside");
    ended.ended_with(2);
}

#[test]
fn a_new_project_in_rust_compiles() {
    needs_programs!();
    let mut run = Run::of("plugins");
    run.command.args(["new", "hook", "my-plugin", "--lang", "rust"]);
    let folder = run.folder.path().join("my-plugin");
    let ended = run.end();
    ended.ended_with(0);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tests = std::process::Command::new(cargo);
    tests.current_dir(&folder).args(["test", "--offline", "-q"]);
    tests.env("CARGO_TARGET_DIR", programs::folder().join("new-plugin")).env_remove("CARGO_MANIFEST_DIR");
    let output = tests.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let server = Server::start("--tokens 2");
    let mut run = Run::profile(&server.url(), LOAD);
    let artifacts = run.folder.path().join("artifacts");
    let mut build = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(&folder).args(["build", "--offline", "-q"]);
    build.env("CARGO_TARGET_DIR", programs::folder().join("new-plugin"));
    assert!(build.status().unwrap().success());
    run.command.arg("--plugin").arg(programs::folder().join("new-plugin/debug/my-plugin"));
    let ended = run.end();
    ended.ended_with(0);
    assert_eq!(reasons(&artifacts), [], "{}", ended.err);
    let noted = fs::read_to_string(artifacts.join("my_plugin.log")).unwrap();
    assert!(noted.contains("profiling: complete"), "{noted}");
}

#[test]
fn a_dataset_is_read_by_a_plugin() {
    needs_programs!();
    let server = Server::start("--tokens 2 --log-bodies");
    let source = r#"
class Loader:
    def __init__(self, before=""):
        self.before = before

    def load(self, path):
        for line in path.read_text().splitlines():
            yield {"text": self.before + line}
"#;
    let installed = Installed::of(source, "custom_dataset_loader: {questions: {class: ours:Loader}}");
    let profile = |flags: &[&str]| {
        let mut run = Run::of("profile").without_daemon();
        run.command.args(["--model", "m", "--streaming", "--url", &server.url(), "--ui", "none"]);
        run.command.args(["--artifact-dir", "artifacts", "--input-file", "questions.txt"]);
        run.command.args("--request-count 2 --no-gpu-telemetry --no-server-metrics".split(' '));
        fs::write(run.folder.path().join("questions.txt"), "why?\nhow?\n").unwrap();
        run.command.args(flags);
        installed.run(run).end()
    };
    let ended =
        profile(&["--custom-dataset-type", "questions", "--plugin", r#"questions={"before": "tell: "}"#]);
    ended.ended_with(0);
    let inputs = ended.json("inputs.json").to_string();
    assert!(inputs.contains("tell: why?") && inputs.contains("tell: how?"), "{inputs}");
    let refused = |flags: &[&str], expected: &str| {
        let ended = profile(flags);
        ended.ended_with(2);
        assert!(ended.err.contains(expected), "{flags:?}: {}", ended.err);
    };
    refused(&["--custom-dataset-type", "questions"], "`questions` is not known");
    refused(&["--plugin", "questions"], "reads datasets, and this run has none for it");
    let failing = ["--custom-dataset-type", "questions", "--plugin", r#"questions={"before": 5}"#];
    refused(&failing, "unsupported operand");
}

/// What each does when its phase starts.
const HOSTILE: &[(&str, &str, &str)] = &[
    ("sleeps", "import time; time.sleep(60)", "plugin_late"),
    ("spins", "while True: pass", "plugin_late"),
    ("ends", "import os; os._exit(0)", "plugin_failed"),
    ("aborts", "import os; os.abort()", "plugin_failed"),
    ("raises", "raise ValueError('no such thing')", "plugin_failed"),
    ("exits", "raise SystemExit(3)", "plugin_failed"),
    ("leaks", "all = [bytes(1 << 28) for _ in range(40)]", "plugin_failed"),
    ("closes", "import os; os.closerange(0, 100)", "plugin_failed"),
    (
        "garbage",
        "import socket, os\n        [os.write(fd, b'garbage' * 100) for fd in range(3, 20) if os.path.exists(f'/proc/self/fd/{fd}') and 'socket' in os.readlink(f'/proc/self/fd/{fd}')]",
        "plugin_failed",
    ),
];

fn hostile(what: &str) -> Installed {
    let source = format!(
        "import os\nopen('own', 'w').write(str(os.getpid()))\n\nclass Hook:\n    def on_phase_start(self, phase, tracker):\n        {what}\n"
    );
    Installed::of(&source, "phase_hook: {hostile: {class: ours:Hook}}")
}

#[test]
fn a_plugin_that_misbehaves_costs_itself() {
    needs_programs!();
    let server = Server::start("--tokens 4 --gap-ms 1");
    for (name, what, reason) in HOSTILE {
        let mut run = Run::profile(&server.url(), LOAD);
        let artifacts = run.folder.path().join("artifacts");
        run.command.args(["--plugin", "hostile"]);
        let folder = run.folder.path().to_owned();
        let ended = hostile(what).run(run).end();
        ended.ended_with(0);
        let found = reasons(&artifacts);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].0, *reason, "{name}: {found:?}");
        assert!(found[0].1.contains("`ours`"), "{name}: {found:?}");
        let summary = read(&artifacts.join("profile_export_aiperf.json"));
        assert_eq!(summary["request_count"]["avg"], 20.0, "{name}: nothing is lost");
        assert_eq!(summary["verdict"]["standing"], "degraded", "{name}: {summary:#}");
        let pid = fs::read_to_string(folder.join("own")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "{name}: process {pid} is left");
    }
}

#[test]
fn what_a_plugin_starts_ends_with_it() {
    needs_programs!();
    let server = Server::start("--tokens 4 --gap-ms 1");
    let what = r#"import subprocess, sys, os
        print("printed", flush=True)
        child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
        while not os.path.exists('pid') or not open('pid').read(): pass"#;
    let mut run = Run::profile(&server.url(), LOAD);
    let artifacts = run.folder.path().join("artifacts");
    run.command.args(["--plugin", "hostile", "--plugin-timeout", "20"]);
    let pid = run.folder.path().join("pid");
    let ended = hostile(what).run(run).end();
    ended.ended_with(0);
    assert_eq!(reasons(&artifacts), []);
    let pid = fs::read_to_string(&pid).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "process {pid} is left");
    let log = fs::read_to_string(artifacts.join("plugin_ours.log")).unwrap();
    assert_eq!(log, "printed\nprinted\n", "of both phases");
}

#[test]
fn a_client_that_is_killed_leaves_no_plugin() {
    needs_programs!();
    let server = Server::start("--tokens 4 --gap-ms 1");
    let mut run = Run::profile(&server.url(), LOAD);
    run.command.args(["--plugin", "hostile", "--plugin-timeout", "600"]);
    let own = run.folder.path().join("own");
    let installed = hostile("import time; open('called', 'w'); time.sleep(600)");
    let called = run.folder.path().join("called");
    let running = installed.run(run).start();
    patience::until("the hook is called", || called.exists().then_some(()));
    let pid = fs::read_to_string(&own).unwrap();
    running.signal(Signal::KILL);
    let _killed = running.end();
    let process = Path::new("/proc").join(pid.trim());
    patience::until("the plugin is gone", || (!process.exists()).then_some(()));
}

#[test]
fn a_phase_that_runs_out_of_time_is_one_for_hooks() {
    needs_programs!();
    let server = Server::start("--ttft-ms 60000");
    let source = "class Hook:\n    def on_phase_timeout(self, phase, tracker):\n        print(phase, tracker.create_stats().cancelled)\n";
    let installed = Installed::of(source, "phase_hook: {note: {class: ours:Hook}}");
    let flags = "--concurrency 2 --benchmark-duration 1 --benchmark-grace-period 0 --no-gpu-telemetry --no-server-metrics --fail-on never";
    let mut run = Run::profile(&server.url(), flags);
    run.command.args(["--plugin", "note"]);
    let log = run.folder.path().join("artifacts/plugin_ours.log");
    let ended = installed.run(run).end();
    assert_eq!(fs::read_to_string(log).unwrap(), "profiling 2\n", "{}", ended.err);
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_sent() {
    needs_programs!();
    let server = Server::start("--tokens 4");
    let source = "import os\nsecret = os.environ.get('MY_API_KEY')\nclass Hook:\n    def __init__(self): raise ValueError(f'secret: {secret}')\n";
    let manifest = "phase_hook: {bad: {class: ours:Hook}}\ntransport: {quic: {class: ours:Quic}}";
    let installed = Installed::of(source, manifest);
    let refused = |flags: &[&str], expected: &str| {
        let mut run = Run::profile(&server.url(), LOAD);
        run.command.args(flags).env("MY_API_KEY", "hush");
        let ended = installed.run(run).end();
        ended.ended_with(2);
        assert!(ended.err.contains(expected), "{flags:?}: {}", ended.err);
    };
    refused(&["--plugin", "bda"], "no plugin `bda`");
    refused(&["--plugin", "quic"], "none of the kinds that plugins may have here");
    refused(&["--plugin", "chat"], "it is built in");
    refused(&["--plugin", "bad"], "failed: secret: None");
    refused(&["--plugin", "bad", "--plugin-allow", "bad=secrets"], "failed: secret: hush");
    refused(&["--plugin", "./nothing"], "failed to find it");
    refused(&["--plugin", "/bin/true"], "ended without a word");
    refused(&["--plugin", "bad={"], "no JSON object");
    assert_eq!(server.received(), 0, "nothing was sent");
}
