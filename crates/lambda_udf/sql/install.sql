-- The functions of lambda_udf, on MariaDB and MySQL: mariadb < install.sql, as an administrator.
-- (MySQL before 8.0.29 does not know IF NOT EXISTS here: leave it out.)
--
-- Every account of the server can call them: loadable functions have no EXECUTE privilege. Decide
-- who may call what with the server's IAM role and with allowed_functions (docs/mariadb.md).

-- Aurora MySQL's: the function's answer, and an event without one.
CREATE FUNCTION IF NOT EXISTS lambda_sync RETURNS STRING SONAME 'lambda_udf.so';
CREATE FUNCTION IF NOT EXISTS lambda_async RETURNS STRING SONAME 'lambda_udf.so';

-- With options, and all that is known of the answer.
CREATE FUNCTION IF NOT EXISTS lambda_invoke RETURNS STRING SONAME 'lambda_udf.so';

-- Those of the AWS blog "From SQL to Microservices".
CREATE FUNCTION IF NOT EXISTS awslambda_fn RETURNS STRING SONAME 'lambda_udf.so';
CREATE FUNCTION IF NOT EXISTS awslambda_fn_async RETURNS STRING SONAME 'lambda_udf.so';
