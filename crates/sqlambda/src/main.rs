//! The `sqlambda` command: what stands beside the database extensions, one subcommand each.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use lambda_doctor::Doctor;
use lambda_local::cli::Local;
use lambda_local::environment::{GUARD_COMMAND, watch};

/// SQL calls AWS Lambda: the tools beside the database extensions.
#[derive(Debug, Parser)]
#[command(name = "sqlambda", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the functions in folders and SAM templates as AWS Lambda would
    Local(Local),
    /// Check what calls from this machine's database server need, and say what to change
    Doctor(Doctor),
    /// Write the manual pages of these commands into a folder
    Man {
        /// An existing folder, such as /usr/local/share/man/man1
        folder: PathBuf,
    },
    /// Not for use by hand: ends the processes of a service that has gone
    #[command(name = GUARD_COMMAND, hide = true)]
    Guard,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Local(local) => local.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Man { folder } => match clap_mangen::generate_to(Cli::command(), &folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("sqlambda: cannot write into {}: {error}", folder.display());
                ExitCode::FAILURE
            }
        },
        Command::Guard => {
            watch(std::io::stdin().lock());
            ExitCode::SUCCESS
        }
    }
}
