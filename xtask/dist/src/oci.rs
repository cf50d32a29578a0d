//! The container image, as an OCI layout in a tar file that `podman load` and `docker load` take.
//!
//! ```text
//! layer 1  C library, certificates, users, empty folders     the base
//! layer 2  the programs, their licences
//! config, manifest, index.json, oci-layout                   by digest
//! manifest.json                                              the same for older versions of docker
//! ```

use crate::base;
use crate::contents::{Contents, SBOM, THIRD_PARTY};
use crate::entry::{self, Entries, Entry};
use crate::sums::sha256;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Writes it.
pub(crate) fn make(contents: &Contents, out: &Path) -> Result<Vec<PathBuf>> {
    let base =
        base::get(&contents.project, contents.target).context("failed to make the base of the image")?;
    let Some(base) = base else { return Ok(Vec::new()) };
    let name = match contents.target {
        crate::project::Target::X86_64 => format!("aiperfd-{}-oci.tar", contents.version),
        other @ crate::project::Target::Aarch64 => {
            format!("aiperfd-{}-{}-oci.tar", contents.version, other.machine())
        }
    };
    let mut first = base.files.clone();
    first.extend(system());
    let layers = [first, programs(contents)?];
    let path = out.join(name);
    std::fs::write(&path, layout(contents, &layers, &base.origin)?)
        .with_context(|| format!("failed to write `{}`", path.display()))?;
    Ok(vec![path])
}

/// Users, and folders that programs write to.
fn system() -> Entries {
    let passwd =
        format!("root:x:0:0:root:/:/sbin/nologin\naiperf:x:{USER}:{USER}:aiperf:{HOME}:/sbin/nologin\n");
    let group = format!("root:x:0:\naiperf:x:{USER}:\n");
    let home = HOME.trim_start_matches('/').to_owned();
    Entries::from([
        ("etc/passwd".to_owned(), Entry::file(passwd)),
        ("etc/group".to_owned(), Entry::file(group)),
        ("etc/nsswitch.conf".to_owned(), Entry::file("hosts: files dns\n")),
        ("run/aiperfd".to_owned(), Entry::folder(0o755, 0)),
        ("tmp".to_owned(), Entry::folder(0o1777, 0)),
        ("var/lib/aiperfd".to_owned(), Entry::folder(0o700, 0)),
        (home, Entry::folder(0o755, USER)),
    ])
}

fn programs(contents: &Contents) -> Result<Entries> {
    let mut entries = Entries::new();
    for (name, bytes) in &contents.programs {
        entries.insert(format!("usr/bin/{name}"), Entry::program(bytes.as_slice()));
    }
    for name in ["LICENSE", THIRD_PARTY, SBOM, "INSTALL.md"] {
        entries.insert(format!("usr/share/doc/aiperfd/{name}"), Entry::file(contents.document(name)?));
    }
    Ok(entries)
}

/// The tar file of the image.
fn layout(contents: &Contents, layers: &[Entries], origin: &str) -> Result<Vec<u8>> {
    let mut blobs = Entries::new();
    let mut blob = |media_type: &str, bytes: Vec<u8>| {
        let digest = sha256(&bytes);
        let descriptor =
            json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() });
        blobs.insert(format!("blobs/sha256/{digest}"), Entry::file(bytes));
        descriptor
    };
    let (mut plain, mut packed) = (Vec::new(), Vec::new());
    for layer in layers {
        let tar = entry::tar(&entry::with_folders(layer), contents.time)?;
        plain.push(format!("sha256:{}", sha256(&tar)));
        packed.push(blob("application/vnd.oci.image.layer.v1.tar+gzip", entry::gzip(&tar)?));
    }
    let config = config(contents, &plain, origin).to_string().into_bytes();
    let config = blob("application/vnd.oci.image.config.v1+json", config);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": packed,
        "annotations": labels(contents, origin),
    });
    let mut manifest = blob(MANIFEST, manifest.to_string().into_bytes());
    manifest["platform"] = json!({ "architecture": contents.target.architecture(), "os": "linux" });
    let name = format!("aiperfd:{}", contents.version);
    manifest["annotations"] = json!({
        "org.opencontainers.image.ref.name": contents.version, "io.containerd.image.name": name,
    });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest] });
    let file = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        format!("blobs/{}", digest.replace(':', "/"))
    };
    let for_docker = json!([{
        "Config": file(&config), "RepoTags": [name], "Layers": packed.iter().map(file).collect::<Vec<_>>(),
    }]);
    let text = |value: &Value| Entry::file(value.to_string());
    blobs.insert("index.json".to_owned(), text(&index));
    blobs.insert("manifest.json".to_owned(), text(&for_docker));
    blobs.insert("oci-layout".to_owned(), text(&json!({ "imageLayoutVersion": "1.0.0" })));
    entry::tar(&entry::with_folders(&blobs), contents.time)
}

