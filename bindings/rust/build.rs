//! Finds the library: in DUALPATH_LIB_DIR, by pkg-config, or in the sources around this crate, which
//! are then built. DUALPATH_STATIC=1 takes the static library where both kinds are there.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    for name in ["DUALPATH_LIB_DIR", "DUALPATH_STATIC", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if let Some(folder) = env::var_os("DUALPATH_LIB_DIR") {
        link_folder(&PathBuf::from(folder), is_static());
    } else if let Some(folder) = installed_folder() {
        link_folder(&folder, is_static());
    } else {
        link_folder(&build_sources(), true);
    }
}

fn is_static() -> bool {
    env::var("DUALPATH_STATIC").map_or(false, |value| value != "0")
}

/// What is in a folder: the shared library, or the static one if that is asked for or all there is.
fn link_folder(folder: &Path, is_static: bool) {
    let archive = folder.join("libdualpath.a");
    let names = ["libdualpath.so", "libdualpath.dylib"];
    let is_shared = !is_static && names.iter().any(|name| folder.join(name).exists());
    if !is_shared && !archive.exists() {
        panic!("there is no libdualpath in {}", folder.display());
    }
    println!("cargo:rustc-link-search=native={}", folder.display());
    if is_shared {
        println!("cargo:rustc-link-lib=dylib=dualpath");
        return;
    }
    println!("cargo:rerun-if-changed={}", archive.display());
    println!("cargo:rustc-link-lib=static=dualpath");
    println!("cargo:rustc-link-lib=dylib=m");
    println!("cargo:rustc-link-lib=dylib=pthread");
    if calls_zlib(&archive) {
        println!("cargo:rustc-link-lib=dylib=z");
    }
}

/// Whether a static library was built with zlib: it then has this name in its table.
fn calls_zlib(archive: &Path) -> bool {
    let name = b"inflateInit2_";
    let bytes = fs::read(archive).unwrap_or_else(|error| panic!("{}: {error}", archive.display()));
    bytes.windows(name.len()).any(|part| part == name)
}

/// Where pkg-config says that the library is installed.
fn installed_folder() -> Option<PathBuf> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(program).args(["--variable=libdir", "dualpath"]).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?.trim_end().to_string();
    (output.status.success() && !folder.is_empty()).then(|| folder.into())
}

/// Builds the static library with make, into the folder that cargo gives, and returns that.
fn build_sources() -> PathBuf {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let output = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("library");
    if !root.join("include/dualpath.h").exists() {
        panic!(
            "libdualpath was not found: set DUALPATH_LIB_DIR to its folder, or install it so that \
             pkg-config knows of it"
        );
    }
    if env::var("HOST") != env::var("TARGET") {
        panic!("for another machine, set DUALPATH_LIB_DIR to the folder of its libdualpath");
    }
    for folder in ["Makefile", "include", "lib"] {
        println!("cargo:rerun-if-changed={}", root.join(folder).display());
    }
    let status = Command::new("make")
        .arg("-C")
        .arg(&root)
        .arg(format!("BUILD={}", output.display()))
        .arg(format!("-j{}", env::var("NUM_JOBS").unwrap()))
        .args(["static", "--no-print-directory"])
        .env_remove("TARGET") // cargo's, whose names are not those of a compiler
        .status();
    match status {
        Ok(status) if status.success() => output,
        Ok(status) => panic!("make static in {}: {status}", root.display()),
        Err(error) => panic!("make static in {}: {error}", root.display()),
    }
}
