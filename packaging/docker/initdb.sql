-- Run once, when the database is made.
CREATE EXTENSION aws_lambda CASCADE;
