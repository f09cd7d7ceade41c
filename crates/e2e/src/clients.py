"""Runs the AWS CLI and scripts for boto3, each in a process of its own that has its imports already.

Importing either takes longer than most of what tests do with it. `client.py` connects to the socket
named by the first argument and asks. Ends when standard input does, and removes the socket's folder.
"""

import array
import gc
import marshal
import os
import runpy
import select
import shutil
import socket
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
    elif arguments[:1] == ["-c"]:
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


def received(connection):
    """A request: the arguments, the whole environment, the folder and the streams of a program."""
    size = 3 * array.array("i").itemsize
    data, control, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(size))
    streams = array.array("i", control[0][2])
    while more := connection.recv(65536):
        data += more
    return *marshal.loads(data), streams


def serve(program, connection):
    """Is the process of one run; does not return."""
    arguments, environment, folder, streams = received(connection)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(prepared[program] | environment)
    code = status(program, arguments)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    connection.send(bytes([code & 255]))
    os._exit(0)


prepared = {}
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen(64)
    print("ready", flush=True)
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        # Told first and by itself: only this process can import what all of them share.
        program = connection.recv(1, socket.MSG_WAITALL)
        program = {b"a": "aws", b"p": "python3"}[program]
        if program not in prepared:
            prepared[program] = prepare(program)
        if os.fork() == 0:
            listener.close()
            serve(program, connection)
        connection.close()
        # Those that have ended until now.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
shutil.rmtree(os.path.dirname(sys.argv[1]))
