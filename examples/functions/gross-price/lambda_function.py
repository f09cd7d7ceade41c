"""A scalar Lambda UDF as Amazon Redshift calls it: rows of (net price, tax rate) to gross prices."""

import json


def gross(net, rate):
    # As SQL does it: what is computed from NULL is NULL.
    return None if net is None or rate is None else round(net * (1 + rate), 2)


def lambda_handler(event, context):
    try:
        results = [gross(*arguments) for arguments in event["arguments"]]
        answer = {"success": True, "num_records": len(results), "results": results}
    except Exception as error:
        answer = {"success": False, "error_msg": str(error)}
    return json.dumps(answer)
