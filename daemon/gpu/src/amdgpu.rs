//! AMD's GPUs by the files of the kernel's driver `amdgpu`: what AMD's own library reads too, without the library.
//!
//! Units are the kernel's (`Documentation/gpu/amdgpu`, hwmon): power µW, temperature m°C, memory bytes, shares %.

use crate::collector::{About, Call, CallError, Collector, Gpu, GpuError, Pace, Settings};
use crate::round::{Answer, float};
use record::GpuMetric;
use record::gpu_metric as metric;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Finds AMD's graphics cards.
pub(crate) fn open(settings: &Settings) -> Result<Box<dyn Collector>, GpuError> {
    let folder = settings.drm_folder.clone().unwrap_or_else(|| PathBuf::from(DRM));
    let entries = fs::read_dir(&folder)
        .map_err(|error| GpuError::Missing(format!("failed to read `{}`: {error}", folder.display())))?;
    let is_card = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("card").unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let cards = entries.flatten().map(|entry| entry.path()).filter(is_card);
    let mut cards = cards.map(|card| card.join("device")).filter(|device| is_amd(device)).collect::<Vec<_>>();
    if cards.is_empty() {
        return Err(GpuError::Missing("the kernel's driver `amdgpu` has no card".to_owned()));
    }
    cards.sort();
    Ok(Box::new(Cards(cards)))
}

/// The cards' folders.
struct Cards(Vec<PathBuf>);

impl Collector for Cards {
    fn gpus(&self) -> Result<Vec<Box<dyn Gpu + '_>>, GpuError> {
        let cards = (0..).zip(&self.0);
        Ok(cards.map(|(index, card)| -> Box<dyn Gpu> { Box::new(Card::new(index, card)) }).collect())
    }
}

struct Card {
    device: PathBuf,
    /// The folder of its sensors, if it has one.
    sensors: Option<PathBuf>,
    about: About,
}

impl Card {
    fn new(index: u32, device: &Path) -> Self {
        let sensors = fs::read_dir(device.join("hwmon")).ok();
        let sensors = sensors.and_then(|entries| Some(entries.flatten().next()?.path()));
        let read = |name: &str| fs::read_to_string(device.join(name)).ok().map(|text| text.trim().to_owned());
        let pci = fs::canonicalize(device).ok();
        let pci = pci.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let name = read("product_name").filter(|name| !name.is_empty());
        let mut texts = vec![
            ("gpu_model_name", name.unwrap_or_else(|| "AMD GPU".to_owned())),
            ("device", format!("card{index}")),
            ("hostname", "localhost".to_owned()),
        ];
        texts.extend(pci.clone().map(|pci| ("pci_bus_id", pci)));
        let uuid = read("unique_id").or(pci).unwrap_or_else(|| format!("AMD-unknown-{index}"));
        let about = About { index, mig_index: None, uuid, texts };
        Self { device: device.to_owned(), sensors, about }
    }

    fn put(&self, file: &str, metric: &GpuMetric, factor: f64, answer: &mut Answer) -> Result<(), CallError> {
        answer.put(metric, number(&self.device.join(file))? * factor);
        Ok(())
    }

    fn put_sensor(
        &self,
        files: &[&str],
        metric: &GpuMetric,
        factor: f64,
        answer: &mut Answer,
    ) -> Result<(), CallError> {
        let Some(sensors) = &self.sensors else {
            return Err(CallError::Never("it has no sensors".to_owned()));
        };
        // Older drivers report an average, newer ones the current value.
        let file = files.iter().map(|file| sensors.join(file)).find(|file| file.is_file());
        let file =
            file.ok_or_else(|| CallError::Never(format!("it has no sensor {}", files.join(" or "))))?;
        answer.put(metric, number(&file)? * factor);
        Ok(())
    }

