//! Every way to write a call, and how often each runs the function.

use std::fs;

use e2e::Brand;

use crate::support::{client, database, error, on_both, parse_error, playground, quoted, value};

const HELLO: &str = r#"{"Status": "OK", "name": "bob"}"#;
const BOB: &str = r#"'{"name": "bob"}'"#;

/// A file that the function `counter` counts its runs in.
struct Counter(tempfile::TempPath);

impl Counter {
    fn new() -> Self {
        let file = tempfile::NamedTempFile::new_in(playground().folder()).unwrap();
        // The function runs as another user than the test, or as the same.
        Self(file.into_temp_path())
    }

    /// The call of the function, as SQL.
    fn call(&self) -> String {
        let event = serde_json::json!({ "file": &*self.0 }).to_string();
        format!("lambda_sync('counter', {})", quoted(&event))
    }

    fn runs(&self) -> usize {
        fs::read_to_string(&self.0).unwrap().lines().count()
    }
}

on_both! {
    /// Aurora's pair and the blog's.
    fn functions_of_two_arguments(server) {
        for function in ["lambda_sync", "awslambda_fn"] {
            assert_eq!(value(server, &format!("SELECT {function}('lambdaTest', {BOB});")), HELLO);
        }
        for function in ["lambda_async", "awslambda_fn_async"] {
            // An empty text, and not NULL.
            let sql = format!("SELECT {function}('lambdaTest', {BOB}) = '';");
            assert_eq!(value(server, &sql), "1");
        }
    }

    /// NULL is no event at all, as on the PostgreSQL side, and NULL options are the defaults.
    fn nulls(server) {
        let none = value(server, "SELECT lambda_sync('simple', NULL);");
        assert_eq!(none, value(server, "SELECT lambda_sync('simple', '{}');"));
        let whole = value(server, "SELECT lambda_invoke('simple', NULL, NULL);");
        assert!(whole.starts_with(r#"{"status_code":200,"payload":{"statusCode": 200"#), "{whole}");
        assert_eq!(value(server, "SELECT lambda_sync(concat('sim', 'ple'), @not_set);"), none);
    }

    /// A name in every form of the API.
    fn names(server) {
        for name in ["lambdaTest:$LATEST", "function:lambdaTest", "000000000000:function:lambdaTest",
                     "arn:aws:lambda:us-east-1:000000000000:function:lambdaTest"] {
            assert_eq!(value(server, &format!("SELECT lambda_sync('{name}', {BOB});")), HELLO);
        }
    }

    /// What `lambda_invoke` answers, by type of invocation.
    fn all_that_is_known_of_an_answer(server) {
        let call = |options: &str| {
            let text = value(server, &format!("SELECT lambda_invoke('lambdaTest', {BOB}, '{options}');"));
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        let expected = serde_json::json!({
            "status_code": 200, "payload": { "Status": "OK", "name": "bob" },
            "executed_version": "$LATEST", "log_result": null
        });
        assert_eq!(call("{}"), expected);
        assert_eq!(call(r#"{"qualifier": "$LATEST", "region": "us-east-1"}"#), expected);
        let log = call(r#"{"log_type": "Tail"}"#);
        assert!(log["log_result"].as_str().unwrap().len() > 20, "{log}");
        let nothing = |status: u16| serde_json::json!({
            "status_code": status, "payload": null, "executed_version": null, "log_result": null
        });
        assert_eq!(call(r#"{"invocation_type": "Event"}"#), nothing(202));
        assert_eq!(call(r#"{"invocation_type": "DryRun"}"#), nothing(204));
    }

    /// The context reaches the function.
    fn context(server) {
        let sql = r#"SELECT lambda_invoke('inspect', '{}', '{"context": {"custom": {"k": "v"}}}');"#;
        let answer: serde_json::Value = serde_json::from_str(&value(server, sql)).unwrap();
        assert_eq!(answer["payload"]["client_context"]["custom"]["k"], "v", "{answer}");
    }

    /// Arguments from a table, one call for each row, in order.
    fn rows_of_a_table(server) {
        let database = database(server);
        let script = format!(
            "USE {database};
             CREATE TABLE t (id int PRIMARY KEY, event varchar(100)) CHARACTER SET utf8mb4;
             INSERT INTO t VALUES (1, '{{\"name\": \"é\"}}'), (2, NULL), (3, '{{\"name\": \"漢🙂\"}}');
             SELECT id, awslambda_fn('echo', event) FROM t WHERE event IS NOT NULL ORDER BY id;"
        );
        assert_eq!(value(server, &script), "1\t{\"name\": \"é\"}\n3\t{\"name\": \"漢🙂\"}");
    }

    /// Equal arguments are no reason to call less often: a call can have effects.
    fn one_run_for_each_row(server) {
        let (counter, database) = (Counter::new(), database(server));
        let call = counter.call();
        let mut expected = 0;
        for (sql, runs) in [
            (format!("SELECT {call}"), 1),
            (format!("SELECT {call}, {call}"), 2),
            (format!("SELECT {call} AS x ORDER BY x"), 1),
            (format!("SELECT length(x), x FROM (SELECT {call} AS x) AS one"), 1),
            (format!("SET @x = {call}"), 1),
            (format!("DO {call}"), 1),
            (format!("SELECT 1 FROM dual WHERE {call} IS NOT NULL"), 1),
            (format!("SELECT {call} FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3) AS three"), 3),
            (format!("SELECT if(1 = 2, {call}, 'not called')"), 0),
            (format!("SELECT {call} FROM dual WHERE 1 = 2"), 0),
            (format!("EXPLAIN SELECT {call}"), 0),
            (format!("CREATE TABLE a AS SELECT {call} AS x"), 1),
            (format!("INSERT INTO a SELECT {call}"), 1),
            (format!("INSERT INTO a VALUES ({call}), ({call})"), 2),
            (format!("UPDATE a SET x = {call}"), 4),
            (format!("SELECT max({call}) FROM a"), 4),
            (format!("PREPARE s FROM {}", quoted(&format!("SELECT {call}"))), 0),
        ] {
            value(server, &format!("USE {database}; {sql};"));
            expected += runs;
            assert_eq!(counter.runs(), expected, "{sql}");
        }
    }

    /// Statements that are prepared once and run with other values and types.
    fn prepared_statements(server) {
        let script = "PREPARE s FROM 'SELECT awslambda_fn(?, ?)';
            SET @name = 'echo', @event = '{\"a\": 1}', @other = '[2]', @number = 5;
            EXECUTE s USING @name, @event;
            EXECUTE s USING @name, @other;
            EXECUTE s USING @name, @event;";
        assert_eq!(value(server, script), "{\"a\": 1}\n[2]\n{\"a\": 1}");
        // The function is asked anew for a number, and refuses it.
        let script =
            format!("{script} EXECUTE s USING @name, @number; EXECUTE s USING @name, @other;");
        let output = client(server).arg("--force").run(&script).unwrap();
        assert_eq!(parse_error(&output.stderr).number, 1123);
        assert!(output.stdout.ends_with("{\"a\": 1}\n[2]\n"), "{}", output.stdout);
    }

    /// Stored procedures and functions, with their variables, loops and cursors.
    fn stored_programs(server) {
        let database = database(server);
        let script = format!(
            "USE {database};
             DELIMITER //
             CREATE FUNCTION f(event longtext CHARACTER SET utf8mb4) RETURNS longtext CHARACTER SET utf8mb4
                 NOT DETERMINISTIC NO SQL
                 RETURN convert(awslambda_fn('echo', event) USING utf8mb4) //
             CREATE PROCEDURE p(INOUT answer longtext CHARACTER SET utf8mb4) BEGIN
                 DECLARE i int DEFAULT 0;
                 WHILE i < 3 DO
                     SET answer = f(concat('[', answer, ']')), i = i + 1;
                 END WHILE;
             END //
             DELIMITER ;
             SET @a = '\"é🙂\"'; CALL p(@a); SELECT @a;"
        );
        let output = client(server).arg("--init-command=SET GLOBAL log_bin_trust_function_creators = 1").run(&script).unwrap();
        assert_eq!(output.stdout_if_ok().unwrap(), "[[[\"é🙂\"]]]\n");
    }

    /// A trigger calls for each row; when it fails, the row is not written.
    fn triggers(server) {
        let (counter, database) = (Counter::new(), database(server));
        let script = format!(
            "SET GLOBAL log_bin_trust_function_creators = 1;
             USE {database};
             CREATE TABLE t (name varchar(20)) ENGINE = InnoDB;
             CREATE TRIGGER after_insert AFTER INSERT ON t FOR EACH ROW
                 SET @answer = if(new.name = 'bad', lambda_sync('nope', '{{}}'), {});
             INSERT INTO t VALUES ('a'), ('b');
             SELECT count(*) FROM t;",
            counter.call()
        );
        assert_eq!(value(server, &script), "2");
        assert_eq!(counter.runs(), 2);
        let script = format!("USE {database}; INSERT INTO t VALUES ('c'), ('bad'), ('d');");
        let output = client(server).run(&script).unwrap();
        assert_eq!(parse_error(&output.stderr).number, 1873);
        assert_eq!(value(server, &format!("SELECT count(*) FROM {database}.t;")), "2");
        assert_eq!(counter.runs(), 3);
    }

    /// Views and generated rows, unions and subqueries.
    fn elsewhere_in_sql(server) {
        let database = database(server);
        let script = format!(
            "USE {database};
             CREATE VIEW v AS SELECT awslambda_fn('lambdaTest', {BOB}) AS answer;
             SELECT * FROM v;
             SELECT (SELECT answer FROM v) UNION ALL SELECT awslambda_fn('echo', '1');
             SELECT count(*) FROM (SELECT 1 AS x UNION SELECT 2) AS two GROUP BY awslambda_fn('echo', '1');"
        );
        assert_eq!(value(server, &script), format!("{HELLO}\n{HELLO}\n1\n2"));
    }

    /// The function is not deterministic: a stored column cannot be computed by it.
    fn no_generated_column(server) {
        let database = database(server);
        let sql = format!(
            "CREATE TABLE {database}.t (a varchar(9), b text AS (lambda_sync('echo', a)) STORED);"
        );
        let number = match server.install().brand {
            Brand::MariaDb => 1901,
            Brand::MySql => 3763,
        };
        assert_eq!(error(server, &sql).number, number);
    }
}
