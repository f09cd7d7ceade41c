use std::fs;

use crate::support::Session;

/// Bytes of the backend's own memory.
fn memory_of(session: &mut Session) -> u64 {
    let pid = session.text("SELECT pg_backend_pid()");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Ten times the rows take no more memory, of a query as of single calls.
#[test]
fn memory_does_not_grow_with_the_rows() {
    let mut session = Session::new();
    let mut after = |rows: usize, options: &str| {
        let sql = format!(
            "SELECT count(*) FROM aws_lambda.invoke_query('echo',
                'SELECT n, repeat(''x'', 100) AS filler FROM generate_series(1, {rows}) n'{options})"
        );
        assert_eq!(session.text(&sql), rows.to_string());
        memory_of(&mut session)
    };
    for (few, many, options) in [(20_000, 200_000, ", batch_size => 500"), (200, 2_000, "")] {
        let (before, grown) = (after(few, options), after(many, options));
        let growth = grown.saturating_sub(before);
        assert!(growth < 8 << 20, "{growth} bytes more{options}");
    }
}
