//! Parameters and CloudFormation's functions: what a value is once they are worked out.

use std::collections::{BTreeMap, BTreeSet};

use super::yaml::{Member, Mistake, Node, Value};

/// What a template does not say itself.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The account in ARNs, and `AWS::AccountId`.
    pub account: String,
    /// `AWS::Region`.
    pub region: String,
    /// Values of parameters, over the template's defaults.
    pub parameters: BTreeMap<String, String>,
    /// Environment variables that every function is given: what a template says of them is not read.
    pub variables: BTreeSet<String>,
}

/// The stack's name in `AWS::StackName` and `AWS::StackId`.
const STACK: &str = "local";

/// Works out values.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    context: &'a Context,
    parameters: BTreeMap<&'a str, Parameter<'a>>,
    /// The types of the resources by logical id.
    resources: BTreeMap<&'a str, &'a str>,
    /// The names of the functions by logical id.
    pub(super) functions: BTreeMap<&'a str, String>,
    /// The aliases of the functions by logical id.
    pub(super) aliases: BTreeMap<&'a str, String>,
}

#[derive(Debug)]
struct Parameter<'a> {
    default: Option<&'a Node>,
    /// Whether its value is a list with commas.
    list: bool,
    /// Whether its value is the name of something that AWS keeps.
    kept_elsewhere: bool,
}

