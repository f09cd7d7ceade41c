-- A function that raises
SELECT * FROM aws_lambda.invoke('raises', '{"body": "Hello from Postgres!"}'::json);
--: ERROR:  lambda invocation failed
--: returned error "Unhandled", details: "

-- A service that is not there
SET aws_lambda.endpoint_override = 'http://127.0.0.1:1';
--: SET

SELECT * FROM aws_lambda.invoke('simple', '{}'::json);
--: ERROR:  invoke API failed
--: DETAIL:  AWS Lambda client returned 'Unable to connect to endpoint'.

RESET aws_lambda.endpoint_override;
--: RESET

SELECT status_code, payload FROM aws_lambda.invoke('simple', '{}'::json);
--:          200 | {"statusCode": 200,
