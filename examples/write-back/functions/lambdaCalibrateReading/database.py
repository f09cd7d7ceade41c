"""A connection to the database that DATABASE_URL names, with a limit for waiting on locks."""

import os
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit


class LockTimeout(Exception):
    """Another transaction holds a row for longer than this one may wait."""


@contextmanager
def transaction(lock_timeout):
    """A cursor in a transaction of its own, committed at the end, rolled back by an exception.

    lock_timeout is how many seconds a statement may wait for another transaction; None waits for as
    long as it takes.
    """
    url = urlsplit(os.environ["DATABASE_URL"])
    where = {
        "host": url.hostname,
        "port": url.port,
        "user": url.username,
        "password": unquote(url.password or ""),
        "database": url.path.lstrip("/"),
    }
    connect = {"postgresql": postgresql, "mysql": mysql}[url.scheme]
    connection = connect(where, lock_timeout)
    try:
        yield connection.cursor()
        connection.commit()
    except Exception as error:
        if is_lock_timeout(error):
            raise LockTimeout("another transaction holds the row") from None
        raise
    finally:
        # What is not committed is rolled back.
        connection.close()


def postgresql(where, lock_timeout):
    import pg8000.dbapi

    connection = pg8000.dbapi.connect(application_name="lambdaCalibrateReading", **where)
    milliseconds = int((lock_timeout or 0) * 1000)
    connection.cursor().execute(f"SET lock_timeout = {milliseconds}")
    return connection


def mysql(where, lock_timeout):
    import pymysql

    connection = pymysql.connect(**where)
    # Whole seconds; the largest value is as good as none.
    seconds = 2**30 if lock_timeout is None else max(1, int(lock_timeout))
    connection.cursor().execute(f"SET SESSION innodb_lock_wait_timeout = {seconds}")
    return connection


def is_lock_timeout(error):
    first = error.args[0] if error.args else None
    # PostgreSQL's SQLSTATE lock_not_available; MariaDB's and MySQL's ER_LOCK_WAIT_TIMEOUT.
    return first == 1205 or (isinstance(first, dict) and first.get("C") == "55P03")
