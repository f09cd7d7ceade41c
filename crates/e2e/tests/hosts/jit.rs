use crate::support::{Failure, Session};

const JIT: &str = "SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0;
    SET jit_optimize_above_cost = 0";

/// Expressions around a call, compiled or interpreted: the same answers, errors and cancels.
#[test]
fn calls_are_the_same_with_jit_on_and_off() {
    let mut session = Session::new();
    session.run("CREATE TABLE numbers AS SELECT generate_series(1, 40) AS n; ANALYZE numbers");
    let calls = "SELECT sum((i.payload #>> '{}')::int * 2 + n) FROM numbers,
        LATERAL aws_lambda.invoke('echo', to_json(n + 1)) i WHERE n % 2 = 0";
    let scan =
        "SELECT sum((payload #>> '{}')::int + ordinality) FROM aws_lambda.invoke_query('echo',
        'SELECT n * 3 FROM numbers WHERE n > 5') WHERE status_code = 200";
    let fails = "SELECT n, aws_lambda.invoke('raises', to_json(n)) FROM numbers WHERE n + 1 > 2";
    let waits = "SELECT n, aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json) FROM numbers";
    let mut outcomes = Vec::new();
    for mode in ["SET jit = off", JIT] {
        session.run(mode);
        let answers = (session.text(calls), session.text(scan));
        let failure = session.fail(fails);
        session.run("SET statement_timeout = 300");
        let cancelled = session.fail(waits);
        session.run("SET statement_timeout = 0");
        session.assert_usable();
        outcomes.push((answers, failure, cancelled));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    let (answers, failure, cancelled) = &outcomes[0];
    assert_eq!(*answers, ("1300".to_owned(), "3045".to_owned()));
    assert_eq!(failure.message, "lambda invocation failed");
    let timeout = "canceling statement due to statement timeout";
    assert_eq!(*cancelled, Failure::of("57014", timeout, "", ""));

    // Whether there is a compiler depends on how PostgreSQL was built and packaged.
    if session.text("SELECT pg_jit_available()") == "t" {
        let plan = session.rows(&format!("EXPLAIN (ANALYZE) {calls}"));
        assert!(plan.iter().flatten().flatten().any(|line| line.contains("JIT:")), "{plan:?}");
    }
}
