"""Fails by taking longer than its second."""

import time


def lambda_handler(event, context):
    print("going to sleep")
    time.sleep(60)
    return "never seen"
