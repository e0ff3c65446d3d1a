//! The `sluice` command: installs the TLS provider, runs the chosen subcommand, maps an error to an exit code.
fn main() {}
