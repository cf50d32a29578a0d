//! The image: its digests, and the programs in its file system, as no container engine is taken for granted.

use super::Trial;
use super::measured;
use super::root::Root;
use crate::process::{self, say};
use crate::sums::sha256;
use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

/// Checks and runs it.
pub(super) fn run(trial: &Trial<'_>) -> Result<()> {
    let package = trial.package("aiperfd-", "-oci.tar")?;
    say(&format!("the image, {}", package.display()));
    let files =
        files(&std::fs::read(&package).with_context(|| format!("failed to read `{}`", package.display()))?)?;
    let index: Value = serde_json::from_slice(files.get("index.json").context("it has no index.json")?)?;
    let manifest: Value = serde_json::from_slice(blob(&files, &index["manifests"][0])?)?;
    let config: Value = serde_json::from_slice(blob(&files, &manifest["config"])?)?;
    let root = Root::empty()?;
    let layers = manifest["layers"].as_array().context("it has no layers")?;
    let plain = config["rootfs"]["diff_ids"].as_array().context("its layers have no digests")?;
    for (layer, digest) in layers.iter().zip(plain) {
        let mut tar = Vec::new();
        GzDecoder::new(blob(&files, layer)?).read_to_end(&mut tar).context("failed to unpack a layer")?;
        ensure!(*digest == format!("sha256:{}", sha256(&tar)), "a layer is not what the configuration says");
        let mut archive = tar::Archive::new(tar.as_slice());
        archive.set_preserve_permissions(true);
        archive.set_preserve_ownerships(true);
        archive.unpack(root.path()).context("failed to unpack a layer")?;
    }
    root.with_kernel()?;
    let user = config["config"]["User"].as_str().context("it names no user")?;
    ensure!(!user.starts_with('0'), "it is root's");
    profile(trial, root.path(), &config["config"], user, "so_timestamping")?;
    profile(trial, root.path(), &config["config"], "0:0", "ebpf")
}

/// Runs the image's command in its file system, with its environment.
fn profile(trial: &Trial<'_>, root: &Path, config: &Value, user: &str, timestamps: &str) -> Result<()> {
    let mut command = Command::new(process::find("chroot").context("the program `chroot` is not there")?);
    command.arg(format!("--userspec={user}")).arg(root).env_clear();
    for variable in config["Env"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some((name, value)) = variable.split_once('=') {
            command.env(name, value);
        }
    }
    let entry = config["Entrypoint"][0].as_str().context("it has no entry point")?;
    let folder = config["WorkingDir"].as_str().context("it has no working folder")?;
    let results = format!("{folder}/{timestamps}");
    command.arg(entry).args(["profile", "--model", "m", "--url", trial.server.address(), "--streaming"]);
    command.args(["--request-count", "100", "--tokenizer", "builtin", "--artifact-dir", &results]);
    process::output(&mut command)?;
    measured::check(&root.join(results.trim_start_matches('/')), timestamps)
}

/// What a descriptor points to, if its size and digest are right.
fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> Result<&'a [u8]> {
    let digest = descriptor["digest"].as_str().context("a descriptor has no digest")?;
    let path = format!("blobs/{}", digest.replace(':', "/"));
    let bytes = files.get(&path).with_context(|| format!("`{path}` is not in the image"))?;
    ensure!(descriptor["size"] == bytes.len(), "`{path}` has another size");
    ensure!(digest == format!("sha256:{}", sha256(bytes)), "`{path}` has another digest");
    Ok(bytes)
}

fn files(tar: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(tar).entries().context("it is no tar file")? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(path, bytes);
    }
    Ok(files)
}
