"""Proves how often it ran: appends a line to the event's `file` and answers the number of lines.

`sleep` makes it wait after it counted; `die` then ends its process.
"""

import os
import time


def lambda_handler(event, context):
    with open(event["file"], "a+") as file:
        file.write(context.aws_request_id + "\n")
        file.flush()
        file.seek(0)
        count = len(file.readlines())
    time.sleep(event.get("sleep", 0))
    if event.get("die"):
        os._exit(1)
    return {"count": count}
