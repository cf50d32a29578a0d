//! Tests command lines of AIPerf's users: each is accepted, or is an error that names the flag and the reason.

use std::path::Path;
use std::process::{Command, Output};

/// What makes a line invalid, and the text of its error.
const REFUSED: &[(&str, &str)] = &[
    (
        "--accuracy-benchmark",
        "--accuracy-benchmark is not supported: the quality of responses is not measured",
    ),
    ("--wandb-project", "--wandb-project is not supported: results are not sent to Weights & Biases"),
    ("--api-port", "--api-port is not supported: progress is available over the daemon's control socket"),
];

fn lines_of(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(path).expect("the list is in the repository")
}

/// Runs `aiperf-ctl profile --dry-run` with the line's words, in a directory with the files that it names.
fn dry_run(line: &str) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(
        directory.path().join("benchmark.yaml"),
        "model: m\nprofiling: {type: poisson, rate: 3}\n",
    )
    .expect("written");
    let mut words = shlex::split(line).expect("words");
    words.retain(|word| word != "&");
    bring(directory.path(), &mut words);
    Command::new(env!("CARGO_BIN_EXE_aiperf-ctl"))
        .arg("profile")
        .args(words)
        .arg("--dry-run")
        .current_dir(directory.path())
        .output()
        .expect("the program runs")
}

/// Creates the input file and the tokenizer that a line names, below the directory.
fn bring(directory: &Path, words: &mut [String]) {
    let has = |text: &str| words.iter().any(|word| word.contains(text));
    let row = match () {
        () if has("mooncake_trace") || has("--fixed-schedule") => {
            "{\"timestamp\": 0, \"input_length\": 9, \"output_length\": 5}\n{\"timestamp\": 90000, \"input_length\": 9}\n"
        }
        () if has("rankings") => {
            "{\"texts\": [{\"name\": \"query\", \"contents\": [\"q\"]}, {\"name\": \"passages\", \"contents\": [\"p\"]}]}\n"
        }
        () if has("image_edit") => {
            "{\"text\": \"t\", \"image\": \"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=\"}\n"
        }
        () => "{\"text\": \"t\"}\n",
    };
    for place in 1..words.len() {
        let named = words[place].trim_start_matches(['/', '.']).to_owned();
        let path = directory.join(&named);
        match words[place - 1].as_str() {
            "--input-file" => {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
                std::fs::write(&path, row).expect("written");
            }
            "--tokenizer" if words[place] != "builtin" => {
                std::fs::create_dir_all(&path).expect("made");
                let file =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tokenizer/tokenizer.json");
                std::fs::copy(file, path.join("tokenizer.json")).expect("copied");
            }
            _ => continue,
        }
        words[place] = named;
    }
}

/// What is wrong with the outcome of a line, if anything.
fn fault(line: &str) -> Option<String> {
    let output = dry_run(line);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let refused = REFUSED.iter().find(|(mark, _)| line.contains(mark)).map(|(_, why)| *why);
    let refused =
        refused.or_else(|| LACKING.iter().find(|lacking| lacking.is(line)).map(|lacking| lacking.why));
    let right = match refused {
        // What may be missing on this machine is named, and nothing else is wrong.
        None => {
            // Where all tests must run, ffmpeg is installed.
            let may_be = |how: &str| how != NO_FFMPEG || std::env::var_os("CI").is_none_or(|ci| ci != "true");
            let mut absent = ABSENT.iter().filter(|(mark, how)| line.contains(mark) && may_be(how));
            output.status.success() || absent.any(|(_, how)| stderr.contains(how))
        }
        Some(why) => output.status.code() == Some(2) && stderr.contains(why),
    };
    (!right).then(|| format!("{line}\n{stderr}"))
}

/// A flag that needs another one, which lines in AIPerf's documentation leave out.
struct Lacking {
    flag: &'static str,
    needed: &'static str,
    why: &'static str,
}

impl Lacking {
    fn is(&self, line: &str) -> bool {
        line.contains(self.flag) && !line.contains(self.needed)
    }
}

const LACKING: &[Lacking] = &[
    // AIPerf also refuses these two.
    Lacking {
        flag: "--prefill-concurrency",
        needed: "--streaming",
        why: "--prefill-concurrency needs --streaming",
    },
    Lacking {
        flag: "--user-centric-rate",
        needed: "turn",
        why: "--user-centric-rate needs conversations of at least 2 turns",
    },
    Lacking {
        flag: "inter_token_latency:10",
        needed: "--streaming",
        why: "--goodput: inter_token_latency is measured of streams only",
    },
];

/// Flags that need what may be missing here, with the error text: copies of public datasets, an encoder on a GPU, and `ffmpeg`,
/// which only root can install and without which media tests are skipped.
const ABSENT: &[(&str, &str)] = &[
    ("--public-dataset", "nothing is downloaded"),
    ("h264_nvenc", "synthetic videos: `ffmpeg` failed"),
    ("--video-width", NO_FFMPEG),
];
const NO_FFMPEG: &str = "synthetic videos: the program `ffmpeg` is not installed";

fn check<'l>(lines: impl Iterator<Item = &'l str>) {
    let faults = lines.filter_map(fault).collect::<Vec<_>>();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_command_line_is_accepted_or_refused_by_name() {
    check(lines_of("aiperf-profile-commands.txt").lines().filter(|line| !line.trim().is_empty()));
}

#[test]
fn the_telemetry_guide_s_commands_parse_as_they_stand() {
    let lines = lines_of("aiperf-telemetry-commands.txt");
    assert!(lines.lines().count() >= 4, "the guide has commands");
    check(lines.lines());
}
