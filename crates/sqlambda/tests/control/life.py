"""The whole life of a function."""

import base64
import hashlib
import urllib.error
import urllib.request

from validator import *

# Made, and downloaded again.
code = answers("one")
made = create("life", wait=False, Description="d", Timeout=5, MemorySize=256,
              Environment={"Variables": {"VARIABLE": "v"}}, Tags={"a": "1"},
              EphemeralStorage={"Size": 1024}, Architectures=["arm64"])
assert made["State"] == "Pending" and made["StateReasonCode"] == "Creating", made
assert made["FunctionArn"] == ARN + "life" and made["Version"] == "$LATEST", made
assert made["CodeSize"] == len(code), made
assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode(), made
client.get_waiter("function_active_v2").wait(FunctionName="life", WaiterConfig={"Delay": 0.02})
found = client.get_function(FunctionName="life")
now = found["Configuration"]
assert (now["State"], now["LastUpdateStatus"]) == ("Active", "Successful"), now
assert now["RevisionId"] != made["RevisionId"], "becoming active is a change"
given = {"Description": "d", "Timeout": 5, "MemorySize": 256, "Role": ROLE, "Runtime": RUNTIME,
         "Handler": "f.handler", "EphemeralStorage": {"Size": 1024}, "Architectures": ["arm64"],
         "Environment": {"Variables": {"VARIABLE": "v"}}}
for member, value in given.items():
    assert now[member] == value, (member, now)
assert found["Tags"] == {"a": "1"}, found
location = found["Code"]["Location"]
assert urllib.request.urlopen(location).read() == code
for spoilt in (location[:-1], location.replace("life/", "live/"), location.split("?")[0]):
    try:
        urllib.request.urlopen(spoilt)
        raise AssertionError(spoilt)
    except urllib.error.HTTPError as error:
        assert error.code == 403, error
answer, version = invoke("life")
assert (answer["says"], answer["variable"], version) == ("one", "v", "$LATEST"), answer
assert answer["version"] == "$LATEST" and "[$LATEST]" in answer["stream"], answer
refused("ResourceConflictException", "Function already exist: life", "create_function",
        FunctionName="life", Role=ROLE, Runtime=RUNTIME, Handler="f.handler",
        Code={"ZipFile": code})

# Changed.
changed = client.update_function_configuration(
    FunctionName=ARN + "life", Environment={"Variables": {"VARIABLE": "w"}}, Description="")
assert changed["LastUpdateStatus"] == "InProgress" and "Description" not in changed, changed
updated("life")
assert invoke("life")[0]["variable"] == "w"
assert client.get_function_configuration(FunctionName="life")["Timeout"] == 5
client.update_function_configuration(FunctionName="life", Environment={"Variables": {}})
updated("life")
assert invoke("life")[0]["variable"] is None
before = client.get_function_configuration(FunctionName="life")
tried = client.update_function_code(FunctionName="life", ZipFile=answers("two"), DryRun=True)
assert tried["CodeSha256"] != before["CodeSha256"] and invoke("life")[0]["says"] == "one"
mismatch = ("The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id")
stale = dict(FunctionName="life", RevisionId=made["RevisionId"])
for operation, more in [("update_function_code", {"ZipFile": code}),
                        ("update_function_configuration", {"Timeout": 9}),
                        ("publish_version", {})]:
    refused("PreconditionFailedException", mismatch, operation, **stale, **more)

# Published.
one = client.publish_version(FunctionName="life", Description="first")
assert (one["Version"], one["FunctionArn"]) == ("1", ARN + "life:1"), one
assert (one["Description"], one["State"]) == ("first", "Active"), one
assert client.publish_version(FunctionName="life")["Version"] == "1", "nothing has changed"
client.update_function_code(FunctionName="life", ZipFile=answers("two"),
                            RevisionId=before["RevisionId"])
updated("life")
refused("InvalidParameterValueException",
        f"CodeSHA256 ({before['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
        f"({tried['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST.",
        "publish_version", FunctionName="life", CodeSha256=before["CodeSha256"])
