-- awslambda_fn 1.0: the two functions of the AWS blog "From SQL to Microservices", over aws_lambda.
--
-- They keep their names, arguments and results; they run as their caller, who needs the grants of
-- aws_lambda too. Every name in their bodies is qualified, so the extension can be relocated.

\echo Use "CREATE EXTENSION awslambda_fn" to load this file. \quit

-- Runs a function and returns its answer. A function that fails raises, as in the blog, with the
-- function's own error payload as the message.
CREATE FUNCTION awslambda_fn(fn_name text, fn_args text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED COST 5000
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failure text;
    detail text;
    hint text;
BEGIN
    RETURN (SELECT answer.payload::text FROM aws_lambda.invoke(fn_name, fn_args::json) AS answer);
EXCEPTION WHEN external_routine_exception THEN
    GET STACKED DIAGNOSTICS
        failure = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE EXCEPTION USING
        ERRCODE = 'external_routine_exception',
        MESSAGE = coalesce(substring(detail FROM '^".*" returned error ".*", details: "(.*)"\.$'), failure),
        DETAIL = detail,
        HINT = hint;
END $$;

-- Queues an event for a function. There is no answer: an empty text, as in the blog.
CREATE FUNCTION awslambda_fn_async(fn_name text, fn_args text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED COST 5000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM aws_lambda.invoke(fn_name, fn_args::json, invocation_type => 'Event');
    RETURN '';
END $$;

-- The blog grants EXECUTE to PUBLIC, "for simplicity": every role could then run every function
-- that the database server may. Here a DBA says who.
REVOKE ALL ON FUNCTION awslambda_fn(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION awslambda_fn_async(text, text) FROM PUBLIC;
