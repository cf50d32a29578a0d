//! `histogram`: how often a value occurs, of requests or in the buckets of a server's metric; or bars of time slices.

use super::scatter_with_percentiles::percentile;
use super::{PlotType, index, timeslice, wanted};
use crate::plot::axes::{axis, figure};
use crate::plot::config::{Quantity, Source, Spec};
use crate::plot::one::OneRun;
use metric::float_of;
use picture::{Axis, Bar, Figure, Mark, Point, ScaleKind, Shape, Subject};

pub(super) const TYPE: PlotType = PlotType::of_one("histogram", draw);

fn draw(spec: &Spec, run: &OneRun) -> Result<Figure, String> {
    let y = wanted(spec.y.as_ref(), "y")?;
    match y.source {
        Source::Timeslices => timeslice::bars(spec, run, y),
        Source::Server => buckets(spec, run, y),
        Source::Gpu => {
            of_values(spec, run, y, &run.over_time(y)?.iter().map(|point| point.y).collect::<Vec<_>>())
        }
        Source::Run => of_values(spec, run, y, &run.columns.get(&y.name)?),
    }
}

/// How many requests have a value in each interval, by the client's clock, and as a line by the kernel's.
fn of_values(spec: &Spec, run: &OneRun, y: &Quantity, values: &[f64]) -> Result<Figure, String> {
    let (low, high, beyond) = extent(values).ok_or_else(|| format!("no request has `{}`", y.name))?;
    let kernel = y.by_the_kernel().and_then(|kernel| run.columns.get(&kernel.name).ok());
    let name = if kernel.is_some() { "client" } else { "" };
    let marks = vec![Mark::new(name, Subject::Client, Shape::Bars { bars: counted(values, low, high) })];
    let steps = kernel.map(|values| {
        let bars = counted(&values, low, high);
        let last = bars.last().map(|bar| Point::new(bar.to, bar.y));
        let points = bars.iter().map(|bar| Point::new(bar.from, bar.y)).chain(last).collect();
        Mark::new("kernel", Subject::Kernel, Shape::Step { points })
    });
    let marks = marks.into_iter().chain(steps).collect();
    let x = Axis { scale: ScaleKind::Linear, from_zero: false, ..axis(y) };
    let mut figure = Figure { marks, ..figure(spec, x.clone(), Axis::new("Requests", "")) };
    figure.x = Axis { label: spec.x_label.clone().unwrap_or_else(|| x.label.clone()), ..x };
    if beyond > 0 {
        figure.notes.push(format!("{beyond} greater values are beyond the right end."));
    }
    Ok(run.of_run(figure))
}

/// The interval that is shown: far outliers are beyond it.
fn extent(values: &[f64]) -> Option<(f64, f64, usize)> {
    let mut sorted = values.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>();
    sorted.sort_by(f64::total_cmp);
    let (low, greatest) = (*sorted.first()?, *sorted.last()?);
    let most = percentile(&sorted, 0.99);
    let high = if greatest - low > FAR * (most - low) { low + FAR * (most - low) } else { greatest };
    let high = if high > low { high } else { low + low.abs().max(1.0) * 0.01 };
    Some((low, high, sorted.iter().filter(|value| **value > high).count()))
}

fn counted(values: &[f64], low: f64, high: f64) -> Vec<Bar> {
    let width = (high - low) / float_of(BINS);
    let mut counts = vec![0_usize; BINS];
    for value in values.iter().filter(|value| (low..=high).contains(*value)) {
        counts[(index((value - low) / width)).min(BINS - 1)] += 1;
    }
    let bar = |(number, count): (usize, usize)| {
        let from = low + width * float_of(number);
        Bar { from, to: from + width, y: float_of(count), spread: None, is_partial: false }
    };
    counts.into_iter().enumerate().map(bar).collect()
}

/// The buckets of a server's histogram: observations in each, of all series that are selected.
fn buckets(spec: &Spec, run: &OneRun, y: &Quantity) -> Result<Figure, String> {
    let series = run.server.selected(&y.name)?;
    let mut cumulative = std::collections::BTreeMap::<u64, (f64, f64)>::new();
    for (bound, count) in series.iter().flat_map(|series| &series.buckets) {
        // Bounds are not negative: their bits have their order.
        cumulative.entry(bound.max(0.0).to_bits()).or_insert((*bound, 0.0)).1 += count;
    }
    let all = cumulative.into_values().collect::<Vec<_>>();
    let finite = all.iter().filter(|(bound, _)| bound.is_finite()).copied().collect::<Vec<_>>();
    if finite.is_empty() {
        return Err(format!("`{}` has no buckets", y.name));
    }
    let total = all.last().map_or(0.0, |(_, count)| *count);
    let (mut from, mut before) = (0.0, 0.0);
    let bars = finite.iter().map(|(bound, count)| {
        let bar = Bar { from, to: *bound, y: (count - before).max(0.0), spread: None, is_partial: false };
        (from, before) = (*bound, *count);
        bar
    });
    let bars = bars.collect::<Vec<_>>();
    // Empty buckets above all observations would be most of the picture.
    let last = bars.iter().rposition(|bar| bar.y > 0.0).unwrap_or(0);
    let marks = vec![Mark::new("", Subject::Server, Shape::Bars { bars: bars[..=last].to_vec() })];
    let unit = series.first().map(|series| series.unit.clone()).unwrap_or_default();
    let x = Axis { scale: ScaleKind::Linear, ..Axis::new(y.name.clone(), unit) };
    let mut figure = Figure { marks, ..figure(spec, x, Axis::new("Observations", "")) };
    if total > before {
        figure.notes.push(format!("{} observations are above the last bucket.", total - before));
    }
    Ok(run.of_run(figure))
}

const BINS: usize = 40;
/// Values beyond so many times the 99th percentile's distance from the least are not shown.
const FAR: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_or_beyond() {
        let mut values = (0..1000_u32).map(f64::from).collect::<Vec<_>>();
        values.extend([1e6, f64::NAN]);
        let (low, high, beyond) = extent(&values).unwrap();
        let inside = counted(&values, low, high).iter().map(|bar| bar.y).sum::<f64>();
        assert_eq!((inside, beyond), (1000.0, 1), "{low} to {high}");
        let (low, high, beyond) = extent(&[5.0; 3]).unwrap();
        assert!(high > low && beyond == 0, "equal values have a width");
        assert!(extent(&[]).is_none(), "none");
    }
}
