//! The bill of materials (SBOM), in CycloneDX's JSON: <https://cyclonedx.org/docs/1.5/json/>.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::crates::{Crate, Name};
use super::source::Source;

/// What `package` is made of. It has no serial number, which would have to be random, and the time
/// of the commit: the same commit gives the same bytes.
pub fn json(package: &str, crates: &[Crate], source: &Source) -> Result<String> {
    let checksums = checksums(&source.read("Cargo.lock")?);
    let time = i64::try_from(source.time).ok();
    let time = time.and_then(|time| time::OffsetDateTime::from_unix_timestamp(time).ok());
    let time = time.context("the commit's time is not of this calendar")?;
    let (date, clock) = (time.date(), time.time());
    let timestamp =
        format!("{date}T{:02}:{:02}:{:02}Z", clock.hour(), clock.minute(), clock.second());
    let is_itself = |part: &&Crate| part.name == package;
    let itself = crates.iter().find(is_itself).context("cargo tree begins with the crate")?;
    let others = crates.iter().filter(|part| !is_itself(part));
    let graph = crates.iter().map(|part| {
        let needs: Vec<_> = part.needs.iter().map(reference).collect();
        json!({"ref": reference(&name(part)), "dependsOn": needs})
    });
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "component": component(itself, &checksums),
        },
        "components": others.map(|part| component(part, &checksums)).collect::<Vec<_>>(),
        "dependencies": graph.collect::<Vec<_>>(),
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&bill)?))
}

fn component(part: &Crate, checksums: &BTreeMap<Name, String>) -> Value {
    // The `/` of old manifests means OR.
    let licence = part.licence.replace(" / ", " OR ").replace('/', " OR ");
    let mut component = json!({
        "type": if part.is_foreign { "library" } else { "application" },
        "bom-ref": reference(&name(part)),
        "name": part.name,
        "version": part.version,
        "licenses": [{"expression": licence}],
    });
    if part.is_foreign {
        component["purl"] = format!("pkg:cargo/{}@{}", part.name, part.version).into();
    }
    if let Some(checksum) = checksums.get(&name(part)) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

fn name(part: &Crate) -> Name {
    (part.name.clone(), part.version.clone())
}

fn reference((name, version): &Name) -> String {
    format!("{name}@{version}")
}

/// The checksums in Cargo.lock: those of the archives on crates.io.
fn checksums(lock: &str) -> BTreeMap<Name, String> {
    let packages = lock.split("[[package]]").skip(1);
    let checksums = packages.filter_map(|package| {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            Some(line?.trim_matches([' ', '=', '"']).to_owned())
        };
        Some(((value("name ")?, value("version ")?), value("checksum ")?))
    });
    checksums.collect()
}
