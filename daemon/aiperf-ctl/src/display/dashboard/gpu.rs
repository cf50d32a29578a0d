//! The GPUs of the daemon's host: their newest numbers.

use super::colours::{Palette, bold, dim};
use super::numbers::value;
use super::text::{foreign, framed, lines, styled};
use super::watcher::Seen;
use super::workers::rows_shown;
use crate::display::now::POWER;
use control::GpuProgress;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use record::gpu_metric::GpuMetric;

/// How many there are.
pub(super) fn number(seen: &Seen) -> u16 {
    u16::try_from(gpus(seen).len()).unwrap_or(u16::MAX)
}

/// Draws them.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let gpus = gpus(seen);
    let inner = framed(buffer, area, &title(seen));
    if gpus.is_empty() {
        lines(buffer, inner, [styled("no GPU of this host is sampled", dim())]);
        return;
    }
    let columns = COLUMNS.iter().filter(|(_, tags)| gpus.iter().any(|gpu| find(gpu, tags).is_some()));
    let columns = columns.collect::<Vec<_>>();
    let name_width = usize::from(inner.width).saturating_sub(columns.len() * COLUMN).min(40);
    let heads = columns.iter().map(|(name, tags)| {
        let unit = GpuMetric::find(tags[0]).map_or("", |metric| metric.unit);
        format!("{:>COLUMN$}", format!("{name} {unit}"))
    });
    let head = styled(format!("{:name_width$}{}", "GPU", heads.collect::<String>()), bold());
    let room = usize::from(inner.height).saturating_sub(1);
    let shown = rows_shown(gpus.len(), room);
    let rows = gpus.iter().take(shown).map(|gpu| {
        let name =
            gpu.name.as_deref().map(|name| foreign(name, name_width.saturating_sub(5))).unwrap_or_default();
        let name = format!("{:name_width$}", format!("{} {name}", gpu.index));
        let cells = columns
            .iter()
            .map(|(_, tags)| format!("{:>COLUMN$}", find(gpu, tags).map_or_else(|| "-".to_owned(), value)));
        Line::from(vec![Span::styled(name, palette.gpu()), Span::raw(cells.collect::<String>())])
    });
    let left = gpus.len() - shown;
    let left = (left > 0 && room > shown).then(|| styled(format!("… and {left} more"), dim()));
    lines(buffer, inner, std::iter::once(head).chain(rows).chain(left));
}

fn gpus(seen: &Seen) -> &[GpuProgress] {
    seen.now.progress.as_ref().map_or(&[], |progress| &progress.gpus)
}

/// The number of them, and their power.
fn title(seen: &Seen) -> String {
    let gpus = gpus(seen);
    let watts = gpus.iter().filter_map(|gpu| find(gpu, POWER)).reduce(|sum, watts| sum + watts);
    let watts = watts.map(|watts| format!(", {watts:.0} W")).unwrap_or_default();
    if gpus.is_empty() { "GPUs".to_owned() } else { format!("GPUs: {}{watts}", gpus.len()) }
}

fn find(gpu: &GpuProgress, tags: &[&str]) -> Option<f64> {
    tags.iter().find_map(|tag| gpu.values.get(*tag)).copied()
}

/// What is shown of each, by the names of the vendors' metrics.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("power", POWER),
    ("busy", &["nvidia_gpu_utilization", "amd_gfx_activity"]),
    ("memory", &["nvidia_memory_used", "amd_memory_used"]),
    ("heat", &["nvidia_temperature", "amd_temperature"]),
    ("clock", &["nvidia_sm_clock"]),
];
const COLUMN: usize = 11;
