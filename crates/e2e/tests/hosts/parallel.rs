use crate::support::Session;

/// Many calls beside, above and below a parallel plan: the leader calls, the workers scan.
#[test]
fn many_calls_in_parallel_plans_run_in_the_leader() {
    let mut session = Session::new();
    session.run(
        "CREATE TABLE numbers AS SELECT generate_series(1, 3000) AS n; ANALYZE numbers;
         SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
         SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2",
    );
    let beside = "SELECT count(*), sum(n.n) FROM numbers n
        JOIN aws_lambda.invoke_query('echo', 'SELECT generate_series(1, 20)') i
          ON n.n = (i.payload #>> '{}')::int * 100";
    assert_eq!(session.row(beside), [Some("20".to_owned()), Some("21000".to_owned())]);
    // The rows of the calls come from a parallel plan of their own query.
    let below = "SELECT count(*), sum((payload #>> '{}')::int) FROM aws_lambda.invoke_query('echo',
        'SELECT count(*) FROM numbers GROUP BY n % 10')";
    assert_eq!(session.row(below), [Some("10".to_owned()), Some("3000".to_owned())]);
    let major: u32 = session.text("SHOW server_version_num").parse::<u32>().unwrap() / 10_000;
    let force = if major < 16 { "force_parallel_mode" } else { "debug_parallel_query" };
    session.run(&format!("SET {force} = on"));
    assert_eq!(session.row(beside)[0].as_deref(), Some("20"));
    assert_eq!(session.row(below)[1].as_deref(), Some("3000"));
    session.assert_usable();
}
