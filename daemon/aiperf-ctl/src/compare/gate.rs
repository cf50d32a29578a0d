//! Parses and evaluates `--fail-if`: a condition on a figure, absolute or relative to the baseline's. It is met, not met, or the
//! data can't tell.

use super::figures::Figure;
use super::rows::FAILURES;
use super::side::{self, Side};
use crate::plan::Refusal;
use metric::{Needs, Stat, find};
use statistics::{Difference, Gate, Spread, between, difference, gate, wilson};

/// A condition under which the comparison fails.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    text: String,
    tag: &'static str,
    stat: &'static str,
    unit: &'static str,
    is_met: fn(&f64, &f64) -> bool,
    limit: Limit,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    /// In the metric's unit.
    Absolute(f64),
    /// A multiple of the baseline's figure.
    Times(f64),
}

/// What a condition is for one side.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Whether it is met.
    pub(super) gate: Gate,
    /// Whether it is met by the numbers alone, however unsure they are.
    pub(super) by_value: bool,
    /// What is to be shown; empty if it is not met.
    pub(super) text: String,
}

impl Condition {
    /// Parses `kernel_time_to_first_token.p99 > 1.05x`.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let refuse = |why: String| Refusal(format!("--fail-if `{text}`: {why}"));
        let form =
            || refuse("expected TAG.STAT OP LIMIT, such as 'time_to_first_token.p99 > 1.05x'".to_owned());
        let place = text.find(['<', '>']).ok_or_else(form)?;
        let (subject, rest) = text.split_at(place);
        let (tag, stat) = subject.trim().split_once('.').unwrap_or_else(|| (subject.trim(), "avg"));
        let metric = find(tag).ok_or_else(|| refuse(format!("unknown metric `{tag}`")))?;
        let known = Stat::ALL.into_iter().find(|known| known.name() == stat);
        let stat = known.ok_or_else(|| refuse(format!("unknown statistic `{stat}`")))?.name();
        let (is_met, rest): (fn(&f64, &f64) -> bool, _) = match rest.as_bytes() {
            [b'>', b'=', ..] => (f64::ge, &rest[2..]),
            [b'<', b'=', ..] => (f64::le, &rest[2..]),
            [b'>', ..] => (f64::gt, &rest[1..]),
            _ => (f64::lt, &rest[1..]),
        };
        let rest = rest.trim();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let limit = match rest.strip_suffix(['x', '×']) {
            Some(times) => number(times).map(Limit::Times),
            None => number(rest.strip_suffix(metric.display.name()).unwrap_or(rest)).map(Limit::Absolute),
        };
        let (text, unit) = (text.to_owned(), metric.display.name());
        Ok(Self { text, tag: metric.tag, stat, unit, is_met, limit: limit.ok_or_else(form)? })
    }

    /// A condition on one run's number; `None` for an unknown metric or statistic.
    pub(super) fn absolute(
        tag: &str,
        stat: &str,
        is_met: fn(&f64, &f64) -> bool,
        threshold: f64,
    ) -> Option<Self> {
        let metric = find(tag)?;
        let stat = Stat::ALL.into_iter().find(|known| known.name() == stat)?.name();
        let (text, unit, limit) = (String::new(), metric.display.name(), Limit::Absolute(threshold));
        Some(Self { text, tag: metric.tag, stat, unit, is_met, limit })
    }

    /// The outcome for each judged side, with a sentence where the condition is met or may be. The baseline is judged only by an
    /// absolute limit, and only if it is the only side.
    ///
    /// Where the condition is one of so many of which none may be met, it is met if it is at both ends of the interval of
    /// which so many hold together; to not be met takes no more than alone.
    pub(super) fn judge(
        &self,
        sides: &[Side],
        variation: f64,
        comparisons: usize,
    ) -> Result<Vec<Outcome>, Refusal> {
        let (judged, times) = match (self.limit, sides) {
            (Limit::Absolute(_), [only]) => (std::slice::from_ref(only), None),
            (Limit::Absolute(_), [_, others @ ..]) => (others, None),
            (Limit::Times(times), [base, others @ ..]) if !others.is_empty() => (others, Some((base, times))),
            _ => return Err(Refusal(format!("--fail-if `{}` needs a second run", self.text))),
        };
        judged.iter().map(|side| self.outcome(side, times, variation, comparisons)).collect()
    }

    /// The outcome for one side, given the baseline and its multiple for a relative limit.
    fn outcome(
        &self,
        side: &Side,
        base: Option<(&Side, f64)>,
        variation: f64,
        comparisons: usize,
    ) -> Result<Outcome, Refusal> {
        let figure = self.figure(side)?;
        let limit = match (base, self.limit) {
            (Some((base, times)), _) => self.figure(base)?.value * times,
            (None, Limit::Absolute(limit) | Limit::Times(limit)) => limit,
        };
        let by_value = (self.is_met)(&figure.value, &limit);
        let found = self.difference(side, base, limit, variation);
        let gate = match &found {
            // A fact, such as a count or a maximum, is what it is.
            None if by_value => Gate::Holds,
            None => Gate::HoldsNot,
            Some(Ok(difference)) => match gate(difference, self.is_met) {
                Gate::Holds => gate(&difference.one_of(comparisons), self.is_met),
                outcome => outcome,
            },
            Some(Err(_)) => Gate::CantTell,
        };
        let what = format!("{}: {}.{} is {:.6} {}", side.label, self.tag, self.stat, figure.value, self.unit);
        let against = format!("and the limit is {limit:.6} {} ({})", self.unit, self.text);
        let text = match gate {
            Gate::Holds => format!("failed: {what}, {against}"),
            Gate::HoldsNot => String::new(),
            Gate::CantTell => {
                let why = match found.map(|found| found.map(|difference| difference.one_of(comparisons))) {
                    Some(Ok(Difference { low, high, .. })) => {
                        format!("it is {low:+.6} to {high:+.6} {} from the limit", self.unit)
                    }
                    Some(Err(needs)) => needs.to_string(),
                    None => String::new(),
                };
                format!("can't tell: {what}, {against}: {why}")
            }
        };
        Ok(Outcome { gate, by_value, text })
    }

    /// The difference of the figure to the limit; `None` for facts.
    fn difference(
        &self,
        side: &Side,
        base: Option<(&Side, f64)>,
        limit: f64,
        variation: f64,
    ) -> Option<Result<Difference, Needs>> {
        if self.tag == FAILURES {
            return self.difference_of_failures(side, base, limit);
        }
        let sample = side.sample(self.tag, self.stat)?;
        let Some((base, times)) = base else {
            let precision = side.figure(self.tag, self.stat)?.precision?;
            let figure = precision.map(|interval| Spread::of(mean(&sample.values), &interval));
            return Some(figure.map(|figure| between(Spread::certain(limit), figure)));
        };
        let of_base = base.sample(self.tag, self.stat)?;
        if (sample.within.is_none() || of_base.within.is_none())
            && sample.values.len().max(of_base.values.len()) < 2
        {
            return None;
        }
        let scaled = of_base.values.iter().map(|value| value * times).collect::<Vec<_>>();
        let within = of_base.judged().within.map(|within| within.times(times));
        let base = statistics::Side { runs: &scaled, within };
        Some(difference(base, sample.judged(), side::variation(self.tag, variation)))
    }

    /// The same for the share of failures, in percent, whose interval is not symmetric.
    fn difference_of_failures(
        &self,
        side: &Side,
        base: Option<(&Side, f64)>,
        limit: f64,
    ) -> Option<Result<Difference, Needs>> {
        let (share, n) = side.failures()?;
        let Some((base, times)) = base else {
            let (low, high) = wilson(share, n, 0.05);
            let from_limit = |share: f64| share * 100.0 - limit;
            let limits = (from_limit(low), from_limit(high));
            return Some(Ok(Difference::of_limits(from_limit(share), limits, 1.0)));
        };
        let (of_base, of_n) = base.failures()?;
        let (base_low, base_high) = wilson(of_base, of_n, 0.05);
        let (low, high) = wilson(share, n, 0.05);
        let value = share - times * of_base;
        let least = value - (share - low).hypot(times * (base_high - of_base));
        let most = value + (high - share).hypot(times * (of_base - base_low));
        Some(Ok(Difference::of_limits(value, (least, most), 1.0).times(100.0)))
    }

    fn figure(&self, side: &Side) -> Result<Figure, Refusal> {
        side.figure(self.tag, self.stat).ok_or_else(|| {
            let missing = format!("`{}` has no {}.{}", side.label, self.tag, self.stat);
            Refusal(format!("--fail-if `{}`: {missing}", self.text))
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / metric::float_of(values.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::Figures;
    use metric::{Interval, Method};

    /// A side whose p99 is known to within a share of itself.
    fn side(value: f64, share: f64) -> Side {
        let mut figures = Figures::new("run".to_owned(), "test");
        let (low, high) = (value * (1.0 - share), value * (1.0 + share));
        let interval = Interval { low, high, effective: 1e4, freedom: 1e4, method: Method::OrderStatistics };
        figures.put("time_to_first_token", Stat::P99, Some(value), Some(Ok(interval)));
        figures.put("time_to_first_token", Stat::Max, Some(value * 2.0), None);
        figures.put("time_to_first_token", Stat::P90, Some(value), None);
        Side::of(figures)
    }

    fn outcomes(text: &str, values: &[f64], share: f64) -> Vec<Gate> {
        let sides = values.iter().map(|value| side(*value, share)).collect::<Vec<_>>();
        let found = Condition::parse(text).unwrap().judge(&sides, 0.0, 1).unwrap();
        found.iter().map(|outcome| outcome.gate).collect()
    }

    #[test]
    fn a_gate_fails_passes_or_cannot_tell() {
        use Gate::{CantTell, Holds, HoldsNot};
        let check = |text: &str, values: &[f64], share: f64, expected: &[Gate]| {
            assert_eq!(outcomes(text, values, share), expected, "{text} {values:?} {share}");
        };
        check("time_to_first_token.p99 > 1.05x", &[100.0, 112.0, 98.0], 0.01, &[Holds, HoldsNot]);
        check("time_to_first_token.p99 > 1.05x", &[100.0, 106.0, 104.0], 0.01, &[CantTell, CantTell]);
        check("time_to_first_token.p99 < 0.9 x", &[100.0, 80.0], 0.01, &[Holds]);
        check("time_to_first_token.p99 > 50", &[100.0], 0.1, &[Holds]);
        check("time_to_first_token.p99 > 95", &[100.0], 0.1, &[CantTell]);
        check("time_to_first_token.p99 > 50 ms", &[100.0, 20.0], 0.1, &[HoldsNot]);
        check("time_to_first_token.max > 150", &[100.0], 0.1, &[Holds]);
        check("time_to_first_token.max > 2x", &[100.0, 100.0], 0.1, &[HoldsNot]);
        check("time_to_first_token.p90 > 50", &[100.0], 0.1, &[CantTell]);
    }

    #[test]
    fn one_of_many_conditions_needs_more_to_be_met_and_no_more_to_not_be() {
        let condition = Condition::parse("time_to_first_token.p99 > 1.05x").unwrap();
        let gate = |value: f64, comparisons: usize| {
            condition.judge(&[side(100.0, 0.01), side(value, 0.01)], 0.0, comparisons).unwrap()[0].gate
        };
        assert_eq!([gate(107.0, 1), gate(107.0, 20)], [Gate::Holds, Gate::CantTell], "nearly at the limit");
        assert_eq!([gate(112.0, 20), gate(103.0, 20)], [Gate::Holds, Gate::HoldsNot], "far from it");
        assert_eq!([gate(103.2, 1), gate(103.2, 20)], [Gate::HoldsNot; 2], "as alone");
    }

    #[test]
    fn one_run_a_side_is_allowed_what_runs_differ_by() {
        let sides = [side(100.0, 0.01), side(112.0, 0.01)];
        let found =
            Condition::parse("time_to_first_token.p99 > 1.05x").unwrap().judge(&sides, 0.05, 1).unwrap();
        assert_eq!(found[0].gate, Gate::CantTell, "{found:?}");
        assert!(found[0].by_value && found[0].text.starts_with("can't tell: "), "{found:?}");
    }

    #[test]
    fn failures_have_limits_too() {
        let failing = |rate: f64| {
            let mut figures = Figures::new("run".to_owned(), "test");
            let interval = Interval::of_share(0.0, 100.0, 1000.0);
            figures.put(FAILURES, Stat::Avg, Some(rate), Some(Ok(interval)));
            Side::of(figures)
        };
        let gate = |text: &str, sides: &[Side]| {
            Condition::parse(text).unwrap().judge(sides, 0.05, 1).unwrap()[0].gate
        };
        assert_eq!(gate("request_error_rate > 1", &[failing(5.0)]), Gate::Holds, "well above");
        assert_eq!(
            gate("request_error_rate > 1", &[failing(0.0)]),
            Gate::HoldsNot,
            "no failure of a thousand"
        );
        assert_eq!(gate("request_error_rate > 1", &[failing(1.2)]), Gate::CantTell, "about as many");
        assert_eq!(gate("request_error_rate > 1x", &[failing(0.0), failing(10.0)]), Gate::Holds, "from zero");
    }

    #[test]
    fn invalid_conditions_are_refused() {
        let refused = |text: &str, expected: &str| {
            let why = Condition::parse(text).unwrap_err().0;
            assert!(why.contains(expected), "{why}");
        };
        refused("time_to_first_token.p99", "expected TAG.STAT");
        refused("ttft.p99 > 3", "unknown metric `ttft`");
        refused("time_to_first_token.p98 > 3", "unknown statistic `p98`");
        refused("time_to_first_token.p99 > fast", "expected TAG.STAT");
        let condition = Condition::parse("time_to_first_token.p99 > 2x").unwrap();
        assert!(condition.judge(&[side(1.0, 0.1)], 0.0, 1).is_err(), "nothing to compare with");
        let bare = Side::of(Figures::new("bare".to_owned(), "test"));
        assert!(condition.judge(&[side(1.0, 0.1), bare], 0.0, 1).is_err(), "no such figure");
    }
}
