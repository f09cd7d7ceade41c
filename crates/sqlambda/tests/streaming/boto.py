"""boto3 against the service: every event, and what is refused before a stream begins."""
import json

import boto3
from botocore.exceptions import ClientError

client = boto3.client("lambda")


def call(event, **members):
    payload = json.dumps(event)
    return client.invoke_with_response_stream(FunctionName="f", Payload=payload, **members)


answer = call({"steps": [["write", "one"], ["say", "hello"], ["write", "two"]]}, LogType="Tail")
assert answer["StatusCode"] == 200, answer
assert answer["ExecutedVersion"] == "$LATEST", answer
assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream", answer
*chunks, end = answer["EventStream"]
assert b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks) == b"onetwo", chunks
assert set(end["InvokeComplete"]) == {"LogResult"}, end

*chunks, end = call({"steps": [["write", "one"], ["fail", "Mine", "sorry"]]})["EventStream"]
assert end["InvokeComplete"]["ErrorCode"] == "Mine", end
assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorMessage"] == "sorry", end

assert call({}, InvocationType="DryRun")["StatusCode"] == 204


def refused(code, status, message, **members):
    members = {"FunctionName": "f", "Payload": "{}"} | members
    try:
        client.invoke_with_response_stream(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        assert message in str(error), error
    else:
        raise AssertionError(f"{members} was taken")


refused("ResourceNotFoundException", 404, "function:nope:$LATEST", FunctionName="nope")
refused("InvalidRequestContentException", 400, "Could not parse request body", Payload="{")
refused("TooManyRequestsException", 429, "Rate Exceeded.", FunctionName="never")
types = "enum value set: [RequestResponse, DryRun]"
refused("ValidationException", 400, types, InvocationType="Event")
large = '"' + "x" * 6_291_455 + '"'
limit = "smaller than 6291456 bytes for the InvokeWithResponseStream operation"
refused("RequestEntityTooLargeException", 413, limit, Payload=large)
print("done")
