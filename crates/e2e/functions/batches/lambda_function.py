"""Answers batches: a JSON array, or Amazon Redshift's envelope as AWS's own examples do.

A row's argument may be {"do": "fail"}, or one of "short", "long", "object", "dict", which is how
the whole answer goes wrong or is written.
"""

import json


def lambda_handler(event, context):
    if isinstance(event, dict) and "arguments" in event:
        return redshift(event)
    wishes = {row["do"] for row in event if isinstance(row, dict)}
    if "fail" in wishes:
        raise ValueError("a row asked for it")
    if "short" in wishes:
        return event[:-1]
    if "long" in wishes:
        return event + [0]
    if "object" in wishes:
        return {"rows": event}
    return [{"row": row, "of": len(event)} for row in event]


def redshift(event):
    rows = event["arguments"]
    wishes = {row[0]["do"] for row in rows if isinstance(row[0], dict)}
    if "envelope" in wishes:
        envelope = {name: value for name, value in event.items() if name != "arguments"}
        return {"success": True, "num_records": len(rows), "results": [envelope] * len(rows)}
    try:
        answer = {"success": True, "results": [sum(row) for row in rows]}
    except TypeError as error:
        answer = {"success": False, "error_msg": str(error)}
    if "short" in wishes:
        answer = {"success": True, "num_records": len(rows), "results": []}
    if "miscounted" in wishes:
        answer = {"success": True, "num_records": 1000, "results": rows}
    return json.dumps(answer)
