//! Functions in an AWS SAM or CloudFormation template.
//!
//! What the functions need is read, the rest of the template is not: a value that cannot be worked
//! out is a mistake only where a function uses it.

mod function;
mod properties;
mod resolve;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

pub use resolve::Context;

use self::function::Place;
use self::properties::Properties;
use self::resolve::Resolver;
use self::yaml::{Member, Mistake, Node};
use super::discover::DiscoverError;
use super::{Found, Layer};

/// The names of a folder's template, the first that is there.
pub(super) const FILE_NAMES: [&str; 3] = ["template.yaml", "template.yml", "template.json"];

/// The largest template: CloudFormation's limit.
const LARGEST: u64 = 1_000_000;

/// The resources that are functions.
const FUNCTIONS: [&str; 2] = ["AWS::Serverless::Function", "AWS::Lambda::Function"];

/// The resources that are layers.
const LAYERS: [&str; 2] = ["AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion"];

/// The functions of a template.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) found: Vec<Found>,
    /// The names of its parameters.
    pub(super) parameters: Vec<String>,
}

/// Notes with their places.
pub(super) struct Notes<'a> {
    file: &'a Path,
    notes: &'a mut Vec<String>,
}

impl Notes<'_> {
    fn add(&mut self, line: usize, note: impl AsRef<str>) {
        self.notes.push(format!("{}:{line}: {}", self.file.display(), note.as_ref()));
    }
}

impl Template {
    /// Reads a template; what should be known about it is added to the notes, also when it is wrong.
    pub(super) fn read(
        file: &Path,
        context: &Context,
        notes: &mut Vec<String>,
    ) -> Result<Self, DiscoverError> {
        let failed = |error| DiscoverError::Read { path: file.to_owned(), error };
        if file.metadata().map_err(failed)?.len() > LARGEST {
            return Err(failed(std::io::Error::other(format!(
                "larger than a template may be: {LARGEST} bytes"
            ))));
        }
        let text = std::fs::read_to_string(file).map_err(failed)?;
        let mut notes = Notes { file, notes };
        let wrong = |Mistake { line, problem }| DiscoverError::Template {
            path: file.to_owned(),
            line,
            problem,
        };
        let template = Node::read(&text).map_err(wrong)?;
        let found = functions(&template, file, context, &mut notes).map_err(wrong)?;
        let parameters = template.get("Parameters").and_then(|member| member.value.members());
        let parameters = parameters.unwrap_or_default().iter().map(|member| member.name.clone());
        Ok(Self { found, parameters: parameters.collect() })
    }
}

fn functions(
    template: &Node,
    file: &Path,
    context: &Context,
    notes: &mut Notes<'_>,
) -> Result<Vec<Found>, Mistake> {
    let Some(resources) = template.get("Resources") else {
        return Err(Mistake::new(template.line, "a template has Resources, and this has none"));
    };
    let members = resources.value.members();
    let members = members.ok_or_else(|| Mistake::new(resources.line, "Resources must be a map"))?;
    let globals = template.get("Globals").and_then(|globals| globals.value.get("Function"));
    let globals = globals.map(|member| &member.value);
    let mut resolver = Resolver::new(template, context);

    let (mut wanted, mut layers) = (Vec::new(), Vec::new());
    for member in members {
        let kind = kind(member)?;
        if FUNCTIONS.contains(&kind) {
            wanted.push((member, globals.filter(|_| kind == FUNCTIONS[0])));
        } else if LAYERS.contains(&kind) {
            layers.push(member);
        } else {
            notes.add(member.line, format!("`{}` is not served: {kind}", member.name));
        }
    }
    // Names first: values may refer to any of them.
    for (member, globals) in &wanted {
        let properties = Properties::of(&resolver, member, *globals);
        let name = function::name(&member.name, &properties)?;
        let alias = function::alias(&properties)?;
        resolver.functions.insert(&member.name, name);
        resolver.aliases.extend(alias.map(|alias| (member.name.as_str(), alias)));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let layers = layers_of(&layers, &resolver, file, folder)?;
    let place = Place { file, folder, layers: &layers };
    wanted
        .iter()
        .map(|(member, globals)| {
            check_attributes(member, notes)?;
            let properties = Properties::of(&resolver, member, *globals);
            let name = resolver.functions.get(&*member.name).cloned().unwrap_or_default();
            function::function(&member.name, name, &properties, &place, notes)
        })
        .collect()
}

fn kind(resource: &Member) -> Result<&str, Mistake> {
    let name = &resource.name;
    if name.starts_with("Fn::") {
        let problem = format!("{name} is not worked out here; write the resources");
        return Err(Mistake::new(resource.line, problem));
    }
    let kind = resource.value.get("Type").and_then(|kind| kind.value.text());
    kind.ok_or_else(|| Mistake::new(resource.line, format!("resource `{name}` has no Type")))
}

fn layers_of<'a>(
    members: &[&'a Member],
    resolver: &Resolver<'_>,
    file: &Path,
    folder: &Path,
) -> Result<BTreeMap<&'a str, Layer>, Mistake> {
    let layer = |member: &&'a Member| {
        let properties = Properties::of(resolver, member, None);
        let layer = function::layer(&member.name, &properties, file, folder)?;
        Ok((member.name.as_str(), layer))
    };
    members.iter().map(layer).collect()
}

/// What stands beside a function's properties.
fn check_attributes(resource: &Member, notes: &mut Notes<'_>) -> Result<(), Mistake> {
    if let Some(condition) = resource.value.get("Condition") {
        return Err(Mistake::new(
            condition.line,
            format!(
                "function `{}` has a Condition, and sqlambda local knows none: remove it, or the \
                 function",
                resource.name
            ),
        ));
    }
    let metadata = resource.value.get("Metadata");
    if let Some(method) = metadata.and_then(|metadata| metadata.value.get("BuildMethod")) {
        notes.add(
            method.line,
            format!(
                "function `{}` is served as it lies there; to serve what `sam build` makes, give \
                 .aws-sam/build/template.yaml",
                resource.name
            ),
        );
    }
    Ok(())
}
