//! The `sluice` command: maps the outcome of a subcommand to an exit code.

use std::process::ExitCode;

/// Reviews and lists come in large pieces; this allocator gives their memory back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match sluice::cli::main(std::env::args_os()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sluice: {}", sluice::sentence::of(&error));
            ExitCode::from(2)
        }
    }
}
