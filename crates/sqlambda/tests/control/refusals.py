"""Requests that are refused, in AWS's words; and archives that must not be unpacked."""

import stat

from validator import *

good = dict(FunctionName="f", Role=ROLE, Runtime=RUNTIME, Handler="f.handler",
            Code={"ZipFile": answers("x")})


def bad(code, text, **changes):
    members = {name: value for name, value in {**good, **changes}.items() if value is not None}
    refused(code, text, "create_function", **members)
    try:
        client.get_function(FunctionName="f")
        raise AssertionError("it was made all the same")
    except client.exceptions.ResourceNotFoundException:
        pass


invalid = "InvalidParameterValueException"
one = "1 validation error detected: Value "
bad("ValidationException", one + "'r1' at 'role' failed to satisfy constraint: Member must satisfy "
    r"regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
    Role="r1")
bad("ValidationException", one + "'901' at 'timeout' failed to satisfy constraint: Member must have "
    "value less than or equal to 900", Timeout=901)
bad("ValidationException", "2 validation errors detected: Value '10241' at 'memorySize'...",
    MemorySize=10241, TracingConfig={"Mode": "Sometimes"})
bad("ValidationException", one + f"'{'f' * 65}' at 'functionName' failed to satisfy constraint: "
    "Member must have length less than or equal to 64", FunctionName="f" * 65)
bad(invalid, "Value python1.0 at 'runtime' failed to satisfy constraint: Member must satisfy enum "
    "value set: [nodejs,...", Runtime="python1.0")
bad(invalid, "The runtime java21 cannot be run by sqlambda local...", Runtime="java21")
bad(invalid, "Runtime and Handler are mandatory parameters for functions created with deployment "
    "packages.", Handler=None)
bad(invalid, "Lambda was unable to configure your environment variables because the environment "
    "variables you have provided contains reserved keys that are currently not supported for "
    "modification. Reserved keys used in this request: AWS_REGION",
    Environment={"Variables": {"AWS_REGION": "x", "B2": "y"}})
bad(invalid, "Lambda was unable to configure your environment variables because the environment "
    "variables you have provided exceeded the 4KB limit.",
    Environment={"Variables": {"BIG": "x" * 4096}})
bad("ValidationException", one + "'***' at 'environment.variables' failed to satisfy constraint: "
    "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
    "[a-zA-Z]([a-zA-Z0-9_])+]", Environment={"Variables": {"1": "hidden"}})
bad(invalid, "PackageType Image is not supported by sqlambda local...", PackageType="Image",
    Code={"ImageUri": "x"})
layer = "arn:aws:lambda:us-east-1:000000000000:layer:l:1"
bad(invalid, f"Layer version {layer} does not exist.", Layers=[layer])
bad(invalid, "Please provide a source for function code.", Code={})
bad(invalid, "S3Bucket and S3Key cannot be used here...", Code={"S3Bucket": "abc", "S3Key": "k"})
bad("ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region "
    "('us-east-1')", FunctionName="arn:aws:lambda:eu-west-1:000000000000:function:f")
bad("AccessDeniedException", "User: arn:aws:iam::000000000000:user/test is not authorized...",
    FunctionName="111122223333:function:f")

# Archives.
unreadable = "Could not unzip uploaded file. Please check your file, then try to upload again."


def archive(fill):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        fill(made)
    return {"ZipFile": buffer.getvalue()}


def named(name, mode=0o644):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | mode) << 16
    return entry


bad(invalid, unreadable, Code={"ZipFile": b"PK\x03\x04 no archive"})
cut = answers("x")
bad(invalid, unreadable, Code={"ZipFile": cut[: len(cut) // 2]})
bad(invalid, "Uploaded file must be a non-empty zip", Code=archive(lambda made: None))
for name in ("../outside", "a/../../outside", "/etc/outside", "a\\..\\outside"):
    bad(invalid, "The archive cannot be used: its entry `...",
        Code=archive(lambda made: made.writestr(named(name), "x")))
link = named("link")
link.external_attr = (stat.S_IFLNK | 0o777) << 16
bad(invalid, "The archive cannot be used: its entry `link` is a symbolic link",
    Code=archive(lambda made: made.writestr(link, "/etc/passwd")))
zeros = b"\0" * (1 << 20)


def bomb(made):
    made.compresslevel = 1
    with made.open("zeros", "w") as entry:
        for _ in range(251):
            entry.write(zeros)


bad(invalid, "Unzipped size must be smaller than 262144000 bytes", Code=archive(bomb))


def many(made):
    made.writestr("0", b"")
    for number in range(1, 65_536):
        entry = zipfile.ZipInfo(f"{number:x}")
        # Of the directory alone: all are empty, so one place in the archive will do.
        entry.header_offset = entry.CRC = 0
        made.filelist.append(entry)


bad(invalid, "The archive has more than 65535 entries", Code=archive(many))

# The service is as it was, and nothing was left behind.
create("f")
assert invoke("f")[0]["says"] == "one"

# Aliases and versions.
client.publish_version(FunctionName="f")
point = dict(FunctionName="f", FunctionVersion="1")


def bad_alias(code, text, **changes):
    refused(code, text, "create_alias", **{"Name": "a", **point, **changes})


bad_alias("ValidationException", one + "'12' at 'name' failed to satisfy constraint: Member must "
          "satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)", Name="12")
bad_alias("ResourceNotFoundException", f"Function not found: {ARN}f:9", FunctionVersion="9")
weights = lambda **w: {"AdditionalVersionWeights": {k[1:]: v for k, v in w.items()}}
bad_alias(invalid, "Number of items in AdditionalVersionWeights cannot be greater than 1",
          RoutingConfig=weights(_1=0.1, _2=0.1))
bad_alias(invalid, "Invalid function version 1. Function version 1 is already included in routing "
          "configuration.", RoutingConfig=weights(_1=0.1))
bad_alias("ResourceNotFoundException", f"Function not found: {ARN}f:9", RoutingConfig=weights(_9=0.1))
bad_alias("ValidationException", one + "'{9=2.0}' at 'routingConfig.additionalVersionWeights' failed "
          "to satisfy constraint: Map value must satisfy constraint: [Member must have value less "
          "than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must "
          "not be null]", RoutingConfig=weights(_9=2.0))
bad_alias(invalid, "$LATEST is not supported for an alias pointing to more than 1 version",
          FunctionVersion="$LATEST", RoutingConfig=weights(_1=0.1))
refused("ValidationException", one + "'NONE' at 'functionVersion' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ALL]", "list_functions", FunctionVersion="NONE")
refused(invalid, "Invalid pagination token: ??", "list_functions", Marker="??")
