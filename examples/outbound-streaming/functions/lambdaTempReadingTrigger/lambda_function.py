"""Sends a temperature reading to a Firehose delivery stream."""

import json

import boto3

# Made once for each process, and kept between calls.
firehose = boto3.client("firehose")


def lambda_handler(event, context):
    """The event, {"reading_time": ..., "reading_value": ...}, is the record."""
    # Firehose puts records one after the other: without its own line end, two would be one line.
    record = json.dumps(event) + "\n"
    print(f"New temperature reading record: {record}", end="")
    firehose.put_record(
        DeliveryStreamName="FirehoseTempReading", Record={"Data": record.encode()}
    )
    return {"Status": "OK"}
