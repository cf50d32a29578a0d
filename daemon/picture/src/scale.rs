//! Scales: which values an axis covers, where they are, and which of them have a tick.

use crate::figure::{Axis, Place, ScaleKind};
use crate::layout::TICK;
use crate::number::{fixed, float, magnitude, short, whole};
use crate::text::{Weight, fitted};

/// An axis with its place in the picture.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    is_log: bool,
    /// Whether it has ticks at whole numbers only.
    is_whole: bool,
    low: f64,
    high: f64,
    /// Where `low` is.
    from: f64,
    /// Where `high` is.
    to: f64,
}

/// A tick.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// The ticks of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ticks {
    pub(crate) ticks: Vec<Tick>,
    /// What the labels are counted from, where they would otherwise be too long.
    pub(crate) offset: Option<f64>,
}

impl Scale {
    /// A scale that covers these values, which are finite; without any, from 0 to 1.
    pub(crate) fn covering(axis: &Axis, mut values: Vec<f64>, stands_on_zero: bool) -> Self {
        values.iter_mut().for_each(|value| *value = value.clamp(-LARGEST, LARGEST));
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let is_log = match axis.scale {
            ScaleKind::Log => true,
            ScaleKind::Linear | ScaleKind::Counts | ScaleKind::Rows => false,
            ScaleKind::Auto => !stands_on_zero && least > 0.0 && is_skewed(&mut values, greatest),
        };
        let is_rows = axis.scale == ScaleKind::Rows;
        let (low, high) = match values.as_slice() {
            [] if is_log => (1.0, 10.0),
            // From the top down.
            [] if is_rows => (1.5, 0.5),
            _ if is_rows => (greatest + 0.5, least - 0.5),
            [] => (0.0, 1.0),
            _ if is_log => log_domain(least, greatest),
            _ => linear_domain(least, greatest, axis.from_zero || stands_on_zero),
        };
        let is_whole = is_rows || axis.scale == ScaleKind::Counts;
        Self { is_log, is_whole, low, high, from: 0.0, to: 1.0 }
    }

    /// The same between these places.
    pub(crate) fn between(self, from: f64, to: f64) -> Self {
        Self { from, to, ..self }
    }

    /// Whether it is logarithmic.
    pub(crate) const fn is_log(&self) -> bool {
        self.is_log
    }

    /// Where a value is. What the axis does not cover is at its end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(f64::MIN_POSITIVE).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Where bars and areas stand: at zero, or where the axis begins.
    pub(crate) fn ground(&self) -> f64 {
        self.place(if self.is_log { self.low } else { 0.0_f64.clamp(self.low, self.high) })
    }

    /// The ticks of an axis with named places, of which those that are too close to the one before have none.
    pub(crate) fn named(&self, places: &[Place], apart: f64) -> Ticks {
        let (low, high) = (self.low.min(self.high), self.low.max(self.high));
        let mut ticks = Vec::<Tick>::new();
        for Place { at, name } in places.iter().filter(|place| (low..=high).contains(&place.at)) {
            let is_close = |last: &Tick| (self.place(last.value) - self.place(*at)).abs() < apart;
            if !ticks.last().is_some_and(is_close) {
                ticks.push(Tick { value: *at, label: fitted(name, TICK, Weight::Regular, NAMED_WIDTH) });
            }
        }
        Ticks { ticks, offset: None }
    }

    /// About so many ticks.
    pub(crate) fn ticks(&self, wanted: f64) -> Ticks {
        if self.is_log && self.high / self.low > FEWEST_DECADES {
            return Ticks { ticks: self.log_ticks(wanted), offset: None };
        }
        self.linear_ticks(wanted)
    }

    fn linear_ticks(&self, wanted: f64) -> Ticks {
        let (low, high) = (self.low.min(self.high), self.low.max(self.high));
        let step = nice((high - low) / wanted.max(2.0));
        let step = if self.is_whole { step.max(1.0).ceil() } else { step };
        let (first, last) = ((low / step - SLACK).ceil(), (high / step + SLACK).floor());
        let count = whole(last - first).min(MOST_TICKS);
        let values = (0..=count).map(|number| (first + float(number)) * step).collect::<Vec<_>>();
        let greatest = self.low.abs().max(self.high.abs());
        let offset = (greatest / step > LONGEST).then_some(values[0]);
        let shown = if offset.is_some() { high - low } else { greatest };
        let (divisor, suffix) = divisor(shown);
        let decimals = decimals(step / divisor);
        let tick = |value: f64| {
            let number = (value - offset.unwrap_or(0.0)) / divisor;
            let suffix = if number == 0.0 { "" } else { &suffix };
            let sign = if offset.is_some() { "+" } else { "" };
            Tick { value, label: format!("{sign}{}{suffix}", fixed(number, decimals)) }
        };
        Ticks { ticks: values.into_iter().map(tick).collect(), offset }
    }

