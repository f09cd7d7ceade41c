-- aws_commons 1.2: common data types across AWS services.
--
-- Plain SQL, no library. The types are stored in user tables, so their layout never changes.
-- Every name is schema-qualified, every body is a row constructor, and every function has a
-- search_path of its own, so that nobody's can change what they mean.

\echo Use "CREATE EXTENSION aws_commons" to load this file. \quit

-- Created here rather than named in the control file: a dump of Amazon's has the extension WITH
-- SCHEMA public, and must restore.
CREATE SCHEMA aws_commons;

CREATE TYPE aws_commons._lambda_function_arn_1 AS (function_name text, region text);
CREATE TYPE aws_commons._s3_uri_1 AS (bucket text, file_path text, region text);
CREATE TYPE aws_commons._aws_credentials_1 AS (access_key text, secret_key text, session_token text);

CREATE FUNCTION aws_commons.create_lambda_function_arn(function_name text, region text DEFAULT NULL)
RETURNS aws_commons._lambda_function_arn_1
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT ROW($1, $2)::aws_commons._lambda_function_arn_1 $$;

CREATE FUNCTION aws_commons.create_s3_uri(bucket text, file_path text, region text)
RETURNS aws_commons._s3_uri_1
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT ROW($1, $2, $3)::aws_commons._s3_uri_1 $$;

CREATE FUNCTION aws_commons.create_aws_credentials(access_key text, secret_key text, session_token text)
RETURNS aws_commons._aws_credentials_1
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT ROW($1, $2, $3)::aws_commons._aws_credentials_1 $$;

COMMENT ON TYPE aws_commons._lambda_function_arn_1 IS 'An AWS Lambda function and its Region';
COMMENT ON TYPE aws_commons._s3_uri_1 IS 'An Amazon S3 object and its Region';
COMMENT ON TYPE aws_commons._aws_credentials_1 IS 'AWS credentials';
COMMENT ON FUNCTION aws_commons.create_lambda_function_arn(text, text)
    IS 'Names a Lambda function: a name, partial ARN or ARN, and optionally its Region';
COMMENT ON FUNCTION aws_commons.create_s3_uri(text, text, text) IS 'Names an Amazon S3 object';
COMMENT ON FUNCTION aws_commons.create_aws_credentials(text, text, text) IS 'Builds AWS credentials';

-- Aurora and RDS let every role use the helpers.
GRANT USAGE ON SCHEMA aws_commons TO PUBLIC;
