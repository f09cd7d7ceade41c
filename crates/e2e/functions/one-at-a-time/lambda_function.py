"""Echoes slowly enough that a second call at the same time is throttled."""

import time


def lambda_handler(event, context):
    time.sleep(0.02)
    return event
