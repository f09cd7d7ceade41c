"""A real HTTP proxy (PyPI `proxy.py`), for which every name below .test is this machine.

Its arguments are those of proxy.py. It tells its port on standard output, and ends when its
standard input does.
"""

import sys

from proxy import Proxy
from proxy.http.proxy import HttpProxyBasePlugin


class TestNames(HttpProxyBasePlugin):
    """Names that only the proxy knows: a call that succeeds has gone through it."""

    def resolve_dns(self, host, port):
        return ("127.0.0.1" if host.endswith(".test") else None), None


if __name__ == "__main__":
    few = ["--hostname", "127.0.0.1", "--port", "0", "--num-acceptors", "1", "--num-workers", "1"]
    with Proxy(few + sys.argv[1:], plugins=[TestNames]) as proxy:
        print(proxy.flags.port, flush=True)
        sys.stdin.read()