two = client.publish_version(FunctionName="life", CodeSha256=tried["CodeSha256"])
assert two["Version"] == "2" and two["CodeSha256"] == tried["CodeSha256"], two
three = client.update_function_code(FunctionName="life", ZipFile=answers("three"), Publish=True)
assert three["Version"] == "3", three
updated("life")
assert [invoke("life", Qualifier=q)[0]["says"] for q in "123"] == ["one", "two", "three"]
streamed = client.invoke_with_response_stream(FunctionName="life", Qualifier="1", Payload="{}")
chunk, end = streamed["EventStream"]
assert streamed["ExecutedVersion"] == "1" and b'"one"' in chunk["PayloadChunk"]["Payload"]
assert end == {"InvokeComplete": {}}
answer, version = invoke("000000000000:function:life:2")
assert (answer["version"], version, answer["arn"]) == ("2", "2", ARN + "life:2"), answer
assert "[2]" in answer["stream"], answer
listed = client.list_versions_by_function(FunctionName="life")["Versions"]
assert [version["Version"] for version in listed] == ["$LATEST", "1", "2", "3"], listed
assert listed[0]["FunctionArn"] == ARN + "life:$LATEST" and "State" not in listed[0], listed
old = client.get_function(FunctionName="life:1")
assert old["Configuration"]["Description"] == "first", old
assert urllib.request.urlopen(old["Code"]["Location"]).read() == code
born = create("born", Publish=True)
assert (born["Version"], born["FunctionArn"]) == ("1", ARN + "born:1"), born
assert invoke("born:1")[0]["version"] == "1"
assert client.get_function(FunctionName="born:1")["Configuration"]["State"] == "Active"

# Named.
alias = client.create_alias(FunctionName="life", Name="live", FunctionVersion="1", Description="a")
assert alias["AliasArn"] == ARN + "life:live" and "RoutingConfig" not in alias, alias
refused("ResourceConflictException", f"Alias already exists: {ARN}life:live", "create_alias",
        FunctionName="life", Name="live", FunctionVersion="1")
answer, version = invoke("life:live")
assert (answer["says"], version, answer["arn"]) == ("one", "1", ARN + "life:live"), answer
named = client.get_function_configuration(FunctionName="life", Qualifier="live")
assert (named["FunctionArn"], named["Version"]) == (ARN + "life:live", "1"), named
split = client.update_alias(FunctionName="life", Name="live", RevisionId=alias["RevisionId"],
                            RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
assert split["RevisionId"] != alias["RevisionId"] and split["Description"] == "a", split
versions = {invoke("life:live")[1] for _ in range(60)}
assert versions == {"1", "2"}, versions
client.update_alias(FunctionName="life", Name="live", FunctionVersion="3",
                    RoutingConfig={"AdditionalVersionWeights": {}})
assert {invoke("life:live")[1] for _ in range(10)} == {"3"}
refused("PreconditionFailedException", mismatch, "update_alias", FunctionName="life", Name="live",
        RevisionId=alias["RevisionId"], Description="x")
client.create_alias(FunctionName="life", Name="newest", FunctionVersion="$LATEST")
assert invoke("life:newest")[1] == "$LATEST"
names = [a["Name"] for a in client.list_aliases(FunctionName="life")["Aliases"]]
assert names == ["live", "newest"], names
of_three = client.list_aliases(FunctionName="life", FunctionVersion="3")["Aliases"]
assert [alias["Name"] for alias in of_three] == ["live"], of_three

# Taken apart.
refused("ResourceConflictException",
        "Unable to delete version because the following aliases reference it: [live]",
        "delete_function", FunctionName="life", Qualifier="3")
refused("InvalidParameterValueException",
        "$LATEST version cannot be deleted without deleting the function.",
        "delete_function", FunctionName="life:$LATEST")
refused("InvalidParameterValueException", "Deletion of aliases is not currently supported.",
        "delete_function", FunctionName="life:live")
client.delete_function(FunctionName="life", Qualifier="2")
refused("ResourceNotFoundException", f"Function not found: {ARN}life:2", "invoke",
        FunctionName="life:2")
for _ in range(2):
    client.delete_alias(FunctionName="life", Name="live")
refused("ResourceNotFoundException", f"Cannot find alias arn: {ARN}life:live", "get_alias",
        FunctionName="life", Name="live")
client.update_function_code(FunctionName="life", ZipFile=answers("four"))
updated("life")
four = client.publish_version(FunctionName="life")
assert four["Version"] == "4", "numbers are never used again"
client.delete_function(FunctionName="life")
for operation in ("get_function", "get_function_configuration", "delete_function", "list_aliases",
                  "list_versions_by_function", "get_policy", "get_function_concurrency"):
    refused("ResourceNotFoundException", f"Function not found: {ARN}life", operation,
            FunctionName="life")
names = [f["FunctionName"] for f in client.list_functions()["Functions"]]
assert names == ["born"], names
