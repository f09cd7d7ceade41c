use std::process::{Command, Stdio};
use std::thread;

use e2e::{PgBouncer, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use postgres::{Client, NoTls};

use crate::support::{Failure, cluster, database};

const SLOW: &str = "SELECT aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json)";

fn connect(pooler: &PgBouncer, database: &str) -> Client {
    Client::connect(&pooler.connection_string(database), NoTls).unwrap()
}

/// The value of the first row's first column. By the simple protocol: a pooler in transaction mode
/// gives the next transaction to another session, which does not know what was prepared.
fn text(client: &mut Client, sql: &str) -> Result<String, Failure> {
    let messages = client.simple_query(sql)?;
    let row = messages.iter().find_map(|message| match message {
        postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(row.and_then(|row| row.get(0)).unwrap_or_default().to_owned())
}

fn echo(value: &str) -> String {
    format!("SELECT payload FROM aws_lambda.invoke('echo', '\"{value}\"'::json)")
}

/// Forty clients share four sessions: each gets its own answers.
#[test]
fn clients_that_share_sessions_get_their_own_answers() {
    let database = database();
    let pooler = PgBouncer::start(cluster(), 4).unwrap();
    thread::scope(|scope| {
        for number in 0..40 {
            let (pooler, database) = (&pooler, &database);
            scope.spawn(move || {
                let mut client = connect(pooler, database);
                for round in 0..5 {
                    let value = format!("client {number}, round {round}");
                    assert_eq!(text(&mut client, &echo(&value)).unwrap(), format!("\"{value}\""));
                    let failure =
                        text(&mut client, "SELECT aws_lambda.invoke('raises', '1'::json)");
                    assert_eq!(failure.unwrap_err().code, "38000");
                }
            });
        }
    });
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'");
    let sessions: u32 = cluster().query("postgres", &sessions).unwrap().parse().unwrap();
    assert!((1..=4).contains(&sessions), "{sessions}");
}

/// SET LOCAL is for its transaction; the next client of the session does not see it.
#[test]
fn local_settings_end_with_their_transaction() {
    let database = database();
    let pooler = PgBouncer::start(cluster(), 1).unwrap();
    let (mut one, mut two) = (connect(&pooler, &database), connect(&pooler, &database));
    let pid = "SELECT pg_backend_pid()";
    assert_eq!(text(&mut one, pid).unwrap(), text(&mut two, pid).unwrap());
    let slow = "SELECT payload FROM aws_lambda.invoke('sleeps', '{\"seconds\": 1}'::json)";
    let short = format!("BEGIN; SET LOCAL aws_lambda.request_timeout_ms = 100; {slow}");
    let failure = text(&mut one, &short).unwrap_err();
    assert!(failure.detail.contains("timed out after 100 ms"), "{failure:?}");
    text(&mut one, "ROLLBACK").unwrap();
    assert_eq!(text(&mut two, slow).unwrap(), "{\"slept\": 1}");
}

/// A cancel goes through the pooler to the call; the session serves the next client at once.
///
/// Sent by psql, which waits until the pooler has passed it on: PgBouncer 1.18 crashes when the one
/// who cancels goes away before.
#[test]
fn a_cancel_reaches_the_call() {
    let database = database();
    let pooler = PgBouncer::start(cluster(), 1).unwrap();
    let mut next = connect(&pooler, &database);
    text(&mut next, &echo("warm")).unwrap();
    let mut command = psql(&pooler, &database);
    command.args(["-c", SLOW]).stderr(Stdio::piped());
    let waiting = command.spawn().unwrap();
    wait_for_call(&database);
    kill(Pid::from_raw(waiting.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = waiting.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.ends_with("ERROR:  canceling statement due to user request\n"), "{said}");
    assert_eq!(text(&mut next, &echo("next")).unwrap(), "\"next\"");
}

/// A client that is killed in the middle of a call: the next one is served at once, and the call's
/// session ends as soon as PostgreSQL looks after its client.
#[test]
fn a_client_that_goes_away_leaves_room_for_the_next() {
    let database = database();
    let pooler = PgBouncer::start(cluster(), 1).unwrap();
    let mut command = psql(&pooler, &database);
    // 14 and later look after the client; 13 notices when it writes.
    let looks = cluster().install().config.major >= 14;
    if looks {
        command.args(["-c", "SET client_connection_check_interval = 100"]);
    }
    command.args(["-c", SLOW]).stdout(Stdio::null());
    let mut gone = command.spawn().unwrap();
    wait_for_call(&database);
    gone.kill().unwrap();
    gone.wait().unwrap();
    let mut next = connect(&pooler, &database);
    assert_eq!(text(&mut next, &echo("next")).unwrap(), "\"next\"");
    if looks {
        wait_until("the call has ended", || calls_under_way(&database) == "0");
    }
}

fn psql(pooler: &PgBouncer, database: &str) -> Command {
    let psql = cluster().psql().database(database).env("PGHOST", "127.0.0.1");
    psql.env("PGPORT", &pooler.port().to_string()).into_command()
}

fn wait_for_call(database: &str) {
    wait_until("the call is under way", || calls_under_way(database) == "1");
}

fn calls_under_way(database: &str) -> String {
    let running = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND state = 'active'
           AND query LIKE '%sleeps%' AND wait_event_type = 'Extension'"
    );
    cluster().query("postgres", &running).unwrap()
}
