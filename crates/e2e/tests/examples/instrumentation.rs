use serde_json::json;

use crate::support::{boto3, connect, log, play, start};
use e2e::wait_until;

/// What CloudWatch knows of the last hour: the values, minute by minute.
const VALUES: &str = "\
    [p['Maximum'] for p in sorted(client('cloudwatch').get_metric_statistics(\
    Namespace='Temperature Monitoring Database App', MetricName='Temperature Reading', \
    StartTime=__import__('time').time() - 3600, EndTime=__import__('time').time() + 3600, \
    Period=60, Statistics=['Maximum'])['Datapoints'], key=lambda p: p['Timestamp'])]";

/// The README is true, and the readings are in CloudWatch, each at its time. A reading with a part
/// missing is kept, and not sent; the next one is.
#[test]
fn readings_are_metrics() {
    let example = start("instrumentation");
    play(&example);
    assert_eq!(boto3(&example, VALUES), json!([21.0, 20.5, 63.0, 62.0, 61.0, 99.0]));

    let mut session = connect(&example);
    let more = "INSERT INTO temp_reading VALUES (NULL, 1), (now() AT TIME ZONE 'UTC', NULL);
                INSERT INTO temp_reading VALUES (now() AT TIME ZONE 'UTC' - interval '9 min', 20.25)";
    session.batch_execute(more).unwrap();
    let expected = json!([21.0, 20.5, 20.25, 63.0, 62.0, 61.0, 99.0]);
    wait_until("the reading in CloudWatch", || boto3(&example, VALUES) == expected);
    assert_eq!(log(&example).matches("New temperature reading: Time: ").count(), 7);
    // What a function that got half a reading would log.
    assert!(!log(&example).contains("[ERROR]"), "{}", log(&example));
    let rows: i64 = session.query_one("SELECT count(*) FROM temp_reading", &[]).unwrap().get(0);
    assert_eq!(rows, 6, "without the one that was rolled back");
}
