-- The ways to name a function.
SELECT aws_commons.create_lambda_function_arn('simple', 'us-east-1');
SELECT aws_commons.create_lambda_function_arn('000000000000:function:simple', 'us-east-1');
SELECT aws_commons.create_lambda_function_arn('arn:aws:lambda:us-east-1:000000000000:function:simple');
