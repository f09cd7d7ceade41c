"""Reads one record of a Kinesis stream."""

import json
import time

import boto3

# Made once for each process, and kept between calls.
kinesis = boto3.client("kinesis")

# How long to look for a record, in seconds. Below the time that SQL waits for an answer.
TIMEOUT = 2.0
# A shard may be asked five times a second.
PAUSE = 0.2


def lambda_handler(event, context):
    """Gives {"Data": ..., "SequenceNumber": ..., "NextShardIterator": ...}.

    The event names the StreamName and may say where to read: NextShardIterator, the one of the
    answer before; SequenceNumber, that of the last record read; else from the stream's beginning.
    ShardId is the first shard if it is not given, Timeout how many seconds to look for a record.
    Data and SequenceNumber are empty if there is no record.
    """
    iterator = event.get("NextShardIterator") or first_iterator(event)
    end = time.monotonic() + float(event.get("Timeout", TIMEOUT))
    while True:
        response = kinesis.get_records(ShardIterator=iterator, Limit=1)
        if response["Records"]:
            record = response["Records"][0]
            return answer(json.loads(record["Data"]), record["SequenceNumber"], response)
        iterator = response.get("NextShardIterator")
        # An empty answer does not mean the end: records may lie further on in the shard.
        at_the_end = iterator is None or response.get("MillisBehindLatest") == 0
        if at_the_end or time.monotonic() > end:
            return answer("", "", response)
        time.sleep(PAUSE)


def first_iterator(event):
    stream = event["StreamName"]
    shard = event.get("ShardId")
    if not shard:
        shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    where = {"ShardIteratorType": "TRIM_HORIZON"}
    if event.get("SequenceNumber"):
        where = {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": event["SequenceNumber"],
        }
    response = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **where)
    return response["ShardIterator"]


def answer(data, sequence_number, response):
    return {
        "Data": data,
        "SequenceNumber": sequence_number,
        "NextShardIterator": response.get("NextShardIterator"),
    }
