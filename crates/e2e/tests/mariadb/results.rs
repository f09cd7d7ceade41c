//! What goes to a function and comes back, byte for byte: character sets, types, sizes.

use e2e::{Brand, MariaDb};

use crate::support::{SqlError, brands, client, error, on_both, parse_error, playground, value};

fn is_mariadb(server: &MariaDb) -> bool {
    server.install().brand == Brand::MariaDb
}

/// The result of a statement, or its error.
fn result(server: &MariaDb, sql: &str) -> Result<String, SqlError> {
    let output = client(server).run(sql).unwrap();
    if output.status.success() {
        Ok(output.stdout.trim_end_matches('\n').to_owned())
    } else {
        Err(parse_error(&output.stderr))
    }
}

on_both! {
    /// The very text: no spelling of a number, order or repetition of members changes.
    fn json_is_text(server) {
        let text = r#"{"b":1.10, "a":1e2,"a":-0.0,  "é漢🙂":"\\u00e9"}"#;
        assert_eq!(value(server, &format!("SELECT lambda_sync('echo', '{text}');")), text.replace("\\\\", "\\"));
    }

    /// MySQL tells the character set of each argument, and is asked for UTF-8. MariaDB tells
    /// nothing: there an argument must be in UTF-8, and what is not is refused.
    fn arguments_in_other_character_sets(server) {
        for charset in ["latin1", "utf16", "ucs2", "utf32", "cp1252", "gbk"] {
            if !is_mariadb(server) && charset == "cp1252" {
                continue;
            }
            let charset = if charset == "cp1252" { "cp1250" } else { charset };
            let sql = format!("SELECT lambda_sync('echo', CONVERT('\"é\"' USING {charset}));");
            let result = result(server, &sql);
            if is_mariadb(server) {
                let error = result.unwrap_err();
                assert_eq!(error.number, 1210);
                let said = error.message;
                assert!(said.starts_with("invalid value for argument \"payload\": it is not UTF-8 from byte "), "{said}");
                assert!(said.ends_with(" Convert it: CONVERT(... USING utf8mb4)."), "{said}");
            } else {
                assert_eq!(result.unwrap(), "\"é\"", "{charset}");
            }
            let sql = format!("SELECT lambda_sync('echo', CONVERT(CONVERT('\"é\"' USING {charset}) USING utf8mb4));");
            assert_eq!(value(server, &sql), "\"é\"", "{charset}");
        }
    }

    /// A session in another character set than UTF-8: the same two ways.
    fn a_session_in_latin1(server) {
        let script = "SET NAMES latin1; SELECT hex(lambda_sync('echo', '\"\u{e9}\"'));";
        let result = {
            let bytes: Vec<u8> = script.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            let file = tempfile::NamedTempFile::new_in(playground().folder()).unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let mut command = client(server).arg("--default-character-set=latin1").into_command();
            command.stdin(std::fs::File::open(file.path()).unwrap());
            command.output().unwrap()
        };
        if is_mariadb(server) {
            let said = String::from_utf8_lossy(&result.stderr).into_owned();
            assert!(said.contains("it is not UTF-8 from byte 2 on"), "{said}");
        } else {
            assert_eq!(String::from_utf8_lossy(&result.stdout), "22C3A922\n");
        }
    }

    /// Bytes without a character set are taken for UTF-8, if they are.
    fn bytes(server) {
        assert_eq!(value(server, "SELECT lambda_sync('echo', x'22c3a922');"), "\"é\"");
        assert_eq!(value(server, "SELECT lambda_sync('echo', CAST('\"é\"' AS BINARY));"), "\"é\"");
        for hex in ["22ff22", "22c322", "22eda08022"] {
            let error = error(server, &format!("SELECT lambda_sync('echo', x'{hex}');"));
            assert_eq!(error.number, 1210, "{error:?}");
        }
        let error = error(server, "SELECT lambda_sync(x'6563686fff', '1');");
        assert!(error.message.contains("argument \"function\""), "{error:?}");
    }

    /// The result's own type: text in UTF-8 on MySQL; a BLOB that holds UTF-8 on MariaDB, where a
    /// function cannot say more, as Aurora's is.
    fn the_results_type(server) {
        let sql = "SELECT charset(lambda_sync('echo', '1')), char_length(lambda_sync('echo', '\"é\"'));";
        let expected = if is_mariadb(server) { "binary\t4" } else { "utf8mb4\t3" };
        assert_eq!(value(server, sql), expected);
        let database = crate::support::database(server);
        let kind = value(server, &format!(
            "USE {database}; CREATE TABLE t AS SELECT lambda_sync('echo', '\"é\"') AS answer;
             SELECT column_type FROM information_schema.columns WHERE table_schema = '{database}';
             SELECT convert(answer USING utf8mb4) = '\"é\"' FROM t;"
        ));
        assert_eq!(kind, if is_mariadb(server) { "mediumblob\n1" } else { "longtext\n1" });
    }

    /// The server's JSON functions read it, on MariaDB once it is converted.
    fn json_functions(server) {
        let call = r#"CONVERT(lambda_sync('echo', '{"a": {"b": "é"}, "n": 5}') USING utf8mb4)"#;
        assert_eq!(value(server, &format!("SELECT json_unquote(json_extract({call}, '$.a.b'));")), "é");
        assert_eq!(value(server, &format!("SELECT json_value({call}, '$.n') + 1;")), "6");
        let rows = format!(
            "SELECT t.a FROM json_table(CONVERT({} USING utf8mb4), '$[*]' COLUMNS (a varchar(10) CHARACTER SET utf8mb4 PATH '$.a')) AS t;",
            r#"lambda_sync('echo', '[{"a": "é"}, {"a": "漢"}]')"#
        );
        assert_eq!(value(server, &rows), "é\n漢");
        // A JSON object that SQL made is an argument like any text.
        let made = "SELECT lambda_sync('echo', json_object('a', 'é'));";
        assert_eq!(value(server, made), "{\"a\": \"é\"}");
    }

    /// Lambda's largest answer, and its largest payload; one byte more is refused unsent.
    fn six_megabytes(server) {
        let sql = "SELECT length(lambda_sync('raw', '{\"bytes\": 6291456}')), length(lambda_sync('raw', '{\"bytes\": 3}'));";
        assert_eq!(value(server, sql), "6291456\t3");
        let largest = "concat('\"', repeat('x', 6291454), '\"')";
        assert_eq!(value(server, &format!("SELECT length(lambda_sync('echo', {largest}));")), "6291456");
        let error = error(server, &format!("SELECT lambda_sync('echo', concat(' ', {largest}));"));
        assert_eq!(error.message, "Lambda API returned error: Request must be smaller than 6291456 bytes \
            for the InvokeFunction operation");
        let whole = "SELECT length(lambda_invoke('raw', '{\"bytes\": 6291456}', '{\"log_type\": \"Tail\"}')) > 6291456;";
        assert_eq!(value(server, whole), "1");
    }

    /// Different sizes, row after row: none keeps anything of the one before.
    fn sizes_up_and_down(server) {
        let sql = "SELECT length(lambda_sync('raw', concat('{\"bytes\": ', n, '}'))) FROM
            (SELECT 100000 AS n UNION SELECT 2 UNION SELECT 3000000 UNION SELECT 5) AS sizes;";
        assert_eq!(value(server, sql), "100000\n2\n3000000\n5");
    }

    /// Answers that cannot be given to SQL.
    fn unusable_answers(server) {
        for (function, problem) in [
            ("returns-not-json", "\"returns-not-json\" returned an answer that is not JSON: "),
            ("returns-too-much", "\"returns-too-much\" returned error "),
        ] {
            let said = error(server, &format!("SELECT lambda_sync('{function}', '{{}}');")).message;
            assert!(said.starts_with(&format!("Lambda API returned error: {problem}")), "{said}");
        }
    }
}

/// A result is as large as the answer, whatever `max_allowed_packet` is: never cut, never NULL.
/// What SQL makes of it obeys that limit, with the server's own warning.
#[test]
fn max_allowed_packet() {
    for brand in brands() {
        let server = playground()
            .new_mariadb(brand, |config| config.setting("max_allowed_packet", "1M"))
            .unwrap();
        let call = "lambda_sync('raw', '{\"bytes\": 3000000}')";
        assert_eq!(value(&server, &format!("SELECT length({call});")), "3000000");
        let whole = value(&server, &format!("SELECT {call};"));
        assert_eq!(whole.len(), 3_000_000);
        let limited =
            value(&server, &format!("SELECT concat({call}, 'x') IS NULL; SHOW WARNINGS;"));
        assert!(
            limited.starts_with("1\nWarning\t1301\tResult of concat() was larger"),
            "{limited}"
        );
    }
}