/// How a container is run: not as root, and with the client as its command.
fn config(contents: &Contents, layers: &[String], origin: &str) -> Value {
    let (year, month, day) = crate::sbom::calendar(contents.time / 86_400);
    let created = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
    let history = ["the C library and certificates", "the programs"];
    let history =
        history.map(|what| json!({ "created": created, "created_by": "aiperfd dist", "comment": what }));
    json!({
        "created": created, "architecture": contents.target.architecture(), "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Env": ["PATH=/usr/bin", "LD_LIBRARY_PATH=/usr/lib", format!("HOME={HOME}"), "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
            "Entrypoint": ["/usr/bin/aiperf-ctl"],
            "Cmd": ["--help"],
            "WorkingDir": HOME,
            "Labels": labels(contents, origin),
        },
        "rootfs": { "type": "layers", "diff_ids": layers },
        "history": history,
    })
}

fn labels(contents: &Contents, origin: &str) -> Value {
    json!({
        "org.opencontainers.image.title": "aiperfd",
        "org.opencontainers.image.description": "Measures LLM inference servers with kernel timestamps",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": contents.version,
        "aiperfd.base": origin.trim_end(),
    })
}

/// Who uses it, unless `--user` says otherwise.
const USER: u32 = 65_532;
/// Results are written there.
const HOME: &str = "/results";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents;
    use crate::entry::Kind;
    use std::io::Read;

    fn example() -> Vec<u8> {
        let contents = contents::example();
        let layers = [system(), programs(&contents).unwrap()];
        layout(&contents, &layers, "libc6.deb sha256:abc\n").unwrap()
    }

    fn files(tar: &[u8]) -> Entries {
        let mut files = Entries::new();
        for entry in tar::Archive::new(tar).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(path, Entry::file(bytes));
        }
        files
    }

    fn parsed(files: &Entries, path: &str) -> Value {
        let Some(Entry { kind: Kind::File(bytes), .. }) = files.get(path) else {
            panic!("{path} is not there")
        };
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn everything_is_found_by_its_digest() {
        let files = files(&example());
        for (path, entry) in &files {
            if let (Some(digest), Kind::File(bytes)) = (path.strip_prefix("blobs/sha256/"), &entry.kind)
                && !digest.is_empty()
            {
                assert_eq!(sha256(bytes), digest, "a blob is called by its digest");
            }
        }
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
            parsed(&files, &format!("blobs/{digest}"))
        };
        let manifest = blob(&parsed(&files, "index.json")["manifests"][0]);
        let config = blob(&manifest["config"]);
        assert_eq!(config["config"]["User"], "65532:65532", "not root");
        assert_eq!(config["config"]["Entrypoint"], json!(["/usr/bin/aiperf-ctl"]));
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2, "a digest a layer");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2, "two layers");
    }

    #[test]
    fn an_image_is_the_same_again() {
        assert_eq!(example(), example(), "byte by byte");
    }
}
