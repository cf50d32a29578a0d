//! Where labels go: those of marks beside the picture, one below the other, and those of points where they cover nothing.

use crate::number::float;

/// Moves places apart so that neighbours are at least `apart` from each other, within `from` to `to`, as little as possible.
/// The result has the order of the places.
pub(crate) fn spread(places: &[f64], apart: f64, from: f64, to: f64) -> Vec<f64> {
    let mut order = (0..places.len()).collect::<Vec<_>>();
    order.sort_by(|one, other| places[*one].total_cmp(&places[*other]));
    let mut moved = vec![0.0; places.len()];
    let mut free = from;
    for place in &order {
        moved[*place] = places[*place].max(free);
        free = moved[*place] + apart;
    }
    let mut free = to;
    for place in order.iter().rev() {
        moved[*place] = moved[*place].min(free);
        free = moved[*place] - apart;
    }
    // More than there is room for begin at the top and go beyond the bottom.
    let least = order.first().map_or(from, |first| moved[*first]);
    if least < from {
        for (number, place) in order.iter().enumerate() {
            moved[*place] = from + apart * float(number);
        }
    }
    moved
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Rect {
    pub(crate) const fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) const fn height(&self) -> f64 {
        self.bottom - self.top
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn is_within(&self, outer: &Self) -> bool {
        self.left >= outer.left
            && self.right <= outer.right
            && self.top >= outer.top
            && self.bottom <= outer.bottom
    }
}

/// Labels that do not cover each other.
#[derive(Debug)]
pub(crate) struct Labels {
    within: Rect,
    taken: Vec<Rect>,
}

impl Labels {
    /// None yet, within this rectangle; points may not be covered either.
    pub(crate) fn within(within: Rect, points: impl Iterator<Item = (f64, f64)>) -> Self {
        let dot = |(x, y)| Rect { left: x - DOT, top: y - DOT, right: x + DOT, bottom: y + DOT };
        Self { within, taken: points.take(MOST_POINTS).map(dot).collect() }
    }

    /// The left end of the baseline for a label of this width beside a point; `None` if there is no room.
    pub(crate) fn place(&mut self, x: f64, y: f64, width: f64, height: f64) -> Option<(f64, f64)> {
        let half = width / 2.0;
        let middle = y + height * 0.35;
        let beside = [
            (x - half, y - GAP),
            (x + GAP, middle),
            (x - GAP - width, middle),
            (x - half, y + GAP + height * 0.75),
            (x + GAP * 0.7, y - GAP * 0.7),
            (x + GAP * 0.7, y + GAP * 0.7 + height * 0.75),
        ];
        beside.into_iter().find(|(left, baseline)| {
            let rect = Rect {
                left: *left,
                top: baseline - height * 0.8,
                right: left + width,
                bottom: baseline + height * 0.2,
            };
            let is_free =
                rect.is_within(&self.within) && !self.taken.iter().any(|other| rect.overlaps(other));
            if is_free {
                self.taken.push(rect);
            }
            is_free
        })
    }
}

/// Half the size of a point.
const DOT: f64 = 3.0;
/// The distance of a label from the middle of its point.
const GAP: f64 = 8.0;
/// More points are not avoided.
const MOST_POINTS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart() {
        assert_eq!(spread(&[50.0, 52.0, 10.0], 15.0, 0.0, 100.0), [50.0, 65.0, 10.0], "order is kept");
        assert_eq!(spread(&[98.0, 99.0], 15.0, 0.0, 100.0), [85.0, 100.0], "at the bottom");
        assert_eq!(spread(&[5.0; 4], 40.0, 0.0, 100.0), [0.0, 40.0, 80.0, 120.0], "without room");
        assert_eq!(spread(&[], 1.0, 0.0, 1.0), [] as [f64; 0], "none");
    }

    #[test]
    fn labels_of_points_cover_nothing() {
        let within = Rect { left: 0.0, top: 0.0, right: 100.0, bottom: 100.0 };
        let mut labels = Labels::within(within, [(50.0, 50.0)].into_iter());
        let placed = (0..10).filter_map(|_| labels.place(50.0, 50.0, 20.0, 10.0)).collect::<Vec<_>>();
        assert!(placed.len() >= 4 && placed.len() < 10, "each at another place: {placed:?}");
        assert_eq!(labels.place(50.0, 50.0, 200.0, 10.0), None, "too wide");
    }
}
