//! Text that goes into error messages.

/// `text` cut to at most `limit` bytes at a character boundary, with `...` where it was cut.
///
/// Control characters become spaces, so that a hostile value cannot forge lines in a server log.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit.min(text.len()));
    let mut short: String =
        text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if end < text.len() {
        short.push_str("...");
    }
    short
}
