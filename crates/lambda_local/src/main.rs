//! The `sqlambda` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda_local::cli::main()
}
