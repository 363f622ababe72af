//! Records the compiler's version, for the line about the machine.

use std::process::Command;

fn main() {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output();
    let version =
        version.map_or_else(|_| "rustc".into(), |o| String::from_utf8_lossy(&o.stdout).into_owned());
    println!("cargo::rustc-env=COMPILER={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
}
