//! PostgreSQL glue shared by the extensions: waiting, arguments, results, errors.