impl<'a> Resolver<'a> {
    /// Reads the parameters of a template.
    pub(super) fn new(template: &'a Node, context: &'a Context) -> Self {
        let declared = template.get("Parameters").and_then(|member| member.value.members());
        let parameters = declared.unwrap_or_default().iter().map(|member| {
            let kind = member.value.get("Type").and_then(|kind| kind.value.text()).unwrap_or("");
            let parameter = Parameter {
                default: member.value.get("Default").map(|default| &default.value),
                list: kind.starts_with("List<") || kind == "CommaDelimitedList",
                kept_elsewhere: kind.starts_with("AWS::SSM::Parameter::Value<"),
            };
            (member.name.as_str(), parameter)
        });
        let resources = template.get("Resources").and_then(|member| member.value.members());
        let resources = resources.unwrap_or_default().iter().filter_map(|member| {
            Some((member.name.as_str(), member.value.get("Type")?.value.text()?))
        });
        Self {
            context,
            parameters: parameters.collect(),
            resources: resources.collect(),
            functions: BTreeMap::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// Whether every function is given this environment variable.
    pub(super) fn is_given(&self, variable: &str) -> bool {
        self.context.variables.contains(variable)
    }

    /// The value without CloudFormation's functions. What is `AWS::NoValue` is null.
    pub(super) fn value(&self, node: &Node) -> Result<Node, Mistake> {
        if let Some((function, argument)) = call(node) {
            return self.call(&function, &argument, node.line);
        }
        let value = match &node.value {
            Value::List(items) => {
                let items: Result<Vec<Node>, Mistake> =
                    items.iter().map(|item| self.value(item)).collect();
                Value::List(items?.into_iter().filter(|item| !item.is_null()).collect())
            }
            Value::Map(members) => {
                let resolved = |member: &Member| {
                    let value = self.value(&member.value)?;
                    Ok(Member { name: member.name.clone(), line: member.line, value })
                };
                Value::Map(members.iter().map(resolved).collect::<Result<_, Mistake>>()?)
            }
            other => other.clone(),
        };
        Ok(Node { line: node.line, tag: None, value })
    }

    fn call(&self, function: &str, argument: &Node, line: usize) -> Result<Node, Mistake> {
        let text = |text: String| Node { line, tag: None, value: Value::Text(text) };
        match function {
            "Ref" => {
                let name = argument.text().ok_or_else(|| wants(line, "!Ref", "a name"))?;
                self.reference(name, line)
            }
            "GetAtt" => self.attribute(&path_of(argument)?, line).map(text),
            "Sub" => self.substitute(argument, line).map(text),
            "Join" => self.join(argument, line).map(text),
            "If" | "Condition" => Err(Mistake::new(
                line,
                "Fn::If: sqlambda local knows no conditions; write the value, or a parameter",
            )),
            other => Err(Mistake::new(
                line,
                format!(
                    "Fn::{other} cannot be worked out here; Ref, Fn::Sub, Fn::GetAtt and Fn::Join can"
                ),
            )),
        }
    }

    fn reference(&self, name: &str, line: usize) -> Result<Node, Mistake> {
        let value = match name {
            "AWS::NoValue" => Value::Null,
            _ if self.parameters.get(name).is_some_and(|parameter| parameter.list) => {
                let text = self.parameter(name, line)?;
                let item = |text: &str| Value::Text(text.trim().to_owned());
                let node = |text: &str| Node { line, tag: None, value: item(text) };
                Value::List(text.split(',').map(node).collect())
            }
            _ => Value::Text(self.name(name, line)?),
        };
        Ok(Node { line, tag: None, value })
    }

    /// What `Ref` means, as text.
    fn name(&self, name: &str, line: usize) -> Result<String, Mistake> {
        let Context { account, region, .. } = self.context;
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return match pseudo {
                "AccountId" => Ok(account.clone()),
                "Region" => Ok(region.clone()),
                "Partition" => Ok("aws".to_owned()),
                "StackName" => Ok(STACK.to_owned()),
                "StackId" => {
                    Ok(format!("arn:aws:cloudformation:{region}:{account}:stack/{STACK}/{STACK}"))
                }
                "URLSuffix" => Ok("amazonaws.com".to_owned()),
                _ => Err(Mistake::new(line, format!("there is no {name} here"))),
            };
        }
        if self.parameters.contains_key(name) {
            return self.parameter(name, line);
        }
        if let Some(function) = self.functions.get(name) {
            return Ok(function.clone());
        }
        // SAM's name for the alias that AutoPublishAlias makes.
        if let Some(alias) =
            name.strip_suffix(".Alias").and_then(|id| self.aliases.get_key_value(id))
        {
            return Ok(format!(
                "{}:{}",
                self.attribute(&format!("{}.Arn", alias.0), line)?,
                alias.1
            ));
        }
        Err(self.unknown(name, line))
    }

    fn parameter(&self, name: &str, line: usize) -> Result<String, Mistake> {
        if let Some(given) = self.context.parameters.get(name) {
            return Ok(given.clone());
        }
        let give = format!("give it one with --parameter {name}=VALUE");
        let Some(parameter) = self.parameters.get(name) else {
            return Err(self.unknown(name, line));
        };
        if parameter.kept_elsewhere {
            let problem = format!("the value of parameter {name} is kept by AWS; {give}");
            return Err(Mistake::new(line, problem));
        }
        let Some(default) = parameter.default else {
            return Err(Mistake::new(line, format!("parameter {name} has no Default; {give}")));
        };
        match &default.value {
            Value::Text(text) => Ok(text.clone()),
            Value::Null => Ok(String::new()),
            _ => Err(Mistake::new(default.line, "a Default must be text")),
        }
    }

    fn attribute(&self, path: &str, line: usize) -> Result<String, Mistake> {
        let (id, attribute) = path.split_once('.').unwrap_or((path, ""));
        let Some(name) = self.functions.get(id) else { return Err(self.unknown(id, line)) };
        if attribute != "Arn" {
            let problem = format!("!GetAtt {path}: of a function there is only Arn here");
            return Err(Mistake::new(line, problem));
        }
        let Context { account, region, .. } = self.context;
        Ok(format!("arn:aws:lambda:{region}:{account}:function:{name}"))
    }

    fn unknown(&self, name: &str, line: usize) -> Mistake {
        let what = match self.resources.get(name) {
            Some(kind) => format!("`{name}` is an {kind}, which is not here"),
            None => format!("the template has no `{name}`"),
        };
        Mistake::new(
            line,
            format!(
                "{what}: only parameters, pseudo parameters and functions can be referred to \
                 (an environment variable can be given with --env NAME=VALUE)"
            ),
        )
    }

    /// `Fn::Sub`: text, or a list of text and a map of values for it.
    fn substitute(&self, argument: &Node, line: usize) -> Result<String, Mistake> {
        let wanted = || wants(line, "!Sub", "text, or a list of text and a map");
        let (text, values) = match &argument.value {
            Value::Text(text) => (text.as_str(), None),
            Value::List(items) => match items.as_slice() {
                [text, values] => (text.text().ok_or_else(wanted)?, Some(values)),
                _ => return Err(wanted()),
            },
            _ => return Err(wanted()),
        };
        let own = |name: &str| values.and_then(|values| values.get(name));
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                return Err(Mistake::new(line, format!("!Sub: `${{{after}` has no end")));
            };
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(member) = own(name.trim()) {
                let value = self.value(&member.value)?;
                let text = value.text().ok_or_else(|| wants(member.line, name, "text"))?;
                result.push_str(text);
            } else {
                result.push_str(&self.named(name.trim(), line)?);
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    /// `${Name}` or `${Name.Attribute}`.
    fn named(&self, name: &str, line: usize) -> Result<String, Mistake> {
        match name.split_once('.') {
            Some((_, "Alias")) | None => self.name(name, line),
            Some(_) => self.attribute(name, line),
        }
    }

    fn join(&self, argument: &Node, line: usize) -> Result<String, Mistake> {
        let wanted = || wants(line, "!Join", "a list of a delimiter and a list of texts");
        let Value::List(parts) = &argument.value else { return Err(wanted()) };
        let [delimiter, list] = parts.as_slice() else { return Err(wanted()) };
        let Value::List(items) = self.value(list)?.value else { return Err(wanted()) };
        let texts: Option<Vec<&str>> = items.iter().map(Node::text).collect();
        // An empty delimiter may be written as nothing at all.
        let delimiter = delimiter.text().unwrap_or_default();
        Ok(texts.ok_or_else(wanted)?.join(delimiter))
    }
}

/// The function that a value calls, in its short or long form, and its argument.
pub(super) fn call(node: &Node) -> Option<(String, Node)> {
    if let Some(tag) = &node.tag {
        return Some((tag.clone(), Node { tag: None, ..node.clone() }));
    }
    let [member] = node.members()? else { return None };
    let name = match member.name.as_str() {
        "Ref" => "Ref",
        name => name.strip_prefix("Fn::")?,
    };
    Some((name.to_owned(), member.value.clone()))
}

fn path_of(argument: &Node) -> Result<String, Mistake> {
    let wanted = || wants(argument.line, "!GetAtt", "NAME.ATTRIBUTE");
    match &argument.value {
        Value::Text(text) => Ok(text.clone()),
        Value::List(parts) => {
            let parts: Option<Vec<&str>> = parts.iter().map(Node::text).collect();
            Ok(parts.ok_or_else(wanted)?.join("."))
        }
        _ => Err(wanted()),
    }
}

fn wants(line: usize, who: &str, what: &str) -> Mistake {
    Mistake::new(line, format!("{who} wants {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Parameters:
  Stage: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: 'a, b'}
  Secret: {Type: String}
Resources:
  Hello: {Type: 'AWS::Serverless::Function'}
  Table: {Type: 'AWS::DynamoDB::Table'}
";

    fn resolved(value: &str) -> Result<String, String> {
        let template = Node::read(TEMPLATE).unwrap();
        let context = Context {
            account: "000000000000".to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: BTreeMap::new(),
            variables: BTreeSet::new(),
        };
        let mut resolver = Resolver::new(&template, &context);
        resolver.functions.insert("Hello", "hello-fn".to_owned());
        resolver.aliases.insert("Hello", "live".to_owned());
        let node = Node::read(&format!("\nV: {value}\n")).unwrap();
        let value = resolver.value(&node.get("V").unwrap().value);
        match value {
            Ok(node) => Ok(node.text().unwrap_or(node.kind()).to_owned()),
            Err(mistake) => Err(format!("{}: {}", mistake.line, mistake.problem)),
        }
    }

    #[test]
    fn values_are_worked_out_in_both_forms() {
        let arn = "arn:aws:lambda:eu-west-1:000000000000:function:hello-fn";
        for (value, wanted) in [
            ("!Ref Stage", "dev"),
            ("{Ref: Hello}", "hello-fn"),
            ("!Ref AWS::Region", "eu-west-1"),
            ("!Ref AWS::NoValue", "nothing"),
            ("!Ref Zones", "a list"),
            ("!GetAtt Hello.Arn", arn),
            ("{'Fn::GetAtt': [Hello, Arn]}", arn),
            ("!Sub '${Hello}-${AWS::AccountId}-${!Stage}'", "hello-fn-000000000000-${Stage}"),
            ("!Sub '${Hello.Arn}'", arn),
            ("!Ref Hello.Alias", &format!("{arn}:live")),
            ("!Sub ['${A}/${Stage}', {A: !Ref Hello}]", "hello-fn/dev"),
            ("!Join ['-', [x, !Ref Stage]]", "x-dev"),
            ("{'Fn::Join': [':', !Ref Zones]}", "a:b"),
        ] {
            assert_eq!(resolved(value), Ok(wanted.to_owned()), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_worked_out_says_where_and_why() {
        for (value, wanted) in [
            ("!Ref Table", "2: `Table` is an AWS::DynamoDB::Table, which is not here"),
            ("!Ref Nothing", "2: the template has no `Nothing`"),
            ("!Ref Secret", "2: parameter Secret has no Default; give it one with --parameter"),
            ("!GetAtt Hello.FunctionUrl", "2: !GetAtt Hello.FunctionUrl: of a function"),
            ("!If [A, b, c]", "2: Fn::If: sqlambda local knows no conditions"),
            ("{'Fn::ImportValue': x}", "2: Fn::ImportValue cannot be worked out"),
            ("!Sub '${Stage'", "2: !Sub: `${Stage` has no end"),
            ("!Sub '${Table.Arn}'", "2: `Table` is an AWS::DynamoDB::Table"),
            ("!Ref AWS::NotificationARNs", "2: there is no AWS::NotificationARNs"),
        ] {
            let error = resolved(value).unwrap_err();
            assert!(error.starts_with(wanted), "{value}: {error}");
        }
    }
}
