//! The two overloads that AWS does not have change no call that AWS's four accept.
//!
//! The only calls that they add have untyped literals around a typed payload, six arguments in all.
//! PostgreSQL itself says which overload a call means, once with the four documented overloads
//! alone and once with all six; see `overloads.sql`.

use crate::support::{Row, Session, cluster, database};

/// A session in a database with both schemas.
fn session() -> Session {
    let mut session = Session::open(cluster(), &database());
    session.run(include_str!("overloads.sql"));
    session
}

/// Compares what every call of the view `calls` means. There are `count` calls, of which
/// `accepted` are accepted by the four overloads; gives those that all six take otherwise.
#[track_caller]
fn differences(calls: &str, count: u32, accepted: u32) -> Vec<Row> {
    let mut session = session();
    session.run(&format!(
        "CREATE TABLE meanings AS
             SELECT arguments, meaning('four', arguments) four, meaning('six', arguments) six
             FROM {calls}"
    ));
    let counts =
        session.row("SELECT count(*), count(*) FILTER (WHERE four LIKE 'invoke(%') FROM meanings");
    assert_eq!(counts, [Some(count.to_string()), Some(accepted.to_string())]);
    session.rows("SELECT arguments, four, six FROM meanings WHERE four <> six ORDER BY arguments")
}

/// Expects each difference to be the added shape, `added` times.
#[track_caller]
fn assert_only_added(differences: &[Row], added: usize) {
    const UNTYPED: [&str; 4] = ["NULL", "'x'", "'{}'", "'(f,us-east-1)'"];
    for row in differences {
        let [Some(arguments), Some(four), Some(six)] = row.as_slice() else { panic!("{row:?}") };
        let arguments: Vec<&str> = arguments.split(", ").collect();
        let untyped = arguments.iter().filter(|argument| UNTYPED.contains(argument)).count();
        assert_eq!((arguments.len(), untyped), (6, 5), "{row:?}");
        assert!(!UNTYPED.contains(&arguments[1]), "{row:?}");
        assert_eq!(four, "42725", "{row:?}");
        // Untyped literals are shown without a type.
        assert!(!six.contains("::text") && !six.contains("arn_1"), "{row:?}");
    }
    assert_eq!(differences.len(), added, "{differences:#?}");
}

/// Calls by position, with one to six arguments of six types each: all 55,986 shapes.
#[test]
fn calls_by_position_mean_the_same() {
    assert_only_added(&differences("by_position", 55_986, 1_130), 2);
}

/// Calls by position with all seven arguments.
#[test]
fn calls_with_seven_arguments_mean_the_same() {
    assert_only_added(&differences("by_position_of_seven", 82_944, 432), 0);
}

/// Arguments of types that nobody meant: domains, rows, names, numbers, arrays, sub-selects.
#[test]
fn calls_with_rare_types_mean_the_same() {
    assert_only_added(&differences("of_rare_types", 22_191, 3_086), 210);
}

/// Calls by name, and by position first and by name then.
#[test]
fn calls_by_name_mean_the_same() {
    assert_only_added(&differences("by_name", 12_636, 4_725), 0);
}

/// Statements with parameters whose types the client leaves open, as most drivers do: the server
/// infers the same types, or refuses the same statements.
#[test]
fn parameters_of_open_type_mean_the_same() {
    let mut session = session();
    let mut accepted = 0;
    for payload in ["::json", ""] {
        for length in 2..=6 {
            for number in 0..3_u32.pow(length - 1) {
                let arguments = parameters(length, number, payload);
                let [four, six] = ["four", "six"].map(|schema| {
                    let statement = format!("SELECT * FROM {schema}.invoke({arguments})");
                    let prepared = session.client.prepare(&statement);
                    prepared.ok().map(|statement| statement.params().to_vec())
                });
                accepted += u32::from(four.is_some());
                if arguments == "NULL, $1::json, NULL, NULL, NULL, NULL" {
                    assert!(four.is_none() && six.is_some(), "{four:?} {six:?}");
                } else {
                    assert_eq!(four, six, "{arguments}");
                }
            }
        }
    }
    assert_eq!(accepted, 246);
}

/// `length` arguments, each of which but the payload is one of three: `number` in base three.
fn parameters(length: u32, mut number: u32, payload: &str) -> String {
    let (mut arguments, mut parameter) = (Vec::new(), 0);
    let mut next = |cast: &str| {
        parameter += 1;
        format!("${parameter}{cast}")
    };
    for position in 1..=length {
        if position == 2 {
            arguments.push(next(payload));
            continue;
        }
        arguments.push(match number % 3 {
            0 => next(""),
            1 => next("::text"),
            _ => "NULL".to_owned(),
        });
        number /= 3;
    }
    arguments.join(", ")
}
