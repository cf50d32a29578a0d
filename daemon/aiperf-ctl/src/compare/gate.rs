//! Parses and evaluates `--fail-if`: a condition on a figure, absolute or relative to the baseline's.

use super::figures::Figures;
use crate::plan::Refusal;
use metric::{Stat, find};

/// A condition under which the comparison fails.
#[derive(Clone, Debug)]
pub(super) struct Gate {
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

impl Gate {
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

    /// One sentence per failing run. The baseline is tested only against an absolute limit, and only if it is the only run.
    pub(super) fn judge(&self, runs: &[Figures]) -> Result<Vec<String>, Refusal> {
        let figure = |run: &Figures| {
            run.get(self.tag, self.stat).map(|figure| figure.value).ok_or_else(|| {
                Refusal(format!(
                    "--fail-if `{}`: `{}` has no {}.{}",
                    self.text, run.label, self.tag, self.stat
                ))
            })
        };
        let (judged, limit) = match (self.limit, runs) {
            (Limit::Absolute(limit), [only]) => (std::slice::from_ref(only), limit),
            (Limit::Absolute(limit), [_, others @ ..]) => (others, limit),
            (Limit::Times(times), [base, others @ ..]) if !others.is_empty() => {
                (others, times * figure(base)?)
            }
            _ => return Err(Refusal(format!("--fail-if `{}` needs a second run", self.text))),
        };
        let mut failures = Vec::new();
        for run in judged {
            let value = figure(run)?;
            if (self.is_met)(&value, &limit) {
                failures.push(format!(
                    "failed: {}: {}.{} is {value:.6} {}, and the limit is {limit:.6} {} ({})",
                    run.label, self.tag, self.stat, self.unit, self.unit, self.text
                ));
            }
        }
        Ok(failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(value: f64) -> Figures {
        let mut figures = Figures::new("run".to_owned(), "test");
        figures.put("time_to_first_token", Stat::P99, Some(value), None);
        figures
    }

    fn check(text: &str, runs: &[f64], failures: usize) {
        let runs = runs.iter().map(|value| run(*value)).collect::<Vec<_>>();
        let found = Gate::parse(text).unwrap().judge(&runs).unwrap();
        assert_eq!(found.len(), failures, "{text}: {found:?}");
    }

    #[test]
    fn gates() {
        check("time_to_first_token.p99 > 1.05x", &[100.0, 106.0, 104.0], 1);
        check("time_to_first_token.p99>=1x", &[100.0, 100.0], 1);
        check("time_to_first_token.p99 < 0.9 x", &[100.0, 80.0], 1);
        check("time_to_first_token.p99 > 50", &[100.0], 1);
        check("time_to_first_token.p99 > 50 ms", &[100.0, 20.0], 0);
    }

    #[test]
    fn invalid_conditions_are_refused() {
        let refused = |text: &str, expected: &str| {
            let why = Gate::parse(text).unwrap_err().0;
            assert!(why.contains(expected), "{why}");
        };
        refused("time_to_first_token.p99", "expected TAG.STAT");
        refused("ttft.p99 > 3", "unknown metric `ttft`");
        refused("time_to_first_token.p98 > 3", "unknown statistic `p98`");
        refused("time_to_first_token.p99 > fast", "expected TAG.STAT");
        let gate = Gate::parse("time_to_first_token.p99 > 2x").unwrap();
        assert!(gate.judge(&[run(1.0)]).is_err(), "nothing to compare with");
        assert!(gate.judge(&[run(1.0), Figures::new("bare".to_owned(), "test")]).is_err(), "no such figure");
    }
}
