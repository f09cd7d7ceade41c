//! The properties of a resource: those that `Globals` sets for all, then its own.

use std::collections::BTreeMap;

use super::resolve::{Resolver, call};
use super::yaml::{Member, Mistake, Node, Value};
use crate::functions::config::Range;

/// The properties of one resource.
#[derive(Debug)]
pub(super) struct Properties<'a> {
    pub(super) resolver: &'a Resolver<'a>,
    /// The line of the resource.
    pub(super) line: usize,
    members: BTreeMap<String, Member>,
}

impl<'a> Properties<'a> {
    /// The properties of `resource`, over those of `globals`.
    pub(super) fn of(
        resolver: &'a Resolver<'a>,
        resource: &Member,
        globals: Option<&Node>,
    ) -> Self {
        let mut members = BTreeMap::new();
        let own = resource.value.get("Properties").map(|member| &member.value);
        for member in [globals, own].into_iter().flatten().filter_map(Node::members).flatten() {
            let merged = match members.remove(&member.name) {
                Some(before) => merged(&before, member),
                None => member.clone(),
            };
            members.insert(member.name.clone(), merged);
        }
        Self { resolver, line: resource.line, members }
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// A property as it is written.
    pub(super) fn raw(&self, name: &str) -> Option<&Member> {
        self.members.get(name)
    }

    /// A property's value, worked out; nothing if it is null.
    pub(super) fn get(&self, name: &str) -> Result<Option<Node>, Mistake> {
        let Some(member) = self.raw(name) else { return Ok(None) };
        let value = self.resolver.value(&member.value)?;
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    /// A property that is text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Mistake> {
        self.get(name)?.map(|node| text(name, &node)).transpose()
    }

    /// A property that is a number in the range.
    pub(super) fn number(&self, range: &Range) -> Result<Option<u32>, Mistake> {
        self.get(range.name)?.map(|node| number(range, &node)).transpose()
    }
}

/// As SAM does it: maps are merged, lists joined, anything else replaced.
fn merged(global: &Member, own: &Member) -> Member {
    let value = match (&global.value.value, &own.value.value) {
        _ if call(&global.value).is_some() || call(&own.value).is_some() => own.value.value.clone(),
        (Value::List(first), Value::List(then)) => Value::List([&first[..], then].concat()),
        (Value::Map(all), Value::Map(these)) => {
            let mut members = all.clone();
            for member in these {
                match members.iter_mut().find(|known| known.name == member.name) {
                    Some(known) => *known = merged(known, member),
                    None => members.push(member.clone()),
                }
            }
            Value::Map(members)
        }
        (_, own) => own.clone(),
    };
    Member { value: Node { value, ..own.value.clone() }, ..own.clone() }
}

/// A value that must be text.
pub(super) fn text(name: &str, node: &Node) -> Result<String, Mistake> {
    let wanted =
        || Mistake::new(node.line, format!("{name} must be text, but it is {}", node.kind()));
    node.text().map(str::to_owned).ok_or_else(wanted)
}

/// A value that must be a number in the range.
pub(super) fn number(range: &Range, node: &Node) -> Result<u32, Mistake> {
    let given = node.text().unwrap_or(node.kind());
    let number = given.parse().ok().filter(|number| range.allows(*number));
    number.ok_or_else(|| Mistake::new(node.line, format!("`{given}` is not {range}")))
}
