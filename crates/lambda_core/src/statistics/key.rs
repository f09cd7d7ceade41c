//! What calls are counted by.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::invocation::Invocation;
use crate::region::Region;

/// Longest text of a key's function, in bytes: a name of 256 characters beside the word
/// `function:`, a qualifier of 128, a region of 32, and what separates them.
pub(super) const FUNCTION_WORDS: usize = 56;

/// Who calls which function, from which database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// The role.
    pub user: u32,
    /// The database.
    pub database: u32,
    /// Name, qualifier and region, separated by NUL, which is in none of them.
    function: String,
}

/// A function as statistics show it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Function {
    /// `name`, or `account:function:name` when the caller named an account.
    pub name: String,
    /// The version or alias.
    pub qualifier: Option<String>,
    /// The region, when it is known.
    pub region: Option<String>,
}

impl Key {
    /// The key of a call. However the caller wrote the function's name, the key is the same.
    #[must_use]
    pub fn new(user: u32, database: u32, call: &Invocation, region: Option<&Region>) -> Self {
        let mut function = String::with_capacity(FUNCTION_WORDS * 8);
        if let Some(account) = call.function.account() {
            function.push_str(account);
            function.push_str(":function:");
        }
        function.push_str(call.function.name());
        function.push('\0');
        function.push_str(call.effective_qualifier().unwrap_or_default());
        function.push('\0');
        function.push_str(region.map_or("", Region::as_str));
        Self { user, database, function }
    }

    /// The key of the same function in `region`, if that is not this one's.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Option<Self> {
        let (function, known) = self.function.rsplit_once('\0').unwrap_or((&self.function, ""));
        let moved = || Self { function: format!("{function}\0{region}"), ..*self };
        (known != region.as_str()).then(moved)
    }

    /// Never 0.
    pub(super) fn hash(&self) -> u64 {
        // The same in all processes: they run the same library.
        let mut hasher = DefaultHasher::new();
        (self.user, self.database, &self.function).hash(&mut hasher);
        hasher.finish().max(1)
    }

    pub(super) fn text(&self) -> &str {
        &self.function
    }
}

impl Function {
    pub(super) fn of_text(text: &str) -> Self {
        let mut parts = text.split('\0');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (name, qualifier, region) = (part(), part(), part());
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self { name, qualifier: some(qualifier), region: some(region) }
    }
}
