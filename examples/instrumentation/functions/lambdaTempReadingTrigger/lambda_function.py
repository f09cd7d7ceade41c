"""Puts a temperature reading into CloudWatch as a custom metric."""

from datetime import datetime, timezone

import boto3

# Made once for each process, and kept between calls.
cloudwatch = boto3.client("cloudwatch")


def lambda_handler(event, context):
    """The event: {"reading_time": "2016-02-15 12:00:00", "reading_value": "60"}, the time in UTC."""
    time = datetime.fromisoformat(event["reading_time"]).replace(tzinfo=timezone.utc)
    value = float(event["reading_value"])
    print(f"New temperature reading: Time: {time}, Temp: {value:.2f}")
    cloudwatch.put_metric_data(
        Namespace="Temperature Monitoring Database App",
        MetricData=[{"MetricName": "Temperature Reading", "Timestamp": time, "Value": value}],
    )
    return {"Status": "OK"}
