"""A function of a folder, through three starts of the service: what the API changes, what stays."""

import sys

from validator import *


def told(name):
    return json.loads(client.invoke(FunctionName=name)["Payload"].read())


names = lambda: [f["FunctionName"] for f in client.list_functions()["Functions"]]
start = sys.argv[1]
if start == "1":
    found = client.get_function(FunctionName="told")
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 5}, found
    assert found["Configuration"]["Description"] == "from a folder", found
    one = client.publish_version(FunctionName="told")
    assert one["CodeSha256"] == found["Configuration"]["CodeSha256"], one
    assert client.publish_version(FunctionName="told")["Version"] == "1", "nothing has changed"
    client.tag_resource(Resource=ARN + "told", Tags={"a": "b"})
    client.create_alias(FunctionName="told", Name="live", FunctionVersion="1")
    client.update_function_configuration(FunctionName="told",
                                         Environment={"Variables": {"ONE": "2"}})
    updated("told")
    assert (told("told"), told("told:live"), told("told:own")) == ("2", "1", "2")
    client.update_function_code(FunctionName="told", ZipFile=package(
        lambda_function__py="def lambda_handler(event, context): return 'sent'"))
    updated("told")
    assert (told("told"), told("told:live")) == ("sent", "1")
    client.delete_function(FunctionName="gone")
    assert names() == ["alone", "told"], names()
    # A function of one file is published with the files beside it, and nothing else.
    client.publish_version(FunctionName="alone")
    assert told("alone:1") == "beside"
elif start == "2":
    assert names() == ["alone", "gone", "told"], "a folder that is there comes back"
    assert (told("told"), told("told:live")) == ("3", "1")
    assert client.list_tags(Resource=ARN + "told")["Tags"] == {"a": "b"}
    aliases = client.list_aliases(FunctionName="told")["Aliases"]
    assert [alias["Name"] for alias in aliases] == ["live"], "`own` went with its line"
    concurrency = client.get_function_concurrency(FunctionName="told")
    assert "ReservedConcurrentExecutions" not in concurrency, "the reservation, too"
    revision = client.get_function_configuration(FunctionName="told")["RevisionId"]
    client.tag_resource(Resource=ARN + "told", Tags={"revision": revision})
else:
    assert names() == ["alone", "told"], "a function goes with its folder"
    revision = client.get_function_configuration(FunctionName="told")["RevisionId"]
    tags = client.list_tags(Resource=ARN + "told")["Tags"]
    assert tags["revision"] == revision, "what did not change keeps its revision"
