//! A function of a template: its properties as this service knows them.

use std::collections::BTreeMap;
use std::path::Path;

use super::Notes;
use super::properties::{Properties, number, text};
use super::resolve::call;
use super::yaml::{Member, Mistake, Node, Value};
use crate::functions::config::{
    CONCURRENCY, EVENT_AGE, MEMORY_SIZE, RETRIES, Range, Runtime, TIMEOUT, check_alias,
    check_variable,
};
use crate::functions::{
    AsyncSettings, Found, Layer, Origin, RuntimeFamily, Source, default_handler,
};

/// Properties that change nothing here.
const WITHOUT_EFFECT: [&str; 20] = [
    "AssumeRolePolicyDocument",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CodeSigningConfigArn",
    "DeploymentPreference",
    "KmsKeyArn",
    "LoggingConfig",
    "PackageType",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "ProvisionedConcurrencyConfig",
    "RecursiveLoop",
    "Role",
    "RolePath",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tracing",
    "TracingConfig",
    "VersionDescription",
];

/// Properties that somebody may miss.
const MISSED: [&str; 9] = [
    "DeadLetterConfig",
    "DeadLetterQueue",
    "EphemeralStorage",
    "EventSourceMapping",
    "Events",
    "FileSystemConfigs",
    "FunctionUrlConfig",
    "ImageConfig",
    "VpcConfig",
];

/// Properties that are read below.
const READ: [&str; 18] = [
    "Architectures",
    "AutoPublishAlias",
    "Code",
    "CodeUri",
    "Description",
    "Environment",
    "EventInvokeConfig",
    "FunctionName",
    "Handler",
    "ImageUri",
    "InlineCode",
    "Layers",
    "MemorySize",
    "ReservedConcurrentExecutions",
    "Runtime",
    "Tags",
    "Timeout",
    "KMSKeyArn",
];

/// The longest name of a function.
const LONGEST_NAME: usize = 64;

/// What the functions of a template share.
pub(super) struct Place<'a> {
    /// The template.
    pub(super) file: &'a Path,
    /// The folder that paths start from.
    pub(super) folder: &'a Path,
    /// The layers by logical id.
    pub(super) layers: &'a BTreeMap<&'a str, Layer>,
}

