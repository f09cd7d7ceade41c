"""Long lists, a page at a time, also while functions come and go."""

from validator import *

names = sorted([f"p{number:02}" for number in range(58)] + ["p", "p-1", "p_1"])
for name in names:
    create(name, wait=False)
for name in names[:2]:
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02})
    client.publish_version(FunctionName=name)


def pages(operation, member, **more):
    """The lengths of the pages, and all items."""
    found = list(client.get_paginator(operation).paginate(**more))
    return [len(page[member]) for page in found], [item for page in found for item in page[member]]


sizes, found = pages("list_functions", "Functions")
assert sizes == [50, 11], sizes
assert sorted(f["FunctionName"] for f in found) == names, found
sizes, found = pages("list_functions", "Functions", PaginationConfig={"PageSize": 7})
assert sizes == [7] * 8 + [5] and sorted(f["FunctionName"] for f in found) == names, sizes
sizes, found = pages("list_functions", "Functions", FunctionVersion="ALL")
assert len(found) == len(names) + 2, sizes
assert {f["FunctionArn"] for f in found if f["FunctionName"] == names[0]} == {
    ARN + names[0] + ":$LATEST", ARN + names[0] + ":1"}, found

first = client.list_functions(MaxItems=10)
shown = [f["FunctionName"] for f in first["Functions"]]
client.delete_function(FunctionName=shown[-1])
rest = client.list_functions(Marker=first["NextMarker"], MaxItems=10)
overlap = set(shown) & {f["FunctionName"] for f in rest["Functions"]}
assert not overlap and len(rest["Functions"]) == 10, overlap

for number in range(3):
    client.create_alias(FunctionName=names[0], Name=f"a{number}", FunctionVersion="1")
    client.put_function_event_invoke_config(
        FunctionName=names[0], Qualifier=f"a{number}", MaximumRetryAttempts=number)
page = {"PageSize": 2}
of = {"FunctionName": names[0], "PaginationConfig": page}
assert pages("list_aliases", "Aliases", **of)[0] == [2, 1]
assert pages("list_versions_by_function", "Versions", **of)[0] == [2]
configs = "list_function_event_invoke_configs"
assert pages(configs, "FunctionEventInvokeConfigs", **of)[0] == [2, 1]
refused("ValidationException", "1 validation error detected: Value '51' at 'maxItems'...", configs,
        FunctionName=names[0], MaxItems=51)
