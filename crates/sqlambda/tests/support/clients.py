"""Runs the AWS CLI and scripts for boto3, each in a process of its own that has its imports already.

Importing either takes longer than most of what tests do with it. A request is a line of JSON on
standard input: `program` and `arguments` as on a command line, the whole `environment`, and in
`pipes` the paths to write standard output, standard error and the exit status to.
"""

import gc
import json
import os
import runpy
import sys
import traceback


def prepare(program):
    """Imports what every run of the program imports, and gives the variables that this sets."""
    before = dict(os.environ)
    if program == "aws":
        from awscli import clidriver
        clidriver.create_clidriver()
    else:
        import boto3
        boto3.setup_default_session()
        loader = boto3.DEFAULT_SESSION._session.get_component("data_loader")
        for kind in ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2"):
            loader.load_service_model("lambda", kind)
        loader.load_data("endpoints")
    # What the garbage collector does not touch is shared with the processes.
    gc.freeze()
    return {name: value for name, value in os.environ.items() if before.get(name) != value}


def run(program, arguments):
    """What `aws ARGUMENTS`, `python -c CODE ARGUMENTS` and `python FILE ARGUMENTS` do."""
    if program == "aws":
        from awscli import clidriver
        sys.argv = [program, *arguments]
        sys.exit(clidriver.main())
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path[0] = ""
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(arguments[0])
        runpy.run_path(arguments[0], run_name="__main__")


def status(program, arguments):
    """The exit status of a run, as Python itself would have it."""
    try:
        run(program, arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve(request, output, errors, result):
    """Is the process of one run; does not return."""
    for own, standard in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (errors, 2)):
        os.dup2(own, standard)
    os.environ.clear()
    os.environ.update(prepared[request["program"]] | request["environment"])
    code = status(request["program"], request["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(result, str(code).encode())
    os._exit(0)


prepared = {}
for line in sys.stdin:
    request = json.loads(line)
    if request["program"] not in prepared:
        prepared[request["program"]] = prepare(request["program"])
    pipes = [os.open(path, os.O_WRONLY) for path in request["pipes"]]
    # From here on these are open, and close with the process.
    print("started", flush=True)
    if os.fork() == 0:
        serve(request, *pipes)
    for pipe in pipes:
        os.close(pipe)
    # Those that have ended until now.
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
