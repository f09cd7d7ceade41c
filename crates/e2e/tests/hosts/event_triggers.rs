use crate::support::{Counter, Session};

/// An event trigger tells a function of every change of the schema; its failure undoes the change.
#[test]
fn an_event_trigger_calls_a_function() {
    let (mut session, counter) = (Session::new(), Counter::new());
    session.run(&format!(
        "CREATE TABLE told (tag text, object text, answer json);
         CREATE TABLE mood (broken bool); INSERT INTO mood VALUES (false);
         CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS $$
         DECLARE command record;
         BEGIN
             IF (SELECT broken FROM mood) THEN
                 PERFORM aws_lambda.invoke('raises', '{{}}'::json);
             END IF;
             PERFORM {call};
             FOR command IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
                 INSERT INTO told SELECT tg_tag, command.object_identity, payload
                     FROM aws_lambda.invoke('echo', json_build_object('tag', command.command_tag));
             END LOOP;
         END $$;
         CREATE FUNCTION tell_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
         DECLARE dropped record;
         BEGIN
             FOR dropped IN SELECT * FROM pg_event_trigger_dropped_objects() WHERE original LOOP
                 INSERT INTO told SELECT tg_tag, dropped.object_identity, payload
                     FROM aws_lambda.invoke('echo', to_json(dropped.object_type));
             END LOOP;
         END $$;
         CREATE EVENT TRIGGER tells ON ddl_command_end EXECUTE FUNCTION tell();
         CREATE EVENT TRIGGER tells_drop ON sql_drop EXECUTE FUNCTION tell_drop();",
        call = counter.call("")
    ));
    session.run("CREATE TABLE one (n int); ALTER TABLE one ADD m int; DROP TABLE one");
    let told = session.rows("SELECT tag, object, answer FROM told");
    let told: Vec<String> = told
        .iter()
        .map(|row| row.iter().flatten().cloned().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        told,
        [
            "CREATE TABLE public.one {\"tag\" : \"CREATE TABLE\"}",
            "ALTER TABLE public.one {\"tag\" : \"ALTER TABLE\"}",
            "DROP TABLE public.one \"table\"",
        ]
    );
    assert_eq!(counter.runs(), 3);
    session.run("UPDATE mood SET broken = true");
    assert_eq!(session.fail("CREATE TABLE two (n int)").message, "lambda invocation failed");
    assert_eq!(session.value("SELECT to_regclass('two')"), None);
    session.assert_usable();
}

/// The extensions come and go while event triggers watch.
#[test]
fn the_extensions_are_made_under_event_triggers() {
    let database = crate::support::cluster().create_plain_database().unwrap();
    let mut session = Session::open(crate::support::cluster(), &database);
    session.run(
        "CREATE TABLE seen (tag text);
         CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO public.seen VALUES (tg_tag); END $$;
         CREATE EVENT TRIGGER sees ON ddl_command_end EXECUTE FUNCTION see();
         CREATE EXTENSION aws_lambda CASCADE;",
    );
    session.assert_usable();
    session.run("DROP EXTENSION aws_lambda, aws_commons");
    let created = "SELECT count(*) > 0 FROM seen WHERE tag = 'CREATE EXTENSION'";
    assert_eq!(session.text(created), "t");
}
