//! A database server's environment: what its calls see, and no shell does.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};

/// A running server.
pub(crate) struct Server {
    pid: u32,
    name: String,
    environment: Vec<(OsString, OsString)>,
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl Server {
    /// The server that the process belongs to.
    pub(crate) fn of_process(pid: u32) -> Result<Self> {
        if !Path::new("/proc/self/environ").exists() {
            bail!("the environment of another process is in /proc, which this system lacks");
        }
        let pid = main_process(pid);
        let status = fs::read_to_string(proc(pid, "status"))
            .with_context(|| format!("process {pid} is not running"))?;
        let ids = |field: &str| ids(&status, field);
        let first = |field: &str| ids(field).first().copied().context("no ids in /proc");
        let user = Uid::from_raw(first("Uid:")?);
        let server = Self {
            pid,
            name: fs::read_to_string(proc(pid, "comm"))?.trim_end().to_owned(),
            environment: environment(pid, user)?,
            user,
            group: Gid::from_raw(first("Gid:")?),
            groups: ids("Groups:").into_iter().map(Gid::from_raw).collect(),
        };
        server.check_network()?;
        Ok(server)
    }

    /// The PostgreSQL server that runs on a data folder.
    pub(crate) fn of_data_directory(folder: &Path) -> Result<Self> {
        let file = folder.join("postmaster.pid");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("no server runs on {}: it has no postmaster.pid", folder.display())
            }
            Err(error) => {
                return Err(anyhow!(error).context(format!(
                    "cannot read {}; run this as root or as the server's user",
                    file.display()
                )));
            }
        };
        let first = text.lines().next().unwrap_or_default();
        let pid = first.trim().parse().with_context(|| {
            format!("{} does not begin with the number of a process", file.display())
        })?;
        Self::of_process(pid)
    }

    /// Goes on as the server would: with its environment, in its folder, and as its user, who may
    /// not read the files that root may. Returns only what went wrong.
    pub(crate) fn become_its_like(&self) -> anyhow::Error {
        if Uid::effective().is_root() && !self.user.is_root() {
            let become_user = setgroups(&self.groups)
                .and_then(|()| setgid(self.group))
                .and_then(|()| setuid(self.user));
            if let Err(error) = become_user {
                return anyhow!(error).context("cannot become the server's user");
            }
        }
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("sqlambda")
            .args(own_arguments())
            .arg(format!("--environment-of=process {} ({})", self.pid, self.name))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        // Relative paths in its environment are relative to its folder.
        if let Some(folder) = fs::read_link(proc(self.pid, "cwd")).ok().filter(|it| it.is_dir()) {
            command.current_dir(folder);
        }
        anyhow!(command.exec()).context("cannot start again with the server's environment")
    }

    /// A server in a container has a network of its own, which cannot be checked from here.
    fn check_network(&self) -> Result<()> {
        let network = |path: PathBuf| fs::read_link(path).ok();
        let (theirs, ours) =
            (network(proc(self.pid, "ns/net")), network("/proc/self/ns/net".into()));
        if theirs.is_some() && theirs != ours {
            bail!(
                "process {} has a network of its own: run this in its container, or by nsenter \
                 --target {0} --net",
                self.pid
            );
        }
        Ok(())
    }
}

fn proc(pid: u32, file: &str) -> PathBuf {
    format!("/proc/{pid}/{file}").into()
}

/// The numbers of a field of `/proc/PID/status`.
fn ids(status: &str, field: &str) -> Vec<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// The process that started all others of the server. A PostgreSQL backend writes its title where
/// its environment was.
fn main_process(mut pid: u32) -> u32 {
    let program = |pid: u32| fs::read_link(proc(pid, "exe")).ok();
    while let Ok(status) = fs::read_to_string(proc(pid, "status"))
        && let Some(&parent) = ids(&status, "PPid:").first()
        && let Some(ours) = program(pid)
        && program(parent).as_ref() == Some(&ours)
    {
        pid = parent;
    }
    pid
}

fn environment(pid: u32, user: Uid) -> Result<Vec<(OsString, OsString)>> {
    let bytes = fs::read(proc(pid, "environ")).with_context(|| {
        let name = User::from_uid(user).ok().flatten().map_or(user.to_string(), |it| it.name);
        format!(
            "cannot read the environment of process {pid}; run this as root or as its user, {name}"
        )
    })?;
    let variables = bytes.split(|byte| *byte == 0).filter_map(|variable| {
        let equals = variable.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some((text(&variable[..equals]), text(&variable[equals + 1..])))
    });
    Ok(variables.collect())
}

/// Our arguments but those that name the server.
fn own_arguments() -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        match text.as_str() {
            "--server-pid" | "--data-directory" => drop(arguments.next()),
            _ if text.starts_with("--server-pid=") => {}
            _ if text.starts_with("--data-directory=") => {}
            _ => kept.push(argument),
        }
    }
    kept
}
