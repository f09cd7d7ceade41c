-- aws_lambda 1.0: invoke AWS Lambda functions from SQL.
--
-- The four overloads are those of Amazon RDS and Aurora: names, order and defaults are a contract.
-- NOT STRICT, because three arguments default to NULL. VOLATILE: a call runs a function somewhere.

\echo Use "CREATE EXTENSION aws_lambda" to load this file. \quit

CREATE SCHEMA aws_lambda;

CREATE FUNCTION aws_lambda.invoke(
    IN function_name text,
    IN payload json,
    IN region text DEFAULT NULL,
    IN invocation_type text DEFAULT 'RequestResponse',
    IN log_type text DEFAULT 'None',
    IN context json DEFAULT NULL,
    IN qualifier varchar(128) DEFAULT NULL,
    OUT status_code int,
    OUT payload json,
    OUT executed_version text,
    OUT log_result text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
AS 'MODULE_PATHNAME', 'aws_lambda_invoke_text_json';

CREATE FUNCTION aws_lambda.invoke(
    IN function_name aws_commons._lambda_function_arn_1,
    IN payload json,
    IN invocation_type text DEFAULT 'RequestResponse',
    IN log_type text DEFAULT 'None',
    IN context json DEFAULT NULL,
    IN qualifier varchar(128) DEFAULT NULL,
    OUT status_code int,
    OUT payload json,
    OUT executed_version text,
    OUT log_result text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
AS 'MODULE_PATHNAME', 'aws_lambda_invoke_arn_json';

CREATE FUNCTION aws_lambda.invoke(
    IN function_name text,
    IN payload jsonb,
    IN region text DEFAULT NULL,
    IN invocation_type text DEFAULT 'RequestResponse',
    IN log_type text DEFAULT 'None',
    IN context jsonb DEFAULT NULL,
    IN qualifier varchar(128) DEFAULT NULL,
    OUT status_code int,
    OUT payload jsonb,
    OUT executed_version text,
    OUT log_result text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
AS 'MODULE_PATHNAME', 'aws_lambda_invoke_text_jsonb';

CREATE FUNCTION aws_lambda.invoke(
    IN function_name aws_commons._lambda_function_arn_1,
    IN payload jsonb,
    IN invocation_type text DEFAULT 'RequestResponse',
    IN log_type text DEFAULT 'None',
    IN context jsonb DEFAULT NULL,
    IN qualifier varchar(128) DEFAULT NULL,
    OUT status_code int,
    OUT payload jsonb,
    OUT executed_version text,
    OUT log_result text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
AS 'MODULE_PATHNAME', 'aws_lambda_invoke_arn_jsonb';

-- AWS's pages print a call with six untyped literals:
--     invoke(:'arn', payload, 'RequestResponse', 'None', NULL, 'custom_version')
-- With the four overloads alone it is ambiguous (42725). These two match it and nothing else: only
-- an untyped literal has the type "unknown", and for six of them no other overload was ever chosen.
-- Their arguments have no names, so no call by name can reach them.
CREATE FUNCTION aws_lambda.invoke(
    unknown, json, unknown, unknown, unknown, unknown,
    OUT status_code int,
    OUT payload json,
    OUT executed_version text,
    OUT log_result text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
AS 'MODULE_PATHNAME', 'aws_lambda_invoke_literals_json';

CREATE FUNCTION aws_lambda.invoke(
    unknown, jsonb, unknown, unknown, unknown, unknown,
    OUT status_code int,
    OUT payload jsonb,
    OUT executed_version text,
    OUT log_result text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
AS 'MODULE_PATHNAME', 'aws_lambda_invoke_literals_jsonb';

-- Nobody calls out of the database unless a DBA says so:
--     GRANT USAGE ON SCHEMA aws_lambda TO u;
--     GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO u;
REVOKE ALL ON SCHEMA aws_lambda FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA aws_lambda FROM PUBLIC;

-- Members of pg_read_all_stats are let in, to the views that later versions bring. Here and in no
-- update: when an update grants on an object that is there, PostgreSQL takes all rights on it for
-- the extension's own, and pg_dump leaves out those that a DBA gave.
GRANT USAGE ON SCHEMA aws_lambda TO pg_read_all_stats;
