//! The same calls through the local service and its peers, in turn, so that all see one machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::Workspace;
use tempfile::TempDir;

use super::client::{Client, rate};
use super::create;
use super::peers::{emulator, ministack};
use super::service::Service;
use crate::bench::lab::percentile;

const RUNTIMES: [&str; 3] = ["python", "node", "bootstrap"];

/// Rounds of warm calls, each side in each, and calls of a round; fewer where one takes a hundred times
/// as long.
const ROUNDS: usize = 5;
const WARM_CALLS: usize = 200;
const SLOW_WARM_CALLS: usize = 20;
const COLD_STARTS: usize = 7;

/// Clients at once, for the rate, and for how long.
const CLIENTS: usize = 8;
const RATE_TIME: Duration = Duration::from_secs(4);

const PYTHON: &str = "def lambda_handler(event, context):\n    return event\n";
const NODE: &str = "export const handler = async (event) => event;\n";

/// What was measured: by side and by what, such as `("rie", "warm python")`; milliseconds, but for the
/// rate, which is in calls per second.
#[derive(Default)]
pub struct Race {
    medians: BTreeMap<(&'static str, String), f64>,
}

impl Race {
    /// Runs it, on the workspace's build.
    pub fn run(workspace: &Workspace) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        write_functions(folder.path(), &workspace.built().join("echo-function"))?;
        let program = workspace.sqlambda();
        // The peers use what this installs.
        Service::start(&program, Some(folder.path()))?;
        let mut race = Self::default();
        race.peers(&program, &folder)?;
        Ok(race)
    }

    /// One of the medians.
    pub fn of(&self, side: &'static str, what: &str) -> Result<f64> {
        let known = self.medians.get(&(side, what.to_owned()));
        known.copied().with_context(|| format!("{side} was not measured: {what}"))
    }

    fn put(&mut self, side: &'static str, what: &str, times: Vec<f64>) -> Result<()> {
        self.medians.insert((side, what.to_owned()), percentile(times, 0.5)?);
        Ok(())
    }

    fn peers(&mut self, program: &Path, folder: &TempDir) -> Result<()> {
        let (ministack, python) = ministack()?;
        for runtime in RUNTIMES {
            let functions = folder.path().join(runtime);
            create::functions(&python, &ministack.address, &functions, runtime, COLD_STARTS)?;
            self.cold(runtime, program, folder.path(), &ministack.address)?;
            self.warm(runtime, program, folder.path(), &ministack.address)?;
        }
        let service = Service::start(program, Some(folder.path()))?;
        let python_folder = folder.path().join("python");
        for (side, address, function) in
            [("local", &service.address, "python"), ("ministack", &ministack.address, "python0")]
        {
            rate(address, function, CLIENTS, RATE_TIME / 4)?;
            self.put(side, "rate python", vec![rate(address, function, CLIENTS, RATE_TIME)?])?;
        }
        let service = Service::start(program, None)?;
        let times = create::functions(&python, &service.address, &python_folder, "python", 20)?;
        self.put("local", "create", times)?;
        // A second one without functions, as ours.
        let (ministack, python) = self::ministack()?;
        let times = create::functions(&python, &ministack.address, &python_folder, "python", 20)?;
        self.put("ministack", "create", times)
    }

    /// First calls: of a service that has just been started, and of functions just made.
    fn cold(&mut self, runtime: &str, program: &Path, folder: &Path, stack: &str) -> Result<()> {
        let (mut ours, mut rie, mut ministack) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..COLD_STARTS {
            let service = Service::start(program, Some(folder))?;
            ours.push(Client::connect(&service.address, runtime)?.call()?);
            drop(service);
            let peer = emulator(runtime, &folder.join(runtime))?;
            rie.push(Client::connect(&peer.address, "function")?.call()?);
            ministack.push(Client::connect(stack, &format!("{runtime}{number}"))?.call()?);
        }
        let what = format!("cold {runtime}");
        self.put("local", &what, ours)?;
        self.put("rie", &what, rie)?;
        self.put("ministack", &what, ministack)
    }

    fn warm(&mut self, runtime: &str, program: &Path, folder: &Path, stack: &str) -> Result<()> {
        let service = Service::start(program, Some(folder))?;
        let peer = emulator(runtime, &folder.join(runtime))?;
        let mut sides = [
            ("local", Client::connect(&service.address, runtime)?, Vec::new()),
            ("rie", Client::connect(&peer.address, "function")?, Vec::new()),
            ("ministack", Client::connect(stack, &format!("{runtime}0"))?, Vec::new()),
        ];
        for _ in 0..ROUNDS {
            for (side, client, times) in &mut sides {
                // The first ones of a round meet a processor that did something else.
                for _ in 0..5 {
                    client.call()?;
                }
                let calls = if *side == "ministack" { SLOW_WARM_CALLS } else { WARM_CALLS };
                for _ in 0..calls {
                    times.push(client.call()?);
                }
            }
        }
        for (side, _, times) in sides {
            self.put(side, &format!("warm {runtime}"), times)?;
        }
        Ok(())
    }
}

/// An echo for each runtime, in a folder of the runtime's name.
fn write_functions(folder: &Path, bootstrap: &Path) -> Result<()> {
    let place = |runtime: &str, file: &str| -> Result<PathBuf> {
        fs::create_dir_all(folder.join(runtime))?;
        Ok(folder.join(runtime).join(file))
    };
    fs::write(place("python", "lambda_function.py")?, PYTHON)?;
    fs::write(place("node", "index.mjs")?, NODE)?;
    let program = place("bootstrap", "bootstrap")?;
    fs::copy(bootstrap, &program).with_context(|| bootstrap.display().to_string())?;
    Ok(fs::set_permissions(program, fs::Permissions::from_mode(0o755))?)
}
