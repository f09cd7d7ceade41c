#!/bin/sh
# Installs what lies beside this script. `./install.sh --help` says how.
set -eu

MAJOR=@MAJOR@
usage() {
    cat <<USAGE
Installs the extensions for PostgreSQL $MAJOR, and if asked the command sqlambda and the library for
MariaDB or MySQL. Run it as whoever may write there, mostly root.

usage: ./install.sh [OPTIONS]
  --pg-config PATH     the pg_config of the PostgreSQL $MAJOR to install into [default: the one in PATH]
  --no-postgresql      leave PostgreSQL alone
  --prefix FOLDER      also the command sqlambda and its manual, into FOLDER/bin and FOLDER/share/man
  --plugin-dir FOLDER  also the library for MariaDB or MySQL, into the server's plugin_dir
  --dry-run            say what would be written, and write nothing

DESTDIR in the environment is put before every folder.
USAGE
}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

# An argument that must follow an option.
value() {
    [ $# -ge 2 ] || fail "$1 needs a value; --help says which"
}

pg_config=pg_config
postgresql=yes
prefix=
plugin_dir=
dry_run=
while [ $# -gt 0 ]; do
    case $1 in
        --pg-config) value "$@"; pg_config=$2; shift ;;
        --no-postgresql) postgresql= ;;
        --prefix) value "$@"; prefix=$2; shift ;;
        --plugin-dir) value "$@"; plugin_dir=$2; shift ;;
        --dry-run) dry_run=yes ;;
        --help | -h) usage; exit 0 ;;
        *) fail "what is $1? --help says what there is" ;;
    esac
    shift
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
destination=${DESTDIR:-}

# put MODE FOLDER FILE...: `install` replaces a file, and never writes into one that a server has mapped.
put() {
    mode=$1
    folder=$destination$2
    shift 2
    [ -n "$dry_run" ] || install -d "$folder"
    for file in "$@"; do
        [ -n "$dry_run" ] || install -m "$mode" "$file" "$folder/"
        echo "$folder/${file##*/}"
    done
}

if [ -n "$postgresql" ]; then
    version=$("$pg_config" --version) ||
        fail "no $pg_config here: name that of your PostgreSQL by --pg-config PATH"
    number=${version#PostgreSQL }
    [ "${number%%[!0-9]*}" = "$MAJOR" ] ||
        fail "this is for PostgreSQL $MAJOR, and $pg_config is of $version"
    put 644 "$("$pg_config" --pkglibdir)" "$here"/postgresql/*.so
    put 644 "$("$pg_config" --sharedir)/extension" "$here"/postgresql/extension/*
fi
if [ -n "$prefix" ]; then
    put 755 "$prefix/bin" "$here/bin/sqlambda"
    put 644 "$prefix/share/man/man1" "$here"/man/man1/*
fi
if [ -n "$plugin_dir" ]; then
    put 644 "$plugin_dir" "$here/mariadb/lambda_udf.so"
fi

if [ -n "$postgresql$plugin_dir" ]; then
    echo
fi
if [ -n "$postgresql" ]; then
    echo "In each database that wants it:  CREATE EXTENSION aws_lambda CASCADE;"
fi
if [ -n "$plugin_dir" ]; then
    echo "As an administrator of MariaDB or MySQL:  mariadb < $here/mariadb/install.sql"
fi
