-- Install the extension, and name a function in the three ways of Amazon's page
CREATE EXTENSION IF NOT EXISTS aws_lambda CASCADE;
--: NOTICE:  installing required extension "aws_commons"
--: CREATE EXTENSION

SELECT aws_commons.create_lambda_function_arn(
   'my-function',
   'us-east-1'
) AS aws_lambda_arn_1 \gset

SELECT aws_commons.create_lambda_function_arn(
   '000000000000:function:my-function',
   'us-east-1'
) AS lambda_partial_arn_1 \gset

SELECT aws_commons.create_lambda_function_arn(
   'arn:aws:lambda:us-east-1:000000000000:function:my-function'
) AS lambda_arn_1 \gset

SELECT :'aws_lambda_arn_1' AS name, :'lambda_partial_arn_1' AS partial_arn, :'lambda_arn_1' AS arn;
--: (my-function,us-east-1)
--: (000000000000:function:my-function,us-east-1)
--: (arn:aws:lambda:us-east-1:000000000000:function:my-function,)
