-- A call, to a service that this test starts. A server without credentials, or on another machine,
-- cannot make it: for those, calls_1.out is what is expected.
\set VERBOSITY terse
\set url `sh test/service start`
SET aws_lambda.endpoint_override = :'url';
SELECT status_code, payload FROM aws_lambda.invoke('hello', '{"name": "make"}'::json, 'us-east-1');
SELECT request, payload FROM aws_lambda.invoke_many('hello', ARRAY['{"name": "one"}', '{"name": "two"}']::json[], 'us-east-1');
\! sh test/service stop
