"""Calibrates a reading: looks it up in the database that calls, and writes a value back."""

from decimal import Decimal

from database import transaction

# What this sensor is known to read too much.
OFFSET = Decimal("0.5")
# How long to wait for a row that another transaction holds, in seconds. It is well below the time
# that SQL waits for an answer: the caller is told what happened, and this function leaves nothing
# behind.
LOCK_TIMEOUT = 1


def lambda_handler(event, context):
    """The event: {"id": 1}, and "wait": true to wait for a held row as long as it takes."""
    lock_timeout = None if event.get("wait") else LOCK_TIMEOUT
    with transaction(lock_timeout) as cursor:
        cursor.execute("SELECT reading_value FROM temp_reading WHERE id = %s", (event["id"],))
        row = cursor.fetchone()
        if row is None:
            return {"Status": "not found"}
        calibrated = row[0] - OFFSET
        cursor.execute(
            "UPDATE temp_reading SET calibrated_value = %s WHERE id = %s",
            (calibrated, event["id"]),
        )
    return {"Status": "OK", "calibrated_value": str(calibrated)}