    /// The counter of energy, in the table of metrics whose layout depends on its version.
    fn put_energy(&self, answer: &mut Answer) -> Result<(), CallError> {
        let file = self.device.join("gpu_metrics");
        let table = fs::read(&file).map_err(|error| refused(&file, &error))?;
        let version = table.get(2).zip(table.get(3)).map(|(format, content)| (*format, *content));
        let place = ENERGY.iter().find(|(known, _)| Some(*known) == version).map(|(_, place)| *place);
        let place = place.ok_or_else(|| {
            let (format, content) = version.unwrap_or_default();
            CallError::Never(format!(
                "its `gpu_metrics` are of version {format}.{content}: no energy is known there"
            ))
        })?;
        let found = table
            .get(place..)
            .and_then(|rest| rest.first_chunk::<8>())
            .map(|eight| u64::from_le_bytes(*eight));
        match found {
            None => Err(CallError::Failed(format!("`{}` is too short", file.display()))),
            Some(u64::MAX) => Err(CallError::Never("it does not count energy".to_owned())),
            Some(energy) => {
                answer.put(&metric::AMD_ENERGY_CONSUMPTION, float(energy) * ENERGY_JOULES / 1e6);
                Ok(())
            }
        }
    }
}

impl Gpu for Card {
    fn about(&self) -> &About {
        &self.about
    }

    fn calls(&self) -> &'static [Call] {
        CALLS
    }

    fn poll(&mut self, place: usize, answer: &mut Answer) -> Result<(), CallError> {
        match CALLS[place].name {
            "power" => self.put_sensor(&["power1_input", "power1_average"], &metric::AMD_POWER, 1e-6, answer),
            "gpu_busy_percent" => self.put("gpu_busy_percent", &metric::AMD_GFX_ACTIVITY, 1.0, answer),
            "mem_busy_percent" => self.put("mem_busy_percent", &metric::AMD_UMC_ACTIVITY, 1.0, answer),
            "vcn_busy_percent" => self.put("vcn_busy_percent", &metric::AMD_MM_ACTIVITY, 1.0, answer),
            "gpu_metrics" => self.put_energy(answer),
            "temperature" => self.put_sensor(&["temp1_input"], &metric::AMD_TEMPERATURE, 1e-3, answer),
            _ => self.put("mem_info_vram_used", &metric::AMD_MEMORY_USED, 1e-9, answer),
        }
    }
}

fn is_amd(device: &Path) -> bool {
    fs::read_to_string(device.join("vendor")).is_ok_and(|vendor| vendor.trim() == AMD)
}

fn number(file: &Path) -> Result<f64, CallError> {
    let text = fs::read_to_string(file).map_err(|error| refused(file, &error))?;
    let number = text.trim().parse::<f64>().ok();
    number.ok_or_else(|| CallError::Failed(format!("`{}` holds no number", file.display())))
}

fn refused(file: &Path, error: &std::io::Error) -> CallError {
    let text = format!("failed to read `{}`: {error}", file.display());
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied => CallError::Never(text),
        _ => CallError::Failed(text),
    }
}

const CALLS: &[Call] = &[
    Call { name: "power", pace: Pace::Interval },
    Call { name: "gpu_busy_percent", pace: Pace::Interval },
    Call { name: "mem_busy_percent", pace: Pace::Interval },
    Call { name: "gpu_metrics", pace: Pace::Tenth },
    Call { name: "vcn_busy_percent", pace: Pace::Second },
    Call { name: "temperature", pace: Pace::Second },
    Call { name: "mem_info_vram_used", pace: Pace::Second },
];
/// Where the counter of energy is, by format and content revision of the table (`gpu_metrics_v1_*` of the kernel's
/// `kgd_pp_interface.h`): those that define its unit. Kernels have had two layouts of 1.6, so it is not among them.
const ENERGY: &[((u8, u8), usize)] = &[((1, 4), 24), ((1, 5), 88), ((1, 7), 24), ((1, 8), 24)];
/// Its unit, 2^-16 J.
const ENERGY_JOULES: f64 = 1.0 / 65536.0;
const DRM: &str = "/sys/class/drm";
/// AMD's number among makers of PCI devices.
const AMD: &str = "0x1002";

