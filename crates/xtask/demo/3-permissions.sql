-- Another user may call nothing until told otherwise
CREATE ROLE app LOGIN;
--: CREATE ROLE

\connect - app
SELECT * FROM aws_lambda.invoke('simple', '{}'::json);
--: ERROR:  permission denied for schema aws_lambda

\connect - postgres
GRANT USAGE ON SCHEMA aws_lambda TO app;
--: GRANT

\connect - app
SELECT * FROM aws_lambda.invoke('simple', '{}'::json);
--: ERROR:  permission denied for function invoke

\connect - postgres
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO app;
--: GRANT

\connect - app
SELECT status_code, payload FROM aws_lambda.invoke('simple', '{}'::json);
--:          200 | {"statusCode": 200,
