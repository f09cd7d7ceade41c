"""Signs requests as botocore does.

In: a list of {"url", "headers", "body" (base64), "access_key", "secret_key", "token", "region",
"params" (of botocore's own invoke)}. Out: for each {"authorization", "url"}: what botocore's
signer writes for the request as it came over the wire, with its own date, and the URL to which
botocore sends the same call.
"""

import base64
import datetime
import json
import sys

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials

# What the HTTP library adds when it sends, after both of us have signed.
ADDED_LATER = {"authorization", "content-length"}


def authorization(case):
    headers = {name: value for name, value in case["headers"] if name not in ADDED_LATER}
    date = datetime.datetime.strptime(headers.pop("x-amz-date"), "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda *_, **__: date
    body = base64.b64decode(case["body"])
    request = AWSRequest(method="POST", url=case["url"], headers=headers, data=body)
    credentials = Credentials(case["access_key"], case["secret_key"], case["token"])
    botocore.auth.SigV4Auth(credentials, "lambda", case["region"]).add_auth(request)
    assert request.headers["X-Amz-Date"] == date.strftime("%Y%m%dT%H%M%SZ")
    return request.headers["Authorization"]



def url(case, clients={}):
    if case["region"] not in clients:
        session = botocore.session.Session()
        session.set_credentials("x", "y")
        config = Config(retries={"total_max_attempts": 1})
        clients[case["region"]] = session.create_client(
            "lambda", region_name=case["region"], endpoint_url=case["endpoint"], config=config
        )
    client = clients[case["region"]]
    seen = []

    def stop(request, **_):
        seen.append(request.url)
        return AWSResponse(request.url, 200, {}, Raw())

    client.meta.events.register("before-send.lambda.Invoke", stop, unique_id="stop")
    client.invoke(**case["params"])
    client.meta.events.unregister("before-send.lambda.Invoke", unique_id="stop")
    return seen[0]


class Raw:
    def stream(self, **_):
        return iter(())

    def read(self, *_, **__):
        return b""


cases = json.load(sys.stdin)
json.dump([{"authorization": authorization(case), "url": url(case)} for case in cases], sys.stdout)
