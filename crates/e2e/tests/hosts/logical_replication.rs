use std::time::{Duration, Instant};

use e2e::{Cluster, wait_until};

use crate::support::{Counter, playground};

/// Two clusters with the same table; the second follows the first.
struct Pair {
    publisher: Cluster,
    subscriber: Cluster,
}

const DATABASE: &str = "sqlambda_template";

impl Pair {
    /// `trigger` is what happens on the subscriber for each row that arrives.
    fn new(trigger: &str) -> Self {
        let logical = |config: e2e::ClusterConfig| {
            config.setting("wal_level", "logical").setting("wal_retrieve_retry_interval", "200ms")
        };
        let publisher = playground().new_cluster(logical).unwrap();
        let subscriber = playground().new_cluster(logical).unwrap();
        let pair = Self { publisher, subscriber };
        let table = "CREATE TABLE orders (id int PRIMARY KEY, note text);";
        pair.publish(&format!("{table} CREATE PUBLICATION orders FOR TABLE orders;"));
        pair.subscriber(&format!(
            "{table} CREATE TABLE seen (id int, answer json);
             CREATE FUNCTION notify_lambda() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN {trigger}; RETURN NULL; END $$;
             CREATE TRIGGER told AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION notify_lambda();
             ALTER TABLE orders ENABLE ALWAYS TRIGGER told;"
        ));
        pair.subscriber(&format!(
            "CREATE SUBSCRIPTION orders CONNECTION '{}' PUBLICATION orders",
            pair.publisher.connection_string(DATABASE)
        ));
        pair
    }

    fn publish(&self, sql: &str) {
        self.publisher.query(DATABASE, sql).unwrap();
    }

    #[track_caller]
    fn subscriber(&self, sql: &str) -> String {
        self.subscriber.query(DATABASE, sql).unwrap()
    }
}

/// Each replicated row calls once, in the worker that applies it; a trigger that is not marked so
/// does not run there.
#[test]
fn a_trigger_enabled_always_calls_for_replicated_rows() {
    let counter = Counter::new();
    let pair = Pair::new(&format!(
        "PERFORM {};
         INSERT INTO public.seen SELECT NEW.id, payload
             FROM aws_lambda.invoke('echo', json_build_object('note', NEW.note))",
        counter.call("")
    ));
    pair.publish("INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 20) n");
    wait_until("the rows are there", || pair.subscriber("SELECT count(*) FROM seen") == "20");
    let last = "SELECT answer ->> 'note' FROM seen ORDER BY id DESC LIMIT 1";
    assert_eq!(pair.subscriber(last), "note 20");
    assert_eq!(counter.runs(), 20);

    pair.subscriber("ALTER TABLE orders ENABLE TRIGGER told");
    pair.publish("INSERT INTO orders VALUES (21, 'silent')");
    wait_until("the row is there", || pair.subscriber("SELECT max(id) FROM orders") == "21");
    assert_eq!(pair.subscriber("SELECT count(*) FROM seen"), "20");
}

/// A call that fails holds replication up, as any failing trigger does; nothing is lost, and it goes
/// on when the cause is mended.
#[test]
fn replication_goes_on_after_a_failing_call() {
    let pair = Pair::new(
        "INSERT INTO public.seen SELECT NEW.id, payload FROM aws_lambda.invoke('echo', to_json(NEW.id))",
    );
    let nowhere = "SET aws_lambda.endpoint_override = 'http://127.0.0.1:1'";
    pair.subscriber(&format!("ALTER FUNCTION notify_lambda() {nowhere}"));
    pair.publish("INSERT INTO orders SELECT n FROM generate_series(1, 3) n");
    wait_until("the failure is logged", || {
        pair.subscriber.log_text().unwrap().matches("ERROR:  invoke API failed").count() > 1
    });
    assert_eq!(pair.subscriber("SELECT count(*) FROM orders"), "0");
    pair.subscriber("ALTER FUNCTION notify_lambda() RESET aws_lambda.endpoint_override");
    wait_until("the rows are there", || pair.subscriber("SELECT count(*) FROM seen") == "3");
    assert_eq!(pair.subscriber("SELECT string_agg(answer::text, ',') FROM seen"), "1,2,3");
}

/// A hung function holds neither the worker nor the server: both end when told to.
#[test]
fn a_hung_call_lets_the_worker_end() {
    let mut pair = Pair::new("PERFORM aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json)");
    let worker = "SELECT count(*) FROM pg_stat_activity
        WHERE backend_type LIKE 'logical replication%' AND wait_event_type = 'Extension'";
    pair.publish("INSERT INTO orders VALUES (1, 'hangs')");
    wait_until("the worker calls", || pair.subscriber(worker) == "1");
    let begin = Instant::now();
    pair.subscriber("ALTER SUBSCRIPTION orders DISABLE");
    wait_until("the worker has ended", || pair.subscriber(worker) == "0");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());

    pair.subscriber("ALTER SUBSCRIPTION orders ENABLE");
    wait_until("the worker calls again", || pair.subscriber(worker) == "1");
    let begin = Instant::now();
    pair.subscriber.stop(e2e::StopMode::Fast).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
