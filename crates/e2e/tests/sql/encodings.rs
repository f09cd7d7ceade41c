//! Databases that are not in UTF-8: what travels is UTF-8 all the same.

use e2e::RawServer;

use crate::support::{Failure, Session, cluster, database_in};

/// A session in a database of its own in `encoding`.
fn session(encoding: &str) -> Session {
    let mut session = Session::open(cluster(), &database_in(encoding));
    assert_eq!(session.text("SHOW server_encoding"), encoding);
    session
}

/// A call of `raw`, which answers the bytes of a hexadecimal text.
fn raw(json: &str, columns: &str, hex: &str) -> String {
    let event = format!("{json}_build_object('base64', encode('\\x{hex}', 'base64'))");
    format!("SELECT {columns} FROM aws_lambda.invoke('raw', {event})")
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What the function is told of a payload, in ASCII.
const SEEN: &str = r#"SELECT payload->>'event' FROM aws_lambda.invoke('inspect', '{"a": "PAYLOAD"}'::JSON, context => '{"custom": {"c": "CONTEXT"}}'::JSON)"#;

/// A database in LATIN1 sends its characters as UTF-8, in payload and context, and stores answers
/// in its own encoding.
#[test]
fn latin1_is_converted_in_both_directions() {
    let mut session = session("LATIN1");
    // The function writes in ASCII what it saw; jsonb reads that again.
    for (json, seen) in [("json", r"\u00e9 \u00df \u00ff"), ("jsonb", "é ß ÿ")] {
        let call = SEEN.replace("JSON", json).replace("PAYLOAD", "é ß ÿ").replace("CONTEXT", "ü");
        assert_eq!(session.text(&call), format!("{{\"a\": \"{seen}\"}}"), "{json}");
        let context =
            call.replace("payload->>'event'", "payload->'client_context'->'custom'->>'c'");
        assert_eq!(session.text(&context), "ü");
        let bytes = session.text(&raw(json, "octet_length(payload::text)", &hex("\"é\"")));
        assert_eq!(bytes, "3");
        let name = session.text(&raw(json, "payload::text = '\"ñ\"'", &hex("\"ñ\"")));
        assert_eq!(name, "t");
    }
    let echoed = session.text(
        "SELECT payload::text FROM aws_lambda.invoke('echo', '{\"k\u{f6}\": \"\u{e9}\"}'::json)",
    );
    assert_eq!(echoed, "{\"k\u{f6}\": \"\u{e9}\"}");
}

/// A character that LATIN1 lacks is PostgreSQL's own error, whichever side it comes from; written
/// as an escape it travels as `json`.
#[test]
fn a_character_that_latin1_lacks_is_postgresqls_own_error() {
    let mut session = session("LATIN1");
    for json in ["json", "jsonb"] {
        let failure = session.fail(&raw(json, "payload", &hex("\"5 €\"")));
        let what = "character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has no \
            equivalent in encoding \"LATIN1\"";
        assert_eq!(failure, Failure::of("22P05", what, "", ""));
        session.assert_usable();
    }
    let escaped = session.text(&raw("json", "payload::text", &hex(r#""5 \u20ac""#)));
    assert_eq!(escaped, r#""5 \u20ac""#);
    assert_eq!(session.fail(&raw("jsonb", "payload", &hex(r#""5 \u20ac""#))).code, "22P05");
    let sent = session.text(r#"SELECT payload->'event'->>0 = E'\u00e9' FROM aws_lambda.invoke('inspect', '["\u00e9"]'::json)"#);
    assert_eq!(sent, "t");
}

/// Another single-byte encoding, whose euro is one byte of its own.
#[test]
fn windows_characters_are_converted_in_both_directions() {
    let mut session = session("WIN1252");
    for json in ["json", "jsonb"] {
        let echoed = session.row(&format!(
            "SELECT payload::text, octet_length(payload::text) FROM aws_lambda.invoke('echo', '[\"€\"]'::{json})"
        ));
        assert_eq!(echoed, [Some("[\"€\"]".to_owned()), Some("5".to_owned())]);
    }
    assert_eq!(session.fail(&raw("json", "payload", &hex("\"漢\""))).code, "22P05");
    session.assert_usable();
}

/// Bytes of an SQL_ASCII database must be UTF-8 to travel; then they arrive and return as they are.
#[test]
fn sql_ascii_passes_utf8_and_refuses_other_bytes() {
    let mut session = session("SQL_ASCII");
    for json in ["json", "jsonb"] {
        let echoed = session.text(&format!(
            "SELECT payload::text FROM aws_lambda.invoke('echo', '{{\"a\": \"é €\"}}'::{json})"
        ));
        assert_eq!(echoed, "{\"a\": \"é €\"}");
        let bytes =
            session.text(&raw(json, "encode(textsend(payload::text), 'hex')", &hex("\"€\"")));
        assert_eq!(bytes, "22e282ac22");
        let latin = format!("convert_from('\\x22e922', 'SQL_ASCII')::{json}");
        let failure = session.fail(&format!("SELECT * FROM aws_lambda.invoke('echo', {latin})"));
        let what = "invalid byte sequence for encoding \"UTF8\": 0xe9 0x22";
        assert_eq!(failure, Failure::of("22021", what, "", ""));
        session.assert_usable();
    }
    let name = "convert_from('\\xe9', 'SQL_ASCII')";
    assert_eq!(
        session.fail(&format!("SELECT * FROM aws_lambda.invoke({name}, '1'::json)")).code,
        "22021"
    );
    session.assert_usable();
}

/// Error reports with characters beyond ASCII: as they are where the encoding has all of them,
/// else as JSON escapes. A report never fails itself.
#[test]
fn error_texts_beyond_ascii_are_readable_everywhere() {
    let server = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            if request.request_line().contains("refused") {
                connection.respond(400, &[], "{\"message\": \"nicht ß € 😀\"}".as_bytes())?;
            } else if request.request_line().contains("no-json") {
                connection.respond(200, &[], "ß € 😀".as_bytes())?;
            } else {
                let headers = ["X-Amz-Function-Error: Unhandled"];
                connection.respond(200, &headers, "{\"m\": \"ß € 😀\"}".as_bytes())?;
            }
        }
        Ok(())
    })
    .unwrap();
    let (plain, escaped) = ("ß € 😀", r"\u00df \u20ac \ud83d\ude00");
    for (encoding, text) in [("UTF8", plain), ("SQL_ASCII", plain), ("LATIN1", escaped)] {
        let mut session = session(encoding);
        session.go_to(&server.url());
        let mut detail = |name: &str| {
            session.fail(&format!("SELECT * FROM aws_lambda.invoke('{name}', '{{}}'::json)")).detail
        };
        let function =
            format!("\"f\" returned error \"Unhandled\", details: \"{{\"m\": \"{text}\"}}\".");
        assert_eq!(detail("f"), function);
        let api = format!("AWS Lambda client returned 'nicht {text}'.");
        assert_eq!(detail("refused"), api);
        let answer = format!("\"no-json\" returned an answer that is not JSON: \"{text}\".");
        assert_eq!(detail("no-json"), answer);
        let argument = if text == plain { "ß" } else { r"\u00df" };
        let expected = format!("\"{argument}\" is not a function name, partial ARN or ARN.");
        assert_eq!(detail("ß"), expected);
        session.go_to("");
        session.assert_usable();
    }
}
