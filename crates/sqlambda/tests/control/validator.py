"""A boto3 client whose every answer is held against botocore's published model of the API.

An answer may have no member that the model does not know, and each member has the type, length,
range, pattern and set of values that the model says. Errors are held against the shape of their
type, which must be one that the operation may raise. Nothing is null or empty that could be left out.
"""

import io
import json
import re
import sys
import zipfile

import boto3
from botocore.exceptions import ClientError

RUNTIME = f"python3.{sys.version_info[1]}"
ROLE = "arn:aws:iam::000000000000:role/any"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"

# Errors that every operation may give: the front door's, which the model does not list.
COMMON = {"ValidationException", "AccessDeniedException", "SerializationException",
          "InvalidRequestContentException", "RequestEntityTooLargeException"}
# Members that stay when they are empty: callers iterate over them.
MAY_BE_EMPTY = {"Functions", "Versions", "Aliases", "FunctionEventInvokeConfigs", "Tags"}

seen = set()


def check(shape, value, path):
    kind = shape.type_name
    where = f"{path} = {value!r}"
    if kind == "structure":
        assert isinstance(value, dict), where
        known = {member.serialization.get("name", name): member
                 for name, member in shape.members.items()}
        for name, member in value.items():
            assert name in known, f"the model does not know {path}.{name}"
            assert member is not None, f"{path}.{name} is null"
            empty = member in ("", [], {})
            assert not empty or name in MAY_BE_EMPTY, f"{path}.{name} is empty"
            check(known[name], member, f"{path}.{name}")
        for name in shape.required_members:
            assert name in value, f"{path}.{name} is missing"
    elif kind == "list":
        assert isinstance(value, list), where
        for item in value:
            check(shape.member, item, f"{path}[]")
    elif kind == "map":
        assert isinstance(value, dict), where
        for key, item in value.items():
            check(shape.key, key, f"{path} key")
            check(shape.value, item, f"{path}.{key}")
    elif kind in ("integer", "long"):
        assert isinstance(value, int) and not isinstance(value, bool), where
    elif kind in ("double", "float", "timestamp"):
        assert isinstance(value, (int, float)) and not isinstance(value, bool), where
    elif kind == "boolean":
        assert isinstance(value, bool), where
    elif kind == "string":
        assert isinstance(value, str), where
        if shape.enum:
            assert value in shape.enum, f"{where} is not one of {shape.enum}"
        pattern = shape.metadata.get("pattern")
        # Python knows no \p classes.
        if pattern and r"\p" not in pattern:
            assert re.fullmatch(pattern, value), f"{where} does not fit {pattern}"
    else:
        raise AssertionError(f"{path}: a {kind}?")
    size = len(value) if isinstance(value, (str, list)) else value
    if kind in ("string", "list", "integer", "long"):
        assert size >= shape.metadata.get("min", size), f"{where} is too small"
        assert size <= shape.metadata.get("max", size), f"{where} is too large"


def after_call(http_response, model, **_):
    seen.add(model.name)
    status = http_response.status_code
    assert http_response.headers["x-amzn-requestid"], model.name
    if status >= 300:
        return check_error(http_response, model)
    wanted = model.http.get("responseCode", 200)
    if model.name == "DeleteFunction":
        wanted = 204  # The model's 200 is older than the service.
    if model.name in ("Invoke", "InvokeWithResponseStream"):
        return check_headers(http_response, model)
    assert status == wanted, f"{model.name}: {status}, not {wanted}"
    if status == 204:
        assert http_response.content == b"", model.name
    else:
        check(model.output_shape, json.loads(http_response.content), model.name)


def check_headers(http_response, model):
    """What an answer whose body is the function's own says in its headers."""
    members = model.output_shape.members.values()
    known = {member.serialization.get("name", "").lower() for member in members}
    for name, value in http_response.headers.items():
        own = name.lower().startswith("x-amz-")
        assert not own or name.lower() in known, f"the model does not know {name}"
        assert value or not own, f"{name} is empty"


def check_error(http_response, model):
    code = http_response.headers["x-amzn-errortype"]
    body = json.loads(http_response.content)
    if code in COMMON:
        assert set(body) <= {"message", "Message", "Type"}, body
        return
    shape = next((shape for shape in model.error_shapes if shape.name == code), None)
    assert shape is not None, f"{model.name} cannot raise {code}"
    assert shape.metadata["error"]["httpStatusCode"] == http_response.status_code, code
    check(shape, body, code)


client = boto3.client("lambda")
client.meta.events.register("after-call.lambda", after_call)


def package(**files):
    """A deployment package; a name's double underscores are its dots. The same files always make
    the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name.replace("__", "."))
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def answers(text):
    """The package of a Python function that answers with this text and what it is."""
    return package(f__py=f"""
import os
def handler(event, context):
    return {{"says": {text!r}, "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            "arn": context.invoked_function_arn, "variable": os.environ.get("VARIABLE"),
            "stream": context.log_stream_name}}
""")


def create(name, text="one", wait=True, **more):
    members = dict(FunctionName=name, Role=ROLE, Runtime=RUNTIME, Handler="f.handler",
                   Code={"ZipFile": answers(text)})
    made = client.create_function(**{**members, **more})
    if wait:
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02})
    return made


def updated(name):
    waiter = client.get_waiter("function_updated_v2")
    waiter.wait(FunctionName=name, WaiterConfig={"Delay": 0.02})


def invoke(name, **more):
    """The answer and the executed version."""
    answer = client.invoke(FunctionName=name, **more)
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload, answer["ExecutedVersion"]


def refused(code, text, operation, **members):
    """The operation fails with this error; a text that ends in ... is its beginning."""
    try:
        getattr(client, operation)(**members)
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code, found
        message = error.response.get("message") or found["Message"]
        same = message.startswith(text[:-3]) if text.endswith("...") else message == text
        assert same, f"{message!r}, not {text!r}"
        return error.response
    raise AssertionError(f"{operation} was not refused")
