-- Two schemas beside each other: `four` has the documented overloads alone, `six` all of ours.
-- Both hold copies of the real functions.
CREATE SCHEMA four;
CREATE SCHEMA six;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT pg_get_functiondef(oid) AS source, pg_get_function_arguments(oid) AS arguments
        FROM pg_proc WHERE pronamespace = 'aws_lambda'::regnamespace
    LOOP
        EXECUTE replace(f.source, 'aws_lambda.invoke(', 'six.invoke(');
        IF f.arguments NOT LIKE 'unknown%' THEN
            EXECUTE replace(f.source, 'aws_lambda.invoke(', 'four.invoke(');
        END IF;
    END LOOP;
END $$;

-- What a call means: the overload that PostgreSQL chose, shown by the types that it gave to all
-- arguments, defaults included; or the SQLSTATE of its refusal. Nothing is run.
CREATE FUNCTION meaning(schema text, arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (VERBOSE, FORMAT JSON) SELECT * FROM %I.invoke(%s)', schema, arguments)
        INTO plan;
    RETURN replace(plan->0->'Plan'->>'Function Call', schema || '.', '');
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;

CREATE DOMAIN text_domain AS text;
CREATE DOMAIN json_domain AS json;

-- Every argument of the types that matter, at every position. Which values they are does not
-- matter to the choice: an untyped NULL and an untyped literal are alike, so are a NULL of a type
-- and any other value of it.
CREATE TABLE types (argument text, often boolean);
INSERT INTO types VALUES
    ('NULL', true), ('NULL::text', true), ('NULL::json', true),
    ('NULL::aws_commons._lambda_function_arn_1', true),
    ('NULL::varchar', false), ('NULL::jsonb', false);

CREATE TABLE rare_types (argument text);
INSERT INTO rare_types VALUES
    ('''x'''), ('''{}'''), ('''(f,us-east-1)'''), ('ROW(''f'', ''us-east-1'')'), ('NULL::name'), ('NULL::char(9)'),
    ('NULL::text_domain'), ('NULL::json_domain'), ('NULL::int'), ('NULL::bytea'), ('NULL::text[]'),
    ('NULL::aws_commons._s3_uri_1'), ('(SELECT ''x'')');

-- By position, 1 to 6 arguments: all of them.
CREATE VIEW by_position AS
    WITH RECURSIVE calls(n, arguments) AS (
        SELECT 1, argument FROM types
        UNION ALL
        SELECT n + 1, arguments || ', ' || argument FROM calls, types WHERE n < 6)
    SELECT arguments FROM calls;

-- By position, 7 arguments. The last three of the types that occur most.
CREATE VIEW by_position_of_seven AS
    SELECT concat_ws(', ', a.argument, b.argument, c.argument, d.argument, e.argument, f.argument, g.argument)
        AS arguments
    FROM types a, types b, types c, types d, types e, types f, types g
    WHERE e.often AND f.often AND g.often;

-- By position, 2 to 7 arguments, one or two of which have a rare type.
CREATE VIEW of_rare_types AS
    SELECT DISTINCT array_to_string(array(
            SELECT CASE n WHEN i THEN a.argument WHEN j THEN b.argument WHEN 2 THEN payload ELSE 'NULL' END
            FROM generate_series(1, length) n ORDER BY n), ', ') AS arguments
    FROM rare_types a, rare_types b, generate_series(2, 7) length, generate_series(1, length) i,
        generate_series(1, length) j, unnest(ARRAY['NULL', 'NULL::json', 'NULL::jsonb']) payload
    WHERE i <= j;

-- By name, after none to four arguments by position: each other argument is left out or given,
-- untyped or with its type.
CREATE VIEW by_name AS
    WITH parts AS (
        SELECT ARRAY['', 'region => NULL', 'region => NULL::text'] AS region,
            ARRAY['', 'invocation_type => NULL', 'invocation_type => NULL::text'] AS invocation_type,
            ARRAY['', 'log_type => NULL', 'log_type => NULL::text'] AS log_type,
            ARRAY['', 'context => NULL', 'context => NULL::json', 'context => NULL::jsonb'] AS context,
            ARRAY['', 'qualifier => NULL', 'qualifier => NULL::text'] AS qualifier),
    starts(arguments) AS (
        SELECT name || ', ' || payload
        FROM unnest(ARRAY['NULL', 'NULL::text', 'NULL::aws_commons._lambda_function_arn_1']) typed,
            unnest(ARRAY['', 'function_name => ']) prefix,
            LATERAL (SELECT prefix || typed) named(name),
            unnest(ARRAY['NULL', 'NULL::json', 'NULL::jsonb', 'payload => NULL', 'payload => NULL::json',
                'payload => NULL::jsonb']) payload
        UNION ALL SELECT 'NULL, NULL::json, NULL'
        UNION ALL SELECT 'NULL, NULL::jsonb, NULL::text'
        UNION ALL SELECT 'NULL, NULL::json, NULL, NULL')
    SELECT concat_ws(', ', starts.arguments, nullif(r, ''), nullif(i, ''), nullif(l, ''), nullif(c, ''),
        nullif(q, '')) AS arguments
    FROM starts, parts, unnest(region) r, unnest(invocation_type) i, unnest(log_type) l,
        unnest(context) c, unnest(qualifier) q;
