-- Call a function and wait for its answer
SELECT * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('arn:aws:lambda:us-east-1:000000000000:function:simple', 'us-east-1'), '{"body": "Hello from Postgres!"}'::json );
--:  status_code |
--:          200 | {"statusCode": 200, "body": "\"Hello from Lambda!\""} | $LATEST

SELECT aws_commons.create_lambda_function_arn(
   'my-function',
   'us-east-1'
) AS aws_lambda_arn_1 \gset

SELECT status_code, executed_version FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json);
--:          200 | $LATEST

-- Hand a call over and go on: it runs by itself, and there is no answer
SELECT * FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'Event');
--:          202 |

-- See what the function logged
SELECT status_code, convert_from(decode(log_result, 'base64'), 'utf-8') AS log FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse', 'Tail');
--: START RequestId:
--: REPORT RequestId:

-- Pass something beside the payload: the function gives its client context back
SELECT payload FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse', 'None', '{"custom": {"tenant": "blue"}}'::json);
--: blue

-- Call one version of it
SELECT status_code, executed_version FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse', 'None', NULL, 'custom_version');
--:          200 |

SELECT status_code, executed_version FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('my-function:custom_version', 'us-east-1'),
'{"body": "Hello from Postgres!"}'::json);
--:          200 |
