"""Functions that are there after the service has been killed: `make` and then `check`."""

import sys

from validator import *

if sys.argv[1] == "make":
    create("kept", Environment={"Variables": {"VARIABLE": "v"}}, Tags={"a": "b"})
    client.publish_version(FunctionName="kept")
    client.update_function_code(FunctionName="kept", ZipFile=answers("two"))
    updated("kept")
    client.create_alias(FunctionName="kept", Name="live", FunctionVersion="1",
                        RoutingConfig={"AdditionalVersionWeights": {}})
    client.put_function_concurrency(FunctionName="kept", ReservedConcurrentExecutions=3)
    client.put_function_event_invoke_config(FunctionName="kept:live", MaximumRetryAttempts=1)
    client.add_permission(FunctionName="kept", StatementId="s", Principal="*",
                          Action="lambda:InvokeFunction")
    create("deleted")
    client.delete_function(FunctionName="deleted")
    # Answered, so it must be there, in whatever state it was.
    create("last", wait=False)
else:
    names = [f["FunctionName"] for f in client.list_functions()["Functions"]]
    assert names == ["kept", "last"], names
    assert invoke("kept")[0]["says"] == "two" and invoke("kept:live")[0]["says"] == "one"
    assert invoke("kept:1")[0]["variable"] == "v"
    found = client.get_function(FunctionName="kept")
    assert found["Tags"] == {"a": "b"} and "Concurrency" in found, found
    config = client.get_function_event_invoke_config(FunctionName="kept:live")
    assert config["MaximumRetryAttempts"] == 1, config
    assert "Statement" in client.get_policy(FunctionName="kept")["Policy"]
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 997
    client.get_waiter("function_active_v2").wait(FunctionName="last", WaiterConfig={"Delay": 0.02})
    assert invoke("last")[0]["says"] == "one"
    client.update_function_code(FunctionName="kept", ZipFile=answers("three"))
    updated("kept")
    number = client.publish_version(FunctionName="kept")["Version"]
    assert int(number) > 1, number
    client.delete_function(FunctionName="kept", Qualifier=number)
    client.update_function_code(FunctionName="kept", ZipFile=answers("two"))
    updated("kept")
