//! How a rate over time stretches a process of one arrival a second.

use common::clock::DurationNs;
use spec::{Phase, RatePoint};

/// A rate over time, linear in pieces, with the time at which a number of arrivals is expected.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    begin_s: f64,
    /// Arrivals expected before it starts.
    before: f64,
    qps: f64,
    /// Growth of the rate, per second.
    slope: f64,
    /// Arrivals expected in it.
    within: f64,
}

impl Rate {
    /// The rate of a phase.
    pub(crate) fn of(phase: &Phase) -> Self {
        let target = phase.request_rate.unwrap_or(1.0);
        match phase.request_rate_ramp_seconds {
            _ if !phase.request_rate_series.is_empty() => Self::through(&phase.request_rate_series),
            Some(seconds) => {
                // AIPerf starts its ramps with the rate that is reached after its first step of 0.1 s.
                let first = target * (RAMP_STEP_S / seconds).min(1.0);
                Self::through(&[
                    RatePoint { time_s: 0.0, qps: first },
                    RatePoint { time_s: seconds, qps: target },
                ])
            }
            None => Self::through(&[RatePoint { time_s: 0.0, qps: target }]),
        }
    }

    /// The offset at which so many arrivals are expected; none if the rate ends before.
    pub(crate) fn when(&self, expected: f64) -> Option<DurationNs> {
        let piece = self.pieces.iter().find(|piece| expected - piece.before < piece.within)?;
        let left = expected - piece.before;
        let seconds = if piece.slope == 0.0 {
            left / piece.qps
        } else {
            // The root of qps·x + slope·x²/2 = left that stays exact for small slopes.
            2.0 * left / (piece.qps + (piece.qps * piece.qps + 2.0 * piece.slope * left).max(0.0).sqrt())
        };
        Some(DurationNs::from_seconds(piece.begin_s + seconds))
    }

    /// Through points, the first rate before them, the last one after them.
    fn through(points: &[RatePoint]) -> Self {
        let mut rate = Self { pieces: Vec::new() };
        let mut before = 0.0;
        let mut last = RatePoint { time_s: 0.0, qps: points.first().map_or(0.0, |point| point.qps) };
        for point in points {
            let seconds = point.time_s - last.time_s;
            if seconds > 0.0 {
                let within = seconds * f64::midpoint(last.qps, point.qps);
                let slope = (point.qps - last.qps) / seconds;
                rate.pieces.push(Piece { begin_s: last.time_s, before, qps: last.qps, slope, within });
                before += within;
            }
            last = *point;
        }
        if last.qps > 0.0 {
            let rest =
                Piece { begin_s: last.time_s, before, qps: last.qps, slope: 0.0, within: f64::INFINITY };
            rate.pieces.push(rest);
        }
        rate
    }
}

/// AIPerf's distance of rate updates, in seconds.
const RAMP_STEP_S: f64 = 0.1;
