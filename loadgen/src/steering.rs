//! HOT: the control values of phases that change their own load: set by the thread that receives orders, read by the workers, each
//! with the moment from which all workers follow it. Budget: docs/BUDGET.md, "sending on time".

use common::clock::MonoNs;
use spec::{AdaptiveScale, Control, Phase};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The value of each phase of a plan.
#[derive(Debug, Default)]
pub struct Controls(Vec<Value>);

#[derive(Debug)]
struct Value {
    scale: Option<AdaptiveScale>,
    /// The bits of a float; of a phase that is to end, those of zero.
    bits: AtomicU64,
    /// From when on it holds. It is written before the bits are.
    since: AtomicU64,
}

/// A worker's share of a phase's value.
#[derive(Clone, Debug)]
pub struct Steering {
    controls: Arc<Controls>,
    phase: usize,
    control: Control,
    /// The greatest value.
    max: f64,
    /// Which worker it is, and of how many.
    share: (u32, u32),
    /// The bits that were seen last.
    seen: u64,
}

/// What a worker is to change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Most sessions at once.
    Sessions(u32),
    /// Most requests at once that wait for their first token.
    Prefills(u32),
    /// How much farther apart arrivals are than at the greatest rate.
    Slower(f64),
    /// Users of all workers.
    Users(u32),
    /// Nothing more is sent.
    End,
}

impl Controls {
    /// Those of a plan's phases, each with its least value.
    #[must_use]
    pub fn of(phases: &[Phase]) -> Self {
        let start = |phase: &Phase| {
            let min = phase.adaptive_scale.as_ref().map_or(0.0, |scale| scale.min);
            let (bits, since) = (AtomicU64::new(min.to_bits()), AtomicU64::new(0));
            Value { scale: phase.adaptive_scale.clone(), bits, since }
        };
        Self(phases.iter().map(start).collect())
    }

    /// Sets the value of a phase from a moment on, or ends it. What the plan does not allow changes nothing.
    pub fn set(&self, phase: u32, value: Option<f64>, from: MonoNs) {
        let Some(Value { scale: Some(scale), bits, since }) = self.0.get(phase as usize) else { return };
        match value {
            None => bits.store(ENDED, Ordering::Release),
            Some(value) if scale.allows(value) && bits.load(Ordering::Relaxed) != ENDED => {
                since.store(from.0, Ordering::Relaxed);
                bits.store(value.to_bits(), Ordering::Release);
            }
            Some(_) => {}
        }
    }

    /// A worker's share of a phase's value; none if the phase does not change.
    #[must_use]
    pub fn steering(self: &Arc<Self>, phase: usize, worker: u32, workers: u32) -> Option<Steering> {
        let scale = self.0.get(phase)?.scale.as_ref()?;
        Some(Steering {
            controls: Arc::clone(self),
            phase,
            control: scale.control,
            max: scale.max,
            share: (worker, workers),
            seen: UNSEEN,
        })
    }
}

impl Steering {
    /// What is to be changed and from when on, if the value is not what it was at the last call.
    #[inline]
    pub fn changed(&mut self) -> Option<(Change, MonoNs)> {
        let value = &self.controls.0[self.phase];
        let bits = value.bits.load(Ordering::Acquire);
        if bits == self.seen {
            return None;
        }
        self.seen = bits;
        let since = MonoNs(value.since.load(Ordering::Relaxed));
        Some((self.change(f64::from_bits(bits)), since))
    }

    #[cold]
    #[inline(never)]
    fn change(&self, value: f64) -> Change {
        if value.to_bits() == ENDED {
            return Change::End;
        }
        match self.control {
            Control::Concurrency => Change::Sessions(self.of_worker(value)),
            Control::PrefillConcurrency => Change::Prefills(self.of_worker(value)),
            Control::RequestRate => Change::Slower(self.max / value),
            Control::Users => Change::Users(whole(value)),
        }
    }

    /// Whether it limits the sessions of a closed loop.
    #[must_use]
    #[inline]
    pub const fn is_of_sessions(&self) -> bool {
        matches!(self.control, Control::Concurrency)
    }

    /// Which worker it is, and of how many.
    #[must_use]
    pub const fn share(&self) -> (u32, u32) {
        self.share
    }

    /// The greatest share of a number of users or sessions.
    #[must_use]
    pub const fn most(&self) -> u32 {
        self.of_worker(self.max)
    }

    /// This worker's share: the remainder is spread over the first ones.
    const fn of_worker(&self, value: f64) -> u32 {
        let ((worker, workers), whole) = (self.share, whole(value));
        whole / workers + (worker < whole % workers) as u32
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the plan's bounds hold it")]
const fn whole(value: f64) -> u32 {
    value as u32
}

/// The bits of zero, which no value has: each is at least the least one.
const ENDED: u64 = 0;
/// The bits of no number.
const UNSEEN: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use spec::{ScaleClock, ScaleLimit, ScaleStep, Shape};

    fn controls(control: Control) -> Arc<Controls> {
        let limit = ScaleLimit {
            metric_tag: "request_latency".to_owned(),
            stat: "p95".to_owned(),
            op: "lt".to_owned(),
            threshold: 1.0,
        };
        let scale = AdaptiveScale {
            control,
            min: 2.0,
            max: 9.0,
            window_seconds: 1.0,
            completed_min: 1,
            sustain_seconds: 1.0,
            step: ScaleStep::FixedPercentStep { percent: 25.0 },
            limits: vec![limit],
            clock: ScaleClock::Kernel,
        };
        let plain = Phase::new("first", Shape::Concurrency);
        let scaled = Phase { adaptive_scale: Some(scale), ..plain.clone() };
        Arc::new(Controls::of(&[plain, scaled]))
    }

    #[test]
    fn only_what_the_plan_allows_is_set() {
        let controls = controls(Control::Concurrency);
        let mut steering = controls.steering(1, 0, 2).unwrap();
        assert!(controls.steering(0, 0, 2).is_none(), "a phase that does not change");
        assert_eq!(steering.changed(), Some((Change::Sessions(1), MonoNs(0))), "half of the least value");
        assert_eq!(steering.changed(), None, "nothing new");
        for value in [1.0, 10.0, 2.5, f64::NAN, f64::INFINITY] {
            controls.set(1, Some(value), MonoNs(7));
            assert_eq!(steering.changed(), None, "{value}");
        }
        controls.set(0, Some(5.0), MonoNs(7));
        controls.set(7, Some(5.0), MonoNs(7));
        controls.set(1, Some(9.0), MonoNs(7));
        assert_eq!(
            steering.changed(),
            Some((Change::Sessions(5), MonoNs(7))),
            "the first worker has the remainder"
        );
        controls.set(1, None, MonoNs(7));
        assert_eq!(steering.changed().map(|(change, _)| change), Some(Change::End));
        controls.set(1, Some(3.0), MonoNs(7));
        assert_eq!(steering.changed(), None, "it does not start again");
    }

    #[test]
    fn each_control_changes_its_own() {
        let check = |control, expected| {
            let controls = controls(control);
            controls.set(1, Some(3.0), MonoNs(7));
            assert_eq!(controls.steering(1, 1, 2).unwrap().changed(), Some((expected, MonoNs(7))));
        };
        check(Control::Concurrency, Change::Sessions(1));
        check(Control::PrefillConcurrency, Change::Prefills(1));
        check(Control::RequestRate, Change::Slower(3.0));
        check(Control::Users, Change::Users(3));
    }
}
