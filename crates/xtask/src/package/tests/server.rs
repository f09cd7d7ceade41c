//! A PostgreSQL in a clean Debian, as its package has made it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Packages;
use super::chroot::Chroot;
use crate::chroot;

/// Starts on demand, ends with this.
pub struct Server {
    chroot: Chroot,
    major: u16,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// A clean Debian; None where there cannot be one, which was told.
    pub fn in_clean_debian(packages: &Packages) -> Option<Self> {
        let major = packages.built.major;
        let chroot = Chroot::of(&chroot::provide(major).unwrap()?, packages.playground.folder());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { chroot, major, port, process: None })
    }

    pub fn chroot(&self) -> &Chroot {
        &self.chroot
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket is, as seen from outside.
    pub fn socket_folder(&self) -> PathBuf {
        self.chroot.root().join("run/postgresql")
    }

    /// Starts the cluster that the package has made, with these variables in its environment.
    pub fn start(&mut self, variables: &[(&str, &str)]) {
        let major = self.major;
        let mut server =
            self.chroot.server_command(&format!("/usr/lib/postgresql/{major}/bin/postgres"));
        server.arg("-D").arg(format!("/var/lib/postgresql/{major}/main"));
        server.args(["-c", &format!("config_file=/etc/postgresql/{major}/main/postgresql.conf")]);
        server.args(["-c", &format!("port={}", self.port), "-c", "fsync=off"]);
        // Everybody in the chroot's folder is the tests' user.
        server.args(["-c", "hba_file=/etc/postgresql/trust.conf"]);
        let hba = self.chroot.root().join("etc/postgresql/trust.conf");
        std::fs::write(hba, "local all all trust\n").unwrap();
        server.envs(variables.iter().copied());
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(server.spawn().unwrap());
        let begin = Instant::now();
        while !self.psql().args(["-c", "SELECT 1"]).output().unwrap().status.success() {
            assert!(begin.elapsed() < Duration::from_secs(60), "the server does not become ready");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Its psql, run beside it.
    pub fn psql(&self) -> Command {
        let mut psql = self.chroot.server_command("psql");
        psql.arg("--no-psqlrc").env("PGPORT", self.port.to_string()).env("PGUSER", "postgres");
        psql.env("PGCLIENTENCODING", "UTF8");
        psql
    }

    /// What a statement gives, as bare values.
    pub fn query(&self, sql: &str) -> String {
        let output = self.psql().args(["-Atq", "-c", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // At once: what it holds is thrown away.
        let _ = kill(Pid::from_raw(process.id().cast_signed()), Signal::SIGQUIT);
        let _ = process.wait();
    }
}
