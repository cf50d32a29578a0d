//! What observes a run besides the daemon, or receives its results while it is under way: one file per observer.
//!
//! ```text
//! check ──▶ prepare ──▶ start ──▶ follow ──▶ progress … ──▶ finish ──▶ after ──▶ report
//! the       before a    before    the run    while it       stores     completes the run's
//! plan      daemon is   the run   exists     goes on        what was   the run's report is
//! alone     found       exists               │              seen       results   shown
//!                                            └──▶ discard: there is no run to store it with
//! ```
//!
//! Once a run has started, an observer that fails costs a warning, not the run.

pub(crate) mod adaptive_scale;
mod gpu_exporters;
mod limits;
pub(crate) mod network_latency;
mod plugins;
mod profiler;
mod scraping;
mod server_metrics;
pub(crate) mod sink;

pub(crate) use limits::Certain;

use crate::follow::Run;
use crate::plan::Profile;
use crate::report::{Reported, read_run};
use crate::server_calls::ServerCalls;
use crate::terminal::print_warning;
use anyhow::Result;
use control::Progress;
use record::{Run as Description, Scaled, Streamed};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use store::Folder;
use tokio::task::JoinHandle;

/// Every observer, in the order in which they take each step.
const OBSERVERS: &[for<'a> fn(Setup<'a>) -> Checked<'a>] = &[
    plugins::check,
    profiler::check,
    sink::check,
    server_metrics::check,
    gpu_exporters::check,
    network_latency::check,
    limits::check,
    adaptive_scale::check,
];

/// What observers are made from.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The run's plan and directory.
    pub(crate) profile: &'a Profile,
    /// Requests to the servers apart from the load.
    pub(crate) calls: &'a ServerCalls<'a>,
}

/// An observer of a valid plan; `None` if it does not request it. Making one contacts nothing and writes nothing.
type Checked<'a> = Result<Option<Box<dyn Observer + 'a>>>;

/// A task that ends with the run, if the observer needs one.
type Following<'a> = Pin<Box<dyn Future<Output = Result<Option<JoinHandle<()>>>> + 'a>>;

/// The steps of an observer; those that it does not need do nothing. Dropping it at any point releases what it holds.
trait Observer {
    /// Prepares the server, before a daemon is found.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// Starts observing, before the run exists.
    fn start(&mut self, _start: &mut Start<'_>) -> Result<()> {
        Ok(())
    }

    /// Subscribes to a run that exists and has not started.
    fn follow<'a>(&'a mut self, _run: &'a Run) -> Following<'a> {
        Box::pin(async { Ok(None) })
    }

    /// Receives the run's progress.
    fn progress(&self, _progress: &Progress) {}

    /// The files that it has written before the run's results, which are not those of an earlier run.
    fn files(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Stops, and stores what it has seen with the run.
    fn finish(&mut self) {}

    /// Where it exported the run to, after [`Self::finish`]: part of the run's description.
    fn streamed(&mut self) -> Vec<Streamed> {
        Vec::new()
    }

    /// How each phase that changed its own load ended, after [`Self::finish`]: part of the run's description.
    fn scaled(&mut self) -> Vec<Scaled> {
        Vec::new()
    }

    /// What is certain of the limits, if it ended the run for that.
    fn certain(&self) -> Option<Certain> {
        None
    }

    /// Completes the run's results, which have been written and not shown; returns what is to be shown below them.
    fn after(&mut self, _reported: &mut Reported, _directory: &Path, _width: u32) -> Result<String> {
        Ok(String::new())
    }

    /// Stops, when there is no run to store anything with.
    fn discard(&mut self) {}

    /// Receives the run's report, which has been written and shown.
    fn report(&mut self, _reported: &Reported) {}
}

/// What is known when observers start.
struct Start<'a> {
    /// The servers' URLs and addresses.
    addresses: &'a [(String, String)],
}

/// The observers of one run.
pub(crate) struct Observers<'a>(Vec<Box<dyn Observer + 'a>>);

impl<'a> Observers<'a> {
    /// Makes the observers that the plan requests.
    ///
    /// # Errors
    /// When the environment or a file of theirs is invalid.
    pub(crate) fn check(setup: Setup<'a>) -> Result<Self> {
        let requested = OBSERVERS.iter().filter_map(|check| check(setup).transpose());
        Ok(Self(requested.collect::<Result<_>>()?))
    }

