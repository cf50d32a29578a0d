//! Results that are made later than they are requested: videos, which are polled until they are there.

use crate::clock::MonoNs;

/// Every job that was started, by its number from 1.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    jobs: Vec<Job>,
}

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    /// When it was requested.
    pub(crate) created: MonoNs,
    /// When it is done.
    pub(crate) ready: MonoNs,
    /// The model's name as JSON.
    pub(crate) model: String,
    /// Whether it fails.
    pub(crate) fails: bool,
}

impl Jobs {
    /// Adds a job; returns its number.
    pub(crate) fn start(&mut self, job: Job) -> u64 {
        self.jobs.push(job);
        u64::try_from(self.jobs.len()).expect("a count fits in 64 bits")
    }

    /// The status of a job at `now`; `None` if there is no such job.
    pub(crate) fn status(&self, number: u64, now: MonoNs) -> Option<String> {
        let job = self.at(number)?;
        let head = format!(r#"{{"id":"video_{number:016}","object":"video","model":{}"#, job.model);
        let rest = if now < job.ready {
            r#","status":"in_progress","progress":50}"#.to_owned()
        } else if job.fails {
            r#","status":"failed","error":{"code":"scripted","message":"the mock server's script demands this"}}"#
                .to_owned()
        } else {
            let microseconds = job.created.until(job.ready).0 / 1000;
            format!(
                r#","status":"completed","progress":100,"url":"/v1/videos/video_{number:016}/content","inference_time_s":{}.{:06},"peak_memory_mb":2048.5}}"#,
                microseconds / 1_000_000,
                microseconds % 1_000_000
            )
        };
        Some(head + &rest)
    }

    /// The video of a job that is done.
    pub(crate) fn content(&self, number: u64, now: MonoNs) -> Option<Vec<u8>> {
        let is_there = self.at(number).is_some_and(|job| now >= job.ready && !job.fails);
        is_there.then(|| b"\0\0\0\x18ftypmp42".iter().copied().cycle().take(CONTENT_BYTES).collect())
    }

    fn at(&self, number: u64) -> Option<&Job> {
        self.jobs.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }
}

/// Small for a video, and more than one segment.
const CONTENT_BYTES: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_done_when_its_time_is_reached() {
        let mut jobs = Jobs::default();
        let job =
            |fails| Job { created: MonoNs(10), ready: MonoNs(2_500_010), model: "\"m\"".to_owned(), fails };
        assert_eq!((jobs.start(job(false)), jobs.start(job(true))), (1, 2), "numbers");
        let status_contains = |number, now, what: &str| {
            jobs.status(number, MonoNs(now)).is_some_and(|text| text.contains(what))
        };
        assert!(
            status_contains(1, 2_500_009, "in_progress")
                && status_contains(1, 2_500_010, "\"inference_time_s\":0.002500"),
            "in time"
        );
        assert!(status_contains(2, 2_500_010, "failed"), "to no end");
        assert_eq!(jobs.status(3, MonoNs(0)), None, "no such job");
        assert!(
            jobs.content(1, MonoNs(9)).is_none() && jobs.content(2, MonoNs(u64::MAX)).is_none(),
            "no video"
        );
        assert_eq!(
            jobs.content(1, MonoNs(u64::MAX)).map(|bytes| bytes.len()),
            Some(CONTENT_BYTES),
            "a video"
        );
    }
}
