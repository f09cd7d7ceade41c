"""What hangs on a function: tags, concurrency, events, permissions, and the account's figures."""

import threading
import time

from validator import *

create("rest")
arn = ARN + "rest"

# Tags.
assert client.list_tags(Resource=arn)["Tags"] == {}
client.tag_resource(Resource=arn, Tags={"a": "1", "Größe": "x y"})
client.tag_resource(Resource=arn, Tags={"a": "2", "b": ""})
assert client.list_tags(Resource=arn)["Tags"] == {"a": "2", "b": "", "Größe": "x y"}
client.untag_resource(Resource=arn, TagKeys=["a", "Größe", "never"])
assert client.list_tags(Resource=arn)["Tags"] == {"b": ""}
refused("InvalidParameterValueException",
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        "list_tags", Resource=arn + ":1")
refused("InvalidParameterValueException", "Number of tags exceeds resource tag limit.",
        "tag_resource", Resource=arn, Tags={f"k{n}": "v" for n in range(50)})
refused("ResourceNotFoundException", f"Function not found: {ARN}nope", "tag_resource",
        Resource=ARN + "nope", Tags={"a": "b"})
refused("ValidationException", "1 validation error detected: Value 'rest' at 'resource'...",
        "list_tags", Resource="rest")

# Concurrency. A function that is busy leaves room for as many others as are reserved.
slow = package(f__py="import time\ndef handler(event, context):\n    time.sleep(event)\n")
create("slow", Code={"ZipFile": slow}, Timeout=10)
assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="slow")
put = client.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=1)
assert put["ReservedConcurrentExecutions"] == 1, put
assert client.get_function(FunctionName="slow")["Concurrency"] == {"ReservedConcurrentExecutions": 1}
account = client.get_account_settings()
assert account["AccountLimit"]["UnreservedConcurrentExecutions"] == 999, account
usage = {"FunctionCount": 2, "TotalCodeSize": len(slow) + len(answers("one"))}
assert account["AccountUsage"] == usage, (account, usage)


def run_long():
    """Takes the one place as soon as it is free."""
    own = boto3.client("lambda")
    while True:
        try:
            return own.invoke(FunctionName="slow", Payload=b"2")
        except own.exceptions.TooManyRequestsException:
            pass


running = threading.Thread(target=run_long)
running.start()
deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    try:
        client.invoke(FunctionName="slow", Payload=b"0")
        time.sleep(0.02)
    except client.exceptions.TooManyRequestsException as error:
        assert error.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        break
else:
    raise AssertionError("never throttled")
client.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=2)
client.invoke(FunctionName="slow", Payload=b"0")
client.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=0)
refused("TooManyRequestsException", "Rate Exceeded.", "invoke", FunctionName="slow", Payload=b"0")
running.join()
client.delete_function_concurrency(FunctionName="slow")
client.invoke(FunctionName="slow", Payload=b"0")
assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
too_many = ("Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of [100].")
client.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=500)
refused("InvalidParameterValueException", too_many, "put_function_concurrency", FunctionName="rest",
        ReservedConcurrentExecutions=401)
client.put_function_concurrency(FunctionName="rest", ReservedConcurrentExecutions=400)
refused("InvalidParameterValueException", "This operation is permitted on Lambda functions only. "
        "Aliases and versions do not support this operation. Please specify either a function name "
        "or an unqualified function ARN.", "put_function_concurrency", FunctionName=arn + ":1",
        ReservedConcurrentExecutions=1)

# Events.
no_config = f"The function {arn}:$LATEST doesn't have an EventInvokeConfig"
config = "function_event_invoke_config"
refused("ResourceNotFoundException", no_config, "get_" + config, FunctionName="rest")
refused("ResourceNotFoundException", no_config, "update_" + config, FunctionName="rest",
        MaximumRetryAttempts=1)
refused("InvalidParameterValueException",
        "You must specify at least one of error handling or destination setting.",
        "put_" + config, FunctionName="rest")
put = client.put_function_event_invoke_config(
    FunctionName="rest", MaximumRetryAttempts=1,
    DestinationConfig={"OnFailure": {"Destination": ARN + "slow"}})
