"""Prints the Lambda endpoint of every Region and variant that botocore knows, as JSON."""

import json
import sys

import botocore.session
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

session = botocore.session.Session()
loader = session.get_component("data_loader")
partitions = loader.load_data("partitions")
rules = loader.load_service_model("lambda", "endpoint-rule-set-1")
provider = EndpointProvider(rules, partitions)

regions = set()
for partition in partitions["partitions"]:
    regions.update(name for name in partition["regions"] if not name.endswith("-global"))
for partition in session.get_available_partitions():
    regions.update(session.get_available_regions("lambda", partition))

endpoints = []
for region in sorted(regions):
    for fips in (False, True):
        for dual_stack in (False, True):
            try:
                endpoint = provider.resolve_endpoint(
                    Region=region, UseFIPS=fips, UseDualStack=dual_stack
                )
            except EndpointProviderError:
                continue  # The partition has no such endpoints.
            endpoints.append([region, fips, dual_stack, endpoint.url])
json.dump(endpoints, sys.stdout)
