//! The PostgreSQL extension aws_lambda.
