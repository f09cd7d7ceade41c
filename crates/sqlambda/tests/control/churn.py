"""Makes, publishes and deletes functions until the service is gone, and notes what was answered;
with `check`, compares what is there with the notes."""

import sys

from botocore.exceptions import BotoCoreError

from validator import *

notes = sys.argv[1]
if len(sys.argv) == 2:
    with open(notes, "w") as file:
        try:
            for number in range(100_000):
                name = f"c{number}"
                create(name, text=name, wait=False, Publish=True)
                print("made", name, file=file, flush=True)
                if number % 3 == 2:
                    client.delete_function(FunctionName=f"c{number - 1}")
                    print("deleted", f"c{number - 1}", file=file, flush=True)
        except BotoCoreError:
            sys.exit()
    raise AssertionError("the service is still there")

made, deleted = set(), set()
for line in open(notes).read().splitlines():
    (made if line.startswith("made") else deleted).add(line.split()[1])
there = set()
for page in client.get_paginator("list_functions").paginate():
    there |= {function["FunctionName"] for function in page["Functions"]}
assert not deleted & there, deleted & there
# The request in flight may have been carried out, or not.
missing, more = made - deleted - there, there - made
assert len(missing) + len(more) <= 1, (missing, more)
for name in sorted(there)[:5] + sorted(there)[-5:]:
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02})
    assert invoke(name)[0]["says"] == name
    assert invoke(f"{name}:1")[0]["version"] == "1"