    fn log_ticks(&self, wanted: f64) -> Vec<Tick> {
        let (first, last) = (self.low.log10().floor(), self.high.log10().ceil());
        let decades = last - first;
        let steps: &[f64] = if decades * 3.0 <= wanted * 2.4 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = ((self.high.log10() - self.low.log10()) / wanted.max(2.0)).ceil().max(1.0);
        let first = (first / every).floor() * every;
        let powers =
            (0..=whole((last - first) / every)).map(|number| 10.0_f64.powf(first + float(number) * every));
        let values = powers.flat_map(|power| steps.iter().map(move |step| step * power));
        let inside = values.filter(|value| (self.low..=self.high).contains(value));
        inside.map(|value| Tick { value, label: short(value) }).collect()
    }
}

/// Whether few values are far greater than most.
fn is_skewed(values: &mut [f64], greatest: f64) -> bool {
    if values.is_empty() {
        return false;
    }
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    greatest > SKEWED * *median
}

fn linear_domain(least: f64, greatest: f64, from_zero: bool) -> (f64, f64) {
    let (mut low, mut high) = (least, greatest);
    if from_zero {
        (low, high) = (low.min(0.0), high.max(0.0));
    }
    if high - low <= high.abs().max(low.abs()) * 1e-12 {
        let around = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
        return (if high == 0.0 { 0.0 } else { low - around }, high + around);
    }
    let room = (high - low) * ROOM;
    let padded = |end: f64, by: f64| if from_zero && end == 0.0 { end } else { end + by };
    (padded(low, -room), padded(high, room))
}

fn log_domain(least: f64, greatest: f64) -> (f64, f64) {
    let least = least.max(f64::MIN_POSITIVE * 1e10);
    let greatest = greatest.max(least);
    let room = if greatest / least < 1.01 { 2.0 } else { (greatest / least).powf(ROOM) };
    (least / room, greatest * room)
}

/// The next step of 1, 2, 2.5 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10.0_f64.powf(step.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = steps.iter().find(|times| **times * power >= step * (1.0 - SLACK));
    fits.unwrap_or(&10.0) * power
}

/// What the labels of an axis are divided by, and what stands for that behind them.
fn divisor(greatest: f64) -> (f64, String) {
    if greatest > 0.0 && !(1e-3..1e16).contains(&greatest) {
        let power = (greatest.log10() / 3.0).floor() * 3.0;
        return (10.0_f64.powf(power), format!("e{power:.0}"));
    }
    let (divisor, suffix) = magnitude(greatest);
    (divisor, suffix.to_owned())
}

