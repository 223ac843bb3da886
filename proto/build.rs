//! Compiles every schema under `proto/` to Rust and to one descriptor set, without `protoc`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut schemas = Vec::new();
    collect(Path::new("proto/wayside"), &mut schemas)?;
    schemas.sort();

    let descriptors = protox::compile(&schemas, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}

fn collect(folder: &Path, schemas: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, schemas)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            schemas.push(path);
        }
    }
    Ok(())
}