assert put["FunctionArn"] == arn + ":$LATEST" and put["MaximumRetryAttempts"] == 1, put
new = client.update_function_event_invoke_config(
    FunctionName="rest", MaximumEventAgeInSeconds=60,
    DestinationConfig={"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}})
found = client.get_function_event_invoke_config(FunctionName="rest", Qualifier="$LATEST")
for answer in (new, found):
    assert (answer["MaximumRetryAttempts"], answer["MaximumEventAgeInSeconds"]) == (1, 60), answer
    assert answer["DestinationConfig"]["OnFailure"] == {"Destination": ARN + "slow"}, answer
again = client.put_function_event_invoke_config(FunctionName="rest", MaximumRetryAttempts=0)
assert "DestinationConfig" not in again and again["MaximumRetryAttempts"] == 0, again
client.publish_version(FunctionName="rest")
client.create_alias(FunctionName="rest", Name="live", FunctionVersion="1")
client.put_function_event_invoke_config(FunctionName="rest:live", MaximumRetryAttempts=2)
listed = client.list_function_event_invoke_configs(FunctionName="rest")
arns = [config["FunctionArn"] for config in listed["FunctionEventInvokeConfigs"]]
assert arns == [arn + ":$LATEST", arn + ":live"], arns
refused("InvalidParameterValueException",
        "You can't specify the function as a destination for itself.", "put_" + config,
        FunctionName="rest", DestinationConfig={"OnFailure": {"Destination": arn}})
refused("ValidationException",
        "1 validation error detected: Value 'here' at 'destinationConfig.onFailure.destination'...",
        "put_" + config, FunctionName="rest",
        DestinationConfig={"OnFailure": {"Destination": "here"}})
refused("ResourceNotFoundException", "The function doesn't exist.", "put_" + config,
        FunctionName="nope", MaximumRetryAttempts=1)
client.delete_function_event_invoke_config(FunctionName="rest")
refused("ResourceNotFoundException", no_config, "delete_" + config, FunctionName="rest")

# The older call.
queued = client.invoke_async(FunctionName="rest", InvokeArgs=b"{}")
assert queued["Status"] == 202, queued
refused("ResourceNotFoundException", f"Function not found: {ARN}nope:$LATEST", "invoke_async",
        FunctionName="nope", InvokeArgs=b"{}")
refused("InvalidRequestContentException", "Could not parse request body into json: ...",
        "invoke_async", FunctionName="rest", InvokeArgs=b"{")

# Permissions.
refused("ResourceNotFoundException", "The resource you requested does not exist.", "get_policy",
        FunctionName="rest")
may = dict(FunctionName="rest", Action="lambda:InvokeFunction")
added = client.add_permission(
    StatementId="s3", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::bucket",
    SourceAccount="111122223333", **may)
statement = {
    "Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
    "Action": "lambda:InvokeFunction", "Resource": arn,
    "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
                  "StringEquals": {"AWS:SourceAccount": "111122223333"}},
}
assert json.loads(added["Statement"]) == statement, added
refused("ResourceConflictException", "The statement id (s3) provided already exists. Please provide "
        "a new statement id, or remove the existing statement.", "add_permission", StatementId="s3",
        Principal="*", **may)
refused("InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
        "add_permission", StatementId="bad", Principal="me", **may)
client.add_permission(StatementId="all", Principal="111122223333", **may)
policy = client.get_policy(FunctionName="rest")
document = json.loads(policy["Policy"])
assert document["Version"] == "2012-10-17" and document["Statement"][0] == statement, document
assert document["Statement"][1]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}, document
client.add_permission(StatementId="of-alias", Principal="*", Qualifier="live", **may)
of_alias = json.loads(client.get_policy(FunctionName="rest:live")["Policy"])["Statement"]
assert [one["Resource"] for one in of_alias] == [arn + ":live"], of_alias
refused("InvalidParameterValueException",
        "We currently do not support adding policies for $LATEST.", "add_permission",
        StatementId="x", Principal="*", Qualifier="$LATEST", **may)
refused("PreconditionFailedException", "The Revision Id provided does not match the latest Revision "
        "Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        "remove_permission", FunctionName="rest", StatementId="s3", RevisionId="old")
refused("ResourceNotFoundException", "Statement no is not found in resource policy.",
        "remove_permission", FunctionName="rest", StatementId="no")
client.remove_permission(FunctionName="rest", StatementId="s3", RevisionId=policy["RevisionId"])
client.remove_permission(FunctionName="rest", StatementId="all")
refused("ResourceNotFoundException", "No policy is associated with the given resource.",
        "remove_permission", FunctionName="rest", StatementId="all")
