//! The playground: temporary PostgreSQL clusters and a local Lambda service, for the demo and the tests.
