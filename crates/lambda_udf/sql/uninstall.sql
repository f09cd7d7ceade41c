-- Takes away what install.sql made. The library stays loaded until the server restarts.

DROP FUNCTION IF EXISTS lambda_sync;
DROP FUNCTION IF EXISTS lambda_async;
DROP FUNCTION IF EXISTS lambda_invoke;
DROP FUNCTION IF EXISTS awslambda_fn;
DROP FUNCTION IF EXISTS awslambda_fn_async;
