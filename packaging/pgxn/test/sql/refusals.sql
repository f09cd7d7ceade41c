-- What is wrong is said before anything is sent: these need no service.
\set VERBOSITY terse
SELECT * FROM aws_lambda.invoke(NULL::text, '{}'::json, 'us-east-1');
SELECT * FROM aws_lambda.invoke('simple', '{}'::json, 'no region');
SELECT * FROM aws_lambda.invoke('simple', '{}'::json, 'us-east-1', 'Sometimes');
SET aws_lambda.endpoint_override = 'nowhere';
