//! Embeds the kernel programs' object when `cargo xtask build` has built it; says so when it has not.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let object = Path::new(&manifest).join("../../ebpf/target/bpfel-unknown-none/release/aiperfd-ebpf");
    let embedded = Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("ebpf.o");
    println!("cargo::rerun-if-changed={}", object.display());
    println!("cargo::rerun-if-changed=build.rs");
    if object.exists() {
        fs::copy(&object, &embedded)?;
    } else {
        println!("cargo::warning=built without kernel programs: run `cargo xtask build` for rung `ebpf`");
        fs::write(&embedded, b"")?;
    }
    Ok(())
}
