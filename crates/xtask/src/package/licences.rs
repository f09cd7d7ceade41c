//! The licences of the crates that are compiled in, as they want to be told.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail};

use super::crates::Crate;
use super::source::Source;

/// How the files begin in which crates have their licences and notices.
const BEGINNINGS: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

const LINE: &str =
    "================================================================================";

/// The texts of the licences of `crates`, each once, below the names of the crates that have it.
/// An error names a crate that has no text and a licence of which there is none in packaging/licences.
pub fn text(crates: &[Crate], source: &Source) -> Result<String> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in crates.iter().filter(|part| part.is_foreign) {
        let name = format!("{} {} ({})", part.name, part.version, part.licence);
        for text in texts(part, source)? {
            users.entry(text).or_default().push(name.clone());
        }
    }
    // By the names: texts alone would bring crates of one family far apart.
    let mut sections: Vec<_> = users.into_iter().map(|(text, names)| (names, text)).collect();
    sections.sort();
    let mut all =
        "Libraries of other authors that are compiled in, and their licences\n".to_owned();
    for (names, text) in sections {
        all += &format!("\n{LINE}\n{}\n{LINE}\n\n{}\n", names.join("\n"), text.trim_end());
    }
    Ok(all)
}

/// What the crate itself has, or the text of its licence with its authors' names.
fn texts(part: &Crate, source: &Source) -> Result<Vec<String>> {
    let about = || format!("cannot read the source of {}", part.name);
    let mut paths = Vec::new();
    for entry in fs::read_dir(&part.folder).with_context(about)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_file() && BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        let content = fs::read(path).with_context(about)?;
        texts.push(String::from_utf8_lossy(&content).replace('\r', ""));
    }
    if texts.is_empty() {
        texts.push(text_for_none(part, source)?);
    }
    Ok(texts)
}

/// Some crates of more than one tell the licence in their manifest alone.
fn text_for_none(part: &Crate, source: &Source) -> Result<String> {
    let has_mit = part.licence.split([' ', '/', '(', ')']).any(|word| word == "MIT");
    if !has_mit || part.licence.contains(" AND ") {
        bail!(
            "{} {} has no file with its licence, {}: only for MIT is there a text in \
             packaging/licences",
            part.name,
            part.version,
            part.licence
        );
    }
    let authors = match part.authors.as_slice() {
        [] => format!("The authors of {}", part.name),
        authors => authors.join(", "),
    };
    Ok(source.read("packaging/licences/MIT")?.replace("@AUTHORS@", &authors))
}
