-- aws_lambda 1.1: invoke AWS Lambda functions from SQL.
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

-- For the planner: has the rows of the functions below shown as they come, so that LIMIT and cursors
-- make no more calls than they want.
CREATE FUNCTION aws_lambda.invoke_many_support(internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT
AS 'MODULE_PATHNAME', 'aws_lambda_many_support';

-- Many calls from one statement: a row for each payload, returned as it comes. The options after
-- qualifier are the same for all.
CREATE FUNCTION aws_lambda.invoke_many(
    function_name text,
    payloads json[],
    region text DEFAULT NULL,
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context json DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request json,
    status_code int,
    payload json,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_many_text_json';

CREATE FUNCTION aws_lambda.invoke_many(
    function_name text,
    payloads jsonb[],
    region text DEFAULT NULL,
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context jsonb DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request jsonb,
    status_code int,
    payload jsonb,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_many_text_jsonb';

CREATE FUNCTION aws_lambda.invoke_many(
    function_name aws_commons._lambda_function_arn_1,
    payloads json[],
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context json DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request json,
    status_code int,
    payload json,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_many_arn_json';

CREATE FUNCTION aws_lambda.invoke_many(
    function_name aws_commons._lambda_function_arn_1,
    payloads jsonb[],
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context jsonb DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request jsonb,
    status_code int,
    payload jsonb,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_many_arn_jsonb';

-- The payloads are the rows of a query. Its text does not say which of json and jsonb is meant, so
-- the two have names of their own, as PostgreSQL's json functions do.
CREATE FUNCTION aws_lambda.invoke_query(
    function_name text,
    query text,
    region text DEFAULT NULL,
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context json DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request json,
    status_code int,
    payload json,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_query_text_json';

CREATE FUNCTION aws_lambda.invoke_query_jsonb(
    function_name text,
    query text,
    region text DEFAULT NULL,
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context jsonb DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request jsonb,
    status_code int,
    payload jsonb,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_query_text_jsonb';

CREATE FUNCTION aws_lambda.invoke_query(
    function_name aws_commons._lambda_function_arn_1,
    query text,
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context json DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request json,
    status_code int,
    payload json,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_query_arn_json';

CREATE FUNCTION aws_lambda.invoke_query_jsonb(
    function_name aws_commons._lambda_function_arn_1,
    query text,
    invocation_type text DEFAULT 'RequestResponse',
    log_type text DEFAULT 'None',
    context jsonb DEFAULT NULL,
    qualifier varchar(128) DEFAULT NULL,
    max_concurrency int DEFAULT 16,
    batch_size int DEFAULT 1,
    max_batch_bytes int DEFAULT NULL,
    batch_format text DEFAULT 'array',
    on_error text DEFAULT 'raise',
    ordered boolean DEFAULT true)
RETURNS TABLE (
    ordinality bigint,
    request jsonb,
    status_code int,
    payload jsonb,
    executed_version text,
    log_result text,
    error jsonb)
LANGUAGE c VOLATILE PARALLEL RESTRICTED COST 5000
SUPPORT aws_lambda.invoke_many_support
AS 'MODULE_PATHNAME', 'aws_lambda_query_arn_jsonb';

-- Statistics. The functions show a role what it may see; the views add names to their numbers.
CREATE FUNCTION aws_lambda.stat_invocations(
    OUT userid oid,
    OUT dbid oid,
    OUT function_name text,
    OUT qualifier text,
    OUT region text,
    OUT calls bigint,
    OUT function_errors bigint,
    OUT service_errors bigint,
    OUT throttles bigint,
    OUT timeouts bigint,
    OUT cancels bigint,
    OUT retries bigint,
    OUT bytes_out bigint,
    OUT bytes_in bigint,
    OUT total_ms float8,
    OUT mean_ms float8,
    OUT min_ms float8,
    OUT max_ms float8,
    OUT p50_ms float8,
    OUT p99_ms float8,
    OUT last_error text,
    OUT last_error_at timestamptz,
    OUT stats_since timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE STRICT
AS 'MODULE_PATHNAME', 'aws_lambda_stat_invocations';

CREATE FUNCTION aws_lambda.stat_activity(
    OUT pid int,
    OUT userid oid,
    OUT dbid oid,
    OUT function_name text,
    OUT qualifier text,
    OUT region text,
    OUT calls int,
    OUT since timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE STRICT ROWS 10
AS 'MODULE_PATHNAME', 'aws_lambda_stat_activity';

CREATE FUNCTION aws_lambda.stat_reset() RETURNS void
LANGUAGE c VOLATILE PARALLEL SAFE STRICT
AS 'MODULE_PATHNAME', 'aws_lambda_stat_reset';

CREATE VIEW aws_lambda.stat_invocations AS
SELECT d.datname, r.rolname, s.*
FROM aws_lambda.stat_invocations() s
LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.dbid
LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.userid;

CREATE VIEW aws_lambda.stat_activity AS
SELECT s.pid, d.datname, r.rolname, s.function_name, s.qualifier, s.region, s.calls, s.since
FROM aws_lambda.stat_activity() s
LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.dbid
LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.userid;

-- Nobody calls out of the database unless a DBA says so:
--     GRANT USAGE ON SCHEMA aws_lambda TO u;
--     GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO u;
REVOKE ALL ON SCHEMA aws_lambda FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA aws_lambda FROM PUBLIC;

-- Whoever may use the schema sees the counts of his own calls, and who reads all statistics of the
-- server sees these too. To reset them takes EXECUTE and the rights of pg_read_all_stats.
GRANT SELECT ON aws_lambda.stat_invocations, aws_lambda.stat_activity TO PUBLIC;
GRANT EXECUTE ON FUNCTION aws_lambda.stat_invocations(), aws_lambda.stat_activity() TO PUBLIC;
GRANT USAGE ON SCHEMA aws_lambda TO pg_read_all_stats;
