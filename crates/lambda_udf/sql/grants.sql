-- A pattern to copy: who may run one Lambda function. Change lambdaTest to the function's name.
--
-- The procedure runs as the one who creates it, and pins the function; accounts get the role. Every
-- account can still call lambda_sync and its like directly: bound what those reach with
-- allowed_functions in the settings file and with the server's IAM role (docs/mariadb.md).

CREATE DATABASE IF NOT EXISTS sqlambda;
CREATE ROLE IF NOT EXISTS sqlambda_lambdaTest;

DROP PROCEDURE IF EXISTS sqlambda.lambdaTest;
CREATE PROCEDURE sqlambda.lambdaTest(IN payload longtext CHARACTER SET utf8mb4)
    COMMENT 'Runs the Lambda function lambdaTest and answers its answer'
    NO SQL SQL SECURITY DEFINER
    SELECT CONVERT(lambda_sync('lambdaTest', payload) USING utf8mb4) AS answer;

GRANT EXECUTE ON PROCEDURE sqlambda.lambdaTest TO sqlambda_lambdaTest;

-- Then, for each account:  GRANT sqlambda_lambdaTest TO app@localhost;
