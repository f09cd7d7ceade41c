-- Change one's mind: Ctrl-C in psql, one second into a call of a minute
SET aws_lambda.request_timeout_ms = 60000;
--: SET

SELECT * FROM aws_lambda.invoke('sleeps', '{"seconds": 60}'::json);
--: ERROR:  canceling statement due to user request
