//! Debian packages, made by dpkg's own programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::source::Source;
use super::tree::Tree;
use crate::command::{self, quietly};

/// Who answers for the packages, unless `DEBFULLNAME` and `DEBEMAIL` name another.
const MAINTAINER: (&str, &str) = ("sqlambda maintainers", "maintainers@sqlambda.invalid");

/// What lintian must not ask, and why; the path of the binary follows.
const OVERRIDES: &str = "\
# The licences of Rust's library are the only HTML, and no manual to register.
possible-documentation-but-no-doc-base-registration
# The fortified functions are of the C library. This is Rust, which checks bounds by itself.
hardening-no-fortify-functions";

/// A Debian package, before it is packed.
pub struct Debian {
    /// Its name.
    pub name: String,
    /// Debian's section of the archive.
    pub section: &'static str,
    /// One line, without a full stop.
    pub summary: String,
    /// The paragraphs that follow it.
    pub description: &'static [&'static str],
    /// Fields of relations, such as `("Depends", "postgresql-15")`.
    pub relations: Vec<(&'static str, String)>,
    /// What it installs, by paths without the first slash.
    pub files: Tree,
    /// The one of `files` that is linked with system libraries, whose packages it depends on.
    pub binary: String,
}

impl Debian {
    /// Packs it into `folder`, as `NAME_VERSION_ARCH.deb`.
    pub fn write(mut self, source: &Source, folder: &Path) -> Result<PathBuf> {
        let architecture = architecture()?;
        self.add_documents(source)?;
        let scratch = tempfile::tempdir()?;
        let root = scratch.path().join("root");
        self.files.write(&root, source.time)?;
        let libraries = libraries(&root.join(&self.binary), scratch.path())?;
        let control = self.control(source, &architecture, &libraries);

        let mut meta = Tree::default();
        meta.add("control", control);
        meta.add("md5sums", checksums(&self.files, &root)?);
        meta.write(&root.join("DEBIAN"), source.time)?;
        let name = format!("{}_{}_{architecture}.deb", self.name, source.version);
        let package = folder.join(name);
        let mut build = Command::new("dpkg-deb");
        build.arg("--root-owner-group").args(source.compression.dpkg_deb);
        build.arg("--build").arg(&root).arg(&package);
        build.env("SOURCE_DATE_EPOCH", source.time.to_string());
        // More threads cut the archive into blocks.
        quietly(build.env("DPKG_DEB_THREADS_MAX", "1"))?;
        Ok(package)
    }

    /// What Debian wants in `/usr/share/doc`.
    fn add_documents(&mut self, source: &Source) -> Result<()> {
        let copyright = source.read("packaging/deb/copyright")?;
        let changelog = self.changelog(source)?;
        let folder = PathBuf::from("usr/share/doc").join(&self.name);
        self.files.add(folder.join("copyright"), copyright);
        self.files.add(folder.join("changelog.gz"), gzip(changelog.as_bytes())?);
        let overrides = PathBuf::from("usr/share/lintian/overrides").join(&self.name);
        self.files.add(overrides, format!("{OVERRIDES} [{}]\n", self.binary));
        Ok(())
    }

    /// The newest section of CHANGELOG.md, in the form of Debian's changelogs.
    fn changelog(&self, source: &Source) -> Result<String> {
        let text = source.read("CHANGELOG.md")?;
        let entries: Vec<String> = newest_entries(&text)
            .iter()
            .map(|entry| format!("  * {}", wrap(entry, 74).join("\n    ")))
            .collect();
        let time = format!("@{}", source.time);
        let mut date = Command::new("date");
        let date =
            quietly(date.env("LC_ALL", "C").args(["--utc", "--rfc-email", "--date", &time]))?;
        Ok(format!(
            "{} ({}) unstable; urgency=medium\n\n{}\n\n -- {}  {}\n",
            self.name,
            source.version,
            entries.join("\n"),
            maintainer(),
            date.trim()
        ))
    }

