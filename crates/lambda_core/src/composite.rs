//! The text form of `aws_commons._lambda_function_arn_1`, as PostgreSQL's `record_out` writes it.
//!
//! AWS's pages pass it as an untyped literal, which PostgreSQL resolves to the *text* overload of
//! `invoke`: `SELECT ... AS arn \gset` and then `invoke(:'arn', ...)` arrives as the text
//! `(my-function,us-east-1)`. No function name can begin with `(`, so nothing else is shadowed.

/// The two fields of a `_lambda_function_arn_1`; an empty field is NULL.
pub type Fields = (Option<String>, Option<String>);

/// Reads `(function_name,region)`. `None` when `text` is not that text form.
///
/// Follows PostgreSQL's "Composite Type Input and Output Syntax": a field may be wrapped in double
/// quotes, in which `""` and `\x` stand for a quote and for `x`; an empty field is NULL, `""` is
/// the empty text.
#[must_use]
pub fn parse(text: &str) -> Option<Fields> {
    let mut rest = text.trim_ascii().strip_prefix('(')?.chars().peekable();
    let function_name = field(&mut rest)?;
    if rest.next()? != ',' {
        return None;
    }
    let region = field(&mut rest)?;
    (rest.next()? == ')' && rest.next().is_none()).then_some((function_name, region))
}

/// One field up to its `,` or `)`. The outer `None` is a syntax error, the inner one is NULL.
#[expect(clippy::option_option, reason = "absent text and NULL are different things here")]
fn field(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Option<String>> {
    if matches!(rest.peek()?, ',' | ')') {
        return Some(None);
    }
    let mut value = String::new();
    let mut quoted = false;
    loop {
        match rest.peek()? {
            ',' | ')' if !quoted => return Some(Some(value)),
            '(' if !quoted => return None,
            _ => {}
        }
        match rest.next()? {
            '\\' => value.push(rest.next()?),
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                value.push('"');
            }
            '"' => quoted = !quoted,
            other => value.push(other),
        }
    }
}
