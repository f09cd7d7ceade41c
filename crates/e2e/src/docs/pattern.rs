//! Compares output with what the documentation shows.

enum Token {
    Text(String),
    /// `...`
    Anything,
    /// `...` between two lines: any lines, or none.
    Lines,
    /// `<uuid>`
    Uuid,
    /// Any other `<word>`
    Word,
}

/// Whether `output` is what `shown` shows: spaces at line ends and empty lines at the end do not
/// count, and placeholders stand for what cannot be foreseen.
pub(super) fn matches(shown: &str, output: &str) -> bool {
    fits(&tokens(&tidy(shown)), &tidy(output))
}

const PLAN: &str = "QUERY PLAN";

pub(super) fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(tidy_line).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// `EXPLAIN` centres its heading over the widest line, which is not the same on all majors.
fn tidy_line(line: &str) -> &str {
    let line = line.trim_end();
    if line.trim_start() == PLAN { PLAN } else { line }
}

fn tokens(shown: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut text = String::new();
    let mut rest = shown;
    while let Some(next) = rest.chars().next() {
        let (token, length) = match placeholder(rest) {
            Some(found) => found,
            None => {
                text.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            }
        };
        tokens.push(Token::Text(std::mem::take(&mut text)));
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens.push(Token::Text(text));
    tokens
}

/// The placeholder that `text` begins with, and its length.
fn placeholder(text: &str) -> Option<(Token, usize)> {
    if text.starts_with("\n...\n") {
        return Some((Token::Lines, 5));
    }
    if text.starts_with("...") {
        return Some((Token::Anything, 3));
    }
    let (word, _) = text.strip_prefix('<')?.split_once('>')?;
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
        return None;
    }
    let token = if word == "uuid" { Token::Uuid } else { Token::Word };
    Some((token, word.len() + 2))
}

fn fits(tokens: &[Token], output: &str) -> bool {
    let Some((token, rest)) = tokens.split_first() else { return output.is_empty() };
    let ends = || output.char_indices().map(|(at, c)| (at + c.len_utf8(), c));
    match token {
        Token::Text(text) => {
            output.strip_prefix(text.as_str()).is_some_and(|output| fits(rest, output))
        }
        Token::Anything => fits(rest, output) || ends().any(|(end, _)| fits(rest, &output[end..])),
        Token::Lines => {
            output.starts_with('\n')
                && ends().any(|(end, c)| c == '\n' && fits(rest, &output[end..]))
        }
        Token::Word => ends()
            .take_while(|(_, c)| !c.is_whitespace())
            .any(|(end, _)| fits(rest, &output[end..])),
        Token::Uuid => output.get(..36).is_some_and(is_uuid) && fits(rest, &output[36..]),
    }
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Placeholders stand for what they say, and everything else for itself.
#[cfg(test)]
#[test]
fn placeholders() {
    let uuid = "0fa1cd1c-99dd-4d2c-8ee4-5c8b9e3b4cf4";
    for (shown, output) in [
        ("", "\n"),
        ("a  \n b\n\n", "a\n b"),
        ("a ... c", "a b\nb c"),
        ("a\n...", "a\nb\nc\n"),
        ("a\n...\nb", "a\nc\nd\nb"),
        ("a\n...\nb", "a\nb"),
        ("id <uuid>.", &format!("id {uuid}.")),
        ("port <port>, <n> ms", "port 1234, 1.5 ms"),
        ("a < b > c <B>", "a < b > c <B>"),
    ] {
        assert!(matches(shown, output), "{shown:?} {output:?}");
    }
    for (shown, output) in [
        ("", "a"),
        ("a", "b"),
        ("a b", "a  b"),
        ("a\nb", "a\n\nb"),
        ("a ... c", "a b"),
        ("a\n...\nb", "ac\nb"),
        ("a\n...\nb", "a\ncb"),
        ("id <uuid>.", "id 1234."),
        ("<n> ms", " ms"),
        ("<n> ms", "1 2 ms"),
    ] {
        assert!(!matches(shown, output), "{shown:?} {output:?}");
    }
}
