//! What a fuzzer may try, each with what must hold of every input. The inputs that are kept, in
//! `fuzz/corpus`, are run by the tests below.

use crate::answer::RawAnswer;
use crate::batch::{Envelope, Shape};
use crate::limits::{FUNCTION_NAME_CHARS, QUALIFIER_CHARS};
use crate::name::check_qualifier;
use crate::{Arguments, FunctionName, TextArguments, batch_answer, composite};

/// A function's name, partial ARN or ARN.
pub fn function_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(function) = FunctionName::parse(text) else { return };
    assert_eq!(function.as_str(), text);
    // The parts put together again mean the same.
    let mut parts = Vec::new();
    if let (Some(region), Some(account)) = (function.region(), function.account()) {
        parts.extend(["arn", "aws", "lambda", region.as_str(), account, "function"]);
    }
    parts.push(function.name());
    parts.extend(function.qualifier());
    let joined = parts.join(":");
    // A bare name may read as the beginning of something longer, such as `function`; and the whole of a
    // partial ARN may be longer than a name can be.
    if parts.len() > 2 && joined.len() <= FUNCTION_NAME_CHARS {
        let again = FunctionName::parse(&joined);
        assert!(again.is_ok_and(|again| {
            again.name() == function.name()
                && again.qualifier() == function.qualifier()
                && again.region() == function.region()
                && again.account() == function.account()
        }));
    }
    // In a name only that bounds its length: the service says that there is no such alias.
    let fits =
        |qualifier: &str| check_qualifier(qualifier).is_ok() || qualifier.len() > QUALIFIER_CHARS;
    assert!(function.qualifier().is_none_or(fits));
}

/// The text form of `aws_commons._lambda_function_arn_1`.
pub fn composite(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((name, region)) = composite::parse(text) else { return };
    let quoted = |field: &Option<String>| {
        let quote =
            |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""));
        field.as_ref().map_or_else(String::new, quote)
    };
    let written = format!("({},{})", quoted(&name), quoted(&region));
    assert_eq!(composite::parse(&written), Some((name, region)));
}

/// The arguments of `aws_lambda.invoke`, separated by bytes 0; an argument of one byte 1 is NULL.
pub fn arguments(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut given = text.split('\0').map(|text| (text != "\x01").then(|| text.to_owned()));
    let mut next = || given.next().flatten();
    let text = TextArguments {
        function_name: next(),
        region: next(),
        invocation_type: next(),
        log_type: next(),
        context: next(),
        qualifier: next(),
        payload: next().map(String::into_bytes),
    };
    let literals = [&text.invocation_type, &text.log_type, &text.context, &text.qualifier];
    let literals = literals.map(Clone::clone);
    let literals =
        TextArguments::from_literals(text.function_name.clone(), text.payload.clone(), literals);
    for arguments in [literals, text.resolve()] {
        let Ok((invocation, _)) = arguments.and_then(Arguments::check) else { continue };
        let path = invocation.path_and_query();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%?=".contains(&byte);
        assert!(path.bytes().all(plain), "{path}");
        assert_eq!(path.matches('?').count(), usize::from(invocation.qualifier.is_some()));
        assert_eq!(path.matches('/').count(), 4, "{path}");
    }
}

/// What a response means: its first line is a status, an invocation type and a `X-Amz-Function-Error`,
/// the rest its body; and what rows a batch's answer has.
pub fn answer(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let head = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut head = head.split(' ');
    let status = head.next().and_then(|text| text.parse().ok()).unwrap_or(200);
    let invocation_type = head.next().map(str::to_owned);
    let function_error = head.next().map(str::to_owned);
    let body = lines.next().unwrap_or_default().to_vec();

    let arguments =
        Arguments { function_name: Some("f".to_owned()), invocation_type, ..Arguments::default() };
    let Ok((invocation, _)) = arguments.check() else { return };
    let raw = RawAnswer { status, function_error, body: body.clone(), ..RawAnswer::default() };
    match raw.interpret(&invocation) {
        Ok(answer) => {
            if let Some(payload) = answer.payload {
                assert_eq!(payload.as_bytes(), body);
                assert!(serde_json::from_str::<serde::de::IgnoredAny>(&payload).is_ok());
                rows(&payload);
            }
        }
        Err(error) => {
            let _ = (error.to_string(), error.kind(), error.may_retry());
        }
    }
}

fn rows(payload: &str) {
    let envelope = Envelope {
        cluster: String::new(),
        user: String::new(),
        database: String::new(),
        external_function: String::new(),
        query_id: 1,
    };
    for shape in [Shape::Array, Shape::Redshift(envelope)] {
        for count in 0..4 {
            let split = batch_answer::split(&shape, payload.to_owned(), count, "f", None);
            let Ok(results) = split else { continue };
            assert_eq!(results.rows.len(), count);
            for row in results.rows {
                let row = results.text.get(row);
                assert!(row.is_some_and(|row| {
                    serde_json::from_str::<serde::de::IgnoredAny>(row).is_ok()
                }));
            }
        }
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::replay::replay;

    #[test]
    fn kept_inputs_of_the_fuzzer() {
        replay("function_name", super::function_name);
        replay("composite", super::composite);
        replay("arguments", super::arguments);
        replay("answer", super::answer);
    }
}
