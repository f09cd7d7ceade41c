//! The beginning of a text that may be long.

use bytes::Bytes;

/// The first bytes of something, and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// What is kept.
    pub bytes: Bytes,
    /// The length of the whole, in bytes.
    pub length: usize,
}

impl Excerpt {
    /// The first `limit` bytes. Shared with the whole if that is all of it, else copied: a slice
    /// would keep the rest in memory.
    pub fn of(whole: &Bytes, limit: usize) -> Self {
        let bytes = match whole.get(..limit) {
            Some(first) if whole.len() > limit => Bytes::copy_from_slice(first),
            _ => whole.clone(),
        };
        Self { bytes, length: whole.len() }
    }

    /// Whether something was cut off.
    pub fn is_cut(&self) -> bool {
        self.bytes.len() < self.length
    }

    /// What is kept, as text; what is no UTF-8 is shown by replacement characters, a character that
    /// was cut in two not at all.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        if self.is_cut() {
            return text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned();
        }
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_shared_and_a_long_one_cut_between_characters() {
        let whole = Bytes::from_static("añb".as_bytes());
        let all = Excerpt::of(&whole, 4);
        assert_eq!((all.text().as_str(), all.is_cut()), ("añb", false));
        assert_eq!(all.bytes.as_ptr(), whole.as_ptr());
        let cut = Excerpt::of(&whole, 2);
        assert_eq!((cut.text().as_str(), cut.is_cut(), cut.length), ("a", true, 4));
        assert_ne!(cut.bytes.as_ptr(), whole.as_ptr(), "the whole can be freed");
    }
}
