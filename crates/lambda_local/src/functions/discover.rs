//! Finding the functions in folders and templates, and guessing what their configuration leaves open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::config::{ConfigError, FILE_NAME, FunctionFile, Runtime};
use super::template::{FILE_NAMES, Template};
use super::{Context, Found, Origin, Source, default_handler};
use crate::runtimes::Toolchain;

/// Why the functions of a folder or template cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The folder or template cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The folder or template.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A `function.json` is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A template is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Template {
        /// The template.
        path: PathBuf,
        /// The line of what is wrong.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Two functions have the same name.
    #[error("function `{name}` is there twice: {first} and {second}")]
    Twice {
        /// The function.
        name: String,
        /// Where it was found.
        first: Box<Origin>,
        /// Where it was found again.
        second: Box<Origin>,
    },
    /// A `function.json` names no runtime, and none can be guessed.
    #[error(
        "{}: no Runtime, and none of lambda_function.py, index.js, index.mjs or bootstrap is there \
         to guess it from", path.display()
    )]
    NoRuntime {
        /// The configuration file.
        path: PathBuf,
    },
    /// No template has the parameter.
    #[error("no template has a parameter `{0}`: see --parameter")]
    NoParameter(String),
}

/// What functions are looked for in.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Folders of functions, templates, and folders with a template.
    pub paths: Vec<PathBuf>,
    /// What templates do not say themselves.
    pub context: Context,
    /// The runtimes of functions that name none.
    pub toolchain: Toolchain,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Discovered {
    /// The functions, by name.
    pub found: BTreeMap<String, Found>,
    /// What is wrong. The functions that it is about are not among those found.
    pub problems: Vec<Problem>,
    /// What should be known besides.
    pub notes: Vec<String>,
    /// Names of the templates' parameters.
    parameters: Vec<String>,
}

/// Something that is wrong with functions.
#[derive(Debug)]
pub struct Problem {
    /// What is wrong.
    pub error: DiscoverError,
    /// The folder or template that was given.
    pub root: PathBuf,
    /// The function that it is about; nothing if it is about all of the root.
    pub function: Option<String>,
}

impl Sources {
    /// Looks for the functions; what is wrong with one of them does not hide the others.
    pub fn discover(&self) -> Discovered {
        let mut discovered = Discovered::default();
        for root in &self.paths {
            let whole = |error| Problem { error, root: root.clone(), function: None };
            let looked = match template_of(root) {
                Some(template) => discovered.template(root, &template, &self.context),
                None => discovered.folder(root, &self.toolchain),
            };
            if let Err(error) = looked {
                discovered.problems.push(whole(error));
            }
        }
        let declared = |name: &&String| !discovered.parameters.contains(name);
        // A template with a mistake may have it.
        if let (Some(name), []) =
            (self.context.parameters.keys().find(declared), discovered.problems.as_slice())
        {
            let error = DiscoverError::NoParameter(name.clone());
            let root = PathBuf::new();
            discovered.problems.push(Problem { error, root, function: None });
        }
        discovered
    }
}

/// The template that a path means: the file, or the one in the folder.
fn template_of(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    FILE_NAMES.iter().map(|name| path.join(name)).find(|template| template.is_file())
}

impl Discovered {
    fn template(
        &mut self,
        root: &Path,
        file: &Path,
        context: &Context,
    ) -> Result<(), DiscoverError> {
        let template = Template::read(file, context, &mut self.notes)?;
        self.parameters.extend(template.parameters);
        for mut found in template.found {
            found.origin.root = root.to_owned();
            self.add(found);
        }
        Ok(())
    }

    fn folder(&mut self, root: &Path, toolchain: &Toolchain) -> Result<(), DiscoverError> {
        for path in entries(root)? {
            let function = if path.is_dir() {
                folder_function(&path, toolchain)
            } else {
                Ok(file_function(&path, toolchain))
            };
            match function {
                Ok(Some(mut found)) => {
                    found.origin.root = root.to_owned();
                    self.add(found);
                }
                Ok(None) if path.is_dir() => {
                    self.notes.push(format!("{}: no function in this folder", path.display()));
                }
                Ok(None) => {}
                Err(error) => {
                    let function = Some(name_of(path.file_name()));
                    self.problems.push(Problem { error, root: root.to_owned(), function });
                }
            }
        }
        Ok(())
    }

