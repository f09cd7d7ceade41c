//! Long lists, a page at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::call::Call;
use crate::invoke_api::{ApiError, NameProblem};
use crate::limits::PAGE_ITEMS;

/// Which part of a list a request wants.
#[derive(Debug)]
pub(super) struct Page {
    /// The key of the last item that the caller has.
    after: Option<String>,
    items: usize,
}

impl Page {
    /// Reads `Marker` and `MaxItems`, which may be at most `most`. A bad number is added to
    /// `problems`.
    pub(super) fn read(
        call: &Call<'_>,
        most: usize,
        problems: &mut Vec<NameProblem>,
    ) -> Result<Self, ApiError> {
        let after = call.parameter("Marker").map(decode).transpose()?;
        let mut items = PAGE_ITEMS;
        if let Some(given) = call.parameter("MaxItems") {
            let number = given.parse::<i64>().map_err(|_| {
                ApiError::serialization(format!("{given} can not be converted to an Integer"))
            })?;
            let rule = match usize::try_from(number).unwrap_or(0) {
                0 => Some("have value greater than or equal to 1".to_owned()),
                number if number > most => Some(format!("have value less than or equal to {most}")),
                number => {
                    items = number.min(PAGE_ITEMS);
                    None
                }
            };
            problems.extend(rule.map(|rule| NameProblem::new(given, "maxItems", &rule)));
        }
        Ok(Self { after, items })
    }

    /// The page of a list, under a member's name. The list is sorted by its keys, which are never
    /// the same: a page starts behind a key, so that items that come or go move no other.
    pub(super) fn of<T>(
        &self,
        member: &str,
        list: impl Iterator<Item = (String, T)>,
        show: impl Fn(T) -> Value,
    ) -> Map<String, Value> {
        let behind = |key: &String| self.after.as_ref().is_none_or(|after| key > after);
        let mut list = list.filter(|(key, _)| behind(key)).peekable();
        let mut shown = Vec::new();
        let mut last = None;
        while shown.len() < self.items
            && let Some((key, item)) = list.next()
        {
            shown.push(show(item));
            last = Some(key);
        }
        let mut page = Map::new();
        if list.peek().is_some()
            && let Some(last) = last
        {
            page.insert("NextMarker".to_owned(), URL_SAFE_NO_PAD.encode(last).into());
        }
        page.insert(member.to_owned(), shown.into());
        page
    }
}

fn decode(marker: &str) -> Result<String, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| ApiError::invalid_parameter(format!("Invalid pagination token: {marker}")))
}

/// The key of a version, which sorts as its number does.
pub(super) fn version_key(function: &str, number: Option<u64>) -> String {
    format!("{function}:{:020}", number.unwrap_or(0))
}
