"""Sleeps for the event's `seconds`, and says so."""

import time


def lambda_handler(event, context):
    time.sleep(event["seconds"])
    return {"slept": event["seconds"]}
