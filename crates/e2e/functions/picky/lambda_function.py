"""Answers what it was told of each row, and fails if a row has a true `fail`.

Takes a row, an array of rows, or Amazon Redshift's envelope around rows of one argument.
"""


def told(row):
    if isinstance(row, dict) and row.get("fail"):
        raise ValueError(f"row {row['n']} is to fail")
    return {"of": type(row).__name__, "n": row["n"] if isinstance(row, dict) else row}


def lambda_handler(event, context):
    if isinstance(event, list):
        return [told(row) for row in event]
    if not isinstance(event, dict) or "arguments" not in event:
        return told(event)
    try:
        results = [told(*arguments) for arguments in event["arguments"]]
    except ValueError as error:
        return {"success": False, "error_msg": str(error)}
    return {"success": True, "num_records": len(results), "results": results}
