-- Each new reading is handed to the function lambdaTempReadingTrigger.

CREATE EXTENSION IF NOT EXISTS awslambda_fn CASCADE;

-- The times are in UTC.
CREATE TABLE temp_reading (reading_time timestamp, reading_value numeric);

-- Runs as its owner: who may insert a reading need not be allowed to call functions. With that, no
-- other role may make a trigger of it.
CREATE FUNCTION temp_reading_trigger() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM public.awslambda_fn_async('lambdaTempReadingTrigger', json_build_object(
        'reading_time', to_char(NEW.reading_time, 'YYYY-MM-DD HH24:MI:SS'),
        'reading_value', NEW.reading_value::text)::text);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION temp_reading_trigger() FROM PUBLIC;

-- After: only what passed every constraint is sent. A reading with a part missing is none.
CREATE TRIGGER temp_reading_trigger AFTER INSERT ON temp_reading
FOR EACH ROW WHEN (NEW.reading_time IS NOT NULL AND NEW.reading_value IS NOT NULL)
EXECUTE FUNCTION temp_reading_trigger();
