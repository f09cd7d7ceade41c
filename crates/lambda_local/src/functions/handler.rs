//! Whether the file that a handler names is there.

use std::path::{Path, PathBuf};

use super::{Function, RuntimeFamily};
use crate::runtimes::path::is_executable;

/// Why a function's handler cannot be found, and what to do; nothing if its file is there. Whether
/// the file has the handler in it, only the runtime can tell.
///
/// `packages` is a folder of packages that were installed for the function.
pub(crate) fn missing_handler(function: &Function, packages: Option<&Path>) -> Option<String> {
    let Function { handler, task_root, .. } = function;
    let root = task_root.display();
    match function.runtime.family() {
        RuntimeFamily::Python(_) => {
            let Some((module, _)) = handler.rsplit_once('.') else {
                return Some(format!("the handler `{handler}` must be MODULE.FUNCTION"));
            };
            let file = module.replace('.', "/");
            let inner = |layer: &PathBuf| layer.join("python");
            let folders = std::iter::once(task_root.clone())
                .chain(function.layers.iter().map(inner))
                .chain(function.layers.iter().flat_map(|layer| site_packages(layer)))
                .chain(packages.map(Path::to_owned));
            let there = folders.into_iter().any(|folder| is_module(&folder.join(&file)));
            (!there)
                .then(|| format!("the handler `{handler}` needs {file}.py, which is not in {root}"))
        }
        RuntimeFamily::Node(_) => {
            // The method follows the first dot of the last part of the path.
            let name = handler.rsplit('/').next().unwrap_or(handler);
            let Some((_, method)) = name.split_once('.') else {
                return Some(format!("the handler `{handler}` must be FILE.METHOD"));
            };
            let file = &handler[..handler.len() - method.len() - 1];
            let ends = ["", ".js", ".mjs", ".cjs"];
            let there = ends.iter().any(|end| task_root.join(format!("{file}{end}")).exists());
            (!there).then(|| {
                format!(
                    "the handler `{handler}` needs {file}.js, {file}.mjs or {file}.cjs, none of which \
                     is in {root}"
                )
            })
        }
        RuntimeFamily::Provided => {
            let bootstrap = task_root.join("bootstrap");
            if is_executable(&bootstrap) {
                return None;
            }
            let advice = if bootstrap.exists() {
                "make it executable with chmod +x"
            } else {
                "build it there, for example with cargo lambda or go build -o bootstrap"
            };
            Some(format!("no executable {}: {advice}", bootstrap.display()))
        }
    }
}

/// `python/lib/python3.N/site-packages` of a layer, for any N.
fn site_packages(layer: &Path) -> Vec<PathBuf> {
    let versions = std::fs::read_dir(layer.join("python/lib"));
    let versions = versions.into_iter().flatten().flatten();
    versions.map(|version| version.path().join("site-packages")).collect()
}

/// A source file, a compiled one or a package.
fn is_module(path: &Path) -> bool {
    let named = |end: &str| PathBuf::from(format!("{}{end}", path.display())).is_file();
    let extension = || {
        let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
        let siblings = path.parent().map(std::fs::read_dir);
        siblings.into_iter().flatten().flatten().flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with(&stem) && name.ends_with(".so")
        })
    };
    path.is_dir() || named(".py") || named(".pyc") || extension()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn missing(
        folder: &Path,
        runtime: &str,
        handler: &str,
        layers: Vec<PathBuf>,
    ) -> Option<String> {
        let function = Function {
            name: "f".to_owned(),
            version: super::super::LATEST.to_owned(),
            task_root: folder.to_owned(),
            layers,
            runtime: runtime.parse().unwrap(),
            handler: handler.to_owned(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            variables: BTreeMap::new(),
        };
        missing_handler(&function, None)
    }

    #[test]
    fn the_file_is_looked_for_as_the_runtimes_do() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in ["app.py", "src/deep.py", "src/index.mjs", "layer/python/shared.py"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        let there = |runtime, handler| missing(root, runtime, handler, vec![root.join("layer")]);
        for handler in ["app.handler", "src.deep.handler", "src/deep.handler", "shared.handler"] {
            assert_eq!(there("python3.11", handler), None, "{handler}");
        }
        assert_eq!(there("nodejs20.x", "src/index.handler"), None);
        assert_eq!(there("nodejs20.x", "src/index.inner.handler"), None);
        let problem = there("python3.11", "ap.handler").unwrap();
        assert!(problem.contains("ap.py, which is not in "), "{problem}");
        assert!(missing(root, "python3.11", "shared.handler", Vec::new()).is_some());
        assert!(there("nodejs20.x", "index.handler").unwrap().contains("index.mjs"));
        assert!(there("python3.11", "handler").unwrap().contains("MODULE.FUNCTION"));
        assert!(there("provided.al2023", "any").unwrap().contains("build it there"));
        std::fs::write(root.join("bootstrap"), "").unwrap();
        assert!(there("provided.al2023", "any").unwrap().contains("chmod +x"));
    }
}
