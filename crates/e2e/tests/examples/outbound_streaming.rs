use std::collections::BTreeSet;

use e2e::{Example, wait_until};

use crate::support::{boto3, connect, play, start};

/// The lines of all objects that Firehose has put into the bucket.
const LINES: &str = "\
    [line for found in client('s3').list_objects_v2(Bucket='temp-readings').get('Contents', []) \
    for line in client('s3').get_object(Bucket='temp-readings', Key=found['Key'])['Body']\
    .read().decode().splitlines(keepends=True)]";

fn lines(example: &Example) -> Vec<String> {
    serde_json::from_value(boto3(example, LINES)).unwrap()
}

/// The README is true, and the records are in S3, each a line of its own. A statement with many rows
/// sends each of them once.
#[test]
fn readings_arrive_in_s3() {
    let example = start("outbound-streaming");
    play(&example);
    let found: BTreeSet<String> = lines(&example).into_iter().collect();
    let expected =
        [("12:00:00", "60"), ("12:30:00", "61.5"), ("13:00:00", "62.00")].map(|(time, value)| {
            format!("{{\"reading_time\": \"2016-02-15 {time}\", \"reading_value\": \"{value}\"}}\n")
        });
    assert_eq!(found, BTreeSet::from(expected));

    let insert = "INSERT INTO temp_reading SELECT '2016-02-15'::timestamp + n * interval '1 s', n
                  FROM generate_series(1, 30) AS n";
    assert_eq!(connect(&example).execute(insert, &[]).unwrap(), 30);
    wait_until("the records in S3", || lines(&example).len() >= 33);
    let found = lines(&example);
    let different: BTreeSet<&String> = found.iter().collect();
    assert_eq!((found.len(), different.len()), (33, 33));
}