/// How many decimals a step has.
fn decimals(step: f64) -> usize {
    let is_whole = |decimals: &i32| {
        let scaled = step * 10.0_f64.powi(*decimals);
        scaled > 0.5 && (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..=9).find(is_whole).and_then(|decimals| usize::try_from(decimals).ok()).unwrap_or(9)
}

/// The share of an axis that stays free at an end.
const ROOM: f64 = 0.05;
/// The greatest value over the median from which an axis is logarithmic.
const SKEWED: f64 = 50.0;
/// Below this ratio of its ends a logarithmic axis has the ticks of a linear one.
const FEWEST_DECADES: f64 = 5.0;
/// Ticks of more digits than this are counted from an offset.
const LONGEST: f64 = 2e5;
const MOST_TICKS: usize = 40;
/// The widest name of a place.
const NAMED_WIDTH: f64 = 150.0;
const SLACK: f64 = 1e-9;
/// Larger values are drawn as this one: differences stay finite.
const LARGEST: f64 = 1e300;

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: ScaleKind, from_zero: bool) -> Axis {
        Axis { scale, from_zero, ..Axis::default() }
    }

    #[track_caller]
    fn check(scale: ScaleKind, from_zero: bool, values: &[f64], expected: &[&str]) {
        let scale = Scale::covering(&axis(scale, from_zero), values.to_vec(), false);
        let ticks = scale.ticks(5.0).ticks;
        let labels = ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>();
        assert_eq!(labels, expected, "{values:?}: {scale:?}");
    }

    #[test]
    fn ticks_are_round_numbers() {
        let linear = ScaleKind::Linear;
        check(linear, true, &[3.0, 97.0], &["0", "25", "50", "75", "100"]);
        check(linear, true, &[0.013], &["0.000", "0.005", "0.010"]);
        check(linear, true, &[12.0, 48_000.0], &["0", "20k", "40k"]);
        check(linear, false, &[-2.0, 2.0], &["−2", "−1", "0", "1", "2"]);
        check(linear, true, &[3e-7], &["0", "100e-9", "200e-9", "300e-9"]);
        check(ScaleKind::Counts, true, &[1.0, 3.0], &["0", "1", "2", "3"]);
        check(ScaleKind::Counts, true, &[5.0], &["0", "2", "4"]);
        check(linear, false, &[5.0, 5.0], &["4.6", "4.8", "5.0", "5.2", "5.4"]);
        check(linear, true, &[], &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(linear, true, &[0.0], &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(
            ScaleKind::Log,
            false,
            &[1.5, 900.0],
            &["2", "5", "10", "20", "50", "100", "200", "500", "1000"],
        );
        check(ScaleKind::Log, false, &[1e-3, 1e9], &["0.001", "1", "1000", "1M", "1G"]);
        check(ScaleKind::Log, false, &[7.0, 7.0], &["5.0", "7.5", "10.0", "12.5"]);
    }

    #[test]
    fn rows_are_numbered_from_the_top() {
        let rows = |values: &[f64]| {
            Scale::covering(&axis(ScaleKind::Rows, true), values.to_vec(), false).between(100.0, 0.0)
        };
        let labels =
            |scale: &Scale| scale.ticks(5.0).ticks.into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        let two = rows(&[1.0, 2.0]);
        assert_eq!(labels(&two), ["1", "2"], "no halves");
        assert!((two.place(1.0) - 25.0).abs() < 1e-9 && (two.place(2.0) - 75.0).abs() < 1e-9, "{two:?}");
        assert_eq!(labels(&rows(&[1.0, 7.0])), ["2", "4", "6"], "{:?}", rows(&[1.0, 7.0]));
        assert_eq!(labels(&rows(&[])), ["1"], "one row without anything");
        let places = [1.0, 1.2, 2.0, 9.0].map(|at| Place { at, name: format!("lane {at}") });
        let named = two.named(&places, 20.0).ticks;
        let named = named.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>();
        assert_eq!(named, ["lane 1", "lane 2"], "neither too close nor outside");
    }

    #[test]
    fn long_numbers_are_counted_from_an_offset() {
        let values = vec![1_790_000_000.0, 1_790_000_010.0];
        let ticks = Scale::covering(&axis(ScaleKind::Linear, false), values, false).ticks(5.0);
        assert_eq!(ticks.offset, Some(1_790_000_000.0), "the first tick");
        assert_eq!(ticks.ticks[1].label, "+2.5", "the distance");
    }

    #[test]
    fn one_far_value_makes_the_axis_logarithmic() {
        let mut values = vec![10.0; 100];
        assert!(
            !Scale::covering(&axis(ScaleKind::Auto, true), values.clone(), false).is_log(),
            "equal values"
        );
        values.push(1e6);
        assert!(Scale::covering(&axis(ScaleKind::Auto, true), values.clone(), false).is_log(), "an outlier");
        assert!(
            !Scale::covering(&axis(ScaleKind::Auto, true), values.clone(), true).is_log(),
            "bars stand on zero"
        );
        values.push(0.0);
        assert!(
            !Scale::covering(&axis(ScaleKind::Auto, true), values, false).is_log(),
            "zero has no logarithm"
        );
    }

    #[test]
    fn places_are_finite_for_every_value() {
        for values in [vec![], vec![f64::MAX, f64::MIN], vec![5e-324, 1.0], vec![0.0, 0.0]] {
            for kind in [ScaleKind::Linear, ScaleKind::Log, ScaleKind::Auto] {
                let kept =
                    values.iter().copied().filter(|value| kind != ScaleKind::Log || *value > 0.0).collect();
                let scale = Scale::covering(&axis(kind, true), kept, false).between(100.0, 0.0);
                let probes = values.iter().copied().chain([0.0, 1.0, -1.0]);
                for place in probes.map(|value| scale.place(value)) {
                    assert!((0.0..=100.0).contains(&place), "{values:?} {kind:?}: {place}");
                }
                assert!(scale.ticks(5.0).ticks.len() <= MOST_TICKS + 1, "{values:?} {kind:?}");
            }
        }
    }
}