    /// The first of two functions of the same name counts.
    fn add(&mut self, found: Found) {
        let Some(first) = self.found.get(&found.name) else {
            self.found.insert(found.name.clone(), found);
            return;
        };
        let error = DiscoverError::Twice {
            name: found.name.clone(),
            first: Box::new(first.origin.clone()),
            second: Box::new(found.origin.clone()),
        };
        let (root, function) = (found.origin.root, Some(found.name));
        self.problems.push(Problem { error, root, function });
    }
}

/// What lies in the folder, sorted; hidden entries and tools' own folders are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DiscoverError> {
    let failed = |error| DiscoverError::Read { path: folder.to_owned(), error };
    let folder = folder.canonicalize().map_err(failed)?;
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') && name != "__pycache__" && name != "node_modules" {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A folder is a function when it has a `function.json` or something to guess from.
fn folder_function(path: &Path, toolchain: &Toolchain) -> Result<Option<Found>, DiscoverError> {
    let (file, handler_line) = FunctionFile::read(path)?;
    let runtime = match (file.runtime, guess(path, toolchain)) {
        (Some(runtime), _) => runtime,
        (None, Some(runtime)) => runtime,
        (None, None) if path.join(FILE_NAME).exists() => {
            return Err(DiscoverError::NoRuntime { path: path.join(FILE_NAME) });
        }
        (None, None) => return Ok(None),
    };
    let origin = match handler_line {
        Some(line) => (path.join(FILE_NAME), Some(line)),
        None => (path.to_owned(), None),
    };
    let source = Source::Folder { path: path.to_owned(), files_only: false };
    let handler = file.handler.unwrap_or_else(|| default_handler(&runtime).to_owned());
    Ok(Some(Found {
        timeout: file.timeout,
        memory_mb: file.memory_size,
        description: file.description.unwrap_or_default(),
        variables: file.environment.variables,
        reserved_concurrency: file.reserved_concurrent_executions,
        aliases: file.aliases.into_keys().collect(),
        ..plain(name_of(path.file_name()), origin, source, runtime, handler)
    }))
}

/// A single `.py`, `.js` or `.mjs` file is a function of that name with the usual handler.
fn file_function(path: &Path, toolchain: &Toolchain) -> Option<Found> {
    let stem = name_of(path.file_stem());
    let (runtime, handler) = match path.extension()?.to_str()? {
        "py" => (toolchain.default_python(), format!("{stem}.lambda_handler")),
        "js" | "mjs" => (toolchain.default_node(), format!("{stem}.handler")),
        _ => return None,
    };
    let source = Source::Folder { path: path.parent()?.to_owned(), files_only: true };
    Some(plain(stem, (path.to_owned(), None), source, runtime, handler))
}

/// A function with AWS's defaults.
fn plain(
    name: String,
    (file, line): (PathBuf, Option<usize>),
    source: Source,
    runtime: Runtime,
    handler: String,
) -> Found {
    Found {
        name,
        origin: Origin { root: PathBuf::new(), file, line },
        source,
        layers: Vec::new(),
        runtime,
        handler,
        timeout: None,
        memory_mb: None,
        description: String::new(),
        variables: BTreeMap::new(),
        reserved_concurrency: None,
        aliases: Vec::new(),
        tags: BTreeMap::new(),
        events: None,
    }
}

fn name_of(name: Option<&std::ffi::OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// The runtime that a folder's files tell.
fn guess(folder: &Path, toolchain: &Toolchain) -> Option<Runtime> {
    let has = |name: &str| folder.join(name).is_file();
    if has("bootstrap") {
        return "provided.al2023".parse().ok();
    }
    if has("lambda_function.py") {
        return Some(toolchain.default_python());
    }
    (has("index.js") || has("index.mjs")).then(|| toolchain.default_node())
}
