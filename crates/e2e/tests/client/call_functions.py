"""Calls functions with botocore: a list of {"endpoint", "params"} in, what came of each out."""

import json
import sys

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

session = botocore.session.Session()
session.set_credentials("test", "test")


def call(case):
    client = session.create_client(
        "lambda",
        region_name="us-east-1",
        endpoint_url=case["endpoint"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    params = dict(case["params"])
    if "Payload" in params:
        params["Payload"] = params["Payload"].encode()
    try:
        answer = client.invoke(**params)
    except ClientError as error:
        return {"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    return {
        "status": answer["StatusCode"],
        "payload": answer["Payload"].read().decode(),
        "version": answer.get("ExecutedVersion"),
        "function_error": answer.get("FunctionError"),
    }


json.dump([call(case) for case in json.load(sys.stdin)], sys.stdout)
