//! A template's text as a tree that knows its lines. JSON is YAML, so one reader does for both.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// The most values of a template, those that aliases repeat included. CloudFormation's own limit is
/// 1 MB of text.
const MOST_NODES: usize = 100_000;

/// How deep a template may be nested.
const DEEPEST: usize = 64;

/// What is wrong, and on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) problem: String,
}

impl Mistake {
    pub(super) fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The line it begins on; the first is 1.
    pub(super) line: usize,
    /// CloudFormation's short form of a function, such as `Ref` for `!Ref`.
    pub(super) tag: Option<String>,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    /// Text, a number or a truth value, as it is written: CloudFormation converts as needed.
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A member of a map.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// The line of the name.
    pub(super) line: usize,
    pub(super) value: Node,
}

impl Node {
    /// Reads a whole template.
    pub(super) fn read(text: &str) -> Result<Self, Mistake> {
        let mut reader = Reader::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                Mistake::new(error.marker().line(), format!("not YAML: {}", error.info()))
            })?;
            reader.take(event, span)?;
        }
        reader.root.ok_or_else(|| Mistake::new(1, "the template is empty"))
    }

    /// The text, unless it is something else.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members, unless it is something else.
    pub(super) fn members(&self) -> Option<&[Member]> {
        match &self.value {
            Value::Map(members) => Some(members),
            _ => None,
        }
    }

    /// The member of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.members()?.iter().find(|member| member.name == name)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Text(_) => 0,
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Map(members) => members.iter().map(|member| member.value.size()).sum(),
        }
    }
}

/// Builds the tree from the parser's events.
#[derive(Default)]
struct Reader {
    /// The lists and maps that are open, the innermost last.
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

struct Open {
    node: Node,
    anchor: usize,
    /// A map's name whose value comes next.
    name: Option<(String, usize)>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Mistake> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = short_form(tag.as_deref(), line)?;
                let empty = style == ScalarStyle::Plain
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if empty { Value::Null } else { Value::Text(text.into_owned()) };
                self.put(Node { line, tag, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Value::List(Vec::new()), line, anchor, tag)
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(Value::Map(Vec::new()), line, anchor, tag)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.put(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.nodes += node.size();
                    self.put(node, 0)
                }
                None => Err(Mistake::new(line, "the alias stands inside of what it repeats")),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Mistake::new(line, "a second document: a template is one"))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(
        &mut self,
        value: Value,
        line: usize,
        anchor: usize,
        tag: Option<std::borrow::Cow<'_, Tag>>,
    ) -> Result<(), Mistake> {
        if self.open.len() == DEEPEST {
            return Err(Mistake::new(line, "nested too deeply"));
        }
        let tag = short_form(tag.as_deref(), line)?;
        self.open.push(Open { node: Node { line, tag, value }, anchor, name: None });
        Ok(())
    }

    /// A value is complete: it belongs to what is open around it.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Mistake> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Mistake::new(node.line, format!("more than {MOST_NODES} values")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(around) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut around.node.value, around.name.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(members), Some((name, line))) => {
                members.push(Member { name, line, value: node });
            }
            (Value::Map(members), None) => {
                let Value::Text(name) = node.value else {
                    return Err(Mistake::new(node.line, "a name must be text"));
                };
                if let Some(first) = members.iter().find(|member| member.name == name) {
                    let first = first.line;
                    let problem = format!("`{name}` is there twice, first on line {first}");
                    return Err(Mistake::new(node.line, problem));
                }
                around.name = Some((name, node.line));
            }
            // Only lists and maps are open.
            (Value::Null | Value::Text(_), _) => {}
        }
        Ok(())
    }
}

/// `Ref` for `!Ref`; nothing for YAML's own tags, such as `!!str`.
fn short_form(tag: Option<&Tag>, line: usize) -> Result<Option<String>, Mistake> {
    let Some(tag) = tag else { return Ok(None) };
    if tag.is_yaml_core_schema() {
        return Ok(None);
    }
    if tag.handle != "!" {
        return Err(Mistake::new(line, format!("the tag `{}{}`", tag.handle, tag.suffix)));
    }
    Ok(Some(tag.suffix.clone()).filter(|suffix| !suffix.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> Mistake {
        Node::read(text).unwrap_err()
    }

    #[test]
    fn values_know_their_lines_and_short_forms() {
        let root = Node::read("A:\n  - !Ref X\n  - b: ~\nC: !Sub\n  - text\n").unwrap();
        let Value::List(items) = &root.get("A").unwrap().value.value else { panic!() };
        assert_eq!(
            (items[0].line, items[0].tag.as_deref(), items[0].text()),
            (2, Some("Ref"), Some("X"))
        );
        assert!(items[1].get("b").unwrap().value.is_null());
        let c = root.get("C").unwrap();
        assert_eq!((c.line, c.value.tag.as_deref(), c.value.kind()), (4, Some("Sub"), "a list"));
    }

    #[test]
    fn json_is_read_too() {
        let root =
            Node::read("{\n\t\"A\": {\"Ref\": \"X\"},\n\t\"B\": [1, true, null, \"null\"]\n}")
                .unwrap();
        assert_eq!(root.get("A").unwrap().value.get("Ref").unwrap().value.text(), Some("X"));
        let Value::List(items) = &root.get("B").unwrap().value.value else { panic!() };
        assert_eq!(
            items.iter().map(Node::text).collect::<Vec<_>>(),
            [Some("1"), Some("true"), None, Some("null")]
        );
        assert_eq!(root.get("B").unwrap().line, 3);
    }

    #[test]
    fn mistakes_name_their_line() {
        assert_eq!(
            mistake("A: 1\nB: 2\nA: 3\n"),
            Mistake::new(3, "`A` is there twice, first on line 1")
        );
        assert_eq!(mistake("A: 1\nB: *nowhere\n").line, 2);
        assert_eq!(mistake("").problem, "the template is empty");
        assert!(mistake("---\na: 1\n---\nb: 1\n").problem.contains("second document"));
    }

    #[test]
    fn aliases_repeat_and_are_bounded() {
        let root = Node::read("A: &x {k: v}\nB: *x\n").unwrap();
        assert_eq!(root.get("B").unwrap().value.get("k").unwrap().value.text(), Some("v"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..8 {
            let inner = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", inner.trim_end_matches(", ")));
        }
        assert!(mistake(&bomb).problem.contains("more than"));
        assert!(mistake(&format!("{}x", "- ".repeat(100))).problem.contains("deep"));
        // The parser has a bound of its own for these.
        assert!(Node::read(&"[".repeat(100_000)).is_err());
    }
}
