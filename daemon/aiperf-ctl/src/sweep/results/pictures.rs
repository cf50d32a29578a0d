//! What is drawn of a sweep: throughput against latency, and what a load does to the number that is looked at.

use super::super::judged::{kernel_tag, shown};
use super::{Combination, FALLS_BEHIND, Measured, Row, pareto};
use experiment::search::{Limit, Op};
use metric::{Report, Stat, find};
use picture::{Axis, Covariance, Figure, Mark, Point, ScaleKind, Shape, Subject, confidence_ellipse};
use std::collections::BTreeSet;

impl Measured<'_> {
    /// The figures of a sweep. `answers` are the values that a search along one axis found, each with its name.
    pub(in super::super) fn pictures(&self, answers: &[(String, f64)]) -> Vec<Figure> {
        let mut combinations = self.combinations();
        // Of a search, the last run of a load is the longest.
        let names = combinations.iter().map(Combination::name).collect::<Vec<_>>();
        let mut place = 0;
        combinations.retain(|_| {
            place += 1;
            !names[place..].contains(&names[place - 1])
        });
        [self.front(&combinations), self.along(&combinations, answers)].into_iter().flatten().collect()
    }

    /// Throughput against latency, with the variations that no other one beats in both.
    fn front(&self, combinations: &[Combination<'_>]) -> Option<Figure> {
        let places = combinations
            .iter()
            .filter_map(|one| Some((one, one.throughput?, one.latency?)))
            .collect::<Vec<_>>();
        if places.is_empty() {
            return None;
        }
        let point = |(one, throughput, latency): &(&Combination<'_>, f64, f64)| Point {
            label: Some(one.name()),
            hollow: one.refused(),
            ..Point::new(*throughput, *latency)
        };
        let mut optimal = pareto(combinations)
            .into_iter()
            .filter_map(|one| Some(Point::new(one.throughput?, one.latency?)))
            .collect::<Vec<_>>();
        optimal.sort_by(|one, other| one.x.total_cmp(&other.x));
        let has_front = optimal.len() > 1;
        // More throughput than a point has is had at the next one's latency.
        let corners = optimal.windows(2).map(|pair| Point::new(pair[0].x, pair[1].y)).collect::<Vec<_>>();
        let mut steps = Vec::new();
        for (place, point) in optimal.into_iter().enumerate() {
            steps.push(point);
            steps.extend(corners.get(place).cloned());
        }
        let front =
            has_front.then(|| Mark::new("Pareto-optimal", Subject::Limit, Shape::Step { points: steps }));
        let ellipses = places.iter().filter_map(|(one, ..)| one.ellipse(self.confidence)).map(|vertices| {
            Mark::new("", Subject::Series(0), Shape::Polygon { vertices, is_dashed: self.trials < FEW_RUNS })
        });
        let points =
            Mark::new("", Subject::Series(0), Shape::Points { points: places.iter().map(point).collect() });
        let is_streamed =
            places.iter().any(|(one, ..)| one.reports().any(|report| report.get(STREAMED).is_some()));
        let latency = if is_streamed {
            "Time to first token by the client's clock, p99"
        } else {
            "Request latency by the client's clock, p99"
        };
        let notes = ["A hollow point says nothing of the server, or misses a limit.".to_owned()];
        let any_hollow = places.iter().any(|(one, ..)| one.refused().is_some());
        Some(Figure {
            title: "Throughput and latency of each variation".to_owned(),
            x: Axis::new("Throughput", "requests/s"),
            y: Axis::new(latency, "ms"),
            marks: front.into_iter().chain(ellipses).chain([points]).collect(),
            notes: notes.into_iter().filter(|_| any_hollow).collect(),
            ..Figure::default()
        })
    }

    /// What the load does to the first limit's number, or to latency: by the client's clock and by the kernel's.
    fn along(&self, combinations: &[Combination<'_>], answers: &[(String, f64)]) -> Option<Figure> {
        let names = self.names();
        let [(path, name)] = &names[..] else { return None };
        let places =
            combinations.iter().filter_map(|one| Some((one, one.variation.values.get(path)?.as_f64()?)));
        let mut places = places.collect::<Vec<_>>();
        places.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let limit = self.drawn.first();
        let stat = limit
            .and_then(|limit| Stat::ALL.into_iter().find(|stat| stat.name() == limit.stat))
            .unwrap_or(Stat::P99);
        let has = |tag: &str| {
            places.iter().any(|(one, _)| one.reports().any(|report| report.stat(tag, stat).is_some()))
        };
        let tag = match limit {
            Some(limit) => limit.metric_tag.as_str(),
            None => [STREAMED, "request_latency"].into_iter().find(|tag| has(tag))?,
        };
        let metric = find(tag)?;
        // The cause is written once.
        let is_measured = has(&kernel_tag(tag));
        let line = |name: &str, subject: Subject, tag: &str| {
            let is_named = subject == Subject::Kernel || !is_measured;
            let points = places.iter().filter_map(|(one, load)| {
                let numbers =
                    one.reports().filter_map(|report| report.stat(tag, stat)).map(metric::Value::get);
                let numbers = numbers.collect::<Vec<_>>();
                let mean = numbers.iter().sum::<f64>() / metric::float_of(numbers.len());
                mean.is_finite().then(|| Point {
                    hollow: one.void().map(|why| if is_named { why } else { String::new() }),
                    ..Point::new(*load, mean)
                })
            });
            let points = points.collect::<Vec<_>>();
            (!points.is_empty()).then(|| {
                let dots = Mark::new("", subject, Shape::Points { points: points.clone() });
                [Mark::new(name, subject, Shape::Line { points }), dots]
            })
        };
        let lines = [line("client", Subject::Client, tag), line("kernel", Subject::Kernel, &kernel_tag(tag))];
        let lines = lines.into_iter().flatten().flatten().collect::<Vec<_>>();
        if lines.is_empty() || places.len() < 2 {
            return None;
        }
        let is_of_it = |other: &&Limit| other.metric_tag == tag && other.stat == stat.name();
        let bounds =
            self.drawn.iter().filter(is_of_it).map(|limit| {
                Mark::new(shown(limit), Subject::Limit, Shape::Horizontal { y: limit.threshold })
            });
        let bounds = bounds.collect::<Vec<_>>();
        let keeps = limit.is_none_or(|limit| matches!(limit.op, Op::Lt | Op::Le));
        let found = answers
            .iter()
            .map(|(name, x)| Mark::new(name.clone(), Subject::Limit, Shape::Vertical { x: *x }));
        Some(Figure {
            title: format!("{} by {name}", metric.header),
            x: Axis { from_zero: false, ..Axis::new(name.clone(), "") },
            y: Axis {
                scale: if keeps { ScaleKind::Auto } else { ScaleKind::Linear },
                ..Axis::new(format!("{}, {}", metric.header, stat.name()), metric.display.name())
            },
            marks: lines.into_iter().chain(bounds).chain(found).collect(),
            ..Figure::default()
        })
    }
}

impl Combination<'_> {
    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.rows.iter().filter_map(|row| row.report.as_ref())
    }

    /// Why it says nothing of the server.
    fn void(&self) -> Option<String> {
        self.rows.iter().find_map(Row::void)
    }

    /// Why it is not among the best.
    fn refused(&self) -> Option<String> {
        let is_behind = self.misses.iter().any(|miss| miss == FALLS_BEHIND);
        let misses = if is_behind { FALLS_BEHIND } else { "misses a limit" };
        let misses = (!self.misses.is_empty()).then(|| misses.to_owned());
        let why = self.limits.iter().cloned().chain(misses).collect::<BTreeSet<_>>();
        (!why.is_empty()).then(|| why.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Where its throughput and its latency lie with this probability, by its runs.
    fn ellipse(&self, level: f64) -> Option<Vec<[f64; 2]>> {
        let latency = |report: &Report| {
            report.stat(STREAMED, Stat::P99).or_else(|| report.stat("request_latency", Stat::P99))
        };
        let runs = self.reports().filter_map(|report| {
            Some([report.stat("request_throughput", Stat::Avg)?.get(), latency(report)?.get()])
        });
        let runs = runs.collect::<Vec<_>>();
        let count = metric::float_of(runs.len());
        if count < 3.0 {
            return None;
        }
        let mean = |axis: usize| runs.iter().map(|run| run[axis]).sum::<f64>() / count;
        let center = [mean(0), mean(1)];
        let product = |one: usize, other: usize| {
            let sum =
                runs.iter().map(|run| (run[one] - center[one]) * (run[other] - center[other])).sum::<f64>();
            // Of the mean of the runs.
            sum / (count - 1.0) / count
        };
        let covariance = Covariance { xx: product(0, 0), xy: product(0, 1), yy: product(1, 1) };
        confidence_ellipse(covariance, center, level, VERTICES).ok()
    }
}

/// The latency of streamed responses.
const STREAMED: &str = "time_to_first_token";
/// An ellipse of fewer runs is dashed.
const FEW_RUNS: u32 = 5;
const VERTICES: usize = 64;