/// The function's name: `FunctionName`, else its logical id.
pub(super) fn name(id: &str, properties: &Properties<'_>) -> Result<String, Mistake> {
    let Some(name) = properties.text("FunctionName")? else { return Ok(id.to_owned()) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(allowed) {
        let line = properties.raw("FunctionName").map_or(properties.line, |member| member.line);
        let problem = format!(
            "FunctionName `{name}` must be of at most {LONGEST_NAME} letters, digits, - and _"
        );
        return Err(Mistake::new(line, problem));
    }
    Ok(name)
}

/// The function as its properties describe it.
pub(super) fn function(
    id: &str,
    name: String,
    properties: &Properties<'_>,
    place: &Place<'_>,
    notes: &mut Notes<'_>,
) -> Result<Found, Mistake> {
    note_properties(id, properties, notes)?;
    let missing =
        |what: &str| Mistake::new(properties.line, format!("function `{id}` has no {what}"));
    let runtime = properties.get("Runtime")?.ok_or_else(|| missing("Runtime"))?;
    let runtime: Runtime = text("Runtime", &runtime)?
        .parse()
        .map_err(|problem: String| Mistake::new(runtime.line, problem))?;
    let handler = properties.text("Handler")?;
    let handler = match (handler, runtime.family()) {
        (Some(handler), _) => handler,
        (None, RuntimeFamily::Provided) => default_handler(&runtime).to_owned(),
        (None, _) => return Err(missing("Handler")),
    };
    let alias = alias(properties)?;
    Ok(Found {
        name,
        origin: Origin {
            root: place.file.to_owned(),
            file: place.file.to_owned(),
            line: Some(properties.raw("Handler").map_or(properties.line, |member| member.line)),
        },
        source: source(properties, &runtime, place)?,
        layers: layers(properties, place)?,
        runtime,
        handler,
        timeout: properties.number(&TIMEOUT)?,
        memory_mb: properties.number(&MEMORY_SIZE)?,
        description: properties.text("Description")?.unwrap_or_default(),
        variables: variables(properties)?,
        reserved_concurrency: properties.number(&CONCURRENCY)?,
        events: events(properties, notes)?,
        aliases: alias.into_iter().collect(),
        tags: tags(properties)?,
    })
}

/// Says what of the function is not looked at.
fn note_properties(
    id: &str,
    properties: &Properties<'_>,
    notes: &mut Notes<'_>,
) -> Result<(), Mistake> {
    let image = properties.raw("ImageUri").map(|member| member.line);
    let packaged = properties.get("PackageType")?.filter(|kind| kind.text() == Some("Image"));
    if let Some(line) = image.or(packaged.map(|node| node.line)) {
        return Err(Mistake::new(
            line,
            format!("function `{id}` is a container image, and sqlambda local runs none"),
        ));
    }
    let mut missed = Vec::new();
    for member in properties.all() {
        let name = member.name.as_str();
        if MISSED.contains(&name) {
            missed.push(name);
        } else if !READ.contains(&name) && !WITHOUT_EFFECT.contains(&name) {
            notes.add(member.line, format!("function `{id}`: the property {name} is not known"));
        }
    }
    if !missed.is_empty() {
        let missed = missed.join(", ");
        notes.add(properties.line, format!("function `{id}`: {missed} changes nothing here"));
    }
    let here = if std::env::consts::ARCH == "aarch64" { "arm64" } else { std::env::consts::ARCH };
    if let Some(Value::List(wanted)) = properties.get("Architectures")?.map(|node| node.value)
        && let Some(other) = wanted.iter().find(|wanted| wanted.text() != Some(here))
    {
        let wanted = other.text().unwrap_or_default();
        notes.add(other.line, format!("function `{id}` is for {wanted} and runs on {here} here"));
    }
    Ok(())
}

/// The alias that SAM makes; it stands for `$LATEST`.
pub(super) fn alias(properties: &Properties<'_>) -> Result<Option<String>, Mistake> {
    let Some(node) = properties.get("AutoPublishAlias")? else { return Ok(None) };
    let alias = text("AutoPublishAlias", &node)?;
    check_alias(&alias).map_err(|problem| Mistake::new(node.line, problem))?;
    Ok(Some(alias))
}

fn source(
    properties: &Properties<'_>,
    runtime: &Runtime,
    place: &Place<'_>,
) -> Result<Source, Mistake> {
    if let Some(code) = properties.get("InlineCode")? {
        return inline(&code, runtime);
    }
    let code = match properties.get("CodeUri")? {
        Some(code) => code,
        // SAM takes the template's own folder.
        None => properties.get("Code")?.unwrap_or(Node {
            line: properties.line,
            tag: None,
            value: Value::Text(".".to_owned()),
        }),
    };
    if let Some(inline_code) = code.get("ZipFile") {
        return inline(&inline_code.value, runtime);
    }
    path("code", &code, place)
}

fn inline(code: &Node, runtime: &Runtime) -> Result<Source, Mistake> {
    let file = match runtime.family() {
        RuntimeFamily::Python(_) => "index.py",
        RuntimeFamily::Node(_) => "index.js",
        RuntimeFamily::Provided => {
            return Err(Mistake::new(code.line, "code in the template must be Python or Node.js"));
        }
    };
    Ok(Source::Inline { file: file.to_owned(), text: text("the code", code)? })
}

/// The folder or archive that a path means.
pub(super) fn path(what: &str, node: &Node, place: &Place<'_>) -> Result<Source, Mistake> {
    let wrong = |problem: String| Mistake::new(node.line, problem);
    let local = node.text().filter(|path| !path.starts_with("s3://"));
    let Some(given) = local else {
        return Err(wrong(format!(
            "the {what} is in S3, which is not here: give the path of a folder or a .zip file"
        )));
    };
    let path = place.folder.join(given);
    let path =
        path.canonicalize().map_err(|error| wrong(format!("the {what} {given}: {error}")))?;
    if path.is_dir() {
        return Ok(Source::Folder { path, files_only: false });
    }
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    if extension.is_none_or(|extension| extension != "zip") {
        return Err(wrong(format!("the {what} {given} must be a folder or a .zip file")));
    }
    Ok(Source::Archive(path))
}

fn layers(properties: &Properties<'_>, place: &Place<'_>) -> Result<Vec<Layer>, Mistake> {
    let Some(member) = properties.raw("Layers") else { return Ok(Vec::new()) };
    let Value::List(items) = &member.value.value else {
        return Err(Mistake::new(member.line, "Layers must be a list"));
    };
    let mut layers = Vec::new();
    for item in items {
        let local = call(item).filter(|(function, _)| function == "Ref");
        let local = local.as_ref().and_then(|(_, id)| place.layers.get(id.text()?));
        if let Some(layer) = local {
            layers.push(layer.clone());
            continue;
        }
        let value = properties.resolver.value(item)?;
        if !value.is_null() {
            let given = value.text().unwrap_or(value.kind());
            return Err(Mistake::new(
                item.line,
                format!("the layer {given} is not here: only layers of the template are, by !Ref"),
            ));
        }
    }
    Ok(layers)
}

fn variables(properties: &Properties<'_>) -> Result<BTreeMap<String, String>, Mistake> {
    let mut variables = BTreeMap::new();
    let Some(environment) = properties.raw("Environment") else { return Ok(variables) };
    let wrong = |line, problem: &str| Mistake::new(line, problem);
    let Some(given) = environment.value.get("Variables") else {
        return match environment.value.members() {
            Some([]) => Ok(variables),
            _ => Err(wrong(environment.line, "Environment must have Variables and nothing else")),
        };
    };
    let members = given.value.members();
    for member in members.ok_or_else(|| wrong(given.line, "Variables must be a map"))? {
        if properties.resolver.is_given(&member.name) {
            continue;
        }
        let value = properties.resolver.value(&member.value)?;
        if value.is_null() && call(&member.value).is_some() {
            continue;
        }
        let value = text(&member.name, &value)?;
        check_variable(&member.name, &value)
            .map_err(|problem| Mistake::new(member.line, problem))?;
        variables.insert(member.name.clone(), value);
    }
    Ok(variables)
}

/// Tags: a map in SAM's resources, a list of `Key` and `Value` in CloudFormation's.
fn tags(properties: &Properties<'_>) -> Result<BTreeMap<String, String>, Mistake> {
    let Some(node) = properties.get("Tags")? else { return Ok(BTreeMap::new()) };
    match &node.value {
        Value::Map(members) => members
            .iter()
            .map(|member| Ok((member.name.clone(), text(&member.name, &member.value)?)))
            .collect(),
        Value::List(items) => items
            .iter()
            .map(|item| {
                let part = |name: &str| item.get(name).and_then(|member| member.value.text());
                let pair = part("Key").zip(part("Value"));
                let pair = pair.map(|(key, value)| (key.to_owned(), value.to_owned()));
                pair.ok_or_else(|| Mistake::new(item.line, "a tag has a Key and a Value"))
            })
            .collect(),
        _ => Err(Mistake::new(node.line, "Tags must be a map or a list")),
    }
}

fn events(
    properties: &Properties<'_>,
    notes: &mut Notes<'_>,
) -> Result<Option<AsyncSettings>, Mistake> {
    let Some(member) = properties.raw("EventInvokeConfig") else { return Ok(None) };
    let given = |name: &str| -> Result<Option<Node>, Mistake> {
        let inner = member.value.get(name).map(|member| properties.resolver.value(&member.value));
        Ok(inner.transpose()?.filter(|node| !node.is_null()))
    };
    let small = |range: &Range| given(range.name)?.map(|node| number(range, &node)).transpose();
    let destinations = member.value.get("DestinationConfig");
    let mut destination = |name: &str| {
        let member: &Member = destinations?.value.get(name)?;
        let target = member.value.get("Destination");
        let found = target.map(|target| properties.resolver.value(&target.value));
        match found {
            Some(Ok(node)) => node.text().map(str::to_owned),
            // SAM would make a queue or a topic.
            None => {
                notes.add(member.line, format!("{name} names no Destination, and none is made"));
                None
            }
            Some(Err(mistake)) => {
                notes.add(mistake.line, format!("{name} gets nothing: {}", mistake.problem));
                None
            }
        }
    };
    Ok(Some(AsyncSettings {
        on_success: destination("OnSuccess"),
        on_failure: destination("OnFailure"),
        retries: small(&RETRIES)?,
        age: small(&EVENT_AGE)?,
    }))
}

/// A layer of the template.
pub(super) fn layer(
    id: &str,
    properties: &Properties<'_>,
    file: &Path,
    folder: &Path,
) -> Result<Layer, Mistake> {
    let none = BTreeMap::new();
    let place = Place { file, folder, layers: &none };
    let content = match properties.get("ContentUri")? {
        Some(content) => Some(content),
        None => properties.get("Content")?,
    };
    let missing = || Mistake::new(properties.line, format!("layer `{id}` has no ContentUri"));
    let source = path("content", &content.ok_or_else(missing)?, &place)?;
    let name = properties.text("LayerName")?.unwrap_or_else(|| id.to_owned());
    Ok(Layer { name, source })
}
