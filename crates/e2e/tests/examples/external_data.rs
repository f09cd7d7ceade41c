use std::sync::MutexGuard;
use std::thread;

use e2e::Example;
use postgres::Client;

use crate::support::{Shared, boto3, connect, mariadb, play, shared, start, try_mariadb, turn};

static EXAMPLE: Shared = Shared::new(|| shared("external-data"));

/// Puts a record into the stream and gives its sequence number.
fn put(example: &Example, data: &str) -> String {
    let put = format!(
        "client('kinesis').put_record(StreamName='MySensorReadings', PartitionKey='Sensor1', \
         Data={data:?})['SequenceNumber']"
    );
    boto3(example, &put).as_str().unwrap().to_owned()
}

fn reading(example: &Example, minute: u32) -> String {
    put(example, &format!("{{\"time\":\"2016-02-16 12:{minute:02}:00\",\"temp\":\"{minute}\"}}"))
}

/// A test's turn, with empty tables and an empty stream.
fn with_stream() -> (MutexGuard<'static, Example>, Client) {
    let example = turn(&EXAMPLE);
    let create = "[client('kinesis').delete_stream(StreamName=name) \
                  for name in client('kinesis').list_streams()['StreamNames']], \
                  client('kinesis').create_stream(StreamName='MySensorReadings', ShardCount=1)";
    boto3(&example, create);
    let mut session = connect(&example);
    session
        .batch_execute("TRUNCATE temp_reading; UPDATE sensor_position SET sequence_number = ''")
        .unwrap();
    mariadb(&example, "TRUNCATE temp_reading; UPDATE sensor_position SET sequence_number = ''");
    (example, session)
}

fn call(session: &mut Client, sql: &str) -> String {
    session.query_one(sql, &[]).unwrap().get(0)
}

/// The values that were kept, in the order of their times.
fn kept(session: &mut Client) -> Vec<String> {
    let sql = "SELECT reading_value::text FROM temp_reading ORDER BY reading_time";
    session.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn its_readme_is_true() {
    play(&start("external-data"));
}

/// The blog's promise, which its own code breaks: what one call returns is what the next one takes.
#[test]
fn the_returned_number_can_be_passed_back_in() {
    let (example, mut session) = with_stream();
    let process = |session: &mut Client, from: &str| {
        call(session, &format!("SELECT processSensorReadings('{from}')"))
    };
    assert_eq!(process(&mut session, ""), "", "an empty stream");
    let numbers = [reading(&example, 0), reading(&example, 1), reading(&example, 2)];
    assert_eq!(process(&mut session, &numbers[0]), numbers[2]);
    assert_eq!(kept(&mut session), ["1", "2"]);
    assert_eq!(process(&mut session, &numbers[2]), numbers[2], "nothing is new");
    let last = reading(&example, 3);
    assert_eq!(process(&mut session, &numbers[2]), last);
    assert_eq!(kept(&mut session), ["1", "2", "3"]);
}

/// Run after run only what is new is read, in whatever session.
#[test]
fn each_run_goes_on_where_the_last_one_ended() {
    let (example, mut session) = with_stream();
    let mut last = String::new();
    for run in 0..4 {
        for minute in 0..run {
            last = reading(&example, 10 * run + minute);
        }
        let mut fresh = connect(&example);
        assert_eq!(call(&mut fresh, "SELECT readNewSensorReadings()"), last, "run {run}");
        assert_eq!(call(&mut session, "SELECT sequence_number FROM sensor_position"), last);
    }
    assert_eq!(kept(&mut session), ["10", "20", "21", "30", "31", "32"]);
}

/// A record that cannot be read undoes the run; nothing is lost or doubled once it is past.
#[test]
fn a_failure_undoes_the_run() {
    let (example, mut session) = with_stream();
    reading(&example, 1);
    let bad = put(&example, "no JSON");
    let last = reading(&example, 2);
    let error = session.query_one("SELECT readNewSensorReadings()", &[]).unwrap_err();
    let report = error.as_db_error().unwrap();
    assert_eq!(report.code().code(), "38000");
    assert!(report.message().contains("JSONDecodeError"), "{report:?}");
    assert!(kept(&mut session).is_empty());
    assert_eq!(call(&mut session, "SELECT sequence_number FROM sensor_position"), "");

    let skip = format!("SELECT processSensorReadings('{bad}')");
    assert_eq!(call(&mut session, &skip), last);
    assert_eq!(kept(&mut session), ["2"]);
}

/// Two sessions that read at the same time do not read a record twice.
#[test]
fn two_at_once_share_the_records() {
    let (example, mut session) = with_stream();
    let numbers: Vec<String> = (0..5).map(|minute| reading(&example, minute)).collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let last = call(&mut connect(&example), "SELECT readNewSensorReadings()");
                assert_eq!(Some(&last), numbers.last());
            });
        }
    });
    assert_eq!(kept(&mut session), ["0", "1", "2", "3", "4"]);
}

/// The values that MariaDB kept, in the order of their times.
const KEPT: &str = "SELECT group_concat(reading_value + 0 ORDER BY reading_time) FROM temp_reading";

/// What one call leaves in its argument is what the next one takes, without quotes.
#[test]
fn on_mariadb_the_number_can_be_passed_back_in() {
    let (example, _) = with_stream();
    let process = |from: &str| {
        let call = format!("SET @number = '{from}'; CALL processSensorReadings(@number);");
        let printed = mariadb(&example, &format!("{call} SELECT @number"));
        printed.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(process(""), "", "an empty stream");
    let numbers = [reading(&example, 0), reading(&example, 1), reading(&example, 2)];
    assert_eq!(process(&numbers[0]), numbers[2]);
    assert_eq!(process(&numbers[2]), numbers[2], "nothing is new");
    let last = reading(&example, 3);
    assert_eq!(process(&numbers[2]), last);
    assert_eq!(mariadb(&example, KEPT), "1.00,2.00,3.00");
}

/// Run after run only what is new is read; a record that cannot be read undoes the run.
#[test]
fn on_mariadb_each_run_goes_on_where_the_last_one_ended() {
    let (example, _) = with_stream();
    let position = "SELECT sequence_number FROM sensor_position";
    let mut last = String::new();
    for run in 0..3 {
        for minute in 0..run {
            last = reading(&example, 10 * run + minute);
        }
        mariadb(&example, "CALL readNewSensorReadings(@last)");
        assert_eq!(mariadb(&example, position), last, "run {run}");
    }
    assert_eq!(mariadb(&example, KEPT), "10.00,20.00,21.00");

    reading(&example, 30);
    put(&example, "no JSON");
    let error = try_mariadb(&example, "CALL readNewSensorReadings(@last)").unwrap_err();
    assert!(error.contains("JSONDecodeError"), "{error}");
    assert_eq!(mariadb(&example, position), last);
    assert_eq!(mariadb(&example, KEPT), "10.00,20.00,21.00");
}

/// Two sessions that read at the same time do not read a record twice.
#[test]
fn on_mariadb_two_at_once_share_the_records() {
    let (example, _) = with_stream();
    (0..5).for_each(|minute| drop(reading(&example, minute)));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| mariadb(&example, "CALL readNewSensorReadings(@last)"));
        }
    });
    assert_eq!(mariadb(&example, KEPT), "0.00,1.00,2.00,3.00,4.00");
}
