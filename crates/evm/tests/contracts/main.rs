//! The contracts in an EVM and on a local chain, against provers and verifiers in Rust.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::print_stdout, reason = "measurements and reasons for skipping are printed")]

mod attacks;
mod differential;
mod gas;
mod node;
mod real;
mod registry;
mod support;

/// Whether the tests run that take minutes or need node and npm.
fn slow_tests() -> bool {
    let on = std::env::var_os("ZKML_SLOW_TESTS").is_some();
    if !on {
        println!("skipped in part: ZKML_SLOW_TESTS=1 runs all of it");
    }
    on
}