    /// Prepares the server.
    ///
    /// # Errors
    /// When the server refuses: the run would not be the requested one.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(|observer| observer.prepare())
    }

    /// Starts observing.
    ///
    /// # Errors
    /// When a file or thread that it needs is not available.
    pub(crate) fn start(&mut self, addresses: &[(String, String)]) -> Result<()> {
        let mut start = Start { addresses };
        self.0.iter_mut().try_for_each(|observer| observer.start(&mut start))
    }

    /// Subscribes to a run that has not started; returns tasks that end with it.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub(crate) async fn follow(&mut self, run: &Run) -> Result<Vec<JoinHandle<()>>> {
        let mut tasks = Vec::new();
        for observer in &mut self.0 {
            tasks.extend(observer.follow(run).await?);
        }
        Ok(tasks)
    }

    /// Passes on the run's progress.
    pub(crate) fn progress(&self, progress: &Progress) {
        self.0.iter().for_each(|observer| observer.progress(progress));
    }

    /// What is certain of the limits, if one of them ended the run for that.
    pub(crate) fn certain(&self) -> Option<Certain> {
        self.0.iter().find_map(|observer| observer.certain())
    }

    /// The files that they have written before the run's results.
    pub(crate) fn files(&self) -> Vec<&'static str> {
        self.0.iter().flat_map(|observer| observer.files()).collect()
    }

    /// Stops, and stores what they have seen in the run's directory.
    ///
    /// # Errors
    /// When the run's description cannot be changed.
    pub(crate) fn finish(&mut self, directory: &Path) -> Result<()> {
        self.0.iter_mut().for_each(|observer| observer.finish());
        let streamed = self.0.iter_mut().flat_map(|observer| observer.streamed()).collect::<Vec<_>>();
        let scaled = self.0.iter_mut().flat_map(|observer| observer.scaled()).collect::<Vec<_>>();
        note(streamed, scaled, directory)
    }

    /// Completes the run's results, which have been written and not shown; returns what is to be shown below them.
    pub(crate) fn after(&mut self, reported: &mut Reported, directory: &Path, width: u32) -> String {
        let texts = self.0.iter_mut().map(|observer| {
            observer.after(reported, directory, width).unwrap_or_else(|error| {
                print_warning(&format!("{error:#}"));
                String::new()
            })
        });
        texts.collect()
    }

    /// Stops, when there is no run to store anything with.
    pub(crate) fn discard(&mut self) {
        self.0.iter_mut().for_each(|observer| observer.discard());
    }

    /// Passes on the run's report.
    pub(crate) fn report(&mut self, reported: &Reported) {
        self.0.iter_mut().for_each(|observer| observer.report(reported));
    }
}

/// The last one that started is the first to go.
impl Drop for Observers<'_> {
    fn drop(&mut self) {
        while let Some(observer) = self.0.pop() {
            drop(observer);
        }
    }
}

/// Stores in the run's description where it was exported to, and how phases that changed their own load ended.
fn note(streamed: Vec<Streamed>, adaptive_scale: Vec<Scaled>, directory: &Path) -> Result<()> {
    if streamed.is_empty() && adaptive_scale.is_empty() {
        return Ok(());
    }
    let run = Description { streamed, adaptive_scale, ..read_run(directory)? };
    let mut file = Folder::open(directory)?.create("run.json")?;
    serde_json::to_writer_pretty(&mut file, &run)?;
    file.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::profile_of;
    use std::cell::RefCell;
    use std::fs;

    fn check(flags: &str, expected: usize) {
        let (_, profile) = profile_of(&format!("--model m --url http://10.0.0.1:8000 {flags}")).unwrap();
        let calls = ServerCalls::new(&profile).unwrap();
        let made = Observers::check(Setup { profile: &profile, calls: &calls }).unwrap();
        assert_eq!(made.0.len(), expected, "{flags}");
    }

    #[test]
    fn only_what_the_plan_requests_is_made() {
        let none = "--no-server-metrics --no-gpu-telemetry";
        check(none, 0);
        check("", 2);
        check(&format!("{none} --network-latency-automatic"), 1);
        check(&format!("{none} --server-profiler-stop-path /stop"), 1);
        check(&format!("{none} --otel-url http://10.0.0.2:4318"), 1);
        check(&format!("{none} --mlflow-tracking-uri http://10.0.0.2:5000"), 1);
    }

    /// Writes down which step it takes.
    struct Noting<'a> {
        name: &'static str,
        steps: &'a RefCell<Vec<String>>,
    }

    impl Noting<'_> {
        fn note(&self, step: &str) {
            self.steps.borrow_mut().push(format!("{step} {}", self.name));
        }
    }

    impl Observer for Noting<'_> {
        fn prepare(&mut self) -> Result<()> {
            self.note("prepare");
            Ok(())
        }

        fn start(&mut self, _start: &mut Start<'_>) -> Result<()> {
            self.note("start");
            anyhow::ensure!(self.name != "b", "there is no thread");
            Ok(())
        }

        fn discard(&mut self) {
            self.note("discard");
        }
    }

    impl Drop for Noting<'_> {
        fn drop(&mut self) {
            self.note("drop");
        }
    }

    #[test]
    fn steps_are_in_order_and_the_end_is_reversed() {
        let steps = RefCell::default();
        let noting = |name| -> Box<dyn Observer + '_> { Box::new(Noting { name, steps: &steps }) };
        let mut observers = Observers(vec![noting("a"), noting("b"), noting("c")]);
        observers.prepare().unwrap();
        assert!(observers.start(&[]).is_err(), "the second does not start");
        observers.discard();
        drop(observers);
        let expected = "prepare a, prepare b, prepare c, start a, start b, discard a, discard b, discard c, drop c, drop b, drop a";
        assert_eq!(steps.take().join(", "), expected, "each step, in order");
    }

    #[test]
    fn a_run_that_was_not_exported_keeps_its_description() {
        let folder = tempfile::tempdir().unwrap();
        Observers(Vec::new()).finish(folder.path()).unwrap();
        assert!(!folder.path().join("run.json").exists(), "nothing to add");
    }

    #[test]
    fn a_description_that_is_read_has_the_digits_that_were_written() {
        let folder = tempfile::tempdir().unwrap();
        // A parser that is not exact reads the number before or after some of these.
        let numbers = (1..1000_u32).map(|number| (number.to_string(), f64::from(number).sqrt() / 1e5));
        let run = Description { figures: numbers.collect(), ..crate::session::fake::run() };
        fs::write(folder.path().join("run.json"), serde_json::to_vec_pretty(&run).unwrap()).unwrap();
        assert_eq!(read_run(folder.path()).unwrap().figures, run.figures);
    }
}
