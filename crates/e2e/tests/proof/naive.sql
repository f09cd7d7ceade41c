-- The plain statements: a call for each batch, one after the other, in a session of its own.

CREATE TEMP TABLE payloads (n bigint, p text);

CREATE FUNCTION pg_temp.without_ids(text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace($1, '"[0-9a-f-]{36}"', '"id"', 'g') $$;

-- A batch's body. A batch of one row in the format 'array' is the payload itself.
CREATE FUNCTION pg_temp.body(format text, size int, payloads text[]) RETURNS text LANGUAGE sql AS
$$
  SELECT CASE
    WHEN format = 'array' AND size = 1 THEN payloads[1]
    WHEN format = 'array' THEN (SELECT '[' || string_agg(coalesce(p, 'null'), ',' ORDER BY i) || ']'
                                  FROM unnest(payloads) WITH ORDINALITY AS u(p, i))
    ELSE (SELECT '{"arguments": [' || string_agg('[' || coalesce(p, 'null') || ']', ',' ORDER BY i) || ']}'
            FROM unnest(payloads) WITH ORDINALITY AS u(p, i))
  END
$$;

DO $do$
DECLARE type text;
BEGIN
  FOREACH type IN ARRAY ARRAY['json', 'jsonb'] LOOP
    EXECUTE replace($create$
      CREATE FUNCTION pg_temp.naive_TYPE(function text, size int, format text,
        OUT n bigint, OUT request text, OUT status int, OUT payload text, OUT version text,
        OUT message text, OUT detail text) RETURNS SETOF record LANGUAGE plpgsql AS $$
      DECLARE
        batch record;
        answer record;
        results text[];
      BEGIN
        FOR batch IN
          SELECT array_agg(p.p::TYPE::text ORDER BY p.n) AS payloads, min(p.n) AS first
            FROM payloads AS p GROUP BY (p.n - 1) / size ORDER BY 2
        LOOP
          message := NULL;
          detail := NULL;
          BEGIN
            SELECT * INTO answer
              FROM aws_lambda.invoke(function, pg_temp.body(format, size, batch.payloads)::TYPE);
            IF format = 'redshift' AND NOT (answer.payload ->> 'success')::boolean THEN
              RAISE external_routine_exception USING MESSAGE = 'lambda invocation failed', DETAIL =
                format('"%s" returned error "Handled", details: "%s".', function,
                       answer.payload ->> 'error_msg');
            END IF;
            IF format = 'redshift' THEN
              results := ARRAY(SELECT TYPE_array_elements(answer.payload -> 'results')::text);
            ELSIF size = 1 THEN
              results := ARRAY[answer.payload::text];
            ELSE
              results := ARRAY(SELECT TYPE_array_elements(answer.payload)::text);
            END IF;
            status := answer.status_code;
            version := answer.executed_version;
          EXCEPTION WHEN external_routine_exception THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
            results := NULL;
            status := NULL;
            version := NULL;
          END;
          FOR i IN 1 .. cardinality(batch.payloads) LOOP
            n := batch.first + i - 1;
            request := batch.payloads[i];
            payload := results[i];
            RETURN NEXT;
          END LOOP;
        END LOOP;
      END $$ $create$, 'TYPE', type);
  END LOOP;
END $do$;
