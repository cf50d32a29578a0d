//! Which GPUs of this host can be read while a run lasts.

use crate::host::short;
use crate::{Check, Host, Look, Weight};

pub(crate) const GPU: Check = Check {
    name: "gpu",
    group: "gpu",
    weight: Weight::Note,
    looks_at: "NVIDIA's device files and NVML's library, AMD's cards of the driver amdgpu",
    why: "power, clocks and memory of GPUs on this host become part of the run, on its clock; a server on another host \
          is asked by DCGM's exporter instead (--gpu-telemetry URL)",
    cure: "install the driver with its library libnvidia-ml.so.1; in a container use `--gpus all` with \
           NVIDIA_DRIVER_CAPABILITIES=utility",
    look: gpu,
};

fn gpu(host: &Host) -> Option<Look> {
    let nvidia = host.names("/dev").iter().filter(|name| is_numbered(name, "nvidia")).count();
    let amd = host.names(DRM).iter().filter(|card| is_amd(host, card)).count();
    let library = library(host);
    let mut found = Vec::new();
    if nvidia > 0 {
        found.push(format!("{nvidia} of NVIDIA"));
    }
    if amd > 0 {
        found.push(format!("{amd} of AMD"));
    }
    let text = found.join(", ");
    Some(match (nvidia, &library) {
        (0, None) if amd == 0 => {
            Look::missing("none on this host", "no device file of NVIDIA, no card of amdgpu")
        }
        (0, Some(path)) if amd == 0 => {
            Look::missing("none on this host", format!("{} is there, /dev/nvidia0 is not", short(path)))
        }
        (1.., None) => Look::missing(text, "NVML's library libnvidia-ml.so.1 is not found"),
        _ => Look::ok(text),
    })
}

/// Where NVML's library is.
fn library(host: &Host) -> Option<String> {
    if let Some(path) = &host.wanted.nvml_library {
        return path.is_file().then(|| path.display().to_string());
    }
    let folders = LIBRARY_FOLDERS.iter().map(|folder| format!("{folder}/{LIBRARY}"));
    let found = folders.into_iter().find(|path| host.is_there(path));
    // Other places that the linker searches are in its cache.
    found.or_else(|| {
        let cache = host.bytes("/etc/ld.so.cache").ok()?;
        let is_listed = cache.windows(LIBRARY.len()).any(|window| window == LIBRARY.as_bytes());
        is_listed.then(|| LIBRARY.to_owned())
    })
}

fn is_amd(host: &Host, card: &str) -> bool {
    is_numbered(card, "card")
        && host.text(&format!("{DRM}/{card}/device/vendor")).is_some_and(|vendor| vendor == AMD)
}

fn is_numbered(name: &str, stem: &str) -> bool {
    let number = name.strip_prefix(stem).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

const DRM: &str = "/sys/class/drm";
/// AMD's number among makers of PCI devices.
const AMD: &str = "0x1002";
const LIBRARY: &str = "libnvidia-ml.so.1";
const LIBRARY_FOLDERS: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tree, check};
    use record::Level;

    #[test]
    fn gpus_of_both_makers() {
        check("gpu", |_| {}, Level::Ok, "2 of NVIDIA");
        let without = |tree: &Tree| {
            tree.remove("/dev/nvidia0");
            tree.remove("/dev/nvidia1");
        };
        check("gpu", without, Level::Missing, "/dev/nvidia0 is not");
        let amd = |tree: &Tree| {
            without(tree);
            tree.put("/sys/class/drm/card0/device/vendor", b"0x1002\n");
            tree.put("/sys/class/drm/card0-DP-1/status", b"");
            tree.put("/sys/class/drm/card1/device/vendor", b"0x10de\n");
        };
        check("gpu", amd, Level::Ok, "1 of AMD");
    }

    #[test]
    fn a_driver_without_its_library() {
        let path = format!("/usr/lib64/{LIBRARY}");
        check("gpu", |tree| tree.remove(&path), Level::Missing, "is not found");
        let cached = |tree: &Tree| {
            tree.remove(&path);
            tree.put("/etc/ld.so.cache", b"\x00\xfflibnvidia-ml.so.1\x00/opt/x\x00");
        };
        check("gpu", cached, Level::Ok, "2 of NVIDIA");
    }
}