#[cfg(test)]
mod tests {
    use super::*;

    /// A card of the kernel's driver, as its files.
    fn card(drm: &Path, name: &str, files: &[(&str, &str)]) {
        for (file, text) in files {
            let path = drm.join(name).join("device").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn numbers_are_those_of_the_files() {
        let drm = tempfile::tempdir().unwrap();
        card(drm.path(), "card0", &[("vendor", "0x8086\n")]);
        card(drm.path(), "card0-DP-1", &[("vendor", "0x1002\n")]);
        let files = [
            ("vendor", "0x1002\n"),
            ("unique_id", "cafe\n"),
            ("product_name", "Instinct\n"),
            ("gpu_busy_percent", "97\n"),
            ("mem_info_vram_used", "20000000000\n"),
            ("hwmon/hwmon3/power1_average", "305000000\n"),
            ("hwmon/hwmon3/temp1_input", "broken\n"),
        ];
        card(drm.path(), "card1", &files);
        let energy = 5_u64 << 16;
        let table = [[0, 0, 1, 4].as_slice(), &[0; 20], &energy.to_le_bytes(), &[0; 64]].concat();
        fs::write(drm.path().join("card1/device/gpu_metrics"), table).unwrap();
        let settings = Settings { drm_folder: Some(drm.path().to_owned()), ..Settings::default() };
        let cards = open(&settings).unwrap();
        let mut gpus = cards.gpus().unwrap();
        assert_eq!(gpus.len(), 1, "one card is AMD's");
        assert_eq!(gpus[0].about().uuid, "cafe", "its own name");
        let lines = CALLS.iter().enumerate().map(|(place, call)| {
            let mut answer = Answer::default();
            let result = gpus[0].poll(place, &mut answer);
            let kind = match result {
                Ok(()) => format!("{answer:?}")
                    .split("value: ")
                    .nth(1)
                    .unwrap_or("")
                    .split(',')
                    .next()
                    .unwrap()
                    .to_owned(),
                Err(CallError::Never(_)) => "never".to_owned(),
                Err(CallError::Failed(_)) => "failed".to_owned(),
            };
            format!("{} {kind}", call.name)
        });
        let expected = [
            "power 305.0",
            "gpu_busy_percent 97.0",
            "mem_busy_percent never",
            "gpu_metrics 5e-6",
            "vcn_busy_percent never",
            "temperature failed",
            "mem_info_vram_used 20.0",
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected, "in AIPerf's units");
    }

    #[test]
    fn a_table_that_is_not_known_has_no_energy() {
        let drm = tempfile::tempdir().unwrap();
        card(drm.path(), "card0", &[("vendor", "0x1002\n")]);
        let settings = Settings { drm_folder: Some(drm.path().to_owned()), ..Settings::default() };
        let cards = open(&settings).unwrap();
        let place = CALLS.iter().position(|call| call.name == "gpu_metrics").unwrap();
        let poll = |table: &[u8]| {
            fs::write(drm.path().join("card0/device/gpu_metrics"), table).unwrap();
            cards.gpus().unwrap()[0].poll(place, &mut Answer::default())
        };
        let none = [[0, 0, 1, 8].as_slice(), &[0; 20], &[0xff; 8]].concat();
        for (table, expected) in [
            (&[0, 0, 1, 3][..], "version 1.3"),
            (&[], "version 0.0"),
            (&[0, 0, 1, 7, 0], "too short"),
            (&none, "does not count"),
        ] {
            let refused = poll(table).unwrap_err().to_string();
            assert!(refused.contains(expected), "{table:?}: {refused}");
        }
    }

    #[test]
    fn a_host_without_cards_is_reported() {
        let drm = tempfile::tempdir().unwrap();
        let settings = Settings { drm_folder: Some(drm.path().to_owned()), ..Settings::default() };
        assert!(matches!(open(&settings), Err(GpuError::Missing(_))), "no card");
    }
}
