-- The functions of lambda_udf, on MariaDB and MySQL: mariadb < install.sql, as an administrator.
--
-- Every account of the server can call them: loadable functions have no EXECUTE privilege. Decide
-- who may call what with the server's IAM role and with allowed_functions (docs/mariadb.md).

DROP FUNCTION IF EXISTS lambda_sync;
DROP FUNCTION IF EXISTS lambda_async;
DROP FUNCTION IF EXISTS lambda_invoke;
DROP FUNCTION IF EXISTS awslambda_fn;
DROP FUNCTION IF EXISTS awslambda_fn_async;

-- Aurora MySQL's: the function's answer, and an event without one.
CREATE FUNCTION lambda_sync RETURNS STRING SONAME 'lambda_udf.so';
CREATE FUNCTION lambda_async RETURNS STRING SONAME 'lambda_udf.so';

-- With options, and all that is known of the answer.
CREATE FUNCTION lambda_invoke RETURNS STRING SONAME 'lambda_udf.so';

-- Those of the AWS blog "From SQL to Microservices".
CREATE FUNCTION awslambda_fn RETURNS STRING SONAME 'lambda_udf.so';
CREATE FUNCTION awslambda_fn_async RETURNS STRING SONAME 'lambda_udf.so';