    fn control(&self, source: &Source, architecture: &str, libraries: &str) -> String {
        let mut text = format!(
            "Package: {}\nVersion: {}\nArchitecture: {architecture}\nMaintainer: {}\n\
             Installed-Size: {}\nSection: {}\nPriority: optional\n",
            self.name,
            source.version,
            maintainer(),
            self.files.size().div_ceil(1024),
            self.section,
        );
        for (field, value) in &self.relations {
            let also = if *field == "Depends" { format!(", {libraries}") } else { String::new() };
            text += &format!("{field}: {value}{also}\n");
        }
        if !self.relations.iter().any(|(field, _)| *field == "Depends") {
            text += &format!("Depends: {libraries}\n");
        }
        text += &format!("Description: {}\n", self.summary);
        let paragraphs = self.description.iter().map(|text| wrap(text, 78).join("\n "));
        text += &format!(" {}\n", paragraphs.collect::<Vec<_>>().join("\n .\n "));
        text
    }
}

fn maintainer() -> String {
    let given = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let (name, address) = MAINTAINER;
    format!("{} <{}>", given("DEBFULLNAME", name), given("DEBEMAIL", address))
}

/// Debian's name for the processor, such as `amd64`.
pub fn architecture() -> Result<String> {
    let name = command::output("dpkg", &["--print-architecture"]);
    Ok(name.context("no dpkg: Debian packages are made on Debian or Ubuntu")?.trim().to_owned())
}

/// The packages of the libraries that `binary` is linked with, in the versions that have all it uses.
fn libraries(binary: &Path, scratch: &Path) -> Result<String> {
    let debian = scratch.join("debian");
    fs::create_dir_all(&debian)?;
    // The program insists on the file.
    fs::write(
        debian.join("control"),
        "Source: sqlambda\n\nPackage: sqlambda\nArchitecture: any\n",
    )?;
    let mut shlibdeps = Command::new("dpkg-shlibdeps");
    shlibdeps.current_dir(scratch).arg("-O").arg(format!("-e{}", binary.display()));
    let said = quietly(&mut shlibdeps)?;
    let found = said.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(found.with_context(|| format!("dpkg-shlibdeps says only {said:?}"))?.to_owned())
}

fn checksums(files: &Tree, root: &Path) -> Result<String> {
    quietly(Command::new("md5sum").current_dir(root).args(files.paths()))
}

/// Compressed without a name or a time, as Debian wants its documents.
pub fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let plain = folder.path().join("plain");
    fs::write(&plain, content)?;
    quietly(Command::new("gzip").args(["--best", "--no-name"]).arg(&plain))?;
    Ok(fs::read(plain.with_extension("gz"))?)
}

/// The items of the first section of a changelog in Markdown.
fn newest_entries(text: &str) -> Vec<String> {
    let section = text.split("\n## ").nth(1).unwrap_or_default();
    let mut entries: Vec<String> = Vec::new();
    for line in section.lines().skip(1) {
        if let Some(entry) = line.strip_prefix("- ") {
            entries.push(entry.to_owned());
        } else if let Some(last) = entries.last_mut()
            && !line.trim().is_empty()
        {
            *last = format!("{last} {}", line.trim());
        }
    }
    entries
}

/// Lines of at most `width` characters, where no word is longer.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{newest_entries, wrap};

    #[test]
    fn the_newest_section_of_the_changelog_is_taken_with_its_continued_lines() {
        let text = "# Changelog\n\n## 2.0\n\n- one\n  more\n- two\n\n## 1.0\n\n- old\n";
        assert_eq!(newest_entries(text), ["one more", "two"]);
    }

    #[test]
    fn lines_are_wrapped_at_words() {
        assert_eq!(wrap("aa bb  cc dddddddd", 5), ["aa bb", "cc", "dddddddd"]);
    }
}
