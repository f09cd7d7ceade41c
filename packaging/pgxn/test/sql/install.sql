-- What the control files bring.
CREATE EXTENSION aws_lambda CASCADE;
CREATE EXTENSION awslambda_fn;
SELECT name, installed_version = default_version AS is_newest FROM pg_available_extensions
WHERE name LIKE 'aws%' ORDER BY name;
-- The library is there, and every function of the scripts is in it.
LOAD 'aws_lambda';
SHOW aws_lambda.max_attempts;
-- Nobody else may call anything.
SELECT has_schema_privilege('public', 'aws_lambda', 'USAGE') AS everybody;
